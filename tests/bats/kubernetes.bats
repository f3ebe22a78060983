#!/usr/bin/env bats
# The pods of examples/kubernetes, with the rights that their YAML gives them.

load helpers
load nested
load openshift
load kubernetes

setup_file() {
  start_all
  [ -n "${GIT:-}" ] || return 0
  mkdir -p "$BATS_FILE_TMPDIR/git/team" "$BATS_FILE_TMPDIR/app" "$BATS_FILE_TMPDIR/services"/{common,one,two,three}
  cd "$BATS_FILE_TMPDIR/app"
  printf 'FROM %s/team/base\nRUN uname -m >/machine\nCOPY text /text\n' "$REGISTRY" >Dockerfile
  echo first >text
  repository app
  cd "$BATS_FILE_TMPDIR/services"
  printf 'FROM %s/team/base AS common\nRUN echo common >/common\n' "$REGISTRY" | tee {common,one,two,three}/Dockerfile >/dev/null
  for name in one two three; do printf 'FROM common\nRUN echo %s >/name\n' "$name" >>"$name/Dockerfile"; done
  repository services
}

teardown_file() { stop_all; }

# long is for tests that repeat what others show with one more setting.
long() { [ -n "${SOAK:-}" ] || skip "it takes long: make soak"; }

# variant NAME [one-id]: a pod of security/ builds and pushes.
variant() {
  pod "security/$1.yaml" "Job/build-$1"
  if [ "${2:-}" = one-id ]; then says "all files belong to one user"; else says_not "all files belong to one user"; fi
  is "$(file_of team/app "$1" greeting)" $'hello\nbuilt by 0'
  rm -r "$T/pod"
}

@test "kubernetes: security/unconfined.yaml" { long; variant unconfined one-id; }
@test "kubernetes: security/sys-chroot.yaml" { variant sys-chroot one-id; }
@test "kubernetes: security/several-ids.yaml" { long; variant several-ids; }
@test "kubernetes: security/baseline.yaml" { long; variant baseline; }
@test "kubernetes: security/user-namespace.yaml" { long; variant user-namespace; }

@test "kubernetes: security/restricted.yaml" {
  variant restricted one-id
  # It is the Secret that lets it in.
  pod 125 security/restricted.yaml Job/build-restricted -- --env REGISTRY_AUTH_FILE=/etc/hostname
  says "/etc/hostname"
  # It is the profile that allows it.
  sed -i '/localhostProfile/s/{.*}/{type: RuntimeDefault}/' "$BATS_FILE_TMPDIR/yaml/security/restricted.yaml"
  pod 125 security/restricted.yaml Job/build-restricted
  says "SYS_CHROOT"
}

@test "kubernetes: security/fuse.yaml" {
  needs fuse-overlayfs
  [ -e /dev/fuse ] || skip "there is no /dev/fuse"
  variant fuse
  says_not "vfs"
  # Without the device there is only the driver that copies.
  sed -i '/smarter-devices/d; /resources:/d' "$BATS_FILE_TMPDIR/yaml/security/fuse.yaml"
  pod security/fuse.yaml Job/build-fuse
  says "vfs"
}

@test "kubernetes: job.yaml builds a git repository, with the cache of the registry" {
  pod job.yaml Job/build-app
  is "$(file_of team/app 1 text)" first
  rm -r "$T/pod"
  pod job.yaml Job/build-app
  is "$(grep -c 'Using cache' <<<"$output")" 2
}

@test "kubernetes: task.yaml, with results and further arguments" {
  mkdir -p pod/workspace/source; cp -r "$BATS_FILE_TMPDIR/app" pod/workspace/source/service
  pod task.yaml Task/buildah "image=$REGISTRY/team/tekton:1" context=service args=--label args='words=a $(b) c' "cache=$REGISTRY/team/cache-of-task"
  is "$(cat pod/tekton/results/IMAGE_URL)" "$REGISTRY/team/tekton:1"
  is "$(cat pod/tekton/results/IMAGE_DIGEST)" "sha256:$(registry team/tekton/manifests/1 | sha256sum | cut -d ' ' -f 1)"
  is "$(config_of team/tekton 1 | jq -r .config.Labels.words)" 'a $(b) c'
  registry team/cache-of-task/tags/list | jq -e '.tags | length >= 2'
}

@test "kubernetes: the fleet builds the common steps once, and all images" {
  local index
  pod fleet/common.yaml Job/fleet-common
  for index in 0 2; do
    rm -r "$T/pod"
    pod fleet/workers.yaml Job/fleet -- --env JOB_COMPLETION_INDEX=$index
    is "$(grep -c 'Using cache' <<<"$output")" 1
  done
  # In the order of names: common, one, three, two.
  is "$(file_of team/three 1 name)" three
  is "$(registry team/two/tags/list)" ""
}

@test "kubernetes: one list of images for several architectures" {
  local arch other
  arch=$(go_arch); other=$([ "$arch" = arm64 ] && echo amd64 || echo arm64)
  pod fleet/multi-arch.yaml "Job/app-$arch"
  # The node of the other architecture is not here: what it would push.
  buildah_in build -q --platform "linux/$other" --tag "$REGISTRY/team/app:1-$other" - <<<$'FROM scratch\nLABEL a=b' >/dev/null
  buildah_in push -q --tls-verify=false --creds robot:change-me "$REGISTRY/team/app:1-$other"
  rm -r "$T/pod"
  pod fleet/multi-arch.yaml Job/app-list
  is "$(registry team/app/manifests/1 | jq -r '.manifests[].platform.architecture' | sort | xargs)" "amd64 arm64"

  # With Tekton, members are named by their digests.
  rm -r "$T/pod"
  member() { echo "members=$REGISTRY/team/app@sha256:$(registry "team/app/manifests/1-$1" | sha256sum | cut -d ' ' -f 1)"; }
  pod fleet/pipeline.yaml Task/buildah-list "image=$REGISTRY/team/app:2" "$(member amd64)" "$(member arm64)"
  is "$(registry team/app/manifests/2 | jq -r '.manifests[].platform.architecture' | sort | xargs)" "amd64 arm64"
  is "$(cat "$T/pod/tekton/results/IMAGE_DIGEST")" "sha256:$(registry team/app/manifests/2 | sha256sum | cut -d ' ' -f 1)"
}
