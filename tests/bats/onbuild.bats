#!/usr/bin/env bats
# ONBUILD: triggers that an image has for those that are based on it.
# shellcheck disable=SC2016,SC2154 # what is in single quotes is for other shells; output is of helpers
load helpers

dockerfile() { cat >"$T/context/Dockerfile"; }

# docker_of IMAGE PATH prints a part of the image's Docker configuration.
docker_of() { buildah inspect --type image "$1"; output=$(jq -c ".Docker.config$2" <<<"$output"); }

@test "onbuild: every instruction, with its arguments, stages and here-documents" {
  base busybox
  echo file >"$T/context/file"
  dockerfile <<'D'
FROM docker.io/library/busybox
ONBUILD ARG WHO=nobody
ONBUILD COPY --from=tools /tool /tool
ONBUILD COPY --chown=$WHO file /owned
ONBUILD ADD file /added
ONBUILD RUN --mount=type=bind,from=tools,target=/m cat /m/tool
ONBUILD COPY <<one <<two /doc/
first $WHO
one
second
two
ONBUILD RUN <<EOF
echo from a document >/run.txt
EOF
ONBUILD ENV E=$WHO
ONBUILD LABEL l=$WHO
ONBUILD WORKDIR /work
ONBUILD EXPOSE 80
ONBUILD VOLUME /v
ONBUILD STOPSIGNAL 9
ONBUILD HEALTHCHECK --start-interval=1s CMD true
ONBUILD SHELL ["/bin/sh", "-ec"]
ONBUILD USER $WHO
ONBUILD ENTRYPOINT ["entry"]
ONBUILD CMD command
D
  buildah bud -q --format docker -t parent "$T/context"
  docker_of parent '.OnBuild | [length, .[5]]'
  is "$output" '[18,"COPY <<one <<two /doc/\nfirst $WHO\none\nsecond\ntwo"]'
  dockerfile <<'D'
FROM docker.io/library/busybox AS tools
RUN echo a tool >/tool
FROM parent
RUN stat -c %U /owned; cat /tool /added /doc/one /doc/two /run.txt; pwd
D
  local layers
  for layers in --layers=false --layers; do
    buildah bud $layers --format docker --build-arg WHO=guest -t child "$T/context"
    says "[2/2] STEP 1/2: FROM parent"
    says "[2/2] STEP 2/20: ARG WHO=nobody"
    says "STEP 7/20: COPY <<one <<two /doc/ (first \$WHO) (second)"
    [ "$layers" = --layers ] || says $'guest\na tool\nfile\nfirst guest\nsecond\nfrom a document\n/work'
    docker_of child '|[.OnBuild,.User,.Env[-1],.Labels.l,.ExposedPorts,.Volumes,.StopSignal,.Healthcheck.StartInterval,.Shell,.Entrypoint,.Cmd]'
    is "$output" '[[],"guest","E=guest","guest",{"80/tcp":{}},{"/v":{}},"9",1000000000,["/bin/sh","-ec"],["entry"],["/bin/sh","-ec","command"]]'
  done
  store_is_clean
}

@test "onbuild: the grandchild does not inherit, new triggers begin a new list" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
ONBUILD RUN echo old trigger'
  buildah bud -q --format docker -t parent "$T/context"
  dockerfile <<<'FROM parent
ONBUILD RUN echo new trigger'
  buildah bud --format docker -t child "$T/context"
  says "old trigger"
  docker_of child .OnBuild; is "$output" '["RUN echo new trigger"]'
  dockerfile <<<'FROM child'
  buildah bud --format docker -t grandchild "$T/context"
  says "new trigger"; says_not "old trigger"
  docker_of grandchild .OnBuild; is "$output" '[]'
}

@test "onbuild: within one Dockerfile" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox AS parent
ONBUILD RUN echo triggered
RUN echo not yet
FROM parent AS child
RUN echo after
D
  buildah bud --format docker "$T/context"
  says $'not yet\n'
  says $'triggered\n[2/2] STEP 3/3: RUN echo after'
  # An image in OCI format has no triggers.
  buildah bud "$T/context"
  says 'ONBUILD is not supported for OCI image format'
  says_not $'\ntriggered'
}

@test "onbuild: what cannot be a trigger, and triggers that fail" {
  base busybox
  try() { # TEXT MESSAGE
    printf 'FROM docker.io/library/busybox\nONBUILD %s\n' "$1" | dockerfile
    buildah 125 bud --format docker "$T/context"
    says "$2"
    one_line_error
  }
  try "ONBUILD RUN x" "Chaining ONBUILD"
  try "FROM x" "isn't allowed as an ONBUILD trigger"
  try "MAINTAINER x" "isn't allowed as an ONBUILD trigger"
  try "NOSUCH x" 'Unknown instruction: "NOSUCH"'
  try "COPY onlyone" "at least"
  dockerfile <<<'FROM docker.io/library/busybox
ONBUILD RUN exit 6'
  buildah bud -q --format docker -t parent "$T/context"
  dockerfile <<<'FROM parent'
  buildah 6 bud "$T/context"
  says 'building at STEP "RUN exit 6"'
  says 'ONBUILD of "parent"'
  one_line_error
  store_is_clean
}
