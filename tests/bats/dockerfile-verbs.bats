#!/usr/bin/env bats
# What a Dockerfile does beyond the usual verbs can be said with flags of them.
# shellcheck disable=SC2016,SC2154 # helpers.bash sets ctr and errors
load helpers

# layers_of IMAGE counts its layers.
layers_of() {
  buildah inspect --type image --format '{{len .OCIv1.RootFS.DiffIDs}}' "$1"
}

@test "from: ONBUILD is carried out, or forgotten" {
  from_base
  buildah config --onbuild 'RUN echo trigger > /trigger' "$ctr" # a warning: the format is OCI
  buildah commit --format docker "$ctr" triggers
  buildah from --format docker triggers
  buildah run "$output" test -e /trigger
  buildah from --format docker --onbuild=false triggers
  without=$output
  buildah 1 run "$without" test -e /trigger
  buildah commit -q "$without" clean
  buildah inspect --type image --format '{{len .Docker.Config.OnBuild}}' clean
  is "$output" 0
  buildah 125 from --onbuild=perhaps triggers
  one_line_error
}

@test "copy, add: --drop-setid" {
  from_base
  echo x >"$T/file"; chmod 6755 "$T/file"
  buildah copy "$ctr" "$T/file" /kept
  buildah copy --drop-setid "$ctr" "$T/file" /dropped
  buildah add --drop-setid "$ctr" "$T/file" /added
  buildah run "$ctr" stat -c %a /kept /dropped /added
  is "$output" $'6755\n755\n755'
}

@test "config: --create-workingdir" {
  from_base
  buildah config --user guest --workingdir /a/b --create-workingdir "$ctr"
  buildah run --user 0 "$ctr" stat -c '%U %a' /a/b
  is "$output" "guest 755"
  buildah config --workingdir /never "$ctr"
  buildah mount "$ctr"
  [ ! -e "$output/never" ]
  ln -s /etc/passwd "$output/file"
  buildah umount "$ctr"
  buildah 125 config --workingdir /file/x --create-workingdir "$ctr"
  says /file/x
  one_line_error
  buildah inspect --format '{{.OCIv1.Config.WorkingDir}}' "$ctr"
  is "$output" /never
}

@test "config: a dollar sign in a variable" {
  from_base
  buildah config --env 'PRICE=5$$ and $$PATH' --env 'BOTH=$PRICE' "$ctr"
  is "$errors" ""
  buildah run "$ctr" sh -c 'echo "$BOTH"'
  is "$output" '5$ and $PATH'
}

@test "commit: --omit-empty-layer" {
  from_base
  buildah config --env A=1 "$ctr"
  buildah commit -q --omit-empty-layer "$ctr" settings
  layers_of settings; is "$output" 1
  buildah inspect --type image --format '{{range .OCIv1.History}}{{.EmptyLayer}} {{end}}' settings
  is "$output" "false true "
  buildah commit -q "$ctr" always
  layers_of always; is "$output" 2
  buildah run "$ctr" touch /x
  buildah commit -q --omit-empty-layer "$ctr" changed
  layers_of changed; is "$output" 2
  buildah run "$ctr" rm /etc/passwd /x
  buildah commit -q --omit-empty-layer "$ctr" less
  layers_of less; is "$output" 2
  buildah commit -q --omit-empty-layer --squash "$ctr" squashed
  layers_of squashed; is "$output" 1
  buildah from scratch
  buildah commit -q --omit-empty-layer "$output" nothing
  layers_of nothing; is "$output" 0
}

@test "rmi: --intermediate" {
  from_base
  buildah run "$ctr" touch /1
  buildah commit -q "$ctr"
  below=$output
  buildah from "$below"
  upper=$output
  buildah run "$upper" touch /2
  buildah commit -q "$upper" named
  named=$(buildah inspect --type image --format '{{.FromImageID}}' named; echo "$output")
  buildah rmi --intermediate "$below" # a container is on it
  is "$output" ""
  buildah rm "$ctr" "$upper"
  buildah 125 rmi "$below"
  buildah rmi --intermediate "$below" "$named" gone
  is "$output" "$below"
  buildah from named
  buildah run "$output" ls /1 /2
  buildah 125 rmi --intermediate
  buildah 125 rmi --intermediate --all
  says "--intermediate takes"
}

@test "run: mounts from a container" {
  from_base
  buildah run "$ctr" sh -c 'mkdir /d; echo lent > /d/file'
  lender=$ctr
  buildah from docker.io/library/busybox
  buildah run --mount "type=bind,from=$lender,source=/d,target=/mnt" "$output" cat /mnt/file
  is "$output" lent
  buildah 125 run --mount type=bind,from=localhost/nobody,target=/mnt "$lender" true
  one_line_error
  buildah rm -a
  store_is_clean
}
