#!/usr/bin/env bats
# A user to whom /etc/subuid gives no further ids, and what every user's store is found by.

load helpers
load user

setup_file() { make_user alone; }

teardown_file() { remove_user; }

# notices counts the lines about the single id.
notices() { grep -c "all files belong to one user" <<<"$errors" || true; }

@test "rootless-alone: a build with a single id" {
  # Somebody else's file is in the base.
  from_base
  echo text >file
  buildah copy -q --chown 405:100 "$ctr" file /theirs
  buildah commit -q "$ctr" "oci:$RHOME/home/base"
  chown -R "$RUSER:" "$RHOME/home/base"
  mine '
buildah tag $(buildah pull -q oci:$HOME/base) localhost/base
mkdir context; echo text >context/file
cat >context/Dockerfile <<DOCKERFILE
FROM localhost/base
COPY file /file
RUN stat -c %u:%g /file /theirs >/seen && rm -r /home && touch /made
DOCKERFILE
for isolation in chroot rootless; do
  [ $isolation = chroot ] || command -v runc >/dev/null || continue
  BUILDAH_RUNTIME=runc buildah build -q --network host --isolation $isolation -t made context >/dev/null
  buildah run --isolation chroot $(buildah from made) sh -c "cat /seen; stat -c %u /made; ls /home 2>/dev/null || echo gone"
done
buildah push -q made dir:out
buildah run --isolation chroot $(buildah from made) chown 5 /made 2>why || tail -n 1 why'
  is "$(head -n 4 <<<"$output")" $'0:0\n0:0\n0\ngone'
  says "usermod --add-subuids"
  local layer; layer=$RHOME/home/$BATS_TEST_NUMBER/out/$(jq -r '.layers[-1].digest' "$RHOME/home/$BATS_TEST_NUMBER/out/manifest.json" | cut -d: -f2)
  output=$(tar --numeric-owner -tvzf "$layer")
  is "$(awk '{print $2}' <<<"$output" | sort -u)" 0/0
}

@test "rootless-alone: one line, and only where it matters" {
  mine 'base 2>/dev/null; buildah from docker.io/library/busybox'
  is "$(notices)" 1
  mine 'base 2>/dev/null; buildah images; buildah containers; buildah inspect --type image docker.io/library/busybox >/dev/null'
  is "$errors" ""
  mine 'base 2>/dev/null; buildah from docker.io/library/busybox >ctr; buildah unshare --mount M=$(cat ctr) sh -c "test -x \$M/bin/busybox; cat /proc/self/setgroups; cat /proc/self/uid_map | xargs"'
  is "$output" $'deny\n0 '"$(id -u "$RUSER")"' 1'
}

@test "rootless-alone: what takes the rights of newuidmap away is named" {
  echo "$RUSER:700000:65536" | tee -a /etc/subuid >>/etc/subgid
  needs setpriv
  mine 'setpriv --no-new-privs '"$RHOME"'/buildah --root $PWD/root --runroot $PWD/run pull oci:$HOME/busybox; setpriv --no-new-privs '"$RHOME"'/buildah info --probe --format json'
  sed -i "/^$RUSER:/d" /etc/subuid /etc/subgid
  is "$(notices)" 1
  says "allowPrivilegeEscalation: true"
  is "$(sed -n '/^\[/,$p' <<<"$output" | jq -r '.[0].use')" "a new one with a single id"
}

@test "rootless-alone: a mount outside is refused with what to type" {
  mine 'base; buildah from --name web docker.io/library/busybox'
  mine 125 'buildah mount web'
  says "type: buildah unshare --mount ROOT=web sh -c 'ls \"\$ROOT\"'"
  one_line_error
}

@test "rootless-alone: places and storage.conf of the user" {
  # Nothing is said about the store: it is in the home, its driver is found, its state is below TMPDIR.
  mine '
"'"$RHOME"'/buildah" info --format "{{.store.GraphRoot}} {{.store.GraphDriverName}} {{.store.RunRoot}}"; echo
XDG_RUNTIME_DIR=$PWD/runtime XDG_DATA_HOME=$PWD/data; export XDG_RUNTIME_DIR XDG_DATA_HOME; mkdir -p runtime data
"'"$RHOME"'/buildah" info --format "{{.store.GraphRoot}} {{.store.RunRoot}}"; echo
mkdir -p $HOME/.config/containers
printf "[storage]\ndriver = \"vfs\"\ngraphroot = \"$PWD/mine\"\n" >$HOME/.config/containers/storage.conf
"'"$RHOME"'/buildah" info --format "{{.store.GraphRoot}} {{.store.GraphDriverName}}"; echo
rm -r $HOME/.config/containers
# The store stays with the driver that it was made with.
"'"$RHOME"'/buildah" --root $PWD/mine info --format "{{.store.GraphDriverName}}"'
  local at=$RHOME/home/$BATS_TEST_NUMBER runtime
  runtime=$(sed -n 1p <<<"$output")
  [[ $runtime == "$RHOME/home/.local/share/containers/storage overlay "* ]]
  [[ $runtime == *"/storage-run-$(id -u "$RUSER")/containers" || $runtime == *" /run/user/$(id -u "$RUSER")/containers" ]]
  is "$(sed -n '2,$p' <<<"$output")" "$at/data/containers/storage $at/runtime/containers
$at/mine vfs
vfs"
}
