#!/usr/bin/env bats
# Transports as a user meets them; tests/transports tries each with each command.
load helpers

@test "transports: what cannot be written is refused before any work" {
  base busybox
  buildah from docker.io/library/busybox; ctr=$output
  buildah images -a -q; local before=$output
  printf 'FROM docker.io/library/busybox\nRUN touch /made\n' >"$T/context/Dockerfile"
  local dest
  for dest in "sif:$T/x.sif" "tarball:$T/x.tar" "ostree:x@$T/repo"; do
    buildah 125 push docker.io/library/busybox "$dest"; one_line_error
    buildah 125 commit "$ctr" "$dest"; one_line_error
    buildah 125 build -t "$dest" "$T/context"; one_line_error
    says_not "RUN touch"
  done
  buildah images -a -q; is "$output" "$before"
  is "$(find "$T" -maxdepth 1 -name 'x*')" ""
}

@test "transports: one tar archive becomes an image" {
  mkdir "$T/files"; echo hello >"$T/files/hello"
  tar -C "$T/files" -cf "$T/files.tar" hello
  buildah from "tarball:$T/files.tar"; is "$output" tarball-working-container
  buildah mount "$output"; is "$(cat "$output/hello")" hello
}

@test "transports: another store is a place to read from and to write to" {
  base busybox
  local other="[overlay@$T/root2+$T/run2]"
  buildah push -q docker.io/library/busybox "containers-storage:${other}localhost/there:1"
  buildah rmi -a -f
  buildah 125 tag "containers-storage:${other}localhost/there:1" here; one_line_error; says "another store"; says "--root"
  buildah pull -q "containers-storage:${other}localhost/there:1"
  buildah images --format '{{.Name}}:{{.Tag}}'; is "$output" localhost/there:1
  # This one may be spelled out, too.
  buildah tag "containers-storage:[overlay@$T/root+$T/run]localhost/there:1" here
}

@test "transports: a docker daemon that is not there is one line" {
  base busybox
  export DOCKER_HOST=unix://$T/none.sock
  buildah 125 push --retry 0 docker.io/library/busybox docker-daemon:x:1
  one_line_error; says "none.sock"; says_not "closed pipe"
  buildah 125 pull --retry 0 docker-daemon:x:1
  one_line_error; says "none.sock"
  export DOCKER_HOST=ssh://jo@example.com
  buildah 125 from docker-daemon:x:1; one_line_error; says "over ssh"
}

@test "transports: a known one with bad words is no name" {
  base busybox
  local bad
  for bad in "docker-daemon:x@@" "docker://UPPER/case" "containers-storage:" "dir:$T/no/such/dir" "oci:$T/x:a b"; do
    buildah 125 push --retry 0 docker.io/library/busybox "$bad"; one_line_error
    buildah 125 pull --retry 0 "$bad"; one_line_error
  done
  # "docker:tag" is the image docker, as ever.
  buildah 125 pull -q --policy never docker:dind; one_line_error; says "not in the store"
}
