#!/usr/bin/env bats
# RUN on images for other machines, with and without an interpreter in binfmt_misc.
load helpers

MISC=/proc/sys/fs/binfmt_misc
HANDLER=buildah-bats-$$

# handler prints a line that registers an interpreter for programs of mips64.
handler() {
  printf ':%s:M::%s:%s:%s:F' "$HANDLER" '\x7fELF\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x08' \
    '\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff' "$1"
}

# with_misc COMMAND... sees binfmt_misc mounted, and nothing of what it mounts stays.
with_misc() {
  # shellcheck disable=SC2016 # the inner shell expands it
  unshare -m sh -c 'm=$1; shift; [ -e "$m/status" ] || mount -t binfmt_misc none "$m"; exec "$@"' sh "$MISC" "$@"
}

unregister() {
  # shellcheck disable=SC2016 # the inner shell expands it
  with_misc sh -c '[ ! -e "$1" ] || echo -1 >"$1"' sh "$MISC/$HANDLER"
}

teardown_file() { unregister; }

# foreign_base NAME makes an image for mips64 whose shell is one for it, too.
foreign_base() {
  mkdir -p "$T/foreign/bin"
  printf '\x7fELF\x02\x02\x01\0\0\0\0\0\0\0\0\0\0\x02\0\x08\0\0\0\x01%40s' '' >"$T/foreign/bin/sh"
  chmod 755 "$T/foreign/bin/sh"
  printf 'FROM scratch\nCOPY bin /bin\n' >"$T/foreign/Dockerfile"
  buildah build -q --platform linux/mips64 -t "$1" "$T/foreign"
}

@test "emulation: RUN without an interpreter fails before the first step" {
  [ "$(id -u)" -eq 0 ] || skip "needs root"
  with_misc grep -lsr qemu-mips64$ "$MISC" && skip "an interpreter is registered"
  foreign_base foreign
  printf 'FROM localhost/foreign\nCOPY Dockerfile /\nRUN true\n' >"$T/context/Dockerfile"
  buildah 1 build --platform linux/mips64 "$T/context"
  says "this machine does not run programs for linux/mips64 (exec format error)"
  says "register an emulator with binfmt_misc, such as qemu-mips64"
  says "Dockerfile:3"
  says_not "STEP 2/3"
  one_line_error
  # Without RUN, no program is needed.
  printf 'FROM localhost/foreign\nCOPY Dockerfile /\nENV a=b\nWORKDIR /w\n' >"$T/context/Dockerfile"
  buildah build --platform linux/mips64 "$T/context"
  store_is_clean
}

@test "emulation: an image that only says that it is for another machine" {
  mkdir "$T/context/bin"
  cp /bin/busybox "$T/context/bin/sh"
  printf 'FROM scratch\nCOPY bin /bin\n' >"$T/context/Dockerfile"
  buildah build -q --platform linux/mips64 -t says-mips64 "$T/context"
  printf 'FROM localhost/says-mips64\nRUN echo ran-anyway\n' >"$T/context/Dockerfile"
  buildah build --platform linux/mips64 "$T/context"
  says ran-anyway
  store_is_clean
}

# The interpreter is "echo": it shows what it was to interpret.

@test "emulation: RUN with an interpreter" {
  foreign_base foreign
  printf 'FROM localhost/foreign\nRUN true\n' >"$T/context/Dockerfile"
  cp /bin/busybox "$T/echo"
  handler "$T/echo" >"$T/line"
  local status=0
  # shellcheck disable=SC2016 # the inner shell expands it
  with_misc sh -c 'cat "$1" >"$2" || exit 99; shift 2; "$@"; s=$?; echo -1 >"$0"; exit $s' "$MISC/$HANDLER" "$T/line" "$MISC/register" \
    "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" build --platform linux/mips64 "$T/context" >"$T/out" 2>&1 || status=$?
  [ "$status" -ne 99 ] || skip "interpreters cannot be registered here"
  cat "$T/out"
  is "$status" 0
  grep -Fx '/bin/sh -c true' "$T/out"
  store_is_clean
}

@test "emulation: in a container, the interpreters of binfmt.d are registered" {
  [ -d /usr/lib/binfmt.d ] || skip "this system has no /usr/lib/binfmt.d"
  foreign_base foreign
  printf 'FROM localhost/foreign\nRUN true\n' >"$T/context/Dockerfile"
  mkdir "$T/binfmt.d"
  cp /bin/busybox "$T/echo"
  { echo '# a comment'; handler "$T/echo"; echo; } >"$T/binfmt.d/test.conf"
  # shellcheck disable=SC2016 # the inner shell expands it
  container=oci unshare -m sh -c 'mount --bind "$1" /usr/lib/binfmt.d; shift; exec "$@"' sh "$T/binfmt.d" \
    "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" build --platform linux/mips64 "$T/context" >"$T/out" 2>&1 || { cat "$T/out"; false; }
  grep -Fx '/bin/sh -c true' "$T/out"
  unregister
}
