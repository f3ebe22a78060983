#!/usr/bin/env bats
# The scripts of the founding slides, as written; only the distribution's tool is busybox here.
load helpers

# The slides type plain `buildah`.
use_plain_buildah() {
  mkdir -p "$T/bin"
  printf '#!/bin/sh\nexec %s --root %s --runroot %s "$@"\n' "$BUILDAH_BINARY" "$T/root" "$T/run" >"$T/bin/buildah"
  chmod +x "$T/bin/buildah"
  unset -f buildah
  export PATH=$T/bin:$PATH
}

@test "slides: from, mount at a path, make install, run, commit with an entry point" {
  base busybox
  use_plain_buildah
  mkdir -p "$T/mnt" "$T/src"
  printf 'install:\n\tmkdir -p $(DESTDIR)/usr/bin\n\tcp startup.sh $(DESTDIR)/usr/bin/startup.sh\n\tchmod 755 $(DESTDIR)/usr/bin/startup.sh\n' >"$T/src/Makefile"
  printf '#!/bin/sh\necho started\n' >"$T/src/startup.sh"
  CID=$(buildah from docker.io/library/busybox)
  buildah mount "$CID" "$T/mnt"
  (cd "$T/src" && make -s install DESTDIR="$T/mnt")
  [ "$(buildah run "$CID" /usr/bin/startup.sh)" = started ]
  buildah umount "$CID"
  ! mountpoint -q "$T/mnt"
  IMAGE=$(buildah commit "$CID" --entrypoint=/usr/bin/startup.sh)
  [ "$(buildah inspect --type image --format '{{.OCIv1.Config.Entrypoint}}' "$IMAGE")" = "[/bin/sh -c /usr/bin/startup.sh]" ]
}

@test "slides: config, commit to a name, push" {
  start_registry
  base busybox
  use_plain_buildah
  ctr=$(buildah from docker.io/library/busybox)
  buildah run "$ctr" -- mkdir -p /var/www/html
  echo '#!/bin/sh' >"$T/test.sh"
  buildah copy "$ctr" "$T/test.sh" /usr/sbin/test.sh
  buildah config --entrypoint=/usr/sbin/test.sh --env foo=bar "$ctr"
  buildah commit "$ctr" myhttpd
  buildah push myhttpd "docker://$REGISTRY/user/myhttpd"
  curl -fs "http://$REGISTRY/v2/user/myhttpd/tags/list" | grep -q latest
  stop_registry
}

@test "slides: from scratch, mount, fill, commit" {
  use_plain_buildah
  newcontainer=$(buildah from scratch)
  scratchmnt=$(buildah mount "$newcontainer")
  mkdir -p "$scratchmnt/bin"
  cp /bin/busybox "$scratchmnt/bin/sh"
  buildah config --cmd /bin/sh "$newcontainer"
  buildah run "$newcontainer" -- /bin/sh -c 'echo hello' | grep -qx hello
  buildah unmount "$newcontainer"
  buildah commit "$newcontainer" minimal
  buildah images | grep -q localhost/minimal
  buildah rm "$newcontainer"
}

@test "slides: bud and its long name" {
  base busybox
  use_plain_buildah
  printf 'FROM docker.io/library/busybox\nRUN echo built > /built\nENTRYPOINT ["/bin/cat", "/built"]\n' >"$T/context/Dockerfile"
  cd "$T/context"
  buildah bud -f Dockerfile .
  buildah build-using-dockerfile -f Dockerfile -t byname .
  ctr=$(buildah from byname)
  [ "$(buildah run "$ctr" cat /built)" = built ]
}
