#!/usr/bin/env bats
# Other tools on the same store, and on what we write elsewhere.
load helpers

@test "interop: stock buildah and podman list our containers" {
  needs podman
  [ -x /usr/bin/buildah ] || skip "buildah 1.28 is not installed"
  from_base
  stock buildah containers
  says "$ctr"
  stock buildah containers --json
  is "$(jq -r '.[0].builder' <<<"$output")" true
  stock podman ps --external --all --format '{{.Names}} {{.Command}}'
  says "$ctr buildah"
}

@test "interop: stock buildah works on our container" {
  [ -x /usr/bin/buildah ] || skip "buildah 1.28 is not installed"
  from_base
  buildah config --env ours=1 --label by=us "$ctr"
  echo content >"$T/file"
  stock buildah copy "$ctr" "$T/file" /from-stock
  stock buildah config --env theirs=2 "$ctr"
  buildah inspect --format '{{.OCIv1.Config.Env}}' "$ctr"
  says "ours=1"
  says "theirs=2"
  stock buildah commit "$ctr" localhost/both
  buildah from localhost/both
  buildah run --isolation chroot "$output" cat /from-stock
  is "$output" content
}

@test "interop: we list and work on stock buildah's container" {
  [ -x /usr/bin/buildah ] || skip "buildah 1.28 is not installed"
  base busybox
  stock buildah from --name theirs docker.io/library/busybox
  buildah containers
  says theirs
  buildah config --env added=yes theirs
  stock buildah inspect --format '{{.OCIv1.Config.Env}}' theirs
  says "added=yes"
  buildah commit -q theirs localhost/from-theirs
  stock buildah images localhost/from-theirs
  says from-theirs
}

@test "interop: podman and skopeo read an image that we committed" {
  needs podman
  needs skopeo
  from_base
  echo kept >"$T/file"
  buildah copy -q "$ctr" "$T/file" /file
  buildah commit -q "$ctr" localhost/ours
  id=$output
  stock podman inspect --format '{{.Id}}' localhost/ours
  is "$output" "$id"
  stock podman save -q -o "$T/ours.tar" localhost/ours
  tar -tf "$T/ours.tar" >/dev/null
  skopeo copy -q "containers-storage:[overlay@$T/root+$T/run]localhost/ours" "dir:$T/dir"
  # The layer's bytes are those that the manifest names.
  layer=$(jq -r '.layers[-1].digest' "$T/dir/manifest.json")
  is "$(sha256sum "$T/dir/${layer#sha256:}" | cut -d' ' -f1)" "${layer#sha256:}"
}

@test "interop: a docker-format image reads as one" {
  needs skopeo
  from_base
  buildah commit -q --format docker "$ctr" "dir:$T/dir"
  is "$(jq -r .mediaType "$T/dir/manifest.json")" application/vnd.docker.distribution.manifest.v2+json
  skopeo inspect "dir:$T/dir" >/dev/null
  buildah commit -q --format docker "$ctr" "docker-archive:$T/archive.tar:localhost/x:1"
  skopeo inspect --format '{{.Architecture}}' "docker-archive:$T/archive.tar"
}

@test "interop: an image that skopeo wrote is a base" {
  needs skopeo
  base busybox
  buildah push -q docker.io/library/busybox "oci:$T/layout:one"
  skopeo copy -q "oci:$T/layout:one" "docker-archive:$T/other.tar:docker.io/library/other:latest"
  buildah from "docker-archive:$T/other.tar"
  is "$output" other-working-container
  buildah run --isolation chroot "$output" true
}

@test "interop: a container of podman is adopted when it is named" {
  needs podman
  base busybox
  stock podman create --name foreign docker.io/library/busybox true
  buildah containers
  says_not foreign
  buildah containers --all
  says foreign
  buildah config --label adopted=yes foreign
  buildah commit -q foreign localhost/adopted
  buildah inspect --type image --format '{{.OCIv1.Config.Labels}}' localhost/adopted
  says "adopted:yes"
}
