#!/usr/bin/env bats
# Agents: `--ssh` of build and run, `--mount type=ssh`.

load helpers

dockerfile() { cat >"$T/context/Dockerfile"; }

# setup_keys makes a key, its fingerprint, and a base that has ssh-add.
setup_keys() {
  needs ssh-keygen; needs ssh-add; needs ssh-agent
  base busybox
  ssh-keygen -q -t ed25519 -N '' -C comment -f "$T/id"
  FINGERPRINT=$(ssh-keygen -lf "$T/id.pub" | cut -d' ' -f2)
  local name library
  mkdir -p "$T/tools/bin"
  for name in ssh-add ssh-keygen; do
    cp "/usr/bin/$name" "$T/tools/bin/"
    ldd "/usr/bin/$name" | grep -o '/[^ ]*' | while read -r library; do
      mkdir -p "$T/tools$(dirname "$library")"; cp -L "$library" "$T/tools$library"
    done
  done
  buildah from --name tools docker.io/library/busybox
  buildah copy -q tools "$T/tools" /
  buildah commit -q tools tools
  buildah rm tools
}

start_agent() {
  eval "$(ssh-agent -s 3>&-)" >/dev/null
  ssh-add -q "$1"
}

teardown_agent() { [ -z "${SSH_AGENT_PID:-}" ] || kill "$SSH_AGENT_PID" || true; }

@test "ssh: a key is served to one RUN, and none to the next" {
  setup_keys
  dockerfile <<'DOCKERFILE'
FROM localhost/tools
RUN --mount=type=ssh ssh-add -l && echo "socket $SSH_AUTH_SOCK" && stat -c '%a %u %g %F' "$SSH_AUTH_SOCK"
RUN test -z "$SSH_AUTH_SOCK" && test ! -e /run/buildkit && { ssh-add -l; echo "then status $?"; }
DOCKERFILE
  for isolation in oci chroot; do
    for flags in "" --layers; do
      # shellcheck disable=SC2086 # none or one
      buildah build --isolation "$isolation" --no-cache $flags --ssh "default=$T/id" -t img "$T/context"
      says "$FINGERPRINT"; says "socket /run/buildkit/ssh_agent.0"; says "600 0 0 socket"; says "then status 2"
    done
  done
  buildah inspect img; says_not ssh_agent; says_not "$FINGERPRINT"
  store_is_clean
  is "$(ls -A "$T/tmp")" ""
}

@test "ssh: target, mode, owner, several agents, a user who is not root" {
  setup_keys
  ssh-keygen -q -t rsa -b 2048 -N '' -m PEM -f "$T/rsa"
  rsa=$(ssh-keygen -lf "$T/rsa.pub" | cut -d' ' -f2)
  dockerfile <<'DOCKERFILE'
FROM localhost/tools
WORKDIR /w
RUN --mount=type=ssh,id=a,dst=rel/sock,mode=0444,uid=7,gid=8 stat -c '%a %u %g %n' /w/rel/sock && echo "variable $SSH_AUTH_SOCK" && ssh-add -l
RUN --mount=type=ssh,id=a --mount=type=ssh,id=b echo "first $SSH_AUTH_SOCK" && SSH_AUTH_SOCK=/run/buildkit/ssh_agent.1 ssh-add -l
USER 1000
RUN --mount=type=ssh,id=b,uid=1000 ssh-add -l | wc -l
RUN --mount=type=ssh,id=b,uid=0,gid=0 ! ssh-add -l
DOCKERFILE
  each_isolation buildah build --ssh "a=$T/id" --ssh "b=$T/id,$T/rsa" "$T/context"
  says "444 7 8 /w/rel/sock"; says "variable /w/rel/sock"; says "first /run/buildkit/ssh_agent.0"; says "$FINGERPRINT"; says "$rsa"
}

@test "ssh: keys sign, and the agent takes no change from inside" {
  setup_keys
  start_agent "$T/id"
  cp "$T/id.pub" "$T/context/"
  ssh-keygen -q -t ed25519 -N '' -f "$T/context/other"
  dockerfile <<'DOCKERFILE'
FROM localhost/tools
COPY id.pub other /k/
RUN echo root:x:0:0::/root:/bin/sh >/etc/passwd && chmod 600 /k/other
RUN --mount=type=ssh echo data >/tmp/d && ssh-keygen -q -Y sign -f /k/id.pub -n file /tmp/d && grep -c BEGIN /tmp/d.sig
RUN --mount=type=ssh ! ssh-add -q /k/other && ! ssh-add -D && ! ssh-add -d /k/id.pub && ssh-add -l | wc -l
DOCKERFILE
  for source in default "default=$SSH_AUTH_SOCK" "default=$T/id"; do
    each_isolation buildah build --ssh "$source" "$T/context" || { teardown_agent; false; }
  done
  is "$(grep -cx 1 <<<"$output")" 2
  ssh-add -l | grep -qF "$FINGERPRINT"
  teardown_agent
}

@test "ssh: missing agents are left out, unless they are required" {
  setup_keys
  unset SSH_AUTH_SOCK
  dockerfile <<'DOCKERFILE'
FROM localhost/tools
RUN --mount=type=ssh --mount=type=ssh,id=x,required=false echo "socket ${SSH_AUTH_SOCK:-none}" && test ! -e /run/buildkit
DOCKERFILE
  each_isolation buildah build "$T/context"; says "socket none"
  dockerfile <<'DOCKERFILE'
FROM localhost/tools
RUN --mount=type=ssh,id=x --mount=type=ssh,id=a echo "socket $SSH_AUTH_SOCK"
DOCKERFILE
  buildah build --ssh "a=$T/id" "$T/context"; says "socket /run/buildkit/ssh_agent.0"
  for required in required required=true; do
    dockerfile <<<"FROM localhost/tools
RUN --mount=type=ssh,id=git,$required true"
    each_isolation buildah 125 build --ssh "a=$T/id" "$T/context"
    says "ssh required but no ssh with id git found"
    one_line_error
  done
  store_is_clean
}

@test "ssh: what cannot be served is refused before any work" {
  setup_keys
  unset SSH_AUTH_SOCK
  dockerfile <<<'FROM docker.io/library/none-such'
  buildah 125 build --ssh default "$T/context"; says "SSH_AUTH_SOCK not set in environment"
  one_line_error
  ssh-keygen -q -t ed25519 -N geheim -f "$T/protected"
  ssh-keygen -q -t rsa -b 2048 -N geheim -m PEM -f "$T/pem"
  ssh-keygen -q -t ecdsa -N geheim -m PKCS8 -f "$T/pkcs8"
  for key in protected pem pkcs8; do
    buildah 125 build --ssh "default=$T/$key" "$T/context"
    says "cannot parse ssh key \"$T/$key\": it is protected by a passphrase: add it to an agent with ssh-add"
    one_line_error
  done
  buildah 125 build --ssh "default=$T/id.pub" "$T/context"; says "cannot parse ssh key"
  buildah 125 build --ssh "default=$T/none" "$T/context"; says "no such file or directory"
  buildah 125 build --ssh "=$T/id" "$T/context"; says "is not of the form default|ID[=SOCKET|KEY[,KEY...]]"
  buildah 125 build --ssh "x=" "$T/context"; says "a path is empty"
  start_agent "$T/id"
  socket=$SSH_AUTH_SOCK
  buildah 125 build --ssh "x=$socket,$T/id" "$T/context"; says "cannot mix keys and socket file"
  buildah 125 build --ssh "x=$socket,$socket" "$T/context"; says "only one socket is allowed"
  # Paths of one --ssh are not those of the next.
  export SSH_AUTH_SOCK=$T/none-such
  dockerfile <<'DOCKERFILE'
FROM localhost/tools
RUN --mount=type=ssh,id=a ssh-add -l
RUN --mount=type=ssh,id=default ! ssh-add -l
DOCKERFILE
  buildah build --ssh "a=$T/id" --ssh default "$T/context"; says "$FINGERPRINT"
  teardown_agent
}

@test "ssh: of run" {
  setup_keys
  buildah from --name c localhost/tools
  each_isolation buildah run --ssh "default=$T/id" --mount type=ssh,required c ssh-add -l
  says "$FINGERPRINT"
  each_isolation buildah run --ssh "default=$T/id" --mount type=ssh --env SSH_AUTH_SOCK=/none c sh -c 'echo $SSH_AUTH_SOCK'
  is "$output" /run/buildkit/ssh_agent.0
  each_isolation buildah run c sh -c 'test ! -e /run/buildkit && echo "${SSH_AUTH_SOCK:-none}"'; is "$output" none
  each_isolation buildah 125 run --mount type=ssh,required c true; says "ssh required but no ssh with id default found"
  is "$(ls -A "$T/tmp")" ""
}
