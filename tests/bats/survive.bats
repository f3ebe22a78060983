#!/usr/bin/env bats
# What survives: kills, full disks, processes that stay, two commits at once.
# tests/roundtrip tells the same at length and asks the storage library.
load helpers

# layers_are_sound NAME...: a push of each image has the digests that its manifest names.
layers_are_sound() {
  local name blob
  for name in "$@"; do
    rm -rf "$T/sound"
    buildah push -q "$name" "dir:$T/sound"
    for blob in $(jq -r '.layers[].digest, .config.digest' "$T/sound/manifest.json"); do
      is "$(sha256sum <"$T/sound/${blob#sha256:}")" "${blob#sha256:}  -"
    done
  done
}

nothing_mounted() {
  ! grep " $T/root/.*/merged " /proc/self/mountinfo
}

@test "survive: a commit that is killed at any moment can be repeated" {
  from_base
  for i in $(seq 200); do echo "content $i" >"$T/context/$i"; done
  buildah copy -q "$ctr" "$T/context" /files
  for wait in 0.02 0.05 0.08 0.11; do
    "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" --storage-driver "${STORAGE_DRIVER:-overlay}" commit -q "$ctr" localhost/killed >/dev/null 2>&1 &
    sleep "$wait"
    kill -KILL $! 2>/dev/null || true
    wait $! 2>/dev/null || true
    buildah containers -q
    buildah commit -q "$ctr" localhost/killed
    layers_are_sound localhost/killed
    buildah rmi -f localhost/killed
  done
  buildah run --isolation chroot "$ctr" cat /files/200
  is "$output" "content 200"
}

@test "survive: a copy that is killed leaves no mount behind" {
  from_base
  head -c 30000000 /dev/zero >"$T/context/big"
  for wait in 0.02 0.04 0.06; do
    "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" --storage-driver "${STORAGE_DRIVER:-overlay}" copy -q "$ctr" "$T/context" /files >/dev/null 2>&1 &
    sleep "$wait"
    kill -KILL $! 2>/dev/null || true
    wait $! 2>/dev/null || true
    buildah copy -q "$ctr" "$T/context" /files
    nothing_mounted
  done
}

@test "survive: a user's mount stays when a copy is killed" {
  from_base
  buildah mount "$ctr"
  root=$output
  head -c 30000000 /dev/zero >"$T/context/big"
  "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" --storage-driver "${STORAGE_DRIVER:-overlay}" copy -q "$ctr" "$T/context" /files >/dev/null 2>&1 &
  sleep 0.04
  kill -KILL $! 2>/dev/null || true
  wait $! 2>/dev/null || true
  buildah copy -q "$ctr" "$T/context" /files
  [ -x "$root/bin/busybox" ]
  buildah umount "$ctr"
  nothing_mounted
}

@test "survive: a process that stays after its RUN writes into no layer" {
  base busybox
  cat >"$T/context/Dockerfile" <<'DOCKERFILE'
FROM docker.io/library/busybox
RUN (exec >/grows 2>&1 </dev/null; setsid sh -c 'for i in $(seq 2000); do echo still here; done; sleep 3; for i in $(seq 2000); do echo still here; done') & sleep 0.1
RUN echo next >/next
DOCKERFILE
  for isolation in oci chroot; do
    buildah build -q --no-cache --layers --pid host --isolation "$isolation" -t "localhost/$isolation" "$T/context"
    layers_are_sound "localhost/$isolation"
  done
  sleep 3
  layers_are_sound localhost/oci localhost/chroot
}

@test "survive: the same layer committed twice at once is one layer" {
  from_base --name one
  buildah from --name two docker.io/library/busybox
  for c in one two; do
    echo same >"$T/context/file"
    buildah copy -q $c "$T/context" /files
  done
  for c in one two; do
    "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" --storage-driver "${STORAGE_DRIVER:-overlay}" commit -q --timestamp 1700000000 $c localhost/$c >/dev/null &
  done
  wait
  layers_are_sound localhost/one localhost/two
  buildah inspect --type image --format '{{.OCIv1.RootFS.DiffIDs}}' localhost/one; one=$output
  buildah inspect --type image --format '{{.OCIv1.RootFS.DiffIDs}}' localhost/two
  is "$output" "$one"
}

@test "survive: a full disk is told by name, and given back" {
  needs mkfs.ext4
  truncate -s 64M "$T/disk.img"
  mkfs.ext4 -q -m 0 "$T/disk.img"
  mkdir "$T/root"
  mount -o loop "$T/disk.img" "$T/root" || skip "no loop devices"
  buildah from --name work scratch
  head -c 70000000 /dev/urandom >"$T/context/big"
  buildah 125 copy -q work "$T/context" /files
  one_line_error
  says "no space left on device"
  says "the store at \"$T/root\""
  says "buildah prune"
  head -c 30000000 "$T/context/big" >"$T/context/small"
  buildah copy -q work "$T/context/small" /small
  layers=$(find "$T/root/overlay" -maxdepth 1 -name '????????????????????????????????*' | wc -l)
  buildah 125 commit -q work localhost/full
  one_line_error
  says "the store at \"$T/root\""
  is "$(find "$T/root/overlay" -maxdepth 1 -name '????????????????????????????????*' | wc -l)" "$layers"
  buildah rm work
  buildah images -q -a
  is "$output" ""
}
