# Repositories served over the loopback, for tests of contexts and of ADD.

# make_repository makes one with two commits, the first of which is tagged, and a
# branch; what it is served from is $T/served/project.git.
make_repository() {
  needs git
  export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x@example.com GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x@example.com
  export GIT_AUTHOR_DATE='1600000000 +0000' GIT_COMMITTER_DATE='1600000000 +0000'
  mkdir -p "$T/work/dir" "$T/served"
  git init -q -b main "$T/work"
  echo one >"$T/work/file"; echo deep >"$T/work/dir/file"
  printf '#!/bin/sh\n' >"$T/work/run"; chmod 755 "$T/work/run"
  printf 'FROM scratch\nCOPY . /top/\n' >"$T/work/Dockerfile"
  printf 'FROM scratch\nCOPY . /sub/\n' >"$T/work/dir/Dockerfile"
  ln -s / "$T/work/way-out"; ln -s dir "$T/work/way-in"
  git -C "$T/work" add . && git -C "$T/work" commit -q -m one && git -C "$T/work" tag -a -m first first
  git -C "$T/work" branch other
  echo two >"$T/work/file"; git -C "$T/work" commit -q -a -m two
  publish
}

# publish serves what $T/work has.
publish() {
  rm -rf "$T/served/project.git"
  git clone -q --bare "$T/work" "$T/served/project.git"
}

# serve_http serves $T/served over HTTP, repositories at $url; SERVER is its process.
serve_http() {
  needs python3
  mkdir -p "$T/served/cgi-bin"
  printf '#!/bin/sh\nGIT_PROJECT_ROOT=%s GIT_HTTP_EXPORT_ALL=1 exec git http-backend\n' "$T/served" >"$T/served/cgi-bin/git"
  chmod +x "$T/served/cgi-bin/git"
  rm -f "$T/port"
  (cd "$T/served" && exec python3 -W ignore -c 'import http.server as h; h.CGIHTTPRequestHandler.have_fork = False; s = h.ThreadingHTTPServer(("127.0.0.1", 0), h.CGIHTTPRequestHandler); print(s.server_port, flush=True); s.serve_forever()') >"$T/port" 2>"$T/server.log" 3>&- &
  SERVER=$!
  for _ in $(seq 50); do [ -s "$T/port" ] && break; sleep 0.1; done
  http=http://127.0.0.1:$(cat "$T/port")
  # shellcheck disable=SC2034 # for the tests
  url=$http/cgi-bin/git/project.git
}

# serve_git serves $T/served with git's own protocol; the repository is $git_url.
serve_git() {
  local port
  for port in $(shuf -i 20000-32000 -n 20); do
    git daemon --base-path="$T/served" --export-all --listen=127.0.0.1 --port="$port" --reuseaddr 2>"$T/daemon.log" 3>&- &
    SERVER=$!
    for _ in $(seq 50); do
      # shellcheck disable=SC2034 # for the tests
      git ls-remote "git://127.0.0.1:$port/project.git" >/dev/null 2>&1 && git_url=git://127.0.0.1:$port/project.git && return
      kill -0 "$SERVER" 2>/dev/null || break
      sleep 0.1
    done
  done
}

# stop_server ends what serve_http or serve_git began.
stop_server() {
  [ -z "${SERVER:-}" ] || kill "$SERVER" 2>/dev/null || true
  # git daemon leaves the work to children of its own, which end with it
  SERVER=
}

# nothing_left: no download and no clone is left.
nothing_left() {
  is "$(find "$T/tmp" -mindepth 1 -name 'buildah-*')" ""
}
