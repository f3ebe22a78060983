#!/usr/bin/env bash
# The same source gives the same image, bit for bit, whoever builds it and when: it is
# built twice here, and the digests are compared.
#
# Usage: reproducible.sh DIRECTORY [IMAGE]
#   DIRECTORY  what goes into the image
#   IMAGE      name in the local store (default localhost/reproducible)
# Environment: BASE image (docker.io/library/busybox; by digest in earnest),
#   SOURCE_DATE_EPOCH, the time of everything (that of the last commit of DIRECTORY).
set -euo pipefail
case ${1-} in '' | -h | --help) sed '1d; /^set/,$d; s/^# \{0,1\}//' "$0"; exit 2 ;; esac

directory=$1
image=${2:-localhost/reproducible}
: "${SOURCE_DATE_EPOCH:=$(git -C "$directory" log -1 --format=%ct 2>/dev/null || echo 0)}"
export -n SOURCE_DATE_EPOCH # beside --timestamp, which reaches every file, it would be one time too many

ctrs=()
trap 'buildah rm "${ctrs[@]}" >/dev/null' EXIT

# build [NAME] makes the image; its ID is in $id.
build() {
  local ctr
  ctr=$(buildah from "${BASE:-docker.io/library/busybox}")
  ctrs+=("$ctr")
  buildah copy -q --chown 0:0 "$ctr" "$directory" /app >/dev/null
  # What a command writes has the time of now; --timestamp makes it that of the source.
  buildah run "$ctr" -- sh -c 'cd /app && find . -type f | sort | xargs sha256sum >/app.sums'
  buildah config --label "org.opencontainers.image.created=$SOURCE_DATE_EPOCH" --cmd /app/start "$ctr"
  id=$(buildah commit -q --timestamp "$SOURCE_DATE_EPOCH" "$ctr" "$@")
}

build
first=$id
build "$image"
second=$id

if [ "$first" != "$second" ]; then
  echo "not reproducible: $first and $second differ" >&2
  exit 1
fi
echo "$second"
