#!/usr/bin/env bats
# Manifest lists that `build` and `commit` make, and other tools that read them.
load helpers

dockerfile() { cat >"$T/context/Dockerfile"; }

# entries LIST prints its members' platforms.
entries() {
  buildah inspect --type manifest "$1"
  output=$(jq -rc '[.manifests[].platform.architecture] | join(" ")' <<<"$output")
}

setup_scratch() {
  printf 'FROM scratch\nCOPY Dockerfile /\n' | dockerfile
}

@test "manifest list: made, extended, and renewed by builds" {
  setup_scratch
  buildah build -q --manifest list --platform linux/arm64 "$T/context"
  entries list; is "$output" "arm64"
  buildah build -q --manifest localhost/list:latest --platform linux/amd64,linux/s390x -t tagged "$T/context"
  entries list; is "$output" "arm64 amd64 s390x"
  entries tagged; is "$output" "amd64 s390x"
  # The image of an earlier build makes room for that of the same platform.
  echo '# other' >>"$T/context/Dockerfile"
  buildah build -q --manifest list --platform linux/arm64 "$T/context"; id=$output
  entries list; is "$output" "amd64 s390x arm64"
  buildah inspect --type manifest list
  buildah inspect --type image --format '{{.FromImageDigest}}' "$id"; digest=$output
  buildah inspect --type manifest list
  is "$(jq -r '.manifests[-1].digest' <<<"$output")" "$digest"
  is "$(jq -r .mediaType <<<"$output")" application/vnd.oci.image.index.v1+json
}

@test "manifest list: names that it cannot have" {
  setup_scratch
  buildah build -q -t image "$T/context"
  buildah 125 build --manifest image "$T/context"
  says "not a manifest list"
  one_line_error
  local name
  for name in x localhost/x:latest; do
    buildah 125 build -t first -t x --manifest "$name" "$T/context"
    says "the same name must not be specified for both '--tag' and '--manifest'"
    one_line_error
  done
  buildah 125 build --manifest UPPER "$T/context"
  says "repository name must be lowercase"
  buildah 125 build -t "oci:$T/layout" --manifest x "$T/context"
  says "somewhere else"
  one_line_error
  buildah images -q; is "$(wc -l <<<"$output")" 1
}

@test "manifest list: commit --manifest" {
  buildah from --arch arm64 --name a scratch
  buildah commit -q --manifest list a
  buildah from --arch amd64 --name b scratch
  buildah config --label x=y b
  buildah commit -q --manifest list --rm b named
  entries list; is "$output" "arm64 amd64"
  buildah 125 commit --manifest named a
  says "not a manifest list"
  one_line_error
  buildah 125 commit --manifest named a named
  says "the same name"
  entries list; is "$output" "arm64 amd64"
}

@test "manifest list: prune keeps the members, rmi only takes the list" {
  setup_scratch
  buildah build -q --platform linux/amd64,linux/arm64 -t app "$T/context"
  buildah images -q -a; before=$output
  buildah prune
  buildah images -q -a; is "$output" "$before"
  buildah images -f dangling=true -q; is "$output" ""
  buildah rmi app
  buildah images -q -a; is "$(wc -l <<<"$output")" 2
  buildah prune
  buildah images -q -a; is "$output" ""
}

@test "manifest list: other tools read and change ours" {
  setup_scratch
  buildah build -q --platform linux/amd64,linux/arm/v7 -t app "$T/context"
  local tool
  for tool in buildah podman; do
    [ -x "/usr/bin/$tool" ] || continue
    stock "$tool" manifest inspect app
    is "$(jq -rc '[.manifests[:2][].platform | .architecture + (.variant // "")] | join(" ")' <<<"$output")" "amd64 armv7"
    echo "$tool" >>"$T/context/Dockerfile"
    printf 'FROM scratch\nLABEL tool=%s\n' "$tool" | dockerfile
    buildah build -q --arch s390x -t "of-$tool" "$T/context"
    stock "$tool" manifest add --variant "$tool" app "containers-storage:localhost/of-$tool:latest"
    buildah inspect --type manifest app
    is "$(jq -r '.manifests[-1].platform | .architecture + "/" + .variant' <<<"$output")" "s390x/$tool"
  done
  buildah build -q --manifest app --platform linux/ppc64le "$T/context"
  entries app; says "amd64 arm"; says ppc64le
  if [ -x /usr/bin/skopeo ]; then
    skopeo inspect --raw "containers-storage:[overlay@$T/root+$T/run]localhost/app:latest" | jq -e '.manifests | length >= 3'
  fi
  if [ -x /usr/bin/buildah ]; then
    stock buildah manifest push --all app "dir:$T/pushed"
    [ "$(find "$T/pushed" -name '*.manifest.json' | wc -l)" -ge 3 ]
  fi
}

@test "manifest list: ours reads and changes those of other tools" {
  [ -x /usr/bin/buildah ] || skip "there is no other buildah"
  setup_scratch
  buildah build -q --arch arm64 -t one "$T/context"
  stock buildah manifest create theirs localhost/one
  entries theirs; is "$output" arm64
  buildah build -q --platform linux/s390x,linux/arm64 --manifest theirs "$T/context"
  stock buildah manifest inspect theirs
  is "$(jq -rc '[.manifests[].platform.architecture] | sort | join(" ")' <<<"$output")" "arm64 s390x"
  buildah from --name c --platform linux/s390x --pull=never theirs
  stock buildah manifest create empty
  buildah build -q --arch amd64 --manifest empty "$T/context"
  entries empty; is "$output" amd64
}

@test "manifest list: builds at the same time lose nothing" {
  setup_scratch
  local arch
  for arch in amd64 arm64 s390x ppc64le; do
    "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" build -q --arch "$arch" --manifest shared "$T/context" >"$T/$arch" 2>&1 3>&- &
  done
  wait
  buildah inspect --type manifest shared
  is "$(jq -rc '[.manifests[].platform.architecture] | sort | join(" ")' <<<"$output")" "amd64 arm64 ppc64le s390x"
}
