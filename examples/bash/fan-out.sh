#!/usr/bin/env bash
# Several images from one base, built at the same time: the common part is made once, each
# service is a job of the shell, and one that fails does not hide behind the others.
#
# Usage: fan-out.sh DIRECTORY [PREFIX]
#   DIRECTORY  has a directory for each service, with an executable `start`
#   PREFIX     of the names of the images (default localhost/)
# Environment: BASE image (docker.io/library/busybox).
set -euo pipefail
case ${1-} in '' | -h | --help) sed '1d; /^set/,$d; s/^# \{0,1\}//' "$0"; exit 2 ;; esac

directory=$1
prefix=${2:-localhost/}

# The base of all: what is the same in each is one layer, stored and pushed once.
ctr=$(buildah from "${BASE:-docker.io/library/busybox}")
trap 'buildah rm "$ctr" >/dev/null' EXIT
buildah run "$ctr" -- sh -c 'echo "app:x:1000:1000::/srv:/bin/sh" >>/etc/passwd; mkdir -p /srv'
buildah config --user app --workingdir /srv "$ctr"
base=$(buildah commit -q "$ctr")

# service NAME makes the image of one service, in a process of its own.
service() {
  local ctr id
  ctr=$(buildah from --pull=never "$base")
  # shellcheck disable=SC2064 # the name is local
  trap "buildah rm '$ctr' >/dev/null" EXIT
  buildah copy -q --chown 1000:1000 "$ctr" "$directory/$1" /srv >/dev/null
  buildah run "$ctr" -- test -x ./start
  buildah config --entrypoint '["/srv/start"]' --cmd '' "$ctr"
  id=$(buildah commit -q "$ctr" "$prefix$1")
  echo "$id"
}

declare -A jobs
for path in "$directory"/*/; do
  name=$(basename "$path")
  service "$name" > >(sed "s/^/$name: /" >&2) 2>&1 &
  jobs[$name]=$!
done

failed=0
for name in "${!jobs[@]}"; do
  if wait "${jobs[$name]}"; then echo "$prefix$name"; else
    echo "$name: failed" >&2
    failed=1
  fi
done
exit "$failed"
