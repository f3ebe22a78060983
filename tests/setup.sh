#!/usr/bin/env bash
# Installs the Debian packages that a target needs, and says which; nothing when all are there.
# Usage: setup.sh build|test|soak|bench|demo
set -euo pipefail

build=(gcc libc6-dev make git pkg-config libgpgme-dev libseccomp-dev)
test=("${build[@]}" bats busybox-static runc docker-registry skopeo podman buildah curl jq shellcheck
  ansible openssl gnupg debootstrap cpp zstd xz-utils bzip2 uidmap python3 attr libcap2-bin acl time util-linux iproute2 iptables netavark aardvark-dns passt slirp4netns)
bench=("${build[@]}" busybox-static runc docker-registry buildah python3 strace e2fsprogs)
demo=("${build[@]}" busybox-static runc docker-registry skopeo podman curl debootstrap)

case ${1:-} in
build) wanted=("${build[@]}") ;;
test) wanted=("${test[@]}") ;;
soak) wanted=("${test[@]}" crun) ;;
bench) wanted=("${bench[@]}") ;;
demo) wanted=("${demo[@]}") ;;
*) echo "usage: setup.sh build|test|soak|bench|demo" >&2; exit 2 ;;
esac

missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
  echo "setup: please install: ${missing[*]}" >&2
  exit 1
fi
echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
