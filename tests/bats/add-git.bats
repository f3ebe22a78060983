#!/usr/bin/env bats
# Sources of ADD, `add` and `copy` that are git repositories.
load helpers
load gitserver

teardown() {
  stop_server
  cd /
  awk -v at="$BATS_TEST_TMPDIR" 'index($5, at) == 1 {print $5}' /proc/self/mountinfo | sort -r |
    while read -r mount; do umount -l "$(printf %b "$mount")" 2>/dev/null || true; done
}

# add_git FLAGS SOURCE builds an image with the source in /x, and mounts it at $root.
add_git() {
  printf 'FROM scratch\nADD %s /x\n' "$*" >context/Dockerfile
  buildah build -q -t added context
  buildah from --name "look$((++looks))" localhost/added
  buildah mount "$output"; root=$output
}

# refused TEXT FLAGS SOURCE: the build fails with the text.
refused() {
  local text=$1; shift
  printf 'FROM scratch\nADD %s /x\n' "$*" >context/Dockerfile
  buildah 125 build -q context
  one_line_error; says "$text"
}

@test "add, copy: a git repository, one of its commits, one of its directories" {
  from_base
  make_repository; serve_http
  buildah add "$ctr" "$url" /head; digest=$output
  buildah copy "$ctr" "$url" /again; is "$output" "$digest"
  buildah add -q --chown 7 "$ctr" "$url#first" /tag
  buildah add -q "$ctr" "$url#main:dir" /part
  buildah 125 add "$ctr" "$url#no-such-branch" /none
  one_line_error; says "couldn't find remote ref no-such-branch"
  buildah 125 add "$ctr" "${url%.git}-none.git" /none
  one_line_error
  buildah mount "$ctr"
  is "$(cat "$output/head/file" "$output/again/file" "$output/tag/file" "$output/part/file")" $'two\ntwo\none\ndeep'
  is "$(stat -c %u:%g "$output/tag/file")" 7:7
  [ -e "$output/head/.git" ] && [ ! -e "$output/part/.git" ] && [ ! -e "$output/none" ]
  nothing_left
}

@test "ADD of a repository keeps .git, which knows its origin, unless asked not to" {
  make_repository; serve_http
  add_git "$url#main"
  is "$(git -C "$root/x" -c safe.directory='*' rev-parse HEAD)" "$(git -C work rev-parse main)"
  is "$(git -C "$root/x" -c safe.directory='*' remote get-url origin)" "$url"
  is "$(git -C "$root/x" -c safe.directory='*' status --porcelain)" ""
  is "$(stat -c '%a %u:%g' "$root/x/file" "$root/x/run" "$root/x/dir" | tr '\n' ' ')" "644 0:0 755 0:0 755 0:0 "
  for flags in "--keep-git-dir=false $url" "$url?keep-git-dir=0"; do
    add_git "$flags"
    [ -e "$root/x/file" ] && [ ! -e "$root/x/.git" ]
  done
  add_git --keep-git-dir "$url?keep-git-dir=0"
  [ -e "$root/x/.git" ]
  nothing_left
}

@test "ADD of a repository obeys --exclude but no ignore file" {
  make_repository; serve_http
  echo '*' >context/.dockerignore
  add_git --exclude=dir --exclude=.git "$url"
  is "$(cd "$root/x" && echo ./*)" "./Dockerfile ./file ./run ./way-in ./way-out"
}

@test "ADD of a repository: references and directories in the query" {
  make_repository; serve_http
  for form in "?tag=first" "?branch=other" "?ref=first" "#other"; do
    add_git "$url$form"
    is "$(cat "$root/x/file")" one
  done
  add_git "$url?ref=main&subdir=dir"
  is "$(cat "$root/x/file")" deep
  add_git "$url?mtime=commit#:way-in"
  is "$(stat -c %Y "$root/x/file")" 1600000000
  refused "both name the reference" "$url?tag=first&branch=main"
  refused "both name the reference" "$url?ref=first#main"
  refused '"refs" has the value "first": the key is not known' "$url?refs=first"
  refused "couldn't find remote ref refs/tags/main" "$url?tag=main"
}

@test "ADD --checksum of a repository is the commit" {
  make_repository; serve_http
  old=$(git -C work rev-parse 'first^{commit}'); tag=$(git -C work rev-parse first); new=$(git -C work rev-parse main)
  add_git "--checksum=$old $url#first"
  add_git "--checksum=${tag:0:12} $url#first"
  add_git "$url?checksum=${new:0:7}"
  add_git "--checksum=$old $url"
  is "$(cat "$root/x/file")" one
  add_git "$url?ref=main&commit=$old&fetch-by-commit=true"
  is "$(cat "$root/x/file")" one
  refused "unexpected commit $new, want $old" "--checksum=$old $url#main"
  refused "are of different commits" "--checksum=$old $url?checksum=$new"
  refused "no ID of a commit" "--checksum=sha256:$(printf %064d 0) $url"
  nothing_left
}

@test "ADD of a repository does not follow links out of it" {
  make_repository; serve_http
  mkdir -p "$T/secret"; echo secret >"$T/secret/file"
  refused "no such file or directory" "$url#main:way-out$T/secret"
  refused "no such file or directory" "$url#main:../../..$T/secret"
  add_git "$url#:way-out/dir"
  is "$(cat "$root/x/file")" deep
}

@test "ADD of a repository brings its submodules, unless asked not to" {
  make_repository; serve_http
  git init -q -b main inner; echo inner >inner/file; git -C inner add .; git -C inner commit -q -m inner
  git clone -q --bare inner served/inner.git
  git -C work -c protocol.file.allow=always submodule --quiet add -b main "$T/served/inner.git" module
  git -C work config -f .gitmodules submodule.module.url ../inner.git
  git -C work commit -q -a -m module; publish
  add_git "$url"
  is "$(cat "$root/x/module/file")" inner
  add_git --keep-git-dir=false "$url"
  [ -e "$root/x/module/file" ] && [ -z "$(find "$root/x" -name .git)" ]
  add_git "$url?submodules=false"
  [ -d "$root/x/module" ] && [ ! -e "$root/x/module/file" ]
  git -C work config -f .gitmodules submodule.module.url "$T/served/inner.git"
  git -C work commit -q -a -m local; publish
  refused "transport 'file' not allowed" "$url"
}

@test "ADD of a repository: a password is in no message and in no image" {
  make_repository; serve_http
  secret=${url/http:\/\//http:\/\/me:hush@}
  add_git "$secret"
  is "$(grep -r hush "$root/x" || true)" ""
  buildah from scratch
  buildah 125 add "$output" "$secret#none" /x
  one_line_error; says "couldn't find remote ref none"; says_not hush
}

@test "ADD over ssh is refused" {
  refused "ssh" git@example.com:o/r.git
  refused "ssh" ssh://git@example.com/o/r.git
}
