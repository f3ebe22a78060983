#!/usr/bin/env bats
# The builder image of examples/openshift, as a custom build strategy.

load helpers
load nested
load openshift

setup_file() {
  start_all
  [ -n "${GIT:-}" ] || return 0
  local work=$BATS_FILE_TMPDIR/work
  git init -q -b main "$work"
  mkdir -p "$work/sub"
  cat >"$work/Dockerfile" <<D
FROM $REGISTRY/private/base:1
ARG VERSION=none
COPY file /file
RUN echo "\$VERSION by \$(id -u)" >/version; grep CapBnd /proc/self/status >/caps
D
  printf 'FROM %s/private/base:1\nRUN exit 7\n' "$REGISTRY" >"$work/sub/Failing"
  printf 'FROM %s/private/base:1\nRUN echo waiting; sleep 600\n' "$REGISTRY" >"$work/sub/Waiting"
  printf 'FROM scratch\nCOPY . /sub/\n' >"$work/sub/Containerfile"
  echo one >"$work/file"; echo deep >"$work/sub/file"
  ln -s / "$work/out"
  git -C "$work" add . && git -C "$work" commit -q -m 'first subject' -m 'and more' && git -C "$work" tag v1
  git -C "$work" rev-parse HEAD >"$BATS_FILE_TMPDIR/first"
  echo two >"$work/file"; git -C "$work" commit -q -a -m second
  git clone -q --bare "$work" "$BATS_FILE_TMPDIR/git/app.git"
}

teardown_file() { stop_all; }

@test "openshift: a Build with everything that a custom strategy gets" {
  BUILD=$(cat <<J
{"apiVersion": "build.openshift.io/v1", "kind": "Build", "metadata": {"name": "app-1", "namespace": "team"},
 "spec": {"source": {"type": "Git", "git": {"uri": "$GIT/app.git", "ref": "main"}},
  "strategy": {"type": "Custom", "customStrategy": {"from": {"kind": "DockerImage", "name": "builder"},
   "env": [{"name": "VERSION", "value": "1.2 beta"}, {"name": "BUILD_LOGLEVEL", "value": "0"}, {"name": "HTTPS_PROXY", "value": "http://proxy"}]}},
  "output": {"imageLabels": [{"name": "team", "value": "a b=c"}]}, "completionDeadlineSeconds": 600,
  "postCommit": {"script": "test \"\$(cat /file)\" = two && echo tried \$1", "args": ["it"]}}}
J
  )
  pod -e BUILD="$BUILD" -e SOURCE_REPOSITORY="$GIT/app.git" -e SOURCE_URI="$GIT/app.git" -e SOURCE_REF=main -e VERSION='1.2 beta' \
    -e HTTPS_PROXY=http://proxy -e NO_PROXY=127.0.0.1 -e DROP_CAPS=KILL,MKNOD
  local commit; commit=$(git -C "$BATS_FILE_TMPDIR/work" rev-parse HEAD)
  says "tried it"
  is "$(tail -n 1 <<<"$output")" "Successfully pushed $(cat "$T/termination")"
  is "$(cat "$T/termination")" "$REGISTRY/app:latest@sha256:$(registry app/manifests/latest | sha256sum | cut -d' ' -f1)"
  is "$(file_of app latest version)" "1.2 beta by 0"
  # Neither KILL (5) nor MKNOD (27).
  is $((0x$(file_of app latest caps | cut -f2) & (1 << 5 | 1 << 27))) 0
  config_of app latest >"$T/config"
  is "$(jq -r '.config.Labels | to_entries[] | select(.key | test("^(io.openshift|team)")) | "\(.key)=\(.value)"' "$T/config" | sort)" "$(sort <<L
io.openshift.build.commit.author=Ada <ada@example.com>
io.openshift.build.commit.date=Sun Sep 13 12:26:40 2020 +0000
io.openshift.build.commit.id=$commit
io.openshift.build.commit.message=second
io.openshift.build.commit.ref=main
io.openshift.build.name=app-1
io.openshift.build.namespace=team
io.openshift.build.source-location=$GIT/app.git
team=a b=c
L
)"
  is "$(jq -r '.config.Env[] | select(test("^(OPENSHIFT|HTTPS|VERSION)"))' "$T/config")" "OPENSHIFT_BUILD_NAME=app-1
OPENSHIFT_BUILD_NAMESPACE=team
OPENSHIFT_BUILD_SOURCE=$GIT/app.git
OPENSHIFT_BUILD_REFERENCE=main
OPENSHIFT_BUILD_COMMIT=$commit"
}

@test "openshift: as any user of the restricted SCC, at a ref, in a directory" {
  restricted=1
  pod -e SOURCE_REPOSITORY="$GIT/app.git" -e SOURCE_REF=v1
  is "$(file_of app latest file)" one
  is "$(file_of app latest version)" "none by 0"
  # The revision that started the build counts more than what the branch is now.
  first=$(cat "$BATS_FILE_TMPDIR/first")
  OUTPUT_IMAGE=sub:1 pod -e SOURCE_REPOSITORY="$GIT/app.git" -e SOURCE_REF=main -e SOURCE_CONTEXT_DIR=sub \
    -e BUILD='{"spec": {"revision": {"type": "Git", "git": {"commit": "'"$first"'"}}}}'
  is "$(file_of sub 1 sub/file)" deep
  is "$(config_of sub 1 | jq -r '.config.Labels | [."io.openshift.build.commit.id", ."io.openshift.build.commit.message", ."io.openshift.build.source-context-dir"] | join("|")')" \
    "$first|first subject|sub"
}

@test "openshift: sources that are no repository" {
  local secrets=/var/run/secrets/openshift.io/build configs=/var/run/configs/openshift.io/build dockerfile
  mkdir -p secret/..data config bin
  printf hidden >secret/..data/token; ln -s ..data/token secret/token; echo setting >config/app.conf
  dockerfile="FROM example.com/pinned:1\\nCOPY . /src/\\nRUN --mount=type=secret,id=TOKEN cp /run/secrets/TOKEN /seen\\n"
  BUILD=$(cat <<J
{"apiVersion": "build.openshift.io/v1", "spec": {
 "source": {"type": "Dockerfile", "dockerfile": "$dockerfile",
  "secrets": [{"secret": {"name": "s"}, "destinationDir": "keys"}], "configMaps": [{"configMap": {"name": "c"}}],
  "images": [{"from": {"kind": "DockerImage", "name": "$REGISTRY/private/base:1"}, "as": ["example.com/pinned:1"],
   "paths": [{"sourcePath": "/etc/passwd", "destinationDir": "from"}, {"sourcePath": "/etc", "destinationDir": "from"},
    {"sourcePath": "/etc/.", "destinationDir": "all"}]}]},
 "strategy": {"customStrategy": {"env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "t", "key": "k"}}}]}},
 "output": {"to": {"kind": "DockerImage", "name": "$REGISTRY/inline:2"}}}}
J
  )
  OUTPUT_IMAGE=inline:2 pod -e BUILD="$BUILD" -e TOKEN=secret-value -v "$T/secret:$secrets/s:ro" -v "$T/config:$configs/c:ro"
  is "$(file_of inline 2 src/keys/token)" hidden
  is "$(file_of inline 2 src/app.conf)" setting
  is "$(for path in from/passwd from/etc/passwd all/passwd; do file_of inline 2 "src/$path" | grep -c ^root:; done | xargs)" "1 1 1"
  is "$(file_of inline 2 seen)" secret-value
  ! config_of inline 2 | grep -q secret-value
  # What a command line sends: a tree of files, with the Dockerfile among it.
  printf 'FROM scratch\nCOPY sent /\n' >bin/Dockerfile; echo text >bin/sent
  tar -C bin -c . >sent.tar
  pod -i -e BUILD='{"spec": {"source": {"type": "Binary", "binary": {}}}}' <sent.tar
  is "$(file_of app latest sent)" text
}

# wrong STATUS MESSAGE VARIABLE=VALUE... adds a build that fails so to a script.
wrong() {
  printf 'rm -f /tmp/words; env'
  printf ' %q' "${@:3}"
  printf ' /usr/libexec/openshift-builder/build.sh >/dev/null 2>/tmp/words || status=$?\n'
  # shellcheck disable=SC2016 # for the container
  printf 'last=$(tail -n 1 /tmp/words); [ "$last" = "Error: $(cat /dev/termination-log)" ] || echo "another termination message"\n'
  printf 'case "$status $last" in %q*) ;; *) printf "wanted: %%s\\n" %q; echo "got: $status"; cat /tmp/words ;; esac\n' "$1 Error: $2" "$1 $2"
}

@test "openshift: what is wrong is the last line, and the reason" {
  local repository=SOURCE_REPOSITORY=$GIT/app.git
  secret "$T/wrong" docker-config other
  {
    wrong 64 "BuildConfigInvalid: BUILD is not the JSON" 'BUILD={"apiVersion": "v2"}'
    wrong 64 "BuildConfigInvalid: /nowhere has no .dockerconfigjson" PUSH_DOCKERCFG_PATH=/nowhere
    wrong 64 "BuildConfigInvalid: BUILD_LOGLEVEL is" BUILD_LOGLEVEL=much
    wrong 66 "FetchSourceFailed: no source" A=B
    wrong 66 "FetchSourceFailed: fetching $GIT/none.git" "SOURCE_REPOSITORY=$GIT/none.git"
    wrong 66 "FetchSourceFailed: nowhere is no branch, tag or commit of" "$repository" SOURCE_REF=nowhere
    wrong 65 'InvalidContextDirectory: the source has no directory "none"' "$repository" SOURCE_CONTEXT_DIR=none
    wrong 65 'InvalidContextDirectory: the source has no directory "out/etc"' "$repository" SOURCE_CONTEXT_DIR=out/etc
    wrong 65 'ManageDockerfileFailed: the source has no file "sub/none"' "$repository" SOURCE_CONTEXT_DIR=sub BUILD_DOCKERFILE=none
    wrong 125 "DockerBuildFailed: creating build container: pulling" "$repository" PULL_DOCKERCFG_PATH=/wrong
    wrong 74 "PushImageToRegistryFailed: pushing" "$repository" SOURCE_CONTEXT_DIR=sub PUSH_DOCKERCFG_PATH=/wrong
    wrong 7 'DockerBuildFailed: building at STEP "RUN exit 7": while running runtime: exit status 7' "$repository" BUILD_DOCKERFILE=sub/Failing
    wrong 73 'PostCommitHookFailed: ' "$repository" 'BUILD={"spec": {"postCommit": {"command": ["test", "-e", "/nowhere"]}}}'
    # Nothing of them is left, neither here nor in the store.
    echo 'ls -d /tmp/tmp.* 2>/dev/null; buildah --root /var/lib/containers/storage containers -aq'
  } >script
  pod -v "$T/wrong:/wrong:ro" -v "$T/script:/script:ro" --entrypoint '["sh", "/script"]'
  is "$output" ""
}

@test "openshift: a build that is stopped, or takes too long, leaves nothing" {
  local flags status=0 pid
  for program in podman runc git jq docker-registry openssl perl curl; do needs "$program"; done
  pod_flags
  podman_in run --name stopped "${flags[@]}" -e SOURCE_REPOSITORY="$GIT/app.git" -e BUILD_DOCKERFILE=sub/Waiting builder >"$T/log" 2>"$T/stderr" 3>&- &
  pid=$!
  for _ in $(seq 300); do ! grep -qx waiting "$T/log" || break; sleep 0.1; done
  podman_in kill --signal TERM stopped >/dev/null
  wait "$pid" || status=$?
  is "$status" 143
  is "$(cat "$T/termination")" "Cancelled: the build was stopped"
  refused 124 "DeadlineExceeded: " -e SOURCE_REPOSITORY="$GIT/app.git" -e BUILD_DOCKERFILE=sub/Waiting -e BUILD='{"spec": {"completionDeadlineSeconds": 3}}'
  is "$(podman_in run "${flags[@]}" --entrypoint '["buildah", "containers", "-aq"]' builder)" ""
}

@test "openshift: steps come from a registry" {
  pod -e SOURCE_REPOSITORY="$GIT/app.git" -e BUILD_CACHE_REPOSITORY="$REGISTRY/team/cache"
  [[ $output != *"Using cache"* ]]
  find "$T/store" -mindepth 1 -delete
  pod -e SOURCE_REPOSITORY="$GIT/app.git" -e SOURCE_REF=main -e BUILD_CACHE_REPOSITORY="$REGISTRY/team/cache"
  # ARG, COPY, RUN, and the first of those that tell of the build.
  is "$(grep -c 'Using cache' <<<"$output")" 4
}
