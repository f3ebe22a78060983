#!/usr/bin/env bash
# One static program in an image of nothing else: no shell, no libc, no package manager.
# The compiler of this machine writes straight into the mounted container.
#
# Usage: static-program.sh SOURCE [IMAGE]
#   SOURCE  a C file, or the directory of a Go program
#   IMAGE   name in the local store (default localhost/ and the name of the program)
# Needs root, or `buildah unshare` in front; cc with a static libc, or go.
set -euo pipefail
case ${1-} in '' | -h | --help) sed '1d; /^set/,$d; s/^# \{0,1\}//' "$0"; exit 2 ;; esac

source=$1
name=$(basename "$source" .c)
image=${2:-localhost/$name}

ctr=$(buildah from scratch)
trap 'buildah umount "$ctr" >/dev/null; buildah rm "$ctr" >/dev/null' EXIT
root=$(buildah mount "$ctr")

if [ -d "$source" ]; then
  (cd "$source" && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$root/$name" .)
else
  cc -static -O2 -s -o "$root/$name" "$source"
fi

# What a program looks for without knowing: roots of trust, a place for temporary files.
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
  install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
fi
install -d -m 1777 "$root/tmp"

# Numbers, since there is no /etc/passwd to look a name up in.
buildah config --user 65534:65534 --env PATH=/ --entrypoint "[\"/$name\"]" "$ctr"
buildah umount "$ctr" >/dev/null
buildah commit -q "$ctr" "$image"
