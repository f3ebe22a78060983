#!/usr/bin/env bash
# An image without a Dockerfile and without a base: a Debian with nginx, made
# by debootstrap inside the mounted working container.
#
# Usage: debian-nginx.sh [IMAGE [DESTINATION]]
#   IMAGE        name in the local store (default localhost/debian-nginx)
#   DESTINATION  where to push it, such as docker://REGISTRY/USER/debian-nginx
# Environment: PORT that nginx listens on (8080), PAGE to serve, MIRROR of Debian,
#   DEBOOTSTRAP_FLAGS such as --cache-dir=DIR. Needs root and debootstrap.
set -euo pipefail
case ${1-} in -h | --help) sed '1d; /^set/,$d; s/^# \{0,1\}//' "$0"; exit 2 ;; esac

image=${1:-localhost/debian-nginx}
destination=${2:-}
port=${PORT:-8080}

ctr=$(buildah from scratch)
trap 'buildah umount "$ctr" >/dev/null; buildah rm "$ctr" >/dev/null' EXIT
root=$(buildah mount "$ctr")

# shellcheck disable=SC2086 # several flags, several words
debootstrap --variant=minbase --include=nginx-light ${DEBOOTSTRAP_FLAGS:-} bookworm "$root" ${MIRROR:-}
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
sed -i "s/listen \(\[::\]:\)\?80 /listen \1$port /" "$root/etc/nginx/sites-available/default"
ln -sf /dev/stdout "$root/var/log/nginx/access.log"
ln -sf /dev/stderr "$root/var/log/nginx/error.log"

if [ -n "${PAGE:-}" ]; then
  buildah copy -q --chmod 644 "$ctr" "$PAGE" /var/www/html/index.html
else
  echo '<h1>Built by a shell script</h1>' >"$root/var/www/html/index.html"
fi
buildah run "$ctr" -- nginx -t -q

buildah config --author "$(basename "$0")" --port "$port" --stop-signal SIGQUIT \
  --entrypoint '["/usr/sbin/nginx"]' --cmd '["-g", "daemon off;"]' "$ctr"
buildah commit -q "$ctr" "$image"
[ -z "$destination" ] || buildah push -q "$image" "$destination"
