#!/usr/bin/env bats
# Builds that are stopped from outside leave nothing behind: at once after SIGINT,
# SIGTERM and SIGHUP, after the next build when SIGKILL left no time for it.
load helpers

# start WORD runs a build in the background until its output has the word; its
# process is $pid.
start() {
  local word=$1; shift
  "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" --storage-driver "${STORAGE_DRIVER:-overlay}" \
    bud "$@" "$T/context" >"$T/log" 2>&1 3>&- &
  pid=$!
  for _ in $(seq 300); do
    grep -q "$word" "$T/log" && return
    sleep 0.05
  done
  cat "$T/log"; return 1
}

# stop SIGNAL [STATUS] ends it.
stop() {
  local status=0
  kill "-$1" "$pid"
  wait "$pid" || status=$?
  is "$status" "$2"
}

# gone TEXT: no process has the text in its command line.
gone() {
  for _ in $(seq 100); do
    pgrep -f -- "$1" >/dev/null || return 0
    sleep 0.05
  done
  pgrep -af -- "$1"; return 1
}

prepare() {
  base busybox
  number=$((RANDOM + 100000))
  printf 'FROM docker.io/library/busybox\nRUN echo one >/one\nRUN sleep %s & echo waiting; sleep %s\n' "$number" "$number" >"$T/context/Dockerfile"
}

# stopped_build ISOLATION: stops RUN in all three ways.
stopped_build() {
  prepare
  local signal
  for signal in INT TERM HUP; do
    start waiting --isolation "$1" --layers
    stop "$signal" 125
    gone "sleep $number"
    store_is_clean
    is "$(ls "$T/tmp")" ""
  done
  start waiting --isolation "$1" --layers
  stop KILL 137
  gone "sleep $number"
  printf 'FROM docker.io/library/busybox\nRUN echo next\n' >"$T/context/Dockerfile"
  buildah bud -q --isolation "$1" "$T/context"
  store_is_clean
}

@test "bud signals: a RUN under chroot isolation" { stopped_build chroot; }

@test "bud signals: a RUN under OCI isolation" {
  command -v runc >/dev/null || command -v crun >/dev/null || skip "no OCI runtime is installed"
  stopped_build oci
}

@test "bud signals: a command that ignores them, and stages at the same time" {
  prepare
  printf 'FROM docker.io/library/busybox AS a\nRUN trap "" INT TERM HUP; echo waiting; sleep %s\nFROM docker.io/library/busybox AS b\nRUN trap "" INT TERM HUP; echo waiting; sleep %s\nFROM docker.io/library/busybox\nCOPY --from=a / /a\nCOPY --from=b / /b\n' \
    "$number" "$number" >"$T/context/Dockerfile"
  local isolation
  for isolation in chroot oci; do
    [ "$isolation" = chroot ] || command -v runc >/dev/null || continue
    start waiting --isolation "$isolation" --jobs 2
    stop TERM 125 || { cat "$T/log"; return 1; }
    gone "sleep $number"
    store_is_clean
    is "$(ls "$T/tmp")" ""
  done
}

@test "bud signals: COPY" {
  base busybox
  mkdir "$T/context/tree"
  (cd "$T/context/tree" && seq 20000 | xargs touch)
  printf 'FROM docker.io/library/busybox\nCOPY tree /tree\n' >"$T/context/Dockerfile"
  start "STEP 2/2" ; stop INT 125
  store_is_clean
  start "STEP 2/2" ; stop KILL 137
  buildah bud -q -t after "$T/context"
  store_is_clean
  buildah from --name c after; buildah mount c
  is "$(find "$output/tree" -type f | wc -l)" 20000
}

@test "bud signals: commit" {
  base busybox
  printf 'FROM docker.io/library/busybox\nRUN dd if=/dev/zero of=/big bs=1M count=300 2>/dev/null\n' >"$T/context/Dockerfile"
  local signal
  for signal in "INT 125" "KILL 137"; do
    start COMMIT --isolation chroot --timestamp 1 -t big
    # shellcheck disable=SC2086 # signal and status
    stop $signal
    buildah 125 inspect --type image big
  done
  buildah bud -q --isolation chroot --timestamp 1 -t big "$T/context"
  store_is_clean
  buildah from --name c big
  buildah run --isolation chroot c sh -c 'wc -c </big'
  is "$output" 314572800
}
