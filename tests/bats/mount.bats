#!/usr/bin/env bats
load helpers

@test "mount: prints the path, umount prints the ID" {
  from_base
  buildah mount "$ctr"
  mnt=$output
  [ -x "$mnt/bin/busybox" ]
  echo here >"$mnt/file"
  buildah umount "$ctr"
  is "${#output}" 64
  [ ! -e "$mnt/file" ]
  buildah mount "$ctr"
  is "$(cat "$output/file")" here
}

@test "mount: several containers, and the list" {
  base busybox
  buildah from --name one docker.io/library/busybox
  buildah from --name two docker.io/library/busybox
  buildah mount
  is "$output" ""
  buildah mount one two
  is "$(wc -l <<<"$output")" 2
  [[ $output == "one $T/root/"*$'\n'"two $T/root/"* ]]
  buildah mount --json
  is "$(jq length <<<"$output")" 2
  buildah umount --all
  buildah mount
  is "$output" ""
}

@test "mount: a second argument that is a path mounts there" {
  from_base
  mkdir "$T/mnt"
  buildah mount "$ctr" "$T/mnt"
  [ -x "$T/mnt/bin/busybox" ]
  echo there >"$T/mnt/file"
  buildah umount "$ctr"
  [ ! -e "$T/mnt/bin" ]
  buildah run --isolation chroot "$ctr" cat /file
  is "$output" there
}

@test "mount: run and copy leave a user's mount alone" {
  from_base
  buildah mount "$ctr"
  mnt=$output
  buildah run --isolation chroot "$ctr" touch /made
  echo x >"$T/x"
  buildah copy -q "$ctr" "$T/x" /x
  [ -e "$mnt/made" ] && [ -e "$mnt/x" ]
  buildah mount
  says "$ctr $mnt"
  buildah umount "$ctr"
  is "${#output}" 64
  ! mountpoint -q "$mnt"
}

@test "mount: uses are counted" {
  from_base
  buildah mount "$ctr"; mnt=$output
  buildah mount "$ctr"
  buildah umount "$ctr"
  [ -x "$mnt/bin/busybox" ]
  buildah umount "$ctr"
  [ ! -e "$mnt/bin" ]
  buildah umount "$ctr"
  is "$output" ""
}

@test "mount: works on after an error and ends with it" {
  base busybox
  buildah from --name good docker.io/library/busybox
  buildah 125 mount nosuch good
  says "good $T/root/"
  says nosuch
  buildah 125 umount
  buildah 125 umount --all good
}

@test "mount: stores with one run root, as with --root alone" {
  from_base
  other() { "$BUILDAH_BINARY" --root "$T/other" --runroot "$T/run" --storage-driver "${STORAGE_DRIVER:-overlay}" "$@"; }
  other from --name theirs scratch
  # They overwrite each other's counts of mounts while a command runs.
  "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" run --network host "$ctr" sh -c 'echo begun; sleep 1' >"$T/out" 3>&- &
  local pid=$!
  for _ in $(seq 50); do [ -s "$T/out" ] && break; sleep 0.1; done
  other mount theirs; other umount theirs
  wait $pid
  ! grep -q " $T/root/overlay/.*/merged " /proc/self/mountinfo
}
