#!/usr/bin/env bats
# --blob-cache: a directory that keeps blobs as they were transferred.
load helpers

# two_layers makes localhost/two, from scratch, the same each time.
two_layers() {
  mkdir -p "$T/context"
  seq 60000 >"$T/context/numbers"; seq 90000 -1 1 >"$T/context/backwards"
  printf 'FROM scratch\nCOPY numbers /\nCOPY backwards /\n' >"$T/context/Dockerfile"
  buildah build -q --layers --timestamp 0 -t localhost/two "$T/context"
}

# digests REPO prints those of the layers at the registry.
digests() { curl -fs -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REGISTRY/v2/$1/manifests/latest" | jq -r '.layers[].digest'; }

# fresh_store takes everything away that remembers blobs, but the cache.
fresh_store() { buildah rmi -a -f; rm -rf "$T/root/buildah-blobs"; }

# recompressed FILE... makes other blobs of the same layers: at another level.
odd_image() { buildah push -q --compression-format gzip --compression-level 1 localhost/two "docker://$REGISTRY/odd"; }

@test "blob-cache: pull fills it, push sends what was pulled" {
  start_registry; needs jq
  two_layers; odd_image
  mkdir "$T/cache"
  fresh_store
  buildah pull -q --blob-cache "$T/cache" "$REGISTRY/odd"
  local d
  for d in $(digests odd); do is "$(sha256sum <"$T/cache/$d" | cut -d' ' -f1)" "${d#sha256:}"; done
  # Nothing but the cache remembers them: another registry gets the same blobs.
  rm -rf "$T/root/buildah-blobs" "$T/registry/docker/registry/v2/repositories/odd"
  buildah tag "$REGISTRY/odd" localhost/renamed
  local wanted; wanted=$(cd "$T/cache" && ls -- *.compressed | wc -l)
  is "$wanted" 2
  rm -rf "$T/registry/docker"
  buildah push --blob-cache "$T/cache" localhost/renamed "docker://$REGISTRY/again"
  says "from the blob cache"
  for d in $(digests again); do [ -e "$T/cache/$d" ]; done
}

@test "blob-cache: a build in a new store sends what an earlier one sent" {
  start_registry; needs jq
  mkdir "$T/cache"
  two_layers
  buildah push -q --compression-format gzip --compression-level 1 --blob-cache "$T/cache" localhost/two "docker://$REGISTRY/one"
  local before; before=$(digests one)
  fresh_store
  rm -rf "$T/registry/docker"
  two_layers
  buildah push --blob-cache "$T/cache" localhost/two "docker://$REGISTRY/two"
  says "from the blob cache"
  is "$(digests two)" "$before"
  # Without it they are compressed anew, at the usual level.
  fresh_store
  two_layers
  buildah push -q localhost/two "docker://$REGISTRY/three"
  [ "$(digests three)" != "$before" ]
  # Asked for another form, the cache is not used.
  fresh_store; rm -rf "$T/registry/docker"
  two_layers
  buildah push --compression-format zstd --blob-cache "$T/cache" localhost/two "docker://$REGISTRY/four"
  says_not "from the blob cache"
  is "$(ls "$T/cache" | grep -c '^new-')" 0
}

@test "blob-cache: commit to a registry uses it, too; from and build fill it" {
  start_registry; needs jq
  two_layers; odd_image
  mkdir "$T/cache" "$T/cache2" "$T/out"
  local before; before=$(digests odd)
  fresh_store
  buildah from -q --blob-cache "$T/cache" "$REGISTRY/odd"; ctr=$output
  echo more >"$T/more"; buildah copy -q "$ctr" "$T/more" /more
  rm -rf "$T/root/buildah-blobs" "$T/registry/docker"
  buildah commit -q --disable-compression=false --blob-cache "$T/cache" "$ctr" "docker://$REGISTRY/committed"
  is "$(digests committed | head -2)" "$before"
  for d in $(digests committed); do [ -e "$T/cache/$d" ]; done
  buildah rm -a; fresh_store
  printf 'FROM %s/committed\nLABEL a=b\n' "$REGISTRY" >"$T/context/Dockerfile"
  buildah build -q --blob-cache "$T/cache2" "$T/context"
  for d in $(digests committed); do [ -e "$T/cache2/$d" ]; done
}

@test "blob-cache: pull takes blobs from it" {
  start_registry; needs jq
  two_layers; odd_image
  mkdir "$T/cache"
  fresh_store
  buildah pull -q --blob-cache "$T/cache" "$REGISTRY/odd"; local id=$output
  fresh_store
  # The registry has lost the layers.
  local d
  for d in $(digests odd); do rm -rf "$T/registry/docker/registry/v2/blobs/sha256/${d:7:2}/${d#sha256:}"; done
  buildah 125 pull -q --retry 0 "$REGISTRY/odd"
  buildah pull -q --blob-cache "$T/cache" "$REGISTRY/odd"
  is "$output" "$id"
}

@test "blob-cache: damaged entries are left alone and replaced" {
  start_registry; needs jq
  two_layers; odd_image
  mkdir "$T/cache"
  fresh_store
  buildah pull -q --blob-cache "$T/cache" "$REGISTRY/odd"; local id=$output d first second size
  first=$(digests odd | head -1); second=$(digests odd | tail -1)
  size=$(stat -c %s "$T/cache/$first")
  # One of the same size, one that is cut off.
  damage() { { head -c 100 "$1"; head -c $((size - 100)) /dev/zero; } >"$1.x"; mv "$1.x" "$1"; truncate -s 100 "$2"; }
  damage "$T/cache/$first" "$T/cache/$second"
  fresh_store
  buildah pull -q --blob-cache "$T/cache" "$REGISTRY/odd"
  is "$output" "$id"
  for d in $(digests odd); do is "$(sha256sum <"$T/cache/$d" | cut -d' ' -f1)" "${d#sha256:}"; done
  buildah from -q "$id"; ctr=$output
  buildah mount "$ctr"; seq 60000 | cmp - "$output/numbers"
  buildah umount "$ctr"; buildah rm "$ctr"
  # A push makes them anew.
  damage "$T/cache/$first" "$T/cache/$second"
  rm -rf "$T/registry/docker"
  buildah push -q --blob-cache "$T/cache" "$id" "docker://$REGISTRY/mended"
  for d in $(digests mended); do is "$(sha256sum <"$T/cache/$d" | cut -d' ' -f1)" "${d#sha256:}"; done
  fresh_store
  buildah pull -q "$REGISTRY/mended"
  is "$output" "$id"
  # Notes with nonsense are as if they were not there.
  for d in "$T"/cache/*.compressed; do printf '../../x gzip\nsha256:1 gzip\n%s unknown\n\n' "$first" >"$d"; done
  buildah push -q --blob-cache "$T/cache" "$id" "docker://$REGISTRY/notes"
}

@test "blob-cache: it must exist" {
  base busybox
  for words in "pull oci:x" "push busybox dir:x" "from busybox" "build $T/context"; do
    # shellcheck disable=SC2086
    buildah 125 ${words%% *} --blob-cache "$T/nosuch" ${words#* }
    one_line_error; says "make it first"
  done
  from_base
  touch "$T/file"
  buildah 125 commit --blob-cache "$T/file" "$ctr" x; one_line_error; says "make it first"
}
