#!/usr/bin/env bats
load helpers

setup_image() {
  start_registry
  base busybox
}


@test "push and pull: a registry, and the same bytes come back" {
  setup_image
  buildah push --digestfile "$T/digest" docker.io/library/busybox "docker://$REGISTRY/some/busybox:1"
  is "$output" ""
  says "Copying"
  [[ $(cat "$T/digest") == sha256:* ]]
  is "$(curl -fsI -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REGISTRY/v2/some/busybox/manifests/1" | tr -d '\r' | awk -F': ' 'tolower($1)=="docker-content-digest"{print $2}')" "$(cat "$T/digest")"
  buildah images -q --no-trunc; before=$output
  buildah rmi -a -f
  buildah pull -q "$REGISTRY/some/busybox:1"
  is "sha256:$output" "$before"
  buildah pull -q "docker://$REGISTRY/some/busybox@$(cat "$T/digest")"
  is "sha256:$output" "$before"
}

@test "push: quiet says nothing, a pipe gets plain lines" {
  setup_image
  buildah push -q docker.io/library/busybox "docker://$REGISTRY/q"
  is "$output$errors" ""
  buildah push docker.io/library/busybox "docker://$REGISTRY/q2"
  ! grep -q $'\r\|\x1b' <<<"$errors"
}

@test "push: without a transport it is a registry's; --format" {
  setup_image
  buildah push -q --format docker docker.io/library/busybox "$REGISTRY/asdocker"
  curl -fs -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' "http://$REGISTRY/v2/asdocker/manifests/latest" | grep -q vnd.docker.distribution.manifest.v2
  buildah 125 push --format nonsense docker.io/library/busybox "$REGISTRY/x"
  one_line_error
}

@test "push: again uploads nothing" {
  setup_image
  buildah push -q docker.io/library/busybox "docker://$REGISTRY/twice:a"
  find "$T/registry" -type f | sort >"$T/files"
  buildah push -q docker.io/library/busybox "docker://$REGISTRY/twice:b"
  find "$T/registry" -type f -path '*/blobs/*' | sort >"$T/after"
  is "$(comm -13 <(grep /blobs/ "$T/files") "$T/after")" ""
}

@test "push and pull: every transport, there and back" {
  base busybox
  buildah images -q --no-trunc; before=$output
  for ref in "oci:$T/layout:tag" "oci-archive:$T/oci.tar:tag" "dir:$T/dir" "docker-archive:$T/docker.tar:docker.io/library/back:1"; do
    buildah push -q docker.io/library/busybox "$ref"
  done
  buildah rmi -a -f
  for ref in "oci:$T/layout:tag" "oci-archive:$T/oci.tar:tag" "dir:$T/dir"; do
    buildah pull -q "$ref"
    is "sha256:$output" "$before"
  done
  buildah pull -q "docker-archive:$T/docker.tar"
  buildah images --format '{{.Name}}:{{.Tag}}'
  says docker.io/library/back:1
  buildah 125 push back "docker-archive:$T/docker.tar:x:1"
  one_line_error
  # another store
  buildah push -q docker.io/library/back:1 "containers-storage:[overlay@$T/root2+$T/run2]localhost/over:there"
  "$BUILDAH_BINARY" --root "$T/root2" --runroot "$T/run2" images | grep -q localhost/over
}

@test "pull: policies, all tags, refusals" {
  setup_image
  buildah push -q docker.io/library/busybox "docker://$REGISTRY/many:1"
  buildah push -q docker.io/library/busybox "docker://$REGISTRY/many:2"
  buildah pull -q --all-tags "$REGISTRY/many"
  buildah images --format '{{.Name}}:{{.Tag}}'
  says "$REGISTRY/many:1"
  says "$REGISTRY/many:2"
  buildah pull -q --policy never "$REGISTRY/many:1"
  buildah 125 pull -q --policy never "$REGISTRY/none"
  buildah 125 pull -q --policy sometimes "$REGISTRY/many:1"
  buildah 125 pull -q --all-tags "dir:$T/x"
  buildah 125 pull -q "$REGISTRY/nosuch:1"
  one_line_error
  buildah 125 pull
}

@test "pull: a policy that rejects refuses before anything is stored" {
  setup_image
  buildah push -q docker.io/library/busybox "docker://$REGISTRY/refused"
  buildah rmi -a -f
  echo '{"default":[{"type":"reject"}]}' >"$T/policy.json"
  buildah 125 pull "$REGISTRY/refused"
  says "policy"
  one_line_error
  buildah images -q -a
  is "$output" ""
  echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$T/other.json"
  buildah pull -q --signature-policy "$T/other.json" "$REGISTRY/refused"
}

@test "two at once: the same image is there once, and right" {
  setup_image
  buildah push -q docker.io/library/busybox "docker://$REGISTRY/both"
  buildah rmi -a -f
  pids=()
  for n in 1 2; do
    "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" pull -q "$REGISTRY/both" >"$T/out$n" 2>&1 3>&- &
    pids+=($!)
  done
  wait "${pids[0]}"
  wait "${pids[1]}"
  is "$(cat "$T/out1")" "$(cat "$T/out2")"
  buildah images -q
  is "$(wc -l <<<"$output")" 1
}
