#!/usr/bin/env bats
# COPY --link and ADD --link, and the flag of `copy` and `add`.
load helpers
load gitserver

teardown() {
  stop_server
  cd /
  awk -v at="$BATS_TEST_TMPDIR" 'index($5, at) == 1 {print $5}' /proc/self/mountinfo | sort -r |
    while read -r mount; do umount -l "$(printf %b "$mount")" 2>/dev/null || true; done
}

# build ARGUMENTS builds the Dockerfile on standard input.
build() {
  cat >context/Dockerfile
  buildah build -q -t built --layers "$@" context
}

# top gives the digest of the last layer of the image built last.
top() {
  buildah inspect -t image --format '{{index .OCIv1.RootFS.DiffIDs (len (slice .OCIv1.RootFS.DiffIDs 1))}}' localhost/built
  top=$output
}

# look mounts the image built last at $root.
look() {
  buildah from --name "look$((++looks))" localhost/built
  buildah mount "$output"; root=$output
}

@test "COPY --link: the same layer on every base and in every build" {
  base busybox
  mkdir -p context/dir/sub; echo a >context/a; echo b >context/dir/sub/b; ln context/a context/dir/hard
  local instruction seen
  for instruction in "COPY --link a /new/place/" "COPY --link a dir* /many/" "COPY --link --chown=7 --chmod=u=rwX,go= dir /dir" \
    "COPY --link <<END /doc
text
END"; do
    seen=
    for from in scratch busybox; do
      for _ in 1 2; do
        sleep 0.02
        build --no-cache <<<"FROM $from
$instruction"
        top; [ -z "$seen" ] || is "$top" "$seen"; seen=$top
      done
    done
  done
  look
  is "$(cat "$root/doc")" text
}

@test "COPY --link: what the files are" {
  base busybox
  mkdir -p context/dir; echo a >context/a; echo b >context/dir/b; echo no >context/no; echo no >context/.dockerignore
  touch -d @1600000000 context/a context/dir/b context/dir context/.dockerignore context
  build <<'END'
FROM busybox
RUN mkdir -m 700 /mine && ln -s /mine /link && echo old >/mine/a
USER guest
WORKDIR /work
COPY --link --chown=guest:users a /mine/
COPY --link . rel/
COPY --link a /link/a
RUN cat /work/rel/dir/b
END
  look
  is "$(stat -c '%u:%g' "$root/mine/a")" 405:100
  is "$(cat "$root/mine/a" "$root/work/rel/dir/b")" $'a\nb'
  [ ! -e "$root/work/rel/no" ]
  [ ! -L "$root/link" ] # a link of a lower layer is not followed: it is replaced
  is "$(stat -c %Y "$root/link")" 1600000000
  buildah from --name plain busybox
  buildah mount plain
  is "$(stat -c '%a %u' "$root")" "$(stat -c '%a %u' "$output")"
  buildah inspect -t image --format '{{range .OCIv1.History}}{{.CreatedBy}}|{{.Created}}{{"\n"}}{{end}}' localhost/built
  says "in /mine/"; says "in /work/rel/"; says "|2020-09-13 12:26:40"
}

@test "COPY --link: outputs, one layer, tags and a fixed time have its files" {
  echo a >context/a
  printf 'FROM scratch\nCOPY --link a /dir/\n' >context/Dockerfile
  buildah build -q --layers -t built -o out context
  is "$(cat out/dir/a)" a
  buildah build -q --layers --squash -t built context; look
  is "$(cat "$root/dir/a")" a
  buildah inspect -t image --format '{{len .OCIv1.RootFS.DiffIDs}} {{len .OCIv1.History}}' localhost/built
  is "$output" "1 1"
  buildah build -q --layers --timestamp 5 -t built context; look
  is "$(stat -c %Y "$root/dir/a" "$root/dir")" $'5\n5'
  store_containers=$(buildah containers -q --filter name=working; echo "$output")
  is "$store_containers" ""
}

@test "COPY --link --from, and sources of other kinds" {
  mkdir -p tree; echo t >tree/file; touch -d @1600000000 tree/file tree; tar -cf context/a.tar -C tree file
  make_repository; serve_http; echo served >served/file.txt
  local first=
  for _ in 1 2; do
    build --no-cache <<END
FROM scratch AS one
COPY --link Dockerfile /one/
FROM scratch
COPY --from=one --link --parents /one/Dockerfile /two/
ADD --link a.tar /tar/
ADD --link $http/file.txt /web/
ADD --link $url#:dir /git/
END
    buildah inspect -t image --format '{{slice .OCIv1.RootFS.DiffIDs 1}}' localhost/built
    [ -z "$first" ] || is "$output" "$first"; first=$output
    touch -r served/file.txt context/Dockerfile
  done
  look
  is "$(cat "$root/tar/file" "$root/web/file.txt" "$root/git/file")" $'t\nserved\ndeep'
  [ -e "$root/two/one/Dockerfile" ]
}

@test "COPY --link: refusals, and without --layers a warning" {
  echo a >context/a; : >context/.wh.a
  printf 'FROM scratch\nCOPY --link a ../x\n' >context/Dockerfile
  buildah 125 build -q --layers context
  one_line_error; says 'cannot hold ".."'
  printf 'FROM scratch\nCOPY --link .wh.a /\n' >context/Dockerfile
  buildah 125 build -q --layers context
  one_line_error; says '".wh."'
  printf 'FROM scratch\nCOPY --link none /\n' >context/Dockerfile
  buildah 125 build -q --layers context
  one_line_error; says "no such file or directory"
  printf 'FROM scratch\nCOPY --link a /\n' >context/Dockerfile
  buildah build -q -t built context
  says "--link is not supported when building without --layers, ignoring --link"
  look
  is "$(cat "$root/a")" a
}

@test "copy, add: --link makes layers at the commit, also at a second one" {
  from_base
  echo one >one; echo two >two; touch -d @1600000000 one
  buildah copy --link "$ctr" one /linked/; digest=$output
  buildah copy "$ctr" one /plain/; is "$output" "$digest"
  buildah add -q --link --chown guest "$ctr" two /linked/
  buildah mount "$ctr"
  [ ! -e "$output/linked" ] && [ -e "$output/plain/one" ]
  buildah umount "$ctr"
  for name in first second; do
    buildah commit -q "$ctr" "$name"
    buildah inspect -t image --format '{{range .OCIv1.History}}{{if not .EmptyLayer}}{{.CreatedBy}}{{"\n"}}{{end}}{{end}}' "$name"
    is "$(tail -2 <<<"$output" | cut -d' ' -f1-5 | sort -u)" $'/bin/sh -c #(nop) ADD --link\n/bin/sh -c #(nop) COPY --link'
    is "$(wc -l <<<"$output")" 4
  done
  buildah from --name look first
  buildah mount look
  is "$(cat "$output/linked/one" "$output/linked/two" "$output/plain/one")" $'one\ntwo\none'
  is "$(stat -c %u "$output/linked/two")" 405
  buildah 125 commit -q --squash "$ctr" third
  one_line_error; says "can't add prebuilt layers"
  buildah 125 copy --link "$ctr" one ../x
  one_line_error; says 'cannot hold ".."'
}
