#!/usr/bin/env bats
# --sbom... of `build` and `commit`, with a scanner that is a shell script.
load helpers

dockerfile() { cat >"$T/context/Dockerfile"; }

# scanner makes the image "scanner" and names it as the presets do. Its programs
# take the command lines of the real ones and report the marks in a directory: a
# file mark-NAME-VERSION is a package.
scanner() {
  base busybox
  mkdir "$T/scanner"
  cat >"$T/scanner/scan" <<'S'
#!/bin/sh
case "$1" in
scan) dir=${3#dir:}; format=${5%%=*}; out=${5#*=};;
filesystem) dir=$3; format=$5; out=$7;;
esac
entry() {
  n=${1%-*} v=${1##*-}
  case $format in
  cyclonedx*) echo "{\"name\":\"$n\",\"version\":\"$v\",\"purl\":\"pkg:generic/$n@$v\"}";;
  spdx*) echo "{\"name\":\"$n\",\"versionInfo\":\"$v\",\"externalRefs\":[{\"referenceCategory\":\"PACKAGE-MANAGER\",\"referenceType\":\"purl\",\"referenceLocator\":\"pkg:generic/$n@$v\"}]}";;
  esac
}
case $format in cyclonedx*) key=components;; *) key=packages;; esac
list=
for f in "$dir"/mark-*; do
  [ -e "$f" ] || continue
  f=${f##*/mark-}
  list="$list${list:+,}$(entry "$f")"
done
echo "{ \"$key\": [$list], \"format\": \"$format\" }" >"$out"
S
  chmod 755 "$T/scanner/scan"
  buildah from docker.io/library/busybox; local ctr=$output
  buildah copy "$ctr" "$T/scanner/scan" /syft
  buildah copy "$ctr" "$T/scanner/scan" /bin/trivy
  buildah commit -q --rm "$ctr" ghcr.io/anchore/syft:latest
  buildah tag ghcr.io/anchore/syft:latest ghcr.io/aquasecurity/trivy:latest
  buildah tag ghcr.io/anchore/syft:latest localhost/scanner
}

# in_image IMAGE PATH prints a file of an image.
in_image() {
  local ctr
  buildah from "$1"; ctr=$output
  buildah run "$ctr" cat "$2"; local text=$output
  buildah rm "$ctr"
  output=$text
}

marks() {
  touch "$T/context/mark-source-1" "$T/context/mark-both-1"
  dockerfile <<<'FROM docker.io/library/busybox
COPY mark-both-1 /
RUN touch /mark-image-2'
}

all_outputs=(--sbom-output list --sbom-purl-output purls --sbom-image-output /root/list --sbom-image-purl-output /root/purls)

@test "sbom: every preset, with layers, without, and squashed" {
  scanner; marks
  local preset mode diffs
  for preset in '' syft syft-cyclonedx syft-spdx trivy trivy-cyclonedx trivy-spdx; do
    for mode in --layers=false --layers --squash; do
      rm -f list purls
      buildah build -q "$mode" --sbom "$preset" "${all_outputs[@]}" -t result "$T/context"
      is "$(jq -r '(.components // .packages)[] | "\(.name)@\(.version // .versionInfo)"' list | sort | xargs)" "both@1 image@2 source@1"
      is "$(cat purls)" '{"image_contents":{"dependencies":["pkg:generic/both@1","pkg:generic/image@2","pkg:generic/source@1"]}}'
      in_image result /root/list; is "$output" "$(cat list)"
      in_image result /root/purls; is "$output" "$(cat purls)"
    done
  done
  # One layer of the base, two of the steps, one of the lists; squashed it is one.
  buildah inspect --type image result; is "$(jq '.OCIv1.rootfs.diff_ids | length' <<<"$output")" 1
  buildah build -q --sbom syft --sbom-image-output /l --layers -t four "$T/context"
  buildah inspect --type image four; diffs=$(jq '.OCIv1.rootfs.diff_ids | length' <<<"$output")
  is "$diffs" 4
  is "$(jq '[.OCIv1.history[] | select(.empty_layer | not)] | length' <<<"$output")" 4
  is "$(ls "$T/tmp")" ""
  store_is_clean
}

@test "sbom: files in the image are root's, of any mode the caller has" {
  scanner; marks
  umask 077
  buildah build -q --sbom syft "${all_outputs[@]}" -t result "$T/context"
  buildah from result; local ctr=$output
  buildah run "$ctr" stat -c '%a %u:%g' /root/list; is "$output" "644 0:0"
  is "$(stat -c %a list)" 644
}

@test "sbom: of a FROM alone, and of steps that change no files" {
  scanner
  touch "$T/context/mark-source-1"
  dockerfile <<<'FROM docker.io/library/busybox'
  buildah build -q --sbom syft --sbom-output list -t plain "$T/context"
  is "$(jq -r '.components[].name' list)" source
  buildah inspect --type image plain; is "$(jq '.OCIv1.rootfs.diff_ids | length' <<<"$output")" 1
  dockerfile <<<'FROM docker.io/library/busybox
ENV A=1'
  local mode
  for mode in --layers --layers=false; do
    buildah build -q "$mode" --sbom trivy --sbom-output list --sbom-image-output /list -t env "$T/context"
    in_image env /list; is "$output" "$(cat list)"
    buildah inspect --type image env; is "$(jq '.OCIv1.rootfs.diff_ids | length' <<<"$output")" 2
  done
  store_is_clean
}

@test "sbom: commands of one's own, with words or for a shell" {
  scanner; marks
  echo old >list
  buildah build -q --sbom-scanner-image localhost/scanner --sbom-scanner-command "ls '{ROOTFS}' > {OUTPUT}" --sbom-scanner-command 'cp {CONTEXT}/Dockerfile {OUTPUT}' \
    --sbom-scanner-command 'false' --sbom-merge-strategy cat --sbom-output list --sbom-purl-output purls "$T/context"
  is "$(grep -c '^mark-' list)" 2
  is "$(tail -n 3 list)" "$(cat "$T/context/Dockerfile")"
  is "$(cat purls)" '{"image_contents":{}}'
  ! grep -q old list
  # The image and the context are for reading.
  buildah 125 build -q --sbom-scanner-image localhost/scanner --sbom-scanner-command 'touch {ROOTFS}/x {OUTPUT}' --sbom-output list "$T/context"
  says "Read-only file system"; says "running the scanner's command"
  buildah 125 build -q --sbom-scanner-image localhost/scanner --sbom-scanner-command 'touch {CONTEXT}/x {OUTPUT}' --sbom-output list "$T/context"
  says "Read-only file system"
  [ ! -e "$T/context/x" ]
}

@test "sbom: a scanner's link leads nowhere outside" {
  scanner; marks
  echo secret >"$T/secret"
  buildah 125 build -q --sbom-scanner-image localhost/scanner --sbom-scanner-command "ln -s $T/secret {OUTPUT} || ls {ROOTFS}" --sbom-merge-strategy cat --sbom-output list "$T/context"
  says "reading the result of the scanner's command"
  [ ! -e list ]
}

@test "sbom: commit" {
  scanner
  from_base
  buildah run "$ctr" touch /mark-image-2
  buildah commit -q --sbom syft-spdx "${all_outputs[@]}" "$ctr" result
  is "$(jq -r '.packages[].name' list)" image
  in_image result /root/list; is "$output" "$(cat list)"
  # A second time, from the container that stays.
  echo hello >"$T/added"
  buildah commit -q --squash --add-file "$T/added:/added" --sbom trivy --sbom-image-output /list "$ctr" squashed
  in_image squashed /list; says '"name":"image"'
  in_image squashed /added; is "$output" hello
  buildah inspect --type image squashed; is "$(jq '.OCIv1.rootfs.diff_ids | length' <<<"$output")" 1
  buildah 125 commit --sbom-scanner-image localhost/scanner --sbom-scanner-command 'false {ROOTFS} {OUTPUT}' --sbom-output list "$ctr"
  says "running the scanner's command"
  buildah 125 commit --pull=never --sbom-scanner-image localhost/nosuch --sbom-scanner-command 'a {ROOTFS} {OUTPUT}' --sbom-output list "$ctr"
  says "nosuch"
  is "$(ls "$T/tmp")" ""
}

@test "sbom: commit, with commands of one's own and every way of merging" {
  scanner
  from_base
  buildah run "$ctr" touch /mark-image-2
  local format strategy key
  while read -r format strategy key; do
    rm -f list
    buildah commit -q --pull=never --sbom-scanner-image localhost/scanner --sbom-scanner-command "/syft scan -q dir:{ROOTFS} --output $format={OUTPUT}" \
      --sbom-scanner-command "/syft scan -q dir:{ROOTFS} --output $format={OUTPUT}" --sbom-merge-strategy "$strategy" --sbom-output list "$ctr"
    is "$(jq -s "[.[].$key[].name] | length" list)" "$([ "$strategy" = cat ] && echo 2 || echo 1)"
  done <<'WAYS'
cyclonedx-json merge-cyclonedx-by-component-name-and-version components
spdx-json merge-spdx-by-package-name-and-versioninfo packages
cyclonedx-json cat components
WAYS
}

@test "sbom: the same image every time with a fixed time" {
  scanner; marks
  local flags
  for flags in "--timestamp 7" "--source-date-epoch 7 --rewrite-timestamp" "--source-date-epoch 7"; do
    dockerfile <<<'FROM scratch
COPY mark-both-1 /'
    # shellcheck disable=SC2086 # several flags
    buildah build -q $flags --sbom syft --sbom-image-output /list "$T/context"; first=$output
    sleep 1.1
    # shellcheck disable=SC2086
    buildah build -q $flags --sbom syft --sbom-image-output /list "$T/context"
    is "$output" "$first"
  done
}

@test "sbom: options that say too little are refused" {
  dockerfile <<<'FROM scratch'
  local words
  while read -r want words; do
    # shellcheck disable=SC2086 # several words
    buildah 125 build $words "$T/context"
    says "${want//_/ }"
    one_line_error
  done <<'CASES'
unrecognized_preset_name --sbom nosuch --sbom-output x
sbom_configuration_missing_one_or_more_of --sbom syft
sbom_configuration_missing_one_or_more_of --sbom-scanner-image x --sbom-output x
sbom_configuration_missing_one_or_more_of --sbom-merge-strategy cat --sbom-output x
unrecognized_merge_strategy --sbom-scanner-image x --sbom-scanner-command y --sbom-merge-strategy z --sbom-output x
need_a_merge_strategy --sbom-scanner-image x --sbom-scanner-command y --sbom-scanner-command z --sbom-output x
CASES
  [ ! -e x ]
}
