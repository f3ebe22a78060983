#!/usr/bin/env bats
# RUN --security and --allow.
# shellcheck disable=SC2016 # what is in single quotes is for other shells
load helpers

dockerfile() { cat >"$T/context/Dockerfile"; }

confined() {
  buildah bud --isolation "$BUILDAH_ISOLATION" --cap-drop all --allow security.insecure "$T/context"
  is "$(sed -n 's/^CapEff:[[:space:]]*//p' <<<"$output" | tr '\n' ' ')" "0000000000000000 $(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status) 0000000000000000 "
  is "$(sed -n 's/^Seccomp:[[:space:]]*//p' <<<"$output" | tr '\n' ' ')" "2 0 2 "
  says "read from a device: 5"
  says "mounted"
}

@test "run security: insecure lifts what confines a command, and only there" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox
ARG MODE=insecure
RUN grep -e CapEff -e Seccomp: /proc/self/status
RUN --security=$MODE grep -e CapEff -e Seccomp: /proc/self/status; \
  mknod /zero c 1 5 && echo "read from a device: $(head -c 5 /zero | wc -c)"; rm /zero; \
  mount -t tmpfs none /mnt && cat /proc/sys/vm/swappiness >/mnt/x && cat /mnt/x >/proc/sys/vm/swappiness && echo mounted
RUN --security=sandbox grep -e CapEff -e Seccomp: /proc/self/status; ! mount -t tmpfs none /mnt 2>/dev/null
D
  each_isolation confined
}

@test "run security: it has to be allowed" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
RUN echo must-not-run
RUN --security=insecure true'
  buildah 125 bud --allow network.host "$T/context"
  says "Dockerfile:3"
  says "allow that with --allow security.insecure"
  says_not "STEP"
  one_line_error
  dockerfile <<<'FROM docker.io/library/busybox
ARG MODE=insecure
RUN --security=$MODE true'
  buildah 125 bud "$T/context"
  says "allow that with --allow security.insecure"
  dockerfile <<<'FROM docker.io/library/busybox
ONBUILD RUN --security=insecure true'
  buildah bud --format docker -q -t trigger "$T/context"
  dockerfile <<<'FROM trigger
RUN true'
  buildah 125 bud "$T/context"
  buildah bud -q --allow security.insecure "$T/context"
}

@test "run security: other words" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
RUN --security=insecur true'
  buildah 125 bud "$T/context"
  says 'unsupported value "insecur"'
  says 'did you mean "insecure"?'
  buildah 125 bud --allow all "$T/context"
  says 'no such right'
  one_line_error
  store_is_clean
}
