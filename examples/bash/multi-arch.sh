#!/usr/bin/env bash
# One name for machines of several architectures: an image for each, put into a manifest
# list, of which every client pulls what fits it. Nothing is run, so nothing is emulated.
#
# Usage: multi-arch.sh DIRECTORY LIST [DESTINATION]
#   DIRECTORY    has a directory for each architecture (amd64, arm64, arm-v7, ...) with
#                what goes into its image; `start` in it is the program
#   LIST         name in the local store, such as localhost/app:1
#   DESTINATION  where to push list and images, such as docker://REGISTRY/USER/app:1
set -euo pipefail
case ${2-} in '') sed '1d; /^set/,$d; s/^# \{0,1\}//' "$0"; exit 2 ;; esac

directory=$1
list=$2
destination=${3:-}

# A list of an earlier run is made anew; what it held stays in the store until `prune`.
if buildah manifest exists "$list"; then buildah manifest rm "$list" >/dev/null; fi
buildah manifest create "$list" >/dev/null

ctrs=()
trap 'buildah rm "${ctrs[@]}" >/dev/null' EXIT
for path in "$directory"/*/; do
  platform=$(basename "$path")
  ctr=$(buildah from scratch)
  ctrs+=("$ctr")
  buildah copy -q "$ctr" "$path" / >/dev/null
  buildah config --os linux --arch "${platform%%-*}" --entrypoint '["/start"]' "$ctr"
  case $platform in *-*) buildah config --variant "${platform#*-}" "$ctr" ;; esac
  # What the list says about the platform is read from the image.
  buildah manifest add "$list" "$(buildah commit -q "$ctr")" >/dev/null
done

buildah manifest inspect "$list"
[ -z "$destination" ] || buildah manifest push -q --all "$list" "$destination"
