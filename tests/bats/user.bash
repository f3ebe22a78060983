# An ordinary user, who is made for a file of tests and goes with it.

# make_user [alone] makes the user, with ranges of further ids unless alone.
make_user() {
  local program
  for program in useradd userdel usermod su newuidmap newgidmap; do
    command -v "$program" >/dev/null || skip "$program is not installed"
  done
  export RUSER=bt$$ RHOME
  # The suite's own directory is closed to other users.
  RHOME=$(mktemp -d /var/tmp/buildah-rootless-XXXXXX)
  useradd --home-dir "$RHOME/home" --create-home --shell /bin/bash "$RUSER"
  if [ "${1:-}" = alone ]; then
    sed -i "/^$RUSER:/d" /etc/subuid /etc/subgid
  else
    grep -q "^$RUSER:" /etc/subuid || usermod --add-subuids 700000-765535 "$RUSER"
    grep -q "^$RUSER:" /etc/subgid || usermod --add-subgids 700000-765535 "$RUSER"
  fi
  chmod 755 "$RHOME"
  install -m 755 "$BUILDAH_BINARY" "$RHOME/buildah"
  cp -r "$BATS_SUITE_TMPDIR/busybox" "$RHOME/home/busybox"
  echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$RHOME/home/policy.json"
  printf 'unqualified-search-registries = []\nshort-name-mode = "permissive"\n' >"$RHOME/home/registries.conf"
  chown -R "$RUSER:" "$RHOME/home"
}

remove_user() {
  [ -n "${RUSER:-}" ] || return 0
  userdel "$RUSER" || true # with its ranges
  sed -i "/^$RUSER:/d" /etc/subuid /etc/subgid
  case $RHOME in /var/tmp/buildah-rootless-*) rm -rf "$RHOME" ;; esac
}

# mine [STATUS] SCRIPT runs a script as the user, with `buildah` on a store of the
# test below the user's home.
mine() {
  local want=0 status=0 driver=${STORAGE_DRIVER:-overlay} at=$RHOME/home/$BATS_TEST_NUMBER
  if [[ $1 =~ ^[0-9]+$ ]]; then want=$1; shift; fi
  cat >"$RHOME/script" <<SCRIPT
set -e
export HOME=$RHOME/home CONTAINERS_POLICY_JSON=$RHOME/home/policy.json CONTAINERS_REGISTRIES_CONF=$RHOME/home/registries.conf
unset XDG_RUNTIME_DIR
mkdir -p $at/tmp; cd $at; export TMPDIR=$at/tmp
# exported, so that it is there below buildah unshare, too
buildah() { "$RHOME/buildah" --root "$at/root" --runroot "$at/run" --storage-driver "$driver" "\$@"; }
export -f buildah
base() { buildah pull -q oci:$RHOME/home/busybox >id && buildah tag \$(cat id) docker.io/library/busybox; }
$1
SCRIPT
  output=$(su "$RUSER" -s /bin/bash -c "bash $RHOME/script" 2>"$T/stderr" </dev/null) || status=$?
  errors=$(cat "$T/stderr")
  [ "$status" -eq "$want" ] || { printf '%s\nstatus %s, wanted %s\nstdout: %s\nstderr: %s\n' "$1" "$status" "$want" "$output" "$errors"; return 1; }
}
