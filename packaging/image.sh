#!/usr/bin/env bash
# Makes the image of examples/buildah-image with a static program, by that program.
#
# Usage: image.sh BINARY BASE IMAGE
set -euo pipefail
[ $# -eq 3 ] || { sed -n '2,/^set/{/^set/d; s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
binary=$(realpath "$1") base=$2 image=$3
# shellcheck source=packaging/common.sh
. "$(dirname "$0")/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

install -D -m 0755 "$binary" "$work/usr/bin/buildah"
version=$(version_of "$binary")
# One time for all, and not the one that the environment has.
env -u SOURCE_DATE_EPOCH "$binary" build --timestamp "$SOURCE_DATE_EPOCH" --build-arg "BASE=$base" --build-context "program=$work" \
  --label "org.opencontainers.image.version=$version" --label org.opencontainers.image.licenses=Apache-2.0 \
  -t "$image:$version" -t "$image:latest" examples/buildah-image
