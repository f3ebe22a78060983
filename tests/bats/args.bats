#!/usr/bin/env bats
# ARG: where a value comes from, how far it is seen, and what is said of those unused.
# shellcheck disable=SC2016,SC2154 # what is in single quotes is for other shells; output is of helpers
load helpers

dockerfile() { cat >"$T/context/Dockerfile"; }

history_of() { buildah inspect --type image "$1"; output=$(jq -r '[.OCIv1.history[].created_by] | join("\n")' <<<"$output"); }

@test "args: before FROM, and again in a stage" {
  base busybox
  buildah tag docker.io/library/busybox localhost/other
  dockerfile <<'D'
ARG A=nosuch B=busybox
ARG C=${B}-x
FROM docker.io/library/$B AS inner
ENV unseen $A
ARG A=stage
ARG B
ARG C=own
ARG bar
RUN echo "unseen=$unseen A=$A B=$B C=$C bar=${bar-unset}"
FROM ${A}
ARG a b=set
RUN echo "A=$A a=${a-unset} b=$b"
D
  buildah bud --skip-unused-stages=false --build-arg A=localhost/other "$T/context"
  says "unseen= A=localhost/other B=busybox C=own bar=unset"
  says "A= a=unset b=set"
  says "STEP 1/3: FROM localhost/other"
  says 'missing \"bar\" build argument. Try adding \"--build-arg bar=<VALUE>\" to the command line'
  says 'missing \"a\" build argument'
  says_not 'missing \"B\"'
  says_not 'not consumed'
  buildah bud --build-arg A=localhost/other --build-arg a=given --build-arg b=given --build-arg Z=1 --build-arg Y "$T/context"
  says "A= a=given b=given"
  says '[Warning] one or more build args were not consumed: [Z]'
  says_not 'missing'
  buildah 125 bud --build-arg A= "$T/context"
  says 'invalid reference format'
}

@test "args: the value in force counts where it is used" {
  base busybox
  dockerfile <<'D'
ARG first=stage_one
FROM docker.io/library/busybox AS stage_one
RUN echo 1 >/f
FROM docker.io/library/busybox AS stage_two
RUN echo 2 >/f
FROM $first AS last
ARG which=one
COPY --from=stage_${which} /f /a
ARG which=two
COPY --from=stage_${which} /f /b
ARG first
COPY --from=$first /f /c
RUN cat /a /b /c | tr '\n' ' '
D
  buildah bud "$T/context"
  says "1 2 1 "
  says 'STEP 5/8: COPY --from=stage_${which} /f /b'
}

@test "args: a stage on another one has its arguments, another image has not" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox AS parent
ARG secret
ARG more=m
FROM parent
RUN echo "child: $secret $more"
FROM docker.io/library/busybox
RUN echo "other: $secret $more"
COPY --from=parent /etc/passwd /copied
D
  buildah bud --skip-unused-stages=false --layers --build-arg secret=topsecret -t other "$T/context"
  says "child: topsecret m"
  says "other:  "
  buildah inspect --type image other
  [[ $output != *topsecret* ]]
}

@test "args: ENV wins, values keep commas, files and the environment give values" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox
ARG A
ARG B
ARG C
ENV A=env
ENV X="$B$C"
RUN echo "$A|$B|$C|$X"
D
  printf '# comment\n\nA=file1\nB=1,2\nC\n' >"$T/one"
  printf 'B=file2\n' >"$T/two"
  C=caller buildah bud --build-arg-file "$T/one" "$T/context"; says "env|1,2|caller|1,2caller"
  C=caller buildah bud --build-arg B=flag --build-arg-file "$T/one" --build-arg-file "$T/two" "$T/context"; says "env|flag|caller"
  C=caller buildah bud --build-arg C --build-arg-file "$T/two" --build-arg odd-name.txt "$T/context"; says "env|file2|caller"
}

@test "args: those of platforms, of proxies and of time" {
  base busybox
  local arch; arch=$(dpkg --print-architecture)
  dockerfile <<'D'
FROM --platform=$BUILDPLATFORM docker.io/library/busybox
RUN echo "undeclared=$TARGETARCH"
ARG TARGETPLATFORM
ARG TARGETOS
ARG TARGETARCH
ARG TARGETVARIANT
ARG SOURCE_DATE_EPOCH
ARG HTTP_PROXY
RUN echo "$TARGETPLATFORM $TARGETOS $TARGETARCH [$TARGETVARIANT] [$SOURCE_DATE_EPOCH]"; env | grep -i proxy | sort
D
  buildah bud -t here --build-arg HTTP_PROXY=declared --build-arg ftp_proxy=unsaid "$T/context"
  says "undeclared="$'\n'
  says "linux/$arch linux $arch [] []"
  says $'HTTP_PROXY=declared\nftp_proxy=unsaid'
  says_not "missing"
  says_not "not consumed"
  history_of here
  [[ $output == *HTTP_PROXY=declared* && $output != *unsaid* ]]
  buildah bud --build-arg TARGETOS=android --platform linux/amd64/v2 --build-arg SOURCE_DATE_EPOCH=7 --build-arg HTTP_PROXY=x "$T/context"
  says "linux/amd64/v2 android amd64 [v2] [7]"
  FOO_PROXY=no no_proxy=yes buildah bud "$T/context"; says "no_proxy=yes"; says_not "FOO_PROXY"
  no_proxy=yes buildah bud --http-proxy=false "$T/context"; says_not "no_proxy=yes"
  dockerfile <<'D'
FROM docker.io/library/busybox
ARG TARGETPLATFORM=x
D
  buildah 125 bud "$T/context"
  says "attempted to redefine"
  one_line_error
}

@test "args: the names of stages are shown as they are written" {
  base busybox
  dockerfile <<'D'
ARG NAME=Inner
FROM docker.io/library/busybox AS Builder-${NAME}
RUN echo 1 >/f
FROM docker.io/library/busybox as Last
COPY --from=builder-inner /f /
D
  buildah bud "$T/context"
  says "[1/2] STEP 1/2: FROM docker.io/library/busybox AS Builder-Inner"
  says "[2/2] STEP 1/2: FROM docker.io/library/busybox AS Last"
}
