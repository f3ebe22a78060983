#!/usr/bin/env bats
# Devices by name: --device VENDOR/CLASS=NAME and --cdi-config-dir.
load helpers

dockerfile() { cat >"$T/context/Dockerfile"; }

setup_devices() {
  mkdir "$T/cdi" "$T/shared"
  echo from-host >"$T/shared/file"
  cat >"$T/cdi/devices.yaml" <<D
cdiVersion: 0.6.0
kind: example.com/test
devices:
- name: zero
  containerEdits:
    deviceNodes: [{path: /dev/named-zero, hostPath: /dev/zero, permissions: r}]
    env: [ZERO=/dev/named-zero]
- name: all
  containerEdits:
    deviceNodes: [{path: /dev/named-zero, hostPath: /dev/zero}, {path: /dev/named-null, hostPath: /dev/null}]
containerEdits:
  env: [EVERY=device]
  mounts: [{hostPath: $T/shared, containerPath: /opt/shared, options: [ro, bind]}]
D
}

@test "cdi: a device by name, for run" {
  from_base; setup_devices
  uses() {
    buildah run --cdi-config-dir "$T/cdi" --device example.com/test=all --device /dev/full:/dev/plain:r "$ctr" \
      sh -c 'head -c 3 /dev/named-zero | od -An -tx1; echo x >/dev/named-null; ls /dev/plain; echo "$EVERY"; cat /opt/shared/file; echo x >/opt/shared/file || echo refused'
    is "$(xargs <<<"$output")" "00 00 00 /dev/plain device from-host refused"
  }
  each_isolation uses
  buildah run "$ctr" sh -c 'ls /dev/named-* /opt/shared 2>/dev/null || echo gone'
  is "$output" gone
}

@test "cdi: a container made with devices keeps them" {
  base busybox; setup_devices
  uses() {
    buildah from --cdi-config-dir "$T/cdi" --device example.com/test=zero docker.io/library/busybox
    buildah run "$output" sh -c 'head -c 2 $ZERO | od -An -tx1'
    is "$(xargs <<<"$output")" "00 00"
  }
  each_isolation uses
}

@test "cdi: build" {
  base busybox; setup_devices
  dockerfile <<<'FROM docker.io/library/busybox
ENV ZERO=of-the-image
RUN head -c 2 /dev/named-zero | od -An -tx1; echo "zero is $ZERO"; test -c /dev/plain'
  uses() {
    buildah build --cdi-config-dir "$T/cdi" --device example.com/test=zero --device /dev/null:/dev/plain -t made "$T/context"
    says " 00 00"; says "zero is /dev/named-zero"
  }
  each_isolation uses
  # Nothing of it is in the image.
  buildah from made; buildah run "$output" sh -c 'ls -d /opt/shared /dev/named-zero 2>/dev/null || echo gone; echo $ZERO'
  is "$(xargs <<<"$output")" "gone of-the-image"
}

@test "cdi: directories of containers.conf, and which one counts" {
  from_base; setup_devices
  mkdir "$T/conf-cdi"
  echo '{"cdiVersion":"0.6.0","kind":"example.com/test","devices":[{"name":"zero","containerEdits":{"env":["WHERE=conf"]}}]}' >"$T/conf-cdi/a.json"
  printf '[engine]\ncdi_spec_dirs = ["%s"]\n' "$T/conf-cdi" >"$T/containers.conf"
  export CONTAINERS_CONF_OVERRIDE=$T/containers.conf
  buildah run --device example.com/test=zero "$ctr" sh -c 'echo "$WHERE$ZERO"'; is "$output" conf
  buildah run --device example.com/test=zero --cdi-config-dir "$T/cdi" "$ctr" sh -c 'echo "$WHERE$ZERO"'; is "$output" /dev/named-zero
}

@test "cdi: what cannot be used is told" {
  from_base; setup_devices
  echo '{"cdiVersion":"0.6.0","kind":"example.com/broken"' >"$T/cdi/broken.json"
  buildah run --cdi-config-dir "$T/cdi" --device example.com/test=zero "$ctr" true
  says "broken.json"
  buildah 125 run --cdi-config-dir "$T/cdi" --device example.com/test=nosuch "$ctr" true
  says "unresolvable CDI devices example.com/test=nosuch"
  one_line_error
  buildah 125 run --device example.com/test "$ctr" true
  says "VENDOR/CLASS=NAME"
  buildah 125 build --device example.com/test=nosuch - <<<'FROM docker.io/library/busybox
RUN true'
  says "unresolvable CDI devices"
}
