#!/usr/bin/env bats
# Here-documents of RUN, COPY and ADD.
load helpers

build() {
  buildah build -t built context
  log=$output
  buildah from --name "look$((++looks))" localhost/built
  buildah mount "$output"; root=$output
}

@test "heredocs: COPY and ADD make files of them, several, quoted or not" {
  cat >context/Dockerfile <<'DOCKERFILE'
FROM scratch
ARG WHO=you
COPY <<robots.txt <<"humans.txt" /test/
robots for $WHO
robots.txt
humans for $WHO
humans.txt
COPY --chown=7:8 --chmod=u=rw,go= <<-TABS /tabs
	one
	two
	TABS
ADD <<EOF /index.html
only \$WHO
EOF
COPY <<HERE Dockerfile /mixed/
here
HERE
DOCKERFILE
  printf '*\n!Dockerfile\n' >context/.dockerignore
  build
  is "$(cat "$root/test/robots.txt" "$root/test/humans.txt")" $'robots for you\nhumans for $WHO'
  is "$(cat "$root/tabs")" $'one\ntwo'
  is "$(stat -c '%a %u:%g' "$root/tabs" "$root/index.html" | tr '\n' ' ')" "600 7:8 644 0:0 "
  is "$(cat "$root/index.html" "$root/mixed/HERE")" $'only $WHO\nhere'
  cmp context/Dockerfile "$root/mixed/Dockerfile"
  [[ $log == *'ADD <<EOF /index.html (only'* ]]
}

@test "heredocs: RUN has scripts, interpreters and redirections" {
  base busybox
  cat >context/Dockerfile <<'DOCKERFILE'
FROM busybox
RUN <<EOF
echo one >/one
echo two >/two
EOF
RUN <<SCRIPT
#!/bin/cat
printed
SCRIPT
RUN cat <<A >/three && cat <<B >/four
a
A
b
B
RUN [ ! -e /dev/pipes ]
DOCKERFILE
  build
  is "$(cat "$root/one" "$root/two" "$root/three" "$root/four")" $'one\ntwo\na\nb'
  [[ $log == *'RUN <<EOF (echo one >/one...)'* && $log == *printed* ]]
  printf 'FROM scratch\nCOPY <<EOF /x\nno end\n' >context/Dockerfile
  buildah 125 build -q context
  one_line_error; says "EOF: unterminated heredoc"
}

@test "heredocs: a Dockerfile whose lines end in CRLF" {
  base busybox
  printf 'FROM busybox\r\nCOPY <<EOF /doc\r\nline\r\nEOF\r\nRUN <<EOF\r\necho ran >/ran\r\nEOF\r\n' >context/Dockerfile
  build
  is "$(tr -d '\r' <"$root/doc")" line
  is "$(cat "$root"/ran* | tr -d '\r')" ran
}
