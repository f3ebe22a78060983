#!/usr/bin/env bats
# Flags of single verbs that no other file is about, and their other names.
load helpers
load gitserver

teardown() {
  cd /
  stop_server
  stop_registry
  awk -v at="$BATS_TEST_TMPDIR" 'index($5, at) == 1 {print $5}' /proc/self/mountinfo | sort -r |
    while read -r mount; do umount -l "$(printf %b "$mount")" 2>/dev/null || true; done
}

hits() { grep -c ': from the cache: ' <<<"$errors" || true; }

@test "add: --layers of each verb, as the variable" {
  base busybox
  echo text >file; tar -cf a.tar file
  script() {
    buildah from --layers docker.io/library/busybox; ctr=$output
    buildah add --layers --log-level info "$ctr" a.tar /; local n; n=$(hits)
    buildah copy --layers --log-level info "$ctr" file /copied; n=$((n + $(hits)))
    buildah commit --layers --log-level info --rm "$ctr" scripted; image=$output
    is "$n" "$1"
  }
  script 0; local first=$image
  script 2
  is "$image" "$first"
  buildah from scripted; buildah run "$output" cat /file /copied
  is "$output" $'text\ntext'
}

@test "add: --unpack for downloads, and against archives" {
  make_repository; serve_http
  from_base
  echo text >"$T/served/inner"; tar -C "$T/served" -czf "$T/served/a.tgz" inner
  buildah add -q "$ctr" "$http/a.tgz" /kept/
  buildah add -q --unpack "$ctr" "$http/a.tgz" /unpacked/
  buildah add -q --unpack=false "$ctr" "$T/served/a.tgz" /packed/
  buildah run "$ctr" sh -c 'ls /kept /packed; cat /unpacked/inner'
  is "$output" $'/kept:\na.tgz\n\n/packed:\na.tgz\ntext'
  buildah 125 add --unpack=perhaps "$ctr" "$http/a.tgz" /x
  one_line_error
}

@test "add: --keep-git-dir" {
  make_repository; serve_http
  from_base
  buildah add -q --keep-git-dir=false "$ctr" "$url" /without
  buildah add -q --keep-git-dir "$ctr" "$url" /with
  buildah run "$ctr" sh -c 'cat /with/file /without/file; ls -d /with/.git; ! ls -d /without/.git'
  [[ $output == *$'two\ntwo\n/with/.git' ]]
}

@test "add, copy: downloads are tried again, and checked" {
  make_repository; serve_http
  from_base
  echo content >"$T/served/page"
  for verb in add copy; do
    buildah $verb -q --retry 2 --retry-delay 10ms --tls-verify=false --cert-dir "$T" "$ctr" "$http/page" /$verb
    buildah run "$ctr" cat /$verb; is "$output" content
    buildah $verb -q --checksum "sha256:$(sha256sum <"$T/served/page" | cut -d' ' -f1)" "$ctr" "$http/page" /checked
    buildah 125 $verb --checksum "sha256:$(printf %064d 0)" "$ctr" "$http/page" /wrong
    one_line_error
  done
  buildah run "$ctr" sh -c 'cat /checked; ! test -e /wrong'
}

@test "from: former names of flags, and what may be missing" {
  needs runc
  start_registry
  base busybox
  buildah push -q docker.io/library/busybox "docker://$REGISTRY/p"
  touch "$T/net"
  unshare -n mount --bind /proc/self/ns/net "$T/net" || skip "a network namespace cannot be kept here"
  buildah from --net "ns:$T/net" --isolation oci docker.io/library/busybox
  buildah run "$output" grep -c : /proc/net/dev; is "$output" 1
  umount "$T/net"
  buildah from --isolation chroot --name rooted docker.io/library/busybox
  buildah inspect --format '{{.Isolation}}' rooted; is "$output" chroot
  buildah from --override-arch "$(go_arch)" --override-os linux --retry 1 --retry-delay 10ms "docker://$REGISTRY/p"
  buildah inspect --format '{{.OCIv1.OS}}/{{.OCIv1.Architecture}}' "$output"; is "$output" "linux/$(go_arch)"
  buildah from --os linux --arch arm --variant v7 "docker://$REGISTRY/p"
  says "does not match the expected platform"; says linux/arm/v7
  buildah from --pull-never docker.io/library/busybox
  buildah 125 from --pull-never localhost/none
  one_line_error; says localhost/none
  buildah 125 from --pull-never --pull-always docker.io/library/busybox
  one_line_error
}

@test "mount, rm: what else they are called, and what has no effect" {
  buildah from --name one scratch; buildah from --name two scratch
  buildah mount one; local path=$output
  buildah mount --notruncate
  is "$output" "one $path"
  buildah umount one
  buildah containers -q --filter name=one --notruncate; local id=$output
  buildah delete one
  is "$output" "$id"
  buildah delete --all
  store_is_clean
  buildah 125 delete one; one_line_error
}

dropped() {
  buildah run --compat-volumes "$ctr" sh -c 'touch /vol/dropped /kept && ls /vol/dropped'
  buildah run "$ctr" ls /vol /kept; is "$output" $'/kept\n\n/vol:\nbefore'
}

insecure() {
  buildah run --security insecure "$ctr" grep CapEff /proc/self/status
  [[ $output == *$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status) ]]
  buildah run --security sandbox "$ctr" grep CapEff /proc/self/status
  [[ $output != *$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status) ]]
  buildah run --tty "$ctr" test -t 1
  buildah run --ipc host "$ctr" readlink /proc/self/ns/ipc; is "$output" "$(readlink /proc/self/ns/ipc)"
}

@test "run: volumes, rights, and a terminal of one run" {
  from_base
  buildah run "$ctr" sh -c 'mkdir /vol; touch /vol/before'
  buildah config --volume /vol "$ctr"
  each_isolation dropped
  each_isolation insecure
  buildah 125 run --security some "$ctr" true; one_line_error
}

@test "commit: compression of layers, on and off" {
  from_base
  buildah run "$ctr" sh -c 'seq 100000 >/text'
  types() { jq -r '.layers[].mediaType' "$T/$1/manifest.json" | sort | uniq | xargs; }
  buildah commit -q -D "$ctr" "dir:$T/plain"; is "$(types plain)" application/vnd.oci.image.layer.v1.tar
  buildah commit -q --disable-compression=false "$ctr" "dir:$T/gzip"; is "$(types gzip)" application/vnd.oci.image.layer.v1.tar+gzip
  printf 'FROM docker.io/library/busybox\nCOPY file /\n' >context/Dockerfile; seq 100000 >context/file
  buildah build -q --disable-compression=false --compression-format zstd --compression-level 3 --force-compression -t "dir:$T/zstd" context
  is "$(types zstd)" application/vnd.oci.image.layer.v1.tar+zstd
  buildah build -q --disable-compression -t "dir:$T/built" context; is "$(types built)" application/vnd.oci.image.layer.v1.tar
  printf 'FROM scratch\nCOPY file /\n' >context/Dockerfile
  buildah build -q --os linux --arch arm --variant v6 -t other context
  buildah inspect --type image --format '{{.OCIv1.Architecture}}/{{.OCIv1.Variant}}' other; is "$output" arm/v6
}

@test "commit: a scanner of one's own, and whether it is pulled" {
  from_base
  buildah run "$ctr" touch /mark
  start_registry
  buildah push -q docker.io/library/busybox "docker://$REGISTRY/scanner"
  buildah commit -q --sbom-scanner-image "$REGISTRY/scanner" --pull-always --sbom-scanner-command "ls '{ROOTFS}' > {OUTPUT}" \
    --sbom-merge-strategy cat --sbom-output list "$ctr" scanned
  grep -qx mark list
  scan() { buildah "$1" commit -q --sbom-scanner-image docker.io/library/busybox "${@:2}" --sbom-output list "$ctr" scanned; }
  for pull in --pull=missing --pull-never --pull=false; do
    rm -f list
    scan 0 $pull --sbom-scanner-command "ls '{ROOTFS}' > {OUTPUT}" --sbom-scanner-command 'test -d {ROOTFS} && echo second > {OUTPUT}' --sbom-merge-strategy cat
    grep -qx mark list; grep -qx second list
  done
  sed -i 's/^unqualified.*/&\n[[registry]]\nlocation = "docker.io"\nblocked = true/' "$T/registries.conf"
  rm list
  scan 125 --pull-always --sbom-scanner-command "ls '{ROOTFS}' > {OUTPUT}" --sbom-merge-strategy cat
  one_line_error; says blocked
  [ ! -e list ]
}
