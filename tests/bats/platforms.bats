#!/usr/bin/env bats
# `build --platform` with one and with several platforms.
load helpers

dockerfile() { cat >"$T/context/Dockerfile"; }

# platforms LIST prints what the list of the store offers.
platforms() {
  buildah inspect --type manifest "$1"
  output=$(jq -rc '[.manifests[].platform | .os + "/" + .architecture + (if .variant then "/" + .variant else "" end)] | join(" ")' <<<"$output")
}

@test "platforms: the lines and the IDs of each" {
  dockerfile <<'D'
FROM scratch
COPY Dockerfile /
D
  buildah build --platform linux/arm64 --platform linux/arm/v7,linux/arm64 "$T/context"
  is "$(grep -vE '^(-->|[0-9a-f]{64}$)' <<<"$output")" "[linux/arm64] STEP 1/2: FROM scratch
[linux/arm64] STEP 2/2: COPY Dockerfile /
[linux/arm64] COMMIT
[linux/arm/v7] STEP 1/2: FROM scratch
[linux/arm/v7] STEP 2/2: COPY Dockerfile /
[linux/arm/v7] COMMIT"
  local ids
  ids=$(grep -E '^[0-9a-f]{64}$' <<<"$output")
  is "$(wc -l <<<"$ids")" 2
  buildah inspect --type image --format '{{.OCIv1.Architecture}} {{.OCIv1.Variant}} {{.Docker.Architecture}}' "$(tail -1 <<<"$ids")"
  is "$output" "arm v7 arm"
  # One platform has no prefix, however it is asked for.
  buildah build --platform linux/s390x "$T/context"
  says "STEP 1/2: FROM scratch"
  says_not "[linux"
  buildah build -q --platform linux/amd64,linux/arm64 "$T/context"
  is "$(grep -cE '^[0-9a-f]{64}$' <<<"$output")" 2
  is "$(wc -l <<<"$output")" 2
  store_is_clean
}

@test "platforms: a stage on this machine makes files for another" {
  base busybox
  dockerfile <<'D'
FROM --platform=$BUILDPLATFORM docker.io/library/busybox AS build
ARG TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT BUILDPLATFORM
RUN echo "$TARGETPLATFORM $TARGETOS $TARGETARCH [$TARGETVARIANT] $BUILDPLATFORM" >/for
FROM scratch
COPY --from=build /for /for
D
  buildah build --platform linux/arm64,linux/arm/v7 -t cross -o "$T/out" "$T/context"
  local host; host=linux/$(go_arch)
  is "$(cat "$T/out/linux_arm64/for")" "linux/arm64 linux arm64 [] $host"
  is "$(cat "$T/out/linux_arm_v7/for")" "linux/arm/v7 linux arm [v7] $host"
  platforms cross; is "$output" "linux/arm64 linux/arm/v7"
  buildah from --name c --platform linux/arm64 --pull=never localhost/cross
  buildah mount c
  is "$(cat "$output/for")" "linux/arm64 linux arm64 [] $host"
  buildah umount c
  buildah rm c
  store_is_clean
}

@test "platforms: bases are the members of a list" {
  dockerfile <<'D'
FROM scratch
ARG TARGETARCH
COPY base-$TARGETARCH /arch
D
  echo b-arm64 >"$T/context/base-arm64"; echo b-s390x >"$T/context/base-s390x"
  buildah build -q --platform linux/arm64,linux/s390x -t base "$T/context"
  dockerfile <<<'FROM localhost/base
COPY Dockerfile /'
  buildah build -q --platform linux/s390x,linux/arm64 -t top -o "$T/out" "$T/context"
  is "$(cat "$T/out/linux_arm64/arch") $(cat "$T/out/linux_s390x/arch")" "b-arm64 b-s390x"
  platforms top; is "$output" "linux/s390x linux/arm64"
  # The image is a base for its own platform only.
  buildah 125 build --pull=never --platform linux/ppc64le "$T/context"
  one_line_error
  store_is_clean
}

@test "platforms: a failed build leaves no list and no image" {
  base busybox
  dockerfile <<'D'
FROM --platform=$BUILDPLATFORM docker.io/library/busybox AS build
ARG TARGETARCH
RUN [ "$TARGETARCH" != s390x ] || exit 7
FROM scratch
COPY --from=build /bin/sh /
D
  buildah images -q -a; before=$output
  buildah 7 build --platform linux/arm64,linux/s390x,linux/386 -t app --manifest all "$T/context"
  says '[linux/s390x]: '
  says_not '[linux/386]'
  one_line_error
  buildah images -q -a; is "$output" "$before"
  store_is_clean
}

@test "platforms: --logsplit" {
  dockerfile <<<'FROM scratch
LABEL a=b'
  buildah build --logfile "$T/log" --logsplit --platform linux/arm64,linux/arm/v6,linux/arm/v7 -t app "$T/context"
  is "$output$(cat "$T/stderr")" ""
  is "$(cat "$T/log")" "Successfully tagged localhost/app:latest"
  head -1 "$T/log_linux_arm64" | grep -F '[linux/arm64] STEP 1/2: FROM scratch'
  head -1 "$T/log_linux_arm" | grep -F '[linux/arm/v6] STEP 1/2: FROM scratch'
  tail -1 "$T/log_linux_arm_v7" | grep -E '^[0-9a-f]{64}$'
  buildah build --logfile "$T/one" --logsplit "$T/context"
  tail -1 "$T/one_linux_$(go_arch)" | grep -E '^[0-9a-f]{64}$'
  buildah 125 build --logsplit "$T/context"
  says "cannot use --logsplit without --logfile"
}

@test "platforms: what is for one image only" {
  dockerfile <<<'FROM scratch
LABEL a=b'
  local flag
  for flag in iidfile iidfile-raw metadata-file; do
    buildah 125 build --platform linux/amd64,linux/arm64 "--$flag" "$T/file" "$T/context"
    says "building multiple images, but $flag \"$T/file\" can only be used to store one image ID"
    one_line_error
    [ ! -e "$T/file" ]
    buildah build --platform linux/arm64 "--$flag" "$T/file" "$T/context"
    rm "$T/file"
  done
  buildah 125 build --platform linux/amd64,linux/arm64 --arch arm64 "$T/context"
  says "invalid --platform may not be used with --os, --arch, or --variant"
  buildah 125 build --platform linux/amd64,a/b/c/d "$T/context"
  says "invalid platform syntax for --platform="
}

@test "platforms: a context and a Dockerfile on standard input serve all of them" {
  mkdir "$T/in"; echo hello >"$T/in/file"
  printf 'FROM scratch\nCOPY file /\n' >"$T/in/Dockerfile"
  tar -C "$T/in" -c . >"$T/in.tar"
  buildah build -q --platform linux/arm64,linux/s390x -o "$T/out" - <"$T/in.tar"
  is "$(cat "$T/out/linux_arm64/file" "$T/out/linux_s390x/file")" "hello
hello"
  cp "$T/in/file" "$T/context/"
  buildah build -q --platform linux/arm64,linux/s390x -t piped -f - "$T/context" <"$T/in/Dockerfile"
  platforms piped; is "$output" "linux/arm64 linux/s390x"
}
