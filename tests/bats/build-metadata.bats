#!/usr/bin/env bats
# Flags of `build` about labels, annotations, variables and the history.
load helpers

dockerfile() { cat >"$T/context/Dockerfile"; }

config_of() { buildah inspect --type image "$1"; output=$(jq -c "$2" <<<"$output"); }

@test "metadata: labels of the file, of the options and of images on the way" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox
LABEL file=1 keep=1
ENV E=file
RUN touch /x
RUN touch /y
D
  buildah build -q --layers --layer-label file=no --layer-label way=1 --layer-label empty --label keep=cli --label = --label novalue --unsetlabel file --unsetlabel io.buildah.version \
    --env E=option --env F=2 --unsetenv E -t result "$T/context"
  config_of result .OCIv1.config.Labels; is "$output" '{"keep":"cli","novalue":""}'
  config_of result '.OCIv1.config.Env[1:]'; is "$output" '["F=2"]'
  config_of result '.OCIv1.history[-1].created_by | contains("|unsetLabel=file|unsetLabel=io.buildah.version")'; is "$output" true
  buildah images -a --no-trunc --json
  local id found=
  for id in $(jq -r '.[] | select(.names == null) | .id | sub("sha256:"; "")' <<<"$output"); do
    config_of "$id" .OCIv1.config.Labels; found="$found $output"
  done
  is "$found" ' {"empty":"","keep":"1","way":"1"} {"empty":"","keep":"1","way":"1"}'
}

@test "metadata: annotations, set, dropped and inherited" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
RUN touch /x'
  buildah build -q --layers --annotation a=x,b=z --annotation c=d=e -t first "$T/context"
  config_of first '[.ImageAnnotations.a, .ImageAnnotations.c, .ImageAnnotations["org.opencontainers.image.created"] == .OCIv1.created]'; is "$output" '["x,b=z","d=e",true]'
  dockerfile <<<'FROM localhost/first'
  buildah build -q --unsetannotation a,c --unsetannotation org.opencontainers.image.created --annotation n=1 -t second "$T/context"
  config_of second '.ImageAnnotations | keys'; is "$output" '["n","org.opencontainers.image.base.digest","org.opencontainers.image.base.name"]'
  buildah build -q --inherit-annotations=false --created-annotation=false -t none "$T/context"
  config_of none '.ImageAnnotations // {}'; is "$output" '{}'
}

@test "metadata: the identity label" {
  dockerfile <<<'FROM scratch
COPY Dockerfile /'
  local key='.OCIv1.config.Labels | has("io.buildah.version")'
  buildah build -q -t a "$T/context"; config_of a "$key"; is "$output" true
  buildah build -q --identity-label=false -t b "$T/context"; config_of b '.OCIv1.config.Labels'; is "$output" null
  buildah build -q --timestamp 0 -t c "$T/context"; config_of c '.OCIv1.config.Labels'; is "$output" null
  config_of c '.ImageAnnotations["org.opencontainers.image.created"]'; is "$output" '"1970-01-01T00:00:00Z"'
  SOURCE_DATE_EPOCH=0 buildah build -q -t d "$T/context"; config_of d '.OCIv1.config.Labels'; is "$output" null
  buildah build -q --timestamp 0 --identity-label -t e "$T/context"; config_of e "$key"; is "$output" true
  # One that is inherited stays.
  dockerfile <<<'FROM localhost/a
ENV X=1'
  buildah build -q --identity-label=false -t f "$T/context"; config_of f "$key"; is "$output" true
}

@test "metadata: --omit-history" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
RUN touch /x'
  buildah build -q --omit-history -t none "$T/context"
  config_of none '[.OCIv1.history, .Docker.history]'; is "$output" '[null,null]'
}

@test "metadata: squashed, the history is that of the stage" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox
ENV A=1
RUN touch /x
RUN touch /y
D
  local layers
  for layers in --layers --layers=false; do
    buildah build -q --squash $layers -t "squashed" "$T/context"
    config_of squashed '[.OCIv1.history[].created_by | sub("^/bin/sh -c (#.nop. )?"; "")]'; is "$output" '["ENV A=1","touch /x","touch /y"]'
    config_of squashed '[(.OCIv1.rootfs.diff_ids | length), (.OCIv1.history[:-1] | all(.empty_layer)), .OCIv1.history[-1].empty_layer]'; is "$output" '[1,true,null]'
  done
  buildah build -q --squash --layers --format docker -t docker "$T/context"
  config_of docker '.Docker.parent // ""'; is "$output" '""'
}

@test "metadata: build arguments of files come before those of options" {
  dockerfile <<'D'
FROM scratch
ARG A
ARG B
ARG C=default
LABEL all="$A $B $C"
D
  printf '# comment\n\nA=file\nB=file\nFROMENV\n' >args
  FROMENV=unused buildah build -q --build-arg A=option --build-arg-file args --build-arg C -t args "$T/context"
  config_of args .OCIv1.config.Labels.all; is "$output" '"option file default"'
  buildah 125 build --build-arg-file "$T/nosuch" "$T/context"
  says "reading build arguments"
  one_line_error
}
