#!/usr/bin/env bats
# Lists of images: made, changed, shown and removed; also beside other tools.
load helpers

# image NAME ARCH [LABEL] puts an image for an architecture into the store.
image() {
  buildah from --arch "$2" --name "of-$1" scratch
  buildah config --label "name=${3:-$1}" "of-$1"
  buildah commit -q --rm "of-$1" "$1"; id=$output
}

# shown LIST FILTER prints what jq finds in a list.
shown() {
  buildah manifest inspect "$1"
  output=$(jq -rc "$2" <<<"$output")
}

archs() { shown "$1" '[.manifests[].platform.architecture] | join(" ")'; }

# digest IMAGE prints the digest of an image's manifest.
digest() {
  buildah inspect --type image --format '{{.FromImageDigest}}' "$1"
}

@test "manifest: the group shows its commands" {
  buildah manifest; says "Commands:"; says annotate
  buildah manifest nosuch; says "Commands:"
  buildah help manifest create; help=$output
  buildah manifest create --help
  is "$output" "$help"
  says "buildah manifest create [flags] LIST"
  buildah 125 manifest create
  says "manifest create needs LIST"
  says "usage: buildah manifest create [flags] LIST"
  buildah 125 manifest create --no-such x
  says "unknown flag: --no-such"
}

@test "manifest create: empty, with images, in use, amended, replaced" {
  image a amd64; image b arm64
  buildah manifest create empty; id=$output
  [[ $id =~ ^[0-9a-f]{64}$ ]]
  shown empty .mediaType; is "$output" application/vnd.docker.distribution.manifest.list.v2+json
  shown empty '.manifests | length'; is "$output" 0
  buildah 125 manifest create localhost/empty:latest a
  says "already in use"; one_line_error
  buildah 125 manifest create --amend --replace empty
  says "only one of --amend and --replace"
  buildah manifest create --amend empty a b
  is "$output" "$id"
  archs empty; is "$output" "amd64 arm64"
  shown empty .mediaType; is "$output" application/vnd.oci.image.index.v1+json
  buildah manifest create --replace --annotation one=1 --annotation 'two=2,"three=3,4"' empty b
  [ "$output" != "$id" ]
  archs empty; is "$output" arm64
  shown empty .annotations; is "$output" '{"one":"1","three":"3,4","two":"2"}'
  buildah 125 inspect --type manifest "$id"
  buildah 125 manifest create --annotation novalue x
  says "novalue"; one_line_error
  buildah 125 manifest create UPPER
  says "must be lowercase"
  # Nothing is made when an image is missing.
  buildah 125 manifest create --retry 0 other a localhost/nosuch
  one_line_error
  buildah 1 manifest exists other
}

@test "manifest create --amend: an image becomes the first member" {
  image a amd64; image b arm64
  digest a; first=$output
  buildah 125 manifest create a
  says "already in use"
  buildah manifest create --amend a b
  archs a; is "$output" "amd64 arm64"
  shown a '.manifests[0].digest'; is "$output" "$first"
  # A list is replaced by name only where it has another one.
  buildah tag a keep
  buildah manifest create --replace a b
  archs keep; is "$output" "amd64 arm64"
  archs a; is "$output" arm64
}

@test "manifest add: platforms, and what is said instead of them" {
  image a amd64; image b arm64
  buildah manifest create list; list=$output
  digest a; a=$output
  buildah manifest add list a
  is "$output" "$list: $a"
  buildah manifest add list localhost/a:latest
  archs list; is "$output" amd64
  buildah manifest add --os windows --arch arm --variant v7 --os-version 10.0.1 --os-features x,y --annotation k=v,l=w list b
  shown list '.manifests[1].platform'
  is "$output" '{"architecture":"arm","os":"windows","os.version":"10.0.1","os.features":["x","y"],"variant":"v7"}'
  shown list '.manifests[1].annotations'; is "$output" '{"k":"v","l":"w"}'
  buildah 125 manifest add --features sse4 list a
  says "exist only in Docker's manifest lists"; one_line_error
  archs list; is "$output" "amd64 arm"
  buildah manifest create docker
  buildah manifest add --features sse4,avx --override-arch 386 docker a
  shown docker '[.mediaType, .manifests[0].platform.features, .manifests[0].platform.architecture]'
  is "$output" '["application/vnd.docker.distribution.manifest.list.v2+json",["sse4","avx"],"386"]'
}

@test "manifest add: refusals" {
  image a amd64; image b arm64
  buildah manifest create list
  buildah 125 manifest add list; says "manifest add needs LIST IMAGE"
  buildah 125 manifest add list a b; says "accepts at most 2"
  buildah 125 manifest add --artifact-type x/y list a; says "--artifact-type can only be used with --artifact"
  buildah 125 manifest add a b; says "not a manifest list"; one_line_error
  buildah 125 manifest add nosuch a; says "nosuch"; one_line_error
  buildah 125 manifest add list "oci:$T/nosuch"; says nosuch; one_line_error
  buildah 125 manifest add --authfile "$T/nosuch" list a; says "credential file is not accessible"
  buildah 125 manifest add list "nosuchtransport:a:b"; one_line_error
  shown list '.manifests | length'; is "$output" 0
}

@test "manifest add: instances from every transport" {
  image a amd64; digest a; a=$output
  local to
  for to in dir:"$T/d" oci:"$T/o:name" oci-archive:"$T/oa:name" docker-archive:"$T/da:name:tag"; do
    buildah push -q a "$to"
    buildah manifest create --replace list "$to"
    archs list; is "$output" amd64
  done
  buildah manifest create --replace list "containers-storage:localhost/a:latest"
  shown list '.manifests[0].digest'; is "$output" "$a"
  buildah manifest create --replace list "containers-storage:[overlay@$T/root+$T/run]localhost/a:latest"
  shown list '.manifests[0].digest'; is "$output" "$a"
  # The image is read where it is when the list is pushed.
  buildah manifest create --replace list "oci:$T/o:name"
  buildah rmi a
  buildah manifest push -q --all list "dir:$T/pushed"
  jq -e '.manifests | length == 1' "$T/pushed/manifest.json"
  [ "$(find "$T/pushed" -name '*.manifest.json' | wc -l)" -eq 1 ]
}

@test "manifest add: a list gives one member, or all of them" {
  image a "$(go_arch)"; image b s390x; image c arm c
  buildah manifest create inner a b
  buildah manifest add --variant v7 inner c
  buildah manifest create outer
  buildah manifest add outer inner
  archs outer; is "$output" "$(go_arch)"
  buildah manifest add --os linux --arch s390x outer inner
  archs outer; is "$output" "$(go_arch) s390x"
  buildah manifest add --all outer inner
  archs outer; is "$output" "$(go_arch) s390x arm"
  buildah manifest create --arch s390x one inner
  archs one; is "$output" s390x
  buildah manifest create --all three inner
  shown three '.manifests[2].platform.variant'; is "$output" v7
  buildah 125 manifest add --arch riscv64 outer inner
  says riscv64; one_line_error
}

@test "manifest annotate: members and the list" {
  image a amd64; image b arm64
  buildah manifest create list a b; list=$output
  digest b; b=$output
  buildah manifest annotate --annotation x=1 list b
  is "$output" "$list: $b"
  buildah manifest annotate --annotation y=2 --annotation x=3 --arch arm --variant v6 --os-version 7 list "$b"
  shown list '.manifests[1] | [.annotations.x, .annotations.y, .platform.architecture, .platform.variant, .platform.os, .platform["os.version"]] | join(" ")'
  is "$output" "3 2 arm v6 linux 7"
  buildah manifest annotate --index --annotation made=here list
  is "$output" "$list"
  buildah manifest annotate --subject a list
  is "$output" "$list"
  digest a; a=$output
  shown list '[.annotations.made, .subject.digest, .subject.mediaType] | join(" ")'
  is "$output" "here $a application/vnd.oci.image.manifest.v1+json"
}

@test "manifest annotate: the platform of a member, in both formats" {
  image a amd64; image b arm64
  buildah manifest create oci a b
  buildah manifest annotate --os windows --os-version 10 --os-features win32k,other oci a
  buildah manifest inspect oci
  is "$(jq -c '.manifests[0].platform | [.os, .["os.version"], .["os.features"]]' <<<"$output")" '["windows","10",["win32k","other"]]'
  is "$(jq -r '.manifests[1].platform.os' <<<"$output")" linux
  buildah manifest create docker a
  buildah manifest annotate --features sse4,aes docker a
  buildah manifest push -q docker "dir:$T/docker"
  is "$(jq -c '[.mediaType, .manifests[0].platform.features]' "$T/docker/manifest.json")" '["application/vnd.docker.distribution.manifest.list.v2+json",["sse4","aes"]]'
}

@test "manifest annotate: refusals, which change nothing" {
  image a amd64; image b arm64; image other amd64 another
  buildah manifest create list a b
  buildah manifest inspect list; before=$output
  buildah 125 manifest annotate --arch x list; says "needs a member of the list, or --index"
  buildah 125 manifest annotate --index --annotation x=y list a; says "about the list, not about its member"
  buildah 125 manifest annotate --index --variant v8 list; says "--variant is about a member"
  buildah 125 manifest annotate --subject nosuch/x list; one_line_error
  buildah 125 manifest annotate --arch x list other; says "no such member"; one_line_error
  buildah 125 manifest annotate --arch x list sha256:12; says "64 hexadecimal digits"
  buildah 125 manifest annotate --arch x list "sha256:$(printf '1%.0s' {1..64})"; says "no member"
  buildah 125 manifest annotate --arch x a "$(printf 'sha256:1%.0s')"; says "not a manifest list"
  # The digest of a list stands for all of its members.
  buildah manifest create --all same list
  buildah 125 manifest annotate --arch x list nosuchimage; one_line_error
  buildah manifest inspect list; is "$output" "$before"
}

@test "manifest annotate: a failure while saving is told" {
  image a amd64
  buildah manifest create list a; list=$output
  # A directory in the place of the item: the new one cannot be put there.
  item=$(find "$T/root/overlay-images/$list" -name instances.json)
  mv "$item" "$item.kept"; mkdir "$item"; touch "$item/x"
  buildah 125 manifest annotate --arch s390x list a
  one_line_error
  rm -r "$item"; mv "$item.kept" "$item"
  archs list; is "$output" amd64
}

@test "manifest remove, rm and exists" {
  image a amd64; image b arm64
  buildah manifest create list a b; list=$output
  digest a; a=$output
  buildah manifest exists list; is "$output$errors" ""
  buildah 1 manifest exists nosuch; is "$output$errors" ""
  buildah 125 manifest exists a; says "not a manifest list"; one_line_error
  buildah manifest remove list "$a"; is "$output" "$list: $a"
  archs list; is "$output" arm64
  buildah 125 manifest remove list "$a"; one_line_error
  buildah 125 manifest remove list; says "needs LIST INSTANCE"
  buildah manifest remove list b
  shown list '.manifests | length'; is "$output" 0
  buildah manifest create second a
  buildah 125 manifest rm list a second
  says "untagged: localhost/list:latest"; says "untagged: localhost/second:latest"; says "$list"
  says "not a manifest list"; one_line_error
  buildah 1 manifest exists list
  buildah inspect --type image a
  buildah 125 manifest rm nosuch; one_line_error
  buildah 125 manifest rm; says "needs LIST"
}

@test "manifest: tag, images, rmi and from agree about lists" {
  image a "$(go_arch)"; image b s390x
  buildah manifest create list a b; list=$output
  buildah tag list twin
  buildah images --filter manifest=true --format '{{.Name}}={{.ID}}'
  says "localhost/list=${list:0:12}"; says "localhost/twin=${list:0:12}"
  buildah inspect --type manifest twin; direct=$output
  buildah manifest inspect list; is "$output" "$direct"
  buildah manifest rm list; is "$output" "untagged: localhost/list:latest"
  buildah from --name mine twin
  buildah inspect --format '{{index .OCIv1.Config.Labels "name"}}' mine; is "$output" a
  buildah from --name theirs --arch s390x twin
  buildah inspect --format '{{index .OCIv1.Config.Labels "name"}}' theirs; is "$output" b
  buildah 125 from --arch riscv64 --pull=never twin; one_line_error
  buildah rmi twin; says "$list"
  buildah images --filter manifest=true -q; is "$output" ""
  buildah inspect --type image a
}

@test "manifest: several processes change a list at once" {
  local n
  for n in 1 2 3 4; do image "i$n" "arch$n"; done
  buildah manifest create list
  for n in 1 2 3 4; do
    "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" manifest add list "i$n" >"$T/$n" 2>&1 3>&- &
  done
  wait
  shown list '[.manifests[].platform.architecture] | sort | join(" ")'
  is "$output" "arch1 arch2 arch3 arch4"
  # Who makes a list of one name is the only one.
  for n in 1 2 3 4; do
    "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" manifest create once "i$n" >"$T/$n" 2>&1 3>&- &
  done
  wait
  is "$(grep -c 'already in use' "$T"/[1-4] | awk -F: '{n += $2} END {print n}')" 3
}

@test "manifest: a killed change leaves the old list or the new one" {
  image a amd64; image b arm64
  buildah manifest create list a
  local n
  for n in 0.02 0.03 0.04 0.05; do
    timeout -s KILL "$n" "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" manifest add list b >/dev/null 2>&1 3>&- || true
    archs list
    [[ $output = amd64 || $output = "amd64 arm64" ]]
    buildah manifest push -q list "dir:$T/pushed-$n"
    timeout -s KILL "$n" "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" manifest remove list b >/dev/null 2>&1 3>&- || true
  done
}

@test "manifest: other tools read and change what we made" {
  image a amd64; image b arm64; image c s390x
  buildah manifest create --annotation x=y list a b
  local tool
  for tool in buildah podman; do
    [ -x "/usr/bin/$tool" ] || continue
    stock "$tool" manifest inspect list
    is "$(jq -rc '[.manifests[].platform.architecture] | .[:2] | join(" ")' <<<"$output")" "amd64 arm64"
    stock "$tool" manifest add list containers-storage:localhost/c:latest
    archs list; is "$output" "amd64 arm64 s390x"
    shown list .annotations.x; is "$output" y
    buildah manifest remove list c
  done
  if [ -x /usr/bin/buildah ]; then
    stock buildah from --name theirs --arch arm64 list
    buildah rm theirs
    stock buildah manifest create made localhost/a localhost/b
    buildah manifest annotate --variant v8 made b
    stock buildah manifest inspect made
    is "$(jq -r '.manifests[1].platform.variant' <<<"$output")" v8
  fi
}
