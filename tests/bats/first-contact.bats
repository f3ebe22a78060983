#!/usr/bin/env bats
# What people see first: help, guesses at what was meant, and what was chosen on a bare machine.
load helpers

@test "first contact: without arguments, what people do" {
  buildah
  is "$(head -1 <<<"$output")" "Usage:"
  for group in Dockerfile Script Image Registry System; do says "$group Commands:"; done
  says 'buildah commit --rm "$ctr" my-debian'
  says 'buildah help COMMAND'
  says "docs/tutorials"
  # the order is that in which one comes to need them
  is "$(grep -oE '^  (build|from|run|commit|images|login) ' <<<"$output" | tr -d ' ' | paste -sd,)" build,from,run,commit,images,login
}

@test "first contact: many flags stand below headings, few do not" {
  buildah build --help
  for theme in "What is built" Result Cache "Limits" "Registries"; do says "$theme:"; done
  says_not $'\nFlags:'
  buildah rename --help; says $'\nFlags:'
  buildah run --help; says "Rights of commands:"
}

@test "first contact: help is as wide as the terminal" {
  needs script
  wide() { script -qec "stty cols $1; '$BUILDAH_BINARY' build --help" /dev/null </dev/null | tr -d '\r' | grep -E '^( {6}--|  -.,| {20})' | awk '{ if (length($0) > m) m = length($0) } END { print m }'; }
  [ "$(wide 80)" -le 80 ]
  [ "$(wide 200)" -gt 100 ]
}

@test "first contact: words of docker and podman" {
  try() { # WORDS ANSWER
    read -ra words <<<"$1"
    buildah 125 "${words[@]}"
    says "$2"
    one_line_error
  }
  try "image ls" 'use `buildah images`'
  try "exec web sh" 'buildah run CONTAINER COMMAND'
  try "save -o x web" 'buildah push IMAGE docker-archive:FILE'
  try "load -i x" 'buildah pull docker-archive:FILE'
  try "history web" 'buildah inspect --tree IMAGE'
  try "run -it web sh" "--terminal"
  try "run -d web sh" "podman run"
  try "build --builder x ." "leave it out"
  try "imagse" 'did you mean `buildah images`?'
  try "build --tagg x ." 'did you mean `--tag`?'
  buildah manifest creat; says 'did you mean `buildah manifest create`?'
}

@test "first contact: values" {
  try() { # WORDS ANSWER
    read -ra words <<<"$1"
    buildah 125 "${words[@]}"
    says "did you mean \"$2\"?"
    one_line_error
  }
  echo FROM scratch >context/Dockerfile
  try "build --format docke context" docker
  try "build --isolation chrot context" chroot
  try "build --pull=alway context" always
  try "build --progress plian context" plain
  try "build --pid hots context" host
  try "inspect --type imgae x" image
  try "--log-level debgu images" debug
  buildah 125 build --pull sometimes; says "--pull=sometimes"; one_line_error
  buildah 125 build --pull always context; says "--pull=always"; one_line_error
}

@test "first contact: names of containers and images" {
  from_base --name webserver
  buildah 125 run webservr true; says 'did you mean "webserver"?'; one_line_error
  buildah 125 rmi busybx; says 'did you mean "docker.io/library/busybox:latest"?'
  buildah 125 from busybx; says 'did you mean "docker.io/library/busybox:latest"?'
  buildah 125 push busybox:9 "dir:$T/dir"; says 'did you mean "docker.io/library/busybox:latest"?'
  buildah 125 rmi nothing-like-it; says_not "did you mean"
}

# bare SCRIPT runs a script where the machine has no configuration, no OCI runtime and
# no programs.
bare() {
  cat >"$T/script" <<SCRIPT
for d in /etc/containers /usr/share/containers /var/lib/containers /run/containers; do
  [ ! -d \$d ] || mount -t tmpfs none \$d || exit 1
done
for f in /usr/{,local/}{,s}bin/{crun,runc,runsc,kata-runtime}; do # wherever they are looked for
  [ ! -e \$f ] || mount --bind /dev/null \$f || exit 1
done
export PATH=/nowhere HOME=$T/home
unset CONTAINERS_STORAGE_CONF STORAGE_DRIVER XDG_CONFIG_HOME
$1
SCRIPT
  mkdir -p "$T/home"
  output=$(unshare -m bash "$T/script" 2>"$T/stderr") || { cat "$T/stderr"; return 1; }
  errors=$(cat "$T/stderr")
}

@test "first contact: a machine with nothing says what it chose, once a line" {
  [ -d /var/lib/containers ] || skip "the store of the machine is not to be touched"
  b=$BUILDAH_BINARY
  bare "$b from scratch"
  is "$(grep -c 'no storage.conf here' <<<"$errors")" 1
  says "/var/lib/containers/storage"
  is "$(wc -l <<<"$errors")" 1
  bare "$b from -q scratch"; is "$errors" ""
  bare "$b from -q scratch; $b images"; is "$errors" "" # the store is there now
  bare "$b --root $T/r --runroot $T/rr from scratch"; is "$errors" "" # it was named
}

@test "first contact: no runtime and no network" {
  b="$BUILDAH_BINARY --root $T/root --runroot $T/run"
  base
  bare "$b from -q --pull=never --name web docker.io/library/busybox; $b run web true"
  is "$(grep -c 'using chroot isolation: no OCI runtime' <<<"$errors")" 1
  is "$(wc -l <<<"$errors")" 1
  printf 'FROM docker.io/library/busybox\nRUN true\n' >"$T/context/Dockerfile"
  bare "$b build --no-cache -q $T/context"
  is "$errors" ""
  bare "$b run --isolation chroot web true"; is "$errors" "" # as was asked for
}

@test "first contact: a store of one driver is not silently another" {
  buildah images
  status=0
  errors=$("$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" --storage-driver vfs images 2>&1 >/dev/null) || status=$?
  [ "${STORAGE_DRIVER:-overlay}" = overlay ] || skip "about overlay and vfs"
  says "was made with the driver overlay"
  is "$status" 0
}
