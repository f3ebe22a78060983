#!/usr/bin/env bats
# Everything as an ordinary user, who is made for these tests and goes with them.

load helpers
load user

setup_file() { make_user; }

teardown_file() { remove_user; }

# layers lists how the layers of the test's store came to be: a frozen one was
# never a tar of any size, one that was unpacked was.
layers() {
  jq -r '.[] | select(."diff-digest") | if ."compressed-size" then "unpacked" else "frozen" end' \
    "$RHOME/home/$BATS_TEST_NUMBER/root/overlay-layers/layers.json" | sort | uniq -c | xargs
}

@test "rootless: from, copy, config, run, commit and push" {
  mine '
    base
    ctr=$(buildah from docker.io/library/busybox)
    echo text >file; chmod 640 file
    buildah copy --chown 12:34 $ctr file /etc/file
    buildah run --isolation chroot $ctr sh -c "id -u; id -un; echo x >/made; chown guest /made; rm -r /home; mkdir /home"
    buildah config --env A=B --label l=m $ctr
    buildah commit -q $ctr mine >/dev/null
    buildah push -q mine dir:out
    buildah inspect --type image --format "{{.FromImageID}}" mine
    buildah run $ctr cat /made
    buildah rm $ctr >/dev/null
    buildah images'
  says root
  says localhost/mine
  is "$(layers)" "1 frozen 1 unpacked"
  # The owners are those that the container sees.
  local out=$RHOME/home/$BATS_TEST_NUMBER/out layer
  layer=$(jq -r '.layers[-1].digest' "$out/manifest.json")
  output=$(tar --numeric-owner -tvzf "$out/${layer#sha256:}" 2>/dev/null || tar --numeric-owner -tvf "$out/${layer#sha256:}")
  grep -Eq '^-rw-r----- 12/34 .* etc/file$' <<<"$output"
  grep -Eq '^-rw-r--r-- 405/0 .* made$' <<<"$output"
  grep -q 'home/.wh..wh..opq$' <<<"$output"
}

@test "rootless: run with an OCI runtime" {
  needs runc
  mine 'base; ctr=$(buildah from docker.io/library/busybox); buildah run --isolation oci $ctr true 2>why || { cat why; exit 77; }' ||
    skip "runc does not run for ordinary users here: $output"
  mine '
    ctr=$(buildah from docker.io/library/busybox)
    buildah run --isolation oci $ctr sh -c "id -u; cat /proc/1/comm; echo x >/tmp/made; exit 0"
    buildah run --isolation oci --user guest $ctr id -un
    buildah run --isolation oci $ctr sh -c "exit 7" || echo status $?
    buildah run --isolation oci $ctr cat /tmp/made'
  is "$output" $'0\nsh\nguest\nstatus 7\nx'
}

@test "rootless: after su, on a machine with systemd" {
  needs runc
  # No session, so no bus to systemd: the runtime makes the cgroups. Drop-ins are those for users.
  [ -d /etc/containers ] || skip "there is no /etc/containers to put other files over"
  su() {
    # shellcheck disable=SC2016 # for that shell
    unshare -m sh -ec 'mount -t tmpfs run /run; mkdir -p /run/systemd/system
      mount -t tmpfs etc /etc/containers; cd /etc/containers; mkdir containers.rootless.conf.d containers.rootful.conf.d
      echo "engine.env = [\"WHOSE=a user\"]" >containers.rootless.conf.d/x.conf
      echo "engine.env = [\"WHOSE=root\"]" >containers.rootful.conf.d/x.conf
      chmod -R a+rX .; exec su "$@"' su "$@"
  }
  mine '
    base; ctr=$(buildah from docker.io/library/busybox)
    buildah run --network host --isolation oci --env WHOSE $ctr sh -c "echo ran for \$WHOSE"'
  is "$output" "ran for a user"
  unset -f su
}

@test "rootless: a RUN's directory becomes the layer" {
  mine '
    base
    mkdir context; echo a >context/file
    printf "FROM docker.io/library/busybox\nRUN echo x >/made && echo inode:\$(ls -i /made)\nCOPY file /file\nRUN rm /bin/ash && mkdir -p /new/dir\n" >context/Dockerfile
    buildah bud --isolation chroot --layers -t built context
    buildah push -q built dir:out'
  local inode=${output##*inode:} at=$RHOME/home/$BATS_TEST_NUMBER
  inode=$(awk '{print $1; exit}' <<<"$inode")
  is "$(stat -c %i "$at"/root/overlay/*/diff/made)" "$inode" # not a copy of it
  is "$(layers)" "3 frozen 1 unpacked"
  # What is pushed is, byte for byte, what was frozen.
  local config digests blob
  config=$(jq -r .config.digest "$at/out/manifest.json")
  mapfile -t digests < <(jq -r '.rootfs.diff_ids[]' "$at/out/${config#sha256:}")
  local n=0
  for blob in $(jq -r '.layers[].digest' "$at/out/manifest.json"); do
    blob=$at/out/${blob#sha256:}
    is "sha256:$( (gzip -dc "$blob" 2>/dev/null || cat "$blob") | sha256sum | cut -d' ' -f1)" "${digests[n]}"
    n=$((n + 1))
  done
}

@test "rootless: the same image as root's" {
  local file='FROM docker.io/library/busybox\nRUN echo x >/made && chown 12:34 /made && rm -r /home && mkdir /home && setfattr 2>/dev/null; rm /bin/ash\n'
  # shellcheck disable=SC2059 # the text is a format
  printf "$file" >"$T/context/Dockerfile"
  base
  buildah bud -q --isolation chroot --timestamp 1600000000 "$T/context"
  local root=$output
  mine "base; mkdir context; printf '$file' >context/Dockerfile; buildah bud -q --isolation chroot --timestamp 1600000000 context"
  is "$output" "$root"
}

@test "rootless: unshare, and mount inside" {
  mine 'base; buildah from --name c docker.io/library/busybox; buildah unshare sh -c "id -u; wc -l </proc/self/uid_map"'
  is "$output" $'c\n0\n2'
  mine '
    buildah unshare bash -c '"'"'m=$(buildah mount c); echo text >$m/made; chown 5:6 $m/made; buildah umount c >/dev/null'"'"'
    buildah unshare --mount M=c sh -c "stat -c %u:%g \$M/made; cat \$M/made"
    buildah run c stat -c %u /made'
  is "$output" $'5:6\ntext\n5'
  # Where the state of mounts is found by TMPDIR, both find the same.
  mine 'buildah unshare --mount M=c sh -c "echo \$TMPDIR"; unset TMPDIR; buildah unshare --mount M=c sh -c "echo TMPDIR=\$TMPDIR"'
  is "$output" "$RHOME/home/$BATS_TEST_NUMBER/tmp"$'\nTMPDIR='
  mine 125 'buildah mount c'
  says "buildah unshare"
}

@test "rootless: vfs" {
  STORAGE_DRIVER=vfs mine '
    base
    ctr=$(buildah from docker.io/library/busybox)
    buildah run --isolation chroot $ctr sh -c "echo x >/made; rm -r /home"
    buildah commit -q $ctr mine >/dev/null
    ctr=$(buildah from mine)
    buildah run --isolation chroot $ctr sh -c "cat /made; ls /home 2>/dev/null || echo gone"'
  is "$output" $'x\ngone'
  is "$errors" ""
}

@test "rootless: secrets and agents, in memory only" {
  needs ssh-keygen
  mine '
base
mkdir ctx; printf "sesame-open" >secret; ssh-keygen -q -t ed25519 -N "" -f key
cat >ctx/Dockerfile <<DOCKERFILE
FROM docker.io/library/busybox
RUN --mount=type=secret,id=s,uid=7,mode=0440 --mount=type=secret,id=s,env=S --mount=type=ssh,required stat -c "%a %u" /run/secrets/s && echo "\${#S} \$SSH_AUTH_SOCK" && test -S "\$SSH_AUTH_SOCK"
RUN --mount=type=bind,rw,target=/ctx echo new >/ctx/new
RUN --mount=type=bind,target=/ctx cat /ctx/new && test ! -e /run/secrets
DOCKERFILE
for isolation in rootless chroot; do
  buildah build --isolation $isolation --secret id=s,src=secret --ssh default=key ctx
done
test ! -e ctx/new
! grep -rlaF sesame-open root run tmp'
  says "440 7"; says "11 /run/buildkit/ssh_agent.0"; says new
}

@test "rootless: networks by pasta and slirp4netns" {
  needs pasta; needs slirp4netns
  load machine
  make_machine
  # In a mount namespace of the test the user may use the device of tunnels.
  mknod -m 666 "$RHOME/tun" c 10 200 || skip "device nodes cannot be made here"
  su() { on_machine unshare -m sh -c 'mount --bind "$0" /dev/net/tun && exec su "$@"' "$RHOME/tun" "$@"; }
  mine '
    base
    ctr=$(buildah from docker.io/library/busybox)
    buildah run $ctr sh -c "ip -o -4 addr show out0; ls /sys/class/net; cat /etc/resolv.conf"
    buildah run --network slirp4netns $ctr ip -o -4 addr show tap0
    printf "FROM docker.io/library/busybox\nRUN ip -o -4 addr show out0\n" >Dockerfile
    buildah build .
    for n in $(seq 50); do [ -z "$(ls run/buildah-network)" ] && break; sleep 0.1; done
    ls run/buildah-network'
  is "$errors" ""
  is "$(grep -c 'inet 192.0.2.2/24' <<<"$output")" 2
  says "nameserver 169.254.1.1"
  says "inet 10.0.2.100/24"
  is "$(tail -n 1 <<<"$output" | grep -c '^[0-9a-f]*$')" 1 # the ID of the image: no keeper is left
  mine 125 'buildah run --network podman $(buildah from scratch) true'
  says "for the machine's root only"
  unset -f su
  mine 'base; buildah run $(buildah from docker.io/library/busybox) true'
  case $(stat -c %a /dev/net/tun) in *0) says "using the host's network" ;; esac
  rm -f "$RHOME/tun"
}

@test "rootless: containers with ids of their own" {
  mine '
base
for flag in --userns-uid-map=0:1000:5000 --userns=auto:size=2000 --userns=private; do
  ctr=$(buildah from $flag docker.io/library/busybox)
  for isolation in chroot oci; do
    [ $isolation = chroot ] || command -v runc >/dev/null || continue
    BUILDAH_RUNTIME=runc buildah run --network host --isolation $isolation $ctr sh -c "touch /x; chown 7:8 /x"
  done
  buildah run --isolation chroot $(buildah from $(buildah commit -q $ctr)) stat -c %u:%g /x
done
buildah from --userns-uid-map 0:70000:10 docker.io/library/busybox 2>why || { cat why; exit 0; }'
  is "$(head -n 3 <<<"$output")" $'7:8\n7:8\n7:8'
  says "ID 70000 of the host is not there"
}
