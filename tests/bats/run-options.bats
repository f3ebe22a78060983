#!/usr/bin/env bats
# The flags of `run` that are about where and with what the command runs.
load helpers

@test "run: rights of one run" {
  from_base
  each_isolation buildah run --cap-add CAP_SYS_ADMIN "$ctr" mount -t tmpfs none /mnt
  each_isolation buildah 1 run --cap-drop CAP_CHOWN "$ctr" chown 1 /tmp
  each_isolation buildah run --cap-add all --cap-drop all "$ctr" grep CapBnd /proc/self/status
  says 0000000000000000
  each_isolation buildah 125 run --cap-add sys_admin "$ctr" true
  says "CAP_SYS_ADMIN"
}

@test "run: namespaces of one run" {
  from_base
  for kind in cgroup ipc pid uts; do
    flag=--${kind/cgroup/cgroupns}
    each_isolation buildah run "$flag" host "$ctr" readlink "/proc/self/ns/$kind"
    is "$output" "$(readlink "/proc/self/ns/$kind")"
    each_isolation buildah run "$flag" private "$ctr" readlink "/proc/self/ns/$kind"
    [ "$output" != "$(readlink "/proc/self/ns/$kind")" ]
    buildah 125 run "$flag" ns:/no/such/file "$ctr" true
    one_line_error
  done
  touch "$T/net"
  unshare -n mount --bind /proc/self/ns/net "$T/net" || skip "a network namespace cannot be kept here"
  each_isolation buildah run --network "ns:$T/net" "$ctr" grep -c : /proc/net/dev; is "$output" 1
  each_isolation buildah run --net "$T/net" "$ctr" grep -c : /proc/net/dev; is "$output" 1
  umount "$T/net"
}

@test "run: devices of one run" {
  from_base
  each_isolation buildah run --device /dev/zero:/dev/zeros:r "$ctr" sh -c 'head -c 3 /dev/zeros | wc -c'
  is "$output" 3
  each_isolation buildah 125 run --device /dev/no-such-device "$ctr" true
  says /dev/no-such-device
  each_isolation buildah 125 run --device /etc/hostname "$ctr" true
}

@test "run: files that we bind can be left out" {
  from_base
  each_isolation buildah run --no-hosts --no-hostname "$ctr" sh -c '! test -e /etc/hosts && ! test -e /etc/hostname'
  each_isolation buildah run --hostname boxed "$ctr" sh -c 'cat /etc/hostname; echo $HOSTNAME; grep -c boxed /etc/hosts'
  is "$output" $'boxed\nboxed\n1'
}

@test "run: environment of several variables" {
  from_base
  export ONE_A=1 ONE_B=2 TWO=3
  each_isolation buildah run --env 'ONE_*' "$ctr" env
  says ONE_A=1; says ONE_B=2; says_not TWO=3
  each_isolation buildah run -e '*' "$ctr" env
  says TWO=3
}

@test "run: flags for the runtime" {
  needs runc
  from_base
  buildah run --runtime runc --runtime-flag debug "$ctr" true
  says level=debug
  buildah 1 run --runtime runc --runtime-flag no-such-flag "$ctr" true
  says no-such-flag
  each_isolation buildah run --no-pivot "$ctr" true
}

@test "run: volumes that are relabelled, given away, thrown away" {
  from_base
  mkdir "$T/shared" "$T/upper" "$T/work"; echo data >"$T/shared/file"
  for option in z Z ro,nodev,noexec,nosuid rslave; do
    each_isolation buildah run -v "$T/shared:/in:$option" "$ctr" cat /in/file; is "$output" data
  done
  each_isolation buildah run -v "$T/shared:/in:O" "$ctr" sh -c 'echo more >/in/file; cat /in/file'; is "$output" more
  is "$(cat "$T/shared/file")" data
  buildah run -v "$T/shared:/in:O,upperdir=$T/upper,workdir=$T/work" "$ctr" sh -c 'echo kept >/in/file'
  is "$(cat "$T/shared/file") $(cat "$T/upper/file")" "data kept"
  buildah run -v "$T/shared:/in:U" --user 12:34 "$ctr" stat -c %u:%g /in/file; is "$output" 12:34
  buildah 125 run -v "$T/shared:/in" -v "$T/shared:/in" "$ctr" true
  says duplicate
  buildah 125 run -v "named:/in" "$ctr" true
}

@test "run: bind mounts from a context, from an image, written to" {
  from_base
  mkdir -p "$T/context/dir"; echo data >"$T/context/dir/file"; ln -s /etc "$T/context/out"
  each_isolation buildah run --contextdir "$T/context" --mount type=bind,src=dir,dst=/m "$ctr" cat /m/file; is "$output" data
  each_isolation buildah run --contextdir "$T/context" --mount type=bind,src=/dir,dst=m --workingdir /w "$ctr" cat m/file; is "$output" data
  each_isolation buildah 125 run --contextdir "$T/context" --mount type=bind,src=out,dst=/m "$ctr" true
  each_isolation buildah run --mount type=bind,from=docker.io/library/busybox,src=/etc,dst=/m "$ctr" ls /m; says passwd
  each_isolation buildah run --mount "type=bind,src=$T/context/dir,dst=/m,rw" "$ctr" sh -c 'echo new >/m/new; cat /m/new'; is "$output" new
  [ ! -e "$T/context/dir/new" ]
  each_isolation buildah run --mount "type=bind,src=$T/context/dir/file,dst=/f,rw" "$ctr" sh -c 'echo new >/f; cat /f'; is "$output" new
  is "$(cat "$T/context/dir/file")" data
}

@test "run: tmpfs mounts have the mode and the size that were asked for" {
  from_base
  each_isolation buildah run --mount type=tmpfs,dst=/new,tmpfs-mode=1700,tmpfs-size=1m "$ctr" sh -c 'stat -c %a /new; grep -c " /new tmpfs .*size=1024k" /proc/mounts'
  is "$output" $'1700\n1'
  each_isolation buildah run --mount type=tmpfs,dst=/root,tmpfs-mode=777 "$ctr" stat -c %a /root; is "$output" 777
  each_isolation buildah run --mount type=tmpfs,dst=/etc,tmpcopyup "$ctr" cat /etc/passwd; says nobody
  each_isolation buildah 1 run --mount type=tmpfs,dst=/new,ro "$ctr" touch /new/file
}

@test "run: caches are kept, shared in part, and pruned" {
  from_base
  each_isolation buildah run --mount type=cache,dst=/c "$ctr" sh -c 'mkdir -p /c/sub; echo kept >>/c/sub/file; cat /c/sub/file'
  says kept
  buildah run --mount type=cache,id=/c,src=sub,dst=/part,sharing=locked "$ctr" cat /part/file; says kept
  each_isolation buildah run --mount type=cache,dst=/mine,mode=0700,uid=5,gid=6 "$ctr" stat -c %a:%u:%g /mine; is "$output" 700:5:6
  each_isolation buildah run --mount type=cache,dst=/i,from=docker.io/library/busybox,src=/etc "$ctr" sh -c 'touch /i/new && ls /i'; says passwd
  each_isolation buildah 1 run --mount type=cache,dst=/i,from=docker.io/library/busybox,src=/etc,ro "$ctr" touch /i/new
  buildah run --mount type=cache,dst=/c,sharing=private "$ctr" ls /c; says sub
  buildah 125 run --mount type=cache,dst=/c,sharing=alone "$ctr" true; says "sharing=alone: invalid mount option"
  buildah prune
  buildah run --mount type=cache,dst=/c "$ctr" ls /c; is "$output" ""
}

@test "run: a signal to us ends the command, and gives 1" {
  from_base
  check() {
    "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" run "$ctr" sleep 4323 3>&- 2>"$T/stderr" &
    pid=$!
    for _ in $(seq 50); do pgrep -fx '(/bin/)?sleep 4323' >/dev/null && break; sleep 0.1; done
    kill "-$1" $pid
    status=0; wait $pid || status=$?
    is "$status" 1
    is "$(wc -l <"$T/stderr")" 1
    ! pgrep -fx '(/bin/)?sleep 4323'
  }
  for signal in TERM HUP; do each_isolation check $signal; done
}

@test "run: a command that fails says so in one line" {
  from_base
  each_isolation buildah 5 run "$ctr" sh -c 'exit 5'
  is "$errors" "Error: while running runtime: exit status 5"
}
