#!/usr/bin/env bats
# Formats of manifests and layers: how images are converted, and what comes back.
load helpers

types='application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.v1+prettyjws'

# registry serves one that takes the oldest manifests, and addresses of foreign layers.
registry() {
  needs docker-registry; needs jq
  start_registry
  stop_registry
  printf 'compatibility: {schema1: {enabled: true}}\nvalidation: {manifests: {urls: {allow: ["^http://127.0.0.1"]}}}\n' >>"$T/registry.yml"
  docker-registry serve "$T/registry.yml" >"$T/registry.log" 2>&1 3>&- &
  REGISTRY_PID=$!
  for _ in $(seq 100); do curl -fs "http://$REGISTRY/v2/" >/dev/null && return; sleep 0.1; done
  return 1
}

# manifest REPO:TAG
manifest() { curl -fs -H "Accept: $types" "http://$REGISTRY/v2/${1%%:*}/manifests/${1#*:}"; }

# small makes localhost/small, with options for commit, and gives its ID.
small() {
  buildah from scratch; ctr=$output
  seq 2000 >"$T/numbers"
  buildah copy -q "$ctr" "$T/numbers" /numbers
  buildah config --cmd '["/numbers"]' --env A=b --label l=m "$ctr"
  buildah commit -q --rm --timestamp 0 "$@" "$ctr" localhost/small; id=$output
}

# same_files ID: the image holds what small put there.
same_files() {
  buildah from -q "$1"; local c=$output
  buildah mount "$c"; cmp "$T/numbers" "$output/numbers"
  buildah umount "$c"; buildah rm "$c"
}

@test "formats: push converts, pull reads each" {
  registry
  local f; declare -A wanted=([oci]=application/vnd.oci.image.manifest.v1+json [docker]=application/vnd.docker.distribution.manifest.v2+json [v2s2]=application/vnd.docker.distribution.manifest.v2+json [v2s1]=null)
  for made in oci docker; do
    small --format "$made"
    for f in oci docker v2s2 v2s1; do
      buildah push -q --format "$f" --digestfile "$T/digest" localhost/small "docker://$REGISTRY/$made-$f:1"
      is "$(manifest "$made-$f:1" | jq -r .mediaType)" "${wanted[$f]}"
      is "$(curl -fsI -H "Accept: $types" "http://$REGISTRY/v2/$made-$f/manifests/1" | tr -d '\r' | awk 'tolower($1) == "docker-content-digest:" {print $2}')" "$(cat "$T/digest")"
    done
    # Without --format it is as it was made.
    buildah push -q localhost/small "docker://$REGISTRY/$made:1"
    is "$(manifest "$made:1" | jq -r .mediaType)" "${wanted[$made]}"
    buildah rmi -a -f
    for f in oci docker v2s1; do
      buildah pull -q "$REGISTRY/$made-$f:1"; local pulled=$output
      buildah inspect --type image --format '{{.OCIv1.Config.Env}} {{.OCIv1.Config.Cmd}} {{.OCIv1.Config.Labels.l}}' "$pulled"
      is "$output" "[A=b] [/numbers] m"
      same_files "$pulled"
    done
  done
}

@test "formats: --manifest-type says the same" {
  local docker=application/vnd.docker.distribution.manifest.v2+json oci=application/vnd.oci.image.manifest.v1+json word
  small --manifest-type v2s2
  type_of() { jq -r .mediaType "$T/$1/manifest.json"; }
  buildah push -q localhost/small "dir:$T/made"; is "$(type_of made)" "$docker"
  buildah push -q --manifest-type oci localhost/small "dir:$T/oci"; is "$(type_of oci)" "$oci"
  buildah push -q --manifest-type v2s1 localhost/small "dir:$T/old"; is "$(jq .schemaVersion "$T/old/manifest.json")" 1
  buildah manifest create list localhost/small
  buildah manifest push -q --manifest-type v2s2 list "dir:$T/list"; is "$(type_of list)" application/vnd.docker.distribution.manifest.list.v2+json
  echo 'FROM scratch' >"$T/context/Dockerfile"
  buildah build -q --manifest-type v2s2 -t "dir:$T/built" "$T/context"; is "$(type_of built)" "$docker"
  buildah from scratch
  for word in "commit $output" "build $T/context"; do
    # shellcheck disable=SC2086 # they are words
    buildah 125 ${word%% *} --manifest-type v2s1 ${word#* }; says "push --format v2s1"; one_line_error
    # shellcheck disable=SC2086
    buildah 125 ${word%% *} --manifest-type none ${word#* }; says 'unknown format "none"'; one_line_error
  done
  buildah 125 manifest push --manifest-type v2s1 list "dir:$T/no"; says "choose oci or v2s2"; one_line_error
  buildah 125 push --manifest-type none localhost/small "dir:$T/no"; says "choose oci, v2s2 or v2s1"; one_line_error
  buildah 125 build --disable-compression --compression-format zstd "$T/context"; says "--disable-compression contradicts"; one_line_error
  buildah 125 build --cache-to "$T/c,ignore-error=true" "$T/context"; says "type=registry,ref=$T/c,ignore-error=true"; one_line_error
}

@test "formats: the oldest manifests are signed, read, and written again" {
  registry; needs skopeo
  small --format docker
  buildah push -q --format v2s1 localhost/small "docker://$REGISTRY/old:1"
  is "$(manifest old:1 | jq -r '[.schemaVersion, (.signatures | length), .name, .tag] | @csv')" '1,1,"old","1"'
  buildah rmi -a -f
  buildah from -q "$REGISTRY/old:1"; ctr=$output
  buildah commit -q --format docker "$ctr" localhost/child
  buildah push -q localhost/child "docker://$REGISTRY/new:1"
  is "$(manifest new:1 | jq -r .schemaVersion)" 2
  buildah push -q --format v2s1 "$REGISTRY/old:1" "docker://$REGISTRY/older:1"
  is "$(manifest older:1 | jq -r '[.schemaVersion, .name] | @csv')" '1,"older"'
  skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/older:1" "dir:$T/older"
  # Their digest is that of what was signed.
  local digest; digest=$(curl -fsI -H "Accept: $types" "http://$REGISTRY/v2/old/manifests/1" | tr -d '\r' | awk 'tolower($1) == "docker-content-digest:" {print $2}')
  buildah pull -q "$REGISTRY/old@$digest"
  same_files "$output"
}

@test "formats: foreign layers stay where they are" {
  registry; needs python3
  small --format docker
  buildah push -q localhost/small "docker://$REGISTRY/own:1"
  buildah push -q localhost/small "dir:$T/dir"
  local layer config web
  layer=$(manifest own:1 | jq -r '.layers[0].digest'); config=$(manifest own:1 | jq -r .config.digest)
  mkdir "$T/web"; curl -fs "http://$REGISTRY/v2/own/blobs/$layer" >"$T/web/layer"
  web=$REGISTRY/v2/own/blobs/$layer
  local type=application/vnd.docker.image.rootfs.foreign.diff.tar.gzip
  manifest own:1 | jq -c --arg url "http://$web" --arg type "$type" '.layers[0].mediaType = $type | .layers[0].urls = [$url]' >"$T/manifest"
  # The repository has the configuration, not the layer.
  local at; at=$(curl -fs -o "$T/answer" -D - -X POST "http://$REGISTRY/v2/foreign/blobs/uploads/?mount=$config&from=own" | tr -d '\r' | awk 'tolower($1) == "location:" {print $2}')
  [ -n "$at" ]
  curl -fs -X PUT -H 'Content-Type: application/vnd.docker.distribution.manifest.v2+json' --data-binary @"$T/manifest" "http://$REGISTRY/v2/foreign/manifests/1"
  ! curl -fs "http://$REGISTRY/v2/foreign/blobs/$layer" >/dev/null
  buildah rmi -a -f; rm -rf "$T/root/buildah-blobs"
  buildah pull -q "$REGISTRY/foreign:1"; id=$output
  same_files "$id"
  buildah push "$id" "docker://$REGISTRY/kept:1"
  says_not "Copying blob"
  is "$(manifest kept:1 | jq -c '.layers')" "$(jq -c .layers "$T/manifest")"
  ! curl -fs "http://$REGISTRY/v2/kept/blobs/$layer" >/dev/null
  buildah push -q --format oci "$id" "oci:$T/layout"
  is "$(skopeo inspect --raw "oci:$T/layout" | jq -r '.layers[0] | .digest, .urls[0]')" "$layer
http://$web"
  buildah push -q --format oci --compression-format zstd "$id" "docker://$REGISTRY/kept:2"
  is "$(manifest kept:2 | jq -r '.layers[0].digest')" "$layer"
  # Where addresses are no use the layer comes along.
  for dest in "dir:$T/whole" "docker-archive:$T/whole.tar"; do buildah push -q "$id" "$dest"; done
  buildah push -q --format v2s1 "$id" "dir:$T/old"
  buildah rmi -a -f; rm -rf "$T/registry/docker/registry/v2/blobs/sha256/${layer:7:2}/${layer#sha256:}"
  buildah 125 pull -q --retry 0 "$REGISTRY/kept:1"; one_line_error
  for src in "dir:$T/whole" "docker-archive:$T/whole.tar" "dir:$T/old"; do
    buildah pull -q "$src"; same_files "$output"; buildah rmi -a -f
  done
}

@test "formats: layers without compression, and forced into another" {
  registry
  small
  buildah push -q --disable-compression localhost/small "oci:$T/plain"
  is "$(skopeo inspect --raw "oci:$T/plain" | jq -r '.layers[0].mediaType')" application/vnd.oci.image.layer.v1.tar
  buildah push -q -D localhost/small "dir:$T/plaindir"
  is "$(jq -r '.layers[0].mediaType' "$T/plaindir/manifest.json")" application/vnd.oci.image.layer.v1.tar
  buildah push -q localhost/small "docker://$REGISTRY/small:1"
  local format
  for format in zstd zstd:chunked gzip; do
    buildah push -q --compression-format "$format" localhost/small "docker://$REGISTRY/small:2"
    is "$(manifest small:2 | jq -r '.layers[0].mediaType')" "application/vnd.oci.image.layer.v1.tar+${format%:chunked}"
    buildah rmi -f "$REGISTRY/small:2" || true
    buildah pull -q --policy always "$REGISTRY/small:2"; same_files "$output"
  done
  buildah push -q --force-compression localhost/small "docker://$REGISTRY/small:3"
  is "$(manifest small:3 | jq -r '.layers[0].mediaType')" application/vnd.oci.image.layer.v1.tar+gzip
  buildah 125 push --format docker --compression-format zstd localhost/small "docker://$REGISTRY/x"; one_line_error
  buildah 125 push --format oci localhost/small "docker-archive:$T/x.tar"; one_line_error; says "schema 2"
  buildah 125 push --format v2s1 localhost/small "docker-archive:$T/x.tar"; one_line_error
  [ ! -e "$T/x.tar" ]
}

@test "formats: digests name an image, and stay its name" {
  registry
  small
  local digest
  buildah push -q --digestfile "$T/digest" localhost/small "docker://$REGISTRY/app:1"
  digest=$(cat "$T/digest")
  buildah push -q localhost/small "docker://$REGISTRY/app:2"
  buildah rmi -a -f
  buildah pull -q "$REGISTRY/app@$digest"; is "$output" "$id"
  buildah images --digests --no-trunc --format '{{.Name}} {{.Digest}}'
  says "$REGISTRY/app"; says "$digest"
  buildah pull -q --policy never "$REGISTRY/app@$digest"; is "$output" "$id"
  buildah rmi -a -f
  # Beside a digest a tag does not count.
  buildah pull -q "$REGISTRY/app:nosuch@$digest"; is "$output" "$id"
  buildah from -q "docker://$REGISTRY/app:1@$digest"
  is "$output" "127.0.0.1-working-container"
  buildah rm -a; buildah rmi -a -f
  buildah 125 pull -q --retry 0 "$REGISTRY/app@sha256:$(printf 0 | sha256sum | cut -d' ' -f1)"; one_line_error
  buildah pull -q -a "$REGISTRY/app"; is "$output" "$id"
  buildah images --format '{{.Name}}:{{.Tag}}'
  says "$REGISTRY/app:1"; says "$REGISTRY/app:2"
  # A push to a digest has to be that image.
  buildah push -q "$id" "docker://$REGISTRY/app@$digest"
  buildah 125 push --retry 0 "$id" "docker://$REGISTRY/app@sha256:$(printf 0 | sha256sum | cut -d' ' -f1)"; one_line_error
}
