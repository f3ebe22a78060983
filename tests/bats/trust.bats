#!/usr/bin/env bats
# The signature policy, and signatures that GPG makes.
load helpers
load signing

# two_images pushes an image without a signature, and one with.
two_images() {
  start_registry
  gpg_key
  lookaside
  base busybox
  buildah push -q docker.io/library/busybox "docker://$REGISTRY/plain:1"
  buildah push -q --sign-by "$KEY" docker.io/library/busybox "docker://$REGISTRY/team/signed:1"
  buildah rmi -a -f
  signed_by "$T/strict.json"
}

@test "trust: what is not signed is refused by every command, and nothing of it is stored" {
  two_images
  cp "$T/strict.json" "$T/policy.json"
  mkdir -p "$T/context"
  printf 'FROM %s/plain:1\n' "$REGISTRY" >"$T/context/from"
  printf 'FROM scratch\nCOPY --from=%s/plain:1 /bin/busybox /\n' "$REGISTRY" >"$T/context/copy"
  printf 'FROM scratch\nRUN --mount=type=bind,from=%s/plain:1,target=/m true\n' "$REGISTRY" >"$T/context/mount"
  buildah from scratch
  ctr=$output
  refusals() {
    local words
    while read -r words; do
      # shellcheck disable=SC2086 # they are words
      buildah 125 $words
      says "no signature exists"
      says 'rule "signedBy", the default, in "'"$T/policy.json"'"'
      says "--signature-policy"
      one_line_error
    done <<LIST
pull $REGISTRY/plain:1
pull docker://$REGISTRY/plain:1
from $REGISTRY/plain:1
build -f $T/context/from $T/context
build -f $T/context/copy $T/context
build -f $T/context/mount $T/context
copy --from $REGISTRY/plain:1 $ctr /bin/busybox /
LIST
  }
  leaves_store_alone refusals
  buildah images -q -a
  is "$output" ""
}

@test "trust: members of lists, source images and scanners are judged, what is only looked at is not" {
  two_images
  cp "$T/strict.json" "$T/policy.json"
  buildah manifest create list
  buildah from scratch
  ctr=$output
  # What shows a manifest stores nothing, and trusts nothing.
  refusals() {
    local words
    buildah inspect --type image "docker://$REGISTRY/plain:1"
    buildah 125 manifest inspect "docker://$REGISTRY/plain:1"
    says "not a manifest list"
    while read -r words; do
      # shellcheck disable=SC2086 # they are words
      buildah 125 $words
      says "no signature exists"
      says 'rule "signedBy", the default, in "'"$T/policy.json"'"'
      says "--signature-policy"
      one_line_error
    done <<LIST
manifest create other docker://$REGISTRY/plain:1
manifest create --all other $REGISTRY/plain:1
manifest add list docker://$REGISTRY/plain:1
manifest add --all list $REGISTRY/plain:1
LIST
  }
  mkdir -p "$T/context"
  echo 'FROM scratch' >"$T/context/sbom"
  leaves_store_alone refusals
  local scanner=(--sbom-scanner-image "$REGISTRY/plain:1" --sbom-scanner-command "x {ROOTFS} {OUTPUT}" --sbom-image-output /list)
  buildah 125 commit "${scanner[@]}" "$ctr" localhost/scanned
  says 'rule "signedBy", the default'
  buildah 125 build "${scanner[@]}" -t localhost/scanned -f "$T/context/sbom" "$T/context"
  says 'rule "signedBy", the default'
  buildah images -a --format '{{.Name}}'
  says_not plain
  says_not scanned
  buildah 1 manifest exists other
  buildah manifest add list "docker://$REGISTRY/team/signed:1"
  buildah 125 source pull --tls-verify=false "$REGISTRY/plain:1" "$T/sources"
  [ ! -e "$T/sources/index.json" ]
  # A source image that is pushed is one's own.
  buildah source create "$T/own"
  buildah source push -q --tls-verify=false "$T/own" "$REGISTRY/sources:1"
  buildah 125 source pull --tls-verify=false "$REGISTRY/sources:1" "$T/sources"
  says 'rule "signedBy", the default'
  [ ! -e "$T/sources/index.json" ]
}

@test "trust: what is signed comes in, with its signature, which goes along" {
  two_images
  cp "$T/strict.json" "$T/policy.json"
  buildah pull -q "$REGISTRY/team/signed:1"
  jq -r '.[].metadata' "$T/root/overlay-images/images.json" | grep -q signature-sizes
  buildah push -q "$REGISTRY/team/signed:1" "docker://$REGISTRY/team/again:1"
  is "$(find "$T/lookaside/team" -name 'signature-1' | wc -l)" 2
  # The signature says what the image was called: that is another name.
  buildah rmi -a -f
  buildah 125 pull "$REGISTRY/team/again:1"
  says "is not accepted"
  buildah pull -q --policy always "$REGISTRY/team/signed:1"
  # What would lose it says so, and what to do.
  buildah 125 push "$REGISTRY/team/signed:1" "oci:$T/layout"
  says "signatures would be lost"
  says "--remove-signatures"
  one_line_error
  [ ! -e "$T/layout/index.json" ]
  buildah push -q --remove-signatures "$REGISTRY/team/signed:1" "oci:$T/layout"
  buildah rmi -a -f
  buildah pull -q --remove-signatures "$REGISTRY/team/signed:1"
  is "$(jq -r '.[].metadata' "$T/root/overlay-images/images.json" | grep -c signature-sizes)" 0
}

@test "trust: the most specific scope decides; every kind of requirement" {
  two_images
  local accept='[{"type":"insecureAcceptAnything"}]' reject='[{"type":"reject"}]'
  scopes() { printf '{"default":%s,"transports":{"docker":{%s}}}\n' "$1" "$2" >"$T/policy.json"; }
  scopes "$reject" "\"$REGISTRY/plain\":$accept"
  buildah pull -q "$REGISTRY/plain:1"
  buildah 125 pull "$REGISTRY/team/signed:1"
  says 'rejected by policy'
  says 'rule "reject", the default'
  scopes "$accept" "\"$REGISTRY\":$accept,\"$REGISTRY/team\":$reject"
  buildah 125 pull "$REGISTRY/team/signed:1"
  says "rule \"reject\" for \"docker\", scope \"$REGISTRY/team\", in \"$T/policy.json\""
  scopes "$accept" "\"$REGISTRY/team\":$reject,\"$REGISTRY/team/signed:1\":$accept"
  buildah pull -q "$REGISTRY/team/signed:1"
  by() { printf '[{"type":"signedBy","keyType":"GPGKeys",%s%s}]' "$1" "${2:+,\"signedIdentity\":$2}"; }
  local data
  data=$(base64 -w0 "$T/key.gpg")
  while read -r key identity; do
    buildah rmi -a -f
    scopes "$reject" "\"$REGISTRY\":$(by "$key" "$identity")"
    buildah pull -q "$REGISTRY/team/signed:1"
  done <<LIST
"keyPath":"$T/key.gpg"
"keyPaths":["$T/key.gpg"]
"keyData":"$data"
"keyPath":"$T/key.gpg" {"type":"matchExact"}
"keyPath":"$T/key.gpg" {"type":"matchRepository"}
"keyPath":"$T/key.gpg" {"type":"exactReference","dockerReference":"$REGISTRY/team/signed:1"}
"keyPath":"$T/key.gpg" {"type":"exactRepository","dockerRepository":"$REGISTRY/team/signed"}
"keyPath":"$T/key.gpg" {"type":"remapIdentity","prefix":"$REGISTRY/team","signedPrefix":"$REGISTRY/team"}
LIST
  buildah rmi -a -f
  scopes "$reject" "\"$REGISTRY\":$(by "\"keyPath\":\"$T/key.gpg\"" '{"type":"exactReference","dockerReference":"example.com/other:1"}')"
  buildah 125 pull "$REGISTRY/team/signed:1"
  says "is not accepted"
}

@test "trust: a key that cannot sign is found out before anything is written" {
  start_registry
  gpg_key
  lookaside
  base busybox
  buildah from docker.io/library/busybox
  ctr=$output
  printf 'FROM scratch\nCOPY file /\n' >"$T/context/Dockerfile"
  echo 1 >"$T/context/file"
  local words none=0123456789ABCDEF0123456789ABCDEF01234567
  while read -r words; do
    # shellcheck disable=SC2086 # they are words
    buildah 125 $words
    says "$none"
    one_line_error
  done <<LIST
push --sign-by $none docker.io/library/busybox docker://$REGISTRY/never:1
commit --sign-by $none $ctr docker://$REGISTRY/never:1
commit --sign-by $none $ctr localhost/never:1
build --push --sign-by $none -t $REGISTRY/never:1 $T/context
build --sign-by $none -t $REGISTRY/never:1 $T/context
LIST
  is "$(curl -s "http://$REGISTRY/v2/_catalog" | jq -c .repositories)" '[]'
  buildah images --format '{{.Name}}'
  says_not never
  buildah 125 commit --sign-by "$KEY" "$ctr"
  says "a signature is for a name"
  buildah 125 build --sign-by "$KEY" "$T/context"
  says "a signature is for a name"
  buildah 125 push --sign-by "$KEY" docker.io/library/busybox "oci:$T/layout"
  says "Pushing signatures for OCI images is not supported"
  buildah 125 push --sign-passphrase-file "$T/none" docker.io/library/busybox "docker://$REGISTRY/never:1"
  says "--sign-by"
}

@test "trust: keys with a passphrase; images of the store; skopeo reads ours, we read its" {
  start_registry
  gpg_key secret
  lookaside
  base busybox
  echo secret >"$T/pass"
  echo wrong >"$T/wrong"
  signed_by "$T/strict.json"
  buildah 125 push --sign-by "$KEY" --sign-passphrase-file "$T/wrong" docker.io/library/busybox "docker://$REGISTRY/locked:1"
  says "$KEY"
  buildah push -q --sign-by "$KEY" --sign-passphrase-file "$T/pass" docker.io/library/busybox "docker://$REGISTRY/locked:1"
  buildah pull -q --policy always --signature-policy "$T/strict.json" "$REGISTRY/locked:1"
  # In a directory the signature is for the name in the store.
  buildah push -q --remove-signatures --sign-by "$KEY" --sign-passphrase-file "$T/pass" docker.io/library/busybox "dir:$T/dir"
  skopeo standalone-verify "$T/dir/manifest.json" docker.io/library/busybox:latest "$KEY" "$T/dir/signature-1"
  printf '{"default":[{"type":"reject"}],"transports":{"docker":{"":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"%s"}]}}}\n' "$T/key.gpg" >"$T/skopeo.json"
  skopeo --policy "$T/skopeo.json" --registries.d "$XDG_CONFIG_HOME/containers/registries.d" copy -q --src-tls-verify=false "docker://$REGISTRY/locked:1" "dir:$T/copied"
  skopeo --registries.d "$XDG_CONFIG_HOME/containers/registries.d" copy -q --sign-by "$KEY" --sign-passphrase-file "$T/pass" --remove-signatures \
    --dest-tls-verify=false "dir:$T/dir" "docker://$REGISTRY/theirs:1"
  buildah pull -q --signature-policy "$T/strict.json" "$REGISTRY/theirs:1"
  # commit and build sign what stays here, too, under each name.
  buildah from docker.io/library/busybox
  ctr=$output
  buildah commit -q --sign-by "$KEY" --sign-passphrase-file "$T/pass" "$ctr" localhost/kept:1
  buildah push -q localhost/kept:1 "dir:$T/kept"
  skopeo standalone-verify "$T/kept/manifest.json" localhost/kept:1 "$KEY" "$T/kept/signature-1"
  printf 'FROM localhost/kept:1\nLABEL a=b\n' >"$T/context/Dockerfile"
  buildah build -q --sign-by "$KEY" --sign-passphrase-file "$T/pass" -t localhost/built:1 -t localhost/built:2 "$T/context"
  buildah push -q localhost/built:2 "dir:$T/built"
  skopeo standalone-verify "$T/built/manifest.json" localhost/built:2 "$KEY" "$T/built/signature-2"
}

@test "trust: the newest image may not be used, the one of the store goes on" {
  two_images
  buildah pull -q "$REGISTRY/plain:1"
  first=$output
  buildah from "$REGISTRY/plain:1"
  ctr=$output
  buildah config --label a=b "$ctr"
  buildah commit -q --rm "$ctr" "docker://$REGISTRY/plain:1"
  buildah pull --policy newer --signature-policy "$T/strict.json" "$REGISTRY/plain:1"
  is "$output" "$first"
  says "no signature exists"
}
