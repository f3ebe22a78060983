#!/usr/bin/env bats
# `run` under both isolations; what only one of them does is in a file of its own.
load helpers

# each WORDS... runs the rest with every isolation.
each() {
  for isolation in oci chroot; do
    [ "$isolation" = chroot ] || command -v runc >/dev/null || continue
    export BUILDAH_ISOLATION=$isolation
    "$@"
  done
  unset BUILDAH_ISOLATION
}

@test "run: exit status, output, standard input" {
  from_base
  check() {
    buildah run "$ctr" echo hello; is "$output" hello
    buildah 42 run "$ctr" sh -c 'exit 42'
    buildah run "$ctr" -- echo -n -- x; is "$output" "-- x"
    buildah run "$ctr" echo -- -n x; is "$output" "-- -n x"
    is "$(head -c 3000000 /dev/zero | "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" run "$ctr" wc -c)" 3000000
    buildah run --network host "$ctr" sh -c 'echo out; echo err >&2'
    is "$output" out; is "$errors" err
  }
  each check
}

@test "run: a command that is not there, or not a program" {
  from_base
  check() {
    buildah 1 run "$ctr" nosuch-command
    says nosuch-command
    buildah 1 run "$ctr" /etc/passwd
    says "/etc/passwd"
  }
  each check
}

@test "run: a command that a signal ends" {
  from_base
  check() {
    "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" run --network host "$ctr" sleep 4322 2>"$T/err" 3>&- &
    pid=$!
    for _ in $(seq 50); do pgrep -fx '(/bin/)?sleep 4322' >/dev/null && break; sleep 0.1; done
    pkill -KILL -fx '(/bin/)?sleep 4322'
    status=0; wait $pid || status=$?
    is "$status" 1
    grep -qi "exited on" "$T/err"
  }
  each check
}

@test "run: user, groups, working directory, environment" {
  from_base
  check() {
    buildah run --user guest "$ctr" id -u; is "$output" 405
    buildah run --user 1000:1000 "$ctr" id; says "uid=1000 gid=1000"
    buildah run --user daemon "$ctr" id -G; says "1"
    buildah 125 run --user nosuch "$ctr" true
    says nosuch
    buildah run --workingdir /made/for/it "$ctr" pwd; is "$output" /made/for/it
    buildah run --env A=1 --env B "$ctr" sh -c 'echo $A-$B'; is "$output" "1-"
    B=2 buildah run --env B "$ctr" sh -c 'echo $B'; is "$output" 2
    SECRET_OF_CALLER=x buildah run "$ctr" env
    says_not SECRET_OF_CALLER
    says "PATH=/usr/local/sbin"
  }
  each check
  buildah config --user bin --workingdir /tmp --env FROM=record "$ctr"
  check() { buildah run "$ctr" sh -c 'id -un; pwd; echo $FROM'; is "$output" $'bin\n/tmp\nrecord'; }
  each check
  buildah inspect --format '{{.OCIv1.Config.User}} {{.OCIv1.Config.WorkingDir}}' "$ctr"
  is "$output" "bin /tmp"
}

@test "run: volumes and mounts" {
  from_base
  mkdir "$T/shared"; echo data >"$T/shared/file"
  check() {
    buildah run -v "$T/shared:/in/side" "$ctr" cat /in/side/file; is "$output" data
    buildah run -v "$T/shared:/in/side" "$ctr" touch "/in/side/by-$BUILDAH_ISOLATION"
    [ -e "$T/shared/by-$BUILDAH_ISOLATION" ]
    buildah 1 run -v "$T/shared:/in/side:ro" "$ctr" touch /in/side/no
    [ ! -e "$T/shared/no" ]
    buildah run --mount "type=bind,src=$T/shared,dst=/m" "$ctr" cat /m/file; is "$output" data
    buildah 1 run --mount "type=bind,src=$T/shared,dst=/m" "$ctr" touch /m/no
    buildah run --mount type=tmpfs,dst=/scratch "$ctr" sh -c 'touch /scratch/x; grep -c " /scratch tmpfs" /proc/mounts'; is "$output" 1
  }
  each check
  buildah 125 run -v "$T/nosuch:/x" "$ctr" true
  says "$T/nosuch"
  buildah 125 run -v "$T/shared:/x:nonsense" "$ctr" true
  buildah 125 run --mount "type=nonsense,dst=/x" "$ctr" true
}

@test "run: leaves no trace in the image" {
  from_base
  mkdir "$T/shared"
  check() {
    buildah run -v "$T/shared:/new/dir" -v "$T/registries.conf:/new/file" "$ctr" true
    buildah run "$ctr" sh -c 'test -s /etc/hosts && test -e /etc/resolv.conf && test -e /run/.containerenv'
  }
  each check
  buildah mount "$ctr"; mnt=$output
  [ ! -e "$mnt/new" ]
  [ ! -e "$mnt/etc/hosts" ] && [ ! -e "$mnt/etc/resolv.conf" ] && [ ! -e "$mnt/etc/hostname" ] && [ ! -e "$mnt/run/.containerenv" ]
  buildah umount "$ctr"
  buildah commit -q "$ctr" "dir:$T/dir"
  layer=$(jq -r '.layers[-1].digest' "$T/dir/manifest.json" | cut -d: -f2)
  is "$(tar -tf "$T/dir/$layer" | grep -vE '^(\./?)?$' | tr '\n' ' ')" ""
}

@test "run: a container's own files at those places stay" {
  from_base
  echo own >"$T/own"
  buildah copy -q "$ctr" "$T/own" /etc/hosts
  check() { buildah run "$ctr" true; }
  each check
  buildah mount "$ctr"
  is "$(cat "$output/etc/hosts")" own
}

@test "run: isolation holds" {
  from_base
  check() {
    buildah run "$ctr" sh -c 'cat /proc/self/status | grep CapInh'; says 0000000000000000
    buildah 1 run "$ctr" sh -c 'mount -t tmpfs none /mnt 2>/dev/null'
    buildah run "$ctr" sh -c 'cat /proc/timer_list | wc -c'; is "$output" 0
    buildah 1 run "$ctr" sh -c 'echo 1 >/proc/sys/kernel/sysrq' 
    buildah run "$ctr" sh -c 'ls /dev | wc -l'; [ "$output" -lt 30 ]
    buildah run "$ctr" sh -c 'ls /proc/self/fd'; is "$output" $'0\n1\n2\n3'
    buildah run --hostname boxed "$ctr" hostname; is "$output" boxed
    buildah run "$ctr" sh -c 'echo $$'; [ "$output" -lt 20 ]
  }
  each check
}

@test "run: limits are clamped to what we may set" {
  from_base
  hard=$(ulimit -Hn)
  check() { buildah run "$ctr" sh -c 'ulimit -n'; [ "$output" = "$hard" ] || [ "$output" = 1048576 ]; }
  each check
  buildah from --name limited --ulimit nofile=100:200 docker.io/library/busybox
  check() { buildah run limited sh -c 'ulimit -n; ulimit -Hn'; is "$output" $'100\n200'; }
  each check
}

@test "run: networks" {
  from_base
  buildah run --network host "$ctr" sh -c 'ls /sys/class/net | wc -l'
  if command -v runc >/dev/null; then
    buildah run --network none "$ctr" sh -c 'cat /proc/net/dev | grep -c :'
    is "$output" 1
    buildah run --network private "$ctr" true
    [ "$(grep -c 'network' <<<"$errors")" -le 1 ]
  fi
  buildah 125 run --isolation chroot --network private "$ctr" true
  says "--network"
  buildah 125 run --network nosuchnetwork "$ctr" true
  one_line_error
}

@test "run: without a runtime chroot is used, and one line says so" {
  from_base
  cat >"$T/alone" <<SH
for runtime in /usr/bin/crun /usr/bin/runc /usr/sbin/runc /usr/local/bin/runc; do
  [ ! -e \$runtime ] || mount --bind /dev/null \$runtime
done
exec "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" run "$ctr" echo ran
SH
  unshare -m sh "$T/alone" >"$T/out" 2>"$T/err"
  is "$(cat "$T/out")" ran
  is "$(grep -c chroot "$T/err")" 1
  buildah 1 run --runtime /nonexistent/runtime "$ctr" true
  says "/nonexistent/runtime"
}

@test "run: a terminal" {
  from_base
  check() {
    buildah run -t "$ctr" sh -c 'test -t 0 && test -t 1 && echo terminal'; says terminal
    buildah run --terminal=false "$ctr" sh -c 'test -t 0 || echo none'; is "$output" none
  }
  each check
}

@test "run: history and statuses that count as success" {
  from_base
  buildah run --add-history "$ctr" echo noted
  buildah commit -q "$ctr" localhost/h
  buildah inspect --type image --format '{{range .OCIv1.History}}{{.CreatedBy}}|{{end}}' localhost/h
  says "/bin/sh -c echo noted|"
  buildah run --valid-exit-codes 3,4 "$ctr" sh -c 'exit 4'
  buildah 125 run --valid-exit-codes 3 "$ctr" true
}

@test "run: killing us leaves nothing running" {
  needs runc
  from_base
  check() {
    "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" run "$ctr" sleep 4321 3>&- &
    pid=$!
    for _ in $(seq 50); do pgrep -f 'sleep 4321' >/dev/null && break; sleep 0.1; done
    kill -KILL $pid
    for _ in $(seq 50); do pgrep -fx '(/bin/)?sleep 4321' >/dev/null || break; sleep 0.1; done
    ! pgrep -fx '(/bin/)?sleep 4321'
  }
  each check
}
