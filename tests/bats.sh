#!/usr/bin/env bash
# Runs the bats files (all, or those named) with the built binary and closes with one line of counts.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
files=("$@")
[ ${#files[@]} -gt 0 ] || files=(tests/bats/*.bats)
export BUILDAH_BINARY=${BUILDAH_BINARY:-$PWD/bin/buildah}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
bats --tap "${files[@]}" | tee "$log"
status=${PIPESTATUS[0]}
skipped=$(grep -cE '^ok .* # skip' "$log")
passed=$(($(grep -cE '^ok ' "$log") - skipped))
failed=$(grep -cE '^not ok ' "$log")
echo "$passed passed, $failed failed, $skipped skipped"
[ "$passed" -gt 0 ] || status=1
exit "$status"
