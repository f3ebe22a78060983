#!/usr/bin/env bats
# Containers with ids of their own: what is on disk, what they see, what a commit makes of it.

load helpers

teardown_file() { sed -i "/^bt$$:/d; /^containers:2000000:/d" /etc/subuid /etc/subgid; }

# maps NAME gives the ids of the container, as its record has them.
maps() {
  buildah inspect --format '{{range .IDMappingOptions.UIDMap}}{{.ContainerID}}:{{.HostID}}:{{.Size}} {{end}}' "$1"
}

in_each() {
  buildah run "$ctr" sh -c 'cat /proc/self/uid_map | xargs; stat -c %u:%g / /file /etc/named /etc/hosts; touch /made-'"$BUILDAH_ISOLATION"'; chown 7:8 /made-'"$BUILDAH_ISOLATION"
  is "$output" $'0 200000 65536\n0:0\n0:0\n405:100\n0:0'
  buildah run --user guest --workingdir "/new-$BUILDAH_ISOLATION" "$ctr" sh -c 'id -u; touch x; stat -c %u . x'
  is "$output" $'405\n405\n405'
  buildah run --volume "$T/volume:/volume" "$ctr" cat /volume/text
  is "$output" shared
}

@test "userns: the container's owners inside, the host's on disk" {
  export BUILDAH_RUNTIME=runc
  from_base --userns-uid-map 0:200000:65536
  echo text >file; chown 5:6 file
  mkdir volume; echo shared >volume/text
  buildah copy -q "$ctr" file /file
  buildah copy -q --chown guest "$ctr" file /etc/named
  each_isolation in_each
  buildah mount "$ctr"; local root=$output
  is "$(stat -c %u:%g "$root/file" "$root/etc/named" "$root/made-chroot" | xargs)" "200000:200000 200405:200100 200007:200008"
  buildah umount "$ctr"
  # The image has what the container saw, and is one for any container.
  buildah commit -q "$ctr" made
  buildah push -q made dir:out
  local layer; layer=out/$(jq -r '.layers[-1].digest' out/manifest.json | cut -d: -f2)
  output=$(tar --numeric-owner -tvzf "$layer")
  grep -Eq ' 405/100 .* etc/named$' <<<"$output"
  grep -Eq ' 7/8 .* made-chroot$' <<<"$output"
  grep -Eq ' 405/100 .* new-chroot/x$' <<<"$output"
  if grep -E '[ /]20[0-9]{4}[ /]' <<<"$output"; then false; fi
  buildah rm "$ctr"
  store_is_clean
}

@test "userns: a build with maps gives the image of one without" {
  base
  mkdir one; echo x >one/file; chown 9:9 one/file
  tar --numeric-owner --owner 11 --group 12 -cf one/a.tar -C one file
  cat >one/Dockerfile <<'DOCKERFILE'
FROM busybox AS first
COPY --chown=guest file /g
WORKDIR /w
USER guest
RUN touch /tmp/mine
FROM busybox
COPY --from=first /g /tmp/mine /
ADD a.tar /a/
RUN --mount=type=cache,target=/c,uid=7 --mount=type=tmpfs,target=/t touch /c/x && stat -c %u:%g /g /mine /a/file >/seen && id -u >>/seen
DOCKERFILE
  local options
  for options in --layers=false --layers; do
    buildah build -q --no-cache $options --isolation chroot --timestamp 0 one
    local plain=$output
    buildah build -q --no-cache $options --isolation chroot --timestamp 0 --userns-uid-map 0:300000:60000 one
    is "$output" "$plain"
  done
  buildah from "$plain"
  buildah run --isolation chroot "$output" cat /seen
  is "$output" $'405:100\n405:100\n11:12\n0'
}

@test "userns: private, a name, and the flags of the program" {
  from_base --userns private
  buildah run --isolation chroot "$ctr" sh -c 'readlink /proc/self/ns/user; touch /made'
  [ "$output" != "$(readlink /proc/self/ns/user)" ]
  says 'user:['
  buildah --userns-uid-map 0:5000:1000 from busybox
  maps "$output"; is "$output" "0:5000:1000 "
  buildah --userns-uid-map 0:5000:1000 from --userns-uid-map 0:6000:10,10:7000:5 busybox
  local other=$output
  maps "$other"; is "$output" "0:6000:10 10:7000:5 "
  echo x >file
  buildah 125 copy --chown 15:0 "$other" file /x
  says "the container has no user 15:0"
  # The ranges of a name, one after the other.
  echo "bt$$:800000:5000" >>/etc/subuid; echo "bt$$:900000:5000" >>/etc/subgid
  buildah from --userns-uid-map-user "bt$$" busybox
  sed -i "/^bt$$:/d" /etc/subuid /etc/subgid
  buildah inspect --format '{{.IDMappingOptions.UIDMap}} {{.IDMappingOptions.GIDMap}}' "$output"
  is "$output" "[{0 800000 5000}] [{0 900000 5000}]"
}

@test "userns: auto gives each container other ids" {
  base
  if grep -q ^containers: /etc/subuid; then skip "the machine has ids for containers"; fi
  buildah 125 from --userns auto busybox
  says "/etc/subuid"
  echo containers:2000000:500000 | tee -a /etc/subuid >>/etc/subgid
  buildah from --userns auto busybox; local one=$output
  buildah from --userns auto:size=5000,uidmapping=100:70000:1 busybox; local two=$output
  sed -i /^containers:2000000:/d /etc/subuid /etc/subgid
  maps "$one"; is "$output" "0:2000000:1024 "
  maps "$two"; says "100:70000:1"; says "0:2001024:100"
  buildah run --isolation chroot "$two" sh -c 'touch /x; chown 100 /x; stat -c %u /x'
  is "$output" 100
}

@test "userns: vfs" {
  export STORAGE_DRIVER=vfs
  from_base --userns-uid-map 0:200000:65536
  buildah run --isolation chroot "$ctr" sh -c 'touch /x; chown 3 /x'
  buildah commit -q "$ctr" made
  buildah from made
  buildah run --isolation chroot "$output" stat -c %u /x /bin/busybox
  is "$output" $'3\n0'
}

@test "userns: what makes no sense" {
  base
  buildah 125 from --userns host --userns-uid-map 0:1:2 busybox
  says "can not specify ID mappings while using host's user namespace"
  buildah 125 from --userns-uid-map a busybox
  says 'initializing ID mappings: userns-uid-map setting is malformed expected ["uint32:uint32:uint32"]: ["a"]'
  buildah 125 from --userns-uid-map 1:1:5 busybox; says "begins with 0"
  buildah 125 from --userns-uid-map 0:1:5,3:100:5 busybox; says "overlap"
  buildah 125 from --userns-gid-map 0:1:5 busybox; says "needs --userns-uid-map"
  buildah 125 --userns-gid-map 0:1:5 images; says "needs --userns-uid-map"
  buildah 125 from --userns-uid-map-user nobody-has-this busybox; says "sets no ids aside"
  buildah 125 from --userns auto:size=x busybox; says "number of IDs"
  buildah 125 from --userns auto:colour=x busybox; says "are known"
  buildah 125 from --userns auto --userns-uid-map 0:1:5 busybox; says "finds the maps itself"
  buildah 125 from --userns /no/such/file busybox; says "looking for the user namespace"
  one_line_error
  from_base --userns private --pid host
  buildah 125 run --isolation oci "$ctr" true
  says "pid namespace"
}
