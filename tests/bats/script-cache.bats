#!/usr/bin/env bats
# Shell scripts whose steps come from the cache, with BUILDAH_LAYERS=true or --layers.
load helpers

# script runs the example of 12 steps on the test's store; its image is in $image.
script() {
  mkdir -p "$T/bin"
  printf '#!/bin/sh\nexec "%s" --log-level info --root "%s" --runroot "%s" --storage-driver overlay "$@"\n' \
    "$BUILDAH_BINARY" "$T/root" "$T/run" >"$T/bin/buildah"
  chmod +x "$T/bin/buildah"
  image=$(PATH=$T/bin:$PATH "$BATS_TEST_DIRNAME/../../examples/bash/cached-app.sh" "$T/context" localhost/app 2>"$T/stderr")
  errors=$(cat "$T/stderr")
}

app() {
  printf '#!/bin/sh\necho started\n' >"$T/context/start"
  chmod +x "$T/context/start"
}

# hits counts the steps that came from the cache.
hits() { grep -c ': from the cache: ' <<<"$errors" || true; }

# layered runs a command as scripts with the cache do.
layered() { BUILDAH_LAYERS=true buildah "$@"; }

# start makes a container that remembers its steps; its name is in $ctr.
start() {
  [ -d "$T/root" ] || base busybox
  layered from "$@" docker.io/library/busybox
  ctr=$output
}

# built takes the step that the tests ask for; its result tells runs apart.
built() { layered --log-level info run "$@" "$ctr" -- sh -c 'date +%s%N >/built'; }

# cached: the same step comes from the cache in a new container.
cached() { start; built "$@"; is "$(hits)" 1; }

# ends: after what the words do, a step that is known is carried out.
ends() {
  [ -d "$T/root/buildah-cache" ] || { start; built; }
  start; "$@"
  built
  is "$(hits)" 0
}

@test "script-cache: a script of 12 steps is done once" {
  base busybox
  app
  script; first=$image
  is "$(hits)" 0
  script
  is "$(hits)" 6
  is "$image" "$first"
  store_is_clean
  buildah from localhost/app; ctr=$output
  buildah run "$ctr" -- cat /app/version; is "$output" dev
  buildah run "$ctr" -- /app/start; is "$output" started
}

@test "script-cache: only what follows from a change is done again" {
  base busybox
  app
  script; first=$image
  echo '# changed' >>"$T/context/start"
  script
  is "$(hits)" 4
  [ "$image" != "$first" ]
  VERSION=2 script
  is "$(hits)" 4
  buildah from localhost/app; ctr=$output
  buildah run "$ctr" -- cat /app/version; is "$output" 2
  touch "$T/context/start"
  script
  is "$(hits)" 6
}

@test "script-cache: --layers instead of the variable, and --layers=false" {
  base busybox
  buildah from --layers docker.io/library/busybox; ctr=$output
  buildah run --layers "$ctr" -- sh -c 'date +%s%N >/built'
  buildah from --layers docker.io/library/busybox; ctr=$output
  buildah --log-level info run --layers "$ctr" -- sh -c 'date +%s%N >/built'
  is "$(hits)" 1
  layered --log-level info run --layers=false "$ctr" -- true
  says 'without --layers'
  start
  layered config --layers=false "$ctr"
  built; is "$(hits)" 0
  buildah from docker.io/library/busybox; ctr=$output
  built; is "$(hits)" 0
  is "$(grep -l step-cache "$T"/root/overlay-containers/*/userdata/buildah.json | wc -l)" 3 # not in this one
}

@test "script-cache: a step of other settings is another step" {
  start; built; cached
  for flags in '--env A=b' '--network none'; do
    start
    # shellcheck disable=SC2086 # two words
    built $flags
    is "$flags $(hits)" "$flags 0"
  done
  start
  layered config --env A=b "$ctr"
  built; is "$(hits)" 0
}

@test "script-cache: a command gives the same digest, and the container keeps its ID" {
  echo x >"$T/context/f"
  start --name work
  layered copy "$ctr" "$T/context/f" /f; digest=$output
  start --name again
  buildah containers --noheading --filter name=again --format '{{.ContainerID}} {{.ImageName}}'; line=$output
  layered --log-level info copy "$ctr" "$T/context/f" /f
  is "$(hits)" 1
  is "$output" "$digest"
  buildah containers --noheading --filter name=again --format '{{.ContainerID}} {{.ImageName}}'; is "$output" "$line"
  buildah run "$ctr" -- cat /f; is "$output" x
}

@test "script-cache: standard input is part of a step" {
  start; layered run "$ctr" -- sh -c 'cat >/in' <<<one
  start; layered --log-level info run "$ctr" -- sh -c 'cat >/in' <<<one; is "$(hits)" 1
  buildah run "$ctr" -- cat /in </dev/null; is "$output" one
  start; layered --log-level info run "$ctr" -- sh -c 'cat >/in' <<<two; is "$(hits)" 0
  buildah run "$ctr" -- cat /in </dev/null; is "$output" two
}

@test "script-cache: mount and umount end it" {
  mounts() { buildah mount "$ctr"; echo x >"$output/by-hand"; buildah umount "$ctr"; }
  ends mounts
  looks() { buildah mount "$ctr"; buildah umount "$ctr"; }
  ends looks
}

@test "script-cache: volumes and binds with rw end it, read-only binds do not" {
  volume() { layered run -v "$T/context:/mnt" "$ctr" -- touch /mnt/x; }
  ends volume
  bind() { layered run --mount "type=bind,rw,src=$T/context,dst=/mnt" "$ctr" -- touch /mnt/y; }
  ends bind
  start; built --mount "type=bind,src=$T/context,dst=/mnt"
  cached --mount "type=bind,src=$T/context,dst=/mnt"
  echo changed >"$T/context/x"
  start; built --mount "type=bind,src=$T/context,dst=/mnt"; is "$(hits)" 0
}

@test "script-cache: a failed command ends it" {
  fails() { layered 7 run "$ctr" -- sh -c 'echo half >/half; exit 7'; }
  ends fails
  layered commit -q "$ctr" again
  buildah from again
  buildah run "$output" -- cat /half /built; says half
}

@test "script-cache: Debian's buildah changes the record" {
  [ -x /usr/bin/buildah ] || skip "buildah is not installed"
  configures() { stock buildah config --env A=stock "$ctr"; }
  ends configures
  buildah inspect --format '{{.OCIv1.Config.Env}}' "$ctr"; says A=stock
  stock buildah commit "$ctr" by-stock
  buildah from localhost/by-stock
  buildah run "$output" -- test -s /built
}

@test "script-cache: a commit takes it up again" {
  start
  buildah mount "$ctr"; echo x >"$output/by-hand"; buildah umount "$ctr"
  layered commit -q "$ctr" one
  built
  start
  buildah mount "$ctr"; echo y >"$output/by-hand"; buildah umount "$ctr"
  layered commit -q "$ctr" two
  built; is "$(hits)" 0
  layered commit -q "$ctr" three
  buildah inspect --type image --format '{{len .OCIv1.RootFS.DiffIDs}} {{len .OCIv1.History}}' localhost/three
  is "$output" '3 3'
}

@test "script-cache: --timestamp gives the same image on every machine" {
  image() {
    start
    layered run "$ctr" -- sh -c 'echo x >/x'
    layered commit -q --timestamp 1700000000 "$ctr" "$1"
  }
  image one; first=$output
  image two; is "$output" "$first"
  buildah rm --all
  buildah rmi -f one two
  buildah prune -f
  rm -r "$T/root/buildah-cache"
  image three; is "$output" "$first"
}

@test "script-cache: without it nothing is kept" {
  from_base
  buildah run "$ctr" -- touch /x
  buildah commit -q "$ctr" plain
  [ ! -e "$T/root/buildah-cache" ]
  [ ! -e "$T/root/buildah-restand" ]
  buildah images -a -q; is "$(wc -l <<<"$output")" 2
}

@test "script-cache: another mode of the root directory is no state to go on from" {
  closed() { layered run "$ctr" -- chmod 700 /; }
  ends closed
  layered run "$ctr" -- stat -c %a /; is "$output" 700
}
