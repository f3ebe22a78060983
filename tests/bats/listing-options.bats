#!/usr/bin/env bats
# The flags of commands that list, look and take away.
load helpers

@test "images: columns, headings, IDs" {
  base busybox
  buildah images; says "REPOSITORY"
  buildah images --noheading; says_not REPOSITORY; is "$(wc -l <<<"$output")" 1
  buildah images --history; says HISTORY
  buildah images --digests --no-trunc; says sha256:
  buildah images --quiet; is "${#output}" 12
  buildah images -q --no-trunc; is "${#output}" 71
  buildah 125 images --quiet --format x
  buildah 125 images --all docker.io/library/busybox
  buildah rmi --all --force
  buildah images; is "$(wc -l <<<"$output")" 1
  buildah images --json; is "$output" "[]"
}

@test "images: --all shows what others stand on" {
  from_base
  buildah commit -q "$ctr"; below=$output
  buildah from --name on "$below"
  buildah commit -q on localhost/top
  buildah images -q --no-trunc; says_not "$below"
  buildah images -q --no-trunc --all; says "$below"
  buildah images -q --no-trunc --filter intermediate=true; is "$output" "sha256:$below"
}

@test "images: one qualified reference shows only its names" {
  base busybox
  buildah tag docker.io/library/busybox localhost/other:1 localhost/other:2
  buildah images --format '{{.Name}}:{{.Tag}}' --filter reference=localhost/other:1; is "$output" localhost/other:1
  buildah images --noheading --filter 'reference=*other'; is "$(wc -l <<<"$output")" 3
  buildah images --noheading --filter 'reference!=*other'; is "$output" ""
  for wrong in nonsense=1 nonsense dangling=perhaps containers=external digest=12 before=none "dangling=true --filter dangling=false"; do
    # shellcheck disable=SC2086 # they are words
    buildah 125 images --filter $wrong
    one_line_error
  done
}

@test "containers: --quiet, --noheading, no containers" {
  buildah containers --json; is "$output" null
  buildah containers --noheading; is "$output" ""
  buildah from scratch
  buildah containers --quiet; is "${#output}" 64
  buildah containers -n --notruncate; is "$(wc -l <<<"$output")" 1
  for wrong in "--quiet --format x" "--filter nonsense=1" "--filter nonsense" extra; do
    # shellcheck disable=SC2086 # they are words
    buildah 125 containers $wrong
    one_line_error
  done
}

@test "containers: the image has the name that it was asked for by, while it has it" {
  base busybox
  buildah tag docker.io/library/busybox localhost/mine
  buildah from --name c localhost/mine
  buildah containers --format '{{.ImageName}}'; is "$output" localhost/mine:latest
  buildah containers -n --filter ancestor=busybox; says c
  buildah config --label a=b c
  buildah commit -q c localhost/mine # the name is another image's now
  buildah containers --format '{{.ImageName}}'; is "$output" docker.io/library/busybox:latest
  buildah containers -n --filter ancestor=mine; is "$output" ""
}

@test "rmi: --force, --prune, --all" {
  from_base
  buildah commit -q "$ctr"; untagged=$output
  buildah tag "$untagged" localhost/one localhost/two
  buildah 125 rmi "${untagged:0:12}"; says "several names"
  buildah rmi --force "${untagged:0:12}"; says "$untagged"
  buildah commit -q "$ctr"; untagged=$output
  buildah rmi --prune; is "$output" "$untagged"
  buildah 125 rmi docker.io/library/busybox; says "in use"
  for wrong in "--all --prune" "--all name" "--prune name" ""; do
    # shellcheck disable=SC2086 # they are words
    buildah 125 rmi $wrong
    one_line_error
  done
  buildah rmi --all --force
  store_is_clean
}

@test "prune: dangling images, all images, used images" {
  from_base
  buildah commit -q "$ctr"; untagged=$output
  buildah commit -q "$ctr" localhost/named
  buildah prune; is "$output" "$untagged"
  buildah prune --all; says "untagged: localhost/named:latest"; says_not busybox
  buildah prune --all --force; says busybox
  store_is_clean
}

@test "info, inspect: facts and templates" {
  from_base
  buildah info; jq -e '.host.uptime | test("^[0-9]+h [0-9]+m [0-9]+s \\(Approximately [0-9.]+ days\\)$")' <<<"$output"
  buildah info --debug; jq -e '.debug["go version"]' <<<"$output"
  buildah info --format '{{.store.GraphRoot}}'; is "$output" "$T/root"
  buildah 125 info --format plain
  buildah inspect --format '{{upper "a"}}{{lower "B"}}{{join (split "c,d" ",") "-"}}{{truncate "efg" 2}}{{json .Isolation}}' "$ctr"
  is "$output" 'Abc-def"oci"'
  buildah inspect --format '{{range .NamespaceOptions}}{{.Name}} {{end}}' "$ctr"; is "$output" "cgroup ipc mount network pid user uts "
  for wrong in '{{.Nonsense}}' '{{' plain; do buildah 125 inspect --format "$wrong" "$ctr"; one_line_error; done
  buildah 125 inspect --type nonsense "$ctr"
}
