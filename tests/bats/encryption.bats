#!/usr/bin/env bats
# Layers encrypted for the owners of keys.
load helpers
load signing

# key_pair NAME makes $T/NAME.pem and the public half $T/NAME.pub.
key_pair() {
  openssl genrsa -out "$T/$1.pem" 2048 2>/dev/null
  openssl rsa -in "$T/$1.pem" -pubout -out "$T/$1.pub" 2>/dev/null
}

# two_layers puts an image of two layers into the store, as localhost/app.
two_layers() {
  needs openssl
  key_pair our
  key_pair other
  base busybox
  echo secret >"$T/context/file"
  printf 'FROM docker.io/library/busybox\nCOPY file /\n' >"$T/context/Dockerfile"
  buildah build -q --timestamp 0 -t localhost/app "$T/context"
}

# kinds_of LAYOUT lists for its layers whether they are encrypted.
kinds_of() {
  jq -r '.layers[].mediaType' "$1/blobs/sha256/$(jq -r '.manifests[0].digest' "$1/index.json" | cut -d: -f2)" |
    sed 's/.*+encrypted$/encrypted/; /^encrypted$/!s/.*/open/' | xargs
}

@test "encryption: for a key, and back; without it nothing is stored" {
  start_registry
  two_layers
  buildah push -q --encryption-key "jwe:$T/our.pub" localhost/app "docker://$REGISTRY/app:1"
  buildah images -q --no-trunc localhost/app
  id=${output#sha256:}
  printf 'FROM %s/app:1\nRUN true\n' "$REGISTRY" >"$T/context/Dockerfile"
  buildah rmi -a -f
  refusals() {
    local words
    while read -r words; do
      # shellcheck disable=SC2086 # they are words
      buildah 125 $words
      says "the image is encrypted"
      says "--decryption-key"
      one_line_error
    done <<LIST
pull $REGISTRY/app:1
pull --decryption-key $T/other.pem $REGISTRY/app:1
from $REGISTRY/app:1
build $T/context
build --decryption-key $T/other.pem $T/context
LIST
  }
  leaves_store_alone refusals
  buildah 125 pull --decryption-key "$T/none.pem" "$REGISTRY/app:1"
  says "none.pem"
  buildah pull -q --decryption-key "$T/other.pem" --decryption-key "$T/our.pem" "$REGISTRY/app:1"
  is "$output" "$id"
  buildah rmi -a -f
  buildah from --decryption-key "$T/our.pem" "$REGISTRY/app:1"
  buildah run "$output" cat /file
  is "$output" secret
  buildah rm -a
  buildah rmi -a -f
  buildah build -q --isolation chroot --decryption-key "$T/our.pem" "$T/context"
  store_is_clean
}

@test "encryption: of the layers that are named" {
  two_layers
  local layers want
  while IFS='|' read -r layers want; do
    rm -rf "$T/layout"
    # shellcheck disable=SC2086 # they are words
    buildah push -q $layers --encryption-key "jwe:$T/our.pub" localhost/app "oci:$T/layout"
    is "$(kinds_of "$T/layout")" "$want"
  done <<'LIST'
|encrypted encrypted
--encrypt-layer 0|encrypted open
--encrypt-layer -1|open encrypted
--encrypt-layer=-2 --encrypt-layer=1|encrypted encrypted
LIST
  # A layer that is open comes from nowhere else: it is not stored either.
  buildah push -q --encrypt-layer -1 --encryption-key "jwe:$T/our.pub" localhost/app "oci:$T/part"
  buildah rmi -a -f
  refusal() { buildah 125 pull "oci:$T/part"; says "the image is encrypted"; }
  leaves_store_alone refusal
  buildah pull -q --decryption-key "$T/our.pem" "oci:$T/part"
  buildah tag "$output" localhost/app
  for n in 2 -3; do
    buildah 125 push --encrypt-layer="$n" --encryption-key "jwe:$T/our.pub" localhost/app "oci:$T/wrong"
    says "the image has 2 layers"
    one_line_error
  done
  [ ! -e "$T/wrong/index.json" ]
  buildah push -q --encrypt-layer 7 localhost/app "oci:$T/nokey"
  is "$(kinds_of "$T/nokey")" "open open"
}

@test "encryption: other kinds of keys, and what cannot be encrypted" {
  two_layers
  openssl req -x509 -new -key "$T/our.pem" -subj /CN=test -out "$T/our.crt" 2>/dev/null
  buildah push -q --encryption-key "pkcs7:$T/our.crt" localhost/app "oci:$T/pkcs7"
  openssl rsa -in "$T/other.pem" -traditional -aes128 -passout pass:word -out "$T/locked.pem" 2>/dev/null
  openssl rsa -in "$T/locked.pem" -passin pass:word -pubout -out "$T/locked.pub" 2>/dev/null
  buildah push -q --encryption-key "jwe:$T/locked.pub" localhost/app "oci:$T/locked"
  gpg_key
  buildah push -q --encryption-key pgp:test@example.com localhost/app "oci:$T/pgp"
  gpg --batch --export-secret-keys "$KEY" >"$T/pgp.key"
  buildah rmi -a -f
  buildah pull -q --decryption-key "$T/our.pem" --decryption-key "$T/our.crt" "oci:$T/pkcs7"
  buildah rmi -a -f
  buildah 125 pull --decryption-key "$T/locked.pem:pass=wrong" "oci:$T/locked"
  buildah pull -q --decryption-key "$T/locked.pem:pass=word" "oci:$T/locked"
  buildah rmi -a -f
  buildah pull -q --decryption-key "$T/pgp.key" "oci:$T/pgp"
  buildah tag "$output" localhost/app
  local words text
  while IFS='|' read -r words text; do
    # shellcheck disable=SC2086 # they are words
    buildah 125 $words
    says "$text"
    one_line_error
  done <<LIST
push --encryption-key nonsense localhost/app oci:$T/no|reading the encryption keys
push --encryption-key jwe:$T/none localhost/app oci:$T/no|none
build --encryption-key jwe:$T/our.pub -t localhost/no $T/context|images of the store are not encrypted
push --format v2s2 --encryption-key jwe:$T/our.pub localhost/app dir:$T/no|ncrypt
LIST
  buildah from localhost/app
  buildah 125 commit --encryption-key "jwe:$T/our.pub" "$output" localhost/no
  says "images of the store are not encrypted"
}

@test "encryption: commit, build and lists; add and copy read what they wrote" {
  start_registry
  two_layers
  buildah from localhost/app
  local ctr=$output words
  buildah commit -q --encryption-key "jwe:$T/our.pub" "$ctr" "oci:$T/all"
  is "$(kinds_of "$T/all" | tr ' ' '\n' | sort -u)" encrypted
  buildah commit -q --encrypt-layer 0 --encryption-key "jwe:$T/our.pub" "$ctr" "oci:$T/base"
  is "$(kinds_of "$T/base" | cut -d' ' -f1,2)" "encrypted open"
  buildah build -q --push --encrypt-layer -1 --encryption-key "jwe:$T/our.pub" -t "$REGISTRY/built:1" "$T/context"
  is "$(curl -fs -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REGISTRY/v2/built/manifests/1" | jq -r '.layers[].mediaType' | grep -c encrypted)" 1
  buildah manifest create list localhost/app
  buildah manifest push -q --encryption-key "jwe:$T/our.pub" list "docker://$REGISTRY/list:1"
  buildah manifest push -q --encrypt-layer 1 --encryption-key "jwe:$T/our.pub" list "docker://$REGISTRY/list:2"
  buildah 125 manifest push --encrypt-layer 2 --encryption-key "jwe:$T/our.pub" list "docker://$REGISTRY/list:3"
  says "2 layers exist"
  one_line_error
  buildah 125 manifest push --format v2s2 --encryption-key "jwe:$T/our.pub" list "docker://$REGISTRY/list:3"
  says "use --format oci"
  one_line_error
  is "$(curl -s "http://$REGISTRY/v2/list/tags/list" | jq -c '.tags | sort')" '["1","2"]'
  buildah manifest rm list
  buildah rm -a
  buildah rmi -a -f
  buildah from scratch
  ctr=$output
  for name in built:1 list:1 list:2; do
    for words in add copy; do
      buildah 125 "$words" --from "$REGISTRY/$name" "$ctr" /file "/$words"
      says "the image is encrypted"
      one_line_error
    done
    buildah copy -q --decryption-key "$T/our.pem" --from "$REGISTRY/$name" "$ctr" /file /copied
    buildah add -q --decryption-key "$T/our.pem" --from "$REGISTRY/$name" "$ctr" /file /added
    buildah mount "$ctr"
    is "$(cat "$output/copied" "$output/added" | xargs)" "secret secret"
    rm "$output/copied" "$output/added"
    buildah umount "$ctr"
    buildah rmi -a -f
  done
}

@test "encryption: build --push, and skopeo's there and back" {
  start_registry
  two_layers
  buildah build -q --push --encryption-key "jwe:$T/our.pub" -t "$REGISTRY/built:1" "$T/context"
  printf '{"default":[{"type":"insecureAcceptAnything"}]}' >"$T/accept.json"
  skopeo --policy "$T/accept.json" copy -q --src-tls-verify=false --decryption-key "$T/our.pem" "docker://$REGISTRY/built:1" "dir:$T/dir"
  is "$(jq -r '.layers[].mediaType' "$T/dir/manifest.json" | grep -c encrypted)" 0
  buildah push -q localhost/app "oci:$T/plain:app"
  skopeo --policy "$T/accept.json" copy -q --encryption-key "jwe:$T/our.pub" "oci:$T/plain:app" "oci:$T/theirs:app"
  is "$(kinds_of "$T/theirs")" "encrypted encrypted"
  buildah rmi -a -f
  buildah pull -q --decryption-key "$T/our.pem" "oci:$T/theirs:app"
  buildah from "$output"
  buildah run "$output" cat /file
  is "$output" secret
}
