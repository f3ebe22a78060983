#!/usr/bin/env bats
# What lists says the same as Debian's buildah on the same store, where it must.
load helpers

# both [STATUS] ARGUMENTS...: the two programs give the same status and write the same.
both() {
  local want=0 status=0 theirs
  if [[ ${1:-} =~ ^[0-9]+$ ]]; then want=$1; shift; fi
  buildah "$want" "$@"
  theirs=$(/usr/bin/buildah --root "$T/root" --runroot "$T/run" --storage-driver "${STORAGE_DRIVER:-overlay}" "$@" 2>/dev/null) || status=$?
  is "$status" "$want"
  is "$output" "$theirs"
}

# a_store has images with one name, several and none, containers on them and on scratch.
a_store() {
  [ -x /usr/bin/buildah ] || skip "buildah 1.28 is not installed"
  base busybox
  buildah from --name one docker.io/library/busybox
  buildah config --label kind=second one
  buildah commit -q --timestamp 1710000000 one localhost/second:v1 # long enough ago for "ago" to stay
  buildah tag localhost/second:v1 localhost/also registry.example.com:5000/team/second:v2
  buildah add -q one /etc/hostname /added
  buildah commit -q --timestamp 1720000000 one
  buildah from --name empty scratch
  buildah from --name a-longer-name docker.io/library/busybox
}

@test "images: the table, templates, quiet" {
  a_store
  both images
  both images --noheading --no-trunc
  both images --all
  both images --history
  both images --quiet
  both images -q --no-trunc --all
  both images --format '{{.Name}} {{.Tag}} {{.ID}} {{.Size}} {{.Created}} {{.ReadOnly}} {{.Digest}}'
  both images --format 'table {{.Name}}\t{{.Tag}}'
  both images localhost/second:v1
  both images busybox
  # The titles of Debian's have "<no value>" in the place of DIGEST.
  both images --digests --noheading
}

@test "images: JSON, but for the order" {
  a_store
  buildah images --json; ours=$output
  stock buildah images --json
  is "$(jq -S -c 'sort_by(.id)[] | del(.createdat)' <<<"$ours")" "$(jq -S -c 'sort_by(.id)[] | del(.createdat)' <<<"$output")"
  is "$(jq -c '[.[] | keys_unsorted]' <<<"$ours")" "$(jq -c '[.[] | keys_unsorted]' <<<"$output")"
}

@test "images: filters" {
  a_store
  for filter in dangling=true dangling=false label=kind label=kind=second 'label!=kind' reference=busybox 'reference=*second*' 'reference!=busybox' \
    since=docker.io/library/busybox before=localhost/second:v1 readonly=false intermediate=false containers=true containers=false; do
    both images --filter "$filter"
  done
  both images --filter reference=busybox --filter reference=second
  both 125 images --filter nonsense=1
  both 125 images --filter dangling=perhaps
  both 125 images --filter nothing
  both 125 images nosuch
  both 125 images --all busybox
  both 125 images --quiet --format x
  both 125 images --format '{{.Nonsense}}'
}

@test "containers, mount: tables, JSON, templates, filters" {
  a_store
  both containers
  both ps --all
  both ls --notruncate --noheading
  both list --json
  both containers --quiet
  both containers --format '{{.ContainerID}} {{.Builder}} {{.ImageID}} {{.ImageName}} {{.ContainerName}}'
  both containers --format 'table {{.ContainerName}} {{.ImageName}}'
  for filter in name=one name=e id=0 ancestor=busybox ancestor=busybox:latest ancestor=scratch name=one,ancestor=busybox; do
    both containers --filter "$filter"
  done
  both 125 containers --filter nonsense=1
  both 125 containers extra
  both mount
  buildah mount one; buildah mount empty
  both mount
  both mount --json
  both 125 mount one nosuch
  buildah umount --all; both umount --all
}

@test "inspect, info, version: fields" {
  a_store
  for name in one localhost/second:v1; do
    for format in '{{.FromImageID}}' '{{.FromImageDigest}}' '{{.Container}}' '{{.OCIv1.Config.Labels}}' '{{.Docker.Config.Cmd}}' '{{.OCIv1.Config.Env}}' \
      '{{.Docker.ContainerConfig.Cmd}}' '{{.ImageAnnotations}}' '{{.Config}}' '{{.Manifest}}' '{{.MountPoint}}'; do
      both inspect --format "$format" "$name"
    done
    # Ours has the fields of newer ones besides, in the same order.
    stock buildah inspect "$name"; theirs=$(jq -r 'keys_unsorted[]' <<<"$output")
    buildah inspect "$name"
    is "$(jq -r 'keys_unsorted[]' <<<"$output" | grep -vxE 'GroupAdd|DeviceSpecs|CDIConfigDir')" "$theirs"
  done
  stock buildah info; theirs=$output
  buildah info
  for path in .host.kernel .host.MemTotal .host.cpus .host.Distribution .host.CgroupVersion .store.GraphRoot .store.RunRoot .store.GraphDriverName \
    .store.ImageStore .store.ContainerStore .store.GraphOptions; do
    is "$(jq -c "$path" <<<"$output")" "$(jq -c "$path" <<<"$theirs")"
  done
  both info --format '{{.host.hostname}} {{.store.ImageStore.number}}'
  both 125 info --format plain
  both 125 version extra
  stock buildah version --json; theirs=$(jq -r 'keys_unsorted[]' <<<"$output" | grep -vi cni)
  buildah version --json
  is "$(jq -r 'keys_unsorted[]' <<<"$output")" "$theirs"
}

@test "rmi, rm, tag, rename: what is refused" {
  a_store
  both 125 rmi
  both 125 rmi --all busybox
  both 125 rmi --all --prune
  both 125 rmi nosuch
  both 125 rmi busybox
  both 125 rm
  both 125 rm --all one
  both 125 rm nosuch
  both 125 tag busybox
  both 125 tag nosuch other
  both 125 tag busybox "other@sha256:$(printf '0%.0s' {1..64})"
  both 125 tag busybox UPPER
  both 125 rename one one
  both 125 rename one empty
  both 125 rename nosuch other
  both tag busybox localhost/a localhost/b
  both images
}
