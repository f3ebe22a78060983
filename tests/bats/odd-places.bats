#!/usr/bin/env bats
# Machines that lack something, and places with odd names.
load helpers

@test "odd places: names of stores" {
  for name in 'a space' 'q"uote' 'per%s' 'utf-☃' "new
line"; do
    mkdir -p "$T/$name"
    store() { output=$("$BUILDAH_BINARY" --root "$T/$name/root" --runroot "$T/$name/run" --storage-driver overlay "$@"); }
    store pull -q "oci:$BATS_SUITE_TMPDIR/busybox"
    store from --name c "$output"
    for isolation in oci chroot; do
      [ "$isolation" = chroot ] || command -v runc >/dev/null || continue
      store run --isolation "$isolation" -v "$T/$name:/in:O" --mount type=cache,dst=/cache c sh -c 'echo ran >/ran; cat /ran'
      is "$output" ran
    done
    store commit -q c localhost/odd
    store rm -a
  done
}

@test "odd places: a store that overlay cannot use is refused at once" {
  for name in 'com,ma' 'co:lon' 'back\slash'; do
    status=0
    "$BUILDAH_BINARY" --root "$T/$name/root" --runroot "$T/$name/run" --storage-driver overlay images 2>"$T/stderr" || status=$?
    errors=$(cat "$T/stderr"); output=
    is "$status" 125; one_line_error; says "use another directory"
    [ ! -e "$T/$name" ]
    "$BUILDAH_BINARY" --root "$T/$name/root" --runroot "$T/$name/run" --storage-driver vfs images
  done
}

@test "odd places: no policy.json, no registries.conf" {
  base busybox
  unset CONTAINERS_POLICY_JSON CONTAINERS_REGISTRIES_CONF
  export HOME=$T/home
  mkdir -p "$T/home"
  cat >"$T/bare" <<SH
mount -t tmpfs none /etc/containers 2>/dev/null || true
[ ! -d /usr/share/containers ] || mount -t tmpfs none /usr/share/containers
b() { "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" "\$@"; }
b pull "oci:$BATS_SUITE_TMPDIR/busybox" && exit 1
ctr=\$(b from docker.io/library/busybox) && b commit -q "\$ctr" localhost/made && b push -q localhost/made "dir:$T/made"
SH
  unshare -m sh -e "$T/bare" 2>"$T/stderr"
  errors=$(cat "$T/stderr"); output=
  says "/etc/containers/policy.json to accept every image"
  [ -e "$T/made/manifest.json" ]
}

@test "odd places: HOME that is missing or cannot be written, a lost current directory" {
  base busybox
  env -u HOME "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" from --name one docker.io/library/busybox
  HOME=/no/such/home buildah pull -q "oci:$BATS_SUITE_TMPDIR/busybox"
  HOME=/proc buildah push -q docker.io/library/busybox "dir:$T/dir"
  mkdir "$T/lost"; cd "$T/lost"; rmdir "$T/lost"
  buildah copy -q one /etc/hostname /copied
  buildah run one cat /copied
  buildah commit -q one localhost/lost
  buildah 125 copy one relative /copied
}

@test "odd places: TMPDIR that is not there" {
  base busybox
  buildah from --name one docker.io/library/busybox
  TMPDIR=/no/such/dir buildah 125 run one true
  one_line_error; says /no/such/dir
}

@test "odd places: hostile names" {
  for name in '' ' ' .. ../x /etc a//b A a: a@ 'a b' a@sha256:abc - docker:// docker://A oci: dir: dir:/no/such containers-storage: \
    oci-archive:/no/such docker-archive:/etc/passwd http://x sha256:abc docker: localhost/ :x '[x]' $'a\nb' "$(printf 'a%.0s' {1..300})" "$(printf 'a%.0s' {1..64})"; do
    buildah 125 from -- "$name"
    one_line_error
  done
  store_is_clean
}

@test "odd places: unshare as root, with and without ranges" {
  from_base
  printf 'root:200000:65536\n' >"$T/ranges"
  b="$BUILDAH_BINARY --root $T/root --runroot $T/run"
  # The files of the machine stay as they are: the ranges are seen in here only.
  ranged() { unshare -m sh -ec 'mount --bind "$1" /etc/subuid; mount --bind "$1" /etc/subgid; shift; "$@"' - "$T/ranges" "$@"; }
  is "$(ranged $b unshare sh -c 'awk "{print \$1, \$2, \$3}" /proc/self/uid_map /proc/self/gid_map')" $'0 0 1\n1 200000 65536\n0 0 1\n1 200000 65536'
  ranged $b unshare sh -c "touch $T/owned; chown 5:6 $T/owned"
  is "$(stat -c %u:%g "$T/owned")" 200004:200005
  is "$(ranged $b unshare sh -c 'echo $_CONTAINERS_USERNS_CONFIGURED $BUILDAH_ISOLATION $_CONTAINERS_ROOTLESS_UID')" "done rootless 0"
  is "$(ranged $b unshare -m "ROOT=$ctr" sh -c 'ls $ROOT/etc')" $'group\npasswd'
  status=0; ranged $b unshare sh -c 'exit 4' || status=$?; is "$status" 4
  : >"$T/ranges"
  ranged $b unshare true 2>"$T/stderr"
  grep -q "no further ids for .*root.* in /etc/subuid and /etc/subgid" "$T/stderr"
  SHELL='' buildah 1 unshare
  buildah mount; is "$output" ""
}
