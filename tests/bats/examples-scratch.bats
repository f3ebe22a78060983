#!/usr/bin/env bats
# Scripts of examples/bash that make images from nothing.
load helpers
load examples
load debian

# base_with_nginx makes docker.io/library/debian:12-slim of busybox, with an apt-get that
# knows one package: a program that is linked with the C library of this machine.
base_with_nginx() {
  local root=$T/context/root
  mkdir -p "$root/opt" "$root/usr/bin"
  cat >"$T/nginx.c" <<'C'
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv) {
  const char *needs[] = {"/etc/nginx/nginx.conf", "/etc/nginx/mime.types", "/site/index.html"};
  for (int i = 0; i < 3; i++)
    if (access(needs[i], R_OK)) return perror(needs[i]), 1;
  if (access("/tmp", W_OK)) return perror("/tmp"), 1;
  return argc > 3 && !strcmp(argv[3], "-t") ? 0 : (puts("serving"), 0);
}
C
  cc -o "$root/opt/nginx" "$T/nginx.c"
  tree_with_libraries "$root" "$root/opt/nginx"
  rm -rf "${root:?}/$T"
  printf '#!/bin/sh\ncase "$*" in *install*nginx-light*) ;; *) exit 0 ;; esac\ncp /opt/nginx /usr/sbin/nginx\nmkdir -p /etc/nginx; echo types >/etc/nginx/mime.types\n' >"$root/usr/bin/apt-get"
  # What ldd does.
  printf '#!/bin/sh\nLD_TRACE_LOADED_OBJECTS=1 exec "$1"\n' >"$root/usr/bin/ldd"
  chmod 755 "$root"/usr/bin/*
  base busybox
  buildah from docker.io/library/busybox; local ctr=$output
  buildah copy -q "$ctr" "$root" /
  buildah commit -q --rm "$ctr" docker.io/library/debian:12-slim
}

@test "examples: a Debian with nginx, by debootstrap" {
  needs debootstrap
  make_mirror "$T/mirror"
  MIRROR=file://$T/mirror DEBOOTSTRAP_FLAGS=--no-check-gpg PORT=8081 example bash/debian-nginx.sh localhost/web
  is "$(inspected web '.OCIv1.config | .Entrypoint[0], (.ExposedPorts | keys[]), .StopSignal')" $'/usr/sbin/nginx\n8081\nSIGQUIT'
  in_image web sh -c 'cat /var/www/html/index.html; sed -n 2,3p /etc/nginx/sites-available/default; find /var/cache/apt/archives -type f'
  is "$output" $'<h1>Built by a shell script</h1>\n  listen 8081 default_server;\n  listen [::]:8081 default_server;'
}

@test "examples: a static program and nothing else" {
  printf '#include <stdio.h>\nint main(void) { puts("static"); return 0; }\n' >hello.c
  example bash/static-program.sh hello.c
  in_image localhost/hello /hello; is "$output" static
  is "$(inspected hello '.OCIv1.rootfs.diff_ids | length')" 1
  is "$(inspected hello '.OCIv1.config | .User + " " + .Entrypoint[0]')" "65534:65534 /hello"
  # The same of a Go program, which needs no package and so no time.
  needs go
  mkdir greet; printf 'module greet\n' >greet/go.mod
  printf 'package main\n\nfunc main() { println("greetings") }\n' >greet/greet.go
  GOFLAGS='' example bash/static-program.sh greet localhost/greeter
  in_image localhost/greeter /greet; is "$errors" greetings
  echo 'int main(void) { wrong }' >broken.c
  example 1 bash/static-program.sh broken.c
}

@test "examples: nginx with what it opens, and no more" {
  base_with_nginx
  mkdir site; echo page >site/index.html
  example bash/minimal-nginx.sh site localhost/web
  in_image localhost/web /usr/sbin/nginx; is "$output" serving
  is "$(inspected web '.OCIv1.config | .User, (.ExposedPorts | keys[]), .Entrypoint[0]')" $'65534:65534\n8080\n/usr/sbin/nginx'
  buildah from --pull=never localhost/web; ctr=$output
  buildah 1 run "$ctr" -- /bin/sh -c true; says "no such file"
  buildah rm "$ctr"
  # Without a page the program says no, and no image is made.
  mkdir empty
  example 1 bash/minimal-nginx.sh empty localhost/none
  says "/site/index.html"
  buildah 125 inspect --type image localhost/none
}

@test "examples: two containers, and one of them an image" {
  base busybox
  buildah from docker.io/library/busybox; ctr=$output
  # shellcheck disable=SC2016 # for the container
  printf '#!/bin/sh\nset -e; [ "$*" = "install DESTDIR=/out" ]; mkdir -p /out/usr/bin; cp hello.sh /out/usr/bin/hello; touch object.o\n' >"$T/make"
  buildah copy -q --chmod 755 "$ctr" "$T/make" /usr/bin/make
  buildah commit -q --rm "$ctr" docker.io/library/gcc:13
  mkdir hello; printf '#!/bin/sh\necho hello\n' >hello/hello.sh; chmod 755 hello/hello.sh
  BASE=docker.io/library/busybox example bash/two-containers.sh hello
  in_image localhost/hello sh -c 'hello; find /usr/bin/make /src 2>/dev/null || true'
  is "$output" hello
  is "$(inspected localhost/hello '.OCIv1.config.Entrypoint[0]')" /usr/bin/hello
  is "$(ls hello)" hello.sh # nothing was written beside the sources
  BASE=docker.io/library/busybox COMMAND='exit 3' example 3 bash/two-containers.sh hello localhost/none
  buildah 125 inspect --type image localhost/none
}

@test "examples: our own image builds itself" {
  base busybox
  tree_with_libraries "$T/tree" "$BUILDAH_BINARY"
  mkdir -p "$T/tree/usr/bin"
  cp "$BUILDAH_BINARY" "$T/tree/usr/bin/buildah"
  rm -rf "${T:?}/tree/$BUILDAH_BINARY"
  example bash/self-build.sh "$T/tree" localhost/buildah
  is "$(sed -n 's/^outside: *//p' <<<"$output")" "$(sed -n 's/^inside: *//p' <<<"$output")"
  is "$(inspected localhost/buildah .FromImageID)" "$(sed -n 's/^inside: *//p' <<<"$output")"
  example 1 bash/self-build.sh no-such-file
  # A file goes where the program belongs.
  printf '#!/bin/sh\nexit 3\n' >not-buildah
  example 3 bash/self-build.sh not-buildah localhost/other
  in_image localhost/other cat /usr/bin/buildah; is "$output" "$(cat not-buildah)"
}
