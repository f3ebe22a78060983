#!/usr/bin/env bats
# The flags of `config` that config.bats leaves out.
load helpers

# shown TEMPLATE
shown() { buildah inspect --format "$1" "$ctr"; }

@test "config: what the image is for" {
  from_base
  buildah config --arch arm --variant v7 --os linux --os-version 1.2 --os-feature one --os-feature two --author me "$ctr"
  shown '{{.OCIv1.Architecture}} {{.OCIv1.Variant}} {{.OCIv1.OS}} {{.OCIv1.OSVersion}} {{.OCIv1.OSFeatures}} {{.Docker.Author}}'
  is "$output" "arm v7 linux 1.2 [one two] me"
  buildah config --os-feature one- "$ctr"; shown '{{.OCIv1.OSFeatures}}'; is "$output" "[two]"
  buildah config --os-feature - "$ctr"; shown '{{.OCIv1.OSFeatures}}'; is "$output" "[]"
}

@test "config: settings of the docker format, with a warning for OCI" {
  from_base
  for flag in --comment --domainname --hostname --onbuild --shell; do
    buildah config "$flag" 'RUN it' "$ctr"
    says "is not supported for OCI image format"
  done
  buildah commit -q "$ctr" "dir:$T/oci"; buildah commit -q -f docker "$ctr" "dir:$T/docker"
  config() { jq -c "$2" "$T/$1/$(jq -r .config.digest "$T/$1/manifest.json" | cut -d: -f2)"; }
  is "$(config docker '[.comment, .config.Hostname, .config.Domainname, .config.OnBuild, .config.Shell]')" '["RUN it","RUN it","RUN it",["RUN it"],["RUN","it"]]'
  is "$(config oci '[.comment, .config.Hostname, .config.Domainname, .config.OnBuild, .config.Shell]')" '[null,null,null,null,null]'
}

@test "config: health checks" {
  from_base -f docker
  buildah config --healthcheck 'CMD curl "a b"' --healthcheck-interval 5s --healthcheck-timeout 6s --healthcheck-start-period 7s --healthcheck-start-interval 8s --healthcheck-retries 9 "$ctr"
  shown '{{json .Docker.Config.Healthcheck}}'
  is "$(jq -c . <<<"$output")" '{"Test":["CMD","curl","a b"],"Interval":5000000000,"Timeout":6000000000,"StartPeriod":7000000000,"StartInterval":8000000000,"Retries":9}'
  buildah commit -q -f docker "$ctr" localhost/healthy
  buildah from --name heir -f docker localhost/healthy
  buildah inspect --format '{{.Docker.Config.Healthcheck.Retries}}' heir; is "$output" 9
  buildah config --healthcheck '' "$ctr"; shown '{{json .Docker.Config.Healthcheck}}'; is "$output" null
  buildah config --healthcheck-timeout 9s "$ctr"; shown '{{.Docker.Config.Healthcheck.Test}} {{.Docker.Config.Healthcheck.Retries}}'; is "$output" "[NONE] 3"
  for wrong in --healthcheck-interval=5 --healthcheck-timeout=x --healthcheck-start-period=x --healthcheck-start-interval=x --healthcheck-retries=x; do
    buildah 125 config "$wrong" "$ctr"
    one_line_error
  done
}

@test "config: the history that a commit writes" {
  from_base
  buildah config --created-by 'by hand' --history-comment 'with care' "$ctr"
  buildah commit -q "$ctr" localhost/h
  buildah inspect --type image --format '{{with index .OCIv1.History 1}}{{.CreatedBy}}|{{.Comment}}{{end}}' localhost/h
  is "$output" "by hand|with care FROM docker.io/library/busybox:latest"
}

@test "config: what is removed" {
  from_base
  buildah config --stop-signal SIGUSR1 --label a=1 --label b=2,3 --label c --annotation x=1 --annotation y=2 "$ctr"
  shown '{{.OCIv1.Config.StopSignal}} {{.OCIv1.Config.Labels}}'; is "$output" "SIGUSR1 map[a:1 b:2,3 c:]"
  buildah config --unsetlabel a,none --label c- --unsetannotation x "$ctr"
  shown '{{.OCIv1.Config.Labels}} {{.ImageAnnotations}}'; says "map[b:2,3]"; says y:2; says_not x:1
  buildah config --port - --annotation - --env - --volume - --label - "$ctr"
  shown '{{len .OCIv1.Config.Labels}}{{len .OCIv1.Config.Env}}{{len .OCIv1.Config.ExposedPorts}}{{len .OCIv1.Config.Volumes}}{{len .ImageAnnotations}}'
  is "$output" 00000
}

@test "config: one wrong setting changes nothing" {
  from_base
  buildah 125 config --label new=1 --env NO_SUCH_VARIABLE_HERE "$ctr"
  buildah 125 config --label new=1 --cmd 'un"balanced' "$ctr"
  shown '{{.OCIv1.Config.Labels}}'; says_not new
  buildah 125 config "$ctr" other
  buildah 125 config
}
