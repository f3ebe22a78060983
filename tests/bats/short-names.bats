#!/usr/bin/env bats
# Short names: what they stand for, and how a user's choice is remembered.
load helpers

# short_names starts a registry with team/app and other/app.
short_names() {
  start_registry
  base busybox
  buildah push -q docker.io/library/busybox "docker://$REGISTRY/team/app"
  buildah push -q docker.io/library/busybox "docker://$REGISTRY/app"
  buildah rmi --all --force
  export ALIASES=$T/cache/aliases.conf
}

# conf LINES... writes registries.conf with the registry of the test, and these lines first.
conf() { printf '%s\n' "$@" '[[registry]]' "location = \"$REGISTRY\"" 'insecure = true' >"$T/registries.conf"; }

# named IMAGE is the name of an image of the store.
named() { buildah images --noheading --format '{{.Name}}' "$1"; is "$output" "$2"; }

@test "short names: aliases of registries.conf and of the cache, which wins" {
  short_names
  conf 'unqualified-search-registries = []' '[aliases]' "\"app\" = \"$REGISTRY/team/app\""
  buildah --short-name-alias-conf "$ALIASES" pull -q app; id=$output
  named "$id" "$REGISTRY/team/app"
  buildah rmi --all
  mkdir -p "$(dirname "$ALIASES")"; printf '[aliases]\n"app" = "%s/app"\n' "$REGISTRY" >"$ALIASES"
  buildah --short-name-alias-conf "$ALIASES" pull -q app:latest; named "$output" "$REGISTRY/app"
  buildah --short-name-alias-conf "$ALIASES" from app; is "$output" 127.0.0.1-working-container
  echo '[aliases' >"$ALIASES"
  buildah 125 --short-name-alias-conf "$ALIASES" pull -q app; one_line_error; says "$ALIASES"
}

@test "short names: search registries, in each mode, without a terminal" {
  short_names
  conf "unqualified-search-registries = [\"127.0.0.1:1\", \"$REGISTRY\"]"
  for mode in permissive disabled; do
    sed -i "1i short-name-mode = \"$mode\"" "$T/registries.conf"
    buildah --short-name-alias-conf "$ALIASES" pull -q --retry 0 app; named "$output" "$REGISTRY/app"
    [ ! -s "$ALIASES" ] # nobody chose
    buildah rmi --all
    sed -i 1d "$T/registries.conf"
  done
  buildah 125 pull -q --retry 0 none; one_line_error; says "127.0.0.1:1/none"; says "$REGISTRY/none" # both are told
  sed -i '1i short-name-mode = "enforcing"' "$T/registries.conf"
  buildah 125 pull -q app; one_line_error; says "write the full name"
  conf "unqualified-search-registries = [\"$REGISTRY\"]" 'short-name-mode = "enforcing"' # one is no question
  buildah pull -q app
  sed -i 's/enforcing/perhaps/' "$T/registries.conf"
  buildah 125 pull -q app; one_line_error; says perhaps
  conf 'unqualified-search-registries = []'
  buildah 125 pull -q other; one_line_error; says other
  conf 'unqualified-search-registries = ["https://x/"]'
  buildah 125 pull -q other; one_line_error
}

@test "short names: a terminal is asked, once, and the answer is remembered" {
  short_names; needs script
  conf 'short-name-mode = "enforcing"' "unqualified-search-registries = [\"127.0.0.1:1\", \"$REGISTRY\"]"
  # choose SECONDS WORDS... takes the second of what is offered, and waits so long for the end.
  choose() {
    local wait=$1; shift
    { for _ in $(seq 40); do grep -q 'select an image' "$T/screen" 2>/dev/null && break; sleep 0.1; done; printf '\033[B'; sleep 0.3; printf '\r'; for _ in $(seq $((wait * 10))); do [ -s "$ALIASES" ] && break; sleep 0.1; done; sleep 0.5; } |
      script -qefc "$BUILDAH_BINARY --root $T/root --runroot $T/run --storage-driver ${STORAGE_DRIVER:-overlay} --short-name-alias-conf $ALIASES $*" "$T/screen" >"$T/out"
  }
  printf 'FROM app AS a\nFROM app\nCOPY --from=a /etc/passwd /p\n' >"$T/context/Dockerfile"
  choose 20 build -q --retry 0 "$T/context"
  is "$(grep -o '✔' "$T/screen" | wc -l)" 1
  grep -qE "\"?app\"? = \"$REGISTRY/app\"" "$ALIASES"
  is "$(stat -c %a "$ALIASES")" 600
  named "$REGISTRY/app" "$REGISTRY/app"
  buildah rmi --all --force
  buildah --short-name-alias-conf "$ALIASES" pull -q app; named "$output" "$REGISTRY/app" # without a terminal
  # What does not exist is not remembered.
  rm "$ALIASES" "$T/screen"
  choose 1 pull -q --retry 0 none || true
  ! grep -q none "$ALIASES"
}
