#!/usr/bin/env bats
# Scripts of examples/bash that need a registry.
load helpers
load examples

# A key of gpg; its fingerprint is in $key, and public.gpg is for those who verify.
make_key() {
  needs gpg
  export GNUPGHOME=$T/gnupg HOME=$T/home
  mkdir -m 700 "$GNUPGHOME" "$HOME"
  gpg -q --batch --passphrase '' --quick-gen-key me@example.com ed25519 sign never 2>/dev/null
  key=$(gpg --batch --with-colons --list-keys | awk -F: '$1 == "fpr" {print $10; exit}')
  gpg --batch --export "$key" >public.gpg
}

teardown() {
  [ -z "${GNUPGHOME:-}" ] || gpgconf --kill all || true
  stop_registry
  cd /
  awk -v at="$BATS_TEST_TMPDIR" 'index($5, at) == 1 {print $5}' /proc/self/mountinfo | sort -r |
    while read -r mount; do umount -l "$(printf %b "$mount")" 2>/dev/null || true; done
}

@test "examples: signed images are taken, others are refused" {
  start_registry
  make_key
  base busybox
  export LOOKASIDE=file://$T/signatures
  example bash/sign.sh push docker.io/library/busybox "$REGISTRY/me/signed:1" "$key"
  [ -n "$(find "$T/signatures" -name signature-1)" ]
  buildah from docker.io/library/busybox; ctr=$output
  buildah config --label unsigned=yes "$ctr"
  buildah commit -q --rm "$ctr" "docker://$REGISTRY/me/signed:2"
  inspected docker.io/library/busybox .FromImageID >"$T/id"
  buildah rmi -a
  example bash/sign.sh pull "$REGISTRY/me/signed:1" public.gpg
  is "$output" "$(cat "$T/id")"
  # No signature, a signature of somebody else, a name that nobody has spoken of.
  example 125 bash/sign.sh pull "$REGISTRY/me/signed:2" public.gpg; one_line_error
  says "$REGISTRY/me/signed:2"
  gpg -q --batch --passphrase '' --quick-gen-key you@example.com ed25519 sign never 2>/dev/null
  gpg --batch --export you@example.com >other.gpg
  example 125 bash/sign.sh pull "$REGISTRY/me/signed:1" other.gpg; one_line_error
  buildah images -q --no-trunc; is "$output" "sha256:$(cat "$T/id")"
  [ -z "$(find "$HOME" -type f)" ] # what it told the tools about signatures is gone again
  example 125 bash/sign.sh push "$REGISTRY/me/signed:1" "$REGISTRY/me/signed:3" no-such-key; one_line_error
  ! curl -fs "http://$REGISTRY/v2/me/signed/manifests/3"
}

@test "examples: one name for several architectures" {
  start_registry
  local arch
  for arch in amd64 arm64 arm-v7; do service "programs/$arch" "$arch"; done
  example bash/multi-arch.sh programs localhost/app:1 "docker://$REGISTRY/me/app:1"
  is "$(jq -r '.manifests[].platform | .os + "/" + .architecture + (.variant // "")' <<<"$output" | sort | xargs)" \
    "linux/amd64 linux/arm64 linux/armv7"
  # Every client gets what fits it.
  buildah pull -q --platform linux/arm/v7 "docker://$REGISTRY/me/app:1"
  buildah from --pull=never "$output"; buildah mount "$output"
  is "$(tail -n 1 "$output/start")" "echo arm-v7"
  buildah rm --all --force
  # Again, with one architecture less: the list holds what is there now.
  rm -r programs/arm64
  example bash/multi-arch.sh programs localhost/app:1
  is "$(jq '.manifests | length' <<<"$output")" 2
  example 125 bash/multi-arch.sh programs localhost/app:1 nowhere:app; says "nowhere"
  example 2 bash/multi-arch.sh
}
