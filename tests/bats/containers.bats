#!/usr/bin/env bats
load helpers

@test "containers: the table, quiet, JSON, template" {
  buildah containers
  is "$(tr -s ' ' <<<"$output")" "CONTAINER ID BUILDER IMAGE ID IMAGE NAME CONTAINER NAME"
  buildah containers --json
  is "$output" null
  base busybox
  buildah from --name one docker.io/library/busybox
  buildah from --name two scratch
  buildah containers -n
  is "$(wc -l <<<"$output")" 2
  says "scratch"
  buildah containers --json
  is "$(jq -r 'map(.containername) | sort | join(" ")' <<<"$output")" "one two"
  buildah containers --format '{{.ContainerName}}'
  is "$(sort <<<"$output" | tr '\n' ' ')" "one two "
  buildah containers -q --notruncate
  is "$(head -n 1 <<<"$output" | tr -d '\n' | wc -c)" 64
  buildah ls -q; buildah ps -q; buildah list -q
}

@test "containers: filters and refusals" {
  base busybox
  buildah from --name one docker.io/library/busybox
  buildah from --name two scratch
  buildah containers --filter name=on --format '{{.ContainerName}}'; is "$output" one
  buildah containers --filter ancestor=busybox --format '{{.ContainerName}}'; is "$output" one
  buildah containers -q --filter name=one; id=$output
  buildah containers --filter "id=${id:0:5},name=one" --format '{{.ContainerName}}'; is "$output" one
  buildah 125 containers --filter nonsense=x; one_line_error
  buildah 125 containers --filter nothing; one_line_error
  buildah 125 containers something; one_line_error
  buildah 125 containers -q --format '{{.ContainerName}}'
}

@test "rename: the new name works, the old one is free" {
  buildah from --name old scratch
  buildah rename old new
  buildah containers --format '{{.ContainerName}}'; is "$output" new
  buildah inspect --format '{{.Container}}' new; is "$output" new
  buildah 125 inspect --type container old
  buildah from --name old scratch
}

@test "rename: a name already taken is refused" {
  buildah from scratch; a=$output
  buildah from scratch; b=$output
  buildah 125 rename "$a" "$b"
  says "already in use"
  buildah 125 rename "$a" "$a"
  one_line_error
  buildah 125 rename "$a"
  buildah 125 rename nosuch x
}

@test "rm: prints IDs, goes on after an error, all" {
  buildah from --name a scratch
  buildah from --name b scratch
  buildah containers -q --filter name=a; id=$output
  buildah 125 rm nosuch a
  says "$id"
  says nosuch
  buildah 125 rm
  buildah 125 rm --all b
  buildah rm --all
  is "${#output}" 64
  store_is_clean
}

@test "rm: a prefix of an ID, and --force for a mounted one" {
  buildah from scratch
  buildah containers -q --notruncate; id=$output
  buildah mount "$id"
  buildah rm --force "${id:0:7}"
  is "$output" "$id"
  store_is_clean
}

@test "inspect: containers, images, templates, types" {
  from_base
  buildah inspect "$ctr"
  is "$(jq -r .Container <<<"$output")" "$ctr"
  is "$(jq -r 'keys_unsorted | join(" ")' <<<"$output" | cut -d' ' -f1-6)" "Type FromImage FromImageID FromImageDigest GroupAdd Config"
  buildah inspect docker.io/library/busybox
  is "$(jq -r .Container <<<"$output")" ""
  buildah inspect --type image --format '{{.OCIv1.Config.Cmd}}' busybox
  is "$output" "[/bin/sh]"
  buildah 125 inspect --type container docker.io/library/busybox
  buildah 125 inspect --type nonsense "$ctr"
  buildah 125 inspect --format '{{.Nonsense}}' "$ctr"
  one_line_error
  buildah 125 inspect --format 'no template' "$ctr"
  buildah 125 inspect nosuch
  says nosuch
  one_line_error
}

@test "info: what this machine and this store are" {
  buildah info
  is "$(jq -r .store.GraphRoot <<<"$output")" "$T/root"
  is "$(jq -r .store.GraphDriverName <<<"$output")" overlay
  is "$(jq -r .host.os <<<"$output")" linux
  buildah info --format '{{.host.kernel}}'
  is "$output" "$(uname -r)"
  buildah info -d
  [ "$(jq -r '.debug."go version"' <<<"$output")" != null ]
  buildah 125 info something
}

@test "version: text, JSON, --version" {
  buildah version
  says "Version:"
  says "Runtime Spec:"
  buildah version --json
  version=$(jq -r .version <<<"$output")
  buildah --version
  [[ "$output" =~ ^buildah\ version\ ${version}\ \(image-spec\ [0-9.]+,\ runtime-spec\ [0-9.]+\)$ ]]
  buildah 125 version something
}

@test "help: every command has it, and an unknown one is an error" {
  buildah
  for group in Dockerfile Script Image Registry System; do says "$group Commands:"; done
  for c in add bud commit config containers copy from images info inspect mount prune pull push rename rm rmi run tag umount unshare version; do
    buildah "$c" --help
    says "buildah "
    says "Usage:"
  done
  buildah help from; a=$output
  buildah from --help
  is "$output" "$a"
  buildah 125 nosuchcommand
  one_line_error
  buildah 125 --log-level bogus images
  one_line_error
}

@test "completion: bash, zsh, fish" {
  base busybox
  buildah completion bash; bash -n <<<"$output"; says commit
  buildah completion zsh; says commit
  buildah completion fish; says commit
  buildah 125 completion tcsh
  one_line_error
}

@test "unshare: as root there is a user namespace with all our ranges" {
  buildah unshare id -u
  is "$output" 0
  buildah 3 unshare sh -c 'exit 3'
  buildah unshare sh -c 'echo $_CONTAINERS_USERNS_CONFIGURED $BUILDAH_ISOLATION'
  is "$output" "done rootless"
  buildah 125 unshare --mount nosuch true
  one_line_error
}

@test "flags may stand anywhere before a command's own words" {
  from_base
  buildah images -q --no-trunc
  a=$output
  buildah images --no-trunc -q
  is "$output" "$a"
  buildah run "$ctr" echo -q --not-ours
  is "$output" "-q --not-ours"
  buildah commit "$ctr" -q late-flags
  is "${#output}" 64
  "$BUILDAH_BINARY" images --root "$T/root" --runroot "$T/run" -q
}
