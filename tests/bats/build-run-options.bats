#!/usr/bin/env bats
# The flags of `build` about where RUN runs, with what, and for whom.
load helpers

teardown_file() { sed -i "/^bo$$:/d" /etc/subuid /etc/subgid; }

dockerfile() { cat >"$T/context/Dockerfile"; }

@test "build: namespaces of RUN" {
  base busybox
  for kind in cgroup ipc uts; do
    printf 'FROM busybox\nRUN readlink /proc/self/ns/%s\n' $kind | dockerfile
    local own; own=$(readlink /proc/self/ns/$kind)
    flag=--${kind/cgroup/cgroupns}
    each_isolation buildah build --no-cache "$flag" host "$T/context"
    says "$own"
    each_isolation buildah build --no-cache "$flag" private "$T/context"
    says_not "$own"; says "$kind:["
    buildah 125 build "$flag" ns:/no/such/file "$T/context"
    one_line_error
  done
  printf 'FROM busybox\nRUN grep -c : /proc/net/dev\n' | dockerfile
  touch "$T/net"
  unshare -n mount --bind /proc/self/ns/net "$T/net" || skip "a network namespace cannot be kept here"
  buildah build --isolation oci --net "ns:$T/net" "$T/context"
  grep -qx 1 <<<"$output"
  umount "$T/net"
}

hosts_left_alone() {
  buildah build --no-cache --no-hosts --no-hostname "$T/context"
  says "own hosts"; says "own name"
}

@test "build: --no-hosts and --no-hostname leave the image's files to RUN" {
  base busybox
  echo own hosts >"$T/context/hosts"; echo own name >"$T/context/hostname"
  dockerfile <<'D'
FROM busybox
COPY hosts hostname /etc/
RUN cat /etc/hosts /etc/hostname
D
  each_isolation hosts_left_alone
  buildah build --no-cache "$T/context"
  says_not "own hosts"; says_not "own name"
}

reads() {
  buildah build --no-cache --stdin "$T/context" < <(seq 100000)
  grep -qx 588895 <<<"$output"
}

@test "build: --stdin is what RUN reads, and nothing without it" {
  base busybox
  printf 'FROM busybox\nRUN cat >/got; wc -c </got\n' | dockerfile
  each_isolation reads
  seq 10 >input
  { buildah build --no-cache --isolation chroot "$T/context"; head -n 1 >rest; } <input
  is "$(cat rest)" 1 # what the build did not take
  grep -qx 0 <<<"$output"
}

@test "build: --runtime-flag" {
  needs runc
  base busybox
  printf 'FROM busybox\nRUN true\n' | dockerfile
  buildah build -q --isolation oci --runtime runc --runtime-flag debug --no-cache "$T/context"
  buildah 1 build -q --isolation oci --runtime runc --runtime-flag no-such-flag --no-cache "$T/context"
  says no-such-flag
}

@test "build: user namespaces, by mode, by maps, by names" {
  base busybox
  echo text >"$T/context/file"
  printf 'FROM busybox\nCOPY --chown=5:6 file /file\nRUN cat /proc/self/uid_map /proc/self/gid_map | xargs; stat -c %%u:%%g /file\n' | dockerfile
  maps() { buildah build --no-cache --isolation chroot "$@" "$T/context"; }
  maps --userns-uid-map 0:200000:60000 --userns-gid-map 0:300000:60000
  says $'0 200000 60000 0 300000 60000\n5:6\n'
  maps --userns private
  says $'\n5:6\n'
  maps --userns host
  says "0 0 4294967295 0 0 4294967295"
  echo "bo$$:400000:60000" >>/etc/subuid; echo "bo$$:500000:60000" >>/etc/subgid
  maps --userns-uid-map-user "bo$$"
  says "0 400000 60000 0 500000 60000"
  maps --userns-gid-map-group "bo$$"
  says "0 400000 60000 0 500000 60000"
  buildah from --userns-gid-map-group "bo$$" busybox
  buildah inspect --format '{{.IDMappingOptions.UIDMap}} {{.IDMappingOptions.GIDMap}}' "$output"
  is "$output" "[{0 400000 60000}] [{0 500000 60000}]"
  sed -i "/^bo$$:/d" /etc/subuid /etc/subgid
  buildah 125 from --userns-gid-map-group "bo$$" busybox; one_line_error; says "bo$$"
  buildah 125 build --userns-gid-map a "$T/context"; one_line_error
  buildah 125 build --userns host --userns-uid-map 0:1:5 "$T/context"; one_line_error
}

@test "build: flags that have no effect are taken" {
  base busybox
  printf 'FROM busybox\nENV A=1\n' | dockerfile
  buildah build -q --timestamp 0 "$T/context"; local plain=$output
  buildah build -q --timestamp 0 --compress --disable-content-trust --loglevel 3 "$T/context"
  is "$output" "$plain"
}

@test "build: the ID under its other name, and no pulling" {
  base busybox
  printf 'FROM busybox\nENV A=1\n' | dockerfile
  buildah build --pull-never --raw-iidfile id "$T/context"
  says_not "$(cat id)"
  [[ $(cat id) =~ ^[0-9a-f]{64}$ ]]
  buildah images -q --no-trunc; says "$(cat id)"
  printf 'FROM localhost/none\n' | dockerfile
  buildah 125 build --pull-never "$T/context"
  one_line_error; says "localhost/none"
}
