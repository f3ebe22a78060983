#!/usr/bin/env bats
# Builds of an ordinary user that are stopped from outside: the process in the user
# namespace has time to clean up, also where the signal reaches it twice.

load helpers
load user

setup_file() { make_user; }

teardown_file() { remove_user; }

@test "rootless-signals: a build that is stopped leaves nothing" {
  local target at=$RHOME/home/$BATS_TEST_NUMBER
  for target in '' '-- -'; do # the process, and all of its job
    mine "
      [ -e id ] || base
      printf 'FROM docker.io/library/busybox\nRUN echo waiting; sleep 600\n' >Dockerfile
      set -m
      \"$RHOME/buildah\" --root \"$at/root\" --runroot \"$at/run\" build --isolation chroot . >log 2>&1 &
      set +m
      pid=\$!
      for i in \$(seq 200); do ! grep -qx waiting log || break; sleep 0.05; done
      kill -TERM $target\$pid
      status=0; wait \$pid || status=\$?
      echo \$status; cat log; echo left:; buildah containers -aq; find tmp -name 'buildah*'"
    is "$(head -n 1 <<<"$output")" 125
    says "terminated signal received"
    is "$(tail -n 1 <<<"$output")" left:
  done
}
