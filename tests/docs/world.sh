#!/usr/bin/env bash
# The world of a page: processes, mounts and a network of its own, with registries that readers know by name.
# Usage: world.sh seed WORK BINARY          makes the registry's content once
#        world.sh page WORK BINARY SCRIPT   runs the script of a page
# In WORK: seed/ is the content, and a page has everything else in a directory of its own.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
corpus=$here/../corpus

# enter starts this script again in the world.
if [ "${DOCS_WORLD:-}" != 1 ]; then
  DOCS_WORLD=1 exec unshare --net --mount --propagation private --uts --pid --fork --kill-child --mount-proc "$0" "$@"
fi
verb=$1 work=$2 binary=$3

# over PLACE DIR hides a place of the machine behind a directory of the page.
over() {
  mkdir -p "$1" "$2"
  mount --bind "$2" "$1"
}

# registry DIR ADDRESS [TLS] serves DIR.
registry() {
  local name=${2//[.:]/-} scheme=http
  [ -z "${3:-}" ] || scheme=https
  printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}\nhttp: {addr: "%s"%s}\nlog: {level: error, accesslog: {disabled: true}}\n' \
    "$1" "$2" "${3:-}" >"$work/$name.yml"
  docker-registry serve "$work/$name.yml" >"$work/$name.log" 2>&1 </dev/null &
  for _ in $(seq 100); do
    curl -ksf -o /dev/null "$scheme://$2/v2/" && return 0
    sleep 0.05
  done
  cat "$work/$name.log" >&2
  return 1
}

# certificates makes an authority and a certificate for the registry, once.
certificates() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=registry.example.com \
    -addext subjectAltName=DNS:registry.example.com -keyout "$work/seed/key.pem" -out "$work/seed/ca.crt" 2>/dev/null
}

# furnish makes directories and files as a reader's machine has them.
furnish() {
  mkdir -p "$work"/{bin,etc/certs.d/registry.example.com,tmp}
  chmod 1777 "$work/tmp"
  install -m 755 "$binary" "$work/bin/buildah"
  printf '127.0.0.1 localhost registry.example.com signatures.example.com git.example.com\n' >"$work/hosts"
  echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$work/etc/policy.json"
  # docker.io is that part of the registry which the seed has filled.
  printf 'unqualified-search-registries = ["docker.io"]\n[[registry]]\nprefix = "docker.io"\nlocation = "registry.example.com/docker.io"\n' \
    >"$work/etc/registries.conf"
  cp "${DOCS_SEED:-$work/seed}/ca.crt" "$work/etc/certs.d/registry.example.com/"
  printf 'root:x:0:0:root:/root:/bin/bash\nme:x:1000:1000:me:/home/me:/bin/bash\nnobody:x:65534:65534::/:/bin/false\n' >"$work/passwd"
  printf 'root:x:0:\ntty:x:5:\nme:x:1000:\nnogroup:x:65534:\n' >"$work/group"
  echo me:100000:65536 >"$work/subuid"
  hostname builder
  ip link set lo up
  # A way out that leads nowhere, because pasta wants one.
  ip link add out type veth peer name away
  ip address add 192.0.2.2/24 dev out; ip link set away up; ip link set out up
  ip route add default via 192.0.2.1
  over /etc/containers "$work/etc"
  over /usr/share/containers "$work/share"
  over /var/lib/containers "$work/store"
  over /var/cache/containers "$work/cache"
  over /run/containers "$work/run"
  over /root "$work/home/root"
  over /home "$work/home"
  mkdir -p /home/me; chown 1000:1000 /home/me; chmod 755 "$work" /home
  local file
  for file in hosts passwd group subuid; do mount --bind "$work/$file" "/etc/$file"; done
  mount --bind "$work/subuid" /etc/subgid
  # Everybody may have a network of his own, as on a machine with udev.
  if [ -e /dev/net/tun ]; then
    mknod -m 666 "$work/tun" c 10 200; chmod 666 "$work/tun"
    mount --bind "$work/tun" /dev/net/tun
  fi
  unset "${!BUILDAH_@}" "${!DOCKER_@}" "${!CONTAINERS_@}" XDG_RUNTIME_DIR XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME REGISTRY_AUTH_FILE SOURCE_DATE_EPOCH
  export PATH=$work/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TMPDIR=$work/tmp HOME=/root REGISTRY=registry.example.com USER=root TERM=xterm LANG=C.UTF-8
  # What a machine has installed besides is not the pages' subject.
  if command -v runc >/dev/null; then export BUILDAH_RUNTIME=runc; else export BUILDAH_ISOLATION=chroot; fi
}

# base NAME... pushes the working container $ctr under names of docker.io.
base() {
  local name
  buildah commit -q --timestamp 1700000000 "$ctr" base >/dev/null
  for name; do buildah push -q base "registry.example.com/docker.io/library/$name"; done
}

# bases fills the registry: busybox, and the stand-ins of the corpus for what has more tools.
bases() {
  # shellcheck source=tests/bats/setup_suite.bash
  . "$here/../bats/setup_suite.bash"
  local ctr root
  ctr=$(buildah from scratch)
  root=$(buildah mount "$ctr")
  busybox_root "$root"
  buildah config --cmd '["/bin/sh"]' --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$ctr"
  base busybox:latest busybox:1.36
  mkdir -p "$root"/var/lib/{dpkg,apt/lists} "$root/usr/share/doc" "$root/go" "$root/usr/share/nginx/html" "$root/etc/nginx"
  cp "$corpus"/toolchains/{apk,apt-get,go,npm,node,pip,python,nginx} "$root/usr/local/bin/"
  buildah config --env GOPATH=/go "$ctr"
  base debian:bookworm debian:bookworm-slim alpine:3.20 alpine:latest golang:1.23 node:20 python:3.12 nginx:1.27
  buildah umount "$ctr" >/dev/null
}

case $verb in
seed)
  mkdir -p "$work/seed/registry"
  certificates
  furnish
  registry "$work/seed/registry" 127.0.0.1:443 ", tls: {certificate: $work/seed/ca.crt, key: $work/seed/key.pem}"
  bases
  ;;
page)
  furnish
  cp -r --reflink=auto "$DOCS_SEED/registry" "$work/registry"
  registry "$work/registry" 127.0.0.1:443 ", tls: {certificate: $DOCS_SEED/ca.crt, key: $DOCS_SEED/key.pem}"
  registry "$work/local" 127.0.0.1:5000
  mkdir -p /root/work
  cd /root/work
  export DOCS_WORK=$work
  unset DOCS_WORLD DOCS_SEED
  bash "$4"
  ;;
*) echo "world: no verb $verb" >&2; exit 2 ;;
esac
