#!/usr/bin/env bats
# Secrets: `--secret` of build and run, `--mount type=secret`.

load helpers

dockerfile() { cat >"$T/context/Dockerfile"; }

# setup_secret makes the base and a secret that nothing else contains.
setup_secret() {
  base busybox
  SECRET=opensesame-$RANDOM$RANDOM
  echo "$SECRET" >"$T/secret.txt"
}

# nowhere: no file of the store, of the runs, of TMPDIR or of the images holds the secret.
nowhere() {
  ! grep -rlaF --exclude=secret.txt "$SECRET" "$T/root" "$T/run" "$T/tmp" || return 1
  ! grep -q " - tmpfs buildah-run " /proc/self/mountinfo
}

@test "secrets: a file of one RUN, gone in the next, in no layer, history or directory" {
  setup_secret
  dockerfile <<'DOCKERFILE'
FROM docker.io/library/busybox
RUN --mount=type=secret,id=key stat -c '%a %u %g' /run/secrets/key && wc -c </run/secrets/key && ! touch /run/secrets/key
RUN ! test -e /run/secrets
RUN --mount=type=secret,id=key,target=/etc/key cmp /etc/key /etc/key && test ! -e /run/secrets
DOCKERFILE
  for isolation in oci chroot; do
    for flags in "" --layers; do
      # shellcheck disable=SC2086 # none or one
      buildah build --isolation "$isolation" --no-cache $flags --secret "id=key,src=$T/secret.txt" -t "img-$isolation" "$T/context"
      says "400 0 0"
      says "$(wc -c <"$T/secret.txt")"
      says_not "$SECRET"
      buildah inspect "img-$isolation"; says_not "$SECRET"
      buildah push -q "img-$isolation" "dir:$T/dir"
      for layer in "$T"/dir/*; do
        if zcat -f "$layer" | grep -qaF "$SECRET"; then false; fi
      done
      buildah from --name "c-$isolation" "img-$isolation"
      buildah run --isolation "$isolation" "c-$isolation" sh -c 'test ! -e /run/secrets && test ! -e /etc/key'
      buildah rm "c-$isolation"
      nowhere
    done
  done
  store_is_clean
}

@test "secrets: mode, owner, a relative target, two places, a user who is not root" {
  setup_secret
  dockerfile <<'DOCKERFILE'
FROM docker.io/library/busybox
WORKDIR /work
RUN --mount=type=secret,id=key,dst=rel/key,mode=0640,uid=7,gid=8 stat -c '%a %u %g' /work/rel/key
RUN --mount=type=secret,id=key,dst=/one --mount=type=secret,id=key,dst=/two cmp /one /two
USER 1000
RUN --mount=type=secret,id=key,uid=1000,dst=/deep/er/key cat /deep/er/key >/tmp/copy && cmp /tmp/copy /deep/er/key && rm /tmp/copy
RUN --mount=type=secret,id=key test "$(stat -c '%a %u %g' /run/secrets/key)" = '400 1000 0'
RUN --mount=type=secret,id=key,uid=0 ! cat /run/secrets/key
DOCKERFILE
  each_isolation buildah build --secret "id=key,src=$T/secret.txt" "$T/context"
  says "640 7 8"
  nowhere
}

@test "secrets: as a variable, which is written nowhere" {
  setup_secret
  dockerfile <<'DOCKERFILE'
FROM docker.io/library/busybox
RUN --mount=type=secret,id=key,env=KEY echo "len ${#KEY}" && test ! -e /run/secrets
RUN --mount=type=secret,id=key,env=KEY,target=/key test "$(cat /key)" = "$KEY" && echo both
RUN echo "then ${KEY:-none}"
DOCKERFILE
  export VALUE=$SECRET
  each_isolation buildah build --secret id=key,env=VALUE -t img "$T/context"
  says "len ${#SECRET}"; says both; says "then none"; says_not "$SECRET"
  buildah inspect img; says_not "$SECRET"
  # While the command runs, nothing on a disk has it: neither the bundle nor the runtime's state.
  from_base # sets $ctr
  for isolation in oci chroot; do
    buildah run --isolation "$isolation" --secret id=key,env=VALUE --mount type=secret,id=key,env=KEY --mount type=secret,id=key \
      "$ctr" sh -c 'echo "$KEY" >/dev/null; sleep 4' &
    sleep 2
    found=$(find "$T/tmp" "$T/run" "$T/root" -xdev -type f -exec grep -laF "$SECRET" {} + || true)
    wait
    is "$found" ""
  done
  nowhere
}

@test "secrets: where values come from" {
  setup_secret
  dockerfile <<'DOCKERFILE'
FROM docker.io/library/busybox
RUN --mount=type=secret,id=key cat /run/secrets/key
DOCKERFILE
  export V=from-the-variable key=by-its-name
  cp "$T/secret.txt" "$T/file"; echo in-the-file >"$T/file"; echo in-the-key >"$T/key"
  buildah build -q=false --secret id=key,src=file "$T/context"; says in-the-file
  buildah build --secret id=key,src=file,type=file "$T/context"; says in-the-file
  buildah build --secret id=key,env=V "$T/context"; says from-the-variable
  buildah build --secret id=key,src=V,type=env "$T/context"; says from-the-variable
  buildah build --secret id=key "$T/context"; says by-its-name
  unset key
  buildah build --secret id=key "$T/context"; says in-the-key
  buildah build --secret id=key,env=V --secret id=key,src=file "$T/context"; says in-the-file # the last one counts
  buildah build --secret id=key,src=<(echo through-a-pipe) "$T/context"; says through-a-pipe
}

@test "secrets: missing ones are left out, unless they are required" {
  setup_secret
  dockerfile <<'DOCKERFILE'
FROM docker.io/library/busybox
RUN --mount=type=secret,id=none --mount=type=secret,id=none2,required=false ls -A /run/secrets 2>/dev/null || echo nothing there
DOCKERFILE
  each_isolation buildah build "$T/context"; says "nothing there"
  for required in required required=true; do
    dockerfile <<<"FROM docker.io/library/busybox
RUN --mount=type=secret,id=mysecret,$required true"
    each_isolation buildah 125 build "$T/context"
    says 'secret required but no secret with id "mysecret" found'
    one_line_error
  done
  store_is_clean
}

@test "secrets: malformed ones are refused, before any work" {
  setup_secret
  dockerfile <<<'FROM docker.io/library/none-such'
  for bad in id=,src=x id=x,src src=x id id=x,src=y,mode=1 ""; do
    buildah 125 build --secret "$bad" "$T/context"
    says "incorrect secret flag format: should be --secret id=foo,src=bar[,env=ENV][,type=file|env]"
    one_line_error
  done
  buildah 125 build --secret id=x,type=url "$T/context"; says "invalid secret type"
  buildah 125 build --secret id=x,src=/none/such "$T/context"; says "could not parse secrets: "
  buildah 125 build --secret "id=x,src=$T/context" "$T/context"; says "is a directory"
  buildah 125 build --secret id=x,env=NONE_SUCH "$T/context"; says 'the variable "NONE_SUCH" is not set'
  truncate -s 17M "$T/big"
  buildah 125 build --secret "id=x,src=$T/big" "$T/context"; says "has more than 16777216 bytes"
  dockerfile <<<'FROM docker.io/library/busybox
RUN --mount=type=secret,id=x,src=/etc/shadow true'
  buildah 125 build "$T/context"; says "src: invalid mount option for type=secret"; says "Dockerfile:2"
  # What a variable cannot hold is told before the kernel refuses it.
  printf 'a\0b' >"$T/bytes"; head -c 200000 /dev/zero | tr '\0' x >"$T/long"
  from_base # sets $ctr
  buildah 125 run --secret "id=x,src=$T/bytes" --mount type=secret,id=x,env=X "$ctr" true; says "is not text"
  buildah 125 run --secret "id=x,src=$T/long" --mount type=secret,id=x,env=X "$ctr" true; says "mount it as a file"
  each_isolation buildah run --secret "id=x,src=$T/bytes" --mount type=secret,id=x "$ctr" wc -c /run/secrets/x; says "3 /run/secrets/x"
}

@test "secrets: other values make the same image" {
  setup_secret
  dockerfile <<'DOCKERFILE'
FROM docker.io/library/busybox
RUN --mount=type=secret,id=key,env=FOO --mount=type=secret,id=key,env=BAR,target=/foo test -n "$FOO" && cat /foo | wc -l >/lines
DOCKERFILE
  buildah build -q --timestamp 0 --secret "id=key,src=$T/secret.txt" -t "oci-archive:$T/a.tar:x" "$T/context"
  echo another >"$T/other"
  buildah build -q --timestamp 0 --secret "id=key,src=$T/other" -t "oci-archive:$T/b.tar:x" "$T/context"
  cmp "$T/a.tar" "$T/b.tar"
}

@test "secrets: of run, and of every RUN of a build" {
  setup_secret
  from_base # sets $ctr
  each_isolation buildah run --secret "id=key,src=$T/secret.txt" --mount type=secret,id=key,required "$ctr" cat /run/secrets/key
  is "$output" "$SECRET"
  each_isolation buildah run "$ctr" test ! -e /run/secrets
  each_isolation buildah 125 run --mount type=secret,id=key,required "$ctr" true
  says 'secret required but no secret with id "key" found'
  dockerfile <<'DOCKERFILE'
FROM docker.io/library/busybox
RUN wc -l /key
RUN ! touch /key
DOCKERFILE
  buildah build -q --timestamp 1 -t "dir:$T/with" --secret "id=key,src=$T/secret.txt" --mount type=secret,id=key,dst=/key "$T/context"
  dockerfile <<'DOCKERFILE'
FROM docker.io/library/busybox
RUN true
DOCKERFILE
  buildah build -q --timestamp 1 -t "dir:$T/without" "$T/context"
  is "$(jq -r '.layers[-1].digest' "$T/with/manifest.json")" "$(jq -r '.layers[-1].digest' "$T/without/manifest.json")"
  nowhere
}

@test "secrets: a killed build leaves none" {
  setup_secret
  dockerfile <<'DOCKERFILE'
FROM docker.io/library/busybox
RUN --mount=type=secret,id=key --mount=type=secret,id=key,env=KEY sleep 60
DOCKERFILE
  for isolation in oci chroot; do
    "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" build --isolation "$isolation" --secret "id=key,src=$T/secret.txt" "$T/context" >"$T/log" 2>&1 3>&- &
    pid=$!
    for _ in $(seq 100); do
      grep -q " - tmpfs buildah-run " /proc/self/mountinfo && break
      sleep 0.1
    done
    sleep 1
    grep -q " - tmpfs buildah-run " /proc/self/mountinfo
    kill -KILL "$pid"; wait "$pid" || true
    [ "$isolation" = chroot ] || sleep 2 # its supervisor is at work
    from_base
    buildah run --isolation "$isolation" "$ctr" true
    nowhere
    is "$(find "$T/tmp" -name owner)" ""
  done
}
