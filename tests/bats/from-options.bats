#!/usr/bin/env bats
# What `from` is told about commands is seen by every later `run`.
load helpers

# made OPTIONS... starts a container with them; its name is in $ctr.
made() { buildah from "$@" docker.io/library/busybox; ctr=$output; }

@test "from: limits of the cgroup" {
  needs runc
  base busybox
  [ -d /sys/fs/cgroup/memory ] || skip "the limits are read from cgroups of version 1"
  made --memory 64m --memory-swap 128m --cpu-shares 300 --cpu-period 50000 --cpu-quota 20000 --cpuset-cpus 0 --cpuset-mems 0
  buildah run --isolation oci "$ctr" sh -c 'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.shares cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpuset/cpuset.cpus cpuset/cpuset.mems'
  is "$output" $'67108864\n300\n20000\n50000\n0\n0'
  buildah run --isolation chroot "$ctr" true
  is "$(grep -c 'chroot isolation leaves out limits' <<<"$errors")" 1
  made --cgroup-parent /buildah-bats
  buildah run --isolation oci --cgroupns host "$ctr" cat /proc/self/cgroup
  says :/buildah-bats/
  rmdir /sys/fs/cgroup/*/buildah-bats 2>/dev/null || true # the parent is the user's: it stays
}

@test "from: memory of /dev/shm, devices, groups" {
  base busybox
  made --shm-size 1m
  each_isolation buildah run "$ctr" grep -c '/dev/shm .*size=1024k' /proc/mounts
  made --device /dev/null:/dev/nothing:r --device /dev/zero
  each_isolation buildah run "$ctr" sh -c 'test -c /dev/nothing && head -c 2 /dev/zero | wc -c'
  is "$output" 2
  made --group-add 77,88
  each_isolation buildah run "$ctr" id -G
  says "77 88"
}

@test "from: hosts and name servers" {
  base busybox
  made --add-host 'one;two:192.0.2.1' --add-host six:2001:db8::1 --dns 192.0.2.53 --dns-search example.com --dns-option ndots:2
  each_isolation buildah run "$ctr" cat /etc/hosts /etc/resolv.conf
  says $'192.0.2.1\tone two'
  says $'2001:db8::1\tsix'
  says $'search example.com\nnameserver 192.0.2.53\noptions ndots:2'
  made --dns none
  buildah 1 run "$ctr" cat /etc/resolv.conf
  for wrong in --add-host=nonsense --dns=nonsense --dns=none,192.0.2.1 --shm-size=nonsense --memory=nonsense --ulimit=nonsense --cap-add=nonsense --cpu-shares=nonsense; do
    buildah 125 from "$wrong" docker.io/library/busybox
    one_line_error
  done
}

@test "from: rights" {
  base busybox
  made --cap-add sys_admin --cap-drop CHOWN
  buildah inspect --format '{{.Capabilities}}' "$ctr"
  says CAP_SYS_ADMIN; says_not CAP_CHOWN
  each_isolation buildah run "$ctr" sh -c 'mount -t tmpfs none /mnt && ! chown 1 /tmp 2>/dev/null'
  made --cap-drop all
  each_isolation buildah run "$ctr" grep CapBnd /proc/self/status
  says 0000000000000000
  made --security-opt no-new-privileges --security-opt seccomp=unconfined
  each_isolation buildah run "$ctr" grep -E 'NoNewPrivs|Seccomp:' /proc/self/status
  says $'NoNewPrivs:\t1\nSeccomp:\t0'
  echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}' >"$T/profile.json"
  made --security-opt "seccomp=$T/profile.json"
  each_isolation buildah 1 run "$ctr" mkdir /new
  made --security-opt mask=/etc/passwd --security-opt unmask=/proc/timer_list --security-opt label=disable
  each_isolation buildah run "$ctr" sh -c 'wc -c </etc/passwd; [ $(wc -c </proc/timer_list) -gt 0 ]'
  is "$output" 0
  for wrong in label=nonsense nonsense=1 nonsense; do
    buildah 125 from --security-opt "$wrong" docker.io/library/busybox
    says "$wrong"
  done
}

@test "from: volumes, proxies, namespaces" {
  base busybox
  mkdir "$T/shared"; echo data >"$T/shared/file"; mkdir "$T/other"
  made --volume "$T/shared:/in:ro"
  each_isolation buildah run "$ctr" cat /in/file; is "$output" data
  each_isolation buildah 1 run "$ctr" touch /in/no
  each_isolation buildah run --volume "$T/other:/in" "$ctr" ls /in; is "$output" ""
  made --volume nonsense; buildah 125 run "$ctr" true; says nonsense
  made; http_proxy=there buildah run "$ctr" env; says http_proxy=there
  made --http-proxy=false; http_proxy=there buildah run "$ctr" env; says_not http_proxy
  made --network host --pid host --uts host --ipc host --cgroupns host
  for kind in net pid uts ipc cgroup; do
    each_isolation buildah run "$ctr" readlink "/proc/self/ns/$kind"
    is "$output" "$(readlink "/proc/self/ns/$kind")"
  done
  made --network none
  each_isolation buildah run "$ctr" grep -c : /proc/net/dev; is "$output" 1
  buildah inspect --format '{{.ConfigureNetwork}}' "$ctr"; is "$output" NetworkDisabled
}

@test "from: platforms" {
  base busybox
  buildah from --platform linux/amd64,linux/arm64 docker.io/library/busybox
  says "only the first of the platforms"
  buildah 125 from --platform linux/amd64 --arch amd64 docker.io/library/busybox
  for other in --arch=s390x --os=windows --platform=linux/s390x; do
    buildah 125 from --retry 0 --tls-verify=false --pull=never "$other" docker.io/library/busybox
    one_line_error
  done
  buildah containers -q; is "$(wc -l <<<"$output")" 1
}

@test "from: triggers of the base count from the current directory" {
  from_base -f docker
  echo mine >"$T/context/file"; tar -C "$T/context" -cf "$T/context/archive.tar" file
  buildah config --onbuild 'COPY file /copied' --onbuild 'ADD archive.tar /unpacked' --onbuild 'RUN echo ran >/ran' --onbuild 'WORKDIR /there' "$ctr"
  buildah commit -q -f docker "$ctr" localhost/triggers
  cd "$T/context"
  buildah from --name triggered localhost/triggers
  says "STEP 1: COPY file /copied"
  buildah run triggered sh -c 'cat /copied /unpacked/file /ran; pwd'
  is "$output" $'mine\nmine\nran\n/there'
  buildah inspect --format '{{len .Docker.Config.OnBuild}}' triggered; is "$output" 0
}
