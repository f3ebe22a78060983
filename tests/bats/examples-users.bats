#!/usr/bin/env bats
# Scripts of examples/ as an ordinary user (useradd makes one for these tests) starts them.
load helpers
load user

setup_file() { make_user; }

teardown_file() { remove_user; }

# The user's own copy: what is in the clone may not be his to read.
start() {
  cp -r "$BATS_TEST_DIRNAME/../../examples" "$RHOME/home/$BATS_TEST_NUMBER.examples"
  chown -R "$RUSER:" "$RHOME/home/$BATS_TEST_NUMBER.examples"
  mine "examples=\$HOME/$BATS_TEST_NUMBER.examples; export BUILDAH_ISOLATION=chroot; base; $1"
}

@test "examples: files of several owners without a privilege" {
  start '
    "$examples/bash/unprivileged.sh" >image
    ctr=$(buildah from --pull=never localhost/unprivileged)
    buildah run "$ctr" -- sh -c "id -un; stat -c %u:%g:%a /srv /srv/www /srv/www/index.html; cat index.html"
    buildah run --user guest "$ctr" -- cat /srv/www/index.html 2>/dev/null || echo refused
    buildah rm "$ctr" >/dev/null
    buildah containers -q'
  is "$output" $'www\n0:0:755\n33:33:750\n33:33:640\nmade without root\nrefused'
}

@test "examples: those that mount, below buildah unshare" {
  start '
    buildah unshare -- "$examples/bash/edit-image.sh" docker.io/library/busybox localhost/edited sh -c "echo x >srv; chown 12:34 srv" >id
    ctr=$(buildah from --pull=never localhost/edited)
    buildah run "$ctr" -- stat -c %u:%g /srv
    mkdir -p site bin; echo page @VERSION@ >site/index.html.in
    # the function itself, not its name: a program that is called buildah would call itself
    { echo "#!/bin/bash"; declare -f buildah; echo "buildah \"\$@\""; } >bin/buildah; chmod 755 bin/buildah
    VERSION=2 PATH=$PWD/bin:$PATH buildah unshare -- "$examples/python/build.py" site >id
    buildah run "$(buildah from --pull=never localhost/python-site)" -- cat /www/index.html'
  is "$output" $'12:34\npage 2'
}
