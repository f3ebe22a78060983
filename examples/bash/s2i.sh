#!/usr/bin/env bash
# Source-to-image by hand: the scripts of a builder image turn source code into an image.
#
# Usage: s2i.sh SOURCE BUILDER IMAGE
#   SOURCE   directory; .s2i/bin/* takes the place of the builder's scripts, .s2i/environment
#            has NAME=VALUE lines, and .s2iignore says what is left out
#   BUILDER  image with scripts at its label io.openshift.s2i.scripts-url
#   IMAGE    name of the result
# Environment: S2I_INCREMENTAL=true begins with what save-artifacts finds in the image
#   S2I_PREVIOUS (IMAGE); S2I_SCRIPTS_URL counts instead of the label; S2I_ENVIRONMENT is a file of
#   further NAME=VALUE lines; DROP_CAPS are capabilities that scripts do without. Needs jq.
set -euo pipefail
case ${3-} in '') sed '1d; /^set/,$d; s/^# \{0,1\}//' "$0"; exit 2 ;; esac

source=$(cd "$1" && pwd -P) builder=$2 image=$3
work=$(mktemp -d) ctr='' old='' name=''
trap 'for name in $ctr $old; do buildah rm "$name" >/dev/null; done; rm -rf "$work"' EXIT
trap 'exit 143' TERM

drop=()
for cap in $(tr , ' ' <<<"${DROP_CAPS:-}"); do drop+=(--cap-drop "$cap"); done
id=$(buildah pull -q --policy missing "$builder")
buildah inspect --type image "$id" >"$work/builder"
said() { jq -r "($1) // empty" "$work/builder"; }
label() { said ".OCIv1.config.Labels | .\"io.openshift.s2i.$1\" // .\"io.s2i.$1\""; }

# What is set while assembling, and in the result. For config, a dollar sign is written twice.
environment=$(readlink -f "$source/.s2i/environment" || true)
case $environment in "$source"/*) ;; *) environment=/dev/null ;; esac # no link leads out of the source
cat "$environment" "${S2I_ENVIRONMENT:-/dev/null}" >"$work/environment" 2>/dev/null || true
mapfile -t env < <(sed -nE '/^[A-Za-z_][A-Za-z0-9_]*=/ { s/\$/$$/g; s/^/--env=/p }' "$work/environment")

# A builder with triggers builds by itself: the first script that there is, is what starts.
if said '.Docker.config.OnBuild[]?' | grep -q .; then
  for start in run start exec execute run.sh start.sh exec.sh execute.sh; do [ ! -e "$source/$start" ] || break; done
  { echo "FROM $id"; [ ! -e "$source/assemble" ] || echo 'RUN sh assemble'; echo "ENTRYPOINT [\"./$start\"]"; } >"$work/Dockerfile"
  buildah build -q --format docker "${env[@]}" "${drop[@]}" -t "$image" -f "$work/Dockerfile" "$source"
  exit
fi

ctr=$(buildah from -q --pull=never "${drop[@]}" "$id")
dest=$(label destination); dest=${dest:-/tmp}
user=$(label assemble-user); user=${user:-$(said .OCIv1.config.User)}; user=${user:-0}
url=${S2I_SCRIPTS_URL:-$(label scripts-url)}

# Where the scripts are in the container. Those from elsewhere are put there first.
declare -A at
for script in assemble run save-artifacts; do
  from=${url%/}/$script own=$source/.s2i/bin/$script
  if [ -e "$own" ] || [ -L "$own" ]; then
    at[$script]=$dest/scripts/$script # the root of its links is the source, not this machine
    buildah copy -q --chmod 755 --contextdir "$source" --ignorefile /dev/null "$ctr" ".s2i/bin/$script" "${at[$script]}" >/dev/null
    continue
  fi
  case $from in
  image://*) at[$script]=${from#image://}; continue ;;
  file://*) from=${from#file://}; [ -e "$from" ] || [ "$script" != save-artifacts ] || continue ;;
  http*) ;;
  *) [ "$script" != save-artifacts ] || continue
    echo "Error: $builder has no label io.openshift.s2i.scripts-url, and the source no .s2i/bin/$script" >&2; exit 1 ;;
  esac
  at[$script]=$dest/scripts/$script
  buildah copy -q --chmod 755 "$ctr" "$from" "${at[$script]}" >/dev/null
done

buildah copy -q --chown "${user%%:*}:0" --contextdir "$source" --exclude .git --ignorefile \
  "$(ls "$source/.s2iignore" 2>/dev/null || echo /dev/null)" "$ctr" . "$dest/src" >/dev/null
[ ${#env[@]} -eq 0 ] || buildah config "${env[@]}" "$ctr"

# What the image of the last time has saved, such as fetched libraries, is not fetched again.
if [ "${S2I_INCREMENTAL:-false}" = true ] && old=$(buildah from -q --retry 0 "${drop[@]}" "${S2I_PREVIOUS:-$image}" 2>"$work/none"); then
  save=${at[save-artifacts]:-/none}
  [[ $save != "$dest/scripts/"* ]] || buildah copy -q --from "$ctr" --chmod 755 "$old" "$save" "$save" >/dev/null
  if buildah run "$old" -- test -x "$save" 2>/dev/null; then
    buildah run --user "$user" "$old" -- "$save" >"$work/artifacts.tar"
    buildah add -q --chown "${user%%:*}:0" "$ctr" "$work/artifacts.tar" "$dest/artifacts/" >/dev/null
  fi
fi

buildah run --user "$user" "$ctr" -- "${at[assemble]}"

# Labels: where it comes from, and what assemble left for us.
labels=(--label "io.openshift.s2i.build.image=$builder" --label "io.openshift.s2i.scripts-url=$url")
for fact in id=%H 'author=%an <%ae>' date=%ad message=%s; do
  value=$(git -C "$source" log -1 --format="${fact#*=}" 2>/dev/null) && labels+=(--label "io.openshift.s2i.build.commit.${fact%%=*}=$value")
done
metadata=/tmp/.s2i/image_metadata.json
if buildah run "$ctr" -- test -e $metadata 2>/dev/null; then
  buildah run "$ctr" -- cat $metadata | jq -j '.labels[] | to_entries[] | "\(.key)=\(.value)\u0000"' >"$work/labels"
  while IFS= read -r -d '' pair; do labels+=(--label "$pair"); done <"$work/labels"
fi
buildah config "${labels[@]}" --cmd "[\"${at[run]}\"]" "$ctr"
buildah commit -q --format docker "$ctr" "$image"
