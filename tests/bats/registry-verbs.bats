#!/usr/bin/env bats
# The flags about registries, with each verb that knows them.
load helpers
load registries

setup_file() { serve_locked "$BATS_FILE_TMPDIR"; }

teardown_file() { [ ! -f "$BATS_FILE_TMPDIR/pid" ] || kill "$(cat "$BATS_FILE_TMPDIR/pid")" 2>/dev/null || true; }

# locked puts an image at $at of a registry with TLS and a password; $ctr is on it.
locked() {
  needs docker-registry; needs openssl; needs perl
  host=$(cat "$BATS_FILE_TMPDIR/host") certs=$BATS_FILE_TMPDIR/certs at=$(cat "$BATS_FILE_TMPDIR/host")/base
  from_base
  buildah push -q --cert-dir "$certs" --creds user:secret docker.io/library/busybox "docker://$at"
  printf 'FROM %s\n' "$at" >"$T/context/Dockerfile"
  printf '{"auths":{"%s":{"auth":"%s"}}}' "$host" "$(printf user:secret | base64)" >"$T/auth.json"
}

# forget takes the image out of the store, so that the next verb has to ask the registry.
forget() (buildah rmi -f "$at" >/dev/null 2>&1 || true)

# readers STATUS FLAGS... asks the registry with each verb that reads.
readers() {
  local want=$1; shift
  buildah "$want" add -q --from "$at" "$@" "$ctr" /etc/passwd /added; forget
  buildah "$want" copy -q --from "$at" "$@" "$ctr" /etc/passwd /copied
  buildah "$want" from -q --pull=always "$@" "$at"
  buildah "$want" pull -q --policy always "$@" "$at"
  buildah "$want" build -q --pull=always "$@" "$T/context"; forget
}

# writers STATUS FLAGS... writes to the registry with each verb that does.
writers() {
  local want=$1; shift
  buildah "$want" commit -q "$@" "$ctr" "docker://$host/committed"
  buildah "$want" push -q "$@" docker.io/library/busybox "docker://$host/pushed"
  buildah "$want" build -q "$@" --pull=never -t "docker://$host/built" "$T/own"
}

own_context() { mkdir -p "$T/own"; printf 'FROM docker.io/library/busybox\nENV A=1\n' >"$T/own/Dockerfile"; }

@test "registries: certificates and passwords, with every verb" {
  locked; own_context
  readers 0 --cert-dir "$certs" --creds user:secret
  writers 0 --cert-dir "$certs" --creds user:secret
  buildah run "$ctr" grep -c root /added /copied
  readers 125 --cert-dir "$certs" --creds user:wrong --retry 0
  writers 125 --cert-dir "$certs" --creds user:wrong --retry 0
  one_line_error
}

@test "registries: without a certificate, with every verb" {
  locked; own_context
  readers 0 --tls-verify=false --authfile "$T/auth.json"
  readers 125 --tls-verify --authfile "$T/auth.json" --retry 0
  says certificate
  writers 0 --tls-verify=false --authfile "$T/auth.json"
  writers 125 --tls-verify --authfile "$T/auth.json" --retry 0
  says certificate
  # The contrary of --tls-verify, where it exists.
  for verb in "from -q" "pull -q" "build -q --pull=always"; do
    local of=$at; [[ $verb != build* ]] || of=$T/context
    buildah $verb --insecure --authfile "$T/auth.json" "$of"; forget
    buildah 125 $verb --insecure=false --authfile "$T/auth.json" --retry 0 "$of"
  done
  buildah commit -q --insecure --authfile "$T/auth.json" "$ctr" "docker://$host/committed"
  buildah push -q --insecure --authfile "$T/auth.json" docker.io/library/busybox "docker://$host/pushed"
  buildah 125 push -q --insecure --tls-verify docker.io/library/busybox "docker://$host/pushed"
}

@test "registries: how often is asked again, with every verb" {
  locked; own_context
  readers 0 --retry 2 --retry-delay 10ms --cert-dir "$certs" --creds user:secret
  writers 0 --retry 2 --retry-delay 10ms --cert-dir "$certs" --creds user:secret
  readers 125 --retry 1 --retry-delay soon --cert-dir "$certs" --creds user:secret
  writers 125 --retry 1 --retry-delay soon --cert-dir "$certs" --creds user:secret
  says "unable to parse value provided"
}

@test "registries: another policy, with every verb" {
  locked; own_context
  echo '{"default":[{"type":"reject"}]}' >"$T/reject.json"
  readers 125 --signature-policy "$T/reject.json" --tls-verify=false --authfile "$T/auth.json"
  one_line_error
  cp "$T/policy.json" "$T/accept.json"
  cp "$T/reject.json" "$T/policy.json"
  readers 125 --tls-verify=false --authfile "$T/auth.json"
  readers 0 --signature-policy "$T/accept.json" --tls-verify=false --authfile "$T/auth.json"
  writers 0 --signature-policy "$T/accept.json" --tls-verify=false --authfile "$T/auth.json"
}

@test "registries: blobs as they were transferred are kept, with every verb" {
  locked; own_context
  blobs() { find "$1" -type f | grep -c '[0-9a-f]\{64\}'; }
  for verb in add copy from pull build; do
    mkdir "$T/$verb"
    case $verb in
      add | copy) buildah $verb -q --from "$at" --blob-cache "$T/$verb" --tls-verify=false --authfile "$T/auth.json" "$ctr" /etc/passwd /x ;;
      from) buildah from -q --blob-cache "$T/$verb" --tls-verify=false --authfile "$T/auth.json" "$at" ;;
      pull) buildah pull -q --blob-cache "$T/$verb" --tls-verify=false --authfile "$T/auth.json" "$at" ;;
      build) buildah build -q --blob-cache "$T/$verb" --tls-verify=false --authfile "$T/auth.json" "$T/context" ;;
    esac
    [ "$(blobs "$T/$verb")" -ge 2 ] # a layer and a configuration
    forget
  done
  # A layer is written as it was read, not compressed again. It is one that no earlier
  # run has had: of known layers, nothing is read.
  mkdir "$T/cache"
  base64 /dev/urandom | head -c 300000 >"$T/context/new"
  buildah from --name new scratch; buildah copy -q new "$T/context/new" /new; buildah commit -q --rm new new
  local layers='.layers[].digest' first here; here=(--tls-verify=false --authfile "$T/auth.json")
  buildah push -q --compression-level 1 "${here[@]}" new "dir:$T/fast"
  first=$(jq -r "$layers" "$T/fast/manifest.json")
  buildah pull -q --blob-cache "$T/cache" "dir:$T/fast"; local id=$output
  buildah push -q "$id" "dir:$T/anew"
  [ "$(jq -r "$layers" "$T/anew/manifest.json")" != "$first" ]
  buildah push -q --blob-cache "$T/cache" "$id" "dir:$T/kept"
  is "$(jq -r "$layers" "$T/kept/manifest.json")" "$first"
  buildah from --name fast "$id"
  buildah commit -q --blob-cache "$T/cache" --disable-compression=false fast "dir:$T/committed"
  is "$(jq -r "$layers" "$T/committed/manifest.json" | head -n 1)" "$first"
  buildah 125 pull -q --blob-cache "$T/none" --tls-verify=false --authfile "$T/auth.json" "$at"
  one_line_error; says "$T/none"
}

@test "registries: signatures are left behind, with every verb" {
  locked
  for verb in add copy; do
    buildah $verb -q --from "$at" --remove-signatures --tls-verify=false --authfile "$T/auth.json" "$ctr" /etc/passwd /x; forget
    buildah run "$ctr" grep -c root /x
  done
  buildah pull -q --remove-signatures --tls-verify=false --authfile "$T/auth.json" "$at"; forget
  buildah push -q --remove-signatures --tls-verify=false --authfile "$T/auth.json" docker.io/library/busybox "docker://$host/pushed"
}

@test "registries: lists of images, with every flag" {
  locked
  mkdir "$T/cache"
  for flags in "--cert-dir $certs --creds user:secret" "--tls-verify=false --authfile $T/auth.json --retry 1 --retry-delay 10ms" \
    "--insecure --authfile $T/auth.json --signature-policy $T/policy.json --blob-cache $T/cache"; do
    # shellcheck disable=SC2086 # several words
    buildah manifest create $flags --os linux "list" "docker://$at"
    # shellcheck disable=SC2086
    buildah manifest add $flags list "docker://$at"
    # shellcheck disable=SC2086
    buildah manifest push -q $flags list "docker://$host/list"
    # shellcheck disable=SC2086
    buildah manifest inspect $flags "docker://$host/list"
    [ "$(jq '.manifests | length' <<<"$output")" -ge 1 ]
    # Who only looks uses no image, and keeps no blob.
    # shellcheck disable=SC2086
    buildah inspect ${flags%% --signature-policy*} --type image "docker://$at"
    buildah manifest rm list
  done
  buildah 125 manifest inspect --cert-dir "$certs" --creds user:wrong --retry 0 "docker://$host/list"; one_line_error
}

@test "registries: source images, with every flag" {
  locked
  buildah source create "$T/source"; echo text >file
  buildah source add "$T/source" file
  buildah source push -q --cert-dir "$certs" --creds user:secret "$T/source" "$host/source"
  buildah source pull -q --cert-dir "$certs" --creds user:secret "$host/source" "$T/back"
  buildah source push -q --tls-verify=false --authfile "$T/auth.json" "$T/source" "$host/source"
  buildah source pull -q --tls-verify=false --authfile "$T/auth.json" "$host/source" "$T/again"
  [ -f "$T/back/index.json" ]; [ -f "$T/again/index.json" ]
  buildah 125 source pull -q --cert-dir "$certs" --creds user:wrong "$host/source" "$T/none"; one_line_error
}
