#!/usr/bin/env bats
# RUN --mount: bind, cache and tmpfs, and what they leave alone.

load helpers

dockerfile() { cat >"$T/context/Dockerfile"; }

# untouched: the context is as it was made.
untouched() {
  is "$(cd "$T/context" && find . ! -name Dockerfile -printf '%p %m %U %G\n' | sort)" "$BEFORE"
}

make_context() {
  mkdir -p "$T/context/sub"
  echo data >"$T/context/sub/file"
  BEFORE=$(cd "$T/context" && find . ! -name Dockerfile -printf '%p %m %U %G\n' | sort)
}

@test "run mounts: writes to the context reach later steps and never the host" {
  base busybox; make_context
  dockerfile <<'DOCKERFILE'
FROM docker.io/library/busybox AS first
RUN --mount=type=bind,rw,target=/ctx echo new >/ctx/sub/new && mkdir /ctx/dir && chown 5:6 /ctx/sub/file && chmod 4777 /ctx/sub/file && rm /ctx/gone
RUN --mount=type=bind,target=/ctx stat -c 'seen %a %u %g' /ctx/sub/file && cat /ctx/sub/new && ! touch /ctx/x
COPY sub/new /copied
FROM docker.io/library/busybox
RUN --mount=target=/ctx,rw cat /ctx/sub/new && test ! -e /ctx/gone && echo more >>/ctx/sub/new
RUN --mount=target=/ctx,source=sub,rw cat /ctx/new
COPY --from=first /copied /first
COPY sub/new /second
DOCKERFILE
  touch "$T/context/gone"
  BEFORE=$(cd "$T/context" && find . ! -name Dockerfile -printf '%p %m %U %G\n' | sort)
  for isolation in oci chroot; do
    for flags in "" --layers; do
      # shellcheck disable=SC2086 # none or one
      buildah build --isolation "$isolation" --no-cache $flags -t img "$T/context"
      says "seen 4777 5 6"; says more
      untouched
      is "$(ls -A "$T/tmp")" ""
    done
  done
  buildah build --no-cache -q -o "$T/out" "$T/context"
  is "$(cat "$T/out/first")" new
  is "$(xargs <"$T/out/second")" "new more"
  store_is_clean
}

@test "run mounts: a killed build leaves no overlay" {
  base busybox; make_context
  dockerfile <<'DOCKERFILE'
FROM docker.io/library/busybox
RUN --mount=type=bind,rw,target=/ctx touch /ctx/new && sleep 60
DOCKERFILE
  from_base
  for isolation in oci chroot; do
    "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" build --isolation "$isolation" "$T/context" >"$T/log" 2>&1 3>&- &
    pid=$!
    for _ in $(seq 100); do
      grep -q " - overlay buildah-run " /proc/self/mountinfo && break
      sleep 0.1
    done
    sleep 1
    kill -KILL "$pid"; wait "$pid" || true
    [ "$isolation" = chroot ] || sleep 2 # its supervisor is at work
    # shellcheck disable=SC2154 # from_base
    buildah run --isolation "$isolation" "$ctr" true
    is "$(grep -c " $T/tmp/" /proc/self/mountinfo || true)" 0
    is "$(find "$T/tmp" -name owner)" ""
    untouched
  done
}

@test "run mounts: U gives copies away, not what was lent" {
  base busybox; make_context
  dockerfile <<'DOCKERFILE'
FROM docker.io/library/busybox AS other
RUN mkdir /d && echo x >/d/f
FROM docker.io/library/busybox
USER 7:8
RUN --mount=type=bind,target=/ctx,U stat -c 'context %u %g' /ctx /ctx/sub/file
RUN --mount=type=bind,from=other,source=/d,target=/d,U stat -c 'stage %u %g' /d/f
RUN --mount=type=bind,from=other,source=/d,target=/d,U,rw touch /d/mine && stat -c 'writable %u %g' /d/f
RUN --mount=type=bind,from=other,source=/d,target=/d stat -c 'again %u %g' /d/f
DOCKERFILE
  each_isolation buildah build "$T/context"
  says "context 7 8"; says "stage 7 8"; says "writable 7 8"; says "again 0 0"
  untouched
}

@test "run mounts: links do not lead out of a root" {
  base busybox; make_context
  mkdir "$T/outside"; echo private >"$T/outside/file"
  ln -s / "$T/context/root"; ln -s "$T/outside" "$T/context/out"
  BEFORE=$(cd "$T/context" && find . ! -name Dockerfile -printf '%p %m %U %G\n' | sort)
  for source in "root$T/outside" out ../outside "out/file"; do
    for option in rw ro U; do
      dockerfile <<<"FROM docker.io/library/busybox
USER 7
RUN --mount=type=bind,source=$source,target=/m,$option cat /m /m/file"
      buildah 125 build "$T/context"
      says "no such file or directory"; says_not private
    done
  done
  is "$(stat -c %u "$T/outside/file")" 0
  # A link to / in a stage is that stage's root.
  dockerfile <<'DOCKERFILE'
FROM docker.io/library/busybox AS evil
RUN ln -s / /link && touch /marker
FROM docker.io/library/busybox
RUN --mount=type=bind,from=evil,source=/link,target=/m,rw test -e /m/marker && touch /m/escaped
DOCKERFILE
  each_isolation buildah build "$T/context"
  [ ! -e /escaped ]
  untouched
}

@test "run mounts: of every kind, without a type, relative, quoted" {
  base busybox; make_context
  echo comma >"$T/context/a,b"
  dockerfile <<'DOCKERFILE'
FROM docker.io/library/busybox AS one
RUN echo one >/one
FROM docker.io/library/busybox
RUN --mount=type=tmpfs,target=t --mount=from=one,target=/x,type=bind --mount=target=/c,src=sub cat /x/one /c/file && mount | grep -c ' on /t '
RUN --mount='type=bind,"source=a,b",target=/f' cat /f
RUN --mount=TYPE=tmpfs,Target=/t,Size=1m,NOEXEC grep -c ' /t tmpfs .*noexec.*size=1024k' /proc/mounts
RUN --mount=type=bind,target=/c,ro=false,bind-propagation=rslave touch /c/ok
WORKDIR /w
RUN --mount=type=cache,target=rel,bind-propagation=private,sharing=private echo kept >/w/rel/f
RUN --mount=type=cache,target=/w/rel cat rel/f
RUN test ! -e /t && test ! -e /x && test ! -e /c && test ! -e /w/rel && echo clean
DOCKERFILE
  each_isolation buildah build "$T/context"
  says one; says comma; says kept; says clean
  # The name space of caches.
  dockerfile <<'DOCKERFILE'
FROM docker.io/library/busybox
RUN --mount=type=cache,target=/w/rel ls /w/rel | wc -l
DOCKERFILE
  buildah build --build-arg BUILDKIT_CACHE_MOUNT_NS=mine "$T/context"
  grep -qx 0 <<<"$output"
  says_not "not consumed"
}

@test "run mounts: private caches are used one at a time, and kept" {
  base busybox
  from_base
  private() { "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" run --mount type=cache,dst=/c,sharing=private "$@" 3>&-; }
  private "$ctr" sh -c 'echo first >/c/f; sleep 3' &
  sleep 1
  is "$(private "$ctr" sh -c 'ls /c | wc -l; echo second >/c/f')" 0
  wait
  is "$(private "$ctr" cat /c/f)" first
}

@test "run mounts: mistakes name the option and the place" {
  base busybox; make_context
  while IFS='|' read -r mount message; do
    dockerfile <<<"FROM docker.io/library/busybox
RUN --mount=$mount true"
    buildah 125 build "$T/context"
    says "$message"; says "Dockerfile:2"
  done <<'TABLE'
type=bnid,target=/x|invalid mount type "bnid" (did you mean "bind"?)
type=bind,trget=/x|trget: invalid mount option (did you mean "target"?)
type=bind,target=/x,tmpfs-size=1m|tmpfs-size: invalid mount option for type=bind, it belongs to type=tmpfs
type=bind,target|target: must provide an argument for option
type=bind,target=/x,nosuid=yes|nosuid: must not provide an argument for option
type=bind,target=/x,from=|from points to an empty value
type=cache,target=/x,bind-propagation=privat|bind-propagation=privat: invalid mount option
type=cache,target=/x,sharing=never|sharing=never: invalid mount option
type=tmpfs,target=/|the container's root cannot be mounted over
type=cache,target=/x,source=../../etc|no such file or directory
type=bind,target=/x,from=none-such:1|no stage or image found with that name
TABLE
}
