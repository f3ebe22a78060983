#!/usr/bin/env bash
# An image made by an ordinary user, with files of several owners and no sudo: the script
# starts itself again in a user namespace, where it may mount, chown and install.
#
# Usage: unprivileged.sh [IMAGE]
#   IMAGE  name in the store of the user (default localhost/unprivileged)
# Environment: BASE image (docker.io/library/busybox).
# Needs ranges of ids in /etc/subuid and /etc/subgid; `buildah info --probe` tells.
set -euo pipefail
case ${1-} in -h | --help) sed '1d; /^set/,$d; s/^# \{0,1\}//' "$0"; exit 2 ;; esac

# Outside, an ordinary user; inside, id 0 and all ids that the user may give away.
[ "$(id -u)" -eq 0 ] || exec buildah unshare -- "$0" "$@"

image=${1:-localhost/unprivileged}

ctr=$(buildah from "${BASE:-docker.io/library/busybox}")
trap 'buildah umount "$ctr" >/dev/null; buildah rm "$ctr" >/dev/null' EXIT
root=$(buildah mount "$ctr")

# Tools of this machine see the owners that the container sees.
echo 'www:x:33:33:web:/srv/www:/bin/false' >>"$root/etc/passwd"
echo 'www:x:33:' >>"$root/etc/group"
install -d -o 0 -g 0 -m 755 "$root/srv"
install -d -o 33 -g 33 -m 750 "$root/srv/www"
echo 'made without root' | install -o 33 -g 33 -m 640 /dev/stdin "$root/srv/www/index.html"
buildah umount "$ctr" >/dev/null

# The same from within: the file belongs to www, and www can read it.
buildah config --user www --workingdir /srv/www --cmd '["cat", "index.html"]' "$ctr"
buildah run "$ctr" -- cat index.html >&2
buildah commit -q "$ctr" "$image"
