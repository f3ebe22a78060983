#!/usr/bin/env bats
# What a build that was killed leaves behind goes with the next one.
load helpers

@test "killed: the container of a build goes with the next command" {
  base busybox
  printf 'FROM docker.io/library/busybox\nRUN touch /half; sleep 4323\n' >"$T/context/Dockerfile"
  "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" bud "$T/context" >/dev/null 2>&1 3>&- &
  pid=$!
  for _ in $(seq 100); do pgrep -fx '(/bin/)?sleep 4323' >/dev/null && break; sleep 0.1; done
  kill -KILL $pid
  for _ in $(seq 50); do pgrep -fx '(/bin/)?sleep 4323' >/dev/null || break; sleep 0.1; done
  ! pgrep -fx '(/bin/)?sleep 4323'
  printf 'FROM docker.io/library/busybox\nRUN true\n' >"$T/context/Dockerfile"
  buildah bud -q "$T/context"
  store_is_clean
  [ -z "$(ls "$T/root/buildah-owners")" ]
}

@test "killed: a build that is alive keeps its container" {
  base busybox
  printf 'FROM docker.io/library/busybox\nRUN sleep 3; echo done >/done\nRUN cat /done\n' >"$T/context/Dockerfile"
  "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" bud "$T/context" >"$T/out" 2>&1 3>&- &
  pid=$!
  sleep 1.5
  buildah prune
  buildah from --name other docker.io/library/busybox
  wait $pid
  grep -qx done "$T/out"
}
