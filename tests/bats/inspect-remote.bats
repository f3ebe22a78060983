#!/usr/bin/env bats
# Images that are not in the store are inspected where they are.
load helpers

# nothing_stored: the store has no image and no layer.
nothing_stored() {
  buildah images -q -a; is "$output" ""
  [ ! -e "$T/root/overlay-layers" ] || is "$(find "$T/root/overlay-layers" -name '*.tar-split.gz')" ""
}

# away IMAGE... pushes the base to each place and empties the store.
away() {
  local to
  base busybox; id=$(buildah images -q --no-trunc; echo "${output#sha256:}")
  for to; do buildah push -q docker.io/library/busybox "$to"; done
  buildah rmi -a
}

@test "inspect docker://: what a container on it would look like, and nothing is kept" {
  start_registry
  away "docker://$REGISTRY/team/box:1"
  buildah inspect "docker://$REGISTRY/team/box:1"; far=$output
  is "$(jq -r .FromImage <<<"$far")" "$REGISTRY/team/box:1"
  is "$(jq -r .FromImageID <<<"$far")" "$id"
  is "$(jq -r .Type <<<"$far")" "buildah 0.0.1"
  nothing_stored
  # Only the manifest and the configuration are fetched: the blobs of layers may be missing.
  find "$T/registry" -name data -size +100k -delete
  buildah inspect --format '{{.OCIv1.Config.Cmd}} {{.Docker.Architecture}}' "docker://$REGISTRY/team/box:1"
  is "$output" "[/bin/sh] $(go_arch)"
  buildah inspect --type image --retry 0 "docker://$REGISTRY/team/box:1"
  buildah inspect --tree "docker://$REGISTRY/team/box:1"; says "BLOB SIZE"; says_not HIDDEN
  is "$(wc -l <<<"$output")" 2
  buildah 125 inspect --tree --fetch-layers --retry 0 "docker://$REGISTRY/team/box:1"; one_line_error
}

@test "inspect docker://: the same fields as after a pull" {
  start_registry
  away "docker://$REGISTRY/box"
  buildah inspect "docker://$REGISTRY/box"; far=$output
  buildah pull -q "docker://$REGISTRY/box"
  buildah inspect --type image "$REGISTRY/box"; near=$output
  is "$(jq -c keys_unsorted <<<"$far")" "$(jq -c keys_unsorted <<<"$near")"
  # The store keeps layers as they are unpacked, and the manifest as it came.
  diff <(jq -S . <<<"$far") <(jq -S . <<<"$near")
}

@test "inspect: other transports" {
  away "oci:$T/oci:x" "oci-archive:$T/oci.tar:x" "dir:$T/dir" "docker-archive:$T/docker.tar:a/b:c"
  for from in "oci:$T/oci:x" "oci-archive:$T/oci.tar" "dir:$T/dir" "docker-archive:$T/docker.tar"; do
    buildah inspect --format '{{.FromImage}} {{.FromImageID}}' "$from"; is "$output" "$from $id"
    buildah inspect --tree --files=1 --json --fetch-layers "$from"
    is "$(jq -r '.files[0].path' <<<"$output")" /bin/busybox
    is "$(jq -r .id <<<"$output")" "$id"
  done
  nothing_stored
  buildah 125 inspect "oci:$T/none:x"; says "none"; one_line_error
  buildah 125 inspect --type container "oci:$T/oci:x"; one_line_error
  buildah 125 inspect --type manifest "oci:$T/oci:x"; says "not a manifest list"; one_line_error
  buildah 125 inspect --files "oci:$T/oci:x"; says "--fetch-layers"; one_line_error
}

@test "inspect: images with a manifest from before 2016" {
  base busybox
  buildah push -q --format v2s1 docker.io/library/busybox "dir:$T/old"
  buildah inspect --format '{{.OCIv1.Config.Cmd}}' "dir:$T/old"; is "$output" "[/bin/sh]"
  buildah inspect --tree --fetch-layers --json "dir:$T/old"
  jq -e '.layers[0].added > 100' <<<"$output"
}

@test "inspect docker://: a list shows the image for the platform" {
  start_registry
  # shellcheck disable=SC2016 # for the Dockerfile
  printf 'FROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\nCOPY Dockerfile /\n' >"$T/context/Dockerfile"
  buildah build -q --platform linux/amd64,linux/arm64,linux/arm/v7 -t "docker://$REGISTRY/multi" "$T/context"
  for arch in amd64 arm64; do
    buildah inspect --arch "$arch" --format '{{.OCIv1.Architecture}} {{.OCIv1.Config.Labels.arch}}' "docker://$REGISTRY/multi"
    is "$output" "$arch $arch"
  done
  buildah inspect --os linux --arch arm --variant v7 --format '{{.OCIv1.Variant}}' "docker://$REGISTRY/multi"; is "$output" v7
  buildah inspect --platform linux/arm64 --tree "docker://$REGISTRY/multi"
  buildah inspect --type manifest "docker://$REGISTRY/multi"
  is "$(jq '.manifests | length' <<<"$output")" 3
  buildah 125 inspect --arch s390x "docker://$REGISTRY/multi"; says "--type manifest"; one_line_error
  buildah inspect --arch s390x "oci:$BATS_SUITE_TMPDIR/busybox"; says "does not match"
}

@test "inspect --fetch-layers: a layer that was changed is refused" {
  away "dir:$T/dir"
  layer=$(find "$T/dir" -size +100k -printf '%f\n' | head -n 1)
  buildah inspect --tree --fetch-layers "dir:$T/dir"
  printf 'x' >>"$T/dir/$layer"
  buildah 125 inspect --tree --fetch-layers "dir:$T/dir"; says "$layer"; one_line_error
}

@test "inspect docker://: blocked registries, missing images, flags" {
  start_registry
  away "docker://$REGISTRY/box"
  buildah 125 inspect --retry 0 "docker://$REGISTRY/none"; says none; one_line_error
  printf '[[registry]]\nlocation = "%s"\nblocked = true\n' "$REGISTRY" >"$T/blocked.conf"
  CONTAINERS_REGISTRIES_CONF=$T/blocked.conf buildah 125 inspect "docker://$REGISTRY/box"; says blocked; one_line_error
  BUILD_REGISTRY_SOURCES='{"blockedRegistries":["'"$REGISTRY"'"]}' buildah 125 inspect "docker://$REGISTRY/box"; says blocked
  buildah inspect --tls-verify=false --retry 1 --retry-delay 1ms "docker://$REGISTRY/box"
  buildah inspect --insecure "docker://$REGISTRY/box"
  buildah pull -q "docker://$REGISTRY/box"
  buildah 125 inspect --tls-verify=false "$REGISTRY/box"; says "is in the store"; one_line_error
}
