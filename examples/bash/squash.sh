#!/usr/bin/env bash
# Many layers become one: what a later layer deleted is not carried along any more, and
# what an earlier one held, a secret for instance, is gone for good.
#
# Usage: squash.sh IMAGE [NEW-IMAGE]
#   NEW-IMAGE  name of the result (default IMAGE with -squashed behind its name)
# Needs jq. What other images share with IMAGE is no longer shared with the result: squash
# what is handed out alone, not each of ten images with one base.
set -euo pipefail
case ${1-} in '' | -h | --help) sed '1d; /^set/,$d; s/^# \{0,1\}//' "$0"; exit 2 ;; esac

from=$1
repository=${from%%@*}
tag=${repository##*/}
case $tag in *:*) tag=:${tag#*:} ;; *) tag= ;; esac
image=${2:-${repository%"$tag"}-squashed$tag}

ctr=$(buildah from "$from")
trap 'buildah rm "$ctr" >/dev/null' EXIT

# The configuration is kept, history and layers become one entry.
buildah commit -q --squash "$ctr" "$image"

# show writes how many layers an image has and how large it is.
show() {
  printf '%s: %s layers, %s\n' "$1" \
    "$(buildah inspect --type image "$1" | jq '.OCIv1.rootfs.diff_ids | length')" \
    "$(buildah images --noheading --format '{{.Size}}' "$1" | head -n 1)" >&2
}
show "$from"
show "$image"
