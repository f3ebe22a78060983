#!/usr/bin/env bash
# Installs the Debian packages that a target needs, and says which; nothing when all are there.
# Go is not one of them, since Debian's is too old; without the right one there is a line that says so.
# Usage: setup.sh build|test|soak|bench|demo|deb
set -euo pipefail

build=(gcc libc6-dev make git pkg-config libgpgme-dev libseccomp-dev)
test=("${build[@]}" bats busybox-static runc docker-registry skopeo podman buildah curl jq shellcheck
  ansible openssl gnupg debootstrap cpp zstd xz-utils bzip2 uidmap python3 attr libcap2-bin acl time util-linux iproute2 iptables netavark aardvark-dns passt slirp4netns)
bench=("${build[@]}" busybox-static runc docker-registry buildah python3 strace e2fsprogs)
deb=("${build[@]}" dpkg-dev binutils)
demo=("${build[@]}" busybox-static runc docker-registry skopeo podman curl debootstrap)

case ${1:-} in
build) wanted=("${build[@]}") ;;
test) wanted=("${test[@]}") ;;
soak) wanted=("${test[@]}" crun) ;;
bench) wanted=("${bench[@]}") ;;
demo) wanted=("${demo[@]}") ;;
deb) wanted=("${deb[@]}") ;;
*) echo "usage: setup.sh build|test|soak|bench|demo|deb" >&2; exit 2 ;;
esac

go=${GO:-go}
wants=$(awk '$1 == "go" {print $2}' "$(dirname "$0")/../go.mod")
no_go() { echo "setup: Go $wants or later is needed, but $1; docs/install.md says where it is to be had" >&2; exit 1; }
command -v "$go" >/dev/null || no_go "there is no program \"$go\" in the PATH"
has=$(cd / && "$go" env GOVERSION)
least=$wants
# From 1.21 on, Go fetches the version that go.mod asks for, if it may.
[ "$(cd / && "$go" env GOTOOLCHAIN)" = local ] || least=1.21
printf '%s\n' "$least" "${has#go}" | sort -CV || no_go "\"$go\" is $has"

# Elsewhere than on Debian nothing is installed: what building takes is looked for, the rest is named.
if ! command -v dpkg-query >/dev/null; then
  lacks=
  for program in gcc make git pkg-config; do command -v "$program" >/dev/null || lacks+=", $program"; done
  for library in gpgme libseccomp; do pkg-config --exists "$library" 2>/dev/null || lacks+=", the headers of $library"; done
  [ -z "$lacks" ] || { echo "setup: please install ${lacks#, }" >&2; exit 1; }
  [ "$1" = build ] || echo "setup: this is not Debian, where \"make\" would see to it that these packages are there: ${wanted[*]}" >&2
  exit 0
fi

missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "setup: please install, as root: apt-get install ${missing[*]}" >&2
  exit 1
fi
echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# What apt writes is long, and wanted only when something is wrong.
apt() { apt-get -qq "$@" >"$log" 2>&1 || { cat "$log" >&2; echo "setup: \"apt-get $1\" failed, see above" >&2; exit 1; }; }
apt update
# A configuration that is there already, such as /etc/containers/registries.conf, stays; dpkg would ask.
apt install -y --no-install-recommends -o Dpkg::Options::=--force-confold "${missing[@]}"
