#!/usr/bin/env bats
# VOLUME in a Dockerfile, with and without --compat-volumes.
# shellcheck disable=SC2016 # what is in single quotes is for other shells
load helpers

dockerfile() { cat >"$T/context/Dockerfile"; }

# compat builds with what is thrown away; the last step lists what is left.
compat() {
  local layers
  for layers in --layers=false "--layers --no-cache"; do
    # shellcheck disable=SC2086 # it is one flag, or two
    buildah bud --compat-volumes $layers --isolation "$BUILDAH_ISOLATION" "$T/context"
    is "$(grep -A 100 '^left:' <<<"$output" | grep -B 100 '^end' | tr '\n' ' ')" "$left"
    store_is_clean
  done
}

@test "volumes: what RUN writes below them stays" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox
RUN mkdir -m 700 /own && chown 5:6 /own
VOLUME /new/deep /own
RUN touch /new/deep/x /own/y; chmod 0711 /new/deep
RUN stat -c '%a %u:%g %n' /new/deep /own; ls /new/deep /own
D
  buildah bud "$T/context"
  [[ $output == *$'711 0:0 /new/deep\n700 5:6 /own\n/new/deep:\nx\n\n/own:\ny\n'* ]]
}

@test "volumes: --compat-volumes drops what RUN changes below them" {
  base busybox
  echo copied >"$T/context/file"
  dockerfile <<'D'
FROM docker.io/library/busybox
RUN mkdir -p /vol/sub /own /data && echo before >/vol/before && chown 5:6 /own && chmod 700 /own && ln -s data /link
VOLUME /vol /own /link
VOLUME /vol/sub/inner
RUN touch /vol/dropped /vol/sub/dropped /vol/sub/inner/dropped /data/dropped && rm /vol/before && chmod 711 /vol && touch /kept && ls /vol/dropped
VOLUME /vol
ADD file /vol/copied
COPY file /link/copied
WORKDIR /vol/work
RUN echo left:; find /vol /own /data /kept | sort; stat -c '%a %u:%g %n' /vol /own; cat /vol/before; echo end
D
  left="left: /data /data/copied /kept /own /vol /vol/before /vol/copied /vol/sub /vol/sub/inner /vol/work 755 0:0 /vol 700 5:6 /own before end "
  each_isolation compat
}

@test "volumes: a mount of the caller wins over --compat-volumes" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox
VOLUME /vol /etc/hosts
RUN touch /vol/given && ls -l /etc/hosts
RUN --mount=type=tmpfs,target=/vol/below touch /vol/below/x
D
  mkdir "$T/given"
  buildah bud --compat-volumes --volume "$T/given:/vol" "$T/context"
  [ -e "$T/given/given" ]
}

@test "volumes: through links" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox
RUN mkdir -p /data/log && ln -s /data/log /var/log && ln -s ../var/log /opt/log
VOLUME /var/log/one /opt/log/two
RUN ls -d /data/log/one /data/log/two && test -L /var/log && test -L /opt/log
D
  buildah bud -q -t linked "$T/context"
  buildah from --name c linked
  buildah run c ls -d /var/log/one /opt/log/two
  dockerfile <<<'FROM docker.io/library/busybox
RUN ln -s /test-log /test-log
VOLUME /test-log/test
RUN true'
  buildah 125 bud "$T/context"
  says "open /test-log/test: too many levels of symbolic links"
  one_line_error
  dockerfile <<<'FROM docker.io/library/busybox
COPY Dockerfile /bin/copied
VOLUME /bin
RUN ls /bin/copied'
  buildah bud -q --compat-volumes "$T/context"
}
