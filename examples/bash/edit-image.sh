#!/usr/bin/env bash
# A change of an image with the tools of this machine: none of them, not even a shell, has
# to be in the image. Only what differs is written; the base's layers are used as they are.
#
# Usage: edit-image.sh IMAGE NEW-IMAGE COMMAND [ARG ...]
#   COMMAND  runs in the root directory of the image, so its paths are relative:
#            edit-image.sh debian:12 localhost/slim rm -rf usr/share/doc usr/share/man
# Needs root, or `buildah unshare` in front, and jq. A link in an image may lead anywhere:
# only edit files of images that you trust, or use `buildah run`.
set -euo pipefail
case ${3-} in '') sed '1d; /^set/,$d; s/^# \{0,1\}//' "$0"; exit 2 ;; esac

from=$1
image=$2
shift 2

ctr=$(buildah from "$from")
trap 'buildah umount "$ctr" >/dev/null; buildah rm "$ctr" >/dev/null' EXIT
root=$(buildah mount "$ctr")

(cd "$root" && "$@") >&2

buildah config --label "edited.from=$from" --annotation "edited.by=$*" "$ctr"
buildah umount "$ctr" >/dev/null
buildah commit -q "$ctr" "$image"

# How many layers the two have in common.
layers() { buildah inspect --type image "$1" | jq -r '.OCIv1.rootfs.diff_ids[]'; }
shared=$(comm -12 <(layers "$from" | sort) <(layers "$image" | sort) | wc -l)
echo "$image: $(layers "$image" | wc -l) layers, $shared of them those of $from" >&2
