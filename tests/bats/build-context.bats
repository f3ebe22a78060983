#!/usr/bin/env bats
# `build --build-context NAME=VALUE`.
load helpers
load gitserver

teardown() {
  stop_server
  stop_registry
  cd /
  awk -v at="$BATS_TEST_TMPDIR" 'index($5, at) == 1 {print $5}' /proc/self/mountinfo | sort -r |
    while read -r mount; do umount -l "$(printf %b "$mount")" 2>/dev/null || true; done
}

# look mounts the image built last at $root.
look() {
  buildah from --name "look$((++looks))" localhost/built
  buildah mount "$output"; root=$output
}

# build ARGUMENTS builds the Dockerfile on standard input, and mounts the result.
build() {
  cat >context/Dockerfile
  buildah build -q -t built "$@" context
  look
}

# refused TEXT ARGUMENTS
refused() {
  local text=$1; shift
  buildah 125 build -q "$@" context
  one_line_error; says "$text"
}

@test "build --build-context: a directory, which keeps its owners and has an ignore file of its own" {
  mkdir -p other/sub; echo one >other/one; echo two >other/sub/two; echo no >other/no
  chown 7:8 other/one; chmod 4755 other/one
  echo no >other/.dockerignore
  echo one >context/.dockerignore
  ln -s /etc other/way-out
  build --build-context project=other <<'END'
FROM scratch
COPY --from=project . /all/
COPY --from=Project sub/two /
END
  is "$(cat "$root/all/one" "$root/two")" $'one\ntwo'
  is "$(stat -c '%a %u:%g' "$root/all/one")" "4755 7:8"
  [ ! -e "$root/all/no" ]
  printf 'FROM scratch\nCOPY --from=project no .\n' >context/Dockerfile
  refused 'COPY --from=project no .": ' --build-context project=other
  says "no items matching glob"; says "1 filtered out using $T/other/.dockerignore"
  printf 'FROM scratch\nCOPY --from=project way-out/hostname .\n' >context/Dockerfile
  refused "no such file or directory" --build-context project=other
}

@test "build --build-context: it wins over a stage, which is then not built" {
  base busybox
  mkdir other; echo other >other/file
  cat >context/Dockerfile <<'END'
FROM busybox AS first
RUN echo stage >/file; exit 3
FROM scratch
COPY --from=first /file /name
COPY --from=0 /file /number
END
  buildah build -q -t built --build-context first=other context
  look
  is "$(cat "$root/name" "$root/number")" $'other\nother'
  buildah 3 build -q context
}

@test "build --build-context: RUN mounts one" {
  base busybox
  mkdir other; echo other >other/file
  build --build-context x=other <<'END'
FROM busybox
RUN --mount=type=bind,from=x,target=/m cat /m/file >/seen
RUN --mount=type=bind,from=x,target=/m,rw echo more >>/m/file && cat /m/file >/wrote
END
  is "$(cat "$root/seen" "$root/wrote")" $'other\nother\nmore'
  is "$(cat other/file)" other
}

@test "build --build-context: images, in FROM and in COPY" {
  base busybox
  for prefix in docker-image container-image docker; do
    build --build-context "alpine=$prefix://busybox" <<'END'
FROM docker.io/library/alpine:latest AS one
RUN echo x >/x
FROM scratch
COPY --from=one /x /
COPY --from=alpine /bin/busybox /
END
    is "$(cat "$root/x")" x; [ -x "$root/busybox" ]
  done
  build --build-context base=docker-image://scratch <<'END'
FROM base
COPY Dockerfile /
END
  is "$(ls "$root")" Dockerfile
  refused "busybox-none" --pull=never --build-context base=docker-image://localhost/busybox-none
}

@test "build --build-context: layouts, by tag and by digest" {
  base busybox
  buildah push -q busybox oci:layout:tagged
  digest=$(sed 's/.*"digest":"\(sha256:[0-9a-f]*\)".*/\1/' layout/index.json)
  for value in "oci-layout://layout" "oci-layout://$T/layout:tagged" "oci-layout://layout@$digest" "oci-layout://layout:tagged@$digest"; do
    build --build-context "base=$value" <<'END'
FROM base
COPY --from=base /etc/passwd /copy
END
    cmp "$root/etc/passwd" "$root/copy"
  done
  refused "lists no image" --build-context "base=oci-layout://layout@sha256:$(printf %064d 0)"
}

@test "build --build-context: repositories, archives and files that are fetched once" {
  make_repository; serve_http
  mkdir tree; echo archived >tree/file; tar -czf served/a.tgz -C tree .; echo plain >served/plain.txt
  build --build-context "repo=$url#first:dir" --build-context "tar=$http/a.tgz" --build-context "one=$http/plain.txt" <<'END'
FROM scratch AS other
COPY --from=tar file /tar
FROM scratch
COPY --from=repo file /repo
COPY --from=tar file /tar
COPY --from=one plain.txt /one
COPY --from=other tar /other
END
  is "$(cat "$root/repo" "$root/tar" "$root/one" "$root/other")" $'deep\narchived\nplain\narchived'
  is "$(grep -c 'GET /a.tgz' server.log)" 1
  # what nothing names is not fetched
  printf 'FROM scratch\nCOPY Dockerfile /\n' >context/Dockerfile
  buildah build -q --build-context "x=$http/none" context
  printf 'FROM scratch\nCOPY --from=x / /\n' >context/Dockerfile
  refused "invalid response status 404" --build-context "x=$http/none"
  nothing_left
}

@test "build --build-context: FROM a directory or an archive makes its files the base" {
  base busybox
  mkdir -p other/bin; cp /bin/busybox other/bin/sh; echo file >other/file; chown 5 other/file
  make_repository; serve_http
  for layers in false true; do
    build --layers=$layers --build-context base=other <<'END'
FROM base AS first
FROM first
ENV A=B
RUN echo $A >/ran
END
    is "$(cat "$root/file" "$root/ran")" $'file\nB'
    is "$(stat -c %u "$root/file")" 5
    buildah inspect -t image --format '{{len .OCIv1.RootFS.DiffIDs}}' built
    is "$output" 2
  done
  build --build-context "base=$url#:dir" <<<'FROM base'
  is "$(cat "$root/file")" deep
  nothing_left
}

@test "build --build-context: one for a platform" {
  mkdir arm any; echo arm >arm/f; echo any >any/f
  printf 'FROM scratch\nCOPY --from=x f /\n' >context/Dockerfile
  for platform in linux/arm64 linux/amd64; do
    buildah build -q -t built --platform "$platform" --build-context x::linux/arm64=arm --build-context x=any context
    buildah from --name "look$((++looks))" --platform "$platform" localhost/built
    buildah mount "$output"
    [ "$platform" = linux/arm64 ] && is "$(cat "$output/f")" arm || is "$(cat "$output/f")" any
  done
}

@test "build --build-context: values that mean nothing are refused" {
  printf 'FROM scratch\n' >context/Dockerfile
  refused "accepts value in the form of key=value" --build-context name
  refused "accepts value in the form of key=value" --build-context =value
  refused 'invalid build context path ""' --build-context name=
  refused 'invalid build context image name ""' --build-context name=docker-image://
  refused 'invalid build context image URL ""' --build-context name=https://
  printf 'FROM scratch\nCOPY --from=x / /\n' >context/Dockerfile
  refused "no such file or directory" --build-context x=none
  refused "is not a directory" --build-context x=context/Dockerfile
}
