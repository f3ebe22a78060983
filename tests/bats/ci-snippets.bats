#!/usr/bin/env bats
# The shell parts of examples/ci, as each platform would start them, with a registry that wants a password.
load helpers
load registries
load examples

setup_file() {
  command -v docker-registry >/dev/null || skip "docker-registry is not installed"
  python3 -c 'import yaml' || skip "python3-yaml is not installed"
  serve_locked "$BATS_FILE_TMPDIR"
}

teardown_file() { [ ! -s "$BATS_FILE_TMPDIR/pid" ] || kill "$(cat "$BATS_FILE_TMPDIR/pid")"; }

# prepare makes a checkout, and a base image of two architectures in the registry, both with this machine's programs.
prepare() {
  local arch
  REGISTRY=$(cat "$BATS_FILE_TMPDIR/host") REGISTRY_PORT=${REGISTRY#*:}
  configure
  export GIT_CONFIG_GLOBAL=/dev/null
  if [ ! -e "$BATS_FILE_TMPDIR/base" ]; then
    base busybox
    buildah manifest create base
    for arch in amd64 arm64; do
      buildah from --pull=never --name "$arch" docker.io/library/busybox
      buildah config --arch "$arch" "$arch"
      buildah commit -q --rm "$arch" "localhost/$arch"
      buildah manifest add base "localhost/$arch"
    done
    buildah manifest push --all --creds user:secret base "docker://$REGISTRY/base"
    touch "$BATS_FILE_TMPDIR/base"
  fi
  git init -q -b main "$T/checkout"
  mkdir "$T/checkout/app"
  printf '#!/bin/sh\ntest -s /built && echo tested $(uname -s)\n' >"$T/checkout/app/test"
  chmod 755 "$T/checkout/app/test"
  # What RUN makes is another thing each time it is carried out.
  printf 'FROM %s/base\nRUN cat /proc/sys/kernel/random/uuid >/built\nCOPY app /app\n' "$REGISTRY" >"$T/checkout/Dockerfile"
  git -C "$T/checkout" add .
  git -C "$T/checkout" -c user.name=x -c user.email=x@example.com commit -q -m one
  commit=$(git -C "$T/checkout" rev-parse HEAD)
}

# runner [STATUS] NAME FILE JOB [CONTEXT...] runs a job in a clone of its own, with a store, a home and a login of its own.
runner() {
  local want=0 status=0 at
  if [[ $1 =~ ^[0-9]+$ ]]; then want=$1; shift; fi
  at=$T/$1; shift
  mkdir -p "$at/bin" "$at/home"
  git clone -q "$T/checkout" "$at/work"
  printf '#!/bin/sh\nexec "%s" --root "%s" --runroot "%s" --storage-driver overlay "$@"\n' "$BUILDAH_BINARY" "$at/root" "$at/run" >"$at/bin/buildah"
  chmod +x "$at/bin/buildah"
  python3 "$BATS_TEST_DIRNAME/ci-snippets.py" "$EXAMPLES/ci/$1" "${@:2}" >"$at/script"
  (cd "$at/work" && HOME=$at/home REGISTRY_AUTH_FILE=$at/home/auth.json PATH=$at/bin:$PATH sh "$at/script") \
    >"$at/out" 2>&1 </dev/null || status=$?
  output=$(cat "$at/out") errors=
  [ "$status" -eq "$want" ] || { printf '%s\nstatus %s, wanted %s\n%s\n' "$*" "$status" "$want" "$output"; return 1; }
  is "$("$at/bin/buildah" containers -q)" "" # no working container is left
}

# served PATH writes what the registry answers to those who may ask.
served() {
  curl -sfk -u user:secret -H 'Accept: application/vnd.oci.image.index.v1+json' -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
    "https://$REGISTRY/v2/$1"
}

# released REPOSITORY DIGEST: the name and the commit stand for one list of both architectures.
released() {
  is "sha256:$(served "$1/manifests/latest" | sha256sum | cut -d' ' -f1)" "$2"
  is "sha256:$(served "$1/manifests/$commit" | sha256sum | cut -d' ' -f1)" "$2"
  is "$(served "$1/manifests/latest" | jq -r '.manifests[].platform.architecture' | sort | xargs)" "amd64 arm64"
}

@test "CI: GitHub Actions" {
  prepare
  local arch contexts=("vars.REGISTRY=$REGISTRY" vars.IMAGE=team/gh secrets.REGISTRY_USER=user secrets.REGISTRY_PASSWORD=secret)
  export GITHUB_SHA=$commit GITHUB_STEP_SUMMARY=$T/summary
  for arch in amd64 arm64; do
    runner "gh-$arch" github-actions.yml build "${contexts[@]}" "matrix.arch=$arch"
    says "tested Linux"
    is "$(tail -n 1 "$T/summary")" "pushed $REGISTRY/team/gh@$(cat "$T/gh-$arch/work/digest")"
    is "$(served "team/gh/manifests/$commit-$arch" | jq -r '.config.digest')" \
      "$(jq -r '."containerimage.config.digest"' "$T/gh-$arch/work/metadata.json")"
  done
  runner gh-release github-actions.yml release "${contexts[@]}"
  released team/gh "$(cat "$T/gh-release/work/digest")"
  # Another runner, whose store is empty, takes the steps from the registry: the same image.
  runner gh-again github-actions.yml build "${contexts[@]}" matrix.arch=amd64
  is "$(jq -r '."containerimage.config.digest"' "$T/gh-again/work/metadata.json")" \
    "$(jq -r '."containerimage.config.digest"' "$T/gh-amd64/work/metadata.json")"
  # A password that is wrong ends the job at its first step.
  contexts[3]=secrets.REGISTRY_PASSWORD=wrong
  runner 125 gh-wrong github-actions.yml build "${contexts[@]}" matrix.arch=amd64
  says "Error: "; says_not "STEP"
}

@test "CI: GitLab" {
  prepare
  export CI_REGISTRY=$REGISTRY CI_REGISTRY_IMAGE=$REGISTRY/group/gl CI_REGISTRY_USER=user CI_REGISTRY_PASSWORD=secret CI_COMMIT_SHA=$commit ARCH
  for ARCH in amd64 arm64; do
    runner "gl-$ARCH" gitlab-ci.yml build
    says "tested Linux"; says "pushed $CI_REGISTRY_IMAGE@$(cat "$T/gl-$ARCH/work/digest")"
  done
  runner gl-release gitlab-ci.yml release
  says "released $CI_REGISTRY_IMAGE@"
  released group/gl "$(cat "$T/gl-release/work/digest")"
}

@test "CI: Jenkins" {
  prepare
  export REGISTRY IMAGE=$REGISTRY/team/jk LOGIN_USR=user LOGIN_PSW=secret GIT_COMMIT=$commit ARCH
  for ARCH in amd64 arm64; do
    runner "jk-$ARCH" Jenkinsfile Image
    says "tested Linux"; says "pushed $IMAGE@$(cat "$T/jk-$ARCH/work/digest")"; says_not "printf %s secret"
  done
  runner jk-release Jenkinsfile Release
  says_not "printf %s secret"
  is "$("$T/jk-release/bin/buildah" images -q app-list 2>/dev/null)" "" # no list is left
  released team/jk "$(cat "$T/jk-release/work/digest")"
  # A test that fails fails the build: nothing is pushed, and no container is left.
  printf '#!/bin/sh\nexit 7\n' >"$T/checkout/app/test"
  git -C "$T/checkout" -c user.name=x -c user.email=x@example.com commit -q -a -m bad
  GIT_COMMIT=bad ARCH=amd64 runner 7 jk-bad Jenkinsfile Image
  ! served team/jk/manifests/bad-amd64
}

@test "CI: what a platform would refuse is found" {
  local read=("python3" "$BATS_TEST_DIRNAME/ci-snippets.py")
  sed 's/^jobs:/jobz:/' "$EXAMPLES/ci/github-actions.yml" >github.yml
  run "${read[@]}" github.yml build; [ "$status" -ne 0 ]; [[ $output == *"jobz: no such key"* ]]
  sed '/persist-credentials/d' "$EXAMPLES/ci/github-actions.yml" >github.yml
  run "${read[@]}" github.yml build; [ "$status" -ne 0 ]; [[ $output == *"the token of a checkout"* ]]
  sed 's/^  stage: release/  stage: later/' "$EXAMPLES/ci/gitlab-ci.yml" >gitlab.yml || return 1
  run "${read[@]}" gitlab.yml build; [ "$status" -ne 0 ]; [[ $output == *"stage later is not there"* ]]
  sed 's/steps {/stepz {/' "$EXAMPLES/ci/Jenkinsfile" >Jenkinsfile
  run "${read[@]}" Jenkinsfile Image; [ "$status" -ne 0 ]; [[ $output == *"stepz: no such key"* ]]
}
