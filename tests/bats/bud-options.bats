#!/usr/bin/env bats
# Flags of `bud` that change what the Dockerfile says, and where its result goes.
load helpers

dockerfile() { cat >"$T/context/${1:-Dockerfile}"; }

# config_of IMAGE PATH prints a part of the image's configuration.
config_of() { buildah inspect --type image "$1"; output=$(jq -c "$2" <<<"$output"); }

@test "bud options: --from, --env, --unsetenv" {
  base busybox
  dockerfile <<'D'
FROM localhost/nosuch AS one
RUN echo "$A$B" >/one
FROM one
ENV B=file
D
  FROM_CALLER=c buildah bud --from docker.io/library/busybox --env A=x --env FROM_CALL* --env NOSUCH -t e "$T/context"
  says 'STEP 1/3: FROM docker.io/library/busybox AS one'
  says 'STEP 2/3: ENV "A"="x" "FROM_CALLER"="c"'
  config_of e '.OCIv1.config.Env[1:]'; is "$output" '["A=x","FROM_CALLER=c","B=file"]'
  buildah bud -q --from docker.io/library/busybox --env A=x --unsetenv A --unsetenv PATH -t u "$T/context"
  config_of u .OCIv1.config.Env; is "$output" '["B=file"]'
}

@test "bud options: what is inherited from the base" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
LABEL a=b'
  buildah bud -q --annotation old=1 --os-version 10.1 --os-feature x --os-feature x- --os-feature y -t first "$T/context"
  config_of first '[.OCIv1["os.version"],.OCIv1["os.features"]]'; is "$output" '["10.1",["y"]]'
  dockerfile <<<'FROM localhost/first'
  buildah bud -q --inherit-labels=false --identity-label=false -t nolabels "$T/context"
  config_of nolabels .OCIv1.config.Labels; is "$output" null
  buildah bud -q --inherit-annotations=false --created-annotation=false --annotation h=w -t noannotations "$T/context"
  config_of noannotations .ImageAnnotations; is "$output" '{"h":"w"}'
  config_of noannotations .OCIv1.history[-1].created_by; is "$output" '"/bin/sh"'
}

@test "bud options: --skip-unused-stages=false builds all of them" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox
RUN echo unneeded-ran
FROM scratch
COPY Dockerfile /
D
  buildah bud "$T/context"; says_not unneeded-ran
  buildah bud --skip-unused-stages=false "$T/context"; says unneeded-ran
  store_is_clean
}

@test "bud options: --output to a directory, an archive and standard output" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
RUN echo x >/new && chown 7:8 /new && chmod 4751 /new'
  mkdir "$T/dir"; touch "$T/dir/mine"
  buildah bud -q --timestamp 99 -o "$T/dir" -o "type=tar,dest=$T/out.tar" -t exported "$T/context"
  is "$(stat -c '%u:%g %a %Y' "$T/dir/new")" "7:8 4751 99"
  [ -e "$T/dir/mine" ]
  is "$(tar -tvf "$T/out.tar" --numeric-owner ./new new 2>/dev/null | awk '{print $1, $2}')" "-rwsr-x--x 7/8"
  config_of exported '.OCIv1.rootfs.diff_ids | length'; is "$output" 2
  "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" --storage-driver "${STORAGE_DRIVER:-overlay}" bud --layers -o - "$T/context" >"$T/stdout.tar" 2>"$T/stderr"
  tar -tf "$T/stdout.tar" | grep -qE '^(\./)?new$'
  grep -qE '^[0-9a-f]{64}$' "$T/stderr"
  for spec in "type=tar," type=zip,dest=x type=local,dest=- dest=x; do
    buildah 125 bud -o "$spec" "$T/context"
    one_line_error
  done
  buildah 125 bud -o "$T/context/Dockerfile" "$T/context"
  says "exporting the root file system"
  one_line_error
  store_is_clean
}

@test "bud options: Dockerfiles ending in .in are preprocessed" {
  needs cpp
  base busybox
  echo 'LABEL from=include' >"$T/context/common"
  dockerfile Dockerfile.in <<'D'
FROM docker.io/library/busybox
#include "common"
#ifdef WITH_MORE
ENV more=MORE_VALUE
#endif
D
  buildah bud -q -f Dockerfile.in --cpp-flag=-DWITH_MORE --cpp-flag=-DMORE_VALUE=v -t pre "$T/context"
  config_of pre '[.OCIv1.config.Labels.from, .OCIv1.config.Env[-1]]'; is "$output" '["include","more=v"]'
  BUILDAH_CPPFLAGS="-DWITH_MORE '-DMORE_VALUE=w'" buildah bud -q -f Dockerfile.in -t pre "$T/context"
  config_of pre '.OCIv1.config.Env[-1]'; is "$output" '"more=w"'
  buildah 1 bud -f Dockerfile.in --cpp-flag=-nosuch "$T/context"
  says "preprocessor produced no output"
  one_line_error
}

@test "bud options: FROM files of the context, and nothing else" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
RUN echo inside >/inside'
  buildah bud -q -t "oci:$T/layout:named" "$T/context"
  buildah bud -q -t "oci-archive:$T/context/a.tar:docker.io/library/busybox:latest" "$T/context"
  buildah bud -q -t "dir:$T/context/d" "$T/context"
  buildah bud -q -t "docker-archive:$T/context/da.tar:docker.io/library/busybox:latest" "$T/context"
  cp -r "$T/layout" "$T/context/layout"
  buildah images -q --no-trunc docker.io/library/busybox; before=$output
  local name
  for name in oci:layout:named oci:/layout:named oci-archive:a.tar oci-archive:./a.tar dir:d dir:/d docker-archive:da.tar; do
    printf 'FROM %s\nRUN cat /inside\n' "$name" | dockerfile
    buildah bud "$T/context"
    says inside
  done
  printf 'FROM scratch\nCOPY --from=oci:layout:named /inside /\n' | dockerfile
  buildah bud -q "$T/context"
  # The names that files say take nothing over.
  buildah images -q --no-trunc docker.io/library/busybox; is "$output" "$before"
  ln -s "$T/layout" "$T/context/outside"
  ln -s /etc/passwd "$T/context/d/link"
  for name in "oci:../layout:named" "oci:$T/layout:named" oci:outside:named dir:d; do
    printf 'FROM %s\n' "$name" | dockerfile
    buildah 125 bud "$T/context"
    one_line_error
  done
  says "invalid symbolic link"
  printf 'FROM containers-storage:x\n' | dockerfile
  buildah 125 bud "$T/context"
  says "unexpected container image transport"
  is "$(ls "$T/tmp")" ""
  store_is_clean
}

@test "bud options: warnings for what does not apply" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
COPY --link Dockerfile /'
  buildah bud -q -t "oci:$T/layout" -t second "$T/context"
  says "don't know how to add tags to images stored in"
  says "--link is not supported when building without --layers, ignoring --link"
  dockerfile <<<'FROM docker.io/library/busybox'
  buildah bud -q -t "oci:$T/layout" -t second "$T/context"
  says "don't know how to add tags to images stored in"
  buildah 125 bud -q -t "oci:$T/layout" -t TEST2 "$T/context"
  says "tag TEST2: invalid reference format: repository name must be lowercase"
}

@test "bud options: steps that only set something show the ID that they would have" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
ENV A=1
LABEL B=1
RUN touch /x
ENV C=1'
  buildah bud --layers "$T/context"
  is "$(grep -cE '^--> [0-9a-f]{12}$' <<<"$output")" 4
  # Base, RUN and the result.
  buildah images -a -q; is "$(wc -l <<<"$output")" 3
}

@test "bud options: platforms in part and with a variant" {
  base busybox
  dockerfile <<'D'
FROM --platform=$BUILDPLATFORM docker.io/library/busybox
ARG TARGETPLATFORM
RUN echo "for $TARGETPLATFORM"
D
  buildah bud --os linux "$T/context"; says "for linux/$(dpkg --print-architecture)"; says_not level=warning
  buildah bud -t other --platform linux/s390x "$T/context"; says "for linux/s390x"
  config_of other .OCIv1.architecture; is "$output" '"s390x"'
  dockerfile <<<'FROM docker.io/library/busybox'
  buildah bud --platform linux/amd64/v2 "$T/context"; says "does not match the expected platform (linux/amd64/v2)"
  dockerfile <<<'FROM --platform=freebsd/arm64/v8 scratch
COPY Dockerfile /'
  buildah bud -q -t bsd "$T/context"
  config_of bsd '[.OCIv1.os, .OCIv1.architecture, .OCIv1.variant]'; is "$output" '["freebsd","arm64","v8"]'
}

@test "bud options: with a fixed time, archives are the same every time" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
RUN hostname >/name; date >/date; rm /date
COPY Dockerfile /'
  local flags
  for flags in "--timestamp 40" "--source-date-epoch 40 --rewrite-timestamp" "--build-arg SOURCE_DATE_EPOCH=40 --rewrite-timestamp"; do
    # shellcheck disable=SC2086 # several flags
    buildah bud -q $flags -t "oci-archive:$T/1.tar" "$T/context"; first=$output
    sleep 1.1
    # shellcheck disable=SC2086
    buildah bud -q $flags -t "oci-archive:$T/2.tar" "$T/context"
    is "$output" "$first"
    cmp "$T/1.tar" "$T/2.tar"
  done
  buildah 125 bud --timestamp 1 --source-date-epoch 1 "$T/context"
  says "would be ambiguous"
}

@test "bud options: --layer-label is for images on the way" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
RUN touch /x
RUN touch /y'
  buildah bud -q --layers --layer-label step=1 -t labelled "$T/context"
  config_of labelled .OCIv1.config.Labels.step; is "$output" null

  buildah images -a --json
  local id found=
  for id in $(jq -r '.[] | select(.names == null) | .id' <<<"$output"); do
    config_of "$id" .OCIv1.config.Labels.step; found=$found$output
  done
  is "$found" '"1"'
}

@test "bud options: errors of options leave nothing" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
RUN touch /x'
  buildah images -a -q; local before=$output
  local words
  for words in "--from UPPER" "--os-version" "--build-arg-file nosuch" "--ignorefile nosuch" "--jobs -1" "--format tar" \
    "--platform a/b/c/d" "--platform linux/amd64 --os linux" "--timestamp x" "--isolation nosuch" "--pull --pull-never" "-f nosuch" "--target nosuch" \
    "--authfile /nosuch" "--rm" "-t UPPER" "--network none --dns 1.1.1.1"; do
    # shellcheck disable=SC2086 # several words
    buildah 125 bud "$T/context" $words
    one_line_error
  done
  buildah images -a -q; is "$output" "$before"
  is "$(ls "$T/tmp")" ""
  store_is_clean
}
