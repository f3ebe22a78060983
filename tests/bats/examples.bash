# Runs what lies in examples/ as people would, with `buildah` on the store of the test.

EXAMPLES=$BATS_TEST_DIRNAME/../../examples

# plain_buildah puts a `buildah` into the PATH that works on the test's store.
plain_buildah() {
  mkdir -p "$T/bin"
  printf '#!/bin/sh\nexec "%s" --root "%s" --runroot "%s" --storage-driver overlay "$@"\n' \
    "$BUILDAH_BINARY" "$T/root" "$T/run" >"$T/bin/buildah"
  chmod +x "$T/bin/buildah"
}

# example [STATUS] PATH ARGUMENTS... runs a program of examples/ and expects the status;
# stdout is in $output, stderr in $errors. Whatever comes of it, nothing may be left.
example() {
  local want=0 status=0 program left
  if [[ $1 =~ ^[0-9]+$ ]]; then want=$1; shift; fi
  program=$1; shift
  [ -x "$T/bin/buildah" ] || plain_buildah
  output=$(PATH=$T/bin:$PATH "$EXAMPLES/$program" "$@" 2>"$T/stderr" </dev/null) || status=$?
  errors=$(cat "$T/stderr")
  [ "$status" -eq "$want" ] || {
    printf '%s %s\nstatus %s, wanted %s\nstdout: %s\nstderr: %s\n' "$program" "$*" "$status" "$want" "$output" "$errors"
    return 1
  }
  left=$("$T/bin/buildah" containers -q; ls "$TMPDIR"; grep "$T/root/.*/merged" /proc/self/mountinfo || true)
  is "$left" ""
}

# inspected IMAGE FILTER writes what jq makes of an image's configuration.
inspected() {
  "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" inspect --type image "$1" | jq -r "$2"
}

# in_image IMAGE COMMAND... runs a command in a container of the image.
in_image() {
  local image=$1 ctr; shift
  buildah from --pull=never "$image"; ctr=$output
  buildah run "$ctr" -- "$@"
  "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" rm "$ctr" >/dev/null
}

# service DIRECTORY WORDS makes a directory with a program `start` that writes the words.
service() {
  mkdir -p "$1"
  printf '#!/bin/sh\necho %s\n' "$2" >"$1/start"
  chmod 755 "$1/start"
}

# tree_with_libraries DIR PROGRAM... copies programs, and what they are linked with, to
# where they are on this machine.
tree_with_libraries() {
  local dir=$1 file; shift
  for file in "$@" $(ldd "$@" | grep -o '/[^ :)]*\.so[^ :)]*' | sort -u); do
    mkdir -p "$dir/$(dirname "$file")"
    cp -L "$file" "$dir/$file"
  done
}
