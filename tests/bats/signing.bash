# Keys for signing and encrypting, for the files that load it after helpers.

# gpg_key makes a GPG key in a key ring of this test; its fingerprint is in $KEY, its public
# half in $T/key.gpg. The path of the agent's socket must be short, hence the place.
gpg_key() {
  needs gpg
  GNUPGHOME=$(mktemp -d /tmp/gpg.XXXXXX)
  export GNUPGHOME
  # The agent that this starts outlives the test's shell: it must not hold what bats waits for.
  gpg --batch --quiet --passphrase "${1:-}" --pinentry-mode loopback --quick-generate-key test@example.com default default never 2>"$T/gpg.log" 3>&- ||
    skip "gpg makes no keys here: $(cat "$T/gpg.log")"
  KEY=$(gpg --batch --with-colons --list-keys 2>/dev/null | awk -F: '/^fpr/{print $10; exit}')
  gpg --batch --export "$KEY" >"$T/key.gpg"
}

eval "$(declare -f teardown | sed '1s/teardown/other_teardown/')"

teardown() {
  if [ -n "${GNUPGHOME:-}" ]; then
    gpgconf --kill all 2>/dev/null || true
    rm -rf "$GNUPGHOME"
  fi
  other_teardown
}

# policy_of FILE REQUIREMENT writes a policy that wants it of every image.
policy_of() { printf '{"default":[%s]}\n' "$2" >"$1"; }

# signed_by FILE wants signatures of the key.
signed_by() { policy_of "$1" "{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"$T/key.gpg\"}"; }

# lookaside [LINE] puts GPG's signatures of the test's registry into $T/lookaside; the line is
# added to what is configured for it.
lookaside() {
  export XDG_CONFIG_HOME=$T/config
  mkdir -p "$XDG_CONFIG_HOME/containers/registries.d"
  printf 'docker:\n  %s:\n    lookaside: file://%s/lookaside\n    %s\n' "$REGISTRY" "$T" "${1:-}" >"$XDG_CONFIG_HOME/containers/registries.d/test.yaml"
}

# store_state lists the files of the store that an image would change.
store_state() {
  find "$T/root" \( -path '*/buildah-*' -o -path '*/work/work' -o -name '*.lock' -o -name '*lockfile*' \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
  find "$T/root" \( -path '*/buildah-*' -o -path '*/work/work' \) -prune -o -type d -print | sort
}

# leaves_store_alone COMMAND... runs it, and compares the store before and after.
leaves_store_alone() {
  store_state >"$T/state.before"
  "$@"
  store_state >"$T/state.after"
  diff "$T/state.before" "$T/state.after"
}
