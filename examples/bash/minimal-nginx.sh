#!/usr/bin/env bash
# nginx and nothing but what it opens: a distribution installs it in one container, and
# only the program, its libraries and a configuration go into another that is empty.
#
# Usage: minimal-nginx.sh SITE [IMAGE]
#   SITE   directory of pages to serve
#   IMAGE  name in the local store (default localhost/minimal-nginx)
# Environment: BASE with apt-get (docker.io/library/debian:12-slim), PORT (8080).
set -euo pipefail
case ${1-} in '' | -h | --help) sed '1d; /^set/,$d; s/^# \{0,1\}//' "$0"; exit 2 ;; esac

site=$1
image=${2:-localhost/minimal-nginx}
port=${PORT:-8080}

install=$(buildah from "${BASE:-docker.io/library/debian:12-slim}")
trap 'buildah rm "$install" >/dev/null' EXIT
web=$(buildah from scratch)
work=$(mktemp -d)
trap 'buildah rm "$install" "$web" >/dev/null; rm -rf "$work"' EXIT

buildah run "$install" -- apt-get update -qq
buildah run --env DEBIAN_FRONTEND=noninteractive "$install" -- \
  apt-get install -y -qq --no-install-recommends nginx-light >&2

# The libraries as the loader finds them, links followed, each at the place where it is.
mapfile -t libraries < <(buildah run "$install" -- ldd /usr/sbin/nginx | grep -o '/[^ ]*')
buildah copy -q --from "$install" --parents "$web" \
  /usr/sbin/nginx /etc/nginx/mime.types "${libraries[@]}" / >/dev/null

cat >"$work/nginx.conf" <<CONF
daemon off;
pid /tmp/nginx.pid;
error_log stderr;
events {}
http {
  include /etc/nginx/mime.types;
  access_log /dev/stdout;
  client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
  server { listen $port; root /site; }
}
CONF
buildah copy -q --chmod 644 "$web" "$work/nginx.conf" /etc/nginx/ >/dev/null
mkdir -m 1777 "$work/root" "$work/root/tmp"
buildah copy -q "$web" "$work/root" / >/dev/null
buildah copy -q "$web" "$site" /site >/dev/null

# It never was root, and the port is one that anybody may open.
buildah config --user 65534:65534 --port "$port" --stop-signal SIGQUIT \
  --entrypoint '["/usr/sbin/nginx", "-e", "stderr"]' "$web"
buildah run "$web" -- /usr/sbin/nginx -e stderr -t -q
buildah commit -q "$web" "$image"
