# Containers to build in: our own image, made by our own binary from examples/buildah-image.

# tree_of DIR PROGRAM... copies programs with the libraries that they are linked with.
tree_of() {
  local dir=$1 file; shift
  mkdir -p "$dir/usr/bin"
  cp "$@" "$dir/usr/bin/"
  # A program of the host may keep its libraries anywhere below /lib and /usr.
  for file in $(ldd "$@" 2>/dev/null | grep -o '/[^ :)]*\.so[^ :)]*' | sort -u); do
    mkdir -p "$dir$(dirname "$file")"
    cp -L "$file" "$dir$file"
  done
}

# make_image makes the archive builder.tar once for a file of tests.
make_image() {
  local at=$BATS_FILE_TMPDIR
  buildah_in() { "$BUILDAH_BINARY" --root "$at/root" --runroot "$at/run" --storage-driver overlay "$@"; }
  export CONTAINERS_POLICY_JSON=$BATS_SUITE_TMPDIR/policy.json TMPDIR=$at
  tree_of "$at/tree" "$BUILDAH_BINARY"
  mv "$at/tree/usr/bin/$(basename "$BUILDAH_BINARY")" "$at/tree/usr/bin/buildah" 2>/dev/null || true
  cp -r "$BATS_SUITE_TMPDIR/busybox" "$at/tree/base"
  mkdir "$at/tree/context"; echo text >"$at/tree/context/file"
  cat >"$at/tree/context/Dockerfile" <<'DOCKERFILE'
FROM base
COPY --chown=guest file /file
RUN stat -c %u /file >/seen && id -u >>/seen && rm -r /home
DOCKERFILE
  cat >"$at/tree/usr/bin/nested" <<'SCRIPT'
#!/bin/sh
# Builds, and shows what came of it.
set -e
buildah pull -q oci:/base >/tmp/id && buildah tag "$(cat /tmp/id)" base
buildah build -q --pull=never -t made "${CONTEXT:-/context}" >/dev/null
buildah run "$(buildah from made)" sh -c 'cat /seen; ls -d /home 2>/dev/null || echo gone'
buildah info --format '{{.store.GraphDriverName}}'
SCRIPT
  chmod 755 "$at/tree/usr/bin/nested"
  buildah_in tag "$(buildah_in pull -q "oci:$BATS_SUITE_TMPDIR/busybox")" localhost/base
  buildah_in build -q --isolation chroot --build-arg BASE=localhost/base --build-context "program=$at/tree" \
    -t "docker-archive:$at/builder.tar:builder:latest" "$BATS_TEST_DIRNAME/../../examples/buildah-image" >/dev/null
}

teardown_image() {
  local mount
  awk -v at="$BATS_FILE_TMPDIR/" 'index($5, at) == 1 {print $5}' /proc/self/mountinfo | sort -r |
    while read -r mount; do umount -l "$mount" 2>/dev/null || true; done
}
