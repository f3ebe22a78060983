#!/usr/bin/env bats
# build --push, --load and images as --output, as users of docker type them.
load helpers
load signing

setup_build() {
  start_registry
  echo "$1" >"$T/context/file"
  printf 'FROM scratch\nCOPY file /\n' >"$T/context/Dockerfile"
}

# digest_at NAME TAG is the digest that the registry has.
digest_at() {
  curl -fsI -H 'Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json' \
    "http://$REGISTRY/v2/$1/manifests/$2" | tr -d '\r' | awk -F': ' 'tolower($1)=="docker-content-digest"{print $2}'
}

@test "build --push: all names, and what is told of it" {
  setup_build 1
  buildah build --push -t "$REGISTRY/web:1" -t "$REGISTRY/team/web:2" --metadata-file "$T/meta" --iidfile "$T/id" "$T/context"
  digest=$(digest_at web 1)
  [[ $digest == sha256:* ]]
  is "$(digest_at team/web 2)" "$digest"
  is "$(jq -r '.["containerimage.digest"]' "$T/meta")" "$digest"
  is "$(jq -r '.["containerimage.config.digest"]' "$T/meta")" "$(cat "$T/id")"
  is "$(jq -r '.["image.name"]' "$T/meta")" "$REGISTRY/web:1,$REGISTRY/team/web:2"
  buildah images -q --no-trunc "$REGISTRY/web:1"
  is "$output" "$(cat "$T/id")"
  # Quiet is quiet; a build without steps is pushed as well; -o beside --push counts once.
  printf 'FROM %s/web:1\n' "$REGISTRY" >"$T/context/Dockerfile"
  buildah build -q --push -o type=registry -t "$REGISTRY/same:1" "$T/context"
  is "sha256:$output" "$(cat "$T/id")"
  is "${errors:-}" ""
  digest_at same 1 | grep -q sha256:
}

@test "build --push: several platforms become a list" {
  setup_build 1
  buildah build -q --push --platform linux/amd64,linux/arm64 -t "$REGISTRY/multi:1" -t "$REGISTRY/multi:2" --metadata-file "$T/meta" "$T/context"
  is "$(digest_at multi 1)" "$(digest_at multi 2)"
  is "$(jq -r '.["containerimage.digest"]' "$T/meta")" "$(digest_at multi 1)"
  is "$(jq 'has("containerimage.config.digest")' "$T/meta")" false
  skopeo inspect --tls-verify=false --raw "docker://$REGISTRY/multi:2" >"$T/list"
  is "$(jq -r '.manifests[].platform.architecture' "$T/list" | xargs)" "amd64 arm64"
  # Without a list at a registry there is nothing that one file could tell.
  buildah 125 build -q --platform linux/amd64,linux/arm64 -t "$REGISTRY/multi:3" --metadata-file "$T/meta" "$T/context"
  says "metadata-file"
  buildah build -q --platform linux/amd64,linux/arm64 -o "type=oci,dest=$T/multi.tar" "$T/context"
  is "$(skopeo inspect --override-arch arm64 "oci-archive:$T/multi.tar" | jq -r .Architecture)" arm64
  buildah 125 build -q --platform linux/amd64,linux/arm64 -o "type=docker,dest=$T/docker.tar" "$T/context"
  says "one platform"
  [ ! -e "$T/docker.tar" ]
}

@test "build --push: what is wrong is told before anything is built" {
  setup_build 1
  printf 'FROM scratch\nCOPY nothing /\n' >"$T/context/Dockerfile"
  local words text
  while IFS='|' read -r words text; do
    # shellcheck disable=SC2086 # they are words
    buildah 125 build $words "$T/context"
    says "$text"
    one_line_error
    says_not "STEP"
  done <<LIST
--push|give one with --tag
--push -t short|names no registry
--push -t docker://$REGISTRY/x|without a transport
--load -t oci:$T/layout|--load
-o type=registry|give one with --tag
-o type=image,name=oci:$T/x,push=true|cannot be the name
-o type=image,push=maybe|true or false
-o type=registry,compression=none -t $REGISTRY/x|compression format
-o type=oci,dest=-,tar=false|standard output
-o type=oci,dest=$T/a:b|colon
-o type=local,dest=$T/x,push=true|unrecognized key "push" for type "local"
-o type=oci|missing required key "dest"
--sign-by x -o type=oci,dest=$T/x.tar|no signatures
LIST
  is "$(curl -s "http://$REGISTRY/v2/_catalog" | jq -c .repositories)" '[]'
  buildah images -q -a
  is "$output" ""
  # A registry that is not there: the image is built, and stays.
  printf 'FROM scratch\nCOPY file /\n' >"$T/context/Dockerfile"
  buildah 125 build --push --retry 0 -t 127.0.0.1:1/x:1 "$T/context"
  says 127.0.0.1:1
  buildah images -q 127.0.0.1:1/x:1
  [ -n "$output" ]
}

@test "build --load, and outputs that stay in the store" {
  setup_build 1
  buildah build -q --load -t loaded "$T/context"
  buildah build -q -o type=docker -t docker "$T/context"
  buildah build -q -o type=image,name=localhost/named:1 "$T/context"
  buildah images --format '{{.Name}}:{{.Tag}}'
  for name in loaded:latest docker:latest named:1; do says "localhost/$name"; done
  is "$(curl -s "http://$REGISTRY/v2/_catalog" | jq -c .repositories)" '[]'
}

@test "build -o: archives, layouts and standard output" {
  setup_build 1
  buildah build -q -o "type=oci,dest=$T/oci.tar" -o "type=oci,tar=false,dest=$T/layout" -o "type=docker,dest=$T/docker.tar" -t a:1 -t b:2 "$T/context"
  id=$output
  is "$(tar xOf "$T/docker.tar" manifest.json | jq -r '.[0].RepoTags | sort | join(" ")')" "localhost/a:1 localhost/b:2"
  jq -r '.layers[].mediaType' "$T/layout/blobs/sha256/$(jq -r '.manifests[0].digest' "$T/layout/index.json" | cut -d: -f2)" | grep -q 'tar+gzip'
  # What is there is replaced, and only by what is complete.
  cp "$T/oci.tar" "$T/before.tar"
  printf 'FROM scratch\nCOPY nothing /\n' >"$T/context/Dockerfile"
  buildah 125 build -q -o "type=oci,dest=$T/oci.tar" "$T/context"
  cmp "$T/oci.tar" "$T/before.tar"
  printf 'FROM scratch\nCOPY file /\nLABEL a=b\n' >"$T/context/Dockerfile"
  buildah build -q -o "type=docker,dest=$T/docker.tar" -t a:1 "$T/context"
  [ "$output" != "$id" ]
  tar xOf "$T/docker.tar" manifest.json | grep -q "$output"
  is "$(find "$T" -maxdepth 1 -name '.*tar*' | wc -l)" 0
  # buildah's helper would lose the bytes.
  "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" build -o type=docker,dest=- -t a:1 "$T/context" >"$T/out.tar" 2>"$T/stderr"
  tar tf "$T/out.tar" | grep -qx manifest.json
  is "$(find "$T/tmp" -name 'buildah-archive-*' | wc -l)" 0
  buildah rmi -a -f
  buildah pull -q "oci-archive:$T/oci.tar"
  is "$output" "$id"
}

@test "build -o: how layers and manifests are written" {
  setup_build 1
  buildah build -q -o "type=image,\"name=$REGISTRY/zstd:1,$REGISTRY/zstd:2\",push=true,compression=zstd,compression-level=3" "$T/context"
  curl -fs -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REGISTRY/v2/zstd/manifests/2" | jq -r '.layers[].mediaType' | grep -q 'tar+zstd'
  buildah build -q -o type=registry,oci-mediatypes=false,registry.insecure=true -t "$REGISTRY/docker:1" "$T/context"
  curl -fs -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' "http://$REGISTRY/v2/docker/manifests/1" | grep -q docker.distribution.manifest.v2
  buildah build -q -o "type=oci,dest=$T/layout,tar=false,compression=uncompressed" "$T/context"
  jq -r '.layers[].mediaType' "$T/layout/blobs/sha256/$(jq -r '.manifests[0].digest' "$T/layout/index.json" | cut -d: -f2)" | grep -qx application/vnd.oci.image.layer.v1.tar
}

@test "build --push --sign-by: signed where it is pushed" {
  setup_build 1
  gpg_key
  lookaside
  signed_by "$T/strict.json"
  buildah build -q --push --sign-by "$KEY" -t "$REGISTRY/signed:1" -t "$REGISTRY/signed:2" "$T/context"
  buildah build -q --push --sign-by "$KEY" --platform linux/amd64,linux/arm64 -t "$REGISTRY/list:1" "$T/context"
  buildah rmi -a -f
  for name in signed:1 signed:2 list:1; do
    buildah pull -q --signature-policy "$T/strict.json" "$REGISTRY/$name"
  done
}
