#!/bin/sh
# Installs the program, its manual pages and the completion for shells, or removes them.
#
# Usage: ./install.sh [--uninstall] [PREFIX]
#   PREFIX  where to (default /usr/local); DESTDIR goes before it
set -eu
usage() { sed -n '2,/^set/{/^set/d; s/^# \{0,1\}//p}' "$0"; }

remove=
case ${1-} in
  -h | --help) usage; exit ;;
  --uninstall) remove=yes; shift ;;
  -*) usage >&2; exit 2 ;;
esac
[ $# -le 1 ] || { usage >&2; exit 2; }
prefix=${DESTDIR-}${1:-/usr/local}
cd "$(dirname "$0")"

find bin share -type f | while read -r file; do
  if [ -n "$remove" ]; then
    rm -f "$prefix/$file"
    continue
  fi
  mkdir -p "$prefix/${file%/*}"
  # In one step, also while the old program runs.
  cp "$file" "$prefix/$file.new"
  mv "$prefix/$file.new" "$prefix/$file"
done
if [ -n "$remove" ]; then
  rmdir "$prefix/share/doc/buildah" 2>/dev/null || true
  echo "removed buildah from $prefix"
else
  echo "installed $prefix/bin/buildah"
fi
