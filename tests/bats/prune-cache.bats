#!/usr/bin/env bats
# What `prune` removes of images and of the build cache, and what `info` says of both.
load helpers

# cached NAME builds an image of three steps with the cache.
cached() {
  mkdir -p "$T/$1"
  printf 'FROM docker.io/library/busybox\nENV NAME=%s\nRUN dd if=/dev/zero of=/big bs=64k count=16 2>/dev/null; echo $NAME >/name\nRUN echo >/last\n' "$1" >"$T/$1/Dockerfile"
  buildah bud -q --layers -t "$1" "$T/$1"
  id=$output
}

# nameless NAME... takes the names from the images.
nameless() { buildah tag docker.io/library/busybox "${@/#/localhost/}"; }

# hits NAME counts the steps that come from the cache.
hits() {
  buildah bud --layers -t "$1" "$T/$1"
  grep -c '^--> Using cache' <<<"$output" || true
}

# use CLASS FIELD is a figure of `info`.
use() {
  buildah info --format "{{.store.DiskUse.$1.$2}}"
  echo "$output"
}

# age TIME makes all steps look as if they were last used then.
age() { find "$T/root/buildah-cache/steps" -type f -exec touch -d "$1" {} +; }

@test "prune: of images, leaves what the cache keeps, and says so" {
  base busybox
  cached one; first=$id
  sed -i 's/last/other/' "$T/one/Dockerfile"
  buildah bud -q --layers -t one "$T/one" # the first image has lost its name
  buildah bud -q -t plain "$T/one"; plain=$output
  buildah bud -q -t plain --label x "$T/one"
  buildah prune
  is "$output" "$plain"
  is "$errors" 'the build cache keeps 2 images: `buildah prune --build-cache` removes what it keeps'
  buildah rmi --prune
  is "$output" ""
  buildah inspect --type image "$first" >/dev/null
  sed -i 's/other/last/' "$T/one/Dockerfile"
  is "$(hits one)" 3
}

@test "prune --all: takes the cache with it, and says so" {
  base busybox
  cached one
  buildah prune --all
  is "$errors" 'the build cache has lost 1 image: the next builds do their steps again'
  buildah images -q -a
  is "$output" ""
  base busybox
  is "$(hits one)" 1 # ENV has no layer that could be gone
}

@test "prune --build-cache: removes steps and what only they keep" {
  base busybox
  cached one
  buildah from --name user localhost/one
  cached two
  nameless one
  buildah prune --build-cache
  says 'removed 6 steps'
  is "$(find "$T/root/buildah-cache" -type f | wc -l)" 0
  buildah run user ls /big /last
  buildah from --name named localhost/two
  buildah run named ls /big /last
  is "$(use BuildCacheImages number) $(use BuildCacheSteps number)" "0 0"
  is "$(hits two)" 0
  is "$(hits two)" 3
}

@test "prune --build-cache: what was used the longest ago goes first" {
  base busybox
  cached old; cached new
  age '3 days ago'
  is "$(hits new)" 3
  nameless old new
  before=$(use BuildCacheImages size)
  buildah prune --build-cache --older-than 96h
  says 'removed 0 steps'
  buildah prune --build-cache --keep-storage 100g
  says 'removed 0 steps'
  buildah prune --build-cache --older-than 24h --keep-storage 100g
  says 'removed 0 steps'
  is "$(use BuildCacheImages size)" "$before"
  buildah prune --build-cache --keep-storage 1500k
  is "$(wc -l <<<"$output")" 2
  [ "$(use BuildCacheImages size)" -lt "$before" ]
  is "$(hits new)" 3
  is "$(hits old)" 1
  nameless old new
  age '3 days ago'
  is "$(hits new)" 3
  buildah prune --build-cache --older-than 24h
  is "$(hits new)" 3
  is "$(hits old)" 1
}

@test "prune: a cache mount that is in use stays" {
  from_base
  used=(--mount 'type=cache,dst=/used') idle=(--mount 'type=cache,dst=/idle')
  buildah run "${used[@]}" "${idle[@]}" "$ctr" sh -c 'echo kept >/used/file; echo kept >/idle/file'
  mkfifo "$T/tmp/wait"
  BUILDAH_ISOLATION=chroot "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" run "${used[@]}" "$ctr" \
    sh -c 'echo begun; read -r go; cat /used/file' <"$T/tmp/wait" >"$T/tmp/out" 3>&- &
  pid=$!
  exec 4>"$T/tmp/wait"
  for _ in $(seq 100); do grep -q begun "$T/tmp/out" && break; sleep 0.05; done
  buildah prune
  echo go >&4; exec 4>&-
  wait $pid
  is "$(cat "$T/tmp/out")" $'begun\nkept'
  buildah run "${used[@]}" "${idle[@]}" "$ctr" ls /used /idle
  is "$output" $'/idle:\n\n/used:\nfile'
  buildah prune
  is "$(find "$T/tmp" -name 'buildah-cache-*')" ""
}

@test "prune --build-cache: refusals" {
  for words in '--all' '--force'; do
    buildah 125 prune --build-cache $words
    one_line_error
  done
  buildah 125 prune --keep-storage 1g
  says 'add --build-cache'
  buildah 125 prune --older-than 1h
  says 'add --build-cache'
  buildah 125 prune --build-cache --keep-storage lots
  says 'such as 500m'
  buildah 125 prune --build-cache --keep-storage=-1
  one_line_error
  buildah 125 prune --build-cache --older-than yesterday
  says 'such as 12h'
}

@test "info: disk use by classes" {
  base busybox
  cached one
  is "$(use Images number) $(use BuildCacheImages number) $(use BuildCacheSteps number) $(use Containers number)" "2 1 3 0"
  [ "$(use Images size)" -gt 3000000 ] # busybox and both layers, which the name keeps
  is "$(use BuildCacheImages size)" 0
  nameless one
  [ "$(use BuildCacheImages size)" -gt 1000000 ]
  buildah from --name user docker.io/library/busybox
  buildah run user dd if=/dev/zero of=/file bs=64k count=16
  [ "$(use Containers size)" -gt 1000000 ]
}
