#!/usr/bin/env bash
# Signed with a GPG key, and refused without its signature: a policy that knows a single
# key, and the place beside the registry where signatures are kept.
#
# Usage: sign.sh push IMAGE REGISTRY/NAME[:TAG] KEY   signs with a secret key of gpg
#        sign.sh pull REGISTRY/NAME[:TAG] PUBLIC-KEY  takes nothing that it has not signed
#   KEY         its fingerprint; `gpg --export KEY >PUBLIC-KEY` is for those who pull
# Environment: LOOKASIDE, the URL below which signatures lie (file:///var/lib/containers/sigstore):
#   write to a file: URL, and serve the same directory by https: to those who pull.
set -euo pipefail
case ${3-} in '') sed '1d; /^set/,$d; s/^# \{0,1\}//' "$0"; exit 2 ;; esac

lookaside=${LOOKASIDE:-file:///var/lib/containers/sigstore}
work=$(mktemp -d)
settings=$HOME/.config/containers/registries.d
trap 'rm -rf "$work" "$settings/sign-$$.yaml"; cd "$HOME" && rmdir -p .config/containers/registries.d 2>/dev/null || true' EXIT

# signatures_of NAME says where the signatures of a repository are. For good, the file
# belongs into /etc/containers/registries.d.
signatures_of() {
  mkdir -p "$settings"
  printf 'docker:\n  "%s":\n    lookaside: %s\n' "$1" "$lookaside" >"$settings/sign-$$.yaml"
}

# repository REFERENCE is the reference without its tag.
repository() { sed 's/:[^:/]*$//' <<<"$1"; }

case ${1:-} in
push)
  signatures_of "$(repository "$3")"
  buildah push -q --sign-by "$4" "$2" "docker://$3"
  ;;
pull)
  signatures_of "$(repository "$2")"
  # For good: /etc/containers/policy.json, which podman and CRI-O obey as well.
  cat >"$work/policy.json" <<JSON
{
  "default": [{"type": "reject"}],
  "transports": {"docker": {"$(repository "$2")": [
    {"type": "signedBy", "keyType": "GPGKeys", "keyPath": "$(realpath "$3")"}]}}
}
JSON
  buildah pull -q --policy always --signature-policy "$work/policy.json" "docker://$2"
  ;;
*) "$0" --help ;;
esac
