#!/usr/bin/env bash
# Runs the bats files (all, or those named) with the built binary and closes with one line of counts.
# As many run at the same time as there are processors, or BATS_JOBS.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
files=("$@")
[ ${#files[@]} -gt 0 ] || files=(tests/bats/*.bats)
export BUILDAH_BINARY=${BUILDAH_BINARY:-$PWD/bin/buildah}
jobs=${BATS_JOBS:-$(nproc)}
[ "$jobs" -le ${#files[@]} ] || jobs=${#files[@]}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Files that change what the whole machine has share the first lane.
machine=$(grep -lE '/etc/sub[ug]id|useradd|ip netns|ip link|netavark' "${files[@]}" || true)

# lanes spreads the files: the longest first, each to the lane that has the least to do.
lanes() {
  grep -cH '^@test' "${files[@]}" | sort -t: -k2,2rn | awk -F: -v jobs="$jobs" -v machine="$machine" '
    BEGIN { count = split(machine, list, "\n"); for (i = 1; i <= count; i++) first[list[i]] = 1 }
    { lane = 0
      if (!($1 in first)) for (i = 1; i < jobs; i++) if (load[i] + 0 < load[lane] + 0) lane = i
      load[lane] += $2
      print lane, $1 }'
}

# run LANE runs its files among processes and mounts of its own, as tests look for theirs.
run() {
  local own=()
  [ "$jobs" -eq 1 ] || own=(unshare --fork --kill-child --pid --mount-proc --mount)
  mapfile -t mine < <(awk -v lane="$1" '$1 == lane {print $2}' "$work/lanes")
  [ ${#mine[@]} -gt 0 ] || return 0
  "${own[@]}" bats --tap "${mine[@]}"
}

lanes >"$work/lanes"
pids=()
for ((lane = 0; lane < jobs; lane++)); do
  run "$lane" > >(tee -a "$work/log") &
  pids+=($!)
done
status=0
for pid in "${pids[@]}"; do wait "$pid" || status=1; done
wait
skipped=$(grep -cE '^ok .* # skip' "$work/log")
passed=$(($(grep -cE '^ok ' "$work/log") - skipped))
failed=$(grep -cE '^not ok ' "$work/log")
echo "$passed passed, $failed failed, $skipped skipped"
[ "$passed" -gt 0 ] || status=1
exit "$status"
