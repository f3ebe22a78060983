#!/usr/bin/env bash
# Images for a machine without a network, in one file: layers that several of them share
# are in it once, and the file is checked before anything of it is believed.
#
# Usage: air-gap.sh pack FILE IMAGE ...    writes the images of the local store
#        air-gap.sh unpack FILE            reads them into the local store, under their names
# FILE.sha256 lies beside FILE. Needs jq. For a single image, `buildah push IMAGE
# oci-archive:FILE` and `buildah pull oci-archive:FILE` do.
set -euo pipefail
case ${2-} in '') sed '1d; /^set/,$d; s/^# \{0,1\}//' "$0"; exit 2 ;; esac

verb=$1
file=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# name_of writes the full name of an image, which is what unpacking will call it.
name_of() { buildah images --noheading --format '{{.Name}}:{{.Tag}}' "$1" | head -n 1; }

case $verb in
pack)
  for image; do
    name=$(name_of "$image")
    buildah push -q "$name" "oci:$work/layout:$name"
  done
  # Sorted and without times and owners: the same images give the same file.
  tar -C "$work/layout" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$file.part" .
  mv "$file.part" "$file"
  (cd "$(dirname "$file")" && sha256sum "$(basename "$file")" >"$(basename "$file").sha256")
  ;;
unpack)
  (cd "$(dirname "$file")" && sha256sum --quiet -c "$(basename "$file").sha256")
  mkdir "$work/layout"
  tar -C "$work/layout" -xf "$file"
  jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' "$work/layout/index.json" |
    while read -r name; do
      buildah tag "$(buildah pull -q "oci:$work/layout:$name")" "$name"
      echo "$name"
    done
  ;;
*) "$0" --help ;;
esac
