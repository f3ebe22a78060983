#!/usr/bin/env bats
# What layers hold: inspect --tree and --files.
load helpers

# layered NAME builds an image with a file that is removed, one that is replaced and a
# directory that is emptied.
layered() {
  base busybox
  mkdir -p "$T/context/dir"
  head -c 3000000 /dev/zero >"$T/context/big"
  head -c 700000 /dev/zero >"$T/context/mid"
  for i in 1 2 3; do echo "$i" >"$T/context/dir/$i"; done
  cat >"$T/context/Dockerfile" <<'DOCKERFILE'
FROM docker.io/library/busybox
COPY big mid /data/
COPY dir /data/dir
RUN rm /data/big
RUN chmod 600 /data/mid
RUN rm -r /data/dir && mkdir /data/dir && echo new >/data/dir/4
ENV not=alayer
DOCKERFILE
  buildah build -q --layers --isolation chroot -t "$1" "$T/context"
  image=$output
}

@test "inspect --tree, --files: what layers do and hide, as tables" {
  layered localhost/layered
  buildah inspect --tree localhost/layered
  is "$(wc -l <<<"$output")" 8
  is "$(tr -s ' ' <<<"${output%%$'\n'*}")" "LAYER SIZE ADDED CHANGED REMOVED HIDDEN CREATED BY"
  # SIZE and HIDDEN are a number and a unit.
  row() { sed -n "$(($1 + 1))p" <<<"$output" | tr -s ' '; }
  [[ "$(row 2)" == "2 3.7 MB 3 0 0 3.7 MB COPY multi:"* ]]
  [[ "$(row 3)" == "3 6 B 4 0 0 6 B COPY dir:"* ]]
  is "$(row 4)" "4 0 B 0 0 1 0 B RUN rm /data/big"
  is "$(row 5)" "5 700 KB 0 1 0 0 B RUN chmod 600 /data/mid"
  [[ "$(row 6)" == "6 4 B 1 0 1 0 B RUN rm -r /data/dir"* ]]
  says "6 layers with"
  says "of which later layers hide 3.7 MB"

  buildah inspect --files localhost/layered
  says_not "ADDED"
  grep -qE '^3 MB +2 +4 \(removed\) +/data/big$' <<<"$output"
  grep -qE '^700 KB +2 +5 \(replaced\) +/data/mid$' <<<"$output"
  grep -qE '^700 KB +5 +- +/data/mid$' <<<"$output"
  grep -qE '^3 MB +4 +1 +/data/big$' <<<"$output"
  grep -qE '^6 B +6 +3 +/data/dir/\*$' <<<"$output"
  buildah inspect --files=1 localhost/layered
  is "$(grep -c '/' <<<"$output")" 2
  for wrong in 0 -1 many; do buildah 125 inspect "--files=$wrong" localhost/layered; one_line_error; done
}

@test "inspect --tree --json: fields, and sums that fit the table of images" {
  layered localhost/layered
  buildah inspect --tree --files=3 --json "$image"
  is "$(jq -r .id <<<"$output")" "$image"
  is "$(jq -r .name <<<"$output")" localhost/layered:latest
  is "$(jq -c '[.layers[].layer]' <<<"$output")" "[1,2,3,4,5,6]"
  is "$(jq -c '.layers[1] | [.size, .added, .changed, .removed, .hidden]' <<<"$output")" "[3700000,3,0,0,3700000]"
  jq -e '.counted and .hidden == ([.layers[].hidden] | add) and .size == ([.layers[].size] | add)' <<<"$output"
  jq -e '.layers[] | .id and .digest and .created' <<<"$output"
  is "$(jq -c '[.files[] | select(.path == "/data/big") | .size, .layer, .hiddenby, .how]' <<<"$output")" '[3000000,2,4,"removed"]'
  is "$(jq -c '.whiteouts[-1]' <<<"$output")" '{"path":"/data/dir","layer":6,"opaque":true,"entries":3,"size":6}'
  buildah inspect --tree --format '{{range .Layers}}{{.Layer}}:{{.Removed}} {{end}}' localhost/layered
  is "$output" "1:0 2:0 3:0 4:1 5:0 6:1 "
  buildah 125 inspect --tree --format '{{.Nonsense}}' localhost/layered; one_line_error
}

@test "inspect --tree: a container shows its own layer, mounted or not" {
  layered localhost/layered
  buildah from --name c localhost/layered
  buildah mount c; root=$output
  rm "$root/data/mid"
  head -c 5000 /dev/zero >"$root/own"
  for _ in mounted unmounted; do
    buildah inspect --tree --files=2 --json c
    is "$(jq -c '.layers[-1] | [.layer, .size, .added, .removed]' <<<"$output")" "[7,5000,1,1]"
    is "$(jq -c '.layers[4].hidden' <<<"$output")" 700000
    buildah umount c
  done
  buildah inspect --tree c; says "(what the container has changed)"
  # What is committed has the same layer.
  buildah inspect --tree --json c; before=$(jq -c '.layers[-1] | [.size, .added, .changed, .removed]' <<<"$output")
  buildah commit -q c localhost/own
  buildah inspect --tree --json localhost/own
  is "$(jq -c '.layers[-1] | [.size, .added, .changed, .removed]' <<<"$output")" "$before"
  buildah from --name s scratch
  buildah inspect --tree s; says "1 layer with 0 B"
}

@test "inspect --tree: the driver vfs, an image of another tool" {
  base busybox
  buildah push -q docker.io/library/busybox "oci:$T/oci:x"
  buildah inspect --tree --json docker.io/library/busybox; want=$(jq -c '[.layers[] | .size, .added]' <<<"$output")
  rm -rf "${T:?}/run"
  STORAGE_DRIVER=vfs buildah --root "$T/vfs" --runroot "$T/vfsrun" pull -q "oci:$T/oci:x"; id=$output
  STORAGE_DRIVER=vfs buildah --root "$T/vfs" --runroot "$T/vfsrun" inspect --tree --json "$id"
  is "$(jq -c '[.layers[] | .size, .added]' <<<"$output")" "$want"
  needs skopeo
  skopeo copy -q "oci:$T/oci:x" "containers-storage:[overlay@$T/root2+$T/run2]localhost/other:1"
  buildah --root "$T/root2" --runroot "$T/run2" inspect --tree --json localhost/other:1
  is "$(jq -c '[.layers[] | .size, .added]' <<<"$output")" "$want"
  umount -l "$T/root2/overlay" 2>/dev/null || true
}

@test "inspect --tree: what cannot be" {
  from_base --name c
  buildah 125 inspect --tree --type manifest c; says "no layers"; one_line_error
  buildah 125 inspect --tree --fetch-layers c; says "working container"; one_line_error
  buildah 125 inspect --tree --fetch-layers busybox; says "is in the store"; one_line_error
  buildah 125 inspect --fetch-layers busybox; says "--tree or --files"; one_line_error
  buildah 125 inspect --json --format '{{.Type}}' busybox; says "mutually exclusive"; one_line_error
  buildah 125 inspect --tree nosuch; one_line_error
  buildah 125 inspect --arch arm64 c; says "--arch means nothing here"; one_line_error
}
