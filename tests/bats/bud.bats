#!/usr/bin/env bats
# Invocation, stages, arguments and output of `bud`.
load helpers

# dockerfile writes the standard input to the context's Dockerfile.
dockerfile() { cat >"$T/context/${1:-Dockerfile}"; }

# config_of IMAGE PATH prints a part of the image's configuration.
config_of() { buildah inspect --type image "$1"; output=$(jq -c "$2" <<<"$output"); }

@test "bud: step lines, commit line, the final ID" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox
ENV A=b
RUN echo ran
COPY Dockerfile /
D
  buildah bud -t one "$T/context"
  [[ "$output" == *"STEP 1/4: FROM docker.io/library/busybox"*"STEP 2/4: ENV A=b"*"STEP 3/4: RUN echo ran"*$'\nran\n'*"STEP 4/4: COPY Dockerfile /"*"COMMIT one"*"Successfully tagged localhost/one:latest"* ]]
  id=$(tail -n 1 <<<"$output")
  [[ $id =~ ^[0-9a-f]{64}$ ]]
  says "--> ${id:0:12}"
  store_is_clean
}

@test "bud: quiet, --iidfile, several tags" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
RUN echo noise'
  buildah bud -q -t a -t b:2 "$T/context"
  [[ $output =~ ^[0-9a-f]{64}$ ]]
  buildah images --json a
  is "$(jq -r '.[0].names | sort | join(" ")' <<<"$output")" "localhost/a:latest localhost/b:2"
  buildah bud --iidfile "$T/iid" "$T/context"
  says_not "-->"
  [[ $(cat "$T/iid") =~ ^sha256:[0-9a-f]{64}$ ]]
}

@test "bud: the file is found, named, or read from standard input" {
  base busybox
  dockerfile Containerfile <<<'FROM docker.io/library/busybox
LABEL from=containerfile'
  dockerfile <<<'FROM docker.io/library/busybox
LABEL from=dockerfile'
  dockerfile other <<<'FROM docker.io/library/busybox
LABEL from=other'
  buildah bud -q "$T/context"; config_of "$output" .OCIv1.config.Labels.from; is "$output" '"containerfile"'
  buildah bud -q -f other "$T/context"; config_of "$output" .OCIv1.config.Labels.from; is "$output" '"other"'
  (cd "$T/context" && buildah bud -q . && echo "$output" >"$T/id")
  printf 'FROM docker.io/library/busybox\nLABEL from=stdin\n' >"$T/in"
  buildah bud -q -t stdin -f - "$T/context" <"$T/in"; config_of stdin .OCIv1.config.Labels.from; is "$output" '"stdin"'
  buildah bud -q -t nocontext - <"$T/in"; config_of nocontext .OCIv1.config.Labels.from; is "$output" '"stdin"'
  tar -C "$T/context" -czf "$T/context.tgz" .
  buildah bud -q -t tarred - <"$T/context.tgz"; config_of tarred .OCIv1.config.Labels.from; is "$output" '"containerfile"'
  rm "$T/context/Containerfile" "$T/context/Dockerfile"
  buildah 125 bud "$T/context"
  says "no such file or directory"
  one_line_error
}

@test "bud: stages by name, by number, by target; unused ones are skipped" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox AS first
RUN echo one >/one
FROM docker.io/library/busybox AS unused
RUN echo must-not-run; false
FROM first AS third
RUN cat /one && echo three >/three
FROM scratch
COPY --from=0 /one /one
COPY --from=third /three /three
D
  buildah bud -t multi "$T/context"
  says "[1/4] STEP 1/2: FROM docker.io/library/busybox AS first"
  says "[4/4] COMMIT multi"
  says_not must-not-run
  buildah from --name m multi
  buildah mount m
  is "$(cat "$output/one" "$output/three" | tr '\n' ' ')" "one three "
  buildah rm --force m
  buildah bud -q -t target --target third "$T/context"
  config_of target '.OCIv1.rootfs.diff_ids | length'; is "$output" 3
  buildah 125 bud --target nosuch "$T/context"
  says "the target \"nosuch\" was not found"
  store_is_clean
}

@test "bud: arguments" {
  base busybox
  dockerfile <<'D'
ARG TAG=latest
FROM docker.io/library/busybox:${TAG}
ARG A=default
ARG B
ARG TARGETARCH
ENV FROM_ARG=$A OTHER=${B:-none}
RUN echo "A=$A B=$B ARCH=$TARGETARCH" >/args
LABEL tag=${TAG}
D
  buildah bud -q -t args --build-arg B=given --build-arg TAG=latest "$T/context"
  config_of args .OCIv1.config.Env; [[ $output == *FROM_ARG=default* && $output == *OTHER=given* ]]
  config_of args .OCIv1.config.Labels.tag; is "$output" '""'
  buildah from --name a args
  buildah run --isolation chroot a cat /args
  says "A=default B=given ARCH=amd64"
  buildah bud --build-arg UNUSED=1 "$T/context"
  says "[Warning] one or more build args were not consumed: [UNUSED]"
  FROM_ENVIRONMENT=x buildah bud -q --build-arg B "$T/context"
}

@test "bud: --layers keeps an image for each step that changes files" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox
RUN echo one >/one
RUN echo two >/two
ENV A=b
D
  buildah bud --layers -t layered "$T/context"
  is "$(grep -c '^--> [0-9a-f]\{12\}$' <<<"$output")" 3
  config_of layered '.OCIv1.rootfs.diff_ids | length'; is "$output" 3
  buildah images -a -q; [ "$(wc -l <<<"$output")" -ge 3 ]
  buildah bud -t flat "$T/context"
  config_of flat '.OCIv1.rootfs.diff_ids | length'; is "$output" 2
  buildah bud --no-cache --layers -q -t again "$T/context"
  buildah bud --squash -q -t squashed "$T/context"
  config_of squashed '.OCIv1.rootfs.diff_ids | length'; is "$output" 1
  store_is_clean
}

@test "bud: nothing but FROM gives the base another name" {
  base busybox
  buildah images -q --no-trunc docker.io/library/busybox; before=$output
  dockerfile <<<'FROM docker.io/library/busybox'
  buildah bud -q -t renamed "$T/context"
  is "sha256:$output" "$before"
  dockerfile <<<'FROM scratch'
  buildah bud -q -t empty "$T/context"
  config_of empty .OCIv1.rootfs.diff_ids; [ "$output" = null ] || [ "$output" = "[]" ]
}

@test "bud: destinations, formats, labels, annotations, times" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
RUN touch /x'
  buildah bud -q -t "oci:$T/layout:x" "$T/context"
  [ -e "$T/layout/index.json" ]
  buildah bud -q --format docker -t "dir:$T/dir" "$T/context"
  is "$(jq -r .mediaType "$T/dir/manifest.json")" application/vnd.docker.distribution.manifest.v2+json
  buildah bud -q -t l --label a=b --annotation c=d "$T/context"
  buildah inspect --type image --format '{{index .OCIv1.Config.Labels "a"}}{{index .ImageAnnotations "c"}}' l; is "$output" bd
  buildah bud -q --timestamp 42 "$T/context"; one=$output
  sleep 1.1
  buildah bud -q --timestamp 42 "$T/context"; is "$output" "$one"
  buildah bud -q --timestamp 42 --layers "$T/context"; two=$output
  buildah bud -q --timestamp 42 --layers "$T/context"; is "$output" "$two"
}

@test "bud: triggers of the base run as steps" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
ONBUILD COPY data /data
ONBUILD RUN cat /data >/copied
ONBUILD ENV T=1'
  buildah bud -q --format docker -t withtriggers "$T/context"
  echo payload >"$T/context/data"
  dockerfile <<<'FROM localhost/withtriggers
RUN cat /copied'
  buildah bud -t child "$T/context"
  says payload
  says "COPY data /data"
  config_of child .OCIv1.config.Env; [[ $output == *T=1* ]]
}

@test "bud: a base from a registry, with --pull policies" {
  start_registry
  base busybox
  buildah push -q docker.io/library/busybox "docker://$REGISTRY/base:1"
  buildah rmi -a -f
  dockerfile <<<"FROM $REGISTRY/base:1
RUN touch /x"
  buildah 125 bud --pull=never "$T/context"
  says "image not known"
  buildah bud -q "$T/context"
  buildah bud --pull -q "$T/context"
  stop_registry
}
