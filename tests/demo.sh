#!/usr/bin/env bash
# The main job on real input: one image by a shell script, one by a Dockerfile,
# pushed to a real registry, pulled back by three tools, and run.
set -euo pipefail
cd "$(dirname "$0")/.."
source=$PWD
work=$(mktemp -d "${TMPDIR:-/var/tmp}/buildah-demo.XXXXXX")
cache=${DEMO_CACHE:-$work/packages}
mkdir -p "$work/bin" "$cache"
server=
registry=

# Everything goes, also after an error: processes, mounts, files.
clean_up() {
  local status=$?
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  [ -z "$registry" ] || kill "$registry" 2>/dev/null || true
  wait 2>/dev/null || true
  awk -v at="$work/" 'index($5, at) == 1 {print $5}' /proc/self/mountinfo | sort -r |
    while read -r mount; do umount -l "$mount" 2>/dev/null || true; done
  rm -rf "$work"
  [ "$status" -eq 0 ] || echo "demo: failed" >&2
}
trap clean_up EXIT
trap 'exit 130' INT TERM

say() { printf '\n== %s\n' "$*"; }
row() { rows+=("$1|$2|$3"); }
seconds() { printf '%.1f s' "$(echo "$(date +%s.%N) - $1" | bc 2>/dev/null || awk -v a="$1" 'BEGIN {"date +%s.%N" | getline b; print b - a}')"; }
rows=()

free_port() {
  local port
  for port in $(shuf -i 20000-32000 -n 50); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
  return 1
}

# use STORE makes a command `buildah` that works on that store.
use() {
  cat >"$work/bin/buildah" <<SH
#!/bin/sh
exec "$source/bin/buildah" --root "$work/$1" --runroot "$work/$1-run" "\$@"
SH
  chmod +x "$work/bin/buildah"
}
export PATH=$work/bin:$PATH
export CONTAINERS_REGISTRIES_CONF=$work/registries.conf CONTAINERS_POLICY_JSON=$work/policy.json
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$work/policy.json"

say "a registry on the loopback"
port=$(free_port)
reg=127.0.0.1:$port
printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\nlog: {level: error, accesslog: {disabled: true}}\n' \
  "$work/registry" "$reg" >"$work/registry.yml"
printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$reg" >"$work/registries.conf"
docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
registry=$!
for _ in $(seq 50); do curl -fs "http://$reg/v2/" >/dev/null && break; sleep 0.1; done
echo "docker-registry serves $reg"
use first

say "1. an image by a shell script: examples/bash/debian-nginx.sh"
web=$(free_port)
echo "<h1>Hello from $reg</h1>" >"$work/page.html"
start=$(date +%s.%N)
PORT=$web PAGE=$work/page.html DEBOOTSTRAP_FLAGS="--cache-dir=$cache" \
  examples/bash/debian-nginx.sh localhost/debian-nginx "docker://$reg/demo/debian-nginx" >"$work/nginx.log" 2>&1 ||
  { tail -30 "$work/nginx.log" >&2; exit 1; }
tail -n 1 "$work/nginx.log"
row "debian-nginx (shell script)" "$(buildah images --format '{{.Size}}' localhost/debian-nginx)" "$(seconds "$start")"

say "2. a Debian base image, made with debootstrap and pushed"
start=$(date +%s.%N)
ctr=$(buildah from scratch)
root=$(buildah mount "$ctr")
debootstrap --variant=minbase --cache-dir="$cache" bookworm "$root" >"$work/base.log" 2>&1 || { tail -30 "$work/base.log" >&2; exit 1; }
rm -rf "$root"/var/cache/apt/archives/*.deb
buildah umount "$ctr" >/dev/null
buildah config --cmd /bin/bash --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$ctr"
buildah commit -q --rm "$ctr" "docker://$reg/library/debian:bookworm"
row "debian:bookworm (base)" "-" "$(seconds "$start")"

say "3. a multi-stage Dockerfile: examples/c-program"
start=$(date +%s.%N)
buildah bud --build-arg "BASE=$reg/library/debian:bookworm" --build-arg VERSION=1.0 -t localhost/wordfreq examples/c-program
buildah push -q localhost/wordfreq "docker://$reg/demo/wordfreq"
row "wordfreq (Dockerfile)" "$(buildah images --format '{{.Size}}' localhost/wordfreq)" "$(seconds "$start")"

say "4. back into an empty store, and run"
use second
start=$(date +%s.%N)
buildah pull -q "$reg/demo/wordfreq"
buildah pull -q "$reg/demo/debian-nginx"
row "pulled both into an empty store" "-" "$(seconds "$start")"
ctr=$(buildah from "$reg/demo/wordfreq")
buildah run "$ctr" -- /usr/bin/wordfreq --version | grep -x 'wordfreq 1.0'
buildah run "$ctr" -- /usr/bin/wordfreq -n 3 <LICENSE
ctr=$(buildah from "$reg/demo/debian-nginx")
buildah run --network host "$ctr" -- nginx -g 'daemon off;' >"$work/server.log" 2>&1 &
server=$!
for _ in $(seq 100); do curl -fs "http://127.0.0.1:$web/" -o "$work/got.html" && break; sleep 0.1; done
cmp "$work/page.html" "$work/got.html" && echo "nginx serves: $(cat "$work/got.html")"
kill -TERM "$server"; wait "$server" || true
server=

say "5. the same images with other tools"
if command -v skopeo >/dev/null; then
  skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$reg/demo/wordfreq" "oci:$work/layout:wordfreq"
  echo "skopeo: $(skopeo inspect --format '{{.Digest}}' "oci:$work/layout:wordfreq")"
fi
if command -v podman >/dev/null; then
  podman=(podman --root "$work/podman" --runroot "$work/podman-run" --storage-driver overlay)
  "${podman[@]}" pull -q --tls-verify=false "$reg/demo/wordfreq" >/dev/null
  "${podman[@]}" run --rm --runtime runc --network host --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 \
    -i "$reg/demo/wordfreq" -n 1 <LICENSE | sed 's/^/podman: /'
fi

say "what was built"
printf '%-34s %10s %10s\n' IMAGE SIZE TIME
for r in "${rows[@]}"; do IFS='|' read -r a b c <<<"$r"; printf '%-34s %10s %10s\n' "$a" "$b" "$c"; done
