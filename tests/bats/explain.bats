#!/usr/bin/env bats
# --explain: why a step was carried out, and what else of the cache is not used.
load helpers

context() {
  base busybox
  export BUILDAH_ISOLATION=chroot BUILDAH_LAYERS=true
  mkdir -p "$T/context/src"
  echo one >"$T/context/src/main.c"
  echo one >"$T/context/src/gone"
  cat >"$T/context/Dockerfile" <<'D'
FROM docker.io/library/busybox AS made
ARG WORD=a
RUN echo "$WORD" >/word
FROM docker.io/library/busybox AS last
COPY src /src
COPY --from=made /word /word
RUN --mount=type=bind,source=src,target=/m cat /m/main.c >/built
RUN --mount=type=bind,source=src,target=/m,rw true
CMD ["true"]
D
}

# lines gives what is said about the cache, without hits.
lines() { grep '^==>' <<<"$output" | grep -v '^==> cache: hit$' || true; }

# build FLAGS... builds the context.
build() { buildah build --network host "$@" "$T/context"; }

@test "explain: without it the output is as ever" {
  context
  build
  says_not '==>'
  build
  says_not '==>'
  # shellcheck disable=SC2001 # a repeated class
  before=$(sed 's/[0-9a-f]\{12,\}/ID/' <<<"$output")
  build --explain
  is "$(grep -v '^==>' <<<"$output" | sed 's/[0-9a-f]\{12,\}/ID/')" "$before"
  is "$(lines)" $'==> cache: not cacheable: it can write to the context, with rw\n==> cache: miss: it follows a step that was carried out'
}

@test "explain: the first build, and a changed file" {
  context
  build --explain
  is "$(lines | sort -u)" $'==> cache: miss: it follows a step that was carried out\n==> cache: miss: it was not built before\n==> cache: not cacheable: it can write to the context, with rw'
  sleep 0.1
  echo two >"$T/context/src/main.c"
  echo new >"$T/context/src/new"
  rm "$T/context/src/gone"
  build --explain
  is "$(lines | head -n 4)" '==> cache: miss: the files that it takes are others
==>   src/main.c: content changed
==>   src/new: added
==>   src/gone: removed'
  build -q
  sleep 0.1
  chmod 700 "$T/context/src/main.c"
  ln -s main.c "$T/context/src/link"
  build --explain
  is "$(lines | head -n 3)" '==> cache: miss: the files that it takes are others
==>   src/main.c: mode 0644 → 0700
==>   src/link: added'
}

@test "explain: files of a mount, and of another stage" {
  context
  printf '%s\n' 'FROM docker.io/library/busybox AS made' 'COPY src /src' 'FROM docker.io/library/busybox' \
    'RUN --mount=from=made,source=/src,target=/m cat /m/main.c' 'FROM docker.io/library/busybox' \
    'RUN --mount=source=src,target=/m cat /m/main.c' 'COPY --from=made /src /src' >"$T/context/Dockerfile"
  build -q --skip-unused-stages=false
  sleep 0.1
  echo two >"$T/context/src/main.c"
  build --explain --skip-unused-stages=false
  is "$(lines)" '==> cache: miss: the files that it takes are others
==>   src/main.c: content changed
==> cache: miss: the files that it mounts are others
==>   src/main.c: content changed
==> cache: miss: the files that it mounts are others
==>   src/main.c: content changed
==> cache: miss: it follows a step that was carried out'
}

@test "explain: arguments, options, texts, bases and images" {
  context
  build -q
  build --explain --build-arg WORD=b
  is "$(lines | head -n 1)" '==> cache: miss: a build argument is another: WORD: "a" → "b"'
  sed -i 's/"true"/"false"/' "$T/context/Dockerfile"
  build --explain --target made --env A=1 --build-arg WORD=b
  build --explain --target made --env A=2 --build-arg WORD=b
  is "$(lines | head -n 1)" '==> cache: miss: its text is another: "ENV \"A\"=\"1\"" → "ENV \"A\"=\"2\""'
  build -q
  build --explain --timestamp 1
  is "$(lines | head -n 1)" '==> cache: miss: options about the image are others: times.Timestamp: nothing → "1970-01-01T00:00:01Z"'
  build -q
  sed -i 's/RUN echo/RUN echo more/' "$T/context/Dockerfile"
  build --explain
  # shellcheck disable=SC2016 # as it is written
  is "$(lines | head -n 1)" '==> cache: miss: its text is another: "RUN echo \"$WORD\" >/word" → "RUN echo more \"$WORD\" >/word"'
}

@test "explain: bases, and images that were removed" {
  context
  build -q --target made
  buildah from --name c docker.io/library/busybox
  buildah config --label x=1 c
  buildah commit -q c docker.io/library/busybox
  build --explain --target made
  [[ $(lines | head -n 1) =~ ^==\>\ cache:\ miss:\ the\ base\ image\ is\ another:\ digest:\ \"sha256:[0-9a-f]{64}\"\ →\ \"sha256:[0-9a-f]{64}\"$ ]]
  buildah rmi -f -a
  base busybox
  build --explain --target made
  is "$(lines)" '==> cache: miss: the image that it came to was removed'
}

@test "explain: a fresh checkout is compared with the last one" {
  context
  build -q
  cp -r "$T/context" "$T/checkout"
  echo two >"$T/checkout/src/main.c"
  buildah build --network host --explain "$T/checkout"
  is "$(lines | head -n 2)" $'==> cache: miss: the files that it takes are others\n==>   src/main.c: content changed'
}

@test "explain: JSON for programs, also of a build that fails" {
  needs jq
  context
  build -q
  sleep 0.1
  echo two >"$T/context/src/main.c"
  build -q --explain=json
  is "$(wc -l <<<"$output")" 1
  json=$(grep '^{"version":1,' <<<"$errors")
  is "$(jq -c '[.steps[] | [.stage, .step, .cache]]' <<<"$json")" \
    '[["made",2,"hit"],["made",3,"hit"],["last",2,"miss"],["last",3,"miss"],["last",4,"miss"],["last",5,"uncacheable"],["last",6,"miss"]]'
  is "$(jq -c '.steps[2] | [.part, .files, .fileCount, .instruction]' <<<"$json")" '["sources",[{"path":"src/main.c","change":"content changed"}],1,"COPY src /src"]'
  [[ $(jq -r '.steps[0].image' <<<"$json") =~ ^[0-9a-f]{64}$ ]]
  sed -i 's/RUN echo/RUN false \&\& echo/' "$T/context/Dockerfile"
  buildah 1 build --network host --explain=json "$T/context"
  is "$(grep '^{"version":1,' <<<"$errors" | jq -c '[.steps[] | select(.stage == "made") | [.step, .cache, .part]]')" '[[2,"hit",null],[3,"miss","instruction"]]'
}

@test "explain: secrets and passwords are nowhere" {
  context
  echo s3cret >"$T/secret"
  printf '%s\n' 'FROM docker.io/library/busybox' 'RUN --mount=type=secret,id=s cat /run/secrets/s >/dev/null' \
    'ENV URL=https://me:passw0rd@example.com/' >"$T/context/Dockerfile"
  build -q --secret id=s,src="$T/secret"
  sed -i 's/passw0rd/passw1rd/' "$T/context/Dockerfile"
  echo s4cret >"$T/secret"
  build -q --explain=json --secret id=s,src="$T/secret"
  says_not s3cret
  says '"instruction":"RUN --mount=type=secret,id=s cat /run/secrets/s >/dev/null","cache":"hit"'
  is "$(grep -rl 's[34]cret' "$T/root/buildah-cache")" ''
  is "$(grep -rl 'passw[01]rd' "$T/root/buildah-cache/latest")" ''
}

@test "explain: what contradicts it" {
  context
  BUILDAH_LAYERS='' buildah 125 build --explain "$T/context"
  one_line_error
  says '--explain is about the cache, which is used only with --layers'
  buildah 125 build --explain -q "$T/context"
  one_line_error
  says '--quiet leaves out'
  buildah 125 build --explain=yaml "$T/context"
  one_line_error
  says 'use text or json'
}

@test "explain: --no-cache-filter carries out some stages anew" {
  context
  sed -i '/,rw/d' "$T/context/Dockerfile"
  build -q
  build --explain --no-cache-filter MADE
  is "$(lines)" $'==> cache: miss: nothing of its stage is looked up, with --no-cache-filter\n==> cache: miss: nothing of its stage is looked up, with --no-cache-filter'
  build --explain --no-cache-filter 1,0
  is "$(grep -c 'cache: hit' <<<"$output" || true)" 0
  build --explain --no-cache-filter 1 --target made
  is "$(lines)" ''
  buildah 125 build --no-cache-filter lost "$T/context"
  one_line_error
  says '--no-cache-filter=lost: no stage has this name or number'
}

@test "explain: --cache-ttl leaves old results out" {
  context
  build -q --target made
  build --explain --target made --cache-ttl 1h
  is "$(lines)" ''
  sleep 0.3
  build --explain --target made --cache-ttl 0.2s
  is "$(lines | head -n 1)" '==> cache: miss: what is known of it is older than --cache-ttl allows'
  build --explain --target made --cache-ttl 0
  is "$(lines | sort -u)" '==> cache: miss: nothing is looked up, with --no-cache'
  build -q --target made --timestamp 1
  build --explain --target made --timestamp 1 --cache-ttl 1h
  is "$(grep -c 'cache: hit' <<<"$output" || true)" 0
  buildah 125 build --cache-ttl 0 --no-cache=false "$T/context"
  one_line_error
  says 'cannot use --cache-ttl with duration as 0 and --no-cache=false'
  buildah 125 build --cache-ttl -1s "$T/context"
  one_line_error
  buildah 125 build --cache-ttl soon "$T/context"
  one_line_error
}

@test "explain: --squash keeps the layers for a build without it" {
  context
  sed -i '/,rw/d' "$T/context/Dockerfile"
  for last in 'CMD ["true"]' 'RUN echo last >/last' 'COPY src /last'; do
    sed -i '$d' "$T/context/Dockerfile"; echo "$last" >>"$T/context/Dockerfile"
    build --squash -t flat
    buildah inspect --type image --format '{{len .OCIv1.RootFS.DiffIDs}}' flat; is "$output" 1
    build --explain --squash -t flat
    is "$(lines)" '==> cache: not cacheable: the last step makes one layer of everything, with --squash'
    build --explain -t deep
    is "$(lines)" ''
    buildah inspect --type image --format '{{len .OCIv1.History}}' deep; [ "$output" -gt 4 ]
    build --no-cache -q -t again --timestamp 1
    build --squash -q -t flat --timestamp 1
    build -q -t deep --timestamp 1
    buildah inspect --type image --format '{{.FromImageID}}' again; again=$output
    buildah inspect --type image --format '{{.FromImageID}}' deep; is "$output" "$again"
  done
  store_is_clean
}
