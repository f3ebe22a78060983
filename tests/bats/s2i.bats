#!/usr/bin/env bats
# Source-to-image: examples/bash/s2i.sh by itself, and in the builder image of examples/openshift.

load helpers
load nested
load openshift

setup_file() {
  start_all
  [ -n "${GIT:-}" ] || return 0
  # A builder image for scripts of the shell: "libraries" are fetched once and saved.
  local ctr work=$BATS_FILE_TMPDIR/work dir=$BATS_FILE_TMPDIR/scripts
  mkdir "$dir"
  cat >"$dir/assemble" <<'SH'
#!/bin/sh
set -e
cd /opt/app
cp -r /tmp/src/. .
[ ! -d /tmp/artifacts ] || mv /tmp/artifacts/library .
[ -e library ] || { echo "fetching the library"; date +%s%N >library; }
echo "$COLOUR by $(id -u):$(id -g)" >made
mkdir -p /tmp/.s2i
echo '{"labels": [{"built.with": "the shell"}, {"io.k8s.description": "a b"}]}' >/tmp/.s2i/image_metadata.json
SH
  printf '#!/bin/sh\ncd /opt/app && exec sh ./start\n' >"$dir/run"
  printf '#!/bin/sh\ntar -C /opt/app -cf - library\n' >"$dir/save-artifacts"
  ctr=$(buildah_in from localhost/base)
  buildah_in copy -q --chmod 755 "$ctr" "$dir" /usr/libexec/s2i >/dev/null
  buildah_in run --isolation chroot "$ctr" -- sh -c 'mkdir -p /opt/app && chown 1001:0 /opt/app'
  buildah_in config --label io.openshift.s2i.scripts-url=image:///usr/libexec/s2i --user 1001 "$ctr"
  buildah_in commit -q "$ctr" "docker-archive:$BATS_FILE_TMPDIR/toy.tar:localhost/toy:1" >/dev/null
  buildah_in push -q --cert-dir "$BATS_FILE_TMPDIR/certs" --creds robot:secret "docker-archive:$BATS_FILE_TMPDIR/toy.tar" "docker://$REGISTRY/toy:1" ||
    buildah_in commit -q --cert-dir "$BATS_FILE_TMPDIR/certs" --creds robot:secret "$ctr" "docker://$REGISTRY/toy:1" >/dev/null
  git init -q -b main "$work"
  mkdir -p "$work/.s2i"
  printf '# colours\nCOLOUR=red $5\nbroken line\n' >"$work/.s2i/environment"
  echo "secrets" >"$work/.s2iignore"; echo x >"$work/secrets"
  echo 'echo "started: $(cat made)"' >"$work/start"
  git -C "$work" add . && git -C "$work" commit -q -m 'first subject'
  git clone -q --bare "$work" "$BATS_FILE_TMPDIR/git/app.git"
}

teardown_file() { stop_all; }

# s2i [STATUS] SOURCE BUILDER IMAGE runs the script with the test's store.
s2i() {
  local want=0 status=0
  if [[ $1 =~ ^[0-9]+$ ]]; then want=$1; shift; fi
  mkdir -p "$T/bin"
  printf '#!/bin/sh\nexec "%s" --root "%s" --runroot "%s" --storage-driver overlay "$@"\n' "$(readlink -f "$BUILDAH_BINARY")" "$T/root" "$T/run" >"$T/bin/buildah"
  chmod 755 "$T/bin/buildah"
  output=$(PATH=$T/bin:$PATH BUILDAH_ISOLATION=chroot "$BATS_TEST_DIRNAME/../../examples/bash/s2i.sh" "$@" 2>"$T/stderr") || status=$?
  errors=$(cat "$T/stderr")
  [ "$status" -eq "$want" ] || { printf 's2i %s\nstatus %s, wanted %s\nstdout: %s\nstderr: %s\n' "$*" "$status" "$want" "$output" "$errors"; return 1; }
  store_has_no_containers
}

store_has_no_containers() {
  local output errors
  store_is_clean
  is "$(ls "$T/tmp")" ""
}

# toy puts the builder image into the test's store.
toy() {
  needs jq; needs git
  [ -e "$BATS_FILE_TMPDIR/toy.tar" ] || skip "the builder image needs programs that are not installed"
  buildah pull -q "docker-archive:$BATS_FILE_TMPDIR/toy.tar"
}

# in_image IMAGE COMMAND... runs a command, of the image if none is given.
in_image() {
  local image=$1 ctr; shift
  buildah from --pull=never "$image"; ctr=$output
  [ $# -gt 0 ] || set -- "$(buildah_config "$ctr" '.config.Cmd[0]')"
  buildah run --isolation chroot "$ctr" -- "$@"
  "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" --storage-driver overlay rm "$ctr" >/dev/null
}

buildah_config() { buildah inspect "$1"; jq -r ".OCIv1$2" <<<"$output"; }

@test "s2i: assemble and run, environment, labels, what is left out" {
  toy
  s2i "$BATS_FILE_TMPDIR/work" localhost/toy:1 made
  says "fetching the library"
  in_image made
  is "$output" "started: red \$5 by 1001:0"
  in_image made ls /opt/app
  is "$(xargs <<<"$output")" "library made start"
  buildah inspect --type image made
  is "$(jq -r '.OCIv1.config | .Labels["io.openshift.s2i.build.image"], .Labels["io.openshift.s2i.build.commit.message"],
    .Labels["built.with"], .Labels["io.k8s.description"], .User, .Cmd[0]' <<<"$output")" "localhost/toy:1
first subject
the shell
a b
1001
/usr/libexec/s2i/run"
  is "$(jq -r '.OCIv1.config.Env[]' <<<"$output" | grep COLOUR)" "COLOUR=red \$5"
}

@test "s2i: incremental, with scripts of the source" {
  toy
  mkdir -p source/.s2i/bin
  echo 'echo "second"' >source/start
  S2I_INCREMENTAL=true s2i source localhost/toy:1 made # there is nothing to begin with
  in_image made cat /opt/app/library; library=$output
  printf '#!/bin/sh\nexec sh /opt/app/start with "$1"\n' >source/.s2i/bin/run
  printf '#!/bin/sh\necho "saved by the source" >&2\ntar -C /opt/app -cf - library\n' >source/.s2i/bin/save-artifacts
  S2I_INCREMENTAL=true s2i source localhost/toy:1 made
  says "saved by the source"; says_not "fetching the library"
  in_image made cat /opt/app/library
  is "$output" "$library"
  in_image made
  is "$output" second
  s2i source localhost/toy:1 made
  in_image made cat /opt/app/library
  [ "$output" != "$library" ]
}

@test "s2i: links of the source lead nowhere else" {
  toy
  mkdir -p source/.s2i/bin; echo x >source/start
  printf 'COLOUR=of the machine\n' >"$T/private"; chmod 600 "$T/private"
  ln -s "$T/private" source/.s2i/environment
  s2i source localhost/toy:1 made
  in_image made cat /opt/app/made
  is "$output" " by 1001:0"
  ln -s "$T/private" source/.s2i/bin/run
  s2i 125 source localhost/toy:1 made
  says 'copying ".s2i/bin/run": no such file or directory'
  # Within the source they are as good as files.
  printf '#!/bin/sh\necho "by a link"\n' >source/runner; ln -sf ../../runner source/.s2i/bin/run
  s2i source localhost/toy:1 made
  in_image made
  is "$output" "by a link"
}

@test "s2i: triggers build by themselves; refusals" {
  toy
  printf 'FROM localhost/toy:1\nUSER 0\nONBUILD COPY . /opt/app/\n' >context/Dockerfile
  buildah build -q --isolation chroot --format docker -t trigger context
  mkdir source; printf '#!/bin/sh\necho "from a trigger"\n' >source/start; chmod 755 source/start
  s2i source localhost/trigger triggered
  in_image triggered cat /opt/app/start
  says "from a trigger"
  is "$(buildah_config triggered '.config.Entrypoint[0]')" ./start
  base busybox
  s2i 1 source docker.io/library/busybox none
  says "has no label io.openshift.s2i.scripts-url"
  mkdir -p source/.s2i/bin; printf '#!/bin/sh\nexit 9\n' >source/.s2i/bin/assemble; cp source/.s2i/bin/assemble source/.s2i/bin/run
  s2i 9 source docker.io/library/busybox none
  s2i 125 source oci:/nowhere none
}

@test "s2i: in the builder image, the second time from what was saved" {
  BUILD='{"apiVersion": "build.openshift.io/v1", "metadata": {"name": "app-2", "namespace": "team"}, "spec": {
    "strategy": {"customStrategy": {"env": [{"name": "S2I_BUILDER_IMAGE", "value": "-"}, {"name": "COLOUR", "value": "blue"}]}},
    "output": {"imageLabels": [{"name": "team", "value": "a"}]}, "postCommit": {"command": ["sh"], "args": ["-c", "cat /opt/app/made"]}}}'
  local build=(-e BUILD="$BUILD" -e SOURCE_REPOSITORY="$GIT/app.git" -e COLOUR=blue -e S2I_INCREMENTAL=true -e ALLOWED_UIDS=1- -e S2I_BUILDER_IMAGE)
  S2I_BUILDER_IMAGE=$REGISTRY/toy:1 pod "${build[@]}"
  says "fetching the library"; says "blue by 1001:0"
  find "$T/store" -mindepth 1 -delete
  S2I_BUILDER_IMAGE=$REGISTRY/toy:1 pod "${build[@]}"
  says_not "fetching the library"; says "Successfully pushed"
  config_of app latest >"$T/config"
  is "$(jq -r '.config | .Labels.team, .Labels["io.openshift.build.name"], .Labels["io.openshift.s2i.build.image"], .Cmd[0]' "$T/config" | xargs)" \
    "a app-2 $REGISTRY/toy:1 /usr/libexec/s2i/run"
  S2I_BUILDER_IMAGE=$REGISTRY/private/base:1 refused 64 "BuildConfigInvalid: the scripts of $REGISTRY/private/base:1 run as user \"\"" "${build[@]}"
  S2I_BUILDER_IMAGE=$REGISTRY/none:1 refused 69 "PullBuilderImageFailed: " "${build[@]}"
}
