#!/usr/bin/env bats
# The flags of the program itself.
load helpers

@test "global options: --imagestore keeps images apart from containers" {
  mkdir store
  buildah --imagestore "$T/store" pull -q "oci:$BATS_SUITE_TMPDIR/busybox"; local id=$output
  [ -d "$T/store/overlay-images/$id" ]
  [ ! -e "$T/root/overlay-images/$id" ]
  buildah --imagestore "$T/store" from --name apart "$id"
  buildah --imagestore "$T/store" run --isolation chroot apart sh -c 'echo text >/made'
  [ -n "$(ls "$T/root/overlay-containers")" ]
  buildah --imagestore "$T/store" commit -q --rm apart made
  [ -d "$T/store/overlay-images/$output" ]
  buildah --imagestore "$T/store" info --format '{{.store.GraphImageStore}}'
  is "$output" "$T/store"
  # The store without it has no images.
  buildah images -q; says_not "${id:0:12}"
  buildah 125 --imagestore "$T/root" images
  one_line_error
}

@test "global options: --transient-store keeps records of containers below --runroot" {
  buildah --transient-store from --name short scratch
  [ -e "$T/run/overlay-containers/volatile-containers.json" ] || [ -e "$T/run/overlay-containers/containers.json" ]
  ! grep -qs '"short"' "$T/root/overlay-containers/"*.json
  buildah --transient-store containers --format '{{.ContainerName}}'
  is "$output" short
  echo text >file
  buildah --transient-store copy -q short file /file
  buildah --transient-store commit -q --rm short kept
  buildah from kept
  buildah info --format '{{.store.GraphTransientStore}}'; is "$output" false
  buildah --transient-store info --format '{{.store.GraphTransientStore}}'; is "$output" true
}

@test "global options: id maps of groups, and of users" {
  buildah --userns-uid-map 0:5000:1000 --userns-gid-map 0:7000:1000 from scratch
  local ctr=$output
  buildah inspect --format '{{.IDMappingOptions.UIDMap}} {{.IDMappingOptions.GIDMap}}' "$ctr"
  is "$output" "[{0 5000 1000}] [{0 7000 1000}]"
  echo text >file; chown 0:0 file
  buildah copy -q "$ctr" file /file
  buildah mount "$ctr"
  is "$(stat -c %u:%g "$output/file")" 5000:7000
  buildah umount "$ctr"
  buildah 125 --userns-uid-map 0:5000 from scratch; one_line_error
}

@test "global options: --debug is --log-level=debug, and goes to standard error" {
  base busybox
  buildah --debug images -q; local quiet=$output
  grep -q level=debug <<<"$errors"
  buildah images -q
  is "$output" "$quiet"; is "$errors" ""
  buildah images -q --log-level debug
  grep -q level=debug <<<"$errors"
  buildah 125 --log-level loud images
  says "unknown log level"
}

@test "global options: profiles of a command" {
  buildah --cpu-profile "$T/cpu" --memory-profile "$T/memory" from scratch
  # What pprof reads is compressed with gzip.
  is "$(od -An -tx1 -N2 "$T/cpu" | xargs)" "1f 8b"
  is "$(od -An -tx1 -N2 "$T/memory" | xargs)" "1f 8b"
  buildah 125 --cpu-profile "$T/no/such/place" images
  one_line_error; says "$T/no/such/place"
  buildah 125 --memory-profile "$T/no/such/place" images
  one_line_error; says "$T/no/such/place"
}

@test "global options: --cgroup-manager says who makes cgroups" {
  needs runc
  from_base
  # A runtime that only tells how it was called.
  printf '#!/bin/sh\necho "$@" >>"%s"\nexec runc "$@"\n' "$T/calls" >"$T/runtime"
  chmod 755 "$T/runtime"
  buildah --cgroup-manager cgroupfs run --runtime "$T/runtime" "$ctr" true
  ! grep -q systemd-cgroup "$T/calls"
  printf '#!/bin/sh\necho "$@" >>"%s"\nexit 1\n' "$T/calls" >"$T/runtime"
  buildah 1 --cgroup-manager systemd run --runtime "$T/runtime" "$ctr" true
  grep -q -- --systemd-cgroup "$T/calls"
  buildah 125 --cgroup-manager none images
  says "cgroupfs or systemd"
}

@test "global options: they may follow the command" {
  buildah from --userns-uid-map 0:5000:10 --log-level debug scratch
  grep -q level=debug <<<"$errors"
  buildah from scratch --debug
  grep -q level=debug <<<"$errors"
}
