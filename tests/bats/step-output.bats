#!/usr/bin/env bats
# The lines that `build` writes, byte for byte, and its exit statuses.
# shellcheck disable=SC2016,SC2154 # what is in single quotes is for other shells; output is of helpers
load helpers

dockerfile() { cat >"$T/context/Dockerfile"; }

# lines checks the standard output; IDs are shown as LONG and SHORT.
lines() {
  local got
  got=$(sed -E 's/\b[0-9a-f]{64}\b/LONG/g; s/^--> [0-9a-f]{12}$/--> SHORT/' <<<"$output")
  is "$got" "$(cat)"
}

@test "step output: one stage" {
  base busybox
  dockerfile <<'D'
from docker.io/library/busybox
arg V=v
env A=$V
run echo one; \
  echo two
D
  buildah bud "$T/context"
  is "$errors" ""
  lines <<'L'
STEP 1/4: FROM docker.io/library/busybox
STEP 2/4: arg V=v
STEP 3/4: env A=$V
STEP 4/4: run echo one;   echo two
one
two
COMMIT
--> SHORT
LONG
L
  buildah bud -t a -t docker.io/b "$T/context"
  is "$(tail -n 5 <<<"$output" | head -n 4)" "COMMIT a
--> ${output: -64:12}
Successfully tagged localhost/a:latest
Successfully tagged docker.io/library/b:latest"
}

@test "step output: stages, one of which is skipped, and what was not consumed" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox AS One
RUN echo 1
FROM scratch AS unused
COPY Dockerfile /
FROM One AS three
LABEL x=y
COPY --from=0 /etc/passwd /passwd
D
  buildah bud -t result --build-arg Z=1 --build-arg A=1 "$T/context"
  lines <<'L'
[1/3] STEP 1/2: FROM docker.io/library/busybox AS One
[1/3] STEP 2/2: RUN echo 1
1
--> SHORT
[3/3] STEP 1/3: FROM LONG AS three
[3/3] STEP 2/3: LABEL x=y
[3/3] STEP 3/3: COPY --from=0 /etc/passwd /passwd
[3/3] COMMIT result
--> SHORT
[Warning] one or more build args were not consumed: [A Z]
Successfully tagged localhost/result:latest
LONG
L
}

@test "step output: quiet, files with the ID, a log file" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox
ARG missing
RUN echo out; echo err >&2
D
  buildah bud -q "$T/context"; lines <<<LONG
  [[ $errors == *$'\nerr' ]]
  buildah bud --iidfile "$T/id" "$T/context"
  lines <<'L'
STEP 1/3: FROM docker.io/library/busybox
STEP 2/3: ARG missing
STEP 3/3: RUN echo out; echo err >&2
out
COMMIT
L
  is "$(sed -E 's/[0-9a-f]{64}/LONG/' "$T/id") $(stat -c %s "$T/id")" "sha256:LONG 71"
  buildah bud --iidfile-raw "$T/id" "$T/context"
  is "$(tail -n 1 <<<"$output")" "--> $(cut -c 1-12 "$T/id")"
  is "$(stat -c %s "$T/id")" 64
  buildah bud --logfile "$T/log" "$T/context"
  is "$output$errors" ""
  is "$(stat -c %a "$T/log")" 600
  grep -q 'level=warning msg="missing' "$T/log"
  grep -qx err "$T/log"
  [[ $(tail -n 1 "$T/log") =~ ^[0-9a-f]{64}$ ]]
}

@test "step output: statuses" {
  base busybox
  run_fails() { printf 'FROM docker.io/library/busybox\n%s\n' "$2" | dockerfile; buildah "$1" bud "$T/context"; one_line_error; }
  run_fails 42 'RUN exit 42'
  is "$(tail -c 17 <<<"${errors%%$'\n'*}" | tr -d '\n')" ": exit status 42"
  run_fails 2 'RUN'
  says "-c requires an argument"
  run_fails 127 'RUN nosuchcommand'
  run_fails 1 'RUN ["nosuchcommand"]'
  run_fails 125 'COPY nosuch /'
  run_fails 125 'NOSUCH'
  run_fails 125 'FROM localhost/nosuch'
  buildah 125 bud --nosuch "$T/context"
  buildah 125 bud a b
  says "accepts at most 1 arg(s), received 2"
  buildah 125 bud --pull-never -t UPPER "$T/context"
  store_is_clean
}
