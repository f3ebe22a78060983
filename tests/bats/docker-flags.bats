#!/usr/bin/env bats
# Flags that scripts for docker and buildx give to `build`, where others do the same here.
load helpers

setup_file() { printf 'FROM scratch\nCOPY Dockerfile /\n' >"$BATS_FILE_TMPDIR/Dockerfile"; }

@test "docker's flags: what is turned off is not made" {
  buildah build -q --timestamp 0 "$BATS_FILE_TMPDIR"; plain=$output
  buildah build -q --timestamp 0 --builder default --provenance=false --sbom=false --attest type=sbom,disabled=true --call build "$BATS_FILE_TMPDIR"
  is "$output" "$plain"
  buildah build -q --timestamp 0 --provenance false --sbom false "$BATS_FILE_TMPDIR"
  is "$output" "$plain"
}

@test "docker's flags: --call=check is --check" {
  printf 'from scratch\nCOPY Dockerfile /\n' >Dockerfile
  buildah 1 build --check .; wanted=$output
  buildah 1 build --call=check .; is "$output" "$wanted"
  buildah 1 build --call check,format=json .
  is "$(jq -r '.warnings[0].ruleName' <<<"$output")" ConsistentInstructionCasing
  [ ! -e "$T/root" ] # nothing is built
}

@test "docker's flags: what cannot be done is refused with what to do instead" {
  local flag
  for flag in --provenance --provenance=mode=max --attest=type=sbom; do
    buildah 125 build "$flag" "$BATS_FILE_TMPDIR"; one_line_error; says "--metadata-file writes digests"
  done
  buildah 125 build --builder other "$BATS_FILE_TMPDIR"; one_line_error; says "leave it out"
  buildah 125 build --call=targets "$BATS_FILE_TMPDIR"; one_line_error; says "--print-script"
  buildah 125 build --sbom=true "$BATS_FILE_TMPDIR"; one_line_error; says "syft"
  buildah 125 build --cache-to type=gha "$BATS_FILE_TMPDIR"; one_line_error; says "type=registry,ref="
}

@test "docker's flags: other spellings mean the same" {
  base busybox
  printf 'FROM docker.io/library/busybox\nRUN cat /etc/hosts\n' >context/Dockerfile
  buildah build --network bridge --add-host other=10.1.2.3 --add-host six=fd00::1 --annotation manifest:who=me -t x context
  [[ $output =~ 10.1.2.3[[:space:]]+other ]]; [[ $output =~ fd00::1[[:space:]]+six ]]
  buildah inspect --type image x
  is "$(jq -r '.ImageAnnotations.who' <<<"$output")" me
  buildah 125 build --annotation index:who=me context; one_line_error; says "buildah manifest annotate"
}
