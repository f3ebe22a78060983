# shellcheck shell=bash
# What a cluster mounts into a build pod, as settings of buildah: credentials,
# certificates, registries, storage. Read by build.sh; README.md has the table.

configs=/var/run/configs/openshift.io

# secret_file DIRECTORY prints the file with credentials of a mounted Secret.
secret_file() {
  local name
  [ ! -f "$1" ] || { echo "$1"; return; }
  for name in .dockerconfigjson .dockercfg config.json; do
    [ ! -e "$1/$name" ] || { echo "$1/$name"; return; }
  done
  echo "$1 has no .dockerconfigjson, .dockercfg or config.json" >&2
  return 1
}

# credentials FILE SECRET... writes the credentials of all Secrets to one file; of two
# for the same registry, the later one counts. .dockercfg is the inner map alone, and
# old tools write user and password apart.
credentials() {
  local to=$1 secret file files=()
  shift
  for secret; do
    [ -n "$secret" ] || continue
    file=$(secret_file "$secret") || return
    jq -e 'type == "object"' "$file" >/dev/null 2>&1 || { echo "$file is no JSON object of credentials" >&2; return 1; }
    files+=("$file")
  done
  [ ${#files[@]} -gt 0 ] || { echo '{"auths": {}}' >"$to"; return; }
  jq -s 'map(if has("auths") or has("credHelpers") or has("credsStore") then .auths // {} else . end) | add
    | map_values(if .auth or (.username | not) then . else .auth = ("\(.username):\(.password)" | @base64) end)
    | {auths: .}' "${files[@]}" >"$to"
}

# all_credentials writes one file for reading and one for pushing. Both know all
# registries; they differ where two Secrets are about the same one. The credentials of
# the node come first, so everything else counts more.
all_credentials() {
  local node=/var/lib/kubelet/config.json pull=${PULL_DOCKERCFG_PATH:-} push=${PUSH_DOCKERCFG_PATH:-} sources=() name
  [ -r "$node" ] || node=
  for name in "${!PULL_SOURCE_DOCKERCFG_PATH_@}"; do sources+=("${!name}"); done
  credentials "$work/pull.json" "$node" "$push" "${sources[@]}" "$pull" &&
    credentials "$work/push.json" "$node" "${sources[@]}" "$pull" "$push"
}

# certificates makes the authorities of registries, of git servers and of the cluster
# known. Keys of a ConfigMap have no colon: HOST..PORT stands for HOST:PORT.
certificates() {
  local dir name bundle=$configs/pki/tls-ca-bundle.pem
  for dir in "$configs"/certs/certs.d/*/; do
    [ -d "$dir" ] || continue
    name=$(basename "$dir")
    mkdir -p "$HOME/.config/containers/certs.d/${name/../:}"
    cp -L "$dir"/*.crt "$HOME/.config/containers/certs.d/${name/../:}/"
  done
  [ -r "$bundle" ] || return 0
  cat "$bundle" /etc/ssl/certs/ca-certificates.crt >"$work/ca.pem" 2>/dev/null || true
  export SSL_CERT_FILE=$work/ca.pem GIT_SSL_CAINFO=$work/ca.pem CURL_CA_BUNDLE=$work/ca.pem
}

# system_settings hands on the files of the build system, as far as they are there.
system_settings() {
  [ ! -r "${BUILD_REGISTRIES_CONF_PATH:-}" ] || export CONTAINERS_REGISTRIES_CONF=$BUILD_REGISTRIES_CONF_PATH
  [ ! -r "${BUILD_SIGNATURE_POLICY_PATH:-}" ] || export CONTAINERS_POLICY_JSON=$BUILD_SIGNATURE_POLICY_PATH
  if [ -d "${BUILD_REGISTRIES_DIR_PATH:-}" ]; then
    mkdir -p "$HOME/.config/containers"
    ln -s "$BUILD_REGISTRIES_DIR_PATH" "$HOME/.config/containers/registries.d"
  fi
}

# storage puts the store where the pod has a volume, whoever the user is. The driver
# is what works there: overlay, else vfs; STORAGE_DRIVER or the file of the build system
# may say another.
storage() {
  local store=/var/lib/containers
  if [ -r "${BUILD_STORAGE_CONF_PATH:-}" ] && [ "$(id -u)" -eq 0 ]; then
    export CONTAINERS_STORAGE_CONF=$BUILD_STORAGE_CONF_PATH
    return
  fi
  [ -w "$store" ] || store=$work/containers
  printf '[storage]\ngraphroot = "%s/storage"\nrunroot = "%s/run"\n' "$store" "$work" >"$work/storage.conf"
  export CONTAINERS_STORAGE_CONF=$work/storage.conf XDG_RUNTIME_DIR=$work/run
  mkdir -p "$work/run"
}

settings() {
  all_credentials || return
  certificates
  system_settings
  storage
}
