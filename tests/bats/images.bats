#!/usr/bin/env bats
load helpers

two_images() {
  base busybox
  buildah from --name c docker.io/library/busybox
  buildah config --label kind=second c
  buildah commit -q c localhost/second:v1
  second=$output
  buildah rm c
}

@test "images: the table and its columns" {
  buildah images
  is "$(tr -s ' ' <<<"$output")" "REPOSITORY TAG IMAGE ID CREATED SIZE"
  two_images
  buildah images
  is "$(wc -l <<<"$output")" 3
  [[ "$output" =~ localhost/second\ +v1\ +${second:0:12}\ +.*ago\ +[0-9.]+\ MB ]]
  buildah images -n
  is "$(wc -l <<<"$output")" 2
  buildah images --digests
  says DIGEST
  says sha256:
}

@test "images: by name, quiet, JSON, template" {
  two_images
  buildah images -q localhost/second:v1
  is "$output" "${second:0:12}"
  buildah images -q --no-trunc localhost/second:v1
  is "$output" "sha256:$second"
  buildah images --format '{{.Name}}:{{.Tag}}' localhost/second:v1
  is "$output" localhost/second:v1
  buildah images --json
  is "$(jq length <<<"$output")" 2
  is "$(jq -r '.[] | select(.id|startswith("'"${second:0:12}"'")) | .names[0]' <<<"$output")" localhost/second:v1
  buildah tag localhost/second:v1 localhost/also
  buildah images -q
  is "$(wc -l <<<"$output")" 2
  buildah images -n
  is "$(wc -l <<<"$output")" 3
}

@test "images: filters" {
  two_images
  buildah images -q --filter label=kind=second; is "$output" "${second:0:12}"
  buildah images -q --filter 'label=ki*'; is "$output" "${second:0:12}"
  buildah images -q --filter 'label!=kind'; [ "$output" != "${second:0:12}" ]
  buildah images --format '{{.Name}}' --filter reference=busybox; is "$output" docker.io/library/busybox
  buildah images --format '{{.Name}}' --filter 'reference=*sec*'; is "$output" localhost/second
  buildah images -q --filter since=docker.io/library/busybox; is "$output" "${second:0:12}"
  buildah images -q --filter before=docker.io/library/busybox; is "$output" ""
  buildah images -q --filter dangling=true; is "$output" ""
  buildah images -q --filter "id=${second:0:6}"; is "$output" "${second:0:12}"
  buildah 125 images --filter nonsense=1; says nonsense
  buildah 125 images --filter dangling=maybe; one_line_error
  buildah 125 images --filter nothing; one_line_error
}

@test "images: refusals" {
  buildah 125 images nosuch
  says nosuch
  one_line_error
  base busybox
  buildah 125 images -a docker.io/library/busybox
  buildah 125 images -q --format '{{.ID}}'
  buildah 125 images --format '{{.Nonsense}}'
  one_line_error
}

@test "rmi: by name, by ID, several names" {
  two_images
  buildah tag localhost/second:v1 localhost/also
  buildah rmi localhost/also
  is "$output" "untagged: localhost/also:latest"
  buildah tag localhost/second:v1 localhost/also
  buildah 125 rmi "$second"
  says "several names"
  one_line_error
  buildah rmi -f "$second"
  says "$second"
  buildah images -n
  is "$(wc -l <<<"$output")" 1
}

@test "rmi: in use, unknown, a base, all" {
  two_images
  buildah from --name user localhost/second:v1
  buildah 125 rmi localhost/second:v1
  says "in use"
  one_line_error
  buildah 125 rmi nosuch docker.io/library/nosuch2
  says nosuch2
  buildah 125 rmi nosuch docker.io/library/busybox
  says "untagged: docker.io/library/busybox:latest"
  buildah 125 rmi -a localhost/second
  buildah 125 rmi
  buildah rmi -a -f
  buildah images -q -a
  is "$output" ""
  store_is_clean
}

@test "prune: what nothing refers to goes" {
  two_images
  buildah from --name c docker.io/library/busybox
  buildah config --env A=b c
  buildah commit -q c localhost/second:v1
  buildah rm c
  buildah images -q --filter dangling=true
  [ -n "$output" ]
  buildah prune
  says "$second"
  buildah images -n
  is "$(wc -l <<<"$output")" 2
  buildah prune -a
  buildah images -q -a
  is "$output" ""
}

@test "tag: several names, moved names, refusals" {
  two_images
  buildah tag localhost/second:v1 one two:x "127.0.0.1:9/three"
  buildah images --json localhost/second:v1
  is "$(jq -r '.[0].names | sort | join(" ")' <<<"$output")" "127.0.0.1:9/three:latest localhost/one:latest localhost/second:v1 localhost/two:x"
  buildah tag docker.io/library/busybox one
  buildah images --json localhost/second:v1
  is "$(jq '.[0].names | length' <<<"$output")" 3
  buildah 125 tag nosuch x
  buildah 125 tag localhost/second:v1
  buildah 125 tag localhost/second:v1 UPPER
  one_line_error
}
