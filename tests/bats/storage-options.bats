#!/usr/bin/env bats
# Stores that are configured in ways which cost speed.

load helpers

@test "storage options: the one that makes commits slow is named once" {
  buildah --storage-opt overlay.mountopt=metacopy=on from scratch
  ctr=$output
  echo x >"$T/file"
  buildah --storage-opt overlay.mountopt=metacopy=on copy "$ctr" "$T/file" /
  buildah --storage-opt overlay.mountopt=metacopy=on commit -q "$ctr" one
  is "$(grep -c metacopy=on <<<"$errors")" 1
  printf 'FROM one\nCOPY file /a\nCOPY file /b\n' >"$T/context/Dockerfile"
  cp "$T/file" "$T/context/"
  buildah --storage-opt overlay.mountopt=metacopy=on bud -q --layers "$T/context"
  is "$(grep -c metacopy=on <<<"$errors")" 1
}

@test "storage options: nothing is said of a store that is fast" {
  buildah from scratch
  ctr=$output
  buildah commit -q "$ctr" one
  is "$errors" ""
}

@test "storage options: mount targets of a killed run go with the next commit" {
  from_base
  buildah mount "$ctr"; local root=$output pid
  "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" --storage-driver overlay \
    run --isolation chroot -v "$T/context:/target/deep" "$ctr" sleep 100 3>&- &
  pid=$!
  for _ in $(seq 100); do [ ! -d "$root/target/deep" ] || break; sleep 0.1; done
  [ -d "$root/target/deep" ]
  kill -KILL $pid; wait $pid || true
  buildah commit -q "$ctr" one
  [ ! -e "$root/target" ]
  buildah umount "$ctr"
}
