#!/usr/bin/env bats
# The cache that machines share: --cache-to and --cache-from.
load helpers

# machine NAME [STATUS] ARGUMENTS... is buildah with a store of its own and, after
# `networks`, in a network of its own.
machine() {
  local name=$1 want=0 status=0 inside=()
  shift
  if [[ ${1:-} =~ ^[0-9]+$ ]]; then want=$1; shift; fi
  [ -z "${NETWORKS:-}" ] || inside=(nsenter "--net=/run/netns/$NETWORKS-$name")
  output=$("${inside[@]}" "$BUILDAH_BINARY" --root "$T/$name/root" --runroot "$T/$name/run" --storage-driver overlay "$@" 2>"$T/stderr") || status=$?
  errors=$(cat "$T/stderr")
  [ "$status" -eq "$want" ] || { printf 'machine %s %s\nstatus %s, wanted %s\nstdout: %s\nstderr: %s\n' "$name" "$*" "$status" "$want" "$output" "$errors"; return 1; }
}

# networks NAME... gives each machine a network, and the registry another.
networks() {
  local name n=1
  NETWORKS=cache$BASHPID
  for name in registry "$@"; do
    ip netns add "$NETWORKS-$name"
    ip -n "$NETWORKS-$name" link set lo up
  done
  ip -n "$NETWORKS-registry" link add bridge type bridge
  ip -n "$NETWORKS-registry" addr add 10.77.0.1/24 dev bridge
  ip -n "$NETWORKS-registry" link set bridge up
  for name in "$@"; do
    n=$((n + 1))
    ip -n "$NETWORKS-registry" link add "to-$name" type veth peer name eth0 netns "$NETWORKS-$name"
    ip -n "$NETWORKS-registry" link set "to-$name" master bridge up
    ip -n "$NETWORKS-$name" addr add "10.77.0.$n/24" dev eth0
    ip -n "$NETWORKS-$name" link set eth0 up
  done
}

# bats runs this after every test, before the helpers' teardown.
drop_networks() {
  local path
  [ -n "${NETWORKS:-}" ] || return 0
  for path in "/run/netns/$NETWORKS"-*; do ip netns del "$(basename "$path")"; done
}

teardown() {
  cd /
  stop_registry
  drop_networks
  awk -v at="$BATS_TEST_TMPDIR" 'index($5, at) == 1 {print $5}' /proc/self/mountinfo | sort -r |
    while read -r mount; do umount -l "$(printf %b "$mount")" 2>/dev/null || true; done
}

# far_registry serves a registry in the network of its own, and writes down who asks.
far_registry() {
  printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "10.77.0.1:5000"}\nlog: {level: error, accesslog: {disabled: false}}\n' \
    "$T/registry" >"$T/registry.yml"
  nsenter "--net=/run/netns/$NETWORKS-registry" docker-registry serve "$T/registry.yml" >>"$T/requests" 2>&1 3>&- &
  export REGISTRY_PID=$! REGISTRY=10.77.0.1:5000
  for _ in $(seq 50); do
    nsenter "--net=/run/netns/$NETWORKS-registry" curl -fs "http://$REGISTRY/v2/" >/dev/null && break
    sleep 0.1
  done
  printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$REGISTRY" >>"$T/registries.conf"
}

# context writes a build of two stages, and puts its base where all machines find it.
context() {
  machine maker pull -q "oci:$BATS_SUITE_TMPDIR/busybox"
  machine maker push -q "$output" "docker://$REGISTRY/base"
  echo one >"$T/context/file"
  cat >"$T/context/Dockerfile" <<D
FROM $REGISTRY/base AS tools
RUN dd if=/dev/urandom of=/big bs=1k count=300 2>/dev/null
RUN date +%s%N >/tool
LABEL stage=tools
FROM $REGISTRY/base
ENV WORD=a
COPY file /file
COPY --from=tools /tool /tool
RUN echo "running here"; cat /tool >/result
CMD ["/bin/sh"]
D
}

# build NAME [STATUS] FLAGS...
build() {
  local name=$1 want=0
  shift
  if [[ ${1:-} =~ ^[0-9]+$ ]]; then want=$1; shift; fi
  machine "$name" "$want" build --network none --layers "$@" "$T/context"
}

# same makes the build come to the same each time.
same() { sed -i '/urandom/d; s/date .*>/echo tool >/' "$T/context/Dockerfile"; }

# ran, ran_not: the last RUN was carried out, or not.
ran() { grep -qx 'running here' <<<"$output"; }
ran_not() { ! ran; }

count() { grep -c "$1" <<<"$output" || true; }

# asked METHOD PATH counts the requests that succeeded.
asked() { grep -cE "\"$1 /v2/[^ ]*$2[^ ]* HTTP/1.1\" 20" "$T/requests" || true; }

@test "remote cache: another machine has hits only, and fetches what the result needs" {
  needs docker-registry; needs ip; needs nsenter
  networks one two three maker
  far_registry
  context
  build one --cache-to "$REGISTRY/cache" -t app
  is "$(count '^--> Pushing cache \[10.77.0.1:5000/cache\]:[0-9a-f]\{64\}$')" 9 # a COPY --from has two keys
  is "$(count '^--> Using cache')" 0
  id=$(tail -n 1 <<<"$output")

  : >"$T/requests"
  build two --cache-from "$REGISTRY/cache" -t app
  is "$(count '^--> Cache pulled from remote 10.77.0.1:5000/cache:[0-9a-f]\{64\}$')" 8
  is "$(count '^--> Using cache')" 8
  ran_not
  is "$(tail -n 1 <<<"$output")" "$id"
  is "$(asked GET cache/blobs/)" 3 # the layers of the last stage, and no text
  is "$(grep -o 'GET /v2/base/blobs/[^ ]*' "$T/requests" | sort | uniq -c | grep -c '^ *1 ')" 1 # the base's layer
  machine two from --name c app
  machine two run --network none c cat /tool /result
  is "$(uniq <<<"$output" | wc -l)" 1
  machine two rm c

  : >"$T/requests"
  build two --cache-from "$REGISTRY/cache" -t app
  is "$(count '^--> Using cache')" 8
  is "$(asked GET cache/)" 0 # what was learnt is known, also where no layers are

  # A changed file: what comes before it is known, and its layers are fetched.
  echo two >"$T/context/file"
  build three --cache-from "$REGISTRY/cache" --cache-to "$REGISTRY/cache" -t app
  is "$(count '^--> Using cache')" 4
  ran
  build one --cache-from "$REGISTRY/cache" -t app
  is "$(count '^--> Using cache')" 8
}

@test "remote cache: with a fixed time, with and without it the image is the same" {
  start_registry
  context
  same
  build one --timestamp 1700000000 --cache-to "$REGISTRY/cache"
  id=$(tail -n 1 <<<"$output")
  build two --timestamp 1700000000 --cache-from "$REGISTRY/cache"
  is "$(count '^--> Using cache')" 7
  is "$(tail -n 1 <<<"$output")" "$id"
  build three --timestamp 1700000000
  is "$(tail -n 1 <<<"$output")" "$id"
}

@test "remote cache: lines and places" {
  start_registry
  context
  build one --cache-to "$REGISTRY/first" --cache-to "type=registry,ref=$REGISTRY/second,compression=zstd" -t app
  grep -A 1 '^\[2/2\] COMMIT app$' <<<"$output" | tail -n 1 | grep -q "^--> Pushing cache \[$REGISTRY/first $REGISTRY/second\]:"
  # What is known here is written to a further place, and what came from one is not sent back.
  build one --cache-from "$REGISTRY/first" --cache-to "oci:$T/third" --cache-to "dir:$T/fourth"
  is "$(count '^--> Pushing cache \[oci:.*/third dir:.*/fourth\]:')" 8
  n=1
  for place in "$REGISTRY/second" "type=local,src=$T/third" "dir:$T/fourth"; do
    build "at$((n++))" --cache-from "dir:$T/none" --cache-from "$place" --cache-to "$REGISTRY/first"
    is "$(count '^--> Using cache')" 8
    is "$(count '^--> Pushing cache')" 0
  done
  is "$(find "$T/third" "$T/fourth" -name '.new-*' -o -name 'oci-put-blob*')" ""
  grep -q 'tar+zstd' -r "$T/registry"
}

@test "remote cache: builds at the same time" {
  [ -n "${SOAK:-}" ] || skip "one of the Go tests has several writers; SOAK=1 has whole builds"
  start_registry
  context
  same
  for n in 1 2 3; do
    BUILDAH_ISOLATION=chroot "$BUILDAH_BINARY" --root "$T/m$n/root" --runroot "$T/m$n/run" --storage-driver overlay \
      build -q --network none --layers --timestamp 1700000000 --cache-from "oci:$T/cache" --cache-to "oci:$T/cache" "$T/context" >"$T/id$n" 2>"$T/errors$n" 3>&- &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
  cat "$T"/errors?
  is "$(cat "$T"/errors? | grep -vcE 'Copying|Trying|Getting|Writing')" 0
  is "$(sort -u "$T"/id? | wc -l)" 1
  BUILDAH_ISOLATION=chroot build two --timestamp 1700000000 --cache-from "oci:$T/cache"
  is "$(count '^--> Using cache')" 7
}

@test "remote cache: what is damaged or not there is a miss" {
  start_registry
  context
  build one --cache-to "oci:$T/cache"
  id=$(tail -n 1 <<<"$output")
  largest=$(find "$T/cache/blobs" -type f -printf '%s %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2)
  for file in "$T"/cache/blobs/sha256/*; do
    grep -q '^{' "$file" || [ "$file" = "$largest" ] || truncate -s 50 "$file"
  done
  build two --retry 0 --cache-from "oci:$T/cache" --cache-to "oci:$T/cache" -t app
  says 'the build begins again without it'
  ran
  [ "$(tail -n 1 <<<"$output")" != "$id" ]
  machine two containers -q -a
  is "$output" ""
  build three --cache-from "oci:$T/cache" # which was mended
  is "$(count '^--> Using cache')" 8
  says_not 'begins again'

  stop_registry
  build three --retry 0 --cache-from "$REGISTRY/cache" # all is known
  echo two >"$T/context/file"
  build three --retry 0 --cache-from "$REGISTRY/cache"
  is "$(grep -c "going on without the cache" <<<"$errors")" 1
}

@test "remote cache: what cannot be written is an error, and the image is there" {
  start_registry
  context
  sed -i 1q "$T/context/Dockerfile"
  echo 'ENV A=b' >>"$T/context/Dockerfile"
  machine one pull -q "docker://$REGISTRY/base"
  stop_registry
  build one 125 --retry 0 --cache-to "$REGISTRY/cache" -t app
  says "failed pushing cache to \"$REGISTRY/cache\""
  one_line_error
  machine one images -q localhost/app
  [ -n "$output" ]
  build one --retry 0 --cache-to "type=registry,ref=$REGISTRY/other,ignore-error=true"
  says 'is not written to any more'
}

@test "remote cache: refusals" {
  printf 'FROM scratch\nLABEL a=b\n' >"$T/context/Dockerfile"
  buildah 125 build --layers --cache-from app:latest "$T/context"
  says 'repository must contain neither a tag nor digest'
  buildah 125 build --layers --cache-to type=inline "$T/context"
  says 'write type=registry,ref=REPOSITORY or type=local,dest=DIR'
  buildah 125 build --layers --cache-to type=registry,ref=app,mode=most "$T/context"
  one_line_error
  buildah 125 build --layers --compression-format lzma --cache-to "oci:$T/cache" "$T/context"
  says 'use gzip, zstd or zstd:chunked'
  buildah build --cache-from invalidimage "$T/context" # without --layers nothing is looked up
}
