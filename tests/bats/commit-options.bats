#!/usr/bin/env bats
# The flags of `commit`; what a layer holds is in commit.bats.
load helpers

# image TEMPLATE NAME
image() { buildah inspect --type image --format "$1" "$2"; }

@test "commit: a file is added in a layer of its own, or in the only one" {
  from_base
  echo data >"$T/file"
  buildah commit -q --add-file "$T/file:/new/dir/file" --add-file "$T/file" "$ctr" localhost/two
  image '{{len .OCIv1.RootFS.DiffIDs}} {{len .OCIv1.History}}' localhost/two; is "$output" "3 3"
  buildah commit -q --squash --add-file "$T/file:/new/dir/file" --timestamp 5 "$ctr" localhost/one
  image '{{len .OCIv1.RootFS.DiffIDs}} {{len .OCIv1.History}}' localhost/one; is "$output" "1 1"
  buildah from --name one localhost/one
  buildah run one stat -c %Y /new/dir/file; is "$output" 5
  buildah from --name two localhost/two
  buildah run two cat /new/dir/file "$T/file"; is "$output" $'data\ndata'
  buildah 125 commit --add-file "$T" "$ctr" localhost/no
  buildah 125 commit --add-file "$T/none" "$ctr" localhost/no
}

@test "commit: settings for this image only" {
  from_base
  echo '{"Cmd":["from-file"],"Env":["FILE=1"],"ExposedPorts":{"1/tcp":{}}}' >"$T/config.json"
  buildah commit -q --config "$T/config.json" --change 'LABEL one=1' --unsetenv PATH "$ctr" localhost/set
  image '{{.OCIv1.Config.Cmd}} {{.OCIv1.Config.Env}} {{index .OCIv1.Config.Labels "one"}}' localhost/set
  is "$output" "[from-file] [FILE=1] 1"
  buildah inspect --format '{{.OCIv1.Config.Cmd}}' "$ctr"; is "$output" "[/bin/sh]"
  echo '{' >"$T/config.json"
  buildah 125 commit --config "$T/config.json" "$ctr" localhost/no
  buildah 125 commit --change 'RUN true' "$ctr" localhost/no; says "RUN true"
}

@test "commit: annotations and history" {
  from_base
  buildah config --annotation mine=1 --annotation gone=1 "$ctr"
  buildah commit -q --annotation new=2 --annotation empty --unsetannotation gone --created-annotation=false "$ctr" "dir:$T/dir"
  is "$(jq -c '.annotations | del(.["org.opencontainers.image.base.name"], .["org.opencontainers.image.base.digest"])' "$T/dir/manifest.json")" '{"empty":"","mine":"1","new":"2"}'
  buildah commit -q --omit-history "$ctr" localhost/mute
  image '{{len .OCIv1.History}}' localhost/mute; is "$output" 0
}

@test "commit: times from the flag, the environment, a file" {
  from_base
  echo data >"$T/file"; touch -d @1234 "$T/reference"
  buildah copy -q "$ctr" "$T/file" /file
  buildah commit -q --source-date-epoch 60 --rewrite-timestamp "$ctr" localhost/clamped
  image '{{.OCIv1.Created.Unix}}' localhost/clamped; is "$output" 60
  buildah from --name clamped localhost/clamped
  buildah run clamped stat -c %Y /file; is "$output" 60
  SOURCE_DATE_EPOCH=61 buildah commit -q "$ctr" localhost/env
  image '{{.OCIv1.Created.Unix}}' localhost/env; is "$output" 61
  buildah commit -q --reference-time "$T/reference" "$ctr" localhost/file
  image '{{.OCIv1.Created.Unix}}' localhost/file; is "$output" 1234
  buildah commit -q --omit-timestamp "$ctr"; first=$output
  buildah commit -q --timestamp 0 "$ctr"; is "$output" "$first"
  SOURCE_DATE_EPOCH=1 buildah 125 commit --timestamp 1 "$ctr"
  buildah 125 commit --timestamp 1 --source-date-epoch 1 "$ctr"
}

@test "commit: compression of what leaves the store" {
  from_base
  # layers_of DIR lists the media types of the layers of an OCI layout.
  layers_of() { jq -r '.layers[].mediaType' "$1/blobs/sha256/$(jq -r '.manifests[0].digest' "$1/index.json" | cut -d: -f2)"; }
  buildah commit -q "$ctr" "oci:$T/plain"; is "$(layers_of "$T/plain" | sort -u)" application/vnd.oci.image.layer.v1.tar
  buildah commit -q -D=false "$ctr" "oci:$T/gzip"; is "$(layers_of "$T/gzip" | sort -u)" application/vnd.oci.image.layer.v1.tar+gzip
  buildah commit -q --compression-format zstd --compression-level 3 "$ctr" "oci:$T/zstd"; is "$(layers_of "$T/zstd" | sort -u)" application/vnd.oci.image.layer.v1.tar+zstd
  buildah commit -q --force-compression "$ctr" "oci:$T/force"; is "$(layers_of "$T/force" | sort -u)" application/vnd.oci.image.layer.v1.tar+gzip
  for wrong in "-D --compression-format=gzip" "-D --force-compression" --compression-format=nonsense --compression-format=xz "--format=docker --compression-format=zstd"; do
    # shellcheck disable=SC2086 # they are words
    buildah 125 commit -q $wrong "$ctr" "oci:$T/none"
    one_line_error
  done
  [ ! -e "$T/none" ]
}

@test "commit: flags about registries and keys that cannot be" {
  from_base
  for wrong in --authfile=/no/such/file --creds= --sign-by=nobody --encryption-key=nonsense --retry-delay=nonsense; do
    buildah 125 commit -q "$wrong" "$ctr" "dir:$T/dir"
    one_line_error
  done
  buildah 125 commit --cw=type=snp "$ctr" localhost/no
  says "not supported"
  buildah 125 commit --retry 1 --retry-delay 10ms --tls-verify=false --cert-dir "$T" "$ctr" docker://127.0.0.1:1/none
  says 127.0.0.1:1
  buildah images -q -a; is "$(wc -l <<<"$output")" 1
}

@test "commit: untagged images of one container are all listed, and removed one by one" {
  from_base
  echo 1 >"$T/file"; buildah copy -q "$ctr" "$T/file" /
  buildah commit -q "$ctr"; first=${output:0:12}
  buildah commit -q "$ctr"; second=${output:0:12}
  buildah commit -q --add-file "$T/file:/more" "$ctr" localhost/third
  buildah images -q; says "$first"; says "$second"
  buildah commit -q "$ctr" localhost/fourth; fourth=$output
  buildah rmi localhost/fourth; says "$fourth"
  buildah rmi "$first" "$second"
  buildah images -q; is "$(wc -l <<<"$output")" 2
}
