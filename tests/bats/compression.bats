#!/usr/bin/env bats
load helpers

# filled_image makes the image localhost/filled: text, what can't be compressed, links.
filled_image() {
  start_registry
  mkdir -p "$T/context/d/sub"
  seq 200000 >"$T/context/d/text"
  head -c 3000000 /dev/urandom >"$T/context/d/random"
  head -c 2000000 /dev/zero >"$T/context/d/zeros"
  ln -s ../text "$T/context/d/sub/link"
  ln "$T/context/d/text" "$T/context/d/sub/hard"
  printf 'FROM scratch\nCOPY d /d\nCOPY d/sub /other\n' >"$T/context/Dockerfile"
  buildah bud -q --layers -t localhost/filled "$T/context"
}

# hide_layers takes the content of layers away: whoever reads it fails.
hide_layers() {
  local f
  for f in "$T"/root/overlay-layers/*.tar-split.gz; do echo gone >"$f"; done
  for f in "$T"/root/overlay/*/diff; do [ ! -d "$f" ] || mv "$f" "$f.hidden"; done
}

show_layers() {
  local f
  for f in "$T"/root/overlay/*/diff.hidden; do mv "$f" "${f%.hidden}"; done
}

# manifest REPO:TAG prints it as it is at the registry.
manifest() { skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/$1"; }

layers() { manifest "$1" | jq -r '.layers[].digest'; }

@test "compression: each format, read by skopeo and podman" {
  needs skopeo; needs podman; needs jq
  filled_image
  local format
  for format in gzip zstd zstd:chunked; do
    local name=f-${format/:/-}
    buildah push -q --compression-format "$format" localhost/filled "docker://$REGISTRY/$name:1"
    is "$(manifest "$name:1" | jq -r '.layers[].mediaType' | sort -u)" "application/vnd.oci.image.layer.v1.tar+${format%:chunked}"
    skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/$name:1" "dir:$T/$name"
    podman --root "$T/podman" --runroot "$T/podman-run" pull -q --tls-verify=false "$REGISTRY/$name:1"
    local where
    where=$(podman --root "$T/podman" --runroot "$T/podman-run" image mount "$REGISTRY/$name:1")
    diff -r --no-dereference "$T/context/d" "$where/d"
    is "$(stat -c %i "$where/d/text")" "$(stat -c %i "$where/d/sub/hard")"
    podman --root "$T/podman" --runroot "$T/podman-run" image umount "$REGISTRY/$name:1"
  done
  [ "$(manifest f-zstd-chunked:1 | jq '.layers[0].annotations | length')" -ge 2 ]
  awk -v at="$T/podman" 'index($5, at) == 1 {print $5}' /proc/self/mountinfo | sort -r | xargs -r umount -l
}

@test "compression: gzip is read by gzip, what is random is stored" {
  filled_image
  buildah push -q localhost/filled "oci:$T/layout"
  local blob
  for blob in "$T"/layout/blobs/sha256/*; do
    if [ "$(head -c 2 "$blob" | od -An -tx1)" = " 1f 8b" ]; then
      gzip -t "$blob"
      [ "$(stat -c %s "$blob")" -lt 3800000 ]
    fi
  done
}

@test "compression: levels, and what is refused" {
  filled_image
  local level
  for level in 1 9; do buildah push -q --compression-format gzip --compression-level "$level" localhost/filled "docker://$REGISTRY/level:$level"; done
  [ "$(manifest level:1 | jq '.layers[0].size')" -gt "$(manifest level:9 | jq '.layers[0].size')" ]
  buildah 125 push --compression-level 10 localhost/filled "docker://$REGISTRY/x"
  one_line_error; says "levels 0 to 9"
  buildah 125 push --compression-format estargz localhost/filled "docker://$REGISTRY/x"
  one_line_error; says "can be read but not written"; says zstd:chunked
  buildah 125 push --compression-format zstd --format docker localhost/filled "docker://$REGISTRY/x"
  one_line_error; says "--format oci"
}

@test "compression: pushed again, and to another repository, no layer is read" {
  filled_image
  buildah push -q localhost/filled "docker://$REGISTRY/one:1"
  hide_layers
  # The store remembers, not the home directory, not TMPDIR.
  mkdir "$T/home" "$T/othertmp"
  HOME=$T/home TMPDIR=$T/othertmp XDG_DATA_HOME=$T/home buildah push -q localhost/filled "docker://$REGISTRY/one:2"
  HOME=$T/home TMPDIR=$T/othertmp XDG_DATA_HOME=$T/home buildah push localhost/filled "docker://$REGISTRY/two:1"
  says "skipped: already exists"
  is "$(layers two:1)" "$(layers one:1)"
  is "$(ls "$T/othertmp")" ""
  # They were hidden indeed.
  buildah 125 push -q --compression-format zstd localhost/filled "docker://$REGISTRY/three:1"
  show_layers
}

@test "compression: pulled layers keep their blobs" {
  filled_image
  buildah push -q --compression-format zstd:chunked localhost/filled "docker://$REGISTRY/one:1"
  buildah rmi -a -f
  buildah pull -q "$REGISTRY/one:1"
  hide_layers
  buildah push -q "$REGISTRY/one:1" "docker://$REGISTRY/copy:1"
  show_layers
  is "$(manifest copy:1)" "$(manifest one:1)"
}

@test "compression: --force-compression replaces what is there" {
  filled_image
  buildah push -q --compression-format zstd localhost/filled "docker://$REGISTRY/f:1"
  buildah push -q localhost/filled "docker://$REGISTRY/f:2"
  is "$(layers f:2)" "$(layers f:1)"
  buildah push -q --force-compression localhost/filled "docker://$REGISTRY/f:3"
  is "$(manifest f:3 | jq -r '.layers[].mediaType' | sort -u)" application/vnd.oci.image.layer.v1.tar+gzip
}

@test "compression: memory is bounded, by a flag or by containers.conf" {
  filled_image
  buildah --compression-memory 4m push -q localhost/filled "docker://$REGISTRY/small:1"
  rm -rf "$T/root/buildah-blobs"
  buildah --compression-memory 64m push -q localhost/filled "docker://$REGISTRY/large:1"
  is "$(layers large:1)" "$(layers small:1)"
  buildah 125 --compression-memory 1m push localhost/filled "docker://$REGISTRY/x"
  says "at least 4MiB"
  buildah 125 --compression-memory much push localhost/filled "docker://$REGISTRY/x"
  printf '[engine]\ncompression_memory = "2m"\n' >"$T/containers.conf"
  CONTAINERS_CONF=$T/containers.conf buildah 125 push localhost/filled "docker://$REGISTRY/x"
  says compression_memory
  [ -x /usr/bin/time ] || skip "time is not installed"
  head -c 300000000 /dev/urandom >"$T/context/d/random"
  buildah bud -q --layers -t localhost/big "$T/context"
  /usr/bin/time -f %M -o "$T/kib" "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" --storage-driver overlay \
    push -q localhost/big "docker://$REGISTRY/big:1"
  [ "$(cat "$T/kib")" -le 65536 ]
}

@test "compression: zstd:chunked is pulled in part" {
  filled_image
  buildah push -q --compression-format zstd:chunked localhost/filled "docker://$REGISTRY/p:1"
  echo more >"$T/context/d/more"
  buildah bud -q --layers -t localhost/filled "$T/context"
  buildah push -q --compression-format zstd:chunked localhost/filled "docker://$REGISTRY/p:2"
  cat >"$T/storage.conf" <<CONF
[storage]
driver = "overlay"
[storage.options.pull_options]
enable_partial_images = "true"
CONF
  export CONTAINERS_STORAGE_CONF=$T/storage.conf
  local tag
  for tag in 1 2; do
    buildah --log-level debug --root "$T/root2" --runroot "$T/run2" pull "$REGISTRY/p:$tag"
    says "Retrieved partial blob"
  done
  buildah --root "$T/root2" --runroot "$T/run2" from --name c "$REGISTRY/p:2"
  buildah --root "$T/root2" --runroot "$T/run2" mount c
  diff -r --no-dereference "$T/context/d" "$output/d"
  buildah --root "$T/root2" --runroot "$T/run2" umount c
}
