#!/usr/bin/env bats
# Scripts of examples/bash that start from images: change, flatten, carry, clean up.
load helpers
load examples

@test "examples: each script is in the table, has a head, fits on a page and is run by a test" {
  local path name
  for path in "$EXAMPLES"/bash/*.sh; do
    name=$(basename "$path")
    grep -q "(bash/$name)" "$EXAMPLES/README.md" || { echo "$name is not in examples/README.md"; return 1; }
    grep -q "^# Usage: $name" "$path" || { echo "$name does not say how it is used"; return 1; }
    # S2I has four scripts and a dozen settings of its own.
    [ "$(wc -l <"$path")" -le 60 ] || [ "$name" = s2i.sh ] || { echo "$name is longer than a page"; return 1; }
    grep -q "bash/$name" "$BATS_TEST_DIRNAME"/*.bats || { echo "no test runs $name"; return 1; }
  done
}

@test "examples: a script that lacks an argument shows how it is used" {
  local name
  for name in air-gap edit-image multi-arch s2i sign; do
    run bash "$EXAMPLES/bash/$name.sh" one
    is "$status" 2
    [[ $output == *"Usage: $name.sh"* ]]
  done
}

@test "examples: an image edited with the tools of this machine" {
  base busybox
  example bash/edit-image.sh docker.io/library/busybox localhost/edited sed -i s/guest/visitor/ etc/passwd
  says "localhost/edited: 2 layers, 1 of them those of docker.io/library/busybox"
  in_image localhost/edited grep -c visitor /etc/passwd; is "$output" 1
  in_image docker.io/library/busybox grep -c guest /etc/passwd; is "$output" 1
  is "$(inspected localhost/edited '.OCIv1.config.Labels["edited.from"]')" docker.io/library/busybox
  example 7 bash/edit-image.sh docker.io/library/busybox localhost/none sh -c 'exit 7'
  buildah 125 inspect --type image localhost/none
}

@test "examples: a script that is told to stop leaves nothing" {
  base busybox
  plain_buildah
  local status=0
  # shellcheck disable=SC2016 # for that shell
  PATH=$T/bin:$PATH sh -c 'echo $$ >pid; exec "$@"' sh "$EXAMPLES/bash/edit-image.sh" docker.io/library/busybox localhost/none \
    sh -c "kill -TERM $(printf '$(cat %s)' "$T/pid"); sleep 1" 2>/dev/null || status=$?
  is "$status" 143
  store_is_clean
  buildah 125 inspect --type image localhost/none
}

@test "examples: two builds, one digest" {
  base busybox
  service app started
  example bash/reproducible.sh app
  local first=$output
  # Later, from a copy with other times, the image is still the same.
  cp -r app copy; touch -d 2001-01-01 copy/start
  SOURCE_DATE_EPOCH=0 example bash/reproducible.sh copy localhost/other
  is "$output" "$first"
  # The time of the last commit counts where there is one.
  git init -q app
  GIT_COMMITTER_DATE='1600000000 +0000' git -C app -c user.name=me -c user.email=me@example.com commit -q --allow-empty -m one
  rm -rf app/.git/hooks app/.git/logs
  example bash/reproducible.sh app
  is "$(inspected localhost/reproducible '.OCIv1.created[:10]')" 2020-09-13
  [ "$output" != "$first" ]
  example 125 bash/reproducible.sh copy 'not a name'
}

@test "examples: many layers become one" {
  base busybox
  buildah from docker.io/library/busybox; ctr=$output
  buildah run "$ctr" -- sh -c 'echo secret >/secret'
  buildah commit -q "$ctr" step
  buildah run "$ctr" -- rm /secret
  buildah commit -q --rm "$ctr" localhost/layered:1
  example bash/squash.sh localhost/layered:1
  says "localhost/layered-squashed:1: 1 layers"
  is "$(inspected localhost/layered-squashed:1 '.OCIv1.rootfs.diff_ids | length')" 1
  is "$(inspected localhost/layered-squashed:1 '.OCIv1.config.Cmd')" "$(inspected localhost/layered:1 '.OCIv1.config.Cmd')"
  buildah push -q localhost/layered-squashed:1 dir:flat
  for blob in flat/*; do
    case $blob in */version | *.json) ;; *) ! zcat -f "$blob" | grep -aq '^secret$' ;; esac
  done
  example bash/squash.sh localhost/layered:1 localhost/flat
  is "$(inspected localhost/flat '.OCIv1.rootfs.diff_ids | length')" 1
  example 2 bash/squash.sh
  says "Usage: squash.sh"
}

@test "examples: images on their way without a network" {
  base busybox
  example bash/edit-image.sh docker.io/library/busybox localhost/one:1 touch one
  example bash/edit-image.sh docker.io/library/busybox localhost/two touch two
  local id; id=$(inspected localhost/one:1 .FromImageID)
  mkdir usb
  example bash/air-gap.sh pack usb/images.tar localhost/one:1 two
  is "$(ls usb)" $'images.tar\nimages.tar.sha256'
  # The layer of busybox is in it once: three layers, two configurations and manifests.
  is "$(tar -tf usb/images.tar | grep -c 'sha256/.')" 7
  cp usb/images.tar first.tar
  example bash/air-gap.sh pack usb/images.tar localhost/one:1 two
  cmp usb/images.tar first.tar
  rm -f "$T/bin/buildah"; mkdir far; local here=$T; T=$T/far; mkdir "$T/tmp"
  TMPDIR=$T/tmp example bash/air-gap.sh unpack "$here/usb/images.tar"
  is "$output" $'localhost/one:1\nlocalhost/two:latest'
  is "$(inspected localhost/one:1 .FromImageID)" "$id"
  printf x >>"$here/usb/images.tar"
  TMPDIR=$T/tmp example 1 bash/air-gap.sh unpack "$here/usb/images.tar"
  TMPDIR=$T/tmp example 2 bash/air-gap.sh list x
}

@test "examples: several images at the same time" {
  base busybox
  for name in one two three; do service "services/$name" "$name"; done
  example bash/fan-out.sh services
  is "$(sort <<<"$output")" $'localhost/one\nlocalhost/three\nlocalhost/two'
  local name layers=()
  for name in one two three; do
    in_image "localhost/$name" /srv/start; is "$output" "$name"
    layers+=("$(inspected "localhost/$name" '.OCIv1.rootfs.diff_ids[1]')")
  done
  is "${layers[0]}" "${layers[1]}" # of the base that they share
  is "${layers[0]}" "${layers[2]}"
  # One that fails is named; the others are there.
  chmod 644 services/two/start
  example 1 bash/fan-out.sh services registry.example.com/
  says "two: failed"
  is "$(sort <<<"$output")" $'registry.example.com/one\nregistry.example.com/three'
  buildah 125 inspect --type image registry.example.com/two
}

@test "examples: garbage of a machine that builds all day" {
  base busybox
  buildah tag docker.io/library/busybox localhost/keep
  buildah from docker.io/library/busybox; local old=$output
  buildah from docker.io/library/busybox; local young=$output
  buildah run "$old" -- touch /lost
  buildah commit -q "$old"; local lost=$output
  printf 'FROM busybox\nRUN echo step >/step\n' >context/Dockerfile
  buildah build -q --layers -t localhost/built context
  buildah inspect --format '{{.ContainerID}}' "$old"
  find "$T/root/overlay-containers/$output" -exec touch -h -d '3 days ago' {} +
  plain_buildah
  PATH=$T/bin:$PATH "$EXAMPLES/bash/collect-garbage.sh" 0b >"$T/said" 2>&1
  buildah containers --format '{{.ContainerName}}' --noheading; is "$output" "$young"
  buildah 125 inspect --type image "$lost"
  buildah inspect --type image localhost/built
  buildah inspect --type image localhost/keep
  grep -q '^before$' "$T/said"
  sed -n '/^after/,$p' "$T/said" | grep -q 'Images$'
  is "$(sed -n '/^after/,$p' "$T/said" | grep -c BuildCacheSteps)" 0
}
