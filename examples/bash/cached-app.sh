#!/usr/bin/env bash
# A script whose steps come from the cache: the second time it takes half a second, and
# only what has changed, and what follows from that, is done again.
#
# Usage: cached-app.sh DIRECTORY [IMAGE]
#   DIRECTORY  what goes into the image: an executable `start` and whatever it needs
#   IMAGE      name in the local store (default localhost/cached-app)
# Environment: BASE image (docker.io/library/busybox), VERSION of the application (dev).
set -euo pipefail
case ${1-} in '' | -h | --help) sed '1d; /^set/,$d; s/^# \{0,1\}//' "$0"; exit 2 ;; esac
export BUILDAH_LAYERS=true

directory=$1
image=${2:-localhost/cached-app}

ctr=$(buildah from "${BASE:-docker.io/library/busybox}")
trap 'buildah rm "$ctr" >/dev/null' EXIT

# What changes rarely comes first.
buildah run "$ctr" -- sh -c 'echo "app:x:1000:" >>/etc/group'
buildah run "$ctr" -- sh -c 'echo "app:x:1000:1000::/app:/bin/sh" >>/etc/passwd'
buildah run "$ctr" -- mkdir -p /app /var/log/app
buildah run "$ctr" -- chown app:app /var/log/app
buildah config --workingdir /app --env VERSION="${VERSION:-dev}" "$ctr"
buildah copy -q --chown app:app "$ctr" "$directory" /app
buildah run "$ctr" -- sh -c 'echo "$VERSION" >/app/version; find /app -type f | sort | xargs sha256sum >/sums'

# A question changes no file, so it is asked each time.
buildah run "$ctr" -- test -x /app/start

buildah config --user app --entrypoint '["/app/start"]' "$ctr"
buildah commit -q "$ctr" "$image"
