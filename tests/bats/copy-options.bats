#!/usr/bin/env bats
# The flags of `copy` and `add`; the rules of destinations are in copy.bats.
load helpers

# root mounts the container; its place is in $mnt.
root() { buildah mount "$ctr"; mnt=$output; }

# verbs WORDS... runs the words with each verb in $verb.
verbs() { for verb in add copy; do "$@"; done; }

@test "copy, add: --exclude counts from the source and from the current directory" {
  from_base
  mkdir -p "$T/context/d/sub"; touch "$T/context/d/keep" "$T/context/d/drop.o" "$T/context/d/sub/file"
  cd "$T/context"
  check() {
    buildah "$verb" -q --exclude sub --exclude '*.o' "$ctr" d "/$verb-source"
    buildah "$verb" -q --exclude d/sub,d/drop.o "$ctr" d "/$verb-here"
    buildah "$verb" -q --exclude '**/sub' --exclude '**/*.o' --contextdir "$T/context" "$ctr" d "/$verb-context"
  }
  verbs check
  root
  for dir in add copy; do
    for kind in source here context; do is "$(ls "$mnt/$dir-$kind")" keep; done
  done
}

@test "copy, add: no character of the current directory is a pattern" {
  from_base
  mkdir "$T/od[d] *?\\name"; cd "$T/od[d] *?\\name"
  echo one >file-1; echo two >file-2
  check() {
    buildah "$verb" -q "$ctr" file-1 "/$verb-one"
    buildah "$verb" -q "$ctr" 'file-*' "/$verb-all/"
    buildah "$verb" -q --exclude file-1 "$ctr" . "/$verb-two"
  }
  verbs check
  root
  is "$(cat "$mnt/copy-one" "$mnt/copy-all/file-2")" $'one\ntwo'
  is "$(ls "$mnt/add-two")" file-2
}

@test "copy, add: wildcards, on and off" {
  from_base
  touch "$T/context/a*b" "$T/context/axb"
  check() {
    buildah "$verb" -q --allow-wildcard=false "$ctr" "$T/context/a*b" "/$verb-literal/"
    buildah "$verb" --allow-empty-wildcard "$ctr" "$T/context/none*" /nowhere
    is "$output" ""
    buildah 125 "$verb" "$ctr" "$T/context/none*" /nowhere
    buildah 125 "$verb" --allow-empty-wildcard "$ctr" "$T/context/none" /nowhere
  }
  verbs check
  root
  is "$(ls "$mnt/add-literal")" 'a*b'
  [ ! -e "$mnt/nowhere" ]
}

@test "copy, add: links, owners, leading directories" {
  from_base
  mkdir -p "$T/context/x/y"; echo data >"$T/context/x/y/file"; ln -s file "$T/context/x/y/link"
  check() {
    buildah "$verb" -q --no-follow-symlinks "$ctr" "$T/context/x/y/link" "/$verb-link"
    buildah "$verb" -q --chown guest:bin --chmod 0640 "$ctr" "$T/context/x/y/link" "/$verb-file"
    buildah "$verb" -q --from docker.io/library/busybox --chown 7 "$ctr" /etc/passwd "/$verb-from"
  }
  verbs check
  buildah copy -q --parents --contextdir "$T/context" "$ctr" x/y/file /whole/
  buildah copy -q --parents "$ctr" "$T/context/./x/y/file" /part/
  root
  for verb in add copy; do
    is "$(readlink "$mnt/$verb-link")" file
    is "$(stat -c %u:%g:%a "$mnt/$verb-file")" 405:1:640
    is "$(stat -c %u:%g "$mnt/$verb-from")" 7:7
  done
  [ -f "$mnt/whole/x/y/file" ] && [ -f "$mnt/part/x/y/file" ]
}

@test "copy, add: ignore files" {
  from_base
  touch "$T/context/a" "$T/context/b"
  echo a >"$T/context/.dockerignore"; printf '*\n!b\n' >"$T/ignore"
  check() {
    buildah "$verb" -q --contextdir "$T/context" "$ctr" . "/$verb-own"
    buildah "$verb" -q --contextdir "$T/context" --ignorefile "$T/ignore" "$ctr" . "/$verb-named"
    buildah "$verb" -q "$ctr" "$T/context" "/$verb-none"
    buildah 125 "$verb" --ignorefile "$T/ignore" "$ctr" "$T/context" /nowhere
    says --contextdir
    buildah 125 "$verb" --contextdir "$T/context" "$ctr" ../ignore /nowhere
    buildah 125 "$verb" --contextdir "$T/context" "$ctr" a /nowhere
  }
  verbs check
  root
  for verb in add copy; do
    is "$(ls -A "$mnt/$verb-own")" $'.dockerignore\nb'
    is "$(ls -A "$mnt/$verb-named")" b
    is "$(ls -A "$mnt/$verb-none")" $'.dockerignore\na\nb'
  done
}

@test "copy, add: history, times, quiet" {
  from_base
  echo data >"$T/file"
  check() {
    buildah "$verb" --add-history --timestamp 1000 "$ctr" "$T/file" "/$verb"
    digest=$output
    buildah inspect --format '{{(index .History 1).CreatedBy}}' "$ctr"
    BUILDAH_HISTORY=1 buildah "$verb" --quiet "$ctr" "$T/file" "/$verb"
    is "$output" ""
    buildah inspect --format '{{range .History}}{{.CreatedBy}}|{{end}}' "$ctr"
    says "#(nop) ${verb^^} file:$digest|"
  }
  verbs check
  is "$(grep -o '#(nop)' <<<"$output" | wc -l)" 4
  verbs eval 'buildah 125 "$verb" --timestamp never "$ctr" "$T/file" /nowhere'
}

@test "copy, add: downloads are checked, tried again, and refused with the reason" {
  needs python3
  from_base
  echo content >"$T/context/file"
  (cd "$T/context" && exec python3 -c 'import http.server as h; s = h.HTTPServer(("127.0.0.1", 0), h.SimpleHTTPRequestHandler); print(s.server_port, flush=True); s.serve_forever()') >"$T/port" 2>/dev/null 3>&- &
  server=$!
  for _ in $(seq 50); do [ -s "$T/port" ] && break; sleep 0.1; done
  url=http://127.0.0.1:$(cat "$T/port")/file
  sum=$(sha256sum "$T/context/file" | cut -d' ' -f1)
  buildah add -q --checksum "sha256:$sum" --timestamp 7 "$ctr" "$url" /got/
  buildah 125 add --checksum "sha256:${sum//[0-9]/0}" "$ctr" "$url" /bad
  buildah 125 add --retry 0 "$ctr" "$url-none" /bad; says 404
  kill $server; wait $server || true
  buildah 125 add --retry 2 --retry-delay 10ms "$ctr" "$url" /bad
  says "(2/2)"; says 127.0.0.1
  buildah 125 add --cert-dir "$T/none" --tls-verify=false --retry 0 "$ctr" "https${url#http}" /bad
  buildah 125 copy --checksum "sha256:$sum" "$ctr" "$T/context/file" /bad
  root
  is "$(stat -c %a:%Y "$mnt/got/file")" 600:7
  [ ! -e "$mnt/bad" ]
}
