#!/usr/bin/env bats
# What a build says and leaves after a step that failed.
# shellcheck disable=SC2016 # what is in single quotes is for other shells
load helpers

dockerfile() { cat >"$T/context/Dockerfile"; }

# containers lists the names of all working containers in one line.
containers() { buildah containers -a --format '{{.ContainerName}}'; output=${output//$'\n'/ }; }

# hint is the last line of what was said.
# shellcheck disable=SC2154 # of helpers
hint() { tail -n 1 <<<"$errors"; }

@test "failed run: status, place, and how to look inside" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox
RUN touch /partial; \
    exit 23
D
  buildah 23 bud "$T/context"
  says 'Error: building at STEP "RUN touch /partial;     exit 23": while running runtime: exit status 23'
  says '> 2 | RUN touch /partial;'
  one_line_error
  is "$(hint)" 'look inside after --debug-on-failure, which keeps the container for `buildah run CONTAINER sh`'
  store_is_clean
}

@test "failed run: --debug-on-failure keeps the container as the step left it" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox AS tools
RUN touch /tool
FROM tools
ENV A=b
WORKDIR /work
USER guest
RUN touch /tmp/partial; exit 3
D
  buildah 3 bud --debug-on-failure -t registry.example/team/web:1 "$T/context"
  is "$(hint)" 'look inside with `buildah run web-failed sh`; `buildah rm web-failed` removes the container'
  containers; is "$output" "web-failed"
  buildah run web-failed sh -c 'ls /tool /tmp/partial; echo "$A $(pwd) $(id -un)"'
  is "$(tr '\n' ' ' <<<"$output")" "/tmp/partial /tool b /work guest "
  # It is like any other container, and its base stays as long as it does.
  buildah 3 bud --debug-on-failure -t web "$T/context"
  containers; is "$output" "web-failed web-failed-1"
  buildah commit -q web-failed kept
  buildah rm web-failed web-failed-1
  store_is_clean
  # The name comes from the stage, else the tag, else the base.
  buildah 3 bud --debug-on-failure "$T/context"; containers; is "$output" "tools-failed"
  buildah rm tools-failed
  dockerfile <<<'FROM docker.io/library/busybox AS Last.One
RUN false'
  buildah 1 bud --debug-on-failure "$T/context"
  containers; is "$output" "last.one-failed"
}

@test "failed run: which flags keep the container" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox
RUN touch /one
RUN exit 4
D
  buildah 4 bud "$T/context"; containers; is "$output" ""
  buildah 4 bud --layers --force-rm "$T/context"; containers; is "$output" ""
  buildah 4 bud --layers --force-rm --debug-on-failure "$T/context"; containers; is "$output" "busybox-failed"
  buildah rm -a
  buildah 4 bud --layers "$T/context"; containers; is "$output" "busybox-failed"
  buildah run busybox-failed ls /one
  buildah rm -a
  buildah 4 bud --no-cache --rm=false -t keep "$T/context"; containers; [[ $output == *keep-failed* ]]
  buildah rm -a
  dockerfile <<<'FROM docker.io/library/busybox
RUN true'
  buildah bud --debug-on-failure -q "$T/context"; containers; is "$output" ""
}

@test "failed run: a killed build keeps nothing" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
RUN echo started; sleep 60'
  # shellcheck disable=SC2154 # of helpers
  "$BUILDAH_BINARY" --root "$T/root" --runroot "$T/run" bud --debug-on-failure "$T/context" >"$T/out" 2>&1 3>&- & local build=$!
  for _ in $(seq 100); do grep -q started "$T/out" && break; sleep 0.1; done
  kill -INT $build; wait $build || true
  store_is_clean
}

@test "failed run: the last output is repeated where nobody saw it" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox
RUN echo of the first step
RUN seq 1 30; echo to stderr >&2; printf 'colour\033[31m\rred'; exit 5
D
  buildah 5 bud "$T/context"
  [[ $errors != *"last output"* && $errors == *"to stderr"* ]]
  buildah 5 bud -q "$T/context"
  is "$output" ""
  says $'the step\'s last output:\n  | 22\n  | 23'
  says "  | colour[31mred"
  says_not "  | to stderr" # it was there already
  says_not "  | of the first step"
  is "$(grep -c '^  | ' <<<"$errors")" 10
  dockerfile <<<'FROM docker.io/library/busybox
RUN echo to stdout; echo to stderr >&2; exit 5'
  buildah 5 bud --logfile "$T/log" "$T/context"
  is "$(grep '^  | ' <<<"$errors" | sort | tr '\n' ' ')" "  | to stderr   | to stdout "
  is "$output" ""
  grep -q '^to stderr$' "$T/log"
  dockerfile <<<'FROM docker.io/library/busybox
RUN exit 6'
  buildah 6 bud -q "$T/context"; says_not "last output"
}

@test "failed run: signals and commands that cannot be started" {
  base busybox
  printf 'FROM docker.io/library/busybox\nRUN kill -TERM $$; sleep 5\n' | dockerfile
  buildah 1 bud --isolation chroot "$T/context"
  says "SIGTERM"
  printf 'FROM docker.io/library/busybox\nRUN sleep 9 & kill -9 $!; wait $!\n' | dockerfile
  buildah 137 bud "$T/context"
  says ": exit status 137"
  dockerfile <<<'FROM docker.io/library/busybox
RUN ["/nosuch"]'
  buildah 1 bud "$T/context"
  says 'starting "/nosuch"'
  says "--debug-on-failure"
  one_line_error
}

@test "failed run: the out-of-memory killer is named" {
  needs runc
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
RUN true
RUN tail /dev/zero; echo status $?; exit 9'
  export BUILDAH_RUNTIME=runc
  buildah 9 bud --isolation oci --memory 20m "$T/context"
  says ": while running runtime: killed by the out-of-memory killer at 20 MiB: exit status 9"
  dockerfile <<<'FROM docker.io/library/busybox
RUN ["tail", "/dev/zero"]'
  buildah 1 bud --isolation oci --memory 20m "$T/context"
  says "killed by the out-of-memory killer at 20 MiB: container exited on SIGKILL"
  dockerfile <<<'FROM docker.io/library/busybox
RUN exit 9'
  buildah 9 bud --isolation oci --memory 20m "$T/context"
  says_not "out-of-memory"
  buildah from --name c --memory 20m docker.io/library/busybox
  buildah 1 run --isolation oci c tail /dev/zero
  says "killed by the out-of-memory killer at 20 MiB"
}
