# What the scripts of this directory share; read from the top of the repository.
# shellcheck shell=bash disable=SC2034

umask 022
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

# The time that everything gets: of the last commit, or of the README where there is no git.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y README.md)}
export SOURCE_DATE_EPOCH

# version_of BINARY, as the binary says.
version_of() { "$1" version | awk '/^Version:/ {print $2}'; }

# arch_of BINARY, as Go and Debian spell it.
arch_of() { "$1" version | awk '/^OS\/Arch:/ {sub(".*/", "", $2); print $2}'; }

# stage BINARY DIR VARIABLE=VALUE... is `make install` of what has been built, into a directory.
stage() {
  local binary=$1 dir=$2; shift 2
  make --no-print-directory -s install-files BINARY="$binary" DESTDIR="$dir" "$@"
}

# licences BINARY writes the licences of all modules in it, each text once.
licences() {
  local module version dir file sum
  declare -A seen=()
  while read -r module version dir; do
    printf '%s %s\n' "$module" "$version"
    for file in "$dir"/LICEN[CS]E* "$dir"/COPYING* "$dir"/NOTICE*; do
      [ -f "$file" ] || continue
      sum=$(sha256sum <"$file")
      if [ -n "${seen[$sum]:-}" ]; then
        printf '  %s: that of %s\n' "${file##*/}" "${seen[$sum]}"
      else
        seen[$sum]=$module
        printf '  %s:\n' "${file##*/}"
        sed 's/^/    /; s/[[:space:]]*$//' "$file"
      fi
    done
    echo
  done < <(go version -m "$1" | awk '$1 == "dep" {print $2 "@" $3}' |
    xargs go list -m -f '{{.Path}} {{.Version}} {{.Dir}}')
}
