#!/usr/bin/env bats
# The argument of `build`, -f, and ignore files.
load helpers
load gitserver

teardown() {
  stop_server
  cd /
  awk -v at="$BATS_TEST_TMPDIR" 'index($5, at) == 1 {print $5}' /proc/self/mountinfo | sort -r |
    while read -r mount; do umount -l "$(printf %b "$mount")" 2>/dev/null || true; done
}

# build ARGUMENTS builds, and mounts the result at $root.
build() {
  buildah build -q -t built "$@"
  buildah from --name "look$((++looks))" localhost/built
  buildah mount "$output"; root=$output
}

# refused TEXT ARGUMENTS
refused() {
  local text=$1; shift
  buildah 125 build -q "$@"
  one_line_error; says "$text"
}

@test "build: a repository, over its own protocol and over HTTP" {
  make_repository; serve_git
  local form want
  while read -r form want; do
    build "$git_url${form#head}"
    is "$(cat "$root/${want%=*}")" "${want#*=}"
  done <<END
head top/file=two
#main top/file=two
#first top/file=one
#$(git -C work rev-parse 'first^{commit}') top/file=one
#other:dir sub/file=deep
#:dir sub/file=deep
#main:way-in sub/file=deep
?tag=first top/file=one
?branch=other&subdir=dir sub/file=deep
?commit=$(git -C work rev-parse main) top/file=two
END
  [ ! -e "$root/top/.git/logs" ] && [ -e "$root/top/.git" ]
  build "$git_url?keep-git-dir=0"
  [ ! -e "$root/top/.git" ]
  printf 'FROM scratch\nCOPY dir/file /mine\n' >local
  build -f local "$git_url"
  is "$(cat "$root/mine")" deep
  stop_server; serve_http
  build "$url#first"
  is "$(cat "$root/top/file")" one
  nothing_left
}

@test "build: repositories that cannot be used" {
  make_repository; git -C work rm -q Dockerfile; git -C work commit -q -m none; git -C work branch empty; publish; serve_git
  refused "cannot find Containerfile or Dockerfile" "$git_url#empty"
  refused "failed while performing" "$git_url#none"; says "git fetch"
  refused "git fetch" "git://127.0.0.1:1/none.git"
  refused "no such file or directory" "$git_url#main:none"
  refused "not a directory" "$git_url#main:file"
  refused "unexpected commit" "$git_url?ref=main&checksum=$(git -C work rev-parse first)"
  refused "no name of a commit" "$git_url#--upload-pack=x"
  refused "the key is not known" "$git_url?depth=1"
  nothing_left
}

@test "build: no link leads out of a context that was fetched" {
  mkdir tree outside; echo secret >outside/secret
  printf 'FROM scratch\nCOPY way-out/secret /\n' >tree/Dockerfile
  printf 'FROM scratch\n' >tree/Plain; ln -s "$T/outside/secret" tree/Plain.dockerignore
  ln -s "$T/outside" tree/way-out; ln -s "$T/outside/secret" tree/Linked
  printf '#include "way-out/secret"\nFROM scratch\n' >tree/Include.in
  make_repository; cp -a tree/. work; git -C work add .; git -C work commit -q -m tree; publish; serve_git
  tar -cf tree.tar -C tree .
  local context
  for context in - "$git_url"; do
    refused "no such file or directory" "$context" <tree.tar
    refused "no such file or directory" -f Linked "$context" <tree.tar
    refused "is outside of the build context" -f Include.in "$context" <tree.tar
    buildah build -q -f Plain "$context" <tree.tar
    printf 'FROM scratch\nCOPY . /all/\n' >local
    build -f local "$context" <tree.tar
    is "$(readlink "$root/all/way-out")" "$T/outside"
  done
  refused "no such file or directory" "$git_url#:way-out"
  nothing_left
}

@test "build -: an archive, compressed or not, and a Dockerfile" {
  printf 'FROM scratch\nCOPY f /\n' >context/Dockerfile; echo f >context/f
  local how
  for how in cat gzip bzip2 xz "zstd -q"; do
    command -v "${how%% *}" >/dev/null || continue
    build - < <(tar -cf - -C context . | $how)
    is "$(cat "$root/f")" f
  done
  buildah build -q - <<<'FROM scratch'
  refused "no such file or directory" - <context/Dockerfile
  refused "no contents in" - </dev/null
  refused "context" - < <(tar -czf - -C context . | head -c 60)
  nothing_left
}

@test "build: what URLs name, and tries again" {
  mkdir served; printf 'FROM scratch\nCOPY f /\n' >context/Dockerfile; echo f >context/f
  mkdir context/sub; printf 'FROM scratch\nCOPY f /sub\n' >context/sub/Other
  tar -czf served/c.tgz -C context .; printf 'FROM scratch\n' >served/Dockerfile; : >served/empty
  serve_http
  build "$http/c.tgz"; is "$(cat "$root/f")" f
  build -f sub/Other "$http/c.tgz"; is "$(cat "$root/sub")" f
  buildah build -q "$http/Dockerfile"
  buildah build -q -f "$http/Dockerfile" context
  refused "invalid response status 404" "$http/none"
  refused "invalid response status 404" -f "$http/none" context
  refused "no contents in" "$http/empty"
  stop_server
  refused "connection refused" --retry 2 --retry-delay 10ms "$http/c.tgz"
  says "retrying in 10ms ... (2/2)"
  nothing_left
}

@test "build: the context is the directory of a Dockerfile, or the current one" {
  printf 'FROM scratch\nCOPY f /\n' >context/Dockerfile; echo f >context/f
  build context/Dockerfile; is "$(cat "$root/f")" f
  cd context && build && cd ..; is "$(cat "$root/f")" f
  build -f <(printf 'FROM scratch\nCOPY f /g\n') context; is "$(cat "$root/g")" f
  build -f - context <<<$'FROM scratch\nCOPY f /h'; is "$(cat "$root/h")" f
  refused "no such file or directory" none
  refused "not a directory" -f context/f/Dockerfile context
  refused "cannot be path to a directory" -f context context
  : >empty
  refused 'no contents in "empty"' empty
  mkdir dir; mkdir dir/Dockerfile
  refused "is not a file" dir
  refused "accepts at most 1 arg(s), received 2" context context
}

@test "build -f: several files, of which each may begin a stage" {
  printf 'FROM scratch\nCOPY f /one\n' >context/one; printf 'COPY f /two\n' >context/two; echo f >context/f
  printf 'FROM scratch\nCOPY f /three\n' >context/three
  build -f one -f two context; [ -e "$root/one" ] && [ -e "$root/two" ]
  build -f one,two,three context; is "$(ls "$root")" three
  printf 'COPY\n' >context/bad
  buildah 125 build -q -f one -f bad context; one_line_error
}

@test "ADD --unpack: downloads are unpacked when asked, local archives unless asked not to" {
  mkdir tree served; echo t >tree/file; chown 7:8 tree/file; tar -czf context/a.tgz -C tree file; cp context/a.tgz served/; echo plain >served/plain
  serve_http
  cat >context/Dockerfile <<END
FROM scratch
ADD a.tgz /default/
ADD --unpack=false a.tgz /packed/
ADD $http/a.tgz /kept/
ADD --unpack --checksum=sha256:$(sha256sum <context/a.tgz | cut -d' ' -f1) $http/a.tgz /unpacked/
ADD --unpack=true $http/plain /plain
END
  build context
  [ -f "$root/default/file" ] && [ -f "$root/packed/a.tgz" ] && [ -f "$root/kept/a.tgz" ] && [ ! -e "$root/unpacked/a.tgz" ]
  is "$(stat -c '%u:%g' "$root/unpacked/file") $(stat -c %a "$root/plain")" "7:8 600"
  printf 'FROM scratch\nADD --unpack --checksum=sha256:%064d %s/a.tgz /x/\n' 0 "$http" >context/Dockerfile
  refused "unexpected response digest for \"$http/a.tgz\": sha256:$(sha256sum <context/a.tgz | cut -d' ' -f1), want sha256:" context
  nothing_left
}

@test "build: ignore files, and which of them counts" {
  printf 'FROM scratch\nCOPY . /all/\n' >context/Dockerfile; cp context/Dockerfile context/Other
  touch context/a context/b context/c context/d context/e
  # left NAMES ARGUMENTS: files of these names are copied.
  left() { local want=$1; shift; build "$@" context; is "$(cd "$root/all" && echo ? | tr -d ' ')" "$want"; }
  echo e >ignore
  left abcde
  echo a >context/.dockerignore; left bcde
  echo b >context/.containerignore; left acde
  echo c >context/Other.containerignore; left abde -f Other
  echo d >context/Other.dockerignore; left abce -f Other
  left abcd -f Other --ignorefile ignore
  refused "no such file or directory" --ignorefile none context
  echo '!' >ignore; refused 'illegal exclusion pattern: "!"' --ignorefile ignore context
  printf 'FROM scratch\nCOPY b /\n' >context/Dockerfile
  refused "1 filtered out using $T/context/.containerignore): no such file or directory" context
  says 'building at STEP "COPY b /"'; says "no items matching glob"
}

@test "build: exceptions in ignore files" {
  mkdir -p context/subdir context/usr/bin context/usr/lib; touch context/{test1,test2}.txt context/subdir/sub1.txt context/usr/bin/x context/usr/lib/y
  printf 'FROM scratch\nCOPY ./ ./\n' >context/Dockerfile
  printf '*\ntest*\n!test2*\nsubdir\n!*/sub1*\n' >context/.dockerignore
  build context; is "$(cd "$root" && find . -type f)" ./test2.txt
  printf 'FROM scratch\nCOPY subdir ./\n' >context/Dockerfile
  refused "no such file or directory" context
  printf 'FROM scratch\nCOPY . /\n' >context/Dockerfile
  printf '*\nusr/*\n!usr/bin/*\n' >context/.dockerignore
  build context; is "$(cd "$root" && find . -type f)" ./usr/bin/x
}
