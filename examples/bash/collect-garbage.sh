#!/usr/bin/env bash
# What a machine that builds all day calls from a timer: forgotten working containers go,
# then images that nobody names, and the build cache is kept below a size.
#
# Usage: collect-garbage.sh [KEEP]
#   KEEP  size of the build cache that may stay, such as 20g (the default)
# Environment: HOURS after which an unused working container is forgotten (24).
# Safe beside builds: no image or layer that one of them works with is removed. Needs jq.
set -euo pipefail
case ${1-} in -h | --help) sed '1d; /^set/,$d; s/^# \{0,1\}//' "$0"; exit 2 ;; esac

keep=${1:-20g}
hours=${HOURS:-24}

# use writes what takes room in the store, in MB.
use() {
  buildah info | jq -r '.store.DiskUse | to_entries[] | select(.value.number > 0) |
    "\(.value.size / 1e6 | round) MB\t\(.value.number)\t\(.key)"' | sort -rn
}
before=$(use)

# A container's directory changes with what is run and set, so its age says when that was.
root=$(buildah info --format '{{.store.GraphRoot}}/{{.store.GraphDriverName}}-containers')
buildah containers --format '{{.ContainerID}}' --notruncate --noheading |
  while read -r id; do
    [ -n "$(find "$root/$id" -maxdepth 2 -mmin "-$((hours * 60))" -print -quit)" ] || echo "$id"
  done | xargs -r buildah rm >/dev/null || echo "some containers are mounted, and stay" >&2

# Images without a name that no cache keeps, what cache mounts hold, the oldest steps.
buildah prune >/dev/null
buildah prune --build-cache --keep-storage "$keep" >/dev/null

printf 'before\n%s\nafter\n%s\n' "$before" "$(use)"
