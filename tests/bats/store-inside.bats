#!/usr/bin/env bats
# Sources that hold the store which they are copied into.
load helpers

# into_itself gives $at, a directory with a file, the store of the test and a container in it.
into_itself() {
  at=$T
  echo text >"$T/file"
  buildah from --name there scratch
}

refused() {
  says "\"$T/root\" is the store that the copy goes into"
  says ".containerignore"
  one_line_error
}

@test "copy: a directory with the store in it is refused, soon" {
  into_itself
  local source
  for source in "$at" "$at/root" .; do
    BUILDAH_LAYERS=false buildah 125 copy there "$source" /x
    refused
    BUILDAH_LAYERS=true buildah 125 add there "$source" /y
    refused
  done
  buildah copy -q --exclude root --exclude run there "$at" /z
  buildah mount there
  is "$(cat "$output/z/file")" text
  [ ! -e "$output/z/root" ]
  # What lies in the store is no store.
  mkdir "$output/sub"; echo more >"$output/sub/more"
  local mounted=$output
  buildah copy -q there "$mounted/sub" /copied
  is "$(cat "$mounted/copied/more")" more
}

@test "from and build: what an image or a Dockerfile copies holds no store either" {
  into_itself
  printf 'FROM scratch\nCOPY . /\n' >"$T/Dockerfile"
  buildah 125 build -q "$T"
  refused
  buildah 125 build -q --layers=false "$T"
  refused
  printf 'root\nrun\ntmp\nstderr\n' >"$T/.containerignore"
  buildah build -q -t localhost/ok "$T"
  rm "$T/.containerignore"
  buildah rm -a
  printf 'FROM scratch\nONBUILD COPY . /app\n' >"$T/context/Dockerfile"
  buildah build -q --format docker -t localhost/trigger "$T/context"
  buildah 125 from localhost/trigger
  refused
}
