#!/usr/bin/env bats
# OCI hooks: build --hooks-dir.
# shellcheck disable=SC2016,SC2154 # what is in single quotes is for other shells; errors is of helpers
load helpers

dockerfile() { cat >"$T/context/Dockerfile"; }

# hook NAME STAGE SCRIPT writes a definition that always matches.
hook() {
  mkdir -p "$T/hooks"
  printf '#!/bin/sh\n%s\n' "$3" >"$T/$1.sh"; chmod +x "$T/$1.sh"
  jq -n --arg path "$T/$1.sh" --arg stage "$2" \
    '{version: "1.0.0", hook: {path: $path, args: ["hook", "word"]}, when: {always: true}, stages: [$stage]}' >"$T/hooks/$1.json"
}

@test "hooks: the runtime runs them, and precreate changes the configuration" {
  needs runc
  base busybox
  export BUILDAH_RUNTIME=runc BUILDAH_ISOLATION=oci
  hook a prestart "cat >$T/state; echo \$1 >$T/word"
  hook b poststop "touch $T/stopped"
  hook c precreate '/usr/bin/jq ".process.env += [\"BY=hook\"]"'
  dockerfile <<<'FROM docker.io/library/busybox
RUN echo "BY=$BY"'
  buildah bud --hooks-dir "$T/hooks" "$T/context"
  says "BY=hook"
  is "$(cat "$T/word")" word
  is "$(jq -r .ociVersion "$T/state" | head -c 1)" 1
  for _ in $(seq 50); do [ -e "$T/stopped" ] && break; sleep 0.1; done
  [ -e "$T/stopped" ]
  # Later directories win.
  mkdir "$T/later"; jq '.when.always = false' "$T/hooks/c.json" >"$T/later/c.json"
  buildah bud --hooks-dir "$T/hooks" --hooks-dir "$T/later" "$T/context"
  says "BY="; says_not "BY=hook"
  store_is_clean
}

@test "hooks: those that fail stop the build" {
  needs runc
  base busybox
  export BUILDAH_RUNTIME=runc BUILDAH_ISOLATION=oci
  dockerfile <<<'FROM docker.io/library/busybox
RUN echo must-not-run'
  hook a precreate 'echo broken >&2; exit 3'
  buildah 125 bud --hooks-dir "$T/hooks" "$T/context"
  says 'running the hook'
  says 'exit status 3: broken'
  one_line_error
  hook a prestart 'exit 4'
  buildah 1 bud --hooks-dir "$T/hooks" "$T/context"
  one_line_error
  hook a nosuch 'exit 0'
  buildah 125 bud --hooks-dir "$T/hooks" "$T/context"
  says 'reading the hook "a.json": stage "nosuch" is not known'
  is "$(grep -c must-not-run <<<"$output$errors")" 2 # the step line, and the excerpt
  store_is_clean
}

@test "hooks: chroot isolation has none" {
  base busybox
  hook a precreate 'exit 3'
  dockerfile <<<'FROM docker.io/library/busybox
RUN echo ran'
  buildah bud --isolation chroot --hooks-dir "$T/hooks" "$T/context"
  says ran
  needs runc
  BUILDAH_RUNTIME=runc buildah bud --isolation oci --hooks-dir "$T/nosuch" "$T/context"
  says "does not exist"
}

@test "hooks: run, next to those of a device" {
  needs runc
  from_base
  export BUILDAH_RUNTIME=runc BUILDAH_ISOLATION=oci
  hook a createRuntime "cat >/dev/null; touch $T/hooked"
  printf '#!/bin/sh\ncat >/dev/null; touch %s/device-hooked\n' "$T" >"$T/device.sh"; chmod +x "$T/device.sh"
  mkdir "$T/cdi"
  jq -n --arg path "$T/device.sh" '{cdiVersion: "0.6.0", kind: "example.com/test", devices: [{name: "one", containerEdits: {hooks: [{hookName: "createRuntime", path: $path}]}}]}' >"$T/cdi/a.json"
  buildah run --hooks-dir "$T/hooks" --cdi-config-dir "$T/cdi" --device example.com/test=one "$ctr" true
  [ -e "$T/hooked" ]; [ -e "$T/device-hooked" ]
}
