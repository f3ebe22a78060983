#!/usr/bin/env bats
# --log-rusage and --rusage-logfile of `build`.
load helpers

dockerfile() { cat >"$T/context/Dockerfile"; }

line='^[0-9.a-zµ]+\(system\) [0-9.a-zµ]+\(user\) [0-9.a-zµ]+\(elapsed\) [0-9.]+[KMGTP]?i?B input [0-9.]+[KMGTP]?i?B output$'

@test "rusage: a line for every step, with what commands used" {
  base busybox
  dockerfile <<'D'
FROM docker.io/library/busybox
ENV A=1
RUN i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done
D
  cost() {
    buildah build "$@" --log-rusage "$T/context"
    is "$(grep -cE "$line" <<<"$output")" 3
    # The loop takes much more than what we do ourselves.
    local user
    user=$(grep -E "$line" <<<"$output" | sed -n 's/.* \([0-9.]*\)\(m\?s\)(user).*/\1 \2/p' | awk '{print $2 == "s" ? $1 * 1000 : $1}' | xargs)
    read -r _ second third <<<"$user"
    [ "${third%.*}" -gt $((${second%.*} + 50)) ] || { echo "user times: $user"; return 1; }
  }
  each_isolation cost
  each_isolation cost --layers --no-cache
}

@test "rusage: a file of its own has nothing else" {
  base busybox
  dockerfile <<<'FROM docker.io/library/busybox
RUN echo from-run'
  echo old >usage
  buildah build --rusage-logfile usage "$T/context"
  ! grep -qE "$line" <<<"$output"
  is "$(grep -cE "$line" usage)" 2
  is "$(wc -l <usage)" 2
  buildah build --log-rusage --logfile log "$T/context"
  is "$output" ""
  is "$(grep -cE "$line" log)" 2
  buildah build -q --log-rusage "$T/context"
  is "$(wc -l <<<"$output")" 1
  rm usage
  buildah build -q --rusage-logfile usage "$T/context"
  [ ! -s usage ]
}

@test "rusage: a file that cannot be written is an error" {
  dockerfile <<<'FROM scratch'
  buildah 125 build --rusage-logfile "$T/nosuch/usage" "$T/context"
  says "--rusage-logfile"; says "no such file or directory"
  one_line_error
}
