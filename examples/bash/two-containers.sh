#!/usr/bin/env bash
# Two stages without a Dockerfile: the tools stay in one container, what they make goes
# into another with `copy --from`. Only the second one becomes an image.
#
# Usage: two-containers.sh SOURCE [IMAGE]
#   SOURCE  directory of a program with a Makefile that knows `install` and DESTDIR
#   IMAGE   name in the local store (default localhost/ and the name of the directory)
# Environment: TOOLS image with the compiler (docker.io/library/gcc:13), BASE of the result
#   (docker.io/library/debian:12-slim), COMMAND that builds (make install DESTDIR=/out),
#   START what the image runs (/usr/bin/ and the name of the directory).
set -euo pipefail
case ${1-} in '' | -h | --help) sed '1d; /^set/,$d; s/^# \{0,1\}//' "$0"; exit 2 ;; esac

source=$(cd "$1" && pwd)
name=$(basename "$source")
image=${2:-localhost/$name}

build=$(buildah from "${TOOLS:-docker.io/library/gcc:13}")
trap 'buildah rm "$build" >/dev/null' EXIT
final=$(buildah from "${BASE:-docker.io/library/debian:12-slim}")
trap 'buildah rm "$build" "$final" >/dev/null' EXIT

# The sources are mounted, not copied: nothing of them has to be deleted afterwards, and
# what the command writes beside them is thrown away.
buildah config --workingdir /src "$build"
buildah run --mount "type=bind,src=$source,dst=/src,rw" "$build" -- \
  sh -c "${COMMAND:-make install DESTDIR=/out}" >&2

buildah copy -q --from "$build" "$final" /out/ / >/dev/null
buildah config --entrypoint "[\"${START:-/usr/bin/$name}\"]" --cmd '' "$final"
buildah commit -q "$final" "$image"
