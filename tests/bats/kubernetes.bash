# Pods of examples/kubernetes, run by podman with the user, the capabilities, the profile
# and the volumes of their YAML, beside a registry that wants a password, and a git
# server. nested.bash and openshift.bash have to be loaded, too.

KUBERNETES=$BATS_TEST_DIRNAME/../../examples/kubernetes

# start_all makes all of it once for a file of tests.
start_all() {
  local at=$BATS_FILE_TMPDIR program
  for program in "${programs[@]}"; do command -v "$program" >/dev/null || return 0; done # each test says so
  make_builder
  serve_password
  serve_sources
  GOFLAGS=-trimpath go -C "$BATS_TEST_DIRNAME/../kubernetes" build -o "$at/pod" ./pod
  cp -r "$KUBERNETES" "$at/yaml"
  # The names of the examples become those of here, and nothing else changes.
  find "$at/yaml" -name '*.yaml' -exec sed -i "s|registry\.example\.com|$REGISTRY|g; s|https://git\.example\.com|$GIT|g" {} +
  buildah_in push -q --tls-verify=false --creds robot:change-me localhost/base "docker://$REGISTRY/team/base"
}

programs=(podman runc git go jq docker-registry perl curl)

# make_builder makes the image of examples/buildah-image, with what its base would bring along.
make_builder() {
  local at=$BATS_FILE_TMPDIR core=usr/lib/git-core more=()
  export CONTAINERS_POLICY_JSON=$BATS_SUITE_TMPDIR/policy.json TMPDIR=$at
  ! command -v fuse-overlayfs >/dev/null || more=("$(command -v fuse-overlayfs)")
  tree_of "$at/tree" "$BUILDAH_BINARY" "$(command -v git)" /usr/bin/newuidmap /usr/bin/newgidmap /usr/bin/setpriv "${more[@]}"
  [ -e "$at/tree/usr/bin/buildah" ] || mv "$at/tree/usr/bin/$(basename "$BUILDAH_BINARY")" "$at/tree/usr/bin/buildah"
  chmod u+s "$at/tree/usr/bin/newuidmap" "$at/tree/usr/bin/newgidmap"
  mkdir -p "$at/tree/$core" "$at/tree/usr/share"
  cp "/$core"/git-submodule "/$core"/git-sh-setup "/$core"/git-sh-i18n "$at/tree/$core/"
  ln -s /usr/bin/git "$at/tree/$core/git"
  cp -r /usr/share/git-core "$at/tree/usr/share/"
  buildah_in tag "$(buildah_in pull -q "oci:$BATS_SUITE_TMPDIR/busybox")" localhost/base
  buildah_in build -q --isolation chroot --build-arg BASE=localhost/base --build-context "program=$at/tree" \
    -t "docker-archive:$at/builder.tar:builder:latest" "$KUBERNETES/../buildah-image" >/dev/null
  podman_in load -q -i "$at/builder.tar" >/dev/null
}

# serve_password serves a registry for the user and the password of secret.yaml.
serve_password() {
  local at=$BATS_FILE_TMPDIR port
  perl -e 'print "robot:", crypt("change-me", "\$2y\$05\$abcdefghijklmnopqrstuu"), "\n"' >"$at/htpasswd"
  for port in $(shuf -i 20000-32000 -n 20); do
    printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:%s"}\nauth: {htpasswd: {realm: r, path: %s}}\nlog: {level: error, accesslog: {disabled: true}}\n' \
      "$at/registry" "$port" "$at/htpasswd" >"$at/registry.yml"
    docker-registry serve "$at/registry.yml" >"$at/registry.log" 2>&1 3>&- &
    echo $! >"$at/registry.pid"
    export REGISTRY=127.0.0.1:$port
    for _ in $(seq 50); do
      curl -s -o /dev/null "http://$REGISTRY/v2/" && break 2
      kill -0 "$(cat "$at/registry.pid")" 2>/dev/null || break
      sleep 0.1
    done
  done
  printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$REGISTRY" >"$at/insecure.conf"
}

# repository NAME makes a git repository of the current directory.
repository() {
  git init -q -b main . && git add . && git commit -q -m first
  git clone -q --bare . "$BATS_FILE_TMPDIR/git/team/$1.git"
}

# pod [STATUS] FILE KIND/NAME [PARAM=VALUE...] [-- FLAGS...] runs the containers of a pod,
# one after the other, with the Secret and what the directory security/ builds.
pod() {
  local want=0 status=0 file object params=() at=$BATS_FILE_TMPDIR container flags command program
  for program in "${programs[@]}"; do needs "$program"; done
  if [[ $1 =~ ^[0-9]+$ ]]; then want=$1; shift; fi
  file=$1 object=$2; shift 2
  while [ $# -gt 0 ] && [ "$1" != -- ]; do params+=("$1"); shift; done
  [ $# -eq 0 ] || shift
  mkdir -p "$T/pod/profiles"
  cp "$KUBERNETES/seccomp.json" "$T/pod/profiles/buildah.json"
  "$at/pod" "$T/pod" "$object" "${params[@]}" -- "$at/yaml/$file" "$at/yaml/secret.yaml" "$at/yaml/security/context.yaml" >"$T/containers"
  while read -r container; do
    mapfile -t flags < <(jq -r '.flags[]' <<<"$container")
    # Scripts are arguments of several lines.
    mapfile -d '' -t command < <(jq -j '.command // [] | .[] | . + "\u0000"' <<<"$container")
    output=$(podman_in run --rm --network host --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 \
      --volume "$at/insecure.conf:/etc/containers/registries.conf.d/tests.conf:ro" \
      "${flags[@]}" "$@" builder "${command[@]}" 2>"$T/stderr" </dev/null) || status=$?
    errors=$(cat "$T/stderr")
  done <"$T/containers"
  [ "$status" -eq "$want" ] || { printf 'pod %s %s\nstatus %s, wanted %s\nstdout: %s\nstderr: %s\n' "$file" "$object" "$status" "$want" "$output" "$errors"; return 1; }
}

# registry PATH reads from the registry.
registry() {
  curl -sf -u robot:change-me -H 'Accept: application/vnd.oci.image.index.v1+json' -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REGISTRY/v2/$1"
}
