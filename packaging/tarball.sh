#!/usr/bin/env bash
# Makes an archive of a built program, of bin/man and of what goes with them.
#
# Usage: tarball.sh BINARY DIRECTORY
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,/^set/{/^set/d; s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
binary=$(realpath "$1") out=$(realpath -m "$2")
# shellcheck source=packaging/common.sh
. "$(dirname "$0")/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

name=buildah-$(version_of "$binary")-linux-$(arch_of "$binary")
stage "$binary" "$work/$name" PREFIX=
licences "$binary" >"$work/$name/share/doc/buildah/LICENSES-OF-MODULES"
install -m 0644 LICENSE README.md "$work/$name/"
install -m 0755 packaging/install.sh "$work/$name/"
mkdir -p "$out"
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --format=ustar -cf - "$name" |
  gzip -n >"$work/archive"
mv "$work/archive" "$out/$name.tar.gz"
echo "$out/$name.tar.gz"
