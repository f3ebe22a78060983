#!/usr/bin/env bats
# What people get wrong first: one line that says what and where, and what to do.
load helpers

dockerfile() { printf '%b\n' "$@" >"$T/context/Dockerfile"; }

# wrong WHAT DO WORDS...: the command fails and says both.
wrong() {
  local what=$1 do=$2
  shift 2
  local status=0
  buildah 125 "$@" || status=$?
  [ "$status" -eq 0 ] || return 1
  says "$what"
  says "$do"
  one_line_error
}

@test "mistakes: the Dockerfile and the context" {
  cd "$T/context"
  wrong "cannot find Containerfile or Dockerfile" "--file FILE" build
  echo FROM scratch >dockerfile
  wrong "cannot find Containerfile or Dockerfile" 'did you mean --file "dockerfile"?' build
  mkdir sources
  wrong "no such file" "did you mean \"$T/context/sources\"?" build source
  wrong "nosuch" "no such file" build -f nosuch .
  : >empty
  wrong "no contents" empty build -f empty .
  echo 'RUN true' >Dockerfile
  wrong "Dockerfile:1:1" "requires a FROM" build .
  echo 'FROM scratch' >Dockerfile
  wrong '"nosuch" was not found' "Dockerfile" build --target nosuch .
}

@test "mistakes: what is copied" {
  mkdir context/src
  echo x >context/src/config.json
  dockerfile 'FROM scratch' 'COPY src/confg.json /'
  wrong "Dockerfile:2:6" 'did you mean "src/config.json"?' build context
  dockerfile 'FROM scratch' 'COPY SRC /'
  wrong "no such file" 'did you mean "src"?' build context
  dockerfile 'FROM scratch' 'COPY ../x /'
  wrong "outside" "the directory above as the context" build context
  dockerfile 'FROM scratch' 'COPY /etc/passwd /'
  wrong '"/etc/passwd"' "not on the host" build context
  dockerfile 'FROM scratch' 'COPY src'
  wrong "at least two arguments" "Dockerfile:2:1" build context
  buildah from --name web scratch
  wrong "no such file" "did you mean \"$T/context/src/config.json\"?" copy web context/src/confg.json /
}

@test "mistakes: commands that do not start" {
  dockerfile 'FROM scratch' 'RUN ls'
  buildah 1 build --isolation chroot context
  says "FROM scratch has none"
  one_line_error
  from_base --name web
  buildah 1 run --isolation chroot web "ls -l /"; says "leave the quotes out"; one_line_error
  buildah 1 run --isolation chroot web nosuchprogram; says 'no program "nosuchprogram"'; one_line_error
  buildah 125 run web; says "command must be specified"; says "usage: "; one_line_error
  printf 'no program' >"$T/odd"
  chmod 755 "$T/odd"
  buildah copy web "$T/odd" /odd
  buildah 1 run --isolation chroot web /odd; says "exec format error"; says "another kind of machine"; one_line_error
  buildah copy --chmod 644 web "$T/odd" /closed
  buildah 1 run --isolation chroot web /closed; says "permission denied"; says "chmod +x"; one_line_error
}

@test "mistakes: names" {
  from_base --name web
  wrong "already in use" "choose another --name" from --name web scratch
  wrong "short-name" "docker.io/library/nosuch" from nosuch
  wrong "lowercase" "UPPER" commit web UPPER
  wrong "not known" "buildah containers" run nosuch true
  wrong "not known" "buildah images" rmi nosuch
  wrong "is not in the store" "buildah pull" from --pull=never nosuch
  wrong "tag needs" "usage: " tag web
  wrong "invalid size" "memory" build --memory lots context
}

@test "mistakes: registries" {
  start_registry
  base
  buildah push -q docker.io/library/busybox "docker://$REGISTRY/busybox"
  wrong "manifest unknown" "check the name and the tag" pull --retry 0 "$REGISTRY/busybox:nosuch"
  wrong "connection refused" "check that 127.0.0.1:1 is up" pull --retry 0 127.0.0.1:1/x
  : >"$T/registries.conf"
  wrong "HTTP" "--tls-verify=false" pull --retry 0 "$REGISTRY/busybox"
}

@test "mistakes: places" {
  status=0
  errors=$(TMPDIR=/nosuch "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" images 2>&1) || status=$?
  is "$status" 125
  says TMPDIR; says "/var/tmp"
  buildah from scratch
  ro() { unshare -m sh -c 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"' - "$T/root" "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" "$@"; }
  status=0
  errors=$(ro from scratch 2>&1) || status=$?
  is "$status" 125
  says "read-only file system"; says "--root"
  one_line_error
}

@test "mistakes: another user's home and store" {
  needs setpriv
  chmod 755 "$T" "$BATS_SUITE_TMPDIR" 2>/dev/null || true
  install -m 755 "$BUILDAH_BINARY" /var/tmp/buildah-mistakes-$$
  nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups env -u XDG_RUNTIME_DIR -u TMPDIR "$@"; }
  mkdir -p "$T/private/home"
  chmod 700 "$T/private"
  status=0
  cd /
  errors=$(nobody HOME="$T/private/home" /var/tmp/buildah-mistakes-$$ images 2>&1) || status=$?
  rm -f /var/tmp/buildah-mistakes-$$
  [ "$status" -ne 0 ]
  says "permission denied"; says "HOME is \"$T/private/home\""
}
