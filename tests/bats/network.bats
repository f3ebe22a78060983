#!/usr/bin/env bats
# Networks of commands: --network, and what commands find in their namespaces.

load helpers
load machine

eval "common_$(declare -f setup)"
setup() {
  common_setup
  needs runc
  export BUILDAH_RUNTIME=runc
  make_machine
  from_base
}

@test "network: a private one reaches the machine, and is used again" {
  needs_helper netavark
  echo hello >"$T/page"
  on_machine busybox nc -l -p 8123 <"$T/page" 3>&- &
  buildah run "$ctr" sh -c 'cat /proc/net/dev | grep -c :; ip -o -4 addr show eth0; ip route; nc -w 2 host.containers.internal 8123'
  is "$errors" ""
  says "inet 10.88."
  says "default via 10.88.0.1"
  says hello
  # The next command of a script has the same one, if it comes soon.
  local first second=none
  for _ in 1 2 3 4; do
    buildah run "$ctr" ip -o -4 addr show eth0; first=$second second=$output
    [ "$first" != "$second" ] || break
  done
  is "$second" "$first"
  # So have all steps of a build.
  printf 'FROM docker.io/library/busybox\nRUN ip -o -4 addr show eth0\nRUN ip -o -4 addr show eth0; ping -c 1 -w 2 10.88.0.1\n' >"$T/context/Dockerfile"
  buildah build --cap-add CAP_NET_RAW "$T/context"
  is "$(grep -c ' eth0 ' <<<"$output")" 2
  is "$(grep ' eth0 ' <<<"$output" | sort -u | wc -l)" 1
  says "1 packets received"
}

@test "network: hosts and name servers" {
  needs_helper netavark
  buildah run "$ctr" sh -c 'tail -n 1 /etc/hosts; grep internal /etc/hosts'
  [[ $output =~ ^10\.88\.[0-9.]+$'\t'[0-9a-f]{12}' '$ctr ]]
  says $'192.0.2.2\thost.containers.internal host.docker.internal'
  buildah from --add-host db:host-gateway --dns 192.0.2.53 --dns-search example.com --name second docker.io/library/busybox
  buildah run second cat /etc/hosts /etc/resolv.conf
  says $'192.0.2.2\tdb'
  says $'search example.com\nnameserver 192.0.2.53'
  with_conf '[containers]' 'host_containers_internal_ip = "none"'
  buildah 125 run second true
  says "the host has no address"
}

@test "network: none, host and a namespace that exists" {
  buildah run --network none "$ctr" sh -c 'grep -c : /proc/net/dev; ls /etc/hosts /etc/resolv.conf 2>/dev/null; true'
  is "$output" 1
  buildah run --network host "$ctr" ls /sys/class/net/out0
  touch "$T/other"
  unshare -n mount --bind /proc/self/ns/net "$T/other"
  nsenter --net="$T/other" ip link add mine type veth peer name his
  buildah run --network "ns:$T/other" "$ctr" grep -o 'mine:' /proc/net/dev; is "$output" "mine:"
  buildah run --network "$T/other" "$ctr" grep -o 'mine:' /proc/net/dev; is "$output" "mine:"
  umount "$T/other"
  touch "$T/other"; unshare -n mount --bind /proc/self/ns/net "$T/other"
  cd "$T"; buildah run --network ns:other "$ctr" grep -c : /proc/net/dev; is "$output" 1
  umount "$T/other"
  buildah 125 run --network "ns:$T/nosuch" "$ctr" true; one_line_error
  is "$(kept)" ""
}

@test "network: stages at the same time do not share ports" {
  needs_helper netavark
  local stage='RUN (echo from-STAGE | nc -l -p 8124) & sleep 1; nc -w 2 127.0.0.1 8124 | tee /out'
  {
    for n in 1 2; do printf 'FROM docker.io/library/busybox AS s%s\n%s\n' $n "${stage/STAGE/$n}"; done
    printf 'FROM docker.io/library/busybox\nCOPY --from=s1 /out /1\nCOPY --from=s2 /out /2\nRUN cat /1 /2\n'
  } >"$T/context/Dockerfile"
  buildah build --jobs 2 "$T/context"
  says $'from-1\nfrom-2'
}

@test "network: RUN --network" {
  printf 'FROM docker.io/library/busybox\nRUN --network=none grep -c : /proc/net/dev\nRUN --network=host ls /sys/class/net/out0\n' >"$T/context/Dockerfile"
  buildah build "$T/context"
  says "/sys/class/net/out0"
  is "$(kept)" ""
}

@test "network: what a command could change is not used again" {
  needs_helper netavark
  buildah run --cap-add CAP_NET_ADMIN "$ctr" ip addr add 198.51.100.1/32 dev eth0
  buildah run "$ctr" ip -o -4 addr show eth0
  says_not 198.51.100.1
}

@test "network: a lock of the caller is not kept by what outlives the command" {
  needs_helper netavark; needs flock
  # What was connected is kept for three seconds; nobody who waits for us waits for that.
  for _ in 1 2; do
    flock "$T/lock" "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" run "$ctr" true
    flock --timeout 1 "$T/lock" true
  done
  [ -n "$(kept)" ]
}

@test "network: by name, with others in it" {
  needs_helper netavark; needs_helper aardvark-dns
  local id=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef n
  mkdir "$T/networks"
  for n in 1 2; do
    jq -n --arg n $n --arg id "$id" '{name: ("net" + $n), id: $id, driver: "bridge", network_interface: ("podman3" + $n), created: "2026-01-02T03:04:05Z",
      subnets: [{subnet: ("10.231." + $n + ".0/24"), gateway: ("10.231." + $n + ".1"), lease_range: {start_ip: ("10.231." + $n + ".77")}}],
      ipv6_enabled: false, internal: false, dns_enabled: true, ipam_options: {driver: "host-local"}}' >"$T/networks/net$n.json"
  done
  with_conf '[network]' "network_config_dir = \"$T/networks\""
  # A server in one container is found by its name in another.
  buildah from --name server docker.io/library/busybox
  buildah run --network net1,net2 server sh -c 'ip -o -4 addr; echo up >&2; nc -l -p 8125 </etc/passwd' 3>&- &
  local server=$!
  for n in $(seq 100); do [ -s "$T/stderr" ] && break; sleep 0.1; done
  buildah from --name client docker.io/library/busybox
  buildah run --network net2 client sh -c 'cat /etc/resolv.conf; ip -o -4 addr show eth0; nc -w 5 server 8125'
  says "nameserver 10.231.2.1"
  says "inet 10.231.2."
  says "root:x:0:0"
  wait $server
  buildah from --network net2 --name third docker.io/library/busybox
  buildah inspect --format '{{range .NamespaceOptions}}{{.Name}}={{.Path}} {{end}}' third
  says "network=net2 "
  buildah run third ip -o -4 addr show eth0; says "inet 10.231.2."
  nothing_kept # at once: they are never used again
}

@test "network: refusals" {
  buildah 125 run --network nosuch "$ctr" true; one_line_error
  says 'network not found: "nosuch" has no file in "/etc/containers/networks"'
  buildah 125 run --network a,a "$ctr" true; says "named twice"
  buildah 125 run --network container:x "$ctr" true; says "ns:PATH"
  buildah 125 run --network slirp4netns:x=y "$ctr" true; says "there is no such option"
  buildah 125 run --isolation chroot --network podman "$ctr" true; says "cannot set --network other than host"
  BUILDAH_ISOLATION=chroot buildah 125 run --network podman "$ctr" true; one_line_error
  says 'network "podman": chroot isolation has none but the host'
  on_machine ip addr add 10.88.7.7/24 dev out0
  buildah 125 run --network podman "$ctr" true
  says 'its subnet 10.88.0.0/16 is in use by the interface "out0"'
}

@test "network: programs that are missing" {
  with_conf '[engine]' "helper_binaries_dir = [\"$T\"]"
  mkdir "$T/bin"
  ln -s "$(command -v runc)" "$T/bin"
  export MACHINE_PATH=$T/bin
  buildah run "$ctr" /bin/ls /sys/class/net/out0
  is "$(grep -c "using the host's network" "$T/stderr")" 1
  says "no private network: netavark is not installed; pasta is not installed"
  buildah run --network host "$ctr" /bin/true; is "$errors" ""
  for name in podman pasta slirp4netns:mtu=1500; do
    buildah 125 run --network $name "$ctr" /bin/true
    says "is not installed in $T"
  done
}

@test "network: pasta and slirp4netns" {
  [ -r /dev/net/tun ] || skip "there is no /dev/net/tun"
  needs_helper pasta
  buildah run --network pasta:-I,tap9 "$ctr" sh -c 'ip -o -4 addr show tap9; cat /etc/resolv.conf'
  says "192.0.2.2/24"
  says "nameserver 169.254.1.1"
  buildah 125 run --network pasta:--nosuch "$ctr" true; one_line_error; says nosuch
  with_conf '[engine]' "helper_binaries_dir = [\"$T\"]"
  buildah run "$ctr" ls /sys/class/net/out0; is "$errors" "" # without netavark, as the host has it
  needs_helper slirp4netns
  buildah run --network slirp4netns:cidr=10.9.8.0/24 "$ctr" sh -c 'ip -o -4 addr show tap0; cat /etc/resolv.conf; tail -n 1 /etc/hosts'
  says "10.9.8.100/24"
  says "nameserver 10.9.8.3"
  says $'10.9.8.100\t'
  nothing_kept # at once: they are used again within one command only
  ! pgrep -af 'pasta|slirp4netns' | grep -F "$T"
}

@test "network: a container with ids of its own owns its network" {
  needs_helper netavark
  buildah from --userns-uid-map 0:100000:65536 --userns-gid-map 0:100000:65536 --name mapped docker.io/library/busybox
  buildah run mapped sh -c 'ip -o -4 addr show eth0; ls /sys/class/net; cat /proc/self/uid_map'
  says "inet 10.88."
  says $'eth0\nlo'
  says "100000"
}

@test "network: SIGKILL leaves nothing after the next command" {
  needs_helper netavark
  for victims in command everything; do
    "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" run "$ctr" sleep 4329 >/dev/null 2>&1 3>&- &
    local pid=$!
    for _ in $(seq 100); do pgrep -fx 'sleep 4329' >/dev/null && break; sleep 0.1; done
    is "$(on_machine ip -o link | grep -c 'veth[0-9]')" 1
    if [ $victims = everything ]; then
      # Whatever buildah started is below it, and has no time to do anything.
      kill -STOP $pid
      kill -KILL $(pgrep -P $pid)
    fi
    kill -KILL $pid
    wait $pid || true
    if [ $victims = everything ]; then
      [ -n "$(kept)" ]
      pkill -KILL -fx 'sleep 4329' || true
    fi
    buildah run --network host "$ctr" true
    is "$errors" ""
    nothing_kept # no command before has given one back
    for _ in $(seq 100); do pgrep -fx 'sleep 4329' >/dev/null || break; sleep 0.1; done
    ! pgrep -fx 'sleep 4329'
  done
}

@test "network: one that podman has made" {
  needs podman; needs_helper netavark
  mkdir "$T/networks"
  with_conf '[network]' 'network_backend = "netavark"' "network_config_dir = \"$T/networks\""
  stock podman network create --subnet 10.231.9.0/24 --ip-range 10.231.9.128/25 made
  buildah run --network made "$ctr" ip -o -4 addr show eth0
  [[ $output =~ inet\ 10\.231\.9\.(1[3-9]|2|12[89]) ]]
  # What is built with it is written as a script with it.
  printf 'FROM docker.io/library/busybox\nRUN true\n' >"$T/context/Dockerfile"
  buildah build --network made --print-script "$T/context"
  says "buildah from --network=made"
}
