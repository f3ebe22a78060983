#!/usr/bin/env bats
# What is handed out: installed files, the Debian package, the archive, the image. Here
# with the program under test; tests/fresh/run has the real ones on systems of their own.

load helpers
load debian
load examples

TOP=$BATS_TEST_DIRNAME/../..

setup_file() {
  # A tree of its own, as other tests may make manual pages, too.
  export TREE=$BATS_FILE_TMPDIR/tree
  mkdir -p "$TREE/bin"
  (cd "$BATS_TEST_DIRNAME/../.." && cp -r Makefile go.mod go.sum LICENSE README.md docs packaging examples "$TREE/" && mkdir -p "$TREE/tests" && cp tests/setup.sh "$TREE/tests/")
  (cd "$BATS_TEST_DIRNAME/../.." && GOFLAGS='' go run ./internal/tools/man docs "$TREE/bin/man")
  export BINARY=${BUILDAH_BINARY:-$BATS_TEST_DIRNAME/../../bin/buildah}
  BINARY=$(realpath "$BINARY")
  VERSION=$("$BINARY" version | awk '/^Version:/ {print $2}')
  export VERSION
}

# packs SCRIPT ARGUMENTS... makes something with the tree; what it says is in $output.
packs() {
  local script=$1; shift
  output=$(cd "$TREE" && SOURCE_DATE_EPOCH=1700000000 "packaging/$script" "$@" 2>&1) || { echo "$output"; return 1; }
}

# files DIR lists what is not a directory.
files() { (cd "$1" && find . ! -type d | sort); }

@test "packaging: what make installs, it uninstalls" {
  mkdir -p stage/opt/share/man/man1
  echo other >stage/opt/share/man/man1/buildah-other.1
  make -s -C "$TREE" install-files BINARY="$BINARY" DESTDIR="$T/stage" PREFIX=/opt
  files stage >installed
  local page
  for page in "$TREE"/docs/*.[157].md; do
    page=$(basename "$page" .md)
    grep -q "man${page##*.}/$page\$" installed || { echo "$page is not installed"; return 1; }
  done
  for page in bin/buildah share/doc/buildah/LICENSE share/doc/buildah/README.md; do [ -s "stage/opt/$page" ]; done
  bash -n stage/opt/share/bash-completion/completions/buildah
  grep -q '^#compdef buildah' stage/opt/share/zsh/site-functions/_buildah
  grep -q '^complete ' stage/opt/share/fish/vendor_completions.d/buildah.fish
  is "$(stat -c %a stage/opt/bin/buildah)" 755
  make -s -C "$TREE" uninstall DESTDIR="$T/stage" PREFIX=/opt
  is "$(files stage)" ./opt/share/man/man1/buildah-other.1
  [ ! -e stage/opt/share/doc/buildah ]
}

@test "packaging: root makes what somebody else has cloned" {
  export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
  unset GIT_CONFIG_COUNT SUDO_UID
  mkdir clone
  cp -r "$TREE/Makefile" "$TREE/packaging" clone/
  git -C clone init -q
  git -C clone -c user.name=x -c user.email=x@example.com commit -q --allow-empty -m first
  local commit
  commit=$(git -C clone rev-parse HEAD)
  chown -R 65534:65534 clone
  if git -C clone rev-parse HEAD; then echo "git trusts it without us"; return 1; fi
  is "$(make -s -C clone --eval 'commit: ; @git rev-parse HEAD' commit)" "$commit"
}

@test "packaging: the wrong Go is told in one line" {
  # shellcheck disable=SC2016 # for that shell
  printf '#!/bin/sh\ncase $2 in GOVERSION) echo go1.19.8 ;; esac\n' >old
  printf '#!/bin/sh\ncase $2 in GOVERSION) echo go1.22.1 ;; GOTOOLCHAIN) echo local ;; esac\n' >local
  chmod +x old local
  local go
  for go in "$T/old" "$T/local" "$T/none"; do
    ! output=$(GO=$go "$TREE/tests/setup.sh" build 2>&1)
    is "$(wc -l <<<"$output")" 1
    [[ $output == "setup: Go "*" or later is needed, but "*"$go"* ]]
  done
}

@test "packaging: elsewhere than on Debian, what is not there is named" {
  printf '#!/bin/sh\nexit 0\n' >there
  printf '#!/bin/sh\ncase $2 in GOVERSION) echo go1.99 ;; esac\n' >go
  # shellcheck disable=SC2016 # for that shell
  printf '#!/bin/sh\n[ "$2" != gpgme ] || [ -e "%s/gpgme" ]\n' "$T" >pkg-config
  chmod +x there go pkg-config
  mkdir path
  local program
  for program in bash env awk dirname sort; do ln -s "$(command -v $program)" path/; done
  for program in make git; do ln -s ../there path/$program; done
  ln -s ../go ../pkg-config path/
  without_debian() { output=$(PATH=$T/path GO=go "$TREE/tests/setup.sh" "$1" 2>&1); }
  if without_debian build; then return 1; fi
  is "$output" "setup: please install gcc, the headers of gpgme"
  touch gpgme; ln -s ../there path/gcc
  without_debian build; is "$output" ""
  without_debian demo; is "$(wc -l <<<"$output")" 1; says "docker-registry"
}

@test "packaging: the archive, twice the same, installs and uninstalls" {
  packs tarball.sh "$BINARY" "$T/one"
  packs tarball.sh "$BINARY" "$T/two"
  local name; name=buildah-$VERSION-linux-$(go_arch)
  cmp "one/$name.tar.gz" "two/$name.tar.gz"
  tar -xzf "one/$name.tar.gz"
  is "$(find "$name" -type f ! -newermt @1700000000 | wc -l)" "$(find "$name" -type f | wc -l)"
  cmp "$BINARY" "$name/bin/buildah"
  grep -q '^go.podman.io/storage v' "$name/share/doc/buildah/LICENSES-OF-MODULES"
  # By busybox, over a program that runs.
  mkdir -p stage/opt/bin; cp "$(command -v sleep)" stage/opt/bin/buildah
  stage/opt/bin/buildah 30 3>&- & local sleeper=$!
  DESTDIR=$T/stage busybox sh "$name/install.sh" /opt
  kill "$sleeper"
  is "$(stage/opt/bin/buildah --version)" "$("$BINARY" --version)"
  is "$(files "$name/share")" "$(files stage/opt/share)"
  DESTDIR=$T/stage busybox sh "$name/install.sh" --uninstall /opt
  is "$(files stage)" ""
  ! busybox sh "$name/install.sh" --wrong 2>stderr
  grep -q '^Usage: ' stderr
}

@test "packaging: the Debian package takes the place of Debian's, and gives it back" {
  [ -x "$TOP/.cache/bin/nfpm" ] || skip "make deb builds nfpm"
  needs dpkg-shlibdeps
  mkdir -p "$TREE/.cache/bin"; ln -sf "$(realpath "$TOP")/.cache/bin/nfpm" "$TREE/.cache/bin/nfpm"
  printf 'page\n' >"$TREE/bin/man/containers-tests.conf.5"
  sed -i 's/compression: xz/compression: none/' "$TREE/packaging/nfpm.yaml"
  packs deb.sh "$BINARY" "$T/one"
  packs deb.sh "$BINARY" "$T/two"
  rm "$TREE/bin/man/containers-tests.conf.5"
  local deb; deb=projectatomic-buildah_${VERSION}_$(go_arch).deb
  cmp "one/$deb" "two/$deb"
  is "$(dpkg-deb -f "one/$deb" Version)" "$VERSION"
  [[ $(dpkg-deb -f "one/$deb" Depends) == *libc6*libgpgme*libseccomp2* ]]

  # A Debian that has the libraries, and Debian's buildah.
  MIRROR_DIR=$T/mirror; mkdir -p mirror/pool root/var/lib/dpkg/{info,updates,triggers} stock/usr/bin stock/usr/share/man/man5
  dpkg-query -W -f 'Package: ${Package}\nStatus: install ok installed\nVersion: ${Version}\nArchitecture: ${Architecture}\nMaintainer: tests\nDescription: stand-in\n\n' \
    libc6 libgpgme11 libseccomp2 >root/var/lib/dpkg/status
  echo stock >stock/usr/bin/buildah
  package buildah stock "Priority: optional"
  printf '#!/bin/sh\n' >ldconfig; chmod +x ldconfig; mkdir -p root/sbin; cp ldconfig root/sbin/
  installer() { dpkg --root="$T/root" --log=/dev/null "$@" >said 2>&1 || { cat said; return 1; }; }
  installer -i mirror/pool/buildah.deb
  files root | grep -v var/lib/dpkg >before
  installer -i "one/$deb"
  is "$(dpkg-query --admindir=root/var/lib/dpkg -W -f '${db:Status-Abbrev}' projectatomic-buildah)" "ii "
  ! dpkg-query --admindir=root/var/lib/dpkg -W buildah 2>/dev/null
  cmp "$BINARY" root/usr/bin/buildah
  [ -s root/usr/share/man/man1/buildah-build.1.gz ]
  [ -s root/usr/share/man/man5/containers-tests.conf.5buildah.gz ]
  grep -q common-licenses/Apache-2.0 root/usr/share/doc/projectatomic-buildah/copyright
  # apt removes ours to install Debian's, as dpkg would have it.
  ! installer -i mirror/pool/buildah.deb >/dev/null
  grep -q "projectatomic-buildah conflicts with buildah" said
  installer -r projectatomic-buildah
  is "$(files root | grep -v var/lib/dpkg)" "$(files root | grep sbin/ldconfig)"
  installer -i mirror/pool/buildah.deb
  is "$(files root | grep -v var/lib/dpkg)" "$(cat before)"
}

@test "packaging: the image, twice the same" {
  base busybox
  plain_buildah
  local id name=localhost/tools/buildah
  # Of a program like any other: with --root, as the test's store is not the machine's.
  packs image.sh "$T/bin/buildah" docker.io/library/busybox "$name"
  buildah inspect --type image --format '{{.FromImageID}}' "$name:$VERSION"; id=$output
  packs image.sh "$T/bin/buildah" docker.io/library/busybox "$name"
  buildah inspect --type image --format '{{.FromImageID}}' "$name"; is "$output" "$id"
  is "$(inspected "$name" '.OCIv1.config.Labels["org.opencontainers.image.version"]')" "$VERSION"
  is "$(inspected "$name" '.OCIv1.config.Entrypoint[0]')" buildah
  is "$(inspected "$name" '.OCIv1.created[:10]')" 2023-11-14
}

@test "packaging: a root that is no mount is told, with what helps" {
  mkdir -p plain/{proc,dev,tmp,etc,var/tmp}
  # shellcheck disable=SC2046 # several programs
  tree_with_libraries plain /bin/busybox
  local file
  for file in "$BINARY" $(ldd "$BINARY" | grep -o '/[^ :)]*\.so[^ :)]*'); do
    install -D -m 755 "$file" "plain/$file"
  done
  cat >plain/try <<'SH'
set -e
export TMPDIR=/tmp
b="$0 --root /store --runroot /store-run --storage-driver vfs"
ctr=$($b from scratch)
$b copy -q $ctr /bin/busybox /bin/busybox
exec $b run --isolation chroot --network host $ctr -- /bin/busybox true
SH
  local inside='mount -t proc proc plain/proc && mount --rbind /dev plain/dev && exec chroot plain /bin/busybox sh -c ". /try"'
  errors=$(unshare --mount --propagation private sh -c "$inside \"$BINARY\"" 2>&1 >/dev/null) && return 1
  one_line_error
  output=
  says "the root directory is no mount"; says "mount --bind DIR DIR"
  unshare --mount --propagation private sh -c "mount --bind plain plain && $inside \"$BINARY\""
}
