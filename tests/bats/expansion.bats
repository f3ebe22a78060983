#!/usr/bin/env bats
# Variables in the words of a Dockerfile.
# shellcheck disable=SC2016,SC2154 # what is in single quotes is for other shells; output is of helpers
load helpers

dockerfile() { cat >"$T/context/Dockerfile"; }

# config_of IMAGE PATH prints a part of the image's configuration.
config_of() { buildah inspect --type image "$1"; output=$(jq -c "$2" <<<"$output"); }

@test "expansion: defaults and alternatives" {
  dockerfile <<'D'
FROM scratch
ARG e= s=abc
LABEL a=${x:-y} b=${e:-y} c=${s:-y} d=${x-y} f=${e-y} g=${s:+y} h=${e:+y} i=${e+y} j=${x+y} k=${s:?no} l="${x:-a b}" m=${x:-${s}} n=$s$s o=${s}x p=$x q=[$s-1]
D
  buildah bud -q -t e --identity-label=false "$T/context"
  config_of e .OCIv1.config.Labels
  is "$output" '{"a":"y","b":"y","c":"abc","d":"y","f":"","g":"y","h":"","i":"y","j":"","k":"abc","l":"a b","m":"abc","n":"abcabc","o":"abcx","p":"","q":"[abc-1]"}'
}

@test "expansion: prefixes, suffixes and replacements" {
  dockerfile <<'D'
FROM scratch
ARG s=abcabc path=/usr/local/lib.tar.gz dir=/usr
LABEL a=${path#*/} b=${path##*/} c=${path%.*} d=${path%%.*} e=${s%%*} f=${s##a*c}
LABEL g=${s/b/X} h=${s//b/X} i=${s/b} j=${s//b/} k=${path//\//_} l=${path/#$dir/R} m=${s/%bc/R} n=${s/#b/R} o=${s/?/Z} p=${s//a*/Z}
D
  buildah bud -q -t e --identity-label=false "$T/context"
  config_of e '.OCIv1.config.Labels | to_entries | map(.key + "=" + .value) | join(" ")'
  is "$output" '"a=usr/local/lib.tar.gz b=lib.tar.gz c=/usr/local/lib.tar d=/usr/local/lib e= f= g=aXcabc h=aXcaXc i=acabc j=acac k=_usr_local_lib.tar.gz l=R/local/lib.tar.gz m=abcaR n=abcabc o=Zbcabc p=Z"'
}

@test "expansion: quotes, escapes and what is no variable" {
  dockerfile <<'D'
FROM scratch
ARG s=abc
LABEL a='$s' b=\$s c="\$s \"q\"" d=$ e="a$" f=a\ b g=$1x h="$(s)" i="it's $s"
D
  buildah bud -q -t e --identity-label=false "$T/context"
  config_of e .OCIv1.config.Labels
  is "$output" '{"a":"$s","b":"$s","c":"$s \"q\"","d":"$","e":"a$","f":"a b","g":"x","h":"$(s)","i":"it'"'"'s abc"}'
  printf '# escape=`\nFROM scratch\nARG s=abc\nLABEL a=`$s b=\\$s `\n  c=$s\n' | dockerfile
  buildah bud -q -t e --identity-label=false "$T/context"
  config_of e .OCIv1.config.Labels
  is "$output" '{"a":"$s","b":"\\abc","c":"abc"}'
}

@test "expansion: where words are expanded, and where they are not" {
  base busybox
  echo x >"$T/context/file-1"
  dockerfile <<'D'
FROM docker.io/library/busybox
ARG v=1 ports="81 82" dest=/dest who=guest
ENV a=$v
ENV a=2 b=$a
EXPOSE $none 80 ${ports}
USER ${who}
WORKDIR /w/$a
VOLUME /v/$b /w
STOPSIGNAL ${sig:-SIGINT}
USER root
COPY --chown=${who}:${who:+users} file-${v} ${dest}/
RUN --mount=type=bind,source=file-${v:?},target=/m/$v cat /m/1 && stat -c %u:%g /dest/file-1
CMD echo $v
D
  buildah bud -t e "$T/context"
  says "405:100"
  says 'STEP 11/13: COPY --chown=${who}:${who:+users} file-${v} ${dest}/'
  config_of e '[.OCIv1.config | .Env[1:], (.ExposedPorts | keys), .WorkingDir, (.Volumes | keys), .StopSignal, .Cmd]'
  is "$output" '[["a=2","b=1"],["80/tcp","81/tcp","82/tcp"],"/w/2",["/v/1","/w"],"SIGINT",["/bin/sh","-c","echo $v"]]'
}

@test "expansion: mistakes" {
  try() { # FORM TEXT
    printf 'FROM scratch\nARG e= s=abc\nLABEL a=%s\n' "$1" | dockerfile
    buildah 125 bud "$T/context"
    says "$2"
    one_line_error
  }
  try '"${x:?is needed}"' 'is needed'
  try '${e:?}' 'e: is not allowed to be empty'
  try '${x?gone}' 'gone'
  try '${s' 'missing "}"'
  try '${s:z}' 'unsupported modifier'
  try "'abc" 'looking for matching'
  try '"abc' 'looking for matching'
  store_is_clean
}
