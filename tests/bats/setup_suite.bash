# Makes the base image that all files share: busybox with its applets, as an OCI layout.

setup_suite() {
  local binary=${BUILDAH_BINARY:-$BATS_TEST_DIRNAME/../../bin/buildah} dir=$BATS_SUITE_TMPDIR ctr root
  [ -x "$binary" ] || { echo "build bin/buildah first: make" >&2; return 1; }
  [ "$(id -u)" -eq 0 ] || { echo "the bats files need root" >&2; return 1; }
  run_suite() { "$binary" --root "$dir/root" --runroot "$dir/run" "$@"; }
  echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$dir/policy.json"
  export CONTAINERS_POLICY_JSON=$dir/policy.json
  ctr=$(run_suite from scratch)
  root=$(run_suite mount "$ctr")
  busybox_root "$root"
  run_suite umount "$ctr" >/dev/null
  run_suite config --cmd '["/bin/sh"]' --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$ctr"
  run_suite commit -q --timestamp 1700000000 "$ctr" "oci:$dir/busybox" >/dev/null
  run_suite rm "$ctr" >/dev/null
  unset CONTAINERS_POLICY_JSON
}

# busybox_root DIR fills a root file system from busybox-static.
busybox_root() {
  local d=$1 applet
  mkdir -p "$d"/{bin,sbin,usr/bin,usr/sbin,usr/local/bin,lib,etc,root,tmp,var/tmp,var/lib,home,dev,proc,sys,run,opt,mnt}
  chmod 1777 "$d/tmp" "$d/var/tmp"; chmod 700 "$d/root"
  cp /bin/busybox "$d/bin/busybox"
  /bin/busybox --list-full | grep -vx 'bin/busybox\|linuxrc' | while read -r applet; do
    mkdir -p "$d/$(dirname "$applet")"; ln -sf /bin/busybox "$d/$applet"
  done
  printf 'root:x:0:0:root:/root:/bin/sh\nbin:x:1:1:bin:/bin:/bin/false\ndaemon:x:2:2:daemon:/sbin:/bin/false\nguest:x:405:100:guest:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$d/etc/passwd"
  printf 'root:x:0:\nbin:x:1:root,bin,daemon\ndaemon:x:2:root,bin\nusers:x:100:guest\nvideo:x:27:guest\nnogroup:x:65534:\n' >"$d/etc/group"
}

teardown_suite() {
  # The store keeps itself mounted; without this its directory could not be removed.
  awk -v at="$BATS_SUITE_TMPDIR/" 'index($5, at) == 1 {print $5}' /proc/self/mountinfo | sort -r |
    while read -r mount; do umount -l "$mount" 2>/dev/null || true; done
}
