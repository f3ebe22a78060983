#!/usr/bin/env bats
# registries.conf and what stands beside it: where it is, prefixes, mirrors, blocked registries.
load helpers
load registries

# seed starts a registry with team/app and forgets the image.
seed() {
  start_registry
  base busybox
  buildah push -q docker.io/library/busybox "docker://$REGISTRY/team/app"
  buildah rmi --all --force
}

# conf LINES... writes registries.conf.
conf() { printf '%s\n' 'unqualified-search-registries = []' "$@" >"$T/registries.conf"; }

@test "registries: the file by flag, and drop-ins" {
  seed
  mv "$T/registries.conf" "$T/mine.conf"
  buildah 125 pull -q "$REGISTRY/team/app"; one_line_error; says registries.conf
  unset CONTAINERS_REGISTRIES_CONF
  buildah --registries-conf "$T/mine.conf" pull -q --policy always "$REGISTRY/team/app"
  buildah 125 --registries-conf "$T/none.conf" pull -q --policy always "$REGISTRY/team/app"; one_line_error; says none.conf
  mkdir "$T/d"; printf '[[registry]]\nlocation = "%s"\nblocked = true\n' "$REGISTRY" >"$T/d/50-block.conf"
  buildah 125 --registries-conf "$T/mine.conf" --registries-conf-dir "$T/d" pull -q --policy always "$REGISTRY/team/app"; one_line_error; says blocked
  mv "$T/d/50-block.conf" "$T/d/50-block.off"
  buildah --registries-conf "$T/mine.conf" --registries-conf-dir "$T/d" pull -q --policy always "$REGISTRY/team/app"
  buildah 125 --registries-conf /dev/null pull -q --policy always --retry 0 "$REGISTRY/team/app"
  says "speaks HTTP, without encryption: --tls-verify=false"
  echo '[registries.search]' >"$T/mine.conf"; echo 'registries = ["x"]' >>"$T/mine.conf"
  buildah 125 --registries-conf "$T/mine.conf" pull -q --policy always "$REGISTRY/team/app"; one_line_error # version 1
  echo '[[registry' >"$T/mine.conf"
  buildah 125 --registries-conf "$T/mine.conf" pull -q --policy always "$REGISTRY/team/app"; one_line_error; says mine.conf
}

@test "registries: prefixes put one registry in the place of another, for every verb that reads" {
  seed
  conf '[[registry]]' 'prefix = "far.example/apps"' "location = \"$REGISTRY/team\"" 'insecure = true' \
    '[[registry]]' 'prefix = "*.wild.example"' "location = \"$REGISTRY\"" 'insecure = true' \
    '[[registry]]' 'prefix = "far.example/apps/secret"' 'location = "127.0.0.1:1"' 'blocked = true'
  buildah pull -q far.example/apps/app; id=$output
  buildah images --noheading --format '{{.Name}}' "$id"; is "$output" far.example/apps/app
  buildah pull -q --policy always docker://a.wild.example/team/app; is "$output" "$id"
  buildah from --pull-always --retry 0 far.example/apps/app; ctr=$output
  buildah copy --from b.c.wild.example/team/app "$ctr" /etc/passwd /x
  printf 'FROM far.example/apps/app\nCOPY --from=far.example/apps/app /etc/passwd /y\n' >"$T/context/Dockerfile"
  buildah build -q --pull-always "$T/context"
  for refused in "pull -q far.example/apps/secret" "push -q far.example/apps/app docker://far.example/apps/secret" "commit -q $ctr docker://far.example/apps/secret/x"; do
    # shellcheck disable=SC2086 # words
    buildah 125 $refused; one_line_error; says blocked
  done
  buildah 125 pull -q --retry 0 wild.example/team/app # the domain itself is not below it
}

@test "registries: mirrors" {
  seed
  mirror() { printf '[[registry.mirror]]\nlocation = "%s"\ninsecure = true\n%s\n' "$1" "${2:-}"; }
  conf '[[registry]]' 'prefix = "far.example"' 'location = "127.0.0.1:1"' "$(mirror 127.0.0.1:1)" "$(mirror "$REGISTRY")" '[[registry]]' 'location = "127.0.0.1:1"' "$(mirror "$REGISTRY")"
  buildah pull -q --retry 0 far.example/team/app; id=$output
  buildah inspect --format '{{.FromImageDigest}}' "$id"; digest=$output
  buildah 125 push -q --retry 0 "$id" docker://127.0.0.1:1/team/app; says "127.0.0.1:1" # mirrors are for reading
  conf '[[registry]]' 'prefix = "far.example"' 'location = "127.0.0.1:1"' "$(mirror "$REGISTRY" 'pull-from-mirror = "digest-only"')"
  buildah 125 pull -q --retry 0 --policy always far.example/team/app
  buildah pull -q --retry 0 --policy always "far.example/team/app@$digest"; is "$output" "$id"
  conf '[[registry]]' 'prefix = "far.example"' 'location = "127.0.0.1:1"' "$(mirror "$REGISTRY" 'pull-from-mirror = "tag-only"')"
  buildah 125 pull -q --retry 0 --policy always "far.example/team/app@$digest"
  buildah pull -q --retry 0 --policy always far.example/team/app
  conf '[[registry]]' 'prefix = "far.example"' 'location = "127.0.0.1:1"' 'mirror-by-digest-only = true' "$(mirror "$REGISTRY")"
  buildah 125 pull -q --retry 0 --policy always far.example/team/app
  buildah pull -q --retry 0 --policy always "far.example/team/app@$digest"
}

@test "registries: BUILD_REGISTRY_SOURCES" {
  seed
  conf
  sources() { export BUILD_REGISTRY_SOURCES=$1; }
  sources '{"insecureRegistries":["'"$REGISTRY"'"]}'
  buildah pull -q "$REGISTRY/team/app"
  buildah 125 pull -q --tls-verify --policy always --retry 0 "$REGISTRY/team/app"; says "--tls-verify=false"
  for blocking in '{"blockedRegistries":["'"$REGISTRY"'"]}' '{"allowedRegistries":["quay.io"]}'; do
    sources "$blocking"
    buildah 125 pull -q --policy always --tls-verify=false "$REGISTRY/team/app"; one_line_error; says "registry sources"
    buildah 125 push -q --tls-verify=false "$REGISTRY/team/app" "docker://$REGISTRY/new"; says "registry sources"
    buildah 125 from -q --pull-always --tls-verify=false "$REGISTRY/team/app"; says "registry sources"
  done
  sources '{"allowedRegistries":["'"$REGISTRY"'"]}'
  buildah pull -q --policy always --tls-verify=false "$REGISTRY/team/app"
  sources '{'
  buildah 125 images; one_line_error; says BUILD_REGISTRY_SOURCES
}

@test "registries: certificates of each registry, and credentials that are asked for" {
  serve_locked "$T"; needs docker-registry
  REGISTRY=$(cat "$T/host"); REGISTRY_PID=$(cat "$T/pid")
  conf
  export HOME=$T/home
  base busybox
  buildah 125 push -q --creds user:secret docker.io/library/busybox "docker://$REGISTRY/one"
  one_line_error; says "--cert-dir DIR, or /etc/containers/certs.d/$REGISTRY"
  mkdir -p "$HOME/.config/containers/certs.d"; cp -r "$T/certs" "$HOME/.config/containers/certs.d/$REGISTRY"
  buildah push -q --creds user:secret docker.io/library/busybox "docker://$REGISTRY/one"
  cp "$T/certs/ca.crt" "$HOME/.config/containers/certs.d/$REGISTRY/half.cert"
  buildah 125 pull -q --policy always --creds user:secret "$REGISTRY/one"; one_line_error; says half # a key is missing
  rm "$HOME/.config/containers/certs.d/$REGISTRY/half.cert"
  buildah 125 pull -q --policy always --creds user "$REGISTRY/one" </dev/null; one_line_error; says "no terminal"
  needs script
  { sleep 0.4; echo secret; sleep 1; } |
    script -qec "$BUILDAH_BINARY --root $T/root --runroot $T/run --storage-driver ${STORAGE_DRIVER:-overlay} pull -q --policy always --creds user $REGISTRY/one" /dev/null >"$T/screen"
  grep -q 'Password: ' "$T/screen"; ! grep -q secret "$T/screen"
  buildah 125 pull -q --policy always --retry 0 no-such-host.invalid/app; one_line_error; says "no-such-host.invalid"
}
