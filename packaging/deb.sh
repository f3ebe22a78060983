#!/usr/bin/env bash
# Makes a Debian package of a built program and of bin/man.
#
# Usage: deb.sh BINARY DIRECTORY
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,/^set/{/^set/d; s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
binary=$(realpath "$1") out=$(realpath -m "$2")
# shellcheck source=packaging/common.sh
. "$(dirname "$0")/common.sh"
package=projectatomic-buildah
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

doc=/usr/share/doc/$package
tree=$work/debian/$package
stage "$binary" "$tree" PREFIX=/usr DOCDIR="$doc"
rm "$tree$doc/LICENSE" # Debian has it
{ cat packaging/copyright; echo; licences "$binary"; } >"$tree$doc/copyright"

# Debian has other pages under some of our names, in other packages. Both can be there:
# `man 5buildah containers-registries.conf` shows ours, and so does `man 5` without theirs.
for page in "$tree"/usr/share/man/man5/*.5; do
  case ${page##*/} in buildah* | '*.5') ;; *) mv "$page" "${page}buildah" ;; esac
done
find "$tree/usr/share/man" -type f -exec gzip -9n {} +
find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

# The libraries that the program is linked with, and their versions.
libraries=
if readelf -d "$binary" | grep -q NEEDED; then
  echo 'Source: buildah' >"$work/debian/control"
  mkdir "$tree/DEBIAN" # or there is a warning
  libraries=$(cd "$work" && dpkg-shlibdeps -O "debian/$package/usr/bin/buildah" | sed -n 's/^shlibs:Depends=//p')
  rmdir "$tree/DEBIAN"
fi

VERSION=$(version_of "$binary") ARCH=$(arch_of "$binary")
export VERSION ARCH LIBRARIES=$libraries TREE=$tree
mkdir -p "$out"
.cache/bin/nfpm package --config packaging/nfpm.yaml --packager deb --target "$out/${package}_${VERSION}_$ARCH.deb"
