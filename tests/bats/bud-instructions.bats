#!/usr/bin/env bats
load helpers

dockerfile() { cat >"$T/context/${1:-Dockerfile}"; }
config_of() { buildah inspect --type image "$1"; output=$(jq -c "$2" <<<"$output"); }

# built [FLAGS...] builds the context as `img` and mounts a container on it at $mnt.
built() {
  buildah bud -q -t img "$@" "$T/context"
  buildah from --name "c$RANDOM" img
  ctr=$output
  buildah mount "$ctr"
  mnt=$output
}

@test "instructions: the configuration" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox
MAINTAINER Somebody <some@body>
ENV A=1 B="two words"
ENV C old style
LABEL one=1 "two words"="a b"
EXPOSE 80 53/udp
VOLUME /data ["/json"]
USER guest:users
WORKDIR /work
WORKDIR below
STOPSIGNAL SIGINT
ENTRYPOINT ["/entry"]
CMD run this
D
  built
  config_of img .OCIv1.author; is "$output" '"Somebody <some@body>"'
  config_of img .OCIv1.config.Env; [[ $output == *'"A=1","B=two words","C=old style"'* ]]
  config_of img '.OCIv1.config.Labels["two words"]'; is "$output" '"a b"'
  config_of img '.OCIv1.config.ExposedPorts | keys'; is "$output" '["53/udp","80/tcp"]'
  config_of img .OCIv1.config.User; is "$output" '"guest:users"'
  config_of img .OCIv1.config.WorkingDir; is "$output" '"/work/below"'
  config_of img .OCIv1.config.StopSignal; is "$output" '"SIGINT"'
  config_of img .OCIv1.config.Entrypoint; is "$output" '["/entry"]'
  config_of img .OCIv1.config.Cmd; is "$output" '["/bin/sh","-c","run this"]'
  is "$(stat -c %u:%g "$mnt/work/below")" 405:100
}

@test "instructions: docker-only settings" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox
HEALTHCHECK --interval=5s --retries=2 CMD wget -q localhost
ONBUILD RUN true
SHELL ["/bin/sh", "-ec"]
RUN echo "$0" >/shell; false || true
D
  buildah bud -t "dir:$T/dir" --format docker "$T/context"
  config=$T/dir/$(jq -r .config.digest "$T/dir/manifest.json" | cut -d: -f2)
  is "$(jq -c '[.config.Healthcheck.Test, .config.Healthcheck.Interval, .config.OnBuild, .config.Shell]' "$config")" \
    '[["CMD-SHELL","wget -q localhost"],5000000000,["RUN true"],["/bin/sh","-ec"]]'
  buildah bud -t oci "$T/context"
  says "HEALTHCHECK is not supported for OCI image format and will be ignored"
}

@test "instructions: RUN in shell and in exec form, with its user, directory and environment" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox
ARG GREETING=hello
ENV NAME=world
WORKDIR /w
RUN echo "$GREETING $NAME from $(pwd) as $(id -u)" >/shell
RUN ["/bin/sh", "-c", "echo exec >/exec"]
RUN mkdir /own && chown guest /own
USER guest
RUN id -un >/own/who && \
    # a comment between
    echo continued >>/own/who
D
  built
  is "$(cat "$mnt/shell")" "hello world from /w as 0"
  is "$(cat "$mnt/exec")" exec
  is "$(cat "$mnt/own/who" | tr '\n' ' ')" "guest continued "
}

@test "instructions: here-documents" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox
ARG V=expanded
RUN <<EOF
set -e
echo "first $V" >/a
echo second >>/a
EOF
COPY <<one <<"two" /h/
value $V
one
value $V
two
D
  built
  is "$(cat "$mnt/a" | tr '\n' ' ')" "first expanded second "
  is "$(cat "$mnt/h/one")" "value expanded"
  # shellcheck disable=SC2016 # it is not expanded there either
  is "$(cat "$mnt/h/two")" 'value $V'
}

@test "instructions: COPY from the context" {
  base busybox
  mkdir -p "$T/context/dir/sub"; echo a >"$T/context/a"; echo b >"$T/context/b"; echo s >"$T/context/dir/sub/s"; chmod 4755 "$T/context/a"
  printf 'b\n' >"$T/context/.dockerignore"
  dockerfile <<'D'
FROM docker.io/library/busybox
COPY a /one
COPY --chown=guest:video --chmod=0600 a /owned
COPY dir /dir
COPY ["a", "/with space/"]
WORKDIR /here
COPY a* .
COPY . /all/
D
  built
  is "$(stat -c '%u:%g %a' "$mnt/one") $(stat -c '%u:%g %a' "$mnt/owned")" "0:0 755 405:27 600"
  is "$(cat "$mnt/dir/sub/s")" s
  is "$(cat "$mnt/with space/a") $(cat "$mnt/here/a")" "a a"
  [ ! -e "$mnt/all/b" ]
  dockerfile <<<'FROM scratch
COPY b /b'
  buildah 125 bud "$T/context"
  says "building at STEP \"COPY b /b\""
  says "filtered out using"
  dockerfile <<<'FROM scratch
COPY ../secret /x'
  echo secret >"$T/secret"
  buildah 125 bud "$T/context"
  one_line_error
}

@test "instructions: COPY --from a stage and from an image keeps owners" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox AS build
RUN mkdir /out && echo x >/out/file && chown 7:8 /out/file && ln -s /etc/passwd /out/link
FROM scratch
COPY --from=build /out /out
COPY --from=build /out/link /followed
COPY --from=docker.io/library/busybox /bin/busybox /bin/
D
  built
  is "$(stat -c %u:%g "$mnt/out/file")" 7:8
  [ -L "$mnt/out/link" ]
  grep -q guest "$mnt/followed"
  [ -x "$mnt/bin/busybox" ]
  dockerfile <<<'FROM scratch
COPY --from=nosuch /x /x'
  buildah 125 bud "$T/context"
  says nosuch
  one_line_error
}

@test "instructions: ADD unpacks archives and fetches URLs" {
  base busybox
  mkdir "$T/src"; echo x >"$T/src/file"; tar -C "$T/src" -czf "$T/context/a.tgz" .
  for port in $(shuf -i 20000-32000 -n 5); do
    busybox httpd -f -p "127.0.0.1:$port" -h "$T/src" 3>&- & web=$!
    sleep 0.3; kill -0 $web 2>/dev/null && break
  done
  dockerfile <<D
FROM docker.io/library/busybox
ADD a.tgz /unpacked/
ADD --chown=5:6 http://127.0.0.1:$port/file /fetched
COPY a.tgz /copied.tgz
D
  built
  kill $web
  is "$(cat "$mnt/unpacked/file") $(cat "$mnt/fetched")" "x x"
  is "$(stat -c '%u:%g %a' "$mnt/fetched")" "5:6 600"
  cmp "$T/context/a.tgz" "$mnt/copied.tgz"
}

@test "instructions: FROM --platform" {
  base busybox
  # shellcheck disable=SC2016 # for the Dockerfile
  printf 'FROM --platform=$BUILDPLATFORM docker.io/library/busybox\nARG TARGETPLATFORM\nRUN echo $TARGETPLATFORM >/p\n' >"$T/context/Dockerfile"
  built
  is "$(cat "$mnt/p")" linux/amd64
}

@test "instructions: errors name file and line, before anything is done" {
  base busybox
  try() { # LINE TEXT
    printf 'FROM docker.io/library/busybox\nRUN echo must-not-run\n%s\n' "$1" >"$T/context/Dockerfile"
    buildah 125 bud "$T/context"
    says "Dockerfile:3"
    says "$2"
    says_not "STEP"
    one_line_error
  }
  try 'COPY onlyone' "at least"
  try 'ENV novalue' "ENV"
  try 'COPY --chmodd=1 a b' "chmod"
  try 'EXPOSE' "EXPOSE"
  try 'HEALTHCHECK --interval=soon CMD x' "interval"
  try 'NOSUCH thing' "NOSUCH"
  store_is_clean
}

@test "instructions: a RUN that fails gives its status and leaves nothing" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
RUN exit 23'
  buildah 23 bud "$T/context"
  says "building at STEP \"RUN exit 23\""
  store_is_clean
  buildah images -q -a
  is "$(wc -l <<<"$output")" 1
}

@test "instructions: what RUN mounts leaves no trace" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
RUN true'
  buildah bud -q --timestamp 1 -t "dir:$T/dir" "$T/context"
  layer=$(jq -r '.layers[-1].digest' "$T/dir/manifest.json" | cut -d: -f2)
  is "$(tar -tf "$T/dir/$layer" | grep -vE '^(\./?)?$' | tr '\n' ' ')" ""
}
