#!/usr/bin/env bats
# The same input gives the same bytes, on another store, at another time.

load helpers

EPOCH=1600000000

context() {
  cat >"$T/context/Dockerfile" <<'DOCKERFILE'
FROM docker.io/library/busybox
RUN mkdir -p /made/deep && echo one >/made/file && ln /made/file /made/deep/hard && ln -s file /made/link && rm /bin/ash
RUN rm -r /var/lib /home && mkdir /home && echo two >/home/new && chmod 4755 /made/file && touch -d @1000 /made/old
COPY file dir/ /copied/
RUN rm -r /made/deep && mv /made/file /moved && chown 12:34 /moved
LABEL a=b
DOCKERFILE
  mkdir -p "$T/context/dir"
  echo content >"$T/context/file"; echo more >"$T/context/dir/more"
  touch -d @1500000000 "$T/context/file"
}

# image_of NAME STORE [VARIABLE=VALUE] FLAGS... builds the context on a store of
# its own and gives the image's ID, the digest of its manifest and the layers' blobs.
image_of() {
  local out=$1 at=$2; shift 2
  local T=$T/$at
  mkdir -p "$T"
  base busybox
  env "$@" "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" --storage-driver "${STORAGE_DRIVER:-overlay}" \
    bud -q "${FLAGS[@]}" -t "made" "$BATS_TEST_TMPDIR/context" >"$T/id" 2>"$T/stderr" || { cat "$T/stderr"; return 1; }
  buildah push -q made "dir:$T/image"
  printf -v "$out" '%s' "$(cat "$T/id") $(sha256sum <"$T/image/manifest.json") $(cd "$T/image" && echo *)"
}

# same_twice STORE [VARIABLE=VALUE] builds twice and compares.
same_twice() {
  local first second
  context
  image_of first "$1.1" "${@:2}"
  sleep 1.1
  touch "$T/context/dir/more" # what is newer than the time is clamped
  image_of second "$1.2" "${@:2}"
  is "$second" "$first"
}

variants() {
  FLAGS=(--timestamp "$EPOCH")
  same_twice set
  FLAGS=(--rewrite-timestamp)
  same_twice clamped SOURCE_DATE_EPOCH="$EPOCH"
}

@test "reproducible: bud with --timestamp, and with SOURCE_DATE_EPOCH and --rewrite-timestamp" {
  variants
}

@test "reproducible: the same on vfs" {
  STORAGE_DRIVER=vfs variants
}

@test "reproducible: a layer a step" {
  FLAGS=(--layers --source-date-epoch "$EPOCH" --rewrite-timestamp)
  same_twice layers
}

# committed STORE prints the ID that commit gives to a container changed by hand.
committed() {
  local T=$T/$1 root
  mkdir -p "$T"
  from_base >/dev/null
  buildah mount "$ctr"; root=$output
  mkdir -p "$root/dir/sub"; echo "$1" | tr -d '[:alnum:]' >"$root/dir/sub/file"; rm -r "$root/home"; touch "$root/bin/busybox"
  buildah umount "$ctr"
  buildah commit -q "${FLAGS[@]}" "$ctr" made
  echo "$output"
}

@test "reproducible: commit of a user's container, also squashed" {
  local driver extra first second n=0
  for driver in overlay vfs; do
    for extra in "--timestamp $EPOCH" "--source-date-epoch $EPOCH --rewrite-timestamp" "--timestamp $EPOCH --squash"; do
      read -ra FLAGS <<<"$extra"
      n=$((n + 2))
      first=$(STORAGE_DRIVER=$driver committed "s$n")
      sleep 1.1
      second=$(STORAGE_DRIVER=$driver committed "s$((n + 1))")
      is "$second" "$first"
    done
  done
}

@test "reproducible: two times are one too many, also when one is in the environment" {
  from_base
  buildah 125 commit --timestamp 1 --source-date-epoch 1 "$ctr"
  says "would be ambiguous if allowed together"; says_not "unset"; one_line_error
  SOURCE_DATE_EPOCH=1 buildah 125 commit --timestamp 1 "$ctr"
  says "would be ambiguous if allowed together: leave out --timestamp, or unset SOURCE_DATE_EPOCH"; one_line_error
}
