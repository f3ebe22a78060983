#!/usr/bin/env bats
# `build --output`: where the root file system goes, once or several times.
load helpers

dockerfile() { cat >"$T/context/Dockerfile"; }

# names ARCHIVE lists the entries of an archive, sorted.
names() { tar -tf "$1" | sort | tr '\n' ' '; }

two_stages() {
  echo one >"$T/context/one"; echo two >"$T/context/two"
  dockerfile <<'D'
FROM scratch AS first
COPY one /
FROM first AS second
COPY two /
RUN ["/never"]
FROM first
COPY two /dir/two
D
}

@test "outputs: all of them get all of it, with and without layers" {
  two_stages
  local flags
  for flags in --layers=false --layers --squash; do
    buildah build -q "$flags" -o "$T/a" -o "type=local,dest=$T/b/c" -o "type=tar,dest=$T/d.tar" --output "type=tar,dest=$T/e.tar" "$T/context"
    diff -r "$T/a" "$T/b/c"
    is "$(cat "$T/a/one" "$T/a/dir/two")" "one
two"
    is "$(names "$T/d.tar")" "./ dir/ dir/two one "
    cmp "$T/d.tar" "$T/e.tar"
    is "$(stat -c %a "$T/b")" 700
    rm -r "$T/a" "$T/b" "$T/d.tar" "$T/e.tar"
  done
  store_is_clean
}

@test "outputs: --target, and a base alone" {
  two_stages
  buildah build -q --target first -o "$T/out" -t base "$T/context"
  is "$(ls "$T/out")" one
  dockerfile <<<'FROM localhost/base'
  buildah build -q -o "$T/again" "$T/context"
  is "$(ls "$T/again")" one
  # What is there stays.
  buildah build -q -o "type=local,dest=$T/context" "$T/context"
  is "$(ls "$T/context")" "Dockerfile
one
two"
  store_is_clean
}

@test "outputs: each platform has its own directory, also in archives" {
  dockerfile <<'D'
FROM scratch
ARG TARGETARCH
COPY for-$TARGETARCH /for
D
  echo 64 >"$T/context/for-arm64"; echo 7 >"$T/context/for-arm"
  local out=(-o "$T/dir" -o "type=tar,dest=$T/all.tar" --platform "linux/arm64,linux/arm/v7")
  buildah build -q --timestamp 0 "${out[@]}" "$T/context"
  is "$(cat "$T/dir/linux_arm64/for" "$T/dir/linux_arm_v7/for")" "64
7"
  is "$(names "$T/all.tar")" "linux_arm64/ linux_arm64/for linux_arm_v7/ linux_arm_v7/for "
  "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" build --timestamp 0 -o - --platform linux/arm64,linux/arm/v7 "$T/context" >"$T/stdout.tar" 2>"$T/stderr"
  cmp "$T/stdout.tar" "$T/all.tar"
  is "$(grep -cE '^[0-9a-f]{64}$' "$T/stderr")" 2
  # The second build fails: no half of an archive is left, and an old one stays.
  rm "$T/context/for-arm"
  cp "$T/all.tar" "$T/old.tar"
  buildah 125 build -q -o "type=tar,dest=$T/all.tar" -o "type=tar,dest=$T/new.tar" --platform linux/arm64,linux/arm/v7 "$T/context"
  says "[linux/arm/v7]: "
  cmp "$T/all.tar" "$T/old.tar"
  [ ! -e "$T/new.tar" ]
  is "$(find "$T" -maxdepth 1 -name '.*.tar*')" ""
  # One platform alone has none.
  buildah build -q -o "$T/single" --platform linux/arm64 "$T/context"
  is "$(cat "$T/single/for")" 64
  store_is_clean
}

@test "outputs: values that say nothing, or too much" {
  dockerfile <<<'FROM scratch'
  local spec text
  while read -r spec text; do
    buildah 125 build -o "$spec" "$T/context"
    says "$text"
    one_line_error
  done <<'LIST'
type=tar missing required key "dest"
dest=x missing required key "type"
type=zip,dest=x invalid type "zip" selected
type=tar,dest=x,mode=1 unrecognized key "mode"
type=tar,type=tar,dest=x duplicate "type" not supported
type=tar, expected format key=value
type=local,dest=- only "type=tar" can be used with "dest=-"
LIST
  # A bad one keeps the good ones from being written.
  buildah 125 build -o "$T/good" -o type=zip,dest=x "$T/context"
  [ ! -e "$T/good" ]
}

@test "outputs: the image is there as well, and so are its digests" {
  two_stages
  buildah build -q -o "$T/out" -t app --iidfile "$T/id" --iidfile-raw "$T/raw" --metadata-file "$T/meta" "$T/context"
  is "$output" ""
  is "$(cat "$T/id")" "sha256:$(cat "$T/raw")"
  is "$(wc -c <"$T/id") $(wc -c <"$T/raw")" "71 64"
  buildah images -q --no-trunc app
  is "$output" "$(cat "$T/id")"
  is "$(jq -r '."containerimage.config.digest"' "$T/meta")" "$(cat "$T/id")"
  is "$(jq -r '."containerimage.digest" == ."containerimage.descriptor".digest' "$T/meta")" true
}
