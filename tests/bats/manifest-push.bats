#!/usr/bin/env bats
# Lists at registries and in directories: pushed, read back by other clients.
load helpers

# image NAME ARCH puts an image with one layer into the store.
image() {
  mkdir -p "$T/context/$1"; seq "${3:-2000}" >"$T/context/$1/numbers"; echo "$1" >>"$T/context/$1/numbers"
  buildah from --arch "$2" --name "of-$1" scratch
  buildah copy -q "of-$1" "$T/context/$1/numbers" /
  buildah commit -q --rm "of-$1" "$1"
}

setup_list() {
  image a amd64; image b arm64
  buildah manifest create list a b
}

raw() { curl -fsS -H 'Accept: application/vnd.oci.image.index.v1+json' -H 'Accept: application/vnd.docker.distribution.manifest.list.v2+json' \
  -H 'Accept: application/vnd.oci.image.manifest.v1+json' -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' "http://$REGISTRY/v2/$1/manifests/$2"; }

@test "manifest push: to a registry, with digest, read by other clients" {
  start_registry; setup_list
  buildah manifest push --digestfile "$T/digest" list "docker://$REGISTRY/team/app:1"
  is "$output" ""
  says "Copying 2 images"
  raw team/app 1 >"$T/raw"
  is "$(cat "$T/digest")" "sha256:$(sha256sum <"$T/raw" | cut -d' ' -f1)"
  is "$(wc -c <"$T/digest")" 71
  is "$(jq -r .mediaType "$T/raw")" application/vnd.oci.image.index.v1+json
  is "$(jq -rc '[.manifests[].platform.architecture] | join(" ")' "$T/raw")" "amd64 arm64"
  if [ -x /usr/bin/skopeo ]; then
    skopeo inspect --tls-verify=false --raw "docker://$REGISTRY/team/app:1" | cmp - "$T/raw"
    skopeo copy -q --src-tls-verify=false --all "docker://$REGISTRY/team/app:1" "dir:$T/copy"
    [ "$(find "$T/copy" -name '*.manifest.json' | wc -l)" -eq 2 ]
  fi
  if [ -x /usr/bin/podman ]; then
    stock podman pull -q --tls-verify=false --arch arm64 "$REGISTRY/team/app:1"
    stock podman image inspect --format '{{.Architecture}}' "$output"; is "$output" arm64
  fi
  buildah manifest inspect "docker://$REGISTRY/team/app:1"
  is "$(jq -c . <<<"$output")" "$(jq -c . "$T/raw")"
  buildah from --name mine --arch arm64 --pull=always "$REGISTRY/team/app:1"
  buildah inspect --format '{{.OCIv1.Architecture}}' mine; is "$output" arm64
}

@test "manifest push: nothing is shown, or read again" {
  start_registry; setup_list
  buildah manifest push -q list "docker://$REGISTRY/app"
  is "$output$errors" ""
  buildah manifest push list "docker://$REGISTRY/app"
  says_not "Copying blob sha256:.* done"
  # Without a destination it is the name of the list.
  buildah tag list "$REGISTRY/named:x"
  buildah manifest push -q "$REGISTRY/named:x"
  raw named x | jq -e '.manifests | length == 2'
}

@test "manifest push: members that stay at a registry" {
  start_registry; setup_list
  buildah push -q a "docker://$REGISTRY/a:1"
  buildah push -q b "docker://$REGISTRY/b:1"
  buildah manifest create far "docker://$REGISTRY/a:1"
  buildah manifest add far "$REGISTRY/b:1"
  buildah rmi --force a b list
  # Their tags go elsewhere; the members do not.
  image other s390x; buildah push -q other "docker://$REGISTRY/a:1"
  buildah manifest push -q far "docker://$REGISTRY/both:1"
  raw both 1 | jq -e '[.manifests[].platform.architecture] == ["amd64", "arm64"]'
  # Whoever builds on the list gets the member from there.
  buildah from --name c --arch arm64 far
  buildah inspect --format '{{.OCIv1.Architecture}}' c; is "$output" arm64
  buildah 125 from --arch riscv64 far; says "riscv64"; one_line_error
  # A list at a registry gives one member, or all.
  buildah manifest create one --arch arm64 "docker://$REGISTRY/both:1"
  buildah manifest create two --all "docker://$REGISTRY/both:1"
  buildah manifest inspect one; is "$(jq -r '.manifests[].platform.architecture' <<<"$output")" arm64
  buildah manifest inspect two; is "$(jq -r '.manifests | length' <<<"$output")" 2
  buildah manifest remove two "docker://$REGISTRY/b:1"
  buildah manifest inspect two; is "$(jq -r '.manifests[].platform.architecture' <<<"$output")" amd64
  buildah 125 manifest remove one "docker://$REGISTRY/nosuch"; one_line_error
  buildah 125 manifest add one "docker://$REGISTRY/nosuch"; one_line_error
  buildah 125 manifest inspect "docker://$REGISTRY/b:1"; says "not a manifest list"; one_line_error
  buildah manifest push -q two "oci:$T/layout:two"
  [ -s "$T/layout/index.json" ]
}

@test "manifest push: the policy judges members that are added" {
  start_registry; setup_list
  buildah push -q a "docker://$REGISTRY/a:1"
  echo '{"default":[{"type":"reject"}]}' >"$T/reject.json"
  buildah manifest create far
  buildah 125 manifest add --signature-policy "$T/reject.json" far "docker://$REGISTRY/a:1"
  says "rejected by policy"; one_line_error
  buildah manifest inspect far; is "$(jq '.manifests | length' <<<"$output")" 0
}

@test "manifest push: formats" {
  setup_list
  buildah manifest push -q --format v2s2 list "dir:$T/docker"
  is "$(jq -r .mediaType "$T/docker/manifest.json")" application/vnd.docker.distribution.manifest.list.v2+json
  is "$(jq -r '.manifests[].mediaType' "$T/docker/manifest.json" | sort -u)" application/vnd.docker.distribution.manifest.v2+json
  buildah manifest create docker
  buildah manifest add --features sse4 docker a
  buildah manifest push -q docker "dir:$T/kept"
  is "$(jq -r .manifests[0].platform.features[0] "$T/kept/manifest.json")" sse4
  buildah manifest push -q -f oci docker "oci-archive:$T/archive.tar"
  if [ -x /usr/bin/skopeo ]; then
    is "$(skopeo inspect --raw "oci-archive:$T/archive.tar" | jq -r .mediaType)" application/vnd.oci.image.index.v1+json
  fi
  buildah 125 manifest push --format v2s1 list "dir:$T/x"; says 'unknown format "v2s1"'; one_line_error
  buildah 125 push --format v2s1 list "dir:$T/x"; says "has no lists"; one_line_error
  buildah 125 manifest push --format v2s2 --compression-format zstd list "dir:$T/x"; one_line_error
  [ ! -e "$T/x/manifest.json" ]
}

@test "manifest push: layers as they are in the store" {
  setup_list
  buildah manifest push -q --disable-compression list "oci:$T/open"
  buildah manifest push -q list "oci:$T/packed"
  local layer="application/vnd.oci.image.layer.v1.tar"
  is "$(cd "$T/open/blobs/sha256" && jq -r '.layers[]?.mediaType' -- $(grep -l layers -- *) | sort -u)" "$layer"
  is "$(cd "$T/packed/blobs/sha256" && jq -r '.layers[]?.mediaType' -- $(grep -l layers -- *) | sort -u)" "$layer+gzip"
}

@test "manifest push: compression, and members in another one beside" {
  start_registry; setup_list
  buildah manifest push -q --add-compression zstd list "docker://$REGISTRY/app:both"
  raw app both >"$T/raw"
  is "$(jq -rc '[.manifests[].platform.architecture] | sort | join(" ")' "$T/raw")" "amd64 amd64 arm64 arm64"
  local digest types=
  for digest in $(jq -r '.manifests[].digest' "$T/raw"); do
    types+="$(raw app "$digest" | jq -r '.layers[0].mediaType') "
  done
  is "$(tr ' ' '\n' <<<"$types" | grep -c '+gzip$')" 2
  is "$(tr ' ' '\n' <<<"$types" | grep -c '+zstd$')" 2
  # Who cannot choose gets gzip first; both work.
  buildah from --name c --arch arm64 --pull=always "$REGISTRY/app:both"
  # As configured, where it is possible.
  printf '[engine]\nadd_compression = ["zstd"]\n' >"$T/containers.conf"
  CONTAINERS_CONF=$T/containers.conf buildah manifest push -q list "docker://$REGISTRY/app:conf"
  raw app conf | jq -e '.manifests | length == 4'
  CONTAINERS_CONF=$T/containers.conf buildah manifest push -q --format v2s2 list "docker://$REGISTRY/app:docker"
  raw app docker | jq -e '.manifests | length == 2'
  buildah manifest push -q --compression-format zstd --compression-level 3 --force-compression list "docker://$REGISTRY/app:zstd"
  digest=$(raw app zstd | jq -r '.manifests[0].digest')
  raw app "$digest" | jq -e '.layers[0].mediaType == "application/vnd.oci.image.layer.v1.tar+zstd"'
  buildah 125 manifest push --add-compression lz4 list "docker://$REGISTRY/app"; says 'unknown compression format "lz4"'; one_line_error
  buildah 125 manifest push --format v2s2 --add-compression zstd list "docker://$REGISTRY/app"; says "use --format oci"; one_line_error
  buildah 125 manifest push --all=false --add-compression zstd list "docker://$REGISTRY/app"; one_line_error
}

@test "manifest push: the list alone" {
  start_registry; setup_list
  buildah manifest push -q --all=false list "dir:$T/alone"
  is "$(find "$T/alone" -name '*.manifest.json' | wc -l)" 0
  jq -e '.manifests | length == 2' "$T/alone/manifest.json"
  # A registry wants the members to be there.
  buildah 125 manifest push --all=false list "docker://$REGISTRY/app:1"
  one_line_error
  buildah manifest push -q list "docker://$REGISTRY/app:1"
  buildah manifest create --all there "docker://$REGISTRY/app:1"
  buildah manifest push -q --all=false there "docker://$REGISTRY/app:2"
  raw app 2 | jq -e '.manifests | length == 2'
}

@test "manifest push: removed only when it was pushed" {
  setup_list
  buildah 125 manifest push -q --rm --digestfile "$T/digest" --retry 0 list docker://127.0.0.1:1/x
  one_line_error
  [ ! -e "$T/digest" ]
  buildah manifest exists list
  # A file that cannot be written is told, and keeps the list.
  buildah 125 manifest push -q --rm --digestfile "$T/no/digest" list "dir:$T/pushed"
  says "writing the digest"; one_line_error
  buildah manifest exists list
  buildah manifest push -q --purge list "dir:$T/pushed"
  is "$output" ""
  buildah 1 manifest exists list
  buildah inspect --type image a
}

@test "manifest push: refusals" {
  setup_list
  buildah 125 manifest push; says "needs LIST"
  buildah 125 manifest push list "registry.example.com/x"; says "has no transport"; says "docker://registry.example.com/x"
  buildah 125 manifest push list "docker-archive:$T/x.tar"; says "holds one image, not a list"; one_line_error
  buildah 125 manifest push a "dir:$T/x"; says "not a manifest list"; one_line_error
  buildah 125 manifest push nosuch "dir:$T/x"; one_line_error
  buildah 125 manifest push --authfile "$T/nosuch" list "dir:$T/x"; says "credential file"
  buildah 125 manifest push --tls-verify --insecure list "dir:$T/x"; says "only one of"
  [ ! -e "$T/x" ]
}

@test "manifest push: signed" {
  needs gpg; start_registry; setup_list
  export GNUPGHOME=$T/gnupg
  mkdir -m 700 "$GNUPGHOME"
  gpg --batch --quiet --pinentry-mode loopback --passphrase '' --quick-generate-key test@example.com default default never 2>/dev/null
  mkdir -p "$T/lookaside" "$T/registries.d"
  buildah manifest push -q --sign-by test@example.com list "dir:$T/signed"
  [ "$(find "$T/signed" -name '*signature-1' | wc -l)" -ge 3 ]
  # Signed members of a directory, pushed with and without what was signed.
  buildah manifest create --all from-dir "dir:$T/signed"
  buildah manifest push -q --remove-signatures from-dir "dir:$T/unsigned"
  is "$(find "$T/unsigned" -name '*signature-1' | wc -l)" 0
  gpgconf --kill all
}

@test "push: whatever the name is" {
  start_registry; setup_list
  buildah push -q --digestfile "$T/digest" list "docker://$REGISTRY/app:1"
  raw app 1 | jq -e '.manifests | length == 2'
  is "$(cat "$T/digest")" "sha256:$(raw app 1 | sha256sum | cut -d' ' -f1)"
  buildah push -q --all list "dir:$T/all"
  is "$(find "$T/all" -name '*.manifest.json' | wc -l)" 2
  buildah push -q --all=false list "dir:$T/none"
  is "$(find "$T/none" -name '*.manifest.json' | wc -l)" 0
  buildah push -q --all a "dir:$T/image"
  jq -e '.layers | length == 1' "$T/image/manifest.json"
  # A place for one image gets that for this machine.
  image mine "$(go_arch)"; buildah manifest create three mine b
  buildah push -q three "docker-archive:$T/one.tar:x:y"
  [ -s "$T/one.tar" ]
  buildah 125 push --all three "docker-archive:$T/two.tar:x:y"
  says "holds one image, not a list"; one_line_error
  [ ! -e "$T/two.tar" ]
  buildah push -q --rm a "dir:$T/image2"
  buildah inspect --type image a
  buildah push -q --rm list "oci:$T/layout"
  buildah 1 manifest exists list
}

@test "build and commit: lists go on to a registry" {
  start_registry
  printf 'FROM scratch\nCOPY Dockerfile /\n' >"$T/context/Dockerfile"
  buildah build -q --platform linux/amd64,linux/arm64 --manifest made "$T/context"
  buildah from --arch s390x --name c scratch
  buildah commit -q --manifest made c
  buildah manifest push -q made "docker://$REGISTRY/made:1"
  raw made 1 | jq -e '[.manifests[].platform.architecture] == ["amd64", "arm64", "s390x"]'
}
