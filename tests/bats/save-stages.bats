#!/usr/bin/env bats
# --save-stages and --stage-labels of `build`.
load helpers

dockerfile() { cat >"$T/context/Dockerfile"; }

# unnamed counts the images without a name.
unnamed() { buildah images -a --json; output=$(jq '[.[] | select(.names == null)] | length' <<<"$output"); }

# labels_of IMAGE prints the labels that say what a stage is.
labels_of() {
  buildah inspect --type image "$1"
  output=$(jq -r '.OCIv1.config.Labels | "\(.["io.buildah.stage.name"]) \(.["io.buildah.stage.base"])"' <<<"$output")
}

# stage NAME prints the ID of the unnamed image that is labelled so.
stage() {
  local id
  buildah images -a --no-trunc --json
  for id in $(jq -r '.[] | select(.names == null) | .id | sub("sha256:"; "")' <<<"$output"); do
    labels_of "$id"
    [[ "$output" != "$1 "* ]] || { output=$id; return; }
  done
  echo "no image of stage $1"; return 1
}

three_stages() {
  dockerfile <<'D'
ARG BASE=docker.io/library/busybox
FROM $BASE AS parent
RUN echo p >/p
FROM parent
RUN echo c >/c
FROM ${BASE} AS Alone
COPY Dockerfile /d
FROM docker.io/library/busybox AS empty
FROM docker.io/library/busybox AS unused
RUN exit 1
FROM empty
COPY --from=1 /c /c
COPY --from=alone /d /d
D
}

@test "save-stages: every built stage with steps leaves one image" {
  base busybox
  three_stages
  buildah build -q -t plain "$T/context"; unnamed; is "$output" 0
  buildah build -q --save-stages -t saved "$T/context"
  unnamed; is "$output" 3
  buildah inspect --type image plain; plain=$(jq '.OCIv1.rootfs.diff_ids | length' <<<"$output")
  buildah inspect --type image saved; is "$(jq '.OCIv1.rootfs.diff_ids | length' <<<"$output")" "$plain"
  # Again is again.
  buildah build --save-stages -t saved2 "$T/context"; says_not "Using cache"
  unnamed; is "$output" 6
  store_is_clean
}

@test "save-stages: one stage adds nothing" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
RUN touch /x'
  buildah build -q --save-stages --stage-labels -t one "$T/context"
  unnamed; is "$output" 0
  labels_of one; is "$output" "0 docker.io/library/busybox"
}

@test "save-stages: what is not the result of a failed build stays" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox AS first
RUN touch /x
FROM docker.io/library/busybox
COPY --from=first /nosuch /'
  buildah 125 build -q --save-stages "$T/context"
  unnamed; is "$output" 1
  store_is_clean
}

@test "save-stages: labels say what a stage was and stood on" {
  base busybox
  three_stages
  buildah build --save-stages --stage-labels -t result "$T/context"
  says 'STEP 2/3: LABEL "io.buildah.stage.name"="parent" "io.buildah.stage.base"="docker.io/library/busybox"'
  says_not '${'
  buildah images -q --no-trunc busybox
  empty=${output#sha256:}
  labels_of result; is "$output" "5 $empty"
  stage parent; parent=$output
  stage Alone; labels_of "$output"; is "$output" "Alone docker.io/library/busybox"
  stage 1; labels_of "$output"; is "$output" "1 $parent"
  buildah inspect --type image "$parent"
  is "$(jq -r '[.OCIv1.history[].created_by | select(contains("io.buildah.stage.name"))] | length' <<<"$output")" 1
}

@test "save-stages: a labelled stage on a stage has its own labels" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox AS base
RUN touch /x
FROM base
RUN touch /y'
  buildah build -q --layers --save-stages --stage-labels -t result "$T/context"
  stage base; base=$output
  labels_of result; is "$output" "1 $base"
}

@test "save-stages: labels without images are refused" {
  dockerfile <<<'FROM scratch'
  buildah 125 build --stage-labels "$T/context"
  says '"--stage-labels" requires "--save-stages"'
  one_line_error
}
