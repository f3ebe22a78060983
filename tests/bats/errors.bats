#!/usr/bin/env bats
# Bad input: one clear line, the right status, and nothing half-made left behind.
load helpers

@test "errors: an unknown container" {
  for verb in "config --env a=b" mount umount rm "commit" "run" inspect; do
    case $verb in
    run) buildah 125 run nosuch true ;;
    *) read -ra words <<<"$verb"; buildah 125 "${words[@]}" nosuch ;;
    esac
    says nosuch
    one_line_error
  done
  buildah 125 copy nosuch /etc/hostname /x
  one_line_error
}

@test "errors: an unknown image" {
  buildah 125 from --pull=never docker.io/library/nosuch
  says nosuch
  one_line_error
  buildah 125 rmi nosuch
  one_line_error
  buildah 125 push nosuch "dir:$T/dir"
  one_line_error
  [ ! -e "$T/dir" ]
  store_is_clean
}

@test "errors: an unknown flag names the right one" {
  buildah 125 from --nmae x scratch
  says "--name"
  one_line_error
  buildah 125 comit x
  says "commit"
  one_line_error
}

@test "errors: a bad reference" {
  from_base
  buildah 125 commit "$ctr" UPPER/Case
  says "must be lowercase"
  one_line_error
  buildah 125 from "docker://not a name"
  one_line_error
  buildah 125 from oci:
  one_line_error
}

@test "errors: a missing source file" {
  from_base
  buildah 125 copy "$ctr" "$T/nosuch" /x
  says "$T/nosuch"
  says "no such file"
  one_line_error
}

@test "errors: two containers of one name" {
  buildah from --name twice scratch
  buildah 125 from --name twice scratch
  says "already in use"
  one_line_error
  buildah containers -q
  is "$(wc -l <<<"$output")" 1
}

@test "errors: rm of a mounted container" {
  buildah from scratch
  ctr=$output
  buildah mount "$ctr"
  mnt=$output
  echo kept >"$mnt/file"
  buildah 125 rm "$ctr"
  says "is mounted"
  says "umount"
  one_line_error
  is "$(cat "$mnt/file")" kept
  buildah umount "$ctr"
  buildah rm "$ctr"
  store_is_clean
}

@test "errors: an unreachable registry says which and why, after the retries" {
  buildah 125 pull --retry 1 --retry-delay 10ms 127.0.0.1:1/some/image
  says "127.0.0.1:1"
  says "connection refused"
  one_line_error
  base busybox
  buildah 125 push --retry 1 --retry-delay 10ms docker.io/library/busybox docker://127.0.0.1:1/some/image
  says "127.0.0.1:1"
  says "connection refused"
  one_line_error
}

@test "errors: a Dockerfile names file, line and column, and points" {
  base busybox
  printf 'FROM docker.io/library/busybox\nENV a=b\nRNU echo hello\n' >"$T/context/Dockerfile"
  buildah 125 bud "$T/context"
  is "$errors" $'Error: Dockerfile:3:1: Build error: Unknown instruction: "RNU" (did you mean "RUN"?)
  2 | ENV a=b
> 3 | RNU echo hello
    | ^^^'
  store_is_clean
}

@test "errors: the last word of a long Dockerfile costs no work" {
  base busybox
  # A file as it comes from Windows, its escape a backtick, its last lines one instruction.
  printf '\xef\xbb\xbf# escape=`\r\nFROM docker.io/library/busybox\r\nRUN echo must-not-run\r\n\tRUN --mount=type=bind,source=\xc3\xa4,`\r\ntrget=/x true\r\n' >"$T/context/Dockerfile"
  buildah 125 bud "$T/context"
  is "$errors" $'Error: Dockerfile:5:1: trget: invalid mount option (did you mean "target"?)
  4 | \tRUN --mount=type=bind,source=\xc3\xa4,`
> 5 | trget=/x true
    | ^^^^^'
  says_not must-not-run
  store_is_clean
}

@test "errors: the second of several files, a variable, a here-document" {
  base busybox
  echo 'FROM docker.io/library/busybox' >"$T/context/Dockerfile"
  try() { # PLACE TEXT WORDS
    printf "$2" >"$T/context/more"
    buildah 125 bud -f Dockerfile -f more "$T/context"
    says "more:$1: "
    says "$3"
    says_not STEP
    one_line_error
  }
  try 2:7 'ENV a=b\nENV c=${d\n' 'missing "}"'
  try 1:20 'RUN cat <<ONE && <<TWO\n1\nONE\n2\n' "TWO: unterminated heredoc"
  says "parsing additional Dockerfile"
  try 2:6 'ARG x\nFROM ${x:?needed}\n' "needed"
  try 1:15 'COPY --from=x --chown a b\n' "--chown"
  store_is_clean
}

@test "errors: what a later step copies and cannot find costs no work" {
  base busybox
  echo there >"$T/context/there"
  try() { # STEP WORDS
    printf 'FROM docker.io/library/busybox AS first\nRUN echo must-not-run\n%s\n' "$1" >"$T/context/Dockerfile"
    buildah 125 bud --isolation chroot "$T/context"
    says "$2"
    says "^^^"
    [[ "$output" != *must-not-run* ]]
    one_line_error
    store_is_clean
  }
  try 'COPY there missing /x/' 'building at STEP "COPY there missing /x/": looking at "missing" below'
  try 'COPY there missing /x/' "no such file or directory"
  try 'COPY there missing /x/' "Dockerfile:3:12"
  try 'COPY --from=100 there /x' "no stage or image found with that name"
  try 'EXPOSE 80/udpp' 'did you mean "udp"?'
  # A file that an earlier step may make is only looked for when it is needed.
  printf 'FROM docker.io/library/busybox\nRUN --mount=type=bind,target=/c,rw echo ran\nCOPY missing /\n' >"$T/context/Dockerfile"
  buildah 125 bud --isolation chroot "$T/context"
  says ran
  says "no such file or directory"
}

@test "errors: a stage that does not come before, or is misspelt" {
  base busybox
  printf 'FROM docker.io/library/busybox AS tools\nFROM docker.io/library/busybox\nCOPY --from=tolls /bin /x\n' >"$T/context/Dockerfile"
  buildah 125 bud --pull=never "$T/context"
  says 'did you mean "tools"?'
  one_line_error
  printf 'FROM docker.io/library/busybox\nCOPY --from=tools /bin /x\nFROM docker.io/library/busybox AS tools\n' >"$T/context/Dockerfile"
  buildah 125 bud --pull=never --skip-unused-stages=false "$T/context"
  says "the stage of that name does not come before"
  one_line_error
}

@test "errors: a file system without space leaves nothing behind" {
  truncate -s 48M "$T/disk"
  mkfs.ext4 -q "$T/disk"
  mkdir "$T/small"
  mount -o loop "$T/disk" "$T/small" || skip "no loop devices here"
  small() {
    local status=0
    output=$("$BUILDAH_BINARY" --root "$T/small/root" --runroot "$T/run-small" "$@" 2>"$T/stderr") || status=$?
    errors=$(cat "$T/stderr")
    return $status
  }
  small from scratch
  ctr=$output
  head -c 25M /dev/urandom >"$T/big"
  small copy -q "$ctr" "$T/big" /big
  ! small commit "$ctr" full
  says "no space left"
  one_line_error
  small images -q -a
  is "$output" ""
  small rm "$ctr"
  umount -l "$T/small"
}

@test "errors: a record of another type, or a broken one, is refused and kept" {
  buildah from --name damaged scratch
  file=$(echo "$T"/root/overlay-containers/*/userdata/buildah.json)
  for content in '{"type":"something else 9"}' '{broken'; do
    echo "$content" >"$file"
    buildah 125 config --env a=b damaged
    says "not a usable working container record"
    one_line_error
    is "$(cat "$file")" "$content"
  done
  buildah 125 rm damaged; says "rm --force"
  buildah rm --force damaged
  store_is_clean
}

@test "errors: a command's own status is passed on" {
  from_base
  buildah 7 run --isolation chroot "$ctr" sh -c 'exit 7'
  buildah 125 run "$ctr"
  one_line_error
}
