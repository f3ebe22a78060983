#!/usr/bin/env bats
load helpers

serve() { # a web server on the loopback with the files of $T/www
  mkdir -p "$T/www"
  for WEB in $(shuf -i 20000-32000 -n 20); do
    busybox httpd -f -p "127.0.0.1:$WEB" -h "$T/www" 3>&- &
    WEB_PID=$!
    for _ in 1 2 3 4 5 6 7 8 9 10; do (exec 4<>"/dev/tcp/127.0.0.1/$WEB") 2>/dev/null && return; kill -0 $WEB_PID 2>/dev/null || break; sleep 0.1; done
  done
}

@test "add: local archives are unpacked, whatever they are called" {
  from_base
  mkdir "$T/src"; echo x >"$T/src/file"; chown 3:4 "$T/src/file"; touch -d @1000 "$T/src/file"
  tar -C "$T/src" -cf "$T/plain" .; tar -C "$T/src" -czf "$T/a.bin" .; tar -C "$T/src" -cJf "$T/a.xz" .
  tar -C "$T/src" -cjf "$T/a.bz2" .; zstd -q "$T/plain" -o "$T/a.zst" 2>/dev/null || cp "$T/plain" "$T/a.zst"
  for a in plain a.bin a.xz a.bz2 a.zst; do
    buildah add -q "$ctr" "$T/$a" "/to/$a"
    buildah mount "$ctr"
    is "$(stat -c '%u:%g %Y' "$output/to/$a/file")" "3:4 1000"
  done
  buildah copy -q "$ctr" "$T/a.bin" /copied
  cmp "$T/a.bin" "$output/copied" || cmp "$T/a.bin" "$(buildah mount "$ctr"; echo "$output")/copied"
}

@test "add: plain files and directories are as with copy" {
  from_base
  mkdir "$T/src"; echo x >"$T/src/file"; tar -C "$T/src" -cf "$T/src/inner.tar" file
  buildah add -q "$ctr" "$T/src" /x
  buildah mount "$ctr"
  is "$(ls "$output/x" | tr '\n' ' ')" "file inner.tar "
}

@test "add: a URL is downloaded, not unpacked" {
  serve
  from_base
  echo fetched >"$T/www/file"; tar -C "$T/www" -czf "$T/www/archive.tgz" file; touch -d '2001-02-03 04:05:06 UTC' "$T/www/file"
  buildah add -q "$ctr" "http://127.0.0.1:$WEB/file" /named
  buildah add -q "$ctr" "http://127.0.0.1:$WEB/file" /dir/
  buildah add -q --chmod 644 "$ctr" "http://127.0.0.1:$WEB/archive.tgz" /dir/
  buildah mount "$ctr"; mnt=$output
  is "$(cat "$mnt/named") $(cat "$mnt/dir/file")" "fetched fetched"
  is "$(stat -c '%a %Y' "$mnt/named")" "600 981173106"
  is "$(stat -c %a "$mnt/dir/archive.tgz")" 644
  cmp "$T/www/archive.tgz" "$mnt/dir/archive.tgz"
  sum=$(sha256sum "$T/www/file" | cut -d' ' -f1)
  buildah add -q --checksum "sha256:$sum" "$ctr" "http://127.0.0.1:$WEB/file" /checked
  buildah 125 add --checksum "sha256:${sum//[0-9]/0}" "$ctr" "http://127.0.0.1:$WEB/file" /wrong
  says "unexpected response digest"
  [ ! -e "$mnt/wrong" ]
  buildah 125 add "$ctr" "http://127.0.0.1:$WEB/nosuch" /x
  says "404"
  one_line_error
  buildah 125 add --checksum "sha256:$sum" "$ctr" "$T/www/file" /x
  says "not supported for local sources"
  kill "$WEB_PID"
}

@test "add: an archive cannot leave the root" {
  from_base
  mkdir -p "$T/outside"; echo untouched >"$T/outside/canary"
  python3 - "$T" <<'PY' 2>/dev/null || skip "python3 is not installed"
import io, sys, tarfile
top = sys.argv[1]
with tarfile.open(top + "/evil.tar", "w") as t:
    def add(name, data=None, link=None, kind=tarfile.REGTYPE):
        i = tarfile.TarInfo(name); i.type = kind
        if link is not None: i.linkname = link
        if data is not None: i.size = len(data)
        t.addfile(i, io.BytesIO(data) if data is not None else None)
    add("../../../../../../.." + top + "/outside/canary", b"changed")
    add("link", link=top + "/outside", kind=tarfile.SYMTYPE)
    add("link/canary", b"changed")
    add("chain1", link="chain2", kind=tarfile.SYMTYPE)
    add("chain2", link="/", kind=tarfile.SYMTYPE)
    add("chain1" + top + "/outside/canary", b"changed")
    add("hard", link=top + "/outside/canary", kind=tarfile.LNKTYPE)
PY
  "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" add "$ctr" "$T/evil.tar" / >"$T/out" 2>&1 || true
  is "$(cat "$T/outside/canary")" untouched
  is "$(stat -c %h "$T/outside/canary")" 1
}
