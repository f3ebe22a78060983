#!/usr/bin/env bats
# How a build is shown: as lines, as objects, as a picture.
# shellcheck disable=SC2154 # output and errors are of helpers

load helpers

# example writes a Dockerfile of two stages.
example() {
  base busybox
  export BUILDAH_ISOLATION=chroot
  cat >context/Dockerfile <<'DOCKERFILE'
FROM busybox AS tools
RUN echo tool >/t; echo to stdout; echo to stderr >&2
FROM busybox
ARG MISSING
COPY --from=tools /t /t
CMD ["sh"]
DOCKERFILE
}

# on_a_terminal WORDS... runs a command line on a terminal of 100 columns; what it
# wrote there is in $output, and its status in $status.
on_a_terminal() {
  status=0
  output=$(TERM=xterm script -qec "stty cols 100 rows 30; $*" /dev/null </dev/null) || status=$?
  errors=
}

@test "progress: off a terminal, all ways but json are the same lines" {
  example
  buildah build --no-cache -t web --build-arg UNUSED=1 context
  local plain=$output id=${output##*$'\n'} said=$errors
  is "$(sed -E "s/^--> .*/--> ID/; s/^$id\$/ID/" <<<"$plain")" "[1/2] STEP 1/2: FROM busybox AS tools
[1/2] STEP 2/2: RUN echo tool >/t; echo to stdout; echo to stderr >&2
to stdout
[2/2] STEP 1/4: FROM busybox
[2/2] STEP 2/4: ARG MISSING
[2/2] STEP 3/4: COPY --from=tools /t /t
[2/2] STEP 4/4: CMD [\"sh\"]
[2/2] COMMIT web
--> ID
[Warning] one or more build args were not consumed: [UNUSED]
Successfully tagged localhost/web:latest
ID"
  [[ $said == "to stderr"* ]]
  for way in plain tty auto; do
    buildah build --no-cache --progress "$way" -t web --build-arg UNUSED=1 context
    is "$(grep -v '^--> ' <<<"$output" | sed '$d')" "$(grep -v '^--> ' <<<"$plain" | sed '$d')"
  done
}

@test "progress: json is one object a line, with all that happens" {
  example
  buildah build --layers --progress json -t web context
  is "$errors" ""
  jq -es 'all(.event and .time)' <<<"$output"
  jq -es '.[0] | .event == "start" and .version == 1' <<<"$output"
  jq -es '[.[] | select(.event == "step-started")] | length == 6 and (.[1] | .number == 2 and .steps == 2 and
    .stage.name == "tools" and .file == "Dockerfile" and .line == 2)' <<<"$output"
  is "$(jq -rj 'select(.event == "output" and .stream == "stdout") | .text' <<<"$output")" "to stdout"
  is "$(jq -rj 'select(.event == "output" and .stream == "stderr") | .text' <<<"$output")" "to stderr"
  jq -es 'any(.event == "warning" and (.message | contains("MISSING")) and .step)' <<<"$output"
  # The steps that change files say how much they wrote.
  jq -es '[.[] | select(.event == "step-ended" and .bytes > 0 and .seconds > 0)] | length == 2' <<<"$output"
  local id; id=$(jq -r 'select(.event == "result") | .id' <<<"$output")
  jq -es '.[-1] | .event == "result" and .names == ["localhost/web:latest"] and (.digest | startswith("sha256:"))' <<<"$output"
  buildah inspect --type image --format '{{.FromImageID}}' web
  is "$output" "$id"
  buildah build --layers --progress json --iidfile "$T/iid" -t web context
  is "$(cat "$T/iid")" "sha256:$id"
  jq -es '[.[] | select(.event == "cache-hit" and .id)] | length == 4' <<<"$output"
}

@test "progress: json ends with the error, where it is and what helps" {
  example
  printf 'FROM busybox\nRUN printf "\\377"; exit 7\n' >context/Dockerfile
  buildah 7 build --progress json --logfile "$T/log" context
  is "$output" ""
  one_line_error
  jq -es 'any(.event == "output" and .base64 == "/w==")' "$T/log"
  jq -es 'any(.event == "step-ended" and .status == "failed")' "$T/log"
  jq -es '.[-1] | .event == "error" and .exitStatus == 7 and .file == "Dockerfile" and .line == 2 and (.instruction | startswith("RUN"))' "$T/log"
  printf 'FROM busybox\nRUN --mount=type=what true\n' >context/Dockerfile
  buildah 125 build --progress json context
  jq -es '.[-1] | .event == "error" and .exitStatus == 125 and .line == 2 and .column > 1' <<<"$output"
}

@test "progress: json of several platforms, in files of their own" {
  example
  printf 'FROM scratch\nLABEL a=b\n' >context/Dockerfile
  buildah build --progress json --platform linux/amd64,linux/arm64 --logfile "$T/log" --logsplit --manifest list context
  for arch in amd64 arm64; do
    jq -es "any(.event == \"step-started\" and .platform == \"linux/$arch\") and .[-1].event == \"result\"" "$T/log_linux_$arch"
    is "$(jq -r 'select(.event == "result") | .id' "$T/log_linux_$arch")" \
      "$(jq -r "select(.event == \"result\") | .images[] | select(.platform == \"linux/$arch\") | .id" "$T/log")"
  done
}

@test "progress: on a terminal, a line for what is done and all output of what failed" {
  example
  local call="'$BUILDAH_BINARY' --root '$T/root' --runroot '$T/run' --storage-driver ${STORAGE_DRIVER:-overlay}"
  on_a_terminal "$call build --layers -t web context"
  is "$status" 0
  says $'\x1b[?2026h'
  [[ $output =~ done.*\[1/2\]\ STEP\ 2/2:\ RUN ]]
  [[ $output =~ built.*" steps, 0 of them from the cache" ]]
  says_not "COMMIT"
  buildah inspect --type image --format '{{.FromImageID}}' web
  local id=$output
  on_a_terminal "NO_COLOR=1 $call build --layers -t web context"
  [[ $output =~ cached.*\[1/2\]\ STEP\ 2/2:\ RUN ]]
  says "$id"
  says_not $'\x1b[32m'
  printf 'FROM busybox\nRUN seq 30; exit 3\n' >context/Dockerfile
  on_a_terminal "$call build context"
  is "$status" 3
  [[ $output =~ failed.*STEP\ 2/2:\ RUN\ seq ]]
  says '| 1'
  says '| 30'
  says 'Error: '
}

@test "progress: a terminal that cannot draw, or is not to, gets lines" {
  example
  local call="'$BUILDAH_BINARY' --root '$T/root' --runroot '$T/run' --storage-driver ${STORAGE_DRIVER:-overlay}"
  for way in "TERM=dumb $call build --progress tty" "$call build --progress plain" "$call build -q" "$call build --logfile '$T/log'"; do
    on_a_terminal "$way context"
    is "$status" 0
    says_not $'\x1b'
  done
  # With standard output elsewhere, the lines go there, unless a picture is asked for.
  on_a_terminal "$call build context >'$T/out'"
  says_not $'\x1b'
  grep -q '^\[1/2\] STEP 1/2' "$T/out"
  on_a_terminal "$call build --progress tty context >'$T/out'"
  says $'\x1b'
  [[ $(cat "$T/out") =~ ^[0-9a-f]{64}$ ]]
}

@test "progress: what cannot be together is refused" {
  example
  for words in "json --quiet" "tty -q" "tty --logfile $T/log" "json --output -" "other"; do
    # shellcheck disable=SC2086 # words
    buildah 125 build --progress $words context
    one_line_error
    is "$output" ""
  done
  says 'the ways are auto, plain, tty, json'
  [ ! -e "$T/log" ]
}
