# A builder image of examples/openshift, run as OpenShift runs it: in a container with
# the environment and the mounts of a build pod, beside a registry that wants a
# password over TLS, and a git server. All of it is made once for a file of tests.
# nested.bash has to be loaded, too.

# make_builder makes the builder image, with what its base would bring along.
make_builder() {
  local at=$BATS_FILE_TMPDIR core=usr/lib/git-core
  export CONTAINERS_POLICY_JSON=$BATS_SUITE_TMPDIR/policy.json TMPDIR=$at
  tree_of "$at/tree" "$BUILDAH_BINARY" /bin/bash "$(command -v git)" "$(command -v jq)"
  [ -e "$at/tree/usr/bin/buildah" ] || mv "$at/tree/usr/bin/$(basename "$BUILDAH_BINARY")" "$at/tree/usr/bin/buildah"
  mkdir -p "$at/tree/$core" "$at/tree/usr/share"
  cp "/$core"/git-submodule "/$core"/git-sh-setup "/$core"/git-sh-i18n "$at/tree/$core/"
  ln -s /usr/bin/git "$at/tree/$core/git"
  cp -r /usr/share/git-core "$at/tree/usr/share/"
  buildah_in tag "$(buildah_in pull -q "oci:$BATS_SUITE_TMPDIR/busybox")" localhost/base
  buildah_in build -q --isolation chroot --build-arg BASE=localhost/base --build-context "program=$at/tree" \
    -t "docker-archive:$at/builder.tar:builder:latest" -f "$BATS_TEST_DIRNAME/../../examples/openshift/Containerfile" \
    "$BATS_TEST_DIRNAME/../../examples" >/dev/null
  podman_in load -q -i "$at/builder.tar" >/dev/null
}

buildah_in() { "$BUILDAH_BINARY" --root "$BATS_FILE_TMPDIR/root" --runroot "$BATS_FILE_TMPDIR/run" --storage-driver overlay "$@"; }

podman_in() {
  podman --root "$BATS_FILE_TMPDIR/podman" --runroot "$BATS_FILE_TMPDIR/podman-run" --storage-driver overlay \
    --runtime runc --cgroup-manager cgroupfs "$@"
}

# serve_registry serves a registry with TLS, for the user `robot` with the password `secret`.
serve_registry() {
  local at=$BATS_FILE_TMPDIR port
  mkdir -p "$at/certs"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 \
    -addext subjectAltName=IP:127.0.0.1 -keyout "$at/key.pem" -out "$at/certs/ca.crt" 2>/dev/null
  perl -e 'print "robot:", crypt("secret", "\$2y\$05\$abcdefghijklmnopqrstuu"), "\n"' >"$at/htpasswd"
  for port in $(shuf -i 20000-32000 -n 20); do
    printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:%s", tls: {certificate: %s, key: %s}}\nauth: {htpasswd: {realm: r, path: %s}}\nlog: {level: error, accesslog: {disabled: true}}\n' \
      "$at/registry" "$port" "$at/certs/ca.crt" "$at/key.pem" "$at/htpasswd" >"$at/registry.yml"
    docker-registry serve "$at/registry.yml" >"$at/registry.log" 2>&1 3>&- &
    echo $! >"$at/registry.pid"
    export REGISTRY=127.0.0.1:$port
    for _ in $(seq 50); do
      curl -sk -o /dev/null "https://$REGISTRY/v2/" && break 2
      kill -0 "$(cat "$at/registry.pid")" 2>/dev/null || break
      sleep 0.1
    done
  done
}

# serve_sources serves the repositories below $at/git by git's own protocol.
serve_sources() {
  local at=$BATS_FILE_TMPDIR port
  export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@example.com GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@example.com
  export GIT_AUTHOR_DATE='1600000000 +0000' GIT_COMMITTER_DATE='1600000000 +0000'
  mkdir -p "$at/git"
  for port in $(shuf -i 20000-32000 -n 20); do
    git daemon --base-path="$at/git" --export-all --listen=127.0.0.1 --port="$port" --reuseaddr 2>"$at/git.log" 3>&- &
    echo $! >"$at/git.pid"
    export GIT=git://127.0.0.1:$port
    for _ in $(seq 50); do
      (exec 4<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break 2
      kill -0 "$(cat "$at/git.pid")" 2>/dev/null || break
      sleep 0.1
    done
  done
}

# secret DIR KIND [PASSWORD] makes a mounted Secret with credentials: docker-config,
# docker-cfg (the older, as `oc` made it) or none.
secret() {
  local auth; auth=$(printf 'robot:%s' "${3:-secret}" | base64)
  mkdir -p "$1"
  case $2 in
  docker-config) printf '{"auths":{"%s":{"auth":"%s"}}}' "$REGISTRY" "$auth" >"$1/.dockerconfigjson" ;;
  docker-cfg) printf '{"https://%s/v1/":{"username":"robot","password":"%s","email":"x@example.com"}}' "$REGISTRY" "${3:-secret}" >"$1/.dockercfg" ;;
  esac
}

# start_all is setup_file; the repositories are what the words after it make below $at/git.
start_all() {
  local program
  for program in podman runc git jq docker-registry openssl perl curl; do
    command -v "$program" >/dev/null || return 0 # each test says so
  done
  make_builder
  serve_registry
  serve_sources
  secret "$BATS_FILE_TMPDIR/pull" docker-cfg
  secret "$BATS_FILE_TMPDIR/push" docker-config
  buildah_in push -q --cert-dir "$BATS_FILE_TMPDIR/certs" --creds robot:secret localhost/base "docker://$REGISTRY/private/base:1"
}

stop_all() {
  local name pid
  for name in registry git; do
    pid=$(cat "$BATS_FILE_TMPDIR/$name.pid" 2>/dev/null) || continue
    kill "$pid" 2>/dev/null || true
  done
  teardown_image
}

# pod_flags sets $flags to those of a build pod with BUILD_PRIVILEGED=false: root of a
# user namespace. With $restricted it is any user in the group 0, as in the restricted SCC.
pod_flags() {
  local at=$BATS_FILE_TMPDIR configs=/var/run/configs/openshift.io secrets=/var/run/secrets/openshift.io
  mkdir -p "$T/store"; : >"$T/termination"; chmod 666 "$T/termination"
  flags=(--rm --network host --ulimit nofile=1024:1024 --ulimit nproc=4096:4096
    -v "$T/store:/var/lib/containers" -v "$T/termination:/dev/termination-log"
    -v "$at/certs:$configs/certs/certs.d/${REGISTRY/:/..}:ro"
    -v "$at/pull:$secrets/pull:ro" -v "$at/push:$secrets/push:ro"
    -e PULL_DOCKERCFG_PATH="$secrets/pull" -e PUSH_DOCKERCFG_PATH="$secrets/push"
    -e OUTPUT_REGISTRY="$REGISTRY" -e OUTPUT_IMAGE="${OUTPUT_IMAGE:-app:latest}")
  if [ -n "${restricted:-}" ]; then
    chmod 2777 "$T/store"
    flags+=(--user 1000650000:0 --security-opt no-new-privileges --cap-drop all --cap-add SYS_CHROOT)
  else
    chown 200000:200000 "$T/store"
    flags+=(--uidmap 0:200000:65536 --cap-add SETFCAP --cap-drop KILL --cap-drop MKNOD --security-opt seccomp=unconfined)
  fi
}

# pod [STATUS] [FLAGS OF PODMAN...] runs a build.
pod() {
  local want=0 status=0 flags program
  for program in podman runc git jq docker-registry openssl perl curl; do needs "$program"; done
  if [[ ${1:-} =~ ^[0-9]+$ ]]; then want=$1; shift; fi
  pod_flags
  output=$(podman_in run "${flags[@]}" "$@" builder 2>"$T/stderr") || status=$?
  errors=$(cat "$T/stderr")
  [ "$status" -eq "$want" ] || { printf 'pod %s\nstatus %s, wanted %s\nstdout: %s\nstderr: %s\n' "$*" "$status" "$want" "$output" "$errors"; return 1; }
}

# refused STATUS MESSAGE [FLAGS...]: a build fails with this message in its last line
# and in the termination message.
refused() {
  local want=$1 message=$2; shift 2
  pod "$want" "$@"
  [[ $(tail -n 1 <<<"$errors") == "Error: $message"* ]] || { printf 'wanted: %s\nstderr: %s\n' "$message" "$errors"; return 1; }
  is "Error: $(cat "$T/termination")" "$(tail -n 1 <<<"$errors")"
}

# registry PATH reads from the registry.
registry() {
  curl -sfk -u robot:secret -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' "https://$REGISTRY/v2/$1"
}

# config_of NAME TAG is the configuration of a pushed image.
config_of() { registry "$1/blobs/$(registry "$1/manifests/$2" | jq -r .config.digest)"; }

# file_of NAME TAG PATH is a file of the layers of a pushed image, of the uppermost that has it.
file_of() {
  local blob
  registry "$1/manifests/$2" | jq -r '.layers | reverse[].digest' | while read -r blob; do
    registry "$1/blobs/$blob" | tar -xzO "$3" 2>/dev/null && break
  done
}
