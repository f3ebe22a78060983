# shellcheck shell=bash
# Fetches what a build is made from into the directory $inputs. Read by build.sh.

# inside PATH prints the path of something below $inputs, which may not be there yet. It
# has no "..", and what there is of it is no link that leads out.
inside() {
  local path=$inputs/$1
  while [ ! -e "$path" ] && [ ! -L "$path" ]; do path=$(dirname "$path"); done
  case /$1/:$(readlink -f "$path")/ in
  */../*:*) ;;
  *:"$inputs"/*) readlink -f "$inputs/$1" || echo "$inputs/$1"; return ;;
  esac
  echo "$1 leads out of the source" >&2
  return 1
}

# git_access URL makes git use the proxies of the Build and the source Secret: a password
# or a token, which only the server of URL is told; a key for ssh, settings of git, an authority.
git_access() {
  local secret=${SOURCE_SECRET_PATH:-} value server
  export GIT_TERMINAL_PROMPT=0
  value=$(build .spec.source.git.httpProxy); [ -z "$value" ] || export HTTP_PROXY=$value http_proxy=$value
  value=$(build .spec.source.git.httpsProxy); [ -z "$value" ] || export HTTPS_PROXY=$value https_proxy=$value
  value=$(build .spec.source.git.noProxy); [ -z "$value" ] || export NO_PROXY=$value no_proxy=$value
  [ -n "$secret" ] || return 0
  [ -d "$secret" ] || { echo "SOURCE_SECRET_PATH: $secret is no directory" >&2; return 1; }
  [ ! -e "$secret/.gitconfig" ] || git config --global include.path "$secret/.gitconfig"
  [ ! -e "$secret/ca.crt" ] || export GIT_SSL_CAINFO=$secret/ca.crt
  if [ -e "$secret/ssh-privatekey" ]; then
    (umask 077; cat "$secret/ssh-privatekey" >"$work/key") # ssh refuses a key that others may read
    value="-o StrictHostKeyChecking=accept-new"
    [ ! -e "$secret/known_hosts" ] || value="-o StrictHostKeyChecking=yes -o UserKnownHostsFile=$secret/known_hosts"
    export GIT_SSH_COMMAND="ssh -i $work/key -o IdentitiesOnly=yes $value"
  fi
  server=$(sed -nE 's,^(https?://)([^/]*@)?([^/@]+).*,\1\3,ip' <<<"$1")
  if [ -n "$server" ] && { [ -e "$secret/password" ] || [ -e "$secret/token" ]; }; then
    # A submodule or a redirection may lead to anybody's server, which git would ask us about as well.
    cat >"$work/credential" <<'SH'
#!/bin/sh
[ "$1" = get ] || exit 0
asked=$(cat)
cd "$SOURCE_SECRET_PATH" || exit
case $asked in
*"
username="*) ;;
*) echo "username=$(head -n 1 username 2>/dev/null || echo builder)" ;; # with a token any name will do
esac
echo "password=$(head -n 1 password 2>/dev/null || head -n 1 token)"
SH
    chmod 700 "$work/credential"
    git config --global "credential.$server.helper" "$work/credential"
  fi
}

# fetch_git checks one commit out: that of spec.revision, else SOURCE_REF, else the head.
# It alone is fetched, unless the server gives only what branches and tags lead to.
fetch_git() {
  local uri=$1 shown want
  shown=$(without_password "$1")
  want=$(build .spec.revision.git.commit)
  want=${want:-${SOURCE_REF:-$(build .spec.source.git.ref)}}
  want=${want:-HEAD}
  case $want in -*) echo "$want is no name of a commit" >&2; return 1 ;; esac
  echo "Fetching $want of $shown"
  git init -q "$inputs"
  cd "$inputs" || return
  git remote add origin -- "$uri"
  if ! git fetch -q --depth 1 origin "$want" 2>"$work/git"; then
    if ! grep -qiE "couldn't find remote ref|not our ref|unadvertised|does not support shallow" "$work/git"; then
      echo "fetching $shown: $(sed 's/^fatal: //' "$work/git" | grep . | head -n 2 | paste -sd ' ')" >&2
      return 1
    fi
    git fetch -q --tags origin '+refs/heads/*:refs/remotes/origin/*'
    git rev-parse -q --verify "$want^{commit}" >.git/FETCH_HEAD || { echo "$want is no branch, tag or commit of $shown" >&2; return 1; }
  fi
  git -c advice.detachedHead=false checkout -q FETCH_HEAD
  [ ! -e .gitmodules ] || git submodule --quiet update --init --recursive --depth 1
  # .git is part of the context, and so of images that copy all of it.
  [ "$shown" = "$uri" ] || git config remote.origin.url "$shown"
}

# without_password leaves user and password out of a URL that is shown or kept.
without_password() { sed -E 's,^([a-z+]+://)[^/]*@,\1,i' <<<"$1"; }

# fetch_binary reads what `oc start-build --from-file`, `--from-dir` and the like send.
fetch_binary() {
  local name
  name=$(build .spec.source.binary.asFile)
  case $name in
  '') tar -x -f - -C "$inputs" ;;
  */* | . | ..) echo "spec.source.binary.asFile: $name is no file name" >&2; return 1 ;;
  *) cat >"$inputs/$name" ;;
  esac
}

# copy_mounted KIND DIRECTORY copies the secrets or configMaps of the source to where the
# Build wants them. What begins with two dots is how Kubernetes keeps their versions.
copy_mounted() {
  local name dir to file
  while IFS=$'\t' read -r name dir; do
    to=$(inside "$dir")
    mkdir -p "$to"
    for file in "$2/$name"/* "$2/$name"/.[!.]*; do
      [ -e "$file" ] || continue
      rm -rf "${to:?}/${file##*/}" # of the source, it may be a link to anywhere
      cp -rL "$file" "$to/"
    done
  done < <(jq -r ".spec.source.$1[]? | [(.secret // .configMap).name, .destinationDir // \".\"] | @tsv" <<<"$BUILD")
}

# copy_images takes the paths of spec.source.images out of these images: a file or a
# directory with its name, the content alone of a directory whose path ends in "/.".
copy_images() {
  local image path dir to found
  while IFS=$'\t' read -r image path dir; do
    to=$(inside "$dir")
    found=$work/image/$(sed 's,^/*,,; s,/\.$,,' <<<"$path")
    printf 'FROM scratch\nCOPY --from=%s --parents ["%s", "/"]\n' "$image" "${path%/.}" |
      buildah build -q --authfile "$work/pull.json" -o "type=local,dest=$work/image" -f - "$work/empty" >/dev/null
    mkdir -p "$to"
    case $path in */.) cp -a --remove-destination "$found/." "$to/" ;; *) cp -a --remove-destination "$found" "$to/" ;; esac
    rm -rf "$work/image"
  done < <(jq -r '.spec.source.images[]? | .from.name as $name | .paths[]? | [$name, .sourcePath, .destinationDir] | @tsv' <<<"$BUILD")
}

# fetch_source fills $inputs.
fetch_source() {
  local uri=${SOURCE_REPOSITORY:-${SOURCE_URI:-$(build .spec.source.git.uri)}}
  git_access "$uri"
  if [ "$(build '.spec.source.binary | type')" = object ]; then
    fetch_binary
  elif [ -n "$uri" ]; then
    fetch_git "$uri"
  elif [ "$(build '.spec.source // {} | has("dockerfile") or has("images")')" != true ]; then
    echo "no source: neither SOURCE_REPOSITORY nor spec.source of BUILD says what to build" >&2
    return 1
  fi
  copy_images
  copy_mounted secrets /var/run/secrets/openshift.io/build
  copy_mounted configMaps "$configs/build"
}
