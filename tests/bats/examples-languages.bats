#!/usr/bin/env bats
# The verbs driven from other languages than the shell: examples/python, examples/make.
load helpers
load examples

# made runs make in a copy of examples/make; what it did is in $output.
made() {
  [ -d "$T/make" ] || cp -r "$EXAMPLES/make" "$T/make"
  [ -x "$T/bin/buildah" ] || plain_buildah
  PATH=$T/bin:$PATH make -C "$T/make" "$@" >"$T/made" 2>&1 || { cat "$T/made"; return 1; }
  output=$(cat "$T/made")
  is "$("$T/bin/buildah" containers -q)" ""
  ! compgen -G "$T/make/.stamps/*.container"
}

# committed lists the images that make has just made.
committed() { grep -o 'commit -q --iidfile [^ ]*' <<<"$output" | sed 's|.*/||; s/\.image$//' | sort | xargs; }

@test "examples: Python builds a site" {
  needs python3
  base busybox
  mkdir -p site/sub; echo 'version @VERSION@' >site/sub/index.html.in
  # Words are handed on as they are: spaces, quotes and dollars need no care.
  # shellcheck disable=SC2016 # as it is
  VERSION='1 "$(id)"' example python/build.py site
  says "localhost/python-site: httpd -f -p 8080 -h /www"
  in_image localhost/python-site sh -c 'cat /www/sub/index.html; cat /www.list; echo "$VERSION"'
  # shellcheck disable=SC2016 # as it is
  is "$output" $'version 1 "$(id)"\n/www/sub/index.html\n1 "$(id)"'
  is "$(inspected localhost/python-site '.OCIv1.config.Labels["org.opencontainers.image.title"]')" "a site built by Python"
}

@test "examples: what fails is an exception in Python, and nothing is left" {
  needs python3
  base busybox
  example 1 python/build.py missing; says "No such file or directory: 'missing'"; says_not Traceback
  mkdir site
  example 125 python/build.py site 'not a name'; says "build.py: buildah commit: Error: "; says_not Traceback
  BASE=oci:$T/none example 125 python/build.py site; says "build.py: buildah from: Error: "
  example 2 python/build.py; says "Usage: build.py DIRECTORY [IMAGE]"
  # As a library, with another status and standard input.
  cat >"$T/use.py" <<'PY'
from build import Buildah, BuildahError
buildah = Buildah("--log-level", "error")
with buildah.container("docker.io/library/busybox", "--name", "piped") as ctr:
    assert ctr.run("tr", "a-z", "A-Z", stdin="said\n") == "SAID"
    try:
        ctr.run("sh", "-c", "exit 7")
    except BuildahError as err:
        assert err.status == 7, err
    else:
        raise AssertionError("a status of 7 passed")
    assert buildah.inspect("piped", "container")["Container"] == "piped"
PY
  PATH=$T/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$EXAMPLES/python python3 "$T/use.py"
  store_is_clean
}

@test "examples: make builds what has changed" {
  needs make
  base busybox
  made -j4; is "$(committed)" "base clock greeter"
  in_image localhost/greeter:latest /srv/start; is "$output" "Hello, app"
  is "$(inspected localhost/clock '.OCIv1.rootfs.diff_ids[1]')" "$(inspected localhost/greeter '.OCIv1.rootfs.diff_ids[1]')"
  made -j4; is "$(committed)" ""
  touch -d '+1 hour' make/services/greeter/greeting
  made -j4; is "$(committed)" greeter
  touch -d '+2 hours' make/base/setup.sh
  made; is "$(committed)" "base clock greeter"
}

@test "examples: make notices images that are gone, and failures" {
  needs make
  base busybox
  made -j4
  buildah rmi localhost/clock
  made -j4; is "$(committed)" clock
  sed -i '2iexit 3' make/base/setup.sh; touch -d '+1 hour' make/base/setup.sh
  ! made -j4 >"$T/said"
  grep -q 'base.image. Error 3' "$T/said"
  buildah containers -q; is "$output" ""
  sed -i 2d make/base/setup.sh; touch -d '+1 hour' make/base/setup.sh
  made -j4; is "$(committed)" "base clock greeter"
  made clean
  buildah 125 inspect --type image localhost/clock
  [ ! -e make/.stamps ]
}

@test "examples: make pushes what it has built" {
  needs make
  base busybox
  start_registry
  made -j4 PREFIX="$REGISTRY/me/" TAG=2 push
  is "$(curl -fs "http://$REGISTRY/v2/me/greeter/tags/list" | jq -c .tags)" '["2"]'
  is "$(curl -fsI -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REGISTRY/v2/me/clock/manifests/2" |
    sed -n 's/^Docker-Content-Digest: \([^\r]*\).*/\1/p')" "$(cat make/.stamps/clock.pushed)"
  stop_registry
}
