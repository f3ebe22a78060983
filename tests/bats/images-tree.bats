#!/usr/bin/env bats
# images --tree: which image stands on which.
load helpers

# family makes: base (busybox), two images on it, and one on the first of them.
family() {
  base busybox
  for step in "one busybox" "two busybox" "three localhost/one"; do
    read -r name on <<<"$step"
    buildah from --name c "$on"
    buildah config --label "name=$name" c
    [ "$name" = two ] || buildah add -q c /etc/hostname "/$name"
    buildah commit -q --rm c "localhost/$name"
  done
}

@test "images --tree: branches, names, what each image adds" {
  family
  buildah tag localhost/three localhost/also
  buildah images --tree
  is "$(head -n 1 <<<"$output" | tr -s ' ')" "IMAGE ID SIZE ADDS CREATED NAMES"
  [[ "$(sed -n 2p <<<"$output")" =~ ^[0-9a-f]{12}\ .*docker.io/library/busybox:latest$ ]]
  grep -qE '^├─ [0-9a-f]{12} .*ago +localhost/two:latest$' <<<"$output"
  grep -qE '^└─ [0-9a-f]{12} .*ago +localhost/one:latest$' <<<"$output"
  grep -qE '^   └─ [0-9a-f]{12} .*ago +localhost/also:latest, localhost/three:latest$' <<<"$output"
  is "$(wc -l <<<"$output")" 5
  buildah images --tree --noheading; is "$(wc -l <<<"$output")" 4
  buildah images --tree --no-trunc; grep -qE '^└─ sha256:[0-9a-f]{64} ' <<<"$output"
}

@test "images --tree --json: nested, in bytes" {
  family
  buildah images --tree --json --no-trunc
  is "$(jq -c '[.[].names[]]' <<<"$output")" '["docker.io/library/busybox:latest"]'
  is "$(jq -c '[.[0].children[].names[]]' <<<"$output")" '["localhost/two:latest","localhost/one:latest"]'
  is "$(jq -c '.[0].children[1].children[0].names' <<<"$output")" '["localhost/three:latest"]'
  jq -e '.[0] | .size > .children[1].adds and .children[1].size == .size + .children[1].adds' <<<"$output"
  buildah rmi -a -f
  buildah images --tree --json; is "$output" "[]"
  buildah images --tree --noheading; is "$output" ""
}

@test "images --tree: filters leave the nearest that are left" {
  family
  buildah images --tree --json --filter 'label!=name=one'
  is "$(jq -c '[.[0].children[].names[0]]' <<<"$output")" '["localhost/three:latest","localhost/two:latest"]'
  buildah images --tree --noheading localhost/one; is "$(wc -l <<<"$output")" 1
}

@test "images --tree: steps of builds are in it" {
  base busybox
  printf 'FROM busybox\nCOPY Dockerfile /1\nCOPY Dockerfile /2\n' >"$T/context/Dockerfile"
  buildah build -q --layers -t localhost/built "$T/context"
  buildah images --noheading; is "$(wc -l <<<"$output")" 2
  buildah images --tree --noheading; is "$(wc -l <<<"$output")" 3
  grep -qE '^└─ .*<none>$' <<<"$output"
  grep -qE '^   └─ .*localhost/built:latest$' <<<"$output"
}

@test "images --tree: with what it makes no sense" {
  for other in --quiet --digests --history "--format {{.ID}}"; do
    # shellcheck disable=SC2086 # they are words
    buildah 125 images --tree $other; says "mutually exclusive"; one_line_error
  done
}
