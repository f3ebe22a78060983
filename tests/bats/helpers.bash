# What the bats files share. Each test has a store of its own below
# BATS_TEST_TMPDIR, which teardown unmounts and removes.

BUILDAH_BINARY=${BUILDAH_BINARY:-$BATS_TEST_DIRNAME/../../bin/buildah}

setup() {
  umask 022
  T=$BATS_TEST_TMPDIR
  export T TMPDIR=$T/tmp
  mkdir -p "$T/tmp" "$T/context"
  configure
  # No setting of the machine reaches a test.
  unset BUILDAH_FORMAT BUILDAH_HISTORY BUILDAH_ISOLATION BUILDAH_LAYERS BUILDAH_RUNTIME SOURCE_DATE_EPOCH
  cd "$T" || exit 1
}

teardown() {
  cd /
  stop_registry
  [ -x "$BUILDAH_BINARY" ] || return 0
  # Whatever a failed test left mounted goes, innermost first.
  awk -v at="$BATS_TEST_TMPDIR" 'index($5, at) == 1 {print $5}' /proc/self/mountinfo | sort -r |
    while read -r mount; do umount -l "$(printf %b "$mount")" 2>/dev/null || true; done
}

# configure writes configuration files that know no registry but the tests'.
configure() {
  export CONTAINERS_REGISTRIES_CONF=$T/registries.conf CONTAINERS_POLICY_JSON=$T/policy.json
  echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$T/policy.json"
  cat >"$T/registries.conf" <<CONF
unqualified-search-registries = []
short-name-mode = "permissive"
[[registry]]
location = "127.0.0.1:${REGISTRY_PORT:-1}"
insecure = true
CONF
}

# buildah [STATUS] ARGUMENTS... runs the binary on the test's store, expects the
# status (0 if none is named), keeps stdout and stderr in $output and $errors and
# prints both when the status is another.
buildah() {
  local want=0
  if [[ ${1:-} =~ ^[0-9]+$ ]]; then want=$1; shift; fi
  local status=0
  output=$("$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" --storage-driver "${STORAGE_DRIVER:-overlay}" "$@" 2>"$T/stderr") || status=$?
  errors=$(cat "$T/stderr")
  if [ "$status" -ne "$want" ]; then
    printf 'buildah %s\nstatus %s, wanted %s\nstdout: %s\nstderr: %s\n' "$*" "$status" "$want" "$output" "$errors"
    return 1
  fi
}

# stock NAME ARGUMENTS... runs another tool on the test's store.
stock() {
  local tool=$1; shift
  output=$("/usr/bin/$tool" --root "$T/root" --runroot "$T/run" --storage-driver "${STORAGE_DRIVER:-overlay}" "$@" 2>"$T/stderr") || {
    printf '%s %s\nstdout: %s\nstderr: %s\n' "$tool" "$*" "$output" "$(cat "$T/stderr")"
    return 1
  }
  errors=$(cat "$T/stderr")
}

# says TEXT: the text is in what was printed on stdout or stderr.
says() {
  [[ "$output$errors" == *"$1"* ]] || { printf 'wanted: %s\nstdout: %s\nstderr: %s\n' "$1" "$output" "$errors"; return 1; }
}

# says_not TEXT: it is in neither.
says_not() {
  [[ "$output$errors" != *"$1"* ]] || { printf 'not wanted: %s\nstdout: %s\nstderr: %s\n' "$1" "$output" "$errors"; return 1; }
}

# is ACTUAL EXPECTED
is() {
  [ "$1" = "$2" ] || { printf 'got:    %s\nwanted: %s\n' "$1" "$2"; return 1; }
}

# one_line_error: an error is one line on stderr (and hints), never a usage text or a stack.
one_line_error() {
  [ "$(grep -c '^Error: ' <<<"$errors")" -eq 1 ] || { printf 'stderr: %s\n' "$errors"; return 1; }
  ! grep -qE '^(USAGE|Usage:|goroutine )' <<<"$errors"
}

# base NAME puts the suite's busybox image into the store under a full name.
base() {
  buildah pull -q "oci:$BATS_SUITE_TMPDIR/busybox"
  buildah tag "$output" "docker.io/library/${1:-busybox}:latest"
}

# from_base starts a working container on busybox; its name is in $ctr.
from_base() {
  base busybox
  buildah from "$@" docker.io/library/busybox
  # shellcheck disable=SC2034 # for the test
  ctr=$output
}

# start_registry serves a registry on a free port of the loopback for this test.
start_registry() {
  command -v docker-registry >/dev/null || skip "docker-registry is not installed"
  for REGISTRY_PORT in $(shuf -i 20000-32000 -n 20); do
    printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}\nhttp: {addr: "127.0.0.1:%s"}\nlog: {level: error, accesslog: {disabled: true}}\n' \
      "$T/registry" "$REGISTRY_PORT" >"$T/registry.yml"
    docker-registry serve "$T/registry.yml" >"$T/registry.log" 2>&1 3>&- &
    REGISTRY_PID=$!
    for _ in $(seq 50); do
      curl -fs "http://127.0.0.1:$REGISTRY_PORT/v2/" >/dev/null && break 2
      kill -0 "$REGISTRY_PID" 2>/dev/null || break
      sleep 0.1
    done
  done
  export REGISTRY_PORT REGISTRY_PID REGISTRY=127.0.0.1:$REGISTRY_PORT
  configure
}

stop_registry() {
  [ -z "${REGISTRY_PID:-}" ] || kill "$REGISTRY_PID" 2>/dev/null || true
}

# needs PROGRAM skips the test where it is not installed.
needs() {
  command -v "$1" >/dev/null || skip "$1 is not installed"
}

# store_is_clean: no container is left, and nothing is mounted.
store_is_clean() {
  buildah containers -q -a
  is "$output" ""
  ! grep -q " $T/root/.*/merged " /proc/self/mountinfo
}

# each_isolation WORDS... runs the words once with every isolation.
each_isolation() {
  local isolation
  for isolation in oci chroot; do
    [ "$isolation" = chroot ] || command -v runc >/dev/null || continue
    BUILDAH_ISOLATION=$isolation "$@"
  done
}

# go_arch is the architecture of this machine, as images spell it.
go_arch() {
  case $(uname -m) in x86_64) echo amd64 ;; aarch64) echo arm64 ;; *) uname -m ;; esac
}
