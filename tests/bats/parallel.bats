#!/usr/bin/env bats
# Stages and platforms at the same time: they overlap, and nothing else is different.

load helpers

# stage NAME: a stage that notes when its command began and ended, in hundredths of a second.
stage() {
  printf 'FROM docker.io/library/busybox AS %s\nRUN cut -d" " -f1 /proc/uptime | tr -d . >/%s; sleep 0.5; cut -d" " -f1 /proc/uptime | tr -d . >>/%s; echo "this is %s"\n' "$1" "$1" "$1" "$1"
}

# meeting NAME N: a stage whose command ends once N of them are at it.
meeting() {
  printf 'FROM docker.io/library/busybox AS %s\nRUN --mount=type=cache,id=meeting,target=/m touch /m/%s /%s; for i in $(seq 600); do [ "$(ls /m | wc -l)" -lt %s ] || exit 0; sleep 0.1; done; exit 9\n' "$1" "$1" "$1" "$2"
}

# final NAMES: the stage that has what those have noted.
final() {
  local name
  echo 'FROM scratch'
  for name; do echo "COPY --from=$name /$name /"; done
}

# one_after_the_other DIR FIRST SECOND: the second began when the first had ended.
one_after_the_other() {
  [ "$(sed -n 1p "$1/$3")" -ge "$(sed -n 2p "$1/$2")" ] || { grep . "$1/$2" "$1/$3"; return 1; }
}

# nothing_runs: no container, no mount, no cgroup and no process of a command is left.
nothing_runs() {
  store_is_clean
  ! pgrep -f 'sleep 98[7]' || return 1
  ! find /sys/fs/cgroup -ignore_readdir_race -mindepth 3 -type d -path "*/parallel-$$/*" | grep . || return 1
  is "$(find "$T/tmp" -mindepth 1 -name 'buildah*' ! -name 'buildah-cache-*' -prune)" ""
}

@test "parallel: four stages overlap, with every isolation, and not with --jobs 1" {
  base busybox
  { for name in a b c d; do meeting $name 4; done; final a b c d; } >"$T/context/Dockerfile"
  overlap() {
    buildah build --jobs "${jobs:-4}" "$T/context"
    rm -r "$T"/tmp/buildah-cache-* # where they met
  }
  each_isolation overlap
  jobs=0 overlap
  { for name in a b; do stage $name; done; final a b; } >"$T/context/Dockerfile"
  buildah build --jobs 1 --output "$T/out" "$T/context"
  one_after_the_other "$T/out" a b
  store_is_clean
}

@test "parallel: the same image and the same output as with --jobs 1" {
  base busybox
  { for name in a b c; do
      printf 'FROM docker.io/library/busybox AS %s\nARG missing\nRUN for i in 1 2 3; do echo "%s $i"; echo "%s err $i" >&2; sleep 0.1; done; echo %s >/%s\n' $name $name $name $name $name
    done
    final c b a; } >"$T/context/Dockerfile"
  for jobs in 1 4; do
    buildah build --jobs $jobs --timestamp 0 "$T/context"
    echo "$output" >"$T/out.$jobs"
    sed 's/^time="[^"]*"//' "$T/stderr" >"$T/err.$jobs"
  done
  cmp "$T/out.1" "$T/out.4"; cmp "$T/err.1" "$T/err.4"
  store_is_clean
}

@test "parallel: stages that begin alike do that once with --layers" {
  base busybox
  { for name in a b c; do
      printf 'FROM docker.io/library/busybox AS %s\nRUN echo once >>/shared; sleep 0.2; cat /proc/sys/kernel/random/uuid >>/shared\nRUN echo %s >/%s\n' $name $name $name
    done
    echo 'FROM scratch'; for name in a b c; do echo "COPY --from=$name /shared /$name"; done; } >"$T/context/Dockerfile"
  buildah build --layers --jobs 4 --output "$T/out" "$T/context"
  is "$(grep -c 'Using cache' <<<"$output")" 2
  cmp "$T/out/a" "$T/out/b"; cmp "$T/out/a" "$T/out/c"
  [[ $(grep -A1 'STEP 2/3' <<<"$output" | sed -n 2p) != *"Using cache"* ]] # the first of them does it
  buildah build --layers --no-cache --jobs 4 --output "$T/out" "$T/context"
  says_not "Using cache"
  ! cmp -s "$T/out/a" "$T/out/b"
}

teardown_file() {
  find /sys/fs/cgroup -ignore_readdir_race -depth -type d -name "parallel-*" -exec rmdir {} + 2>/dev/null || true
}

@test "parallel: the first failure stops the others and leaves nothing" {
  base busybox
  printf '%s\n' 'FROM docker.io/library/busybox AS slow' 'RUN sleep 987' 'FROM docker.io/library/busybox AS bad' 'RUN sleep 0.3; echo "bad news"; exit 7' \
    'FROM docker.io/library/busybox' 'RUN sleep 987' 'COPY --from=slow / /x' 'COPY --from=bad / /y' >"$T/context/Dockerfile"
  failing() {
    buildah 7 build --jobs 4 --cgroup-parent "/parallel-$$" -t result "$T/context"
    one_line_error
    says 'building at STEP "RUN sleep 0.3; echo "bad news"; exit 7"'
    says "bad news"
    says_not "STEP 2/4: RUN sleep 987" # what comes after it is not shown
    nothing_runs
    buildah 125 inspect --type image result
  }
  each_isolation failing
}

@test "parallel: of several that fail the first in order is told of" {
  base busybox
  # Each fails as soon as both are there.
  { for name in 4 3; do meeting s$name 2 | sed "s/exit 0/exit $name/"; done; final s4 s3; } >"$T/context/Dockerfile"
  buildah 4 build --jobs 0 "$T/context"
  says "exit status 4"
  says_not "exit status 3"
  store_is_clean
}

@test "parallel: a signal stops all stages" {
  base busybox
  { for name in a b c; do printf 'FROM docker.io/library/busybox AS %s\nRUN sleep 987\n' $name; done; final a b c; } >"$T/context/Dockerfile"
  "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" --storage-driver "${STORAGE_DRIVER:-overlay}" build --cgroup-parent "/parallel-$$" "$T/context" >"$T/log" 2>&1 &
  local pid=$! status=0
  for _ in $(seq 100); do
    [ "$(pgrep -fc '^sleep 98[7]')" -lt 3 ] || break
    sleep 0.1
  done
  is "$(pgrep -fc '^sleep 98[7]')" 3
  find /sys/fs/cgroup -ignore_readdir_race -mindepth 3 -type d -path "*/parallel-$$/*" | grep -q . || ! command -v runc
  kill -INT $pid
  wait $pid || status=$?
  [ "$status" -ne 0 ]
  nothing_runs
}

@test "parallel: platforms at the same time, each with its own arguments" {
  base busybox
  cat >"$T/context/Dockerfile" <<'EOD'
FROM --platform=$BUILDPLATFORM docker.io/library/busybox AS build
ARG TARGETARCH
RUN --mount=type=cache,id=platforms,target=/m touch /m/$TARGETARCH; for i in $(seq 600); do [ "$(ls /m | wc -l)" -lt 3 ] || exit 0; sleep 0.1; done; exit 9
RUN echo "$TARGETARCH" >/arch
FROM scratch
COPY --from=build /arch /
EOD
  buildah build --jobs 4 --platform linux/amd64,linux/arm64,linux/s390x --output "type=tar,dest=$T/out.tar" "$T/context"
  mkdir "$T/out"; tar -C "$T/out" -xf "$T/out.tar"
  for arch in amd64 arm64 s390x; do
    is "$(cat "$T/out/linux_$arch/arch")" $arch
  done
  is "$(ls "$T/out")" $'linux_amd64\nlinux_arm64\nlinux_s390x'
  store_is_clean
}

@test "parallel: locked caches, whatever the order, and shared secrets" {
  base busybox
  echo secret >"$T/key"
  { for name in a b c d; do
      local one=x two=y; case $name in b | d) one=y two=x ;; esac
      printf 'FROM docker.io/library/busybox AS %s\nRUN --mount=type=secret,id=key --mount=type=cache,sharing=locked,id=%s,target=/%s --mount=type=cache,sharing=locked,id=%s,target=/%s n=$(cat /x/n 2>/dev/null || echo 0); sleep 0.1; echo $((n+1)) >/x/n; cmp /x/n /y/n || cp /x/n /y/n; cp /run/secrets/key /%s\n' \
        $name $one $one $two $two $name
    done
    printf 'FROM docker.io/library/busybox\n'; for name in a b c d; do echo "COPY --from=$name /$name /"; done
    echo 'RUN --mount=type=cache,id=x,target=/x cat /x/n'; } >"$T/context/Dockerfile"
  buildah build --jobs 4 --secret id=key,src="$T/key" "$T/context"
  says $'cat /x/n\n4'
}

@test "parallel: in order where stages would get into each other's way" {
  base busybox
  mkdir "$T/host"
  # What one stage writes to the context, those after it see and those before it do not.
  printf '%s\n' 'FROM docker.io/library/busybox AS before' 'RUN --mount=type=bind,target=/ctx sleep 0.3; ! test -e /ctx/made' \
    'FROM docker.io/library/busybox AS writes' 'RUN --mount=type=bind,rw,target=/ctx echo made >/ctx/made' \
    'FROM docker.io/library/busybox' 'COPY made /' >"$T/context/Dockerfile"
  buildah build --jobs 4 --skip-unused-stages=false "$T/context"
  { for name in a b; do stage $name; done; final a b; } >"$T/context/Dockerfile"
  for flags in "--log-rusage" "-v $T/host:/host"; do
    # shellcheck disable=SC2086 # several words
    buildah build $flags --output "$T/out" "$T/context"
    one_after_the_other "$T/out" a b
  done
  { for name in a b; do meeting $name 2; done; final a b; } >"$T/context/Dockerfile"
  buildah build -v "$T/host:/host:ro" "$T/context"
}
