#!/usr/bin/env bats
# examples/openshift against sources and images that want more than they may: the parts of
# its scripts, without a pod.

load helpers

# parts reads source.sh, for the Build in $BUILD and the directory $inputs.
parts() {
  needs git; needs jq
  work=$T/work inputs=$T/work/inputs
  export HOME=$T/home BUILD=${BUILD:-'{}'}
  unset GIT_CONFIG_GLOBAL GIT_ASKPASS
  mkdir -p "$inputs" "$HOME"
  build() { jq -r "($1) // empty" <<<"$BUILD"; }
  # shellcheck source=/dev/null
  . "$BATS_TEST_DIRNAME/../../examples/openshift/source.sh"
}

# asked URL is what git is told when a server wants to know who we are.
asked() { printf 'url=%s\n\n' "$1" | GIT_TERMINAL_PROMPT=0 git credential fill 2>&1 || true; }

@test "openshift: the source Secret is for the server of the source alone" {
  parts
  export SOURCE_SECRET_PATH=$T/"a secret"
  mkdir "$SOURCE_SECRET_PATH"
  printf 'ada' >"$SOURCE_SECRET_PATH/username"; printf 'hidden' >"$SOURCE_SECRET_PATH/password"
  git_access https://git.example.com:8443/team/app.git
  is "$(asked https://git.example.com:8443/team/library.git | grep -E '^(username|password)=' | sort | xargs)" "password=hidden username=ada"
  is "$(asked https://eve@git.example.com:8443/app.git | grep -E '^(username|password)=' | sort | xargs)" "password=hidden username=eve"
  for url in https://git.example.com/app.git http://git.example.com:8443/app.git https://evil.example.com/app.git https://git.example.com.evil.example:8443/; do
    [[ $(asked "$url") != *hidden* ]] || { echo "told $url"; return 1; }
  done
  rm "$SOURCE_SECRET_PATH"/*; printf 'a-token' >"$SOURCE_SECRET_PATH/token"
  is "$(asked https://git.example.com:8443/x | grep -E '^(username|password)=' | sort | xargs)" "password=a-token username=builder"
}

@test "openshift: a password in a URL stays out of labels, and of the context" {
  parts
  is "$(without_password 'https://robot:p@ss@git.example.com/app.git')" https://git.example.com/app.git
  is "$(without_password 'HTTPS://robot:pass@git.example.com/a@b')" HTTPS://git.example.com/a@b
  is "$(without_password git@git.example.com:app.git)" git@git.example.com:app.git
  git init -q -b main "$T/repository"
  git -C "$T/repository" -c user.name=a -c user.email=a@example.com commit -q --allow-empty -m one
  git config --global "url.file://$T/repository.insteadOf" https://robot:hidden@git.example.com/app.git
  fetch_git https://robot:hidden@git.example.com/app.git
  is "$(git -C "$inputs" rev-parse HEAD)" "$(git -C "$T/repository" rev-parse HEAD)"
  ! grep -r hidden "$inputs"
}

@test "openshift: a Secret does not follow a link of the source" {
  parts
  mkdir -p "$T/mounted/keys" "$inputs/keys"
  echo secret >"$T/mounted/keys/token"; echo old >"$T/elsewhere"
  ln -s "$T/elsewhere" "$inputs/keys/token"
  BUILD='{"spec": {"source": {"secrets": [{"secret": {"name": "keys"}, "destinationDir": "keys"}]}}}'
  copy_mounted secrets "$T/mounted"
  is "$(cat "$T/elsewhere" "$inputs/keys/token" | xargs)" "old secret"
}

# user_of CONFIG [TRIGGERS] tells what allowed_user says of an image, for ALLOWED_UIDS=1-.
user_of() {
  (
    buildah() { printf '{"OCIv1": {"config": %s}, "Docker": {"config": {"OnBuild": %s}}}' "$image" "$triggers"; }
    fail() { echo "$2: $3"; exit "$1"; }
    image=$1 triggers=${2:-null} ALLOWED_UIDS=1-
    eval "$(sed -n '/^allowed_user() {/,/^}/p' "$BATS_TEST_DIRNAME/../../examples/openshift/build.sh")"
    allowed_user it && echo allowed
  ) || true
}

@test "openshift: ALLOWED_UIDS holds for every way to name the user" {
  needs jq
  local refusal='BuildConfigInvalid: the scripts of it run as user "%s", which ALLOWED_UIDS=1- does not have\n'
  is "$(user_of '{"User": "1001:0"}')" allowed
  is "$(user_of '{"User": "0", "Labels": {"io.openshift.s2i.assemble-user": "1001"}}')" allowed
  is "$(user_of '{"User": "1001"}' '["RUN id", "USER 1002"]')" allowed
  # shellcheck disable=SC2059
  {
    is "$(user_of '{}')" "$(printf "$refusal" "")"
    is "$(user_of '{"User": "1001", "Labels": {"io.s2i.assemble-user": "0"}}')" "$(printf "$refusal" 0)"
    is "$(user_of '{"User": "1001"}' '["USER 1002", "user root"]')" "$(printf "$refusal" root)"
    is "$(user_of '{"User": "99999999999999999999"}')" "$(printf "$refusal" 99999999999999999999)"
  }
}

@test "openshift: credentials are not needed" {
  needs jq
  # shellcheck source=/dev/null
  . "$BATS_TEST_DIRNAME/../../examples/openshift/settings.sh"
  credentials "$T/none.json" "" ""
  is "$(jq -c . "$T/none.json")" '{"auths":{}}'
}
