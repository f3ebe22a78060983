#!/usr/bin/env bats
# Flags of `build` about what RUN may use and do.
# shellcheck disable=SC2016 # what is in single quotes is for other shells
load helpers

dockerfile() { cat >"$T/context/Dockerfile"; }

# spec FLAGS... builds, and keeps the runtime spec of the last RUN in $T/config.json.
spec() {
  needs runc
  cat >"$T/runtime" <<R
#!/bin/sh
for word; do
  case \$last in --bundle|-b) cp "\$word/config.json" $T/config.json;; esac
  case \$word in --bundle=*) cp "\${word#--bundle=}/config.json" $T/config.json;; esac
  last=\$word
done
exec runc "\$@"
R
  chmod 755 "$T/runtime"
  buildah build -q --isolation oci --runtime "$T/runtime" "$@" "$T/context"
}

in_spec() { output=$(jq -c "$1" "$T/config.json"); }

@test "resources: processors, memory and the cgroup" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
RUN true'
  spec --cgroup-parent /buildah-test --memory 100m --memory-swap -1 --cpu-shares 200 --cpu-period 50000 --cpu-quota 20000 --cpuset-cpus 0 --cpuset-mems 0
  in_spec .linux.cgroupsPath; [[ "$output" == '"/buildah-test'* ]]
  in_spec .linux.resources.memory; is "$output" '{"limit":104857600,"swap":-1}'
  in_spec .linux.resources.cpu; is "$output" '{"shares":200,"quota":20000,"period":50000,"cpus":"0","mems":"0"}'
  # Without flags there are none.
  spec
  in_spec '[.linux.resources.memory, .linux.resources.cpu]'; is "$output" '[null,null]'
  store_is_clean
}

limited() {
  buildah build --isolation "$BUILDAH_ISOLATION" --shm-size 80m --ulimit cpu=300 --ulimit nofile=1000:2000 --group-add 77 "$T/context"
  says "shm 81920"; says "limits 300 1000 2000"; says ",77"
}

@test "resources: shared memory, limits and groups" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox
RUN echo "shm $(df -k /dev/shm | awk 'END {print $2}')"; echo "limits $(ulimit -t) $(ulimit -Sn) $(ulimit -Hn)"; id
D
  each_isolation limited
}

rights() {
  buildah build --isolation "$BUILDAH_ISOLATION" --cap-add audit_write,CAP_MKNOD,net_raw --cap-add SYS_PTRACE --security-opt no-new-privileges "$T/context"
  says "CapBnd: 00000000a80c25fb"; says "NoNewPrivs: 1"
  says "guest CapEff: 0000000000000000"; says "guest CapBnd: 00000000a80c25fb"
  buildah build --isolation "$BUILDAH_ISOLATION" --cap-add audit_write,mknod,net_raw --cap-add fowner --cap-drop CHOWN,DAC_OVERRIDE,FOWNER "$T/context"
  says "CapBnd: 00000000a80425f0"; says "NoNewPrivs: 0"
}

@test "resources: capabilities of root and of others" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox
RUN awk '/CapBnd|NoNewPrivs/ {print $1, $2}' /proc/self/status
USER guest
RUN awk '/CapEff|CapBnd/ {print "guest", $1, $2}' /proc/self/status
D
  each_isolation rights
}

@test "resources: what is masked" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
RUN true'
  spec; in_spec '.linux.maskedPaths | index("/proc/keys") != null'; is "$output" true
  spec --security-opt unmask=all; in_spec '.linux.maskedPaths // [] | length'; is "$output" 0
  spec --security-opt unmask=/proc/keys --security-opt mask=/etc/a:/etc/b --security-opt apparmor=unconfined --security-opt seccomp=unconfined
  in_spec '[(.linux.maskedPaths | index("/proc/keys")), .linux.maskedPaths[-2:], .linux.seccomp]'; is "$output" '[null,["/etc/a","/etc/b"],null]'
}

names() {
  buildah build --isolation "$BUILDAH_ISOLATION" --network host --add-host one:192.0.2.1 --add-host six:fe80::1 --dns 192.0.2.53 --dns-search example.com --dns-option ndots:3 "$T/context"
}

@test "resources: hosts, name servers and proxies" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
RUN cat /etc/hosts /etc/resolv.conf; env'
  http_proxy=http://192.0.2.2 NO_PROXY=x BUILDAH_ISOLATION=oci names
  grep -qE '^192.0.2.1[[:space:]]+one' <<<"$output"; grep -qE '^fe80::1[[:space:]]+six' <<<"$output"
  says "nameserver 192.0.2.53"; says "search example.com"; says "options ndots:3"
  says http_proxy=http://192.0.2.2; says NO_PROXY=x
  http_proxy=http://192.0.2.2 buildah build --http-proxy=false "$T/context"
  says_not http_proxy=
}

@test "resources: devices of the host" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
RUN stat -c "%n %t:%T" /dev/other /dev/input-test/mem; head -c 1 /dev/other | od -An -tx1'
  mkdir "$T/devices"; mknod "$T/devices/mem" c 1 5
  uses() { buildah build --isolation "$BUILDAH_ISOLATION" --device /dev/zero:/dev/other:r --device "$T/devices:/dev/input-test" "$T/context"; says "/dev/other 1:5"; says "/dev/input-test/mem 1:5"; says " 00"; }
  each_isolation uses
}

@test "resources: values that cannot be are refused before anything runs" {
  dockerfile <<<'FROM scratch
RUN never'
  local want words
  while IFS='|' read -r want words; do
    # shellcheck disable=SC2086 # several words
    buildah 125 build $words "$T/context"
    says "$want"
    one_line_error
  done <<'CASES'
invalid argument "bogus" for "-c, --cpu-shares" flag|--cpu-shares bogus
invalid argument "-t" for "-c, --cpu-shares" flag: invalid syntax|-c -t
invalid argument "x" for "--cpu-period"|--cpu-period x
invalid argument "abc" for "-m, --memory"|--memory abc
invalid --shm-size|--shm-size 12zz
invalid --ulimit|--ulimit nofile
invalid value for add-host|--add-host one
--no-hosts and --add-host conflict, can not be used together|--no-hosts --add-host a:192.0.2.1
--dns=none may not be used with any other --dns options|--dns none --dns-search x
the --dns-search option cannot be used with --network=none|--network none --dns-search x
unable to parse value provided "x" as --retry-delay|--retry-delay x
invalid --security-opt|--security-opt x=y
invalid --group-add "staff"|--group-add staff
is not allowed with any other|--group-add keep-groups,1
unknown capability "nosuch"|--cap-drop nosuch
unrecognized isolation type|--isolation nosuch
CASES
}
