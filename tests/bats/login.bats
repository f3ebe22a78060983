#!/usr/bin/env bats
# Credentials: login, logout, where they are kept and who else reads them.
load helpers
load registries

setup_file() { serve_locked "$BATS_FILE_TMPDIR"; }
teardown_file() { kill "$(cat "$BATS_FILE_TMPDIR/pid")" 2>/dev/null || true; }

# use_locked gives each test the registry of the file, and a runtime directory of its own.
use_locked() {
  needs docker-registry
  REGISTRY=$(cat "$BATS_FILE_TMPDIR/host"); CERTS=$BATS_FILE_TMPDIR/certs
  export HOME=$T/home XDG_RUNTIME_DIR=$T/xdg
  unset REGISTRY_AUTH_FILE DOCKER_CONFIG XDG_CONFIG_HOME
  mkdir -p "$HOME" "$XDG_RUNTIME_DIR"
  AUTH=$XDG_RUNTIME_DIR/containers/auth.json
}

# auth_of FILE KEY is what a file keeps for a key.
auth_of() { jq -r --arg key "$2" '.auths[$key].auth // ""' "$1" | base64 -d; }

# helper NAME writes a credential helper that keeps its accounts in $T/helper.json.
helper() {
  mkdir -p "$T/bin"; echo '{}' >"$T/helper.json"
  cat >"$T/bin/docker-credential-$1" <<SCRIPT
#!/bin/sh
kept=$T/helper.json
case \$1 in
store) cat >$T/in; jq --slurpfile new $T/in '.[\$new[0].ServerURL] = \$new[0]' \$kept >$T/out && mv $T/out \$kept ;;
get) read -r key; jq -e --arg key "\$key" '.[\$key] // empty' \$kept || { echo 'credentials not found in native keychain'; exit 1; } ;;
erase) read -r key; jq -e --arg key "\$key" '.[\$key]' \$kept >$T/found || { echo 'credentials not found in native keychain'; exit 1; }
  jq --arg key "\$key" 'del(.[\$key])' \$kept >$T/out && mv $T/out \$kept ;;
list) jq 'map_values(.Username)' \$kept ;;
esac
SCRIPT
  chmod +x "$T/bin/docker-credential-$1"
  export PATH=$T/bin:$PATH
}

@test "login: keeps what the registry accepts, for the user alone; logout forgets it" {
  use_locked
  buildah 125 login --get-login "$REGISTRY"; one_line_error; says "not logged in to \"$REGISTRY\""
  buildah 125 login --cert-dir "$CERTS" -u user -p wrong "$REGISTRY"; one_line_error; says "refuses this user name and password"
  [ ! -e "$AUTH" ]
  buildah login --cert-dir "$CERTS" --username user --password secret -v "$REGISTRY"
  says "Used:  $AUTH"; says "Login Succeeded!"
  is "$(stat -c %a "$AUTH")" 600; is "$(stat -c %a "$(dirname "$AUTH")")" 700
  is "$(auth_of "$AUTH" "$REGISTRY")" user:secret
  buildah login --get-login "https://$REGISTRY/v2/"; is "$output" user
  buildah login --get-login=false "$REGISTRY"; is "$output" user
  buildah login --cert-dir "$CERTS" "$REGISTRY"
  is "$output" "Authenticating with existing credentials for $REGISTRY
Existing credentials are valid. Already logged in to $REGISTRY"
  buildah 125 login --cert-dir "$CERTS" -u user -p wrong "$REGISTRY"
  is "$(auth_of "$AUTH" "$REGISTRY")" user:secret # a failure changes nothing
  base busybox
  buildah push -q --cert-dir "$CERTS" docker.io/library/busybox "docker://$REGISTRY/one"
  buildah pull -q --policy always --tls-verify=false "$REGISTRY/one"
  buildah 125 pull -q --policy always --cert-dir "$CERTS" --creds user:wrong "$REGISTRY/one" # wins
  says "buildah login $REGISTRY"
  buildah logout "$REGISTRY"; is "$output" "Removed login credentials for $REGISTRY"
  buildah 125 logout "$REGISTRY"; one_line_error; says "not logged in"
  buildah 125 pull -q --policy always --cert-dir "$CERTS" "$REGISTRY/one"; one_line_error
  says "you are not logged in to $REGISTRY: \`buildah login $REGISTRY\`"
}

@test "login: without XDG_RUNTIME_DIR, and where it is missing" {
  use_locked
  mkdir -p /run/containers
  # shellcheck disable=SC2016 # for the inner shell; what the machine keeps there is not touched
  env -u XDG_RUNTIME_DIR unshare -m sh -ec 'mount -t tmpfs none /run/containers
    "$0" login --tls-verify=false -v -u user -p secret "$1"
    "$0" login --get-login "$1"; "$0" logout "$1"' "$BUILDAH_BINARY" "$REGISTRY" >"$T/said"
  grep -q "Used:  /run/containers/0/auth.json" "$T/said"; grep -qx user "$T/said"; grep -q Removed "$T/said"
  XDG_RUNTIME_DIR=$T/none buildah 125 login --tls-verify=false -u user -p secret "$REGISTRY"; one_line_error; says XDG_RUNTIME_DIR
}

@test "login: the password on standard input, or asked for without showing it" {
  use_locked
  buildah login --tls-verify=false -u user --password-stdin "$REGISTRY" <<<$'sec\nret'
  is "$(auth_of "$AUTH" "$REGISTRY")" user:secret
  buildah 125 login --password-stdin "$REGISTRY"; says "--password-stdin needs --username"
  buildah 125 login -u user -p secret --password-stdin "$REGISTRY"; says "only one of --password and --password-stdin"
  buildah 125 login --tls-verify=false -u user --password-stdin "$REGISTRY" </dev/null; says "password"
  buildah 125 login --tls-verify=false -u user "$REGISTRY" </dev/null; one_line_error; says "use --password-stdin"
  needs script
  answer() { { sleep 0.4; printf '%s\n' "$1"; sleep 0.4; printf '%s\n' "$2"; sleep 0.4; } | script -qec "$BUILDAH_BINARY login --tls-verify=false $3 $REGISTRY" /dev/null >"$T/screen"; }
  buildah logout "$REGISTRY"
  answer user secret ""
  grep -q 'Username: ' "$T/screen"; grep -q 'Login Succeeded' "$T/screen"; ! grep -q secret "$T/screen"
  is "$(auth_of "$AUTH" "$REGISTRY")" user:secret
  jq --arg r "$REGISTRY" '.auths[$r].auth = "dXNlcjpvbGQ="' "$AUTH" >"$T/new"; cp "$T/new" "$AUTH" # user:old
  answer "" secret ""
  grep -q 'Username (user): ' "$T/screen"; is "$(auth_of "$AUTH" "$REGISTRY")" user:secret
}

@test "login: chosen files, by flag and by environment" {
  use_locked
  export XDG_RUNTIME_DIR=$T/none # nothing else is touched
  buildah login --tls-verify=false --authfile "$T/new/auth.json" -u user -p secret "$REGISTRY"
  is "$(auth_of "$T/new/auth.json" "$REGISTRY")" user:secret
  REGISTRY_AUTH_FILE=$T/new/auth.json buildah login --get-login "$REGISTRY"; is "$output" user
  REGISTRY_AUTH_FILE=$T/env.json buildah login --tls-verify=false -u user -p secret "$REGISTRY"; [ -s "$T/env.json" ]
  REGISTRY_AUTH_FILE=$T/env.json buildah logout "$REGISTRY"
  buildah login --get-login --authfile "$T/new/auth.json" "$REGISTRY"; is "$output" user
  buildah logout --authfile "$T/new/auth.json" "$REGISTRY"; is "$(auth_of "$T/new/auth.json" "$REGISTRY")" ""
  mkdir "$T/docker"; echo '{"HttpHeaders":{"X":"y"},"auths":{}}' >"$T/docker/config.json"
  buildah login --tls-verify=false --compat-auth-file "$T/docker/config.json" -u user -p secret "$REGISTRY"
  is "$(auth_of "$T/docker/config.json" "$REGISTRY")" user:secret
  is "$(jq -c .HttpHeaders "$T/docker/config.json")" '{"X":"y"}'
  DOCKER_CONFIG=$T/docker buildah login --get-login "$REGISTRY"; is "$output" user
  cp "$T/docker/config.json" "$T/copy.json"
  buildah logout --compat-auth-file "$T/copy.json" "$REGISTRY"; is "$(jq -c . "$T/copy.json")" '{"HttpHeaders":{"X":"y"},"auths":{}}'
  DOCKER_CONFIG=$T/docker buildah logout --all; is "$output" "Removed login credentials for all registries"
  is "$(jq -c . "$T/docker/config.json")" '{"HttpHeaders":{"X":"y"},"auths":{}}'
  buildah 125 login --compat-auth-file "$T/c" --authfile "$T/a" -u user -p secret "$REGISTRY"; says "only one of --authfile and --compat-auth-file"
  buildah 125 logout --compat-auth-file "$T/c" --authfile "$T/a" "$REGISTRY"; says "only one of"
  buildah 125 logout --authfile "$T/missing.json" "$REGISTRY"; says missing.json
  buildah 125 login --compat-auth-file "$T/c" --tls-verify=false -u user -p secret "$REGISTRY/team"; one_line_error
  : >"$T/empty.json"
  buildah 125 login --tls-verify=false --authfile "$T/empty.json" -u user -p secret "$REGISTRY"; says empty.json
}

@test "login: for a repository only" {
  use_locked
  base busybox
  buildah login --tls-verify=false -u user -p secret "$REGISTRY/team"
  is "$(auth_of "$AUTH" "$REGISTRY/team")" user:secret
  buildah push -q --tls-verify=false docker.io/library/busybox "docker://$REGISTRY/team/app"
  buildah 125 push -q --tls-verify=false docker.io/library/busybox "docker://$REGISTRY/other/app"; says "not logged in"
  buildah 125 login --get-login "$REGISTRY"
  buildah login --get-login "$REGISTRY/team/app"; is "$output" user
  buildah logout "$REGISTRY/team"
  buildah 125 push -q --tls-verify=false docker.io/library/busybox "docker://$REGISTRY/team/app"
}

@test "login: podman and skopeo read what buildah keeps, and the contrary" {
  use_locked; needs podman; needs skopeo
  base busybox
  buildah login --cert-dir "$CERTS" -u user -p secret "$REGISTRY"
  buildah push -q --cert-dir "$CERTS" docker.io/library/busybox "docker://$REGISTRY/shared"
  is "$(skopeo inspect --cert-dir "$CERTS" --format '{{.Name}}' "docker://$REGISTRY/shared")" "$REGISTRY/shared"
  is "$(podman login --get-login "$REGISTRY")" user
  podman logout "$REGISTRY"
  buildah 125 login --get-login "$REGISTRY"
  skopeo login --cert-dir "$CERTS" -u user -p secret "$REGISTRY"
  buildah pull -q --cert-dir "$CERTS" --policy always "$REGISTRY/shared"
  buildah logout -a
  ! skopeo inspect --cert-dir "$CERTS" "docker://$REGISTRY/shared" 2>/dev/null
  # What docker keeps is used and left alone.
  mkdir -p "$HOME/.docker"; printf '{"auths":{"%s":{"auth":"%s"}}}' "$REGISTRY" "$(printf user:secret | base64)" >"$HOME/.docker/config.json"
  mkdir -p "$HOME/.config/containers/certs.d"; ln -s "$CERTS" "$HOME/.config/containers/certs.d/$REGISTRY"
  buildah pull -q --policy always "$REGISTRY/shared"
  buildah logout "$REGISTRY"; says "kept by another program"
  [ -s "$HOME/.docker/config.json" ]
}

@test "login: credential helpers for one registry and for all" {
  use_locked; helper x
  base busybox
  mkdir -p "$(dirname "$AUTH")"
  for file in "{\"credHelpers\":{\"$REGISTRY\":\"x\"}}" '{"credsStore":"x"}'; do
    echo "$file" >"$AUTH"
    buildah login --cert-dir "$CERTS" -v -u user -p secret "$REGISTRY"; says "credential helper: x"
    ! grep -q dXNlcj "$AUTH"; grep -q secret "$T/helper.json"
    is "$(jq -c 'del(.auths)' "$AUTH")" "$file"
    buildah login --get-login "$REGISTRY"; is "$output" user
    buildah push -q --cert-dir "$CERTS" docker.io/library/busybox "docker://$REGISTRY/helped"
    buildah logout "$REGISTRY"; is "$(jq -c . "$T/helper.json")" '{}'
    buildah 125 push -q --cert-dir "$CERTS" docker.io/library/busybox "docker://$REGISTRY/helped"; says "not logged in"
    buildah 125 logout "$REGISTRY"
  done
  buildah login --cert-dir "$CERTS" -u user -p secret "$REGISTRY"
  buildah logout --all; is "$(jq -c . "$T/helper.json")" '{}'; is "$(jq -r .credsStore "$AUTH")" x
  buildah 125 login --cert-dir "$CERTS" -u user -p secret "$REGISTRY/team"; says "whole registries only"
  echo '{"credsStore":"missing"}' >"$AUTH"
  buildah 125 login --cert-dir "$CERTS" -u user -p secret "$REGISTRY"; one_line_error; says docker-credential-missing
  echo '{"credsStore":"../x"}' >"$AUTH"
  buildah 125 login --cert-dir "$CERTS" -u user -p secret "$REGISTRY"; says "no name of a helper"
}

@test "login: refusals" {
  use_locked
  buildah 125 login; says "REGISTRY"
  buildah 125 login a b
  buildah 125 login "a b"; says "is no registry"
  buildah 125 login "$REGISTRY/team:tag"; says "has a tag"
  buildah 125 login -u user -p secret "$REGISTRY"; one_line_error; says "--cert-dir DIR"
  buildah 125 login -u user -p secret 127.0.0.1:1; one_line_error; says "check that 127.0.0.1:1 is up"
  buildah 125 logout; says "--all"
  buildah 125 logout --all "$REGISTRY"; says "--all takes no registry"
  mkdir -p "$(dirname "$AUTH")"
  printf '{"auths":{"%s":{"auth":"%s","identitytoken":"t"}}}' "$REGISTRY" "$(printf user: | base64)" >"$AUTH"
  buildah 125 login --tls-verify=false "$REGISTRY"; says "identity token"
}
