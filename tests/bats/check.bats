#!/usr/bin/env bats
# build --check: a Dockerfile is examined, and nothing is built.
load helpers

# dockerfile TEXT writes the Dockerfile of the context; printf's escapes count.
dockerfile() { printf "$1" >"$T/context/Dockerfile"; }

# nothing_done: no store was opened, and nothing was left.
nothing_done() {
  [ ! -e "$T/root" ] && [ ! -e "$T/run" ] || { echo "a store was opened"; return 1; }
  is "$(ls "$T/tmp")" ""
}

@test "check: a clean Dockerfile" {
  dockerfile 'FROM example.com/no/such/image\nRUN true\nCMD ["x"]\n'
  buildah bud --check "$T/context"
  is "$output" "Check complete, no warnings found."
  is "$errors" ""
  nothing_done
}

@test "check: findings name the place, show it, and say where the rule is explained" {
  dockerfile 'FROM example.com/no/such/image\n\tRUN true\nCMD server --port 80\n'
  buildah 1 build --check "$T/context"
  want=$'Dockerfile:3:5: JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals
  2 | \tRUN true
> 3 | CMD server --port 80
    |     ^^^^^^^^^^^^^^^^
https://docs.docker.com/go/dockerfile/rule/json-args-recommended/'
  is "$output" "$want"
  is "$errors" ""
  nothing_done
}

@test "check: several files, each with its own directive" {
  dockerfile '# check=skip=JSONArgsRecommended\nFROM scratch\nCMD a\nENV a b\n'
  printf 'FROM scratch\nCMD b\n' >"$T/context/second"
  buildah 1 build --check -f "$T/context/Dockerfile" -f "$T/context/second" "$T/context"
  says "context/Dockerfile:4:5: LegacyKeyValueFormat"
  says "context/second:2:5: JSONArgsRecommended"
  is "$(grep -c JSONArgs <<<"$output")" 1
}

@test "check: JSON" {
  needs jq
  dockerfile 'FROM scratch AS Build\nMAINTAINER x\n'
  buildah 1 build --check=json "$T/context"
  is "$(jq -c '[.warnings[] | [.ruleName, .location.ranges[0].start.line, .location.ranges[0].start.character]]' <<<"$output")" \
    '[["StageNameCasing",1,16],["MaintainerDeprecated",2,0]]'
  is "$(jq -r '.warnings[0].url' <<<"$output")" "https://docs.docker.com/go/dockerfile/rule/stage-name-casing/"
  is "$(jq -r '.sources[.warnings[0].location.sourceIndex].filename' <<<"$output")" Dockerfile
  dockerfile 'FROM scratch\nCMD ["x"]\n'
  buildah build --check=json "$T/context"
  is "$(jq -c . <<<"$output")" '{"warnings":[],"sources":[]}'
  nothing_done
}

@test "check: an error is an error, in JSON too" {
  needs jq
  dockerfile 'FROM scratch\nCOPY --chwon=1:1 a b\n'
  buildah 125 build --check "$T/context"
  says "Dockerfile:2:6: "
  says 'did you mean "--chown"?'
  one_line_error
  buildah 125 build --check=json "$T/context"
  one_line_error
  is "$(jq -c '.buildError.location.ranges[0]' <<<"$output")" '{"start":{"line":2,"character":5},"end":{"line":2,"character":12}}'
  nothing_done
}

@test "check: the directives of a file, in any order" {
  dockerfile '#syntax=docker/dockerfile:1\n# Check = skip=all\n# escape=`\nFROM scratch\nRUN a `\n b\nCMD x\n'
  buildah build --check "$T/context"
  is "$output" "Check complete, no warnings found."
  dockerfile '# check=skp=all\nFROM scratch\n'
  buildah 125 build --check "$T/context"
  says 'Dockerfile:1:9: invalid check option "skp" (did you mean "skip"?)'
  one_line_error
  dockerfile 'FROM scratch\nCMD x\n'
  buildah build --check --build-arg BUILDKIT_DOCKERFILE_CHECK=skip=JSONArgsRecommended "$T/context"
  is "$errors" ""
}

@test "check: the ignore file, build arguments, targets" {
  dockerfile 'ARG BASE\nFROM $BASE\nCOPY x.o y /\n'
  echo '*.o' >"$T/context/.dockerignore"
  buildah 1 build --check --build-arg BASE=scratch "$T/context"
  says 'Dockerfile:3:6: CopyIgnoredFile: Attempting to COPY file "x.o"'
  says "InvalidDefaultArgInFrom"
  buildah 125 build --check --build-arg BASE=scratch --target buidl "$T/context"
  says 'the target "buidl" was not found'
}

@test "check: a build warns at its end, and stays silent with --quiet" {
  dockerfile 'FROM scratch AS Build\nCMD x\n'
  buildah bud "$T/context"
  says "StageNameCasing"
  [[ "$errors" == *JSONArgsRecommended* ]]
  [[ "$output" != *JSONArgsRecommended* ]]
  buildah bud -q "$T/context"
  is "$errors" ""
}

@test "check: error=true keeps a build from beginning" {
  dockerfile '# check=error=true\nFROM scratch\nCOPY Dockerfile /\nCMD x\n'
  buildah 125 bud "$T/context"
  says "Dockerfile:4:5: "
  says JSONArgsRecommended
  says_not STEP
  one_line_error
  store_is_clean
}

@test "check: a format that is not known" {
  dockerfile 'FROM scratch\n'
  buildah 125 build --check=xml "$T/context"
  says "text and json"
  one_line_error
}
