#!/usr/bin/env bats
# --source-policy-file of `build`: which images may be used.
load helpers

dockerfile() { cat >"$T/context/Dockerfile"; }

# policy RULES... writes the rules.
policy() { local IFS=,; echo "{\"rules\":[$*]}" >"$T/source-policy.json"; }

# rule ACTION PATTERN [INSTEAD] prints one.
rule() {
  printf '{"action":"%s","selector":{"identifier":"docker-image://%s"}' "$1" "$2"
  printf "${3:+,\"updates\":{\"identifier\":\"docker-image://%s\"\}}}" ${3:+"$3"}
}

build() { buildah "${1:-0}" build -q --pull=never --source-policy-file "$T/source-policy.json" "$T/context"; }

@test "source policy: an image that is denied stops the build" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox'
  policy "$(rule DENY 'docker.io/library/busybox:latest')"
  build 125
  says "denied by source policy"; says "Dockerfile:1"
  one_line_error
  policy "$(rule ALLOW 'docker.io/*')" "$(rule DENY '*')"
  build
  policy "$(rule DENY 'docker.io/library/busyb??:latest')"; build 125
  policy "$(rule DENY 'docker.io/library/busy')"; build
  store_is_clean
}

@test "source policy: it holds for COPY --from and mounts" {
  base busybox; base allowed
  policy "$(rule DENY '*/busybox')"
  local step
  for step in 'COPY --from=docker.io/library/busybox /bin/busybox /' 'RUN --mount=type=bind,from=docker.io/library/busybox,target=/b true'; do
    dockerfile <<<"FROM docker.io/library/allowed
$step"
    build 125
    says "denied by source policy"; says "Dockerfile:2"
    buildah build -q --pull=never "$T/context"
  done
  dockerfile <<<'FROM docker.io/library/allowed
RUN true'
  buildah 125 build --pull=never --mount type=bind,from=docker.io/library/busybox,target=/b --source-policy-file "$T/source-policy.json" "$T/context"
  says "denied by source policy"
  store_is_clean
}

@test "source policy: scratch and stages are no images" {
  policy "$(rule DENY '*')"
  dockerfile <<<'FROM scratch AS one
COPY Dockerfile /
FROM one
COPY --from=one Dockerfile /again'
  build
}

@test "source policy: one image in place of another, also by digest" {
  base busybox; base other
  buildah inspect --type image docker.io/library/other; digest=$(jq -r .FromImageDigest <<<"$output")
  dockerfile <<<'FROM docker.io/library/nosuch
RUN true'
  policy "$(rule CONVERT docker.io/library/nosuch docker.io/library/other)"
  build
  policy "$(rule CONVERT 'docker.io/library/no*' "docker.io/library/other@$digest")" "$(rule DENY '*')"
  build
  policy "$(rule CONVERT docker.io/library/nosuch docker.io/library/neither)"
  build 125; says "neither"
}

@test "source policy: files with mistakes are refused" {
  dockerfile <<<'FROM scratch'
  local text rules=(
    'action is required|{"selector":{"identifier":"a"}}'
    'unknown action|{"action":"FORBID","selector":{"identifier":"a"}}'
    'selector.identifier is required|{"action":"DENY"}'
    'updates.identifier is required for CONVERT action|{"action":"CONVERT","selector":{"identifier":"a"}}'
    'REGEX match type is not supported|{"action":"DENY","selector":{"identifier":"a","matchType":"REGEX"}}'
    'unknown field|{"action":"DENY","selector":{"identifier":"a","constraints":[]}}'
  )
  for text in "${rules[@]}"; do
    policy "${text#*|}"
    build 125
    says "loading source policy: "; says "${text%%|*}"
    one_line_error
  done
  echo '{' >"$T/source-policy.json"; build 125; says "loading source policy: "
  rm "$T/source-policy.json"; build 125
  says "loading source policy: "; says "no such file or directory"
}
