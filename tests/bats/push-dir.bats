#!/usr/bin/env bats
# "dir:" as a destination: whole, or as it was.
load helpers

# small makes $T/small, a file system without room for an image.
small() {
  mkdir -p "$T/small"
  mount -t tmpfs -o size=256k none "$T/small" 2>/dev/null || skip "nothing can be mounted here"
}

# an_image puts localhost/tiny into the store.
an_image() {
  buildah from --name "of-$1" scratch
  buildah config --label "is=$1" "of-$1"
  buildah commit -q --rm "of-$1" "localhost/$1"
}

@test "push to dir: a failure leaves nothing, and what was there stays" {
  base busybox
  small
  an_image tiny
  buildah push -q localhost/tiny "dir:$T/small/there"
  find "$T/small" | sort >"$T/before"
  local to
  for to in new there; do
    buildah 125 push docker.io/library/busybox "dir:$T/small/$to"
    says "no space left"
    one_line_error
    find "$T/small" | sort | diff "$T/before" -
  done
  buildah pull -q "dir:$T/small/there"
  # A later push is not refused for what a failed one left.
  buildah push -q localhost/tiny "dir:$T/small/new"
  [ -s "$T/small/new/manifest.json" ]
}

@test "push to dir: where nothing can take its place, it is empty after a failure" {
  base busybox
  small
  an_image tiny
  buildah 125 push docker.io/library/busybox "dir:$T/small"
  says "no space left"
  is "$(ls -A "$T/small")" ""
  buildah push -q localhost/tiny "dir:$T/small"
  [ -s "$T/small/version" ]
  mkdir "$T/here"; cd "$T/here"
  buildah push -q localhost/tiny dir:.
  [ -s manifest.json ]; [ -s "$T/here/manifest.json" ]
  # What is not written to: the old image stays.
  buildah 125 push --encryption-key jwe:none localhost/tiny dir:.
  [ -s manifest.json ]
}

@test "push to dir: another image takes the place of one, and of nothing else" {
  an_image one; an_image two
  mkdir -m 750 "$T/dir"
  ln -s dir "$T/link"
  buildah push -q localhost/one "dir:$T/link"
  buildah push -q localhost/two "dir:$T/link"
  [ -L "$T/link" ]
  is "$(stat -c %a "$T/dir")" 750
  is "$(cat "$T"/dir/* 2>/dev/null | grep -c '"is":"two"')" 1
  is "$(cat "$T"/dir/* 2>/dev/null | grep -c '"is":"one"')" 0
  mkdir "$T/mine"; echo mine >"$T/mine/file"
  buildah 125 push localhost/one "dir:$T/mine"
  says "not a containers image directory"
  one_line_error
  is "$(cat "$T/mine/file")" mine
  buildah 125 push localhost/one "dir:$T/mine/file"
  one_line_error
  buildah push -q localhost/one "dir:$T/plain"
  is "$(stat -c %a "$T/plain")" 755
  is "$(find "$T" -maxdepth 2 -name 'buildah-transfer-*')" ""
}
