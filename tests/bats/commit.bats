#!/usr/bin/env bats
load helpers

@test "commit: prints the ID; a name, no name, several commits of one container" {
  from_base
  buildah commit -q "$ctr"
  is "${#output}" 64
  first=$output
  buildah images -q --no-trunc --filter dangling=true
  is "$output" "sha256:$first"
  buildah commit -q "$ctr" named
  buildah images --format '{{.Name}}:{{.Tag}}' localhost/named
  is "$output" localhost/named:latest
  buildah run --isolation chroot "$ctr" touch /still-usable
}

@test "commit: --iidfile, --metadata-file, --rm" {
  from_base
  buildah commit -q --iidfile "$T/iid" --metadata-file "$T/meta" "$ctr" one
  is "$output" ""
  buildah images -q --no-trunc localhost/one
  is "$(cat "$T/iid")" "$output"
  is "$(jq -r '."containerimage.config.digest"' "$T/meta")" "$output"
  buildah commit -q --rm "$ctr" two
  store_is_clean
  buildah from scratch; ctr=$output
  buildah 125 commit --rm "$ctr" BAD
  buildah containers -q
  is "${#output}" 64
}

@test "commit: the same input with a fixed time gives the same bytes" {
  from_base
  echo same >"$T/same"
  for n in 1 2; do
    buildah from --name "again$n" docker.io/library/busybox
    buildah copy -q "again$n" "$T/same" /same
    buildah config --env A=b "again$n"
    for format in oci docker; do
      buildah commit -q --format $format --timestamp 1234567890 "again$n" "img-$format-$n"
      eval "${format}_$n=$output"
    done
    sleep 1.1
  done
  is "$oci_1" "$oci_2"
  is "$docker_1" "$docker_2"
  buildah inspect --type image --format '{{.OCIv1.Created}}' img-oci-1
  says "2009-02-13 23:31:30"
  SOURCE_DATE_EPOCH=99 buildah commit -q again1 sde
  buildah inspect --type image --format '{{.OCIv1.Created.Unix}}' sde
  is "$output" 99
  SOURCE_DATE_EPOCH=99 buildah 125 commit --timestamp 1 again1 x
  one_line_error
}

@test "commit: every kind of change is in the layer, and nothing else" {
  from_base
  buildah mount "$ctr"; mnt=$output
  mkdir -p "$mnt/d/e"; echo one >"$mnt/d/e/file"; ln "$mnt/d/e/file" "$mnt/hard"; ln -s /d/e/file "$mnt/soft"
  mkfifo "$mnt/fifo"; mknod "$mnt/null" c 1 3; truncate -s 5M "$mnt/sparse"
  chmod 4755 "$mnt/d/e/file"; chown 12:34 "$mnt/sparse"
  setfattr -n user.note -v kept "$mnt/sparse"
  rm "$mnt/etc/group"; rm -rf "$mnt/var"; mkdir "$mnt/var"; echo replaced >"$mnt/etc/passwd"
  buildah umount "$ctr"
  buildah commit -q "$ctr" changed
  buildah from --name again changed
  buildah mount again; new=$output
  is "$(stat -c '%a %h' "$new/hard")" "4755 2"
  is "$(readlink "$new/soft")" /d/e/file
  is "$(stat -c %F "$new/fifo")" fifo
  is "$(stat -c '%F %t:%T' "$new/null")" "character special file 1:3"
  is "$(stat -c '%s %u:%g' "$new/sparse")" "5242880 12:34"
  is "$(getfattr --only-values -n user.note "$new/sparse")" kept
  [ ! -e "$new/etc/group" ] && [ -z "$(ls "$new/var")" ]
  is "$(cat "$new/etc/passwd")" replaced
  # The user's container has its content still.
  buildah mount "$ctr"
  is "$(cat "$output/d/e/file")" one
}

@test "commit: layers are those that the manifest names, for every destination" {
  from_base
  buildah run --isolation chroot "$ctr" sh -c 'echo x >/x'
  for ref in "dir:$T/dir" "oci:$T/layout:x" "oci-archive:$T/a.tar:x" "docker-archive:$T/d.tar:localhost/x:1"; do
    buildah commit -q "$ctr" "$ref"
    is "${#output}" 64
  done
  for digest in $(jq -r '.layers[].digest, .config.digest' "$T/dir/manifest.json"); do
    is "$(sha256sum "$T/dir/${digest#sha256:}" | cut -d' ' -f1)" "${digest#sha256:}"
  done
  buildah images -q -a
  is "$(wc -l <<<"$output")" 1
}

@test "commit: --squash has one layer and everything in it" {
  from_base
  buildah run --isolation chroot "$ctr" sh -c 'echo x >/x; rm /etc/group'
  buildah commit -q --squash "$ctr" squashed
  buildah inspect --type image --format '{{len .OCIv1.RootFS.DiffIDs}} {{len .OCIv1.History}}' squashed
  is "$output" "1 1"
  buildah from --name s squashed
  buildah run --isolation chroot s sh -c 'cat /x; test ! -e /etc/group && id -u'
  is "$output" $'x\n0'
}

@test "commit: labels, annotations, history, changes" {
  from_base
  buildah commit -q --annotation k=v --change 'ENV CHANGED=yes' --change 'CMD ["new"]' --unsetenv PATH "$ctr" meta
  buildah inspect --type image meta
  is "$(jq -r '.ImageAnnotations.k' <<<"$output")" v
  is "$(jq -c '.OCIv1.config.Env' <<<"$output")" '["CHANGED=yes"]'
  is "$(jq -c '.OCIv1.config.Cmd' <<<"$output")" '["new"]'
  [ "$(jq -r '.OCIv1.config.Labels["io.buildah.version"]' <<<"$output")" != null ]
  [ "$(jq -r '.ImageAnnotations["org.opencontainers.image.created"]' <<<"$output")" != null ]
  is "$(jq -r '.OCIv1.history[-1].comment' <<<"$output")" "FROM docker.io/library/busybox:latest"
  is "$(jq -r '.OCIv1.history[-1].created_by' <<<"$output")" "/bin/sh"
  buildah commit -q --identity-label=false --created-annotation=false --omit-history "$ctr" bare
  buildah inspect --type image bare
  is "$(jq -r '.OCIv1.config.Labels' <<<"$output")" null
  is "$(jq -r '.ImageAnnotations["org.opencontainers.image.created"]' <<<"$output")" null
  is "$(jq -r '.OCIv1.history' <<<"$output")" null
}

@test "commit: --add-file" {
  from_base
  echo added >"$T/added"
  buildah commit -q --add-file "$T/added:/in/image" "$ctr" more
  buildah from --name m more
  buildah run --isolation chroot m cat /in/image
  is "$output" added
  buildah 125 commit --add-file "$T/nosuch" "$ctr" x
  one_line_error
}

@test "commit: on vfs as on overlay" {
  STORAGE_DRIVER=vfs
  from_base
  buildah run --isolation chroot "$ctr" sh -c 'echo x >/x; rm /etc/group'
  buildah commit -q --timestamp 7 "$ctr" onvfs
  buildah from --name v onvfs
  buildah run --isolation chroot v sh -c 'cat /x; ls /etc/group 2>/dev/null | wc -l'
  is "$output" $'x\n0'
}

@test "commit: refusals" {
  from_base
  buildah 125 commit
  buildah 125 commit --format v9 "$ctr" x
  says "unrecognized image type"
  buildah 125 commit --timestamp soon "$ctr" x
  one_line_error
  buildah 125 commit "$ctr" nosuchtransport:x:y:z
  one_line_error
}
