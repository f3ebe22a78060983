# A machine for tests of networks: a network namespace of its own with an address and a
# default route. Nothing that is sent in it leaves it, and bridges and rules go with it.

# make_machine lets $BUILDAH_BINARY run in it, with the search path $MACHINE_PATH if set.
make_machine() {
  needs ip
  unshare -n true 2>/dev/null || skip "network namespaces cannot be made here"
  touch "$T/machine"
  unshare -n mount --bind /proc/self/ns/net "$T/machine" || skip "a network namespace cannot be kept here"
  MACHINE=$(stat -L -c %i "$T/machine")
  on_machine ip link set lo up
  on_machine ip link add out0 type veth peer name out1
  on_machine ip addr add 192.0.2.2/24 dev out0
  on_machine ip link set out1 up
  on_machine ip link set out0 up
  on_machine ip route add default via 192.0.2.1
  # shellcheck disable=SC2016 # for that script
  printf '#!/bin/sh\nexec nsenter --net=%s env PATH="${MACHINE_PATH:-$PATH}" %s "$@"\n' "$T/machine" "$BUILDAH_BINARY" >"$T/buildah"
  chmod 755 "$T/buildah"
  BUILDAH_BINARY=$T/buildah
}

# on_machine COMMAND... runs a command on the machine.
on_machine() { nsenter --net="$T/machine" "$@"; }

# kept lists the directories of our network namespaces on the machine.
kept() { grep -l "\"host\":\"[0-9]*:$MACHINE\"" /run/buildah/network/*/plan.json 2>/dev/null; }

# nothing_kept waits until all network namespaces are disconnected: their interfaces,
# addresses and keepers are gone.
# The kernel takes interfaces down some time after the last process of a namespace.
nothing_kept() {
  for _ in $(seq 100); do
    [ "$(kept; interfaces)" = 0 ] && break
    sleep 0.1
  done
  is "$(kept)" ""
  is "$(interfaces)" 0
}

# interfaces counts those of containers.
interfaces() { on_machine ip -o link | grep -c 'podman\|veth[0-9]'; }

# with_conf LINES... makes a containers.conf of the lines.
with_conf() {
  printf '%s\n' "$@" >"$T/containers.conf"
  export CONTAINERS_CONF=$T/containers.conf
}

# needs_helper PROGRAM skips the test where a helper of container tools is not installed.
needs_helper() {
  local dir
  for dir in /usr/local/libexec/podman /usr/local/lib/podman /usr/libexec/podman /usr/lib/podman; do
    [ ! -x "$dir/$1" ] || return 0
  done
  command -v "$1" >/dev/null || skip "$1 is not installed"
}
