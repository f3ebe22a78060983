#!/usr/bin/env bats
load helpers

# root of the container, mounted once for a test
root() {
  buildah mount "$ctr"
  mnt=$output
}

@test "copy: prints the digest of the content; the same content has the same digest" {
  from_base
  echo content >"$T/a"; cp "$T/a" "$T/b"
  buildah copy "$ctr" "$T/a" /one; first=$output
  is "${#first}" 64
  buildah copy "$ctr" "$T/a" /two
  is "$output" "$first"
  echo other >"$T/a"
  buildah copy "$ctr" "$T/a" /one
  [ "$output" != "$first" ]
  buildah copy -q "$ctr" "$T/a" /one
  is "$output" ""
}

@test "copy: where a file goes" {
  from_base
  echo 1 >"$T/one"; echo 2 >"$T/two"; mkdir -p "$T/dir/sub"; echo 3 >"$T/dir/sub/three"
  buildah config --workingdir /work "$ctr"
  buildah copy -q "$ctr" "$T/one" /missing/path
  buildah copy -q "$ctr" "$T/one" /missing/dir/
  buildah copy -q "$ctr" "$T/one"
  buildah copy -q "$ctr" "$T/one" relative/
  buildah copy -q "$ctr" "$T/one" "$T/two" /both
  buildah copy -q "$ctr" "$T/dir" /contents
  root
  is "$(cat "$mnt/missing/path")" 1
  is "$(cat "$mnt/missing/dir/one")" 1
  is "$(cat "$mnt/work/one")" 1
  is "$(cat "$mnt/work/relative/one")" 1
  is "$(cat "$mnt/both/two")" 2
  is "$(cat "$mnt/contents/sub/three")" 3
  buildah copy -q "$ctr" "$T/two" /missing/path
  is "$(cat "$mnt/missing/path")" 2
  buildah 125 copy "$ctr" "$T/one" "$T/two" /missing/path
  says "not a directory"
  buildah 125 copy "$ctr" "$T/dir" /missing/path
  one_line_error
}

@test "copy: patterns" {
  from_base
  mkdir -p "$T/src/deep/er"; touch "$T/src/a.txt" "$T/src/b.txt" "$T/src/c.md" "$T/src/deep/er/d.txt" "$T/src/[x].txt"
  buildah copy -q "$ctr" "$T/src/*.txt" /star/
  buildah copy -q "$ctr" "$T/src/**/*.txt" /deep/
  root
  is "$(ls "$mnt/star" | tr '\n' ' ')" "[x].txt a.txt b.txt "
  [ -e "$mnt/deep/d.txt" ]
  buildah copy -q --allow-wildcard=false "$ctr" "$T/src/[x].txt" /literal/
  is "$(ls "$mnt/literal")" "[x].txt"
  buildah 125 copy "$ctr" "$T/src/*.none" /x/
  one_line_error
  buildah copy -q --allow-empty-wildcard "$ctr" "$T/src/*.none" /x/
  is "$output" ""
}

@test "copy: owners and modes" {
  from_base
  mkdir "$T/src"; echo x >"$T/src/file"; chown 7:8 "$T/src/file"; chmod 4750 "$T/src/file"
  buildah copy -q "$ctr" "$T/src" /default
  buildah copy -q --chown guest:video "$ctr" "$T/src" /named
  buildah copy -q --chown 11 --chmod 0640 "$ctr" "$T/src/file" /number
  root
  is "$(stat -c '%u:%g %a' "$mnt/default/file")" "0:0 4750"
  is "$(stat -c '%u:%g' "$mnt/named/file") $(stat -c '%u:%g' "$mnt/named")" "405:27 405:27"
  is "$(stat -c '%u:%g %a' "$mnt/number")" "11:11 640"
  buildah 125 copy --chown nosuch "$ctr" "$T/src" /x
  says nosuch
  buildah 125 copy --chmod rwx "$ctr" "$T/src" /x
  one_line_error
}

@test "copy: links, holes, attributes, capabilities and times are kept" {
  from_base
  mkdir "$T/src"; cd "$T/src"
  echo x >file; ln file hard; ln -s file soft; ln -s /absolute/dangling dangling
  truncate -s 8M holes; echo end >>holes
  setfattr -n user.note -v kept file; cp /bin/busybox cap; setcap cap_net_raw+ep cap
  touch -d '2001-02-03 04:05:06' file
  cd "$T"
  buildah copy -q "$ctr" "$T/src" /kept
  root
  is "$(stat -c %i "$mnt/kept/file")" "$(stat -c %i "$mnt/kept/hard")"
  is "$(readlink "$mnt/kept/soft") $(readlink "$mnt/kept/dangling")" "file /absolute/dangling"
  cmp "$T/src/holes" "$mnt/kept/holes"
  [ "$(stat -c %b "$mnt/kept/holes")" -lt 1000 ]
  is "$(getfattr --only-values -n user.note "$mnt/kept/file")" kept
  getcap "$mnt/kept/cap" | grep -q cap_net_raw
  is "$(date -d "@$(stat -c %Y "$mnt/kept/file")" '+%F %T')" "2001-02-03 04:05:06"
}

@test "copy: a link that is a source is followed, unless not" {
  from_base
  echo x >"$T/file"; ln -s file "$T/link.tar.gz"
  buildah copy -q "$ctr" "$T/link.tar.gz" /followed
  buildah copy -q --no-follow-symlinks "$ctr" "$T/link.tar.gz" /itself
  root
  is "$(cat "$mnt/followed")" x
  is "$(readlink "$mnt/itself")" file
}

@test "copy: an absolute link in the image resolves inside it" {
  from_base
  mkdir "$T/outside"; echo untouched >"$T/outside/canary"
  root
  ln -s "$T/outside" "$mnt/escape"; ln -s ../../../../../../../.."$T/outside" "$mnt/climb"; ln -s /etc "$mnt/inside"
  echo new >"$T/new"
  buildah copy -q "$ctr" "$T/new" /escape/canary
  buildah copy -q "$ctr" "$T/new" /climb/canary
  buildah copy -q "$ctr" "$T/new" /inside/new
  is "$(cat "$T/outside/canary")" untouched
  is "$(cat "$mnt/etc/new")" new
}

@test "copy: --contextdir confines, and honours the ignore file" {
  from_base
  mkdir -p "$T/context/sub"; echo a >"$T/context/a"; echo b >"$T/context/b"; echo s >"$T/context/sub/s"; echo secret >"$T/secret"
  printf 'b\n**/s\n' >"$T/context/.dockerignore"
  ln -s "$T/secret" "$T/context/leak"; ln -s ../secret "$T/context/leak2"
  buildah copy -q --contextdir "$T/context" "$ctr" . /all
  buildah copy -q --contextdir "$T/context" "$ctr" /a /absolute
  root
  is "$(ls -A "$mnt/all" | tr '\n' ' ')" ".dockerignore a leak leak2 sub "
  is "$(ls -A "$mnt/all/sub")" ""
  is "$(cat "$mnt/absolute")" a
  buildah 125 copy --contextdir "$T/context" "$ctr" ../secret /x
  one_line_error
  buildah 125 copy --contextdir "$T/context" "$ctr" leak /x
  one_line_error
  ! grep -rq secret "$mnt/x" 2>/dev/null
  echo a >"$T/other.ignore"
  buildah copy -q --contextdir "$T/context" --ignorefile "$T/other.ignore" "$ctr" . /other
  [ ! -e "$mnt/other/a" ] && [ -e "$mnt/other/b" ]
  buildah 125 copy --ignorefile "$T/other.ignore" "$ctr" "$T/secret" /x
}

@test "copy: --exclude" {
  from_base
  mkdir -p "$T/src/d"; touch "$T/src/keep" "$T/src/drop.tmp" "$T/src/d/drop.tmp" "$T/src/d/keep.tmp"
  buildah copy -q --exclude '**/*.tmp' --exclude '!**/keep.tmp' "$ctr" "$T/src" /x
  root
  is "$(cd "$mnt/x" && find . -type f | sort | tr '\n' ' ')" "./d/keep.tmp ./keep "
}

@test "copy: --from a container and from an image keeps owners" {
  from_base
  buildah from --name other docker.io/library/busybox
  buildah run --isolation chroot other sh -c 'echo x >/owned; chown 5:6 /owned'
  buildah copy -q --from other "$ctr" /owned /from-container
  buildah commit -q other localhost/other
  buildah copy -q --from localhost/other "$ctr" owned /from-image
  root
  is "$(stat -c %u:%g "$mnt/from-container") $(stat -c %u:%g "$mnt/from-image")" "5:6 5:6"
  buildah containers -q
  is "$(wc -l <<<"$output")" 2
  buildah 125 copy --from localhost/other "$ctr" /nosuch /x
  says nosuch
  buildah containers -q
  is "$(wc -l <<<"$output")" 2
}

@test "copy: --add-history and --timestamp" {
  from_base
  echo x >"$T/x"
  buildah copy --add-history --timestamp 86400 "$ctr" "$T/x" /x; digest=$output
  root
  is "$(stat -c %Y "$mnt/x")" 86400
  buildah commit -q "$ctr" h
  buildah inspect --type image --format '{{range .OCIv1.History}}{{.CreatedBy}}|{{end}}' h
  says "/bin/sh -c #(nop) COPY file:$digest|"
}
