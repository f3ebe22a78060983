#!/usr/bin/env bats
# mounts.conf: what every container gets a copy of.
load helpers

# listed writes a mounts.conf with a file and a tree.
listed() {
  mkdir -p "$T/secrets/tree/in"
  echo key >"$T/secrets/key"; chmod 600 "$T/secrets/key"
  echo deep >"$T/secrets/tree/in/file"
  ln -s ../key "$T/secrets/tree/link"
  printf '# a comment\n%s:/run/secrets/key\n%s:/run/secrets/tree\n/no/such/path:/run/none\n' "$T/secrets/key" "$T/secrets/tree" >"$T/mounts.conf"
}

# subscribed starts a container with the list.
subscribed() {
  base busybox
  listed
  buildah --default-mounts-file "$T/mounts.conf" from docker.io/library/busybox
  ctr=$output
}

@test "subscriptions: copied once, with modes, links followed" {
  subscribed
  each_isolation buildah run "$ctr" sh -c 'cat /run/secrets/key /run/secrets/tree/in/file /run/secrets/tree/link; stat -c %a /run/secrets/key'
  is "$output" $'key\ndeep\nkey\n600'
  buildah run "$ctr" sh -c 'echo changed inside >/run/secrets/key'
  echo changed outside >"$T/secrets/key"
  each_isolation buildah run "$ctr" cat /run/secrets/key
  is "$output" "changed inside"
  is "$(cat "$T/secrets/key")" "changed outside"
  buildah inspect --format '{{.DefaultMountsFilePath}}' "$ctr"
  is "$output" "$T/mounts.conf"
}

@test "subscriptions: no trace in the image, and the user's own mount wins" {
  subscribed
  buildah run "$ctr" cat /run/secrets/key
  mkdir "$T/own"; echo own >"$T/own/key"
  each_isolation buildah run -v "$T/own/key:/run/secrets/key" "$ctr" cat /run/secrets/key
  is "$output" own
  buildah mount "$ctr"
  [ ! -e "$output/run/secrets" ]
}

@test "subscriptions: a list that is wrong is left out with one warning" {
  subscribed
  ln -s .. "$T/secrets/tree/circle"
  buildah run "$ctr" sh -c '! test -e /run/secrets'
  is "$(grep -c 'leaving out the mounts' <<<"$errors")" 1
  echo "/etc/hostname:relative" >"$T/mounts.conf"
  buildah run "$ctr" true; says relative
  rm "$T/mounts.conf"
  buildah run "$ctr" true; says "no such file"
}

@test "subscriptions: a secret in one of them leaves nothing there" {
  mkdir -p "$T/all"; echo rhsm >"$T/all/rhsm"; echo sesame >"$T/secret"
  echo "$T/all:/run/secrets" >"$T/mounts.conf"
  base busybox
  buildah --default-mounts-file "$T/mounts.conf" from --name c docker.io/library/busybox
  for isolation in oci chroot; do
    buildah run --isolation "$isolation" --secret "id=k,src=$T/secret" --mount type=secret,id=k --mount type=secret,id=k,dst=/run/secrets/a/b/c \
      c sh -c 'cat /run/secrets/k /run/secrets/a/b/c /run/secrets/rhsm'
    is "$output" $'sesame\nsesame\nrhsm'
    buildah run --isolation "$isolation" c ls -A /run/secrets
    is "$output" rhsm
  done
}
