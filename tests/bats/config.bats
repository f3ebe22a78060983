#!/usr/bin/env bats
load helpers

# shows TEMPLATE EXPECTED
shows() {
  buildah inspect --format "$1" "$ctr"
  is "$output" "$2"
}

@test "config: what it sets is in both formats and in the image" {
  from_base
  buildah config --author "A B" --user nobody:users --workingdir /srv --port 80 --port 443/tcp --volume /data \
    --env A=1 --env "B=two words" --label l=v,with,commas --annotation a=b --stop-signal SIGUSR1 \
    --cmd 'run --now "quoted word"' --entrypoint '["/bin/entry","x"]' --arch arm64 --os linux --variant v8 "$ctr"
  shows '{{.OCIv1.Author}}' "A B"
  shows '{{.OCIv1.Config.User}} {{.Docker.Config.User}}' "nobody:users nobody:users"
  shows '{{json .OCIv1.Config.Cmd}}' '["run","--now","quoted word"]'
  shows '{{json .Docker.Config.Entrypoint}}' '["/bin/entry","x"]'
  shows '{{json .OCIv1.Config.ExposedPorts}}' '{"443/tcp":{},"80":{}}'
  shows '{{index .OCIv1.Config.Labels "l"}}' v,with,commas
  shows '{{.OCIv1.Architecture}} {{.OCIv1.Variant}}' "arm64 v8"
  buildah commit -q "$ctr" localhost/configured
  buildah inspect --type image --format '{{.OCIv1.Config.WorkingDir}} {{.OCIv1.Config.StopSignal}} {{index .ImageAnnotations "a"}}' localhost/configured
  is "$output" "/srv SIGUSR1 b"
}

@test "config: entry point and command do not touch each other" {
  from_base
  buildah config --cmd keep "$ctr"
  buildah config --entrypoint /start "$ctr"
  shows '{{json .OCIv1.Config.Entrypoint}} {{json .OCIv1.Config.Cmd}}' '["/bin/sh","-c","/start"] ["keep"]'
  buildah config --entrypoint "" "$ctr"
  shows '{{json .OCIv1.Config.Cmd}}' '["keep"]'
  buildah config --cmd "" "$ctr"
  shows '{{json .Docker.Config.Cmd}}' null
}

@test "config: environment expands from the container's own" {
  from_base
  PATH_BEFORE=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  # shellcheck disable=SC2016 # the container expands it
  buildah config --env 'PATH=$PATH:/more' --env A=1 --env 'B=${A}2' "$ctr"
  shows '{{json .OCIv1.Config.Env}}' "[\"PATH=$PATH_BEFORE:/more\",\"A=1\",\"B=12\"]"
  buildah config --env A- "$ctr"
  says_not A=1
  FROM_CALLER=yes buildah config --env FROM_CALLER "$ctr"
  buildah inspect --format '{{.OCIv1.Config.Env}}' "$ctr"
  says FROM_CALLER=yes
  buildah 125 config --env SURELY_NOT_SET "$ctr"
  one_line_error
  buildah config --env - "$ctr"
  shows '{{len .OCIv1.Config.Env}}' 0
}

@test "config: a dash clears, a trailing dash removes" {
  buildah from scratch; ctr=$output
  buildah config --port 80 --port 81 --label a=1 --label b=2 --volume /v --annotation x=y "$ctr"
  buildah config --port 80- --label a- "$ctr"
  shows '{{json .OCIv1.Config.ExposedPorts}} {{json .OCIv1.Config.Labels}}' '{"81":{}} {"b":"2"}'
  buildah config --port - --annotation - --env - --volume - --label - "$ctr"
  shows '{{len .OCIv1.Config.ExposedPorts}}{{len .OCIv1.Config.Labels}}{{len .OCIv1.Config.Volumes}}{{len .ImageAnnotations}}' 0000
}

@test "config: docker-only settings warn under OCI and live in a docker image" {
  from_base
  buildah config --healthcheck 'CMD curl -f http://localhost/' --healthcheck-interval 5s --shell '/bin/bash -c' \
    --onbuild 'RUN true' --hostname box --domainname example.test --comment remark "$ctr"
  says HEALTHCHECK
  shows '{{json .Docker.Config.Healthcheck.Test}}' '["CMD","curl","-f","http://localhost/"]'
  buildah commit -q --format docker "$ctr" "dir:$T/dir"
  config=$T/dir/$(jq -r .config.digest "$T/dir/manifest.json" | cut -d: -f2)
  is "$(jq -c '[.config.Healthcheck.Interval, .config.Shell, .config.OnBuild, .config.Hostname, .comment]' "$config")" \
    '[5000000000,["/bin/bash","-c"],["RUN true"],"box","remark"]'
  buildah commit -q "$ctr" "oci:$T/layout:x"
  ! grep -rq Healthcheck "$T/layout/blobs"
}

@test "config: history when it is asked for" {
  from_base
  buildah config --add-history --user bin --env A=b --workingdir /w "$ctr"
  buildah commit -q "$ctr" localhost/h
  buildah inspect --type image --format '{{range .OCIv1.History}}{{.CreatedBy}}|{{end}}' localhost/h
  says "/bin/sh -c #(nop) USER bin|/bin/sh -c #(nop) ENV A=b|/bin/sh -c #(nop) WORKDIR /w|"
}

@test "config: nothing is saved when a part is wrong" {
  from_base
  before=$(cat "$T"/root/overlay-containers/*/userdata/buildah.json)
  buildah 125 config --env A=1 --cmd 'unbalanced "quote' "$ctr"
  one_line_error
  is "$(cat "$T"/root/overlay-containers/*/userdata/buildah.json)" "$before"
  buildah 125 config
  buildah 125 config --healthcheck-interval never "$ctr"
  one_line_error
}

@test "config: an array that is none is told" {
  buildah from scratch; ctr=$output
  buildah config --entrypoint '["/x",]' "$ctr"
  says 'entrypoint \"[\\\"/x\\\",]\" is no JSON array of strings, so it is run by /bin/sh -c'
  buildah config --cmd '[/x]' "$ctr"
  says 'cmd \"[/x]\" is no JSON array of strings, so it is split into words'
  buildah config --entrypoint '[ -e /x ] && exec /x' --cmd '["a"]' "$ctr"
  says_not "JSON"
}
