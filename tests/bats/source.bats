#!/usr/bin/env bats
# Source images: what an image was made from, kept as an image.
load helpers

config_type=application/vnd.oci.source.image.config.v1+json

# manifest_of DIR prints the manifest of the only image of a layout.
manifest_of() { cat "$1/blobs/sha256/$(jq -r '.manifests[0].digest' "$1/index.json" | cut -d: -f2)"; }

# layout_is_whole DIR: every blob is what its name says, and every blob is named.
layout_is_whole() {
  local blob
  for blob in "$1"/blobs/sha256/*; do is "$(sha256sum <"$blob" | cut -d' ' -f1)" "$(basename "$blob")"; done
  is "$(find "$1/blobs/sha256" -type f | wc -l)" "$(manifest_of "$1" | jq '[.config.digest, .layers[].digest] | unique | length + 1')"
}

filled() {
  mkdir -p "$T/tree/sub"
  echo one >"$T/one.txt"; echo two >"$T/tree/sub/two"; ln -s sub/two "$T/tree/link"
  buildah source create --author me "${1:-$T/src}"
  buildah source add --annotation a=b --annotation c=d=e "${1:-$T/src}" "$T/one.txt"
  buildah source add "${1:-$T/src}" "$T/tree"
  is "$output$errors" ""
}

@test "source: create, add" {
  filled
  layout_is_whole "$T/src"
  is "$(manifest_of "$T/src" | jq -r .config.mediaType)" "$config_type"
  is "$(manifest_of "$T/src" | jq -c '[.layers[].annotations]')" '[{"a":"b","c":"d=e"},null]'
  is "$(manifest_of "$T/src" | jq -r '.layers[].mediaType' | uniq)" application/vnd.oci.image.layer.v1.tar+gzip
  local config; config=$T/src/blobs/sha256/$(manifest_of "$T/src" | jq -r '.config.digest' | cut -d: -f2)
  is "$(jq -r .author "$config")" me
  date -d "$(jq -r .created "$config")" >/dev/null
  mkdir "$T/unpacked"
  for d in $(manifest_of "$T/src" | jq -r '.layers[].digest' | cut -d: -f2); do tar -xzf "$T/src/blobs/sha256/$d" -C "$T/unpacked"; done
  is "$(cat "$T/unpacked/one.txt" "$T/unpacked/link")" "one
two"
}

@test "source: a name in the layout; no time stamp" {
  buildah source create --time-stamp=false "$T/a:v1"
  buildah source create --time-stamp=false "$T/b:v1"
  diff -r "$T/a" "$T/b"
  echo x >"$T/x"
  buildah source add "$T/a:v1" "$T/x"
  buildah source add "$T/a" "$T/x"
  is "$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' "$T/a/index.json")" v1
  buildah 125 source add "$T/a:v2" "$T/x"; one_line_error; says 'no image "v2"'
}

@test "source: push, pull, and the same bytes come back" {
  start_registry
  needs jq
  filled
  buildah source push -q --tls-verify=false --digestfile "$T/digest" "$T/src" "$REGISTRY/app:src"
  is "$output$errors" ""
  is "$(cat "$T/digest")" "$(jq -r '.manifests[0].digest' "$T/src/index.json")"
  is "$(curl -fs -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REGISTRY/v2/app/manifests/src" | sha256sum | cut -d' ' -f1)" "$(cut -d: -f2 "$T/digest")"
  buildah source pull --tls-verify=false "docker://$REGISTRY/app:src" "$T/back"
  is "$output" ""; says Copying
  diff -r "$T/src/blobs" "$T/back/blobs"
  layout_is_whole "$T/back"
  buildah source pull -q --tls-verify=false "$REGISTRY/app@$(cat "$T/digest")" "$T/named:v1"
  is "$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' "$T/named/index.json")" v1
  # The store stays as it was.
  buildah images -q -a; is "$output" ""
}

@test "source: what other tools write and read" {
  needs skopeo; needs jq
  start_registry
  filled
  buildah source push -q --tls-verify=false "$T/src" "$REGISTRY/ours:1"
  is "$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/ours:1")" "$(manifest_of "$T/src")"
  stock buildah source pull -q --tls-verify=false "$REGISTRY/ours:1" "$T/stock"
  is "$(manifest_of "$T/stock")" "$(manifest_of "$T/src")"
  stock buildah source add "$T/src" "$T/one.txt"
  buildah source add "$T/src" "$T/tree"
  is "$(manifest_of "$T/src" | jq '.layers | length')" 4
  stock buildah source create "$T/theirs"
  buildah source add "$T/theirs" "$T/one.txt"
  stock buildah source push -q --tls-verify=false "$T/theirs" "$REGISTRY/theirs:1"
  buildah source pull -q --tls-verify=false "$REGISTRY/theirs:1" "$T/again"
  is "$(manifest_of "$T/again")" "$(manifest_of "$T/theirs")"
}

@test "source: two add at the same time, and both are there" {
  buildah source create "$T/src"
  local n pids=()
  for n in 1 2 3 4 5 6; do
    echo "$n" >"$T/f$n"
    "$BUILDAH_BINARY" source add "$T/src" "$T/f$n" 3>&- & pids+=($!)
  done
  for n in "${pids[@]}"; do wait "$n"; done
  is "$(manifest_of "$T/src" | jq '.layers | length')" 6
  layout_is_whole "$T/src"
}

@test "source: credentials; certificates are insisted on" {
  start_registry
  filled
  buildah 125 source push -q "$T/src" "$REGISTRY/app:1"
  one_line_error; says "HTTP"
  buildah 125 source pull -q "$REGISTRY/app:1" "$T/back"
  one_line_error
  [ ! -e "$T/back" ]
  buildah source push -q --tls-verify=false --creds a:b "$T/src" "$REGISTRY/app:1"
  buildah 125 source push -q --creds '' "$T/src" "$REGISTRY/app:1"; one_line_error
}

@test "source: refusals leave everything as it was" {
  start_registry
  base busybox
  filled
  cp -a "$T/src" "$T/copy"
  buildah 125 source create "$T/src"; one_line_error; says "exists already"
  buildah 125 source create "$T/no/such/parent"; one_line_error
  buildah 125 source create; one_line_error; says "source create needs PATH"
  buildah 125 source add "$T/src"; one_line_error
  buildah 125 source add "$T/src" "$T/nosuch"; one_line_error; says nosuch
  buildah 125 source add "$T/nosuch" "$T/one.txt"; one_line_error
  buildah 125 source add "$T/tree" "$T/one.txt"; one_line_error; says "no OCI layout"
  buildah 125 source add --annotation foo "$T/src" "$T/one.txt"; one_line_error; says KEY=VALUE
  buildah 125 source add --annotation k=1 --annotation k=2 "$T/src" "$T/one.txt"; one_line_error; says "more than once"
  buildah 125 source add "$T/src" "$T"; one_line_error; says "lies in it"
  buildah 125 source add "$T/src" /dev/null; one_line_error
  diff -r "$T/src" "$T/copy"
  buildah 125 source pull short "$T/p"; one_line_error; says "short name"
  buildah 125 source push "$T/src" short; one_line_error; says "short name"
  buildah 125 source push "$T/src" "oci:$T/x"; one_line_error; says "only registries"
  buildah 125 source push "$T/tree" "$REGISTRY/x"; one_line_error
  # An ordinary image is none.
  buildah push -q docker.io/library/busybox "$REGISTRY/busybox"
  buildah push -q docker.io/library/busybox "oci:$T/ordinary"
  buildah 125 source pull --tls-verify=false "$REGISTRY/busybox" "$T/p"; one_line_error; says "not a source image"; says_not Copying
  buildah 125 source push --tls-verify=false "$T/ordinary" "$REGISTRY/x"; one_line_error; says "not a source image"
  buildah 125 source add "$T/ordinary" "$T/one.txt"; one_line_error; says "not a source image"
  buildah source push -q --tls-verify=false "$T/src" "$REGISTRY/app:1"
  buildah 125 source pull --tls-verify=false "$REGISTRY/app:1" "$T/src"; one_line_error; says "exists already"
  echo '{"default":[{"type":"reject"}]}' >"$T/policy.json"
  buildah 125 source pull --tls-verify=false "$REGISTRY/app:1" "$T/p"; one_line_error; says policy
  [ ! -e "$T/p" ]
  is "$(find "$T" -maxdepth 1 -name '.*.*' | wc -l)" 0
}

@test "source: a layout that lies reaches nothing outside of it" {
  buildah source create "$T/src"
  echo x >"$T/x"; echo secret >"$T/outside"
  local blob; blob=$(jq -r '.manifests[0].digest' "$T/src/index.json" | cut -d: -f2)
  cp "$T/src/blobs/sha256/$blob" "$T/manifest"
  ln -sf "$T/manifest" "$T/src/blobs/sha256/$blob"
  buildah 125 source add "$T/src" "$T/x"; one_line_error
  rm "$T/src/blobs/sha256/$blob"; sed 's/layers/Layers/' "$T/manifest" >"$T/src/blobs/sha256/$blob"
  buildah 125 source add "$T/src" "$T/x"; one_line_error; says digest
  printf '{"schemaVersion":2,"manifests":[{"digest":"sha256:../../../outside"}]}' >"$T/src/index.json"
  buildah 125 source add "$T/src" "$T/x"; one_line_error; says "not a sha256 digest"
}
