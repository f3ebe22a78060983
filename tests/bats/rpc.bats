#!/usr/bin/env bats
# A command beside a gRPC server.
load helpers

@test "rpc: the command knows the address, and its status is that of rpc" {
  buildah rpc --env SERVER sh -c 'echo "$SERVER"; test -S "${SERVER#unix://}"'
  [[ $output == unix://$T/run/rpc-*/socket ]]
  [ ! -e "${output#unix://}" ]
  is "$(ls "$T/run" | grep -c '^rpc-')" 0
  buildah 7 rpc -e SERVER -- sh -c 'exit 7'
  is "$errors" ""
  buildah rpc sh -c 'echo "$1" "${SERVER:-none}"' -- --env
  is "$output" "--env none"
}

@test "rpc: a socket at a place of the caller's" {
  buildah rpc --listen "$T/socket" --env S sh -c 'test -S "$0"; echo $S' "$T/socket"
  is "$output" "unix://$T/socket"
  [ ! -e "$T/socket" ]
  echo mine >"$T/file"
  buildah 125 rpc --listen "$T/file" sh -c 'echo started'
  one_line_error; says "$T/file"; says_not started
  is "$(cat "$T/file")" mine
  buildah 125 rpc; says "rpc needs COMMAND"
  buildah 1 rpc no-such-program; says "no-such-program"
  # It is not for everybody.
  buildah help; says_not rpc; says_not dumpbolt
}

@test "rpc: verbs work on the same store meanwhile" {
  base busybox
  export -f buildah; export BUILDAH_BINARY
  buildah rpc bash -c 'buildah from --name inside docker.io/library/busybox; buildah run inside true; echo "$output"'
  buildah rm inside
}
