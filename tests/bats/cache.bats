#!/usr/bin/env bats
# The cache of steps: what `bud --layers` does not do again. The table of what counts
# as a change is in tests/cache.
load helpers

context() {
  base busybox
  mkdir -p "$T/context/data"
  echo one >"$T/context/data/file"
  cat >"$T/context/Dockerfile" <<'D'
FROM docker.io/library/busybox AS first
ARG WORD=a
RUN echo "$WORD" >/word
FROM docker.io/library/busybox
SHELL ["/bin/sh", "-ec"]
COPY data /data
COPY --from=first /word /word
RUN tr '\0' ' ' </proc/self/cmdline; date +%s%N >/built
ENTRYPOINT ["/bin/sh"]
CMD ["-c", "true"]
D
}

# hits counts the steps that came from the cache.
hits() { grep -c '^--> Using cache [0-9a-f]\{64\}$' <<<"$output" || true; }

@test "cache: what has not changed is not done again" {
  context
  buildah bud --layers -t one "$T/context"
  is "$(hits)" 0
  id=$(tail -n 1 <<<"$output")
  sleep 0.1
  buildah bud --layers -t two "$T/context"
  is "$(hits)" 8
  says 'Successfully tagged localhost/two:latest'
  is "$(tail -n 1 <<<"$output")" "$id"
  buildah bud --layers -q -t three "$T/context"
  is "$output" "$id"
  store_is_clean
}

@test "cache: lines are those that scripts count" {
  context
  buildah bud -q --layers "$T/context"
  buildah bud --layers "$T/context"
  mapfile -t line <<<"$output"
  is "${line[0]}" '[1/2] STEP 1/3: FROM docker.io/library/busybox AS first'
  is "${line[1]}" '[1/2] STEP 2/3: ARG WORD=a'
  [[ ${line[2]} =~ ^--\>\ Using\ cache\ [0-9a-f]{64}$ ]]
  is "${line[3]}" "--> ${line[2]:16:12}"
}

@test "cache: a changed file, a changed argument" {
  context
  buildah bud -q --layers "$T/context"
  echo two >"$T/context/data/file"
  buildah bud --layers "$T/context"
  is "$(hits)" 3
  buildah bud --layers --build-arg WORD=b -t changed "$T/context"
  is "$(hits)" 3
  buildah from --name changed localhost/changed
  buildah run changed cat /word /data/file; is "$output" $'b\ntwo'
}

@test "cache: --no-cache, and without --layers" {
  context
  buildah bud -q --layers "$T/context"
  buildah bud --layers --no-cache "$T/context"
  is "$(hits)" 0
  buildah bud "$T/context"
  is "$(hits)" 0
}

@test "cache: what was removed is made again" {
  context
  buildah bud -q --layers -t one "$T/context"
  buildah rmi -f localhost/one
  buildah prune -f
  buildah bud --layers -t one "$T/context"
  [ "$(hits)" -lt 8 ]
  buildah images -q localhost/one
  [ -n "$output" ]
  rm -r "$T/root/buildah-cache"
  buildah bud --layers -t one "$T/context"
  is "$(hits)" 0
}

@test "cache: SHELL holds for later steps" {
  context
  buildah bud --layers "$T/context"
  says '/bin/sh -ec tr'
}

@test "cache: what a mounted link leads to counts" {
  base busybox
  echo one >"$T/context/real"
  ln -s real "$T/context/link"
  printf 'FROM docker.io/library/busybox\nRUN --mount=type=bind,source=link,target=/m cat /m >/out\n' >"$T/context/Dockerfile"
  buildah bud -q --layers "$T/context"
  echo two >"$T/context/real"
  buildah bud -q --layers -t linked "$T/context"
  buildah from localhost/linked
  buildah run "$output" cat /out; is "$output" two
}
