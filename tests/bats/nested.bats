#!/usr/bin/env bats
# Builds inside of containers, with the rights that containers usually have.

load helpers
load nested

setup_file() {
  make_image
  command -v podman >/dev/null && command -v runc >/dev/null || return 0
  podman_in load -q -i "$BATS_FILE_TMPDIR/builder.tar" >/dev/null
}

teardown_file() { teardown_image; }

podman_in() {
  podman --root "$BATS_FILE_TMPDIR/podman" --runroot "$BATS_FILE_TMPDIR/podman-run" --storage-driver vfs \
    --runtime runc --cgroup-manager cgroupfs "$@"
}

# within [STATUS] [FLAGS...] -- COMMAND... runs a command in a container of podman's.
within() {
  needs podman; needs runc
  local want=0 status=0 flags=()
  if [[ $1 =~ ^[0-9]+$ ]]; then want=$1; shift; fi
  while [ "$1" != -- ]; do flags+=("$1"); shift; done
  shift
  output=$(podman_in run --rm --network none --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 \
    --entrypoint '[]' "${flags[@]}" builder "$@" 2>"$T/stderr") || status=$?
  errors=$(cat "$T/stderr")
  [ "$status" -eq "$want" ] || { printf '%s\nstatus %s\nstdout: %s\nstderr: %s\n' "$*" "$status" "$output" "$errors"; return 1; }
}

@test "nested: in a container of podman's, without a privilege" {
  mkdir volume
  within -v "$T/volume:/var/lib/containers" -- nested
  is "$output" $'405\n0\ngone\noverlay'
  # The store of the volume is found again.
  within -v "$T/volume:/var/lib/containers" -- buildah images -q made
  [ -n "$output" ]
}

@test "nested: a single id is enough" {
  within --user 1000 --cap-drop all --cap-add SYS_CHROOT --security-opt no-new-privileges -- sh -c '
    export HOME=/tmp/home CONTEXT=/tmp/context; mkdir -p $HOME $CONTEXT
    echo text >$CONTEXT/file; sed "s/--chown=guest //" /context/Dockerfile >$CONTEXT/Dockerfile; nested'
  is "$(head -n 3 <<<"$output")" $'0\n0\ngone'
  says "all files belong to one user"
  says "allowPrivilegeEscalation: true"
}

@test "nested: ids of another user namespace" {
  mkdir volume; chown 200000:200000 volume
  within --uidmap 0:200000:65536 -v "$T/volume:/var/lib/containers" -- nested
  is "$output" $'405\n0\ngone\noverlay'
}

@test "nested: in a container of ours" {
  buildah from "docker-archive:$BATS_FILE_TMPDIR/builder.tar"
  local ctr=$output isolation
  mkdir volume
  for isolation in oci chroot; do
    [ "$isolation" = chroot ] || command -v runc >/dev/null || continue
    rm -rf volume/*
    BUILDAH_RUNTIME=runc buildah run --isolation "$isolation" --network host -v "$T/volume:/var/lib/containers" "$ctr" nested
    is "$output" $'405\n0\ngone\noverlay'
  done
  # Without a volume there is only vfs, for which there is one line.
  buildah run --isolation chroot --network host "$ctr" sh -c 'buildah images >/dev/null; buildah info --format "{{.store.GraphDriverName}}"'
  is "$output" vfs
  is "$(grep -c 'uses the driver vfs' <<<"$errors")" 1
}

@test "nested: what is forbidden is told, with what allows it" {
  within 125 --cap-drop all -- buildah pull -q oci:/base
  says "entering a user namespace"; says "capabilities: {add: [SETFCAP, SETUID, SETGID]}"
  one_line_error
  within 125 --cap-drop all --cap-add SETFCAP,SETUID,SETGID -- buildah pull -q oci:/base
  says "SYS_CHROOT"
  within --cap-drop all --cap-add SETFCAP,SETUID,SETGID -- buildah info --probe
  says "layers cannot be unpacked"; says "--cap-add SYS_CHROOT"
  within --cap-drop all -- buildah info --probe --format json
  is "$(jq -r '.[] | .subject + "=" + .use' <<<"$output" | xargs)" "user namespace=none isolation=none"
  says "seccompProfile: {type: Unconfined}"
}
