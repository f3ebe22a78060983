#!/usr/bin/env bash
# Makes stand-ins for the public base images in a store: busybox with the scripts of toolchains/, which
# write what npm, pip, apt-get and their like would, the same at every run.
# Usage: bases.sh WORKDIR BUILDAH...     BUILDAH is the command line up to the verb
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=${1:?usage: bases.sh WORKDIR BUILDAH...}
shift
buildah=("$@")
umask 022
context=$work/bases
mkdir -p "$context"
cp -a "$here/toolchains" "$context/"
chmod 755 "$context"/toolchains/*

# busybox_root DIR fills a root file system from busybox-static.
busybox_root() {
  local d=$1 applet
  mkdir -p "$d"/{bin,sbin,usr/bin,usr/sbin,usr/local/bin,usr/local/lib,lib,etc,root,tmp,var/tmp,var/lib,home,dev,proc,sys,run,opt,mnt,srv}
  chmod 1777 "$d/tmp" "$d/var/tmp"; chmod 700 "$d/root"
  cp /bin/busybox "$d/bin/busybox"
  for applet in $(/bin/busybox --list-full); do
    [ "$applet" = bin/busybox ] || [ "$applet" = linuxrc ] || ln -sf /bin/busybox "$d/$applet"
  done
  printf '%s\n' root:x:0:0:root:/root:/bin/sh bin:x:1:1:bin:/bin:/sbin/nologin daemon:x:2:2:daemon:/sbin:/sbin/nologin \
    games:x:35:35:games:/usr/games:/sbin/nologin guest:x:405:100:guest:/dev/null:/sbin/nologin nobody:x:65534:65534:nobody:/:/sbin/nologin >"$d/etc/passwd"
  printf '%s\n' root:x:0: bin:x:1:root,bin,daemon daemon:x:2:root,bin staff:x:50: users:x:100:games nogroup:x:65534: >"$d/etc/group"
  printf '127.0.0.1\tlocalhost\n' >"$d/etc/hosts"; echo localhost >"$d/etc/hostname"; : >"$d/etc/resolv.conf"
  printf 'root:*::0:::::\n' >"$d/etc/shadow"; chmod 640 "$d/etc/shadow"
  printf 'NAME="stand-in"\nID=standin\nVERSION_ID=1\n' >"$d/etc/os-release"
}

busybox_root "$context/root"
tar -C "$context/root" --owner=0 --group=0 --numeric-owner --sort=name --mtime=@1700000000 -cf "$context/root.tar" .
rm -rf "$context/root"

for file in "$here"/bases/*; do
  names=$(sed -n '1s/^# //p' "$file")
  tags=()
  for name in $names; do tags+=(-t "$name"); done
  "${buildah[@]}" build -q --format docker --timestamp 1700000000 --network host -f "$file" "${tags[@]}" "$context" >/dev/null
done
rm -rf "$context"
