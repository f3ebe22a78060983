#!/usr/bin/env bats
load helpers

@test "from: names follow the base, with numbers from -1 on" {
  base busybox
  buildah from docker.io/library/busybox; is "$output" busybox-working-container
  buildah from docker.io/library/busybox; is "$output" busybox-working-container-1
  buildah from busybox; is "$output" busybox-working-container-2
  buildah from scratch; is "$output" working-container
  buildah from scratch; is "$output" working-container-1
}

@test "from: --name, --suffix and --cidfile" {
  base busybox
  buildah from --name 'any:name' docker.io/library/busybox; is "$output" any:name
  buildah from --suffix mine docker.io/library/busybox; is "$output" busybox-mine
  buildah from --cidfile "$T/cid" scratch
  name=$output
  buildah inspect --format '{{.ContainerID}}' "$name"
  is "$output" "$(cat "$T/cid")"
}

@test "from: an image by its ID, by a prefix of it, and by digest" {
  base busybox
  buildah images -q --no-trunc; id=${output#sha256:}
  buildah from "$id"; is "$output" busybox-working-container
  buildah from "${id:0:12}"; is "$output" busybox-working-container-1
  buildah images --digests --format '{{.Digest}}'; digest=$output
  buildah from "docker.io/library/busybox@$digest"; is "$output" busybox-working-container-2
}

@test "from: the record keeps what the image says" {
  from_base
  buildah inspect "$ctr"
  is "$(jq -r .Type <<<"$output")" "buildah 0.0.1"
  is "$(jq -r .FromImage <<<"$output")" docker.io/library/busybox:latest
  is "$(jq -r '.OCIv1.config.Cmd[0]' <<<"$output")" /bin/sh
  is "$(jq -r '.Docker.config.Cmd[0]' <<<"$output")" /bin/sh
  is "$(jq -r '.ImageAnnotations["org.opencontainers.image.base.name"]' <<<"$output")" docker.io/library/busybox:latest
  is "$(jq -r .Isolation <<<"$output")" oci
}

@test "from: every transport that can be read" {
  base busybox
  for ref in "oci:$T/layout:one" "oci-archive:$T/oci.tar:one" "dir:$T/dir" "docker-archive:$T/docker.tar:docker.io/library/named:1"; do
    buildah push -q docker.io/library/busybox "$ref"
  done
  buildah rmi -a -f
  buildah from "dir:$T/dir"; is "$output" dir-working-container
  buildah from "docker-archive:$T/docker.tar"; is "$output" named-working-container
  buildah from "oci:$T/layout:one"
  buildah from "oci-archive:$T/oci.tar:one"
  buildah containers -q
  is "$(wc -l <<<"$output")" 4
}

@test "from: pull policies" {
  start_registry
  base busybox
  buildah push -q docker.io/library/busybox "docker://$REGISTRY/p/busybox:1"
  buildah 125 from --pull=never "$REGISTRY/p/busybox:1"
  says "image not known"
  buildah from -q "$REGISTRY/p/busybox:1"; is "$output" 127.0.0.1-working-container
  buildah from --pull=never "$REGISTRY/p/busybox:1"
  buildah from --pull=always "$REGISTRY/p/busybox:1"
  says "Copying"
  buildah 125 from --pull=sometimes "$REGISTRY/p/busybox:1"
  says "unrecognized pull policy"
  stop_registry
}

@test "from: short names go through registries.conf" {
  start_registry
  base busybox
  buildah push -q docker.io/library/busybox "docker://$REGISTRY/short"
  sed -i "s|^unqualified.*|unqualified-search-registries = [\"$REGISTRY\"]|" "$T/registries.conf"
  buildah from short
  is "$output" 127.0.0.1-working-container
  says "Resolving \"short\" using unqualified-search registries"
  buildah images --format '{{.Name}}' short
  says "$REGISTRY/short"
  stop_registry
}

@test "from: a blocked registry is refused" {
  printf '[[registry]]\nlocation = "127.0.0.1:1"\nblocked = true\n' >"$T/registries.conf"
  buildah 125 from 127.0.0.1:1/some/image
  says blocked
  one_line_error
}

@test "from: triggers of the base run once" {
  from_base --format docker
  buildah config --onbuild "RUN touch /triggered" --onbuild "ENV TRIGGER=yes" "$ctr"
  buildah commit -q --format docker "$ctr" localhost/withtriggers
  buildah from localhost/withtriggers
  next=$output
  buildah run "$next" ls /triggered
  buildah inspect --format '{{.OCIv1.Config.Env}}' "$next"
  says TRIGGER=yes
  buildah inspect --format '{{.Docker.Config.OnBuild}}' "$next"
  is "$output" "[]"
}

@test "from: refusals" {
  buildah 125 from
  one_line_error
  buildah 125 from scratch scratch
  one_line_error
  buildah 125 from --isolation nonsense scratch
  says "isolation"
  buildah 125 from --cap-add NOSUCH scratch
  says NOSUCH
  store_is_clean
}

@test "from: a mistyped name of an image that was built here is told at once" {
  (: <>/dev/tcp/127.0.0.1/443) 2>/dev/null && skip "something listens at port 443"
  buildah 125 from --retry-delay 1h localhost/mistyped; one_line_error
  says 'pulling "localhost/mistyped"'; says_not Retrying
  says "no image of that name is in the store: \`buildah images\` lists those that are"
}
