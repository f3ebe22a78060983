#!/usr/bin/env bats
# Signatures for sigstore, with keys in the format of cosign.
load helpers
load signing

setup_file() {
  (cd "$BATS_TEST_DIRNAME/../.." && go build -o "$BATS_FILE_TMPDIR/sigstorekey" ./internal/testenv/sigstorekey) >/dev/null 2>&1 || true
}

# sigstore_key makes a key pair in $T/cosign.key and $T/cosign.pub, with a passphrase in $T/pass.
sigstore_key() {
  [ -x "$BATS_FILE_TMPDIR/sigstorekey" ] || skip "no Go to make a key with"
  "$BATS_FILE_TMPDIR/sigstorekey" "$T/cosign" secret
  echo secret >"$T/pass"
  sign=(--sign-by-sigstore-private-key "$T/cosign.key" --sign-passphrase-file "$T/pass")
  policy_of "$T/strict.json" "{\"type\":\"sigstoreSigned\",\"keyPath\":\"$T/cosign.pub\"}"
}

@test "sigstore: a registry keeps the signature as an attachment, and the policy wants it" {
  start_registry
  sigstore_key
  lookaside
  base busybox
  buildah 125 push "${sign[@]}" docker.io/library/busybox "docker://$REGISTRY/signed:1"
  says "use-sigstore-attachments: true"
  one_line_error
  is "$(curl -s "http://$REGISTRY/v2/_catalog" | jq -c .repositories)" '[]'
  lookaside "use-sigstore-attachments: true"
  buildah push -q docker.io/library/busybox "docker://$REGISTRY/plain:1"
  buildah push -q "${sign[@]}" docker.io/library/busybox "docker://$REGISTRY/signed:1"
  curl -s "http://$REGISTRY/v2/signed/tags/list" | grep -q 'sha256-.*\.sig'
  buildah rmi -a -f
  refusal() {
    buildah 125 pull --signature-policy "$T/strict.json" "$REGISTRY/plain:1"
    says "no signature exists"
    says 'rule "sigstoreSigned", the default'
  }
  leaves_store_alone refusal
  local data
  data=$(base64 -w0 "$T/cosign.pub")
  for key in "\"keyPath\":\"$T/cosign.pub\"" "\"keyData\":\"$data\"" "\"keyPaths\":[\"$T/cosign.pub\"]" "\"keyDatas\":[\"$data\"]"; do
    policy_of "$T/strict.json" "{\"type\":\"sigstoreSigned\",$key}"
    buildah pull -q --policy always --signature-policy "$T/strict.json" "$REGISTRY/signed:1"
  done
  # The store keeps the signature; a push that cannot take it along says so.
  buildah 125 push "$REGISTRY/signed:1" "docker://$REGISTRY/signed:2"
  says "signatures would be lost"
  says "--remove-signatures"
  one_line_error
  buildah push -q --remove-signatures "${sign[@]}" "$REGISTRY/signed:1" "docker://$REGISTRY/signed:2"
  buildah pull -q --policy always --signature-policy "$T/strict.json" "$REGISTRY/signed:2"
}

@test "sigstore: commit, build and parameters in a file; another key is refused" {
  start_registry
  sigstore_key
  lookaside "use-sigstore-attachments: true"
  from_base
  local ctr=$ctr
  echo 1 >"$T/context/file"
  printf 'FROM docker.io/library/busybox\nCOPY file /\n' >"$T/context/Dockerfile"
  printf 'privateKeyFile: %s\nprivateKeyPassphraseFile: %s\n' "$T/cosign.key" "$T/pass" >"$T/params.yaml"
  buildah commit -q "${sign[@]}" "$ctr" "docker://$REGISTRY/committed:1"
  buildah build -q --push --sign-by-sigstore "$T/params.yaml" -t "$REGISTRY/built:1" "$T/context"
  buildah rmi -f "$REGISTRY/built:1"
  for name in committed built; do
    buildah pull -q --signature-policy "$T/strict.json" "$REGISTRY/$name:1"
  done
  # Directories keep such signatures, too.
  buildah commit -q "${sign[@]}" "$ctr" "localhost/kept:1"
  buildah push -q localhost/kept:1 "dir:$T/dir"
  [ -e "$T/dir/signature-1" ]
  policy_of "$T/kept.json" "{\"type\":\"sigstoreSigned\",\"keyPath\":\"$T/cosign.pub\",\"signedIdentity\":{\"type\":\"exactReference\",\"dockerReference\":\"localhost/kept:1\"}}"
  buildah pull -q --signature-policy "$T/kept.json" "dir:$T/dir"
  sigstore_key
  buildah 125 pull --policy always --signature-policy "$T/strict.json" "$REGISTRY/committed:1"
  says "Source image rejected"
  one_line_error
}

@test "sigstore: whatever writes to a registry signs, with a key or with parameters" {
  start_registry
  sigstore_key
  lookaside "use-sigstore-attachments: true"
  from_base
  local ctr=$ctr
  echo 1 >"$T/context/file"
  printf 'FROM docker.io/library/busybox\nCOPY file /\n' >"$T/context/Dockerfile"
  printf 'privateKeyFile: %s\nprivateKeyPassphraseFile: %s\n' "$T/cosign.key" "$T/pass" >"$T/params.yaml"
  buildah manifest create list docker.io/library/busybox
  buildah push -q --sign-by-sigstore "$T/params.yaml" docker.io/library/busybox "docker://$REGISTRY/pushed:1"
  buildah commit -q --sign-by-sigstore "$T/params.yaml" "$ctr" "docker://$REGISTRY/committed:1"
  buildah build -q --push --sign-by-sigstore-private-key "$T/cosign.key" --sign-passphrase-file "$T/pass" -t "$REGISTRY/built:1" "$T/context"
  buildah manifest push -q --sign-by-sigstore "$T/params.yaml" list "docker://$REGISTRY/list:1"
  buildah manifest push -q --sign-by-sigstore-private-key "$T/cosign.key" --sign-passphrase-file "$T/pass" list "docker://$REGISTRY/list:2"
  buildah rm -a
  buildah rmi -a -f
  for name in pushed:1 committed:1 built:1 list:1 list:2; do
    buildah pull -q --signature-policy "$T/strict.json" "$REGISTRY/$name"
  done
  # The list is signed, too, beside its member.
  is "$(curl -s "http://$REGISTRY/v2/list/tags/list" | jq '[.tags[] | select(endswith(".sig"))] | length')" 2
}

@test "sigstore: keys and parameters that are no good" {
  start_registry
  sigstore_key
  lookaside "use-sigstore-attachments: true"
  base busybox
  echo wrong >"$T/wrong"
  echo 'privateKeyFle: x' >"$T/typo.yaml"
  local words text
  while IFS='|' read -r words text; do
    # shellcheck disable=SC2086 # they are words
    buildah 125 push $words docker.io/library/busybox "docker://$REGISTRY/never:1" </dev/null
    says "$text"
    one_line_error
  done <<LIST
--sign-by-sigstore-private-key $T/cosign.key --sign-passphrase-file $T/wrong|decryption failed
--sign-by-sigstore-private-key $T/cosign.key --sign-passphrase-file $T/none|reading the passphrase of the signing key
--sign-by-sigstore-private-key $T/cosign.key|--sign-passphrase-file
--sign-by-sigstore-private-key $T/cosign.pub --sign-passphrase-file $T/pass|opening the sigstore key
--sign-by-sigstore $T/typo.yaml|privateKeyFle
--sign-by-sigstore $T/none.yaml|no such file
--sign-passphrase-file $T/pass|--sign-by
--sign-by x --sign-by-sigstore-private-key $T/cosign.key --sign-passphrase-file $T/pass|one key
LIST
  is "$(curl -s "http://$REGISTRY/v2/_catalog" | jq -c .repositories)" '[]'
}

@test "sigstore: openssl verifies what cosign would" {
  needs openssl
  start_registry
  sigstore_key
  lookaside "use-sigstore-attachments: true"
  base busybox
  buildah push -q --digestfile "$T/digest" "${sign[@]}" docker.io/library/busybox "docker://$REGISTRY/ours:1"
  local at="http://$REGISTRY/v2/ours"
  curl -fs -H 'Accept: application/vnd.oci.image.manifest.v1+json' "$at/manifests/$(tr : - <"$T/digest").sig" >"$T/attached"
  is "$(jq -r '.layers[0].mediaType' "$T/attached")" application/vnd.dev.cosign.simplesigning.v1+json
  jq -r '.layers[0].annotations["dev.cosignproject.cosign/signature"]' "$T/attached" | base64 -d >"$T/signature"
  curl -fs "$at/blobs/$(jq -r '.layers[0].digest' "$T/attached")" >"$T/payload"
  openssl dgst -sha256 -verify "$T/cosign.pub" -signature "$T/signature" "$T/payload"
  is "$(jq -r '.critical.image["docker-manifest-digest"]' "$T/payload")" "$(cat "$T/digest")"
  is "$(jq -r '.critical.identity["docker-reference"]' "$T/payload")" "$REGISTRY/ours:1"
}
