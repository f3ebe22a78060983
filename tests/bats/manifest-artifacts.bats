#!/usr/bin/env bats
# Files as members of lists.
load helpers

# shown LIST FILTER prints what jq finds in a list.
shown() {
  buildah manifest inspect "$1"
  output=$(jq -rc "$2" <<<"$output")
}

setup_files() {
  echo '{"spdx": true}' >"$T/sbom.json"
  printf '\x89PNG\r\n\x1a\n' >"$T/picture"
  echo "some words" >"$T/words"
  buildah manifest create list; list=$output
}

# artifact prints the manifest of the last member, which `add` has named.
artifact() { cat "$T/root/overlay-images/$list/userdata/artifacts/${1#*sha256:}/blobs/sha256/${1#*sha256:}"; }

@test "artifact: files become a member" {
  setup_files
  buildah manifest add --artifact list "$T/sbom.json" "$T/picture" "$T/words"
  [[ $output =~ ^$list:\ sha256:[0-9a-f]{64}$ ]]
  local m; m=$(artifact "$output")
  is "$(jq -rc '[.mediaType, .artifactType, .config.mediaType, .config.size, .config.digest]' <<<"$m")" \
    '["application/vnd.oci.image.manifest.v1+json","application/vnd.unknown.artifact.v1","application/vnd.oci.empty.v1+json",2,"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"]'
  is "$(jq -rc '[.layers[].mediaType]' <<<"$m")" '["application/json","image/png","text/plain"]'
  is "$(jq -rc '[.layers[].annotations["org.opencontainers.image.title"]]' <<<"$m")" '["sbom.json","picture","words"]'
  is "$(jq -r .layers[0].digest <<<"$m")" "sha256:$(sha256sum <"$T/sbom.json" | cut -d' ' -f1)"
  shown list '.manifests[0] | [.artifactType, .files]'
  is "$output" "[\"application/vnd.unknown.artifact.v1\",[\"$T/sbom.json\",\"$T/picture\",\"$T/words\"]]"
  shown list .mediaType; is "$output" application/vnd.oci.image.index.v1+json
}

@test "artifact: everything that can be said of it" {
  setup_files
  buildah from --name c scratch; buildah commit -q --rm c about
  echo '{"some": "configuration"}' >"$T/config"
  buildah manifest add --artifact --artifact-type application/spdx+json --artifact-config "$T/config" --artifact-config-type a/config \
    --artifact-layer-type a/layer --artifact-exclude-titles --artifact-annotation 'k=v,l=w' --artifact-subject about \
    --annotation on=entry --os linux --arch arm64 list sbom.json
  local m; m=$(artifact "$output")
  is "$(jq -rc '[.artifactType, .config.mediaType, .layers[0].mediaType, .layers[0].annotations, .annotations]' <<<"$m")" \
    '["application/spdx+json","a/config","a/layer",null,{"k":"v","l":"w"}]'
  buildah inspect --type image --format '{{.FromImageDigest}}' about
  is "$(jq -r .subject.digest <<<"$m")" "$output"
  shown list '.manifests[0] | [.annotations.on, .platform.os, .platform.architecture]'
  is "$output" '["entry","linux","arm64"]'
}

@test "artifact: named by digest or by file" {
  setup_files
  buildah manifest add --artifact list sbom.json; first=${output#* }
  buildah manifest add --artifact list words; second=${output#* }
  # The copy is what counts from now on.
  echo changed >"$T/words"
  buildah manifest annotate --annotation a=b list words; is "$output" "$list: $second"
  buildah manifest annotate --arch s390x list "$T/sbom.json"; is "$output" "$list: $first"
  shown list '[.manifests[] | .annotations.a, .platform.architecture]'
  is "$output" '[null,"s390x","b",""]'
  buildah manifest add --artifact list words picture; third=${output#* }
  buildah 125 manifest remove list words; says "several members are meant"; one_line_error
  buildah manifest remove list picture; is "$output" "$list: $third"
  [ ! -e "$T/root/overlay-images/$list/userdata/artifacts/${third#*:}" ]
  buildah manifest remove list "$first"
  is "$(ls "$T/root/overlay-images/$list/userdata/artifacts")" "${second#*:}"
  # The same files once more are the same member.
  echo "some words" >"$T/words"
  buildah manifest add --artifact list words; is "$output" "$list: $second"
  shown list '.manifests | length'; is "$output" 1
  buildah manifest rm list
  [ ! -e "$T/root/overlay-images/$list" ]
}

@test "artifact: refusals leave nothing" {
  setup_files
  buildah 125 manifest add --artifact list; says "needs LIST"
  buildah 125 manifest add --artifact list "$T/nosuch"; says "no such file"; one_line_error
  buildah 125 manifest add --artifact list words "$T/context"; says "is a directory"; one_line_error
  buildah 125 manifest add --artifact --all list words; says "not about files"
  buildah 125 manifest add --artifact-exclude-titles list words; says "can only be used with --artifact"
  buildah 125 manifest add --artifact --artifact-config "$T/nosuch" list words; says "no such file"; one_line_error
  buildah 125 manifest add --artifact --artifact-annotation novalue list words; one_line_error
  buildah 125 manifest add --artifact --artifact-subject "oci:$T/nosuch" list words; says "reading the subject"; one_line_error
  buildah 125 manifest add --artifact nosuch words; one_line_error
  buildah 125 manifest add --artifact --features x list words; says "exist only in Docker's manifest lists"; one_line_error
  shown list '.manifests | length'; is "$output" 0
  is "$(find "$T/root/overlay-images/$list" -path '*artifacts/*')" ""
  buildah manifest add --artifact list words
  buildah 125 manifest add --artifact --features x list words
  buildah manifest push -q list "dir:$T/pushed"
}

@test "artifact: pushed beside images, and read back" {
  start_registry; setup_files
  buildah from --arch arm64 --name c scratch; buildah commit -q --rm c image
  buildah manifest add list image
  buildah manifest add --artifact --artifact-type application/spdx+json list sbom.json words; digest=${output#* }
  rm sbom.json words
  buildah manifest push -q list "docker://$REGISTRY/app:1"
  curl -fsS -H 'Accept: application/vnd.oci.image.index.v1+json' "http://$REGISTRY/v2/app/manifests/1" >"$T/raw"
  is "$(jq -rc '.manifests[1] | [.digest, .artifactType]' "$T/raw")" "[\"$digest\",\"application/spdx+json\"]"
  curl -fsS -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REGISTRY/v2/app/manifests/$digest" >"$T/artifact"
  blob=$(jq -r .layers[1].digest "$T/artifact")
  is "$(curl -fsS "http://$REGISTRY/v2/app/blobs/$blob")" "some words"
  if [ -x /usr/bin/skopeo ]; then
    skopeo copy -q --src-tls-verify=false --all "docker://$REGISTRY/app:1" "dir:$T/copy"
    [ -e "$T/copy/${digest#*:}.manifest.json" ]
  fi
  # An artifact at a registry becomes a member as well.
  buildah manifest create again "docker://$REGISTRY/app@$digest"
  shown again '.manifests[0] | [.digest, .artifactType]'; is "$output" "[\"$digest\",\"application/spdx+json\"]"
  buildah manifest create --all all "docker://$REGISTRY/app:1"
  shown all '.manifests[1].artifactType'; is "$output" application/spdx+json
  buildah manifest push -q all "oci:$T/layout:all"
  [ -e "$T/layout/blobs/sha256/${blob#*:}" ]
  buildah from --arch arm64 --pull=always --name d "$REGISTRY/app:1"
  buildah 125 manifest push --format v2s2 list "dir:$T/x"; says "have no artifacts"; one_line_error
  buildah 125 manifest push --add-compression zstd list "dir:$T/x"; says "files are pushed as they are"; one_line_error
}

@test "artifact: other tools keep what we made" {
  [ -x /usr/bin/buildah ] || skip "there is no other buildah"
  setup_files
  buildah manifest add --artifact list words; digest=${output#* }
  stock buildah images
  stock buildah manifest inspect list
  is "$(jq -r .manifests[0].digest <<<"$output")" "$digest"
  stock buildah manifest push -q --all list "dir:$T/theirs"
  [ -e "$T/theirs/${digest#*:}.manifest.json" ]
  buildah from --arch arm64 --name c scratch; buildah commit -q --rm c image
  stock buildah manifest add list localhost/image
  shown list '.manifests | length'; is "$output" 2
  buildah manifest push -q list "dir:$T/ours"
  [ -e "$T/ours/${digest#*:}.manifest.json" ]
  stock buildah manifest rm list
  [ ! -e "$T/root/overlay-images/$list" ]
}

@test "artifact: a killed change leaves the list as it was, or changed" {
  setup_files
  head -c 3000000 /dev/urandom >"$T/big"
  local n
  for n in 0.02 0.03 0.04 0.05 0.07; do
    timeout -s KILL "$n" "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" manifest add --artifact list "$T/big" >/dev/null 2>&1 3>&- || true
    shown list '.manifests | length'
    buildah manifest push -q list "dir:$T/pushed-$n"
  done
  buildah manifest add --artifact list "$T/big"
  # What was left half made is gone with the next change.
  is "$(find "$T/root/overlay-images/$list/userdata/artifacts" -name '.new-*')" ""
}

# referrers REPOSITORY DIGEST prints what a registry without an API for it has about a
# manifest.
referrers() {
  curl -fsS -H 'Accept: application/vnd.oci.image.index.v1+json' "http://$REGISTRY/v2/$1/manifests/${2/:/-}" |
    jq -rc '.mediaType, (.manifests[] | [.digest, .artifactType, .annotations.k])'
}

@test "artifact: found from what it is about" {
  start_registry; setup_files
  buildah from --name c scratch; buildah commit -q --rm c about
  buildah push -q --digestfile "$T/about" about "docker://$REGISTRY/app:1"
  about=$(cat "$T/about")
  subject=docker://$REGISTRY/app:1
  buildah manifest add --artifact --artifact-type application/spdx+json --artifact-annotation k=v --artifact-subject "$subject" list sbom.json
  first=${output#* }
  buildah manifest push list "docker://$REGISTRY/app:sbom"; says "what is about $about"
  is "$(referrers app "$about")" "application/vnd.oci.image.index.v1+json
[\"$first\",\"application/spdx+json\",\"v\"]"
  # Another artifact, and a list, join it. What is pushed again is not listed twice.
  buildah manifest create other
  buildah manifest add --artifact --artifact-type text/x-note --artifact-subject "$subject" other words
  second=${output#* }
  buildah manifest annotate --subject "$subject" other
  for _ in 1 2; do
    buildah manifest push -q --digestfile "$T/digest" other "docker://$REGISTRY/app:words"; is "$output" ""
    is "$(referrers app "$about")" "application/vnd.oci.image.index.v1+json
[\"$first\",\"application/spdx+json\",\"v\"]
[\"$second\",\"text/x-note\",null]
[\"$(cat "$T/digest")\",null,null]"
  done
  # Other repositories, and places that are no registries, have nothing of it.
  is "$(curl -fsS "http://$REGISTRY/v2/app/tags/list" | jq -rc '.tags | sort')" "[\"1\",\"sbom\",\"${about/:/-}\",\"words\"]"
  buildah manifest push -q list "oci:$T/layout:list"
  is "$(jq '.manifests | length' "$T/layout/index.json")" 1
}

@test "artifact: several that are pushed at once are all found" {
  start_registry; setup_files
  buildah from --name c scratch; buildah commit -q --rm c about
  buildah push -q --digestfile "$T/about" about "docker://$REGISTRY/app:1"
  local n pids=()
  for n in 1 2 3 4; do
    buildah manifest create "list$n"
    echo "$n" >"$T/file$n"
    buildah manifest add --artifact --artifact-subject "docker://$REGISTRY/app:1" "list$n" "file$n"
  done
  for n in 1 2 3 4; do
    "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" manifest push -q "list$n" "docker://$REGISTRY/app:list$n" 3>&- &
    pids+=($!)
  done
  wait "${pids[@]}"
  is "$(referrers app "$(cat "$T/about")" | wc -l)" 5
}

@test "artifact: a tag that cannot be maintained is told of" {
  start_registry; setup_files
  buildah from --name c scratch; buildah commit -q --rm c about
  buildah push -q --digestfile "$T/about" about "docker://$REGISTRY/app:1"
  about=$(cat "$T/about"); tag=${about/:/-}
  buildah push -q about "docker://$REGISTRY/app:$tag"
  buildah manifest add --artifact --artifact-subject "docker://$REGISTRY/app:1" list words
  buildah 125 manifest push -q list "docker://$REGISTRY/app:words"
  says "$tag"; says "no index: remove or rename what has the tag"; one_line_error
  curl -fsS -o "$T/now" -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REGISTRY/v2/app/manifests/$tag"
  is "sha256:$(sha256sum <"$T/now" | cut -d' ' -f1)" "$about"
}
