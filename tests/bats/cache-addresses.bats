#!/usr/bin/env bats
# The cache of steps for what has an address: downloads and repositories, of ADD and
# as build contexts.
load helpers
load gitserver

teardown() {
  stop_server
  cd /
  awk -v at="$BATS_TEST_TMPDIR" 'index($5, at) == 1 {print $5}' /proc/self/mountinfo | sort -r |
    while read -r mount; do umount -l "$(printf %b "$mount")" 2>/dev/null || true; done
}

# serve serves $T/served with what servers say of files: below /etag an ETag, below
# /time a time, below /mute nothing. $T/asked has a line for each request.
serve() {
  needs python3
  mkdir -p "$T/served/etag" "$T/served/time" "$T/served/mute"
  cat >"$T/server.py" <<'P'
import hashlib, http.server, os, sys, email.utils
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = os.environ["SERVED"] + self.path
        with open(os.environ["ASKED"], "a") as log:
            print(self.command, self.path, file=log)
        try:
            data = open(path, "rb").read()
        except OSError:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        if self.path.startswith("/etag"):
            self.send_header("ETag", '"%s"' % os.stat(path).st_ino)
        if self.path.startswith("/time"):
            self.send_header("Last-Modified", email.utils.formatdate(os.stat(path).st_mtime, usegmt=True))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)
    do_HEAD = do_GET
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
P
  SERVED=$T/served ASKED=$T/asked python3 -W ignore "$T/server.py" >"$T/port" 2>"$T/server.log" 3>&- &
  SERVER=$!
  for _ in $(seq 100); do [ -s "$T/port" ] && break; sleep 0.1; done
  http=http://127.0.0.1:$(cat "$T/port")
}

# put PATH TEXT writes a served file anew, an hour old.
put() {
  rm -f "$T/served/$1"
  [ -z "${keep:-}" ] || : >"$T/served/$keep$RANDOM" # so that no inode is used again
  echo "$2" >"$T/served/$1"
  touch -d '1 hour ago' "$T/served/$1"
}

# gets counts the downloads since the last call.
gets() {
  grep -c '^GET' "$T/asked" || true
  : >"$T/asked"
}

# build gives what the cache did for each step: h or m.
build() {
  sleep 0.06 # files that were changed in this moment are read again anyway
  buildah build --layers --explain --network host -t out "$@" "$T/context"
  # shellcheck disable=SC2034 # for the tests
  pattern=$(sed -n 's/^==> cache: \(hit\|miss\|not\).*/\1/p' <<<"$output" | cut -c 1 | tr -d '\n')
}

# has PATH TEXT: the image has this in a file.
has() {
  buildah from --name look localhost/out
  buildah mount look
  is "$(cat "$output/$1")" "$2"
  buildah rm --force look
}

@test "cache addresses: a download by what the server says of it" {
  serve
  for kind in etag time; do
    keep=$kind/x
    printf 'FROM scratch\nADD %s/%s/f /f\nCMD ["x"]\n' "$http" "$kind" >"$T/context/Dockerfile"
    put $kind/f one
    build; is "$pattern" mm
    is "$(gets)" 1
    build; is "$pattern" hh
    is "$(gets)" 0
    put $kind/f other
    build; is "$pattern" mm
    is "$(gets)" 1
    has f other
  done
}

@test "cache addresses: a download by its content" {
  serve
  printf 'FROM scratch\nADD %s/mute/f /f\nCMD ["x"]\n' "$http" >"$T/context/Dockerfile"
  put mute/f one
  build; is "$pattern" mm
  is "$(gets)" 1
  build; is "$pattern" hh
  is "$(gets)" 1
  put mute/f two
  build; is "$pattern" mm
  says '==> cache: miss: what is at its address is another: "'
  is "$(gets)" 1
  has f two
  # The ETag is another, the content the same: known after one download, and then without.
  printf 'FROM scratch\nADD %s/etag/f /f\nCMD ["x"]\n' "$http" >"$T/context/Dockerfile"
  put etag/f one
  build; is "$pattern" mm
  gets
  keep=etag/x
  put etag/f one
  build; is "$pattern" hh
  is "$(gets)" 1
  build; is "$pattern" hh
  is "$(gets)" 0
  is "$(find "$TMPDIR" -mindepth 1)" ''
}

@test "cache addresses: a time that is too young says nothing" {
  serve
  printf 'FROM scratch\nADD %s/time/f /f\n' "$http" >"$T/context/Dockerfile"
  echo one >"$T/served/time/f"
  touch -d '1 hour' "$T/served/time/f"
  build; is "$pattern" m
  gets
  echo two >"$T/served/time/f"
  touch -r "$T/server.py" "$T/served/time/f"; touch -d '1 hour' "$T/served/time/f"
  build; is "$pattern" m
  has f two
}

@test "cache addresses: a repository by its commit" {
  make_repository
  serve_http
  printf 'FROM scratch\nADD %s#main /f\nCMD ["x"]\n' "$url" >"$T/context/Dockerfile"
  build; is "$pattern" mm
  build; is "$pattern" hh
  git -C "$T/work" tag unrelated
  publish
  build; is "$pattern" hh
  echo three >"$T/work/file"; git -C "$T/work" commit -q -a -m three
  publish
  build; is "$pattern" mm
  says 'what is at its address is another: "'
  has f/file three
  git -C "$T/work" reset -q --hard HEAD~1
  publish
  build; is "$pattern" hh
  has f/file two
}

@test "cache addresses: build contexts of all kinds" {
  make_repository
  serve_http
  base busybox
  export BUILDAH_ISOLATION=chroot
  mkdir "$T/directory"; echo one >"$T/directory/file"
  mkdir "$T/tree"; echo one >"$T/tree/file"; tar -C "$T/tree" -cf "$T/served/tree.tar" .
  touch -d '1 hour ago' "$T/served/tree.tar"
  local contexts=(--build-context "dir=$T/directory" --build-context "repo=$url#main" --build-context "tar=$http/tree.tar" --build-context image=docker-image://docker.io/library/busybox)
  for name in dir repo tar image; do
    file=file; [ $name != image ] || file=bin/busybox
    printf 'FROM docker.io/library/busybox\nCOPY --from=%s %s /f\nRUN --mount=from=%s,source=%s,target=/m cat /m >/copy\n' $name $file $name $file >"$T/context/Dockerfile"
    build "${contexts[@]}"; is "$pattern" mm
    build "${contexts[@]}"; is "$pattern" hh
  done
  echo two >"$T/directory/file"
  echo three >"$T/work/file"; git -C "$T/work" commit -q -a -m three; publish
  echo twice >"$T/tree/file"; tar -C "$T/tree" -cf "$T/served/tree.tar" .; touch -d '1 hour ago' "$T/served/tree.tar"
  for name in dir:two repo:three tar:twice; do
    printf 'FROM docker.io/library/busybox\nCOPY --from=%s file /f\nRUN --mount=from=%s,source=file,target=/m cat /m >/copy\n' "${name%:*}" "${name%:*}" >"$T/context/Dockerfile"
    build "${contexts[@]}"; is "$pattern" mm
    has copy "${name#*:}"
  done
}

@test "cache addresses: a stage on a build context" {
  mkdir -p "$T/directory"; echo one >"$T/directory/file"
  printf 'FROM dir\nLABEL x=1\n' >"$T/context/Dockerfile"
  build --build-context "dir=$T/directory"; is "$pattern" m
  is "$(grep -c 'Using cache' <<<"$output" || true)" 0
  build --build-context "dir=$T/directory"; is "$pattern" hh
  cp -r "$T/directory" "$T/copy"
  build --build-context "dir=$T/copy"; is "$pattern" hh
  has file one
  echo two >"$T/directory/file"
  build --build-context "dir=$T/directory"; is "$pattern" m
  has file two
  echo file >"$T/directory/.dockerignore"
  build --build-context "dir=$T/directory"; is "$pattern" m
  buildah rmi -f -a
  build --build-context "dir=$T/copy"; is "$pattern" m
  has file one
  store_is_clean
}
