#!/usr/bin/env bats
# build --print-script: the script of a Dockerfile makes the same image as the build.
# shellcheck disable=SC2016,SC2119 # Dockerfiles have variables of their own
load helpers

# plain_buildah puts a `buildah` into PATH that works on the test's store.
plain_buildah() {
  mkdir -p "$T/bin"
  printf '#!/bin/sh\nexec %s --root %s --runroot %s --storage-driver %s "$@"\n' \
    "$BUILDAH_BINARY" "$T/root" "$T/run" "${STORAGE_DRIVER:-overlay}" >"$T/bin/buildah"
  chmod +x "$T/bin/buildah"
}

# script ARGUMENTS... writes the script of a build to $T/script, which shellcheck likes.
script() {
  buildah build --print-script "$@"
  printf '%s\n' "$output" >"$T/script"
  ! command -v shellcheck >/dev/null || shellcheck "$T/script"
}

# replay [CONTEXT] runs the script; the ID of its image is in $output.
# shellcheck disable=SC2120,SC2034 # most tests name no context, and not all look at messages
replay() {
  plain_buildah
  output=$(PATH=$T/bin:$PATH bash "$T/script" "$@" 2>"$T/stderr") || { cat "$T/script" "$T/stderr"; return 1; }
  errors=$(cat "$T/stderr")
}

# settings ID writes the configuration of an image, without the history.
settings() {
  buildah inspect --type image --format '{{.Config}}' "$1"
  jq -S 'del(.history, .container, .container_config.Hostname)' <<<"$output"
}

# the_same ARGUMENTS... builds, replays the script, and compares layers and settings.
the_same() {
  buildah build --timestamp 1700000000 -q "$@"
  settings "$output" >"$T/built"
  script --timestamp 1700000000 "$@"
  buildah images -a -q
  sort <<<"$output" >"$T/before"
  replay
  settings "$output" >"$T/replayed"
  diff -u "$T/built" "$T/replayed" || { cat "$T/script"; return 1; }
  buildah images -a -q
  [ "$(sort <<<"$output" | comm -13 "$T/before" - | wc -l)" -le 1 ] # of all images on the way none is left
  store_is_clean
}

# dockerfile writes the Dockerfile of the context.
dockerfile() { cat >"$T/context/Dockerfile"; }

@test "print-script: the Dockerfile of an example is a script that people could have written" {
  base busybox
  mkdir -p "$T/context/src"
  echo code >"$T/context/src/main"
  dockerfile <<'END'
ARG BASE=docker.io/library/busybox
FROM $BASE AS build
WORKDIR /src
COPY src .
ARG VERSION=1
RUN echo "$VERSION" > version

FROM $BASE
COPY --from=build /src/version /etc/
USER 7:8
CMD ["cat", "/etc/version"]
END
  script -t web --build-arg VERSION=2 "$T/context"
  cat >"$T/wanted" <<END
#!/usr/bin/env bash
# shellcheck disable=SC2016,SC2034 # what is in single quotes is for containers; not every ID is needed
# Made by \`buildah build --print-script\`. Writes the ID of the image to standard output.
# Usage: bash SCRIPT [CONTEXT]
set -euo pipefail
context=\${1:-$T/context}
exec </dev/null
exec 3>&1 >&2
containers=()
finish() {
  [ \${#containers[@]} -eq 0 ] || buildah rm "\${containers[@]}" >/dev/null || :
}
trap finish EXIT

# FROM \$BASE AS build
build=\$(buildah from docker.io/library/busybox)
containers+=("\$build")
# WORKDIR /src
buildah config --workingdir /src --create-workingdir "\$build"
# COPY src .
buildah copy --contextdir "\$context" --drop-setid "\$build" src .
# ARG VERSION=1
# RUN echo "\$VERSION" > version
buildah run --env VERSION=2 "\$build" -- /bin/sh -c 'echo "\$VERSION" > version'

# FROM \$BASE
ctr=\$(buildah from docker.io/library/busybox)
containers+=("\$ctr")
# COPY --from=build /src/version /etc/
buildah copy --from "\$build" "\$ctr" /src/version /etc/
# USER 7:8
buildah config --user 7:8 "\$ctr"
# CMD ["cat", "/etc/version"]
buildah config --cmd '["cat","/etc/version"]' "\$ctr"
image=\$(buildah commit "\$ctr" web)

echo "\$image" >&3
END
  diff -u "$T/wanted" "$T/script"
  store_is_clean
  buildah images -q
  is "$(wc -l <<<"$output")" 1 # nothing was built
  the_same --build-arg VERSION=2 "$T/context"
  cp -r "$T/context" "$T/other"
  echo other >"$T/other/src/main"
  replay "$T/other"
  buildah from "$output"
  buildah run "$output" cat /etc/version
  is "$output" 2
}

@test "print-script: each example" {
  base busybox
  for example in static-site worker; do
    the_same --build-arg RELEASE=1.2 "$BATS_TEST_DIRNAME/../../examples/$example"
  done
}

@test "print-script: copies" {
  base busybox
  mkdir -p "$T/context/dir/sub"
  echo a >"$T/context/a.txt"; echo b >"$T/context/dir/sub/b.txt"; echo o >"$T/context/dir/x.o"; echo s >"$T/context/two words"
  chmod 4755 "$T/context/a.txt"
  (cd "$T/context" && tar cf local.tar a.txt dir && ln -s a.txt link)
  echo '*.o' >"$T/context/.dockerignore"
  dockerfile <<'END'
FROM docker.io/library/busybox
WORKDIR /there/now
ENV d=dest
COPY a.txt ./$d/
COPY a.txt dir/*/*.txt nothing* several/
COPY ["two words", "c d/"]
COPY --chown=7:8 --chmod=640 --exclude=*.txt --exclude=!a.txt . all
COPY --parents dir/./sub/b.txt /p/
COPY link /link
ADD local.tar /unpacked
COPY <<one <<"two" /docs/
value $d "quoted" \$s 'single'
one
value $s
two
COPY <<-tabs --chmod=755 a.txt /t/
	indented
	tabs
RUN ls -l /docs /t
END
  sed -i '/--chmod=755 a.txt/s/.*/COPY --chmod=755 <<-tabs a.txt \/t\//' "$T/context/Dockerfile"
  the_same "$T/context"
}

@test "print-script: an ignore file of another place" {
  base busybox
  echo x >"$T/context/x"; echo y >"$T/context/y"
  printf 'FROM docker.io/library/busybox\nCOPY . /all\n' >"$T/context/Dockerfile.web"
  echo x >"$T/context/.dockerignore"
  echo y >"$T/context/Dockerfile.web.dockerignore"
  the_same -f "$T/context/Dockerfile.web" "$T/context"
  echo 'Docker*' >"$T/ignore"
  the_same -f "$T/context/Dockerfile.web" --ignorefile "$T/ignore" "$T/context"
}

@test "print-script: commands, their mounts and scripts" {
  base busybox
  echo text >"$T/context/x"
  dockerfile <<'END'
FROM docker.io/library/busybox AS tools
RUN mkdir /t && echo tool > /t/tool
FROM docker.io/library/busybox
SHELL ["/bin/sh", "-ec"]
WORKDIR /w
VOLUME /data relative
ENV PLAIN="it's \$5"
RUN echo "$PLAIN" > plain; ls -d /data
RUN <<EOT
echo first > /first
echo "second $PLAIN" >> /first
EOT
RUN cat <<A > /x && cat <<B > /y
one
A
two
B
RUN <<-script
	#!/bin/sh
	echo "$0 $HOME" > /z
	script
RUN ["/bin/touch", "/a b", "*"]
RUN --mount=type=bind,target=/src --mount=type=tmpfs,dst=/tmp,size=1m --network=none cp /src/x /copied
RUN --mount=type=bind,from=tools,source=/t,target=rel,ro cp rel/tool /tool
RUN --mount=from=docker.io/library/busybox,dst=/base --network=host test -x /base/bin/sh
RUN --mount=type=cache,target=/cache touch /cache/x
RUN true
END
  the_same "$T/context"
  the_same --format docker "$T/context"
  the_same --squash "$T/context"
}

@test "print-script: settings" {
  base busybox
  dockerfile <<'END'
FROM docker.io/library/busybox AS base
ENV A=1 B=2
LABEL one=1 "two words"="with \"quotes\" and $A"
FROM base
ENV A="a $B" C='$literal and "more"'
ENV B=b
MAINTAINER Jane Döe <jane@example.com>
LABEL one="" long="first \
second"
EXPOSE 80 53/udp
VOLUME ["/v 1", "/v2"]
USER nobody
STOPSIGNAL SIGQUIT
ENTRYPOINT ["/bin/echo", "$A", "it's <b>"]
CMD sleep 1 && echo "done"
END
  the_same "$T/context"
  the_same --env B=over --label extra=1 --unsetlabel one --unsetenv C --os-version 1.2 --os-feature f --annotation k=v "$T/context"
  cat >>"$T/context/Dockerfile" <<'END'
SHELL ["/bin/ash", "-e", "-c"]
HEALTHCHECK --interval=5s --retries=2 CMD test -e "/a b" || exit 1
ONBUILD RUN --mount=type=tmpfs,target=/t echo "a,b" 'c'
ONBUILD COPY . /src
CMD echo $A
END
  the_same --format docker "$T/context"
}

@test "print-script: stages on stages, and bases with triggers" {
  base busybox
  dockerfile <<'END'
FROM docker.io/library/busybox AS plain
FROM plain AS first
RUN echo 1 > /1
ONBUILD RUN echo trigger > /trigger
ONBUILD COPY --from=other /2 /from-trigger
FROM docker.io/library/busybox AS other
RUN echo 2 > /2
FROM docker.io/library/busybox AS unused
RUN false
FROM first AS second
WORKDIR /
WORKDIR /etc
ENV X=1
FROM second
COPY --from=0 /bin/sh /from-plain
COPY --from=plain /bin/busybox /
END
  the_same --format docker "$T/context"
  the_same --target second "$T/context"
  buildah build -q --format docker --target first -t docker.io/library/withtriggers "$T/context"
  sed -i 's/^FROM plain AS first/FROM docker.io\/library\/withtriggers AS first/; s/^FROM docker.*AS other/FROM plain AS other/' "$T/context/Dockerfile"
  sed -i '/^FROM plain AS other/,/^RUN echo 2/d' "$T/context/Dockerfile"
  sed -i '2i FROM plain AS other\nRUN echo 2 > /2' "$T/context/Dockerfile"
  the_same --format docker "$T/context"
}

@test "print-script: only a FROM, and from scratch" {
  base busybox
  echo 'FROM docker.io/library/busybox' >"$T/context/Dockerfile"
  the_same "$T/context"
  script -t one -t two "$T/context"
  replay
  id=$output
  buildah inspect --type image --format '{{.FromImageID}}' localhost/two
  is "$output" "$id"
  printf 'FROM scratch\nCOPY Dockerfile /\n' >"$T/context/Dockerfile"
  the_same --platform linux/arm64/v8 "$T/context"
  printf 'FROM scratch\nENV A=1\n' >"$T/context/Dockerfile"
  the_same "$T/context"
}

@test "print-script: names, other places, and the options of containers" {
  base busybox
  printf 'FROM docker.io/library/busybox\nRUN echo "$HOSTS" > /x; grep -c 10.1.2.3 /etc/hosts > /y\n' >"$T/context/Dockerfile"
  script --add-host there:10.1.2.3 -t one -t two "$T/context"
  replay
  id=$output
  buildah inspect --type image --format '{{.FromImageID}}' localhost/two:latest
  is "$output" "$id"
  script --add-host there:10.1.2.3 -t "oci:$T/out" "$T/context"
  replay
  [ -f "$T/out/index.json" ]
  store_is_clean
}

@test "print-script: a script that fails leaves nothing behind" {
  base busybox
  printf 'FROM docker.io/library/busybox AS a\nRUN echo 1 > /1\nFROM a\nRUN exit 3\n' >"$T/context/Dockerfile"
  script --timestamp 5 "$T/context"
  plain_buildah
  buildah images -a -q
  before=$output
  status=0
  PATH=$T/bin:$PATH bash "$T/script" >"$T/stdout" 2>"$T/stderr" || status=$?
  is "$status" 3
  is "$(cat "$T/stdout")" ""
  store_is_clean
  buildah images -a -q
  is "$output" "$before"
  # What was there before the script stays.
  buildah build -q --timestamp 5 --target a "$T/context"
  kept=$output
  PATH=$T/bin:$PATH bash "$T/script" >"$T/stdout" 2>"$T/stderr" || true
  buildah images -a -q --no-trunc
  says "$kept"
}

@test "print-script: what a script cannot say" {
  base busybox
  printf 'FROM docker.io/library/busybox\nVOLUME /v-\nLABEL a=b\n' >"$T/context/Dockerfile"
  buildah 125 build --print-script "$T/context"
  says 'Dockerfile:2:1: '
  says 'cannot be set with `buildah config`'
  one_line_error
  for flag in --iidfile=x --output=x --stage-labels --metadata-file=x; do
    buildah 125 build --print-script "$flag" "$T/context"
    says "${flag%=*}"
    one_line_error
  done
  [ ! -e x ]
  printf 'FROM docker.io/library/busybox\nRUN echo\nNONSENSE\n' >"$T/context/Dockerfile"
  buildah 125 build --print-script "$T/context"
  is "$output" ""
  says 'Unknown instruction'
}
