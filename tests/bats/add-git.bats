#!/usr/bin/env bats
# Sources of `add` and `copy` that are git repositories.
load helpers

# serve_git serves a repository with two commits over HTTP; its address is in $url.
serve_git() {
  needs git; needs python3
  mkdir -p "$T/served/cgi-bin" "$T/work/dir"
  export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x@example.com GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x@example.com
  git init -q -b main "$T/work"
  echo one >"$T/work/file"; echo deep >"$T/work/dir/file"
  git -C "$T/work" add . && git -C "$T/work" commit -q -m one && git -C "$T/work" tag first
  echo two >"$T/work/file"; git -C "$T/work" commit -q -a -m two
  git clone -q --bare "$T/work" "$T/served/project.git"
  printf '#!/bin/sh\nGIT_PROJECT_ROOT=%s GIT_HTTP_EXPORT_ALL=1 exec git http-backend\n' "$T/served" >"$T/served/cgi-bin/git"
  chmod +x "$T/served/cgi-bin/git"
  (cd "$T/served" && exec python3 -W ignore -c 'import http.server as h; h.CGIHTTPRequestHandler.have_fork = False; s = h.ThreadingHTTPServer(("127.0.0.1", 0), h.CGIHTTPRequestHandler); print(s.server_port, flush=True); s.serve_forever()') >"$T/port" 2>"$T/server.log" 3>&- &
  SERVER=$!
  for _ in $(seq 50); do [ -s "$T/port" ] && break; sleep 0.1; done
  url=http://127.0.0.1:$(cat "$T/port")/cgi-bin/git/project.git
}

@test "add, copy: a git repository, one of its commits, one of its directories" {
  from_base
  serve_git
  buildah add "$ctr" "$url" /head; digest=$output
  buildah copy "$ctr" "$url#main" /branch; is "$output" "$digest"
  buildah add -q --chown 7 "$ctr" "$url#first" /tag
  buildah add -q "$ctr" "$url#main:dir" /part
  buildah 125 add "$ctr" "$url#no-such-branch" /none
  one_line_error; says no-such-branch
  buildah 125 add "$ctr" "${url%.git}-none.git" /none
  kill "$SERVER"
  buildah mount "$ctr"
  is "$(cat "$output/head/file" "$output/branch/file" "$output/tag/file" "$output/part/file")" $'two\ntwo\none\ndeep'
  is "$(stat -c %u:%g "$output/tag/file")" 7:7
  [ ! -e "$output/head/.git" ] && [ ! -e "$output/none" ]
  is "$(find "$T/tmp" -name 'buildah-context*')" ""
}
