#!/usr/bin/env bash
# The program builds an image of itself, and in a container of that image it builds the
# image once more, without a privilege: what comes out is the same.
#
# Usage: self-build.sh PROGRAM [IMAGE]
#   PROGRAM  the static binary that `make static` makes, or a directory of files for the
#            image that has it at usr/bin/buildah
#   IMAGE    name in the local store (default localhost/buildah)
# Environment: BASE image (docker.io/library/busybox).
# The IDs are equal where the base has no apt-get, whose logs have the time of day.
set -euo pipefail
case ${1-} in '' | -h | --help) sed '1d; /^set/,$d; s/^# \{0,1\}//' "$0"; exit 2 ;; esac

program=$1
image=${2:-localhost/buildah}
source=$(cd "$(dirname "$0")/../buildah-image" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/program/usr/bin" "$work/store"

if [ -d "$program" ]; then
  cp -a "$program/." "$work/program/"
else
  install -m 755 "$program" "$work/program/usr/bin/buildah"
fi

# The base as files of the context, since inside there is another store, which is empty.
base=$(buildah from "${BASE:-docker.io/library/busybox}")
trap 'buildah rm "$base" ${ctr:-} >/dev/null; rm -rf "$work"' EXIT
cp -r "$source" "$work/source"
buildah commit -q --timestamp 0 "$base" "oci:$work/source/base" >/dev/null

# build NAME FILES makes the image. It is all that happens, outside and inside.
build='buildah build -q --isolation chroot --timestamp 0 --build-arg BASE=oci:/base \
  --build-context program="$2/program" -t "$1" "$2/source"'
outside=$(bash -c "$build" build "$image" "$work")

ctr=$(buildah from --pull=never "$outside")
inside=$(buildah run --network host --volume "$work/store:/var/lib/containers" \
  --volume "$work:/files:ro" "$ctr" -- sh -c "$build" build "$image" /files)

echo "outside: $outside"
echo "inside:  $inside"
