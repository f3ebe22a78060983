#!/usr/bin/env bats
# --all-platforms, and lists at a registry.
load helpers

dockerfile() { cat >"$T/context/Dockerfile"; }

platforms_at() {
  curl -fsS -H 'Accept: application/vnd.oci.image.index.v1+json' "http://$REGISTRY/v2/$1/manifests/${2:-latest}" >"$T/list.json"
  output=$(jq -rc '[.manifests[].platform | .os + "/" + .architecture + (if .variant then "/" + .variant else "" end)] | join(" ")' "$T/list.json")
}

# multi NAME PLATFORM... pushes a base for several platforms; /for says for which it is.
multi() {
  local name=$1 list
  shift
  list=$(IFS=,; echo "$*")
  mkdir -p "$T/multi"
  cat >"$T/multi/Dockerfile" <<'D'
FROM scratch
ARG TARGETARCH
COPY for-$TARGETARCH /for
LABEL made=by-us
D
  for platform in "$@"; do echo "$platform" >"$T/multi/for-$(cut -d/ -f2 <<<"$platform")"; done
  buildah build -q --platform "$list" -t "docker://$REGISTRY/$name" "$T/multi"
}

@test "lists: -t with a transport writes the list with all members" {
  start_registry
  multi base linux/arm64 linux/s390x linux/arm/v7
  platforms_at base; is "$output" "linux/arm64 linux/s390x linux/arm/v7"
  # Nothing stays in the store.
  buildah images -q -a; is "$output" ""
  dockerfile <<<"FROM $REGISTRY/base
COPY Dockerfile /"
  buildah build -q --platform linux/s390x,linux/arm/v7 -o "$T/out" -t "oci:$T/layout:tag" "$T/context"
  is "$(cat "$T/out/linux_s390x/for" "$T/out/linux_arm_v7/for")" "linux/s390x
linux/arm/v7"
  is "$(jq -r '.manifests[0].mediaType' "$T/layout/index.json")" application/vnd.oci.image.index.v1+json
  buildah 125 build -q --platform linux/s390x,linux/arm64 --manifest kept -t "dir:$T/dir" "$T/context"
  buildah build -q --platform linux/s390x,linux/arm64 -t "dir:$T/dir" "$T/context"
  is "$(find "$T/dir" -name '*.manifest.json' | wc -l)" 2
  if [ -x /usr/bin/skopeo ]; then
    skopeo inspect --tls-verify=false --override-arch s390x "docker://$REGISTRY/base" | jq -e '.Architecture == "s390x" and .Labels.made == "by-us"'
  fi
  buildah build -q --platform linux/s390x,linux/arm64 -t "oci-archive:$T/archive.tar" "$T/context"
  mkdir "$T/unpacked"; tar -xf "$T/archive.tar" -C "$T/unpacked"
  local list; list=$(jq -r '.manifests[0].digest' "$T/unpacked/index.json")
  is "$(jq -rc '[.manifests[].platform.architecture] | sort | join(" ")' "$T/unpacked/blobs/${list/://}")" "arm64 s390x"
  buildah 125 build --platform linux/s390x,linux/arm64 -t "docker-archive:$T/docker.tar" "$T/context"
  says "holds one image, not a list"
  says_not "STEP"
  one_line_error
  store_is_clean
}

@test "all platforms: those that all bases have in common" {
  start_registry
  multi one linux/arm64 linux/s390x linux/arm/v7
  multi two linux/arm/v7 linux/386 linux/s390x
  dockerfile <<D
ARG BASE=$REGISTRY/two
FROM $REGISTRY/one AS first
FROM \$BASE
COPY --from=first /for /first
D
  buildah build --all-platforms -t app "$T/context"
  says "[linux/s390x] [1/2] STEP 1"
  buildah inspect --type manifest app
  is "$(jq -rc '[.manifests[].platform.architecture] | join(" ")' <<<"$output")" "s390x arm"
  # A heading argument and --from say which the bases are; --platform is overruled.
  buildah build -q --all-platforms --platform linux/riscv64 --build-arg "BASE=$REGISTRY/one" -t app "$T/context"
  buildah inspect --type manifest app
  is "$(jq -rc '[.manifests[].platform.architecture] | join(" ")' <<<"$output")" "arm64 s390x arm"
  # So does a list of the store.
  dockerfile <<<'FROM localhost/app
COPY Dockerfile /'
  buildah build -q --all-platforms --manifest mine "$T/context"
  buildah inspect --type manifest mine
  is "$(jq -rc '[.manifests[].platform.architecture] | join(" ")' <<<"$output")" "arm64 s390x arm"
  buildah build -q --all-platforms --build-context "localhost/app=docker-image://$REGISTRY/two" -t other "$T/context"
  buildah inspect --type manifest other
  is "$(jq -rc '[.manifests[].platform.architecture] | join(" ")' <<<"$output")" "arm 386 s390x"
  store_is_clean
}

@test "all platforms: bases that do not say" {
  start_registry
  multi one linux/arm64 linux/s390x
  multi two linux/386 linux/amd64
  buildah build -q --arch arm64 -t "docker://$REGISTRY/single" "$T/multi"
  dockerfile <<<"FROM $REGISTRY/one AS a
FROM $REGISTRY/two
COPY --from=a / /"
  buildah 125 build --all-platforms "$T/context"
  says "base images have no platforms in common"
  dockerfile <<<'FROM scratch
COPY Dockerfile /'
  buildah 125 build --all-platforms "$T/context"
  says "build uses no non-scratch base images"
  dockerfile <<<"FROM $REGISTRY/single"
  buildah 125 build --all-platforms "$T/context"
  says "didn't resolve to a manifest list"
  one_line_error
  dockerfile <<<"FROM here
COPY Dockerfile /"
  buildah 125 build --all-platforms --build-context "here=$T/multi" "$T/context"
  says "is not an image, can not be used for FROM"
  one_line_error
  buildah 125 build --all-platforms --iidfile "$T/id" "$T/context"
  says "building multiple images, but iidfile"
  store_is_clean
}

@test "all platforms: entries without a usable platform are left out" {
  start_registry
  multi base linux/arm64 linux/s390x
  platforms_at base
  # As attestations are listed beside images.
  jq -c '.manifests += [.manifests[0] | .platform = {os: "unknown", architecture: "unknown"}]
    | .manifests += [.manifests[0] | .platform = {os: "linux", architecture: "pdp11"}]' "$T/list.json" >"$T/new.json"
  curl -fsS -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary "@$T/new.json" "http://$REGISTRY/v2/base/manifests/latest"
  dockerfile <<<"FROM $REGISTRY/base
COPY Dockerfile /"
  buildah build --all-platforms "$T/context"
  is "$(grep -c COMMIT <<<"$output")" 2
}
