#!/usr/bin/env bash
# The entry point of a custom build strategy of OpenShift: fetches the source, builds it
# by its Dockerfile or by source-to-image, and pushes the image.
#
# Everything that it obeys comes from the environment and from the JSON of the Build in
# BUILD; README.md has the table. The last line, which is also the termination message of
# the pod, is the image with its digest, or `Error: REASON: what is wrong`. Status:
#   0 done; 64 BUILD or the environment is wrong; 65 no such directory or Dockerfile;
#   66 the source cannot be fetched; 69 the image of source-to-image cannot be read;
#   73 the hook after the build failed; 74 the image cannot be pushed; 124 too late;
#   143 stopped; otherwise that of the build: the failed command's, or 125.
set -euo pipefail
umask 022

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=examples/openshift/settings.sh
. "$here/settings.sh"
# shellcheck source=examples/openshift/source.sh
. "$here/source.sh"

work=$(readlink -f "$(mktemp -d)") # all that is not in the store
inputs=$work/inputs
child=            # the step that is under way, and its process group
watch=            # what waits for completionDeadlineSeconds
BUILD=${BUILD:-'{}'}
export HOME=$work/home
mkdir "$inputs" "$HOME" "$work/empty"

# build PATH prints what the Build says there, or nothing.
build() { jq -r "($1) // empty" <<<"$BUILD"; }

# option NAME prints a setting of this script: a variable of the strategy, which the
# pod has in its environment as well.
option() { printf '%s' "${!1:-}"; }

# on VALUE... says whether one of them is yes.
on() {
  local value
  for value; do [[ ! ${value,,} =~ ^(1|true|yes)$ ]] || return 0; done
  return 1
}

clean_up() {
  [ -z "$watch" ] || kill "$watch" 2>/dev/null || true
  chmod -R u+w "$work" 2>/dev/null || true
  rm -rf "$work"
}

# message TEXT leaves the termination message of the container.
message() { [ ! -w /dev/termination-log ] || printf '%s\n' "$1" >/dev/termination-log; }

# fail STATUS REASON TEXT ends the build.
fail() {
  message "$2: $3"
  echo "Error: $2: $3" >&2
  exit "$1"
}

# stop STATUS REASON TEXT ends the build from outside: the step is asked to stop, and
# waited for, so that it takes its containers with it.
stop() {
  trap '' TERM INT HUP USR1
  if [ -n "$child" ]; then
    kill -TERM -- "-$child" 2>/dev/null || true
    wait "$child" || true
  fi
  fail "$@"
}

# step STATUS REASON COMMAND... carries a step out, in a process group of its own, since
# a shell obeys a signal only between commands. When it fails, its last words on stderr
# are the message; the status "own" stands for that of the command.
step() {
  local status=0 code=$1 reason=$2 words
  shift 2
  set -m
  (
    trap : TERM # the parts of the pipe get the signal, too; this one waits for them
    "$@" 2>&1 >&3 3>&- | (trap '' TERM; exec tee "$work/words" >&2)
  ) 3>&1 <&0 &
  child=$!
  set +m
  wait "$child" || status=$?
  child=
  [ "$status" -ne 0 ] || return 0
  words=$(grep '^Error: ' "$work/words" | tail -n 1 || true)
  words=${words:-$(grep . "$work/words" | tail -n 1 || true)}
  [ "$code" != own ] || code=$status
  fail "$code" "$reason" "${words#Error: }"
}

# deadline makes the build give up in time; OpenShift counts the time of the pod alone.
deadline() {
  local seconds
  seconds=$(build .spec.completionDeadlineSeconds)
  [ -n "$seconds" ] || return 0
  (trap 'kill $!' EXIT; sleep "$seconds" & wait $!; kill -USR1 $$) 2>/dev/null &
  watch=$!
}

# directory sets $context to the directory of the source that is built.
directory() {
  local dir=${SOURCE_CONTEXT_DIR:-$(build .spec.source.contextDir)}
  context=$(inside "${dir:-.}" 2>/dev/null) && [ -d "$context" ] ||
    fail 65 InvalidContextDirectory "the source has no directory \"$dir\""
}

# dockerfile sets $dockerfile: that of the Build, else that of the source.
dockerfile() {
  local name
  if [ "$(build '.spec.source.dockerfile | type')" = string ]; then
    dockerfile=$work/Dockerfile
    build .spec.source.dockerfile >"$dockerfile"
    return
  fi
  name=$(option BUILD_DOCKERFILE)
  name=${name:-$(build .spec.strategy.dockerStrategy.dockerfilePath)}
  if [ -z "$name" ]; then
    name=Dockerfile
    [ ! -e "$context/Containerfile" ] || name=Containerfile
  fi
  dockerfile=$(inside "${context#"$inputs"}/$name" 2>/dev/null) && [ -f "$dockerfile" ] ||
    fail 65 ManageDockerfileFailed "the source has no file \"${SOURCE_CONTEXT_DIR:+$SOURCE_CONTEXT_DIR/}$name\""
}

# facts sets the commit's part of labels and variables.
facts() {
  uri=$(without_password "${SOURCE_REPOSITORY:-${SOURCE_URI:-$(build .spec.source.git.uri)}}")
  ref=${SOURCE_REF:-$(build .spec.source.git.ref)}
  commit='' author='' date='' subject=''
  [ -e "$inputs/.git" ] || return 0
  {
    read -r commit; read -r author; read -r date; read -r subject
  } < <(git -C "$inputs" log -1 --format='%H%n%an <%ae>%n%ad%n%s')
}

# labels prints the flags for the labels of the result, each with a NUL behind it.
labels() {
  local key value
  while IFS='=' read -r key value; do
    [ -z "$value" ] || printf '%s\0' "--label=io.openshift.$key=$value"
  done <<LABELS
build.name=$(build .metadata.name)
build.namespace=$(build .metadata.namespace)
build.commit.id=$commit
build.commit.author=$author
build.commit.date=$date
build.commit.ref=$ref
build.commit.message=$subject
build.source-location=$uri
build.source-context-dir=${SOURCE_CONTEXT_DIR:-$(build .spec.source.contextDir)}
LABELS
  jq -j '.spec.output.imageLabels[]? | "--label=\(.name)=\(.value // "")\u0000"' <<<"$BUILD"
}

# variables prints the ENV instruction that closes every image, so that a container
# can tell what it was built from.
variables() {
  local pair
  for pair in "NAME=$(build .metadata.name)" "NAMESPACE=$(build .metadata.namespace)" \
    "SOURCE=$uri" "REFERENCE=$ref" "COMMIT=$commit"; do
    [ -z "${pair#*=}" ] || sed -E 's/["\\$]/\\&/g; s/^([A-Z]*)=(.*)$/ENV OPENSHIFT_BUILD_\1="\2"/' <<<"$pair"
  done
}

# arguments prints the flags that the strategy's variables come to. Those of a docker
# strategy are in the image. Those of a custom one are build arguments, except what this
# script obeys itself; what comes out of a Secret is a secret of the build.
arguments() {
  jq -j '
    def flag(name; value): "--\(name)=\(value)\u0000";
    (.spec.strategy.customStrategy.env[]?
      | select(.name | test("^(BUILD|BUILDAH|S2I|GIT|STORAGE|OPENSHIFT)_|^((HTTPS?|NO)_PROXY|LANG|DROP_CAPS)$"; "i") | not)
      | if .valueFrom.secretKeyRef then flag("secret"; "id=\(.name),env=\(.name)")
        elif .valueFrom then flag("build-arg"; .name)
        else flag("build-arg"; "\(.name)=\(.value // "")") end),
    (.spec.strategy.dockerStrategy // {}
      | (.env[]? | flag("env"; "\(.name)=\(.value // "")")),
        (.buildArgs[]? | flag("build-arg"; "\(.name)=\(.value // "")"))),
    (.spec.source.images[]? | .from.name as $name | .as[]? | flag("build-context"; "\(.)=docker-image://\($name)"))
  ' <<<"$BUILD"
}

# rights prints the flags for what commands may do and see.
rights() {
  local cap
  for cap in $(option DROP_CAPS | tr ',' ' '); do printf '%s\0' "--cap-drop=$cap"; done
  ! on "$(option BUILD_MOUNT_ETC_PKI_CATRUST)" || printf '%s\0' --volume=/etc/pki/ca-trust:/etc/pki/ca-trust:ro
}

# by_dockerfile builds $context; the ID of the image is in $work/image-id.
by_dockerfile() {
  local flags target cache
  mapfile -d '' flags < <(arguments && rights && labels)
  target=$(option BUILD_TARGET) cache=$(option BUILD_CACHE_REPOSITORY)
  { [ -z "$target" ] || echo "FROM $target"; variables; } >"$work/last"
  [ ! -s "$work/last" ] || flags+=(-f "$work/last")
  [ -z "$cache" ] || flags+=(--layers "--cache-from=$cache" "--cache-to=type=registry,ref=$cache,ignore-error=true")
  ! on "$(option BUILD_NO_CACHE)" "$(build .spec.strategy.dockerStrategy.noCache)" || flags+=(--no-cache)
  ! on "$(option BUILD_FORCE_PULL)" "$(build .spec.strategy.dockerStrategy.forcePull)" || flags+=(--pull=always)
  ! on "$(option BUILDAH_QUIET)" || flags+=(--quiet)
  [ -z "$(option BUILD_FROM)" ] || flags+=("--from=$(option BUILD_FROM)")
  step own DockerBuildFailed buildah --log-level "$level" build --authfile "$work/pull.json" --format docker \
    --iidfile "$work/image-id" -f "$dockerfile" "${flags[@]}" "$context"
}

# by_s2i NAME-OF-BUILDER builds $context with the scripts of an image, then gives the
# result the labels that every image gets.
by_s2i() {
  local builder=$1 flags name=localhost/s2i:built
  jq -r '.spec.strategy | (.customStrategy, .sourceStrategy) | .env[]? | select(.name | test("^(BUILD|BUILDAH|S2I|GIT|OPENSHIFT)_") | not)
    | "\(.name)=\(.value // env[.name] // "")"' <<<"$BUILD" >"$work/environment"
  export S2I_ENVIRONMENT=$work/environment S2I_PREVIOUS=$output
  S2I_INCREMENTAL=$(on "$(option S2I_INCREMENTAL)" "$(build .spec.strategy.sourceStrategy.incremental)" && echo true || echo false)
  S2I_SCRIPTS_URL=$(option S2I_SCRIPTS_URL)
  S2I_SCRIPTS_URL=${S2I_SCRIPTS_URL:-$(build .spec.strategy.sourceStrategy.scripts)}
  export S2I_INCREMENTAL S2I_SCRIPTS_URL REGISTRY_AUTH_FILE=$work/pull.json
  step 69 PullBuilderImageFailed buildah pull -q "$builder"
  allowed_user "$builder"
  step own AssembleFailed "$here/s2i.sh" "$context" "$builder" "$name"
  mapfile -d '' flags < <(labels)
  { echo "FROM $name"; variables; } >"$work/last"
  step own DockerBuildFailed buildah build -q --pull=never --format docker --iidfile "$work/image-id" \
    -f "$work/last" "${flags[@]}" "$work/empty"
}

# allowed_user checks, where the cluster allows only some users (ALLOWED_UIDS, such as
# "1-" for all but root), that the scripts and the triggers of $1 run as such: by number.
allowed_user() {
  local users user range low high fits
  [ -n "${ALLOWED_UIDS:-}" ] || return 0
  users=$(buildah inspect --type image "$1" | jq -r '.OCIv1.config as $config | $config.Labels as $labels
    | ($labels["io.openshift.s2i.assemble-user"] // $labels["io.s2i.assemble-user"] // "" | if . == "" then $config.User // "" else . end),
      (.Docker.config.OnBuild[]? | select(test("^\\s*USER\\s"; "i")) | sub("^\\s*USER\\s+"; ""; "i"))
    | split(":")[0] // ""')
  while IFS= read -r user; do
    fits=
    for range in ${ALLOWED_UIDS//,/ }; do
      low=${range%%-*} high=${range##*-}
      [[ ! $user =~ ^[0-9]{1,10}$ ]] || [ "$user" -lt "${low:-0}" ] || [ "$user" -gt "${high:-$user}" ] || fits=yes
    done
    [ -n "$fits" ] ||
      fail 64 BuildConfigInvalid "the scripts of $1 run as user \"$user\", which ALLOWED_UIDS=$ALLOWED_UIDS does not have"
  done <<<"$users"
}

# post_commit tries the image as spec.postCommit says, in a container that is thrown away.
post_commit() {
  local words
  mapfile -d '' words < <(jq -j '.spec.postCommit // {} | select(.script or .command or .args)
    | (if .script then ["/bin/sh", "-ic", .script, "/bin/sh"] elif .command then .command else ["image-entrypoint"] end) + (.args // [])
    | .[] | . + "\u0000"' <<<"$BUILD")
  [ ${#words[@]} -gt 0 ] || return 0
  if [ "${words[0]}" = image-entrypoint ]; then
    mapfile -d '' -t entrypoint < <(buildah inspect --type image "$image" | jq -j '.OCIv1.config.Entrypoint[]? | . + "\u0000"')
    words=("${entrypoint[@]}" "${words[@]:1}")
  fi
  step 73 PostCommitHookFailed in_container "${words[@]}"
}

in_container() {
  local ctr
  ctr=$(buildah from --pull=never "$image")
  trap 'buildah rm "$ctr" >/dev/null' EXIT
  buildah run "$ctr" -- "$@"
}

# destination sets $output, empty when the image is only to be built.
destination() {
  output=
  if [ -n "${OUTPUT_IMAGE:-}" ]; then
    output=${OUTPUT_REGISTRY:+$OUTPUT_REGISTRY/}$OUTPUT_IMAGE
  elif [ "$(build .spec.output.to.kind)" = DockerImage ]; then
    output=$(build .spec.output.to.name)
  fi
}

push() {
  if [ -z "$output" ]; then
    message "$image"
    echo "Build complete, no image push requested"
    return
  fi
  echo "Pushing image $output ..."
  step 74 PushImageToRegistryFailed buildah push -q --authfile "$work/push.json" --digestfile "$work/digest" "$image" "docker://$output"
  message "$output@$(cat "$work/digest")"
  echo "Successfully pushed $output@$(cat "$work/digest")"
}

main() {
  local level=warn builder
  jq -e 'type == "object" and (.apiVersion // "v1" | . == "v1" or . == "build.openshift.io/v1")' <<<"$BUILD" >/dev/null 2>&1 ||
    fail 64 BuildConfigInvalid "BUILD is not the JSON of a Build of build.openshift.io/v1"
  [[ ${BUILD_LOGLEVEL:-0} =~ ^[0-9]+$ ]] || fail 64 BuildConfigInvalid "BUILD_LOGLEVEL is \"$BUILD_LOGLEVEL\", not a number"
  [ "${BUILD_LOGLEVEL:-0}" -lt 2 ] || level=info
  [ "${BUILD_LOGLEVEL:-0}" -lt 5 ] || level=debug
  destination
  deadline
  settings 2>"$work/words" || fail 64 BuildConfigInvalid "$(tail -n 1 "$work/words")"
  step 66 FetchSourceFailed fetch_source
  directory
  facts
  builder=$(option S2I_BUILDER_IMAGE)
  builder=${builder:-$(build .spec.strategy.sourceStrategy.from.name)}
  if [ -n "$builder" ]; then
    by_s2i "$builder"
  else
    dockerfile
    by_dockerfile
  fi
  image=$(cat "$work/image-id")
  post_commit
  push
}

trap clean_up EXIT
trap 'stop 143 Cancelled "the build was stopped"' TERM INT HUP
trap 'stop 124 DeadlineExceeded "the build took longer than completionDeadlineSeconds"' USR1
main
