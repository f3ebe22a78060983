#!/usr/bin/env bats
# How registries are reached: credentials, certificates, compression, keys.
load helpers


# locked_registry serves a registry with TLS and a password (user:secret).
locked_registry() {
  needs docker-registry; needs openssl; needs perl
  mkdir -p "$T/certs"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 \
    -addext subjectAltName=IP:127.0.0.1 -keyout "$T/key.pem" -out "$T/certs/ca.crt" 2>/dev/null
  perl -e 'print "user:", crypt("secret", "\$2y\$05\$abcdefghijklmnopqrstuu"), "\n"' >"$T/htpasswd"
  for REGISTRY_PORT in $(shuf -i 20000-32000 -n 20); do
    printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:%s", tls: {certificate: %s, key: %s}}\nauth: {htpasswd: {realm: r, path: %s}}\nlog: {level: error, accesslog: {disabled: true}}\n' \
      "$T/registry" "$REGISTRY_PORT" "$T/certs/ca.crt" "$T/key.pem" "$T/htpasswd" >"$T/registry.yml"
    docker-registry serve "$T/registry.yml" >"$T/registry.log" 2>&1 3>&- &
    REGISTRY_PID=$!
    for _ in $(seq 50); do
      curl -sk -o "$T/answer" "https://127.0.0.1:$REGISTRY_PORT/v2/" && break 2
      kill -0 "$REGISTRY_PID" 2>/dev/null || break
      sleep 0.1
    done
  done
  REGISTRY=127.0.0.1:$REGISTRY_PORT # not in registries.conf: it is secure
}

@test "registries: certificates and credentials, by flag, by file, by environment" {
  locked_registry
  base busybox
  buildah 125 push --retry 0 --creds user:secret docker.io/library/busybox "docker://$REGISTRY/one"
  says certificate
  buildah 125 push --retry 0 --cert-dir "$T/certs" docker.io/library/busybox "docker://$REGISTRY/one"
  buildah 125 push --retry 0 --cert-dir "$T/certs" --creds user:wrong docker.io/library/busybox "docker://$REGISTRY/one"
  one_line_error
  buildah push --quiet --cert-dir "$T/certs" --creds user:secret docker.io/library/busybox "docker://$REGISTRY/one"
  buildah push -q --tls-verify=false --creds user:secret docker.io/library/busybox "docker://$REGISTRY/two"
  printf '{"auths":{"%s":{"auth":"%s"}}}' "$REGISTRY" "$(printf user:secret | base64)" >"$T/auth.json"
  buildah pull --quiet --cert-dir "$T/certs" --authfile "$T/auth.json" "docker://$REGISTRY/one"; id=$output
  REGISTRY_AUTH_FILE=$T/auth.json buildah pull -q --tls-verify=false "docker://$REGISTRY/two"; is "$output" "$id"
  buildah 125 inspect --retry 0 --cert-dir "$T/certs" "docker://$REGISTRY/one"; one_line_error
  buildah inspect --cert-dir "$T/certs" --creds user:secret --format '{{.FromImageID}}' "docker://$REGISTRY/one"; is "$output" "$id"
  buildah inspect --cert-dir "$T/certs" --authfile <(cat "$T/auth.json") --tree "docker://$REGISTRY/one"; says BLOB
  # What can be read once is enough for several requests.
  printf 'FROM %s/one AS a\nFROM %s/two\nCOPY --from=a /etc/passwd /p\n' "$REGISTRY" "$REGISTRY" >"$T/context/Dockerfile"
  buildah build -q --pull-always --tls-verify=false --authfile <(cat "$T/auth.json") "$T/context"
  buildah 125 pull -q --tls-verify=false --authfile "$T/none.json" "docker://$REGISTRY/two"; says none.json
  buildah 125 pull -q --policy always --retry 0 --tls-verify --authfile "$T/auth.json" "docker://$REGISTRY/two"; says certificate
  buildah from --pull-always --cert-dir "$T/certs" --creds user:secret --quiet "docker://$REGISTRY/one"; ctr=$output
  buildah commit -q --cert-dir "$T/certs" --authfile "$T/auth.json" "$ctr" "docker://$REGISTRY/three"
  buildah copy -q --from "$REGISTRY/three" --tls-verify=false --authfile "$T/auth.json" "$ctr" /etc/passwd /copied
  buildah 125 pull --creds '' "docker://$REGISTRY/one"
  buildah 125 push --tls-verify --insecure docker.io/library/busybox "docker://$REGISTRY/one"
}

@test "registries: platforms" {
  start_registry
  base busybox
  buildah push -q docker.io/library/busybox "docker://$REGISTRY/p"
  buildah pull -q --platform linux/amd64 "docker://$REGISTRY/p"
  buildah pull -q --os linux --arch amd64 "docker://$REGISTRY/p"
  buildah pull -q --arch s390x --variant v1 "docker://$REGISTRY/p"
  says "s390x"
  buildah 125 pull --platform linux/amd64 --os linux "docker://$REGISTRY/p"
  kill "$REGISTRY_PID"
}

@test "push: compression" {
  base busybox
  layers_of() { jq -r '.layers[].mediaType' "$1/blobs/sha256/$(jq -r '.manifests[0].digest' "$1/index.json" | cut -d: -f2)" | sort -u; }
  buildah push -q docker.io/library/busybox "oci:$T/default"; is "$(layers_of "$T/default")" application/vnd.oci.image.layer.v1.tar+gzip
  buildah push -q -D docker.io/library/busybox "oci:$T/plain"; is "$(layers_of "$T/plain")" application/vnd.oci.image.layer.v1.tar
  buildah push -q --compression-format zstd --compression-level 19 docker.io/library/busybox "oci:$T/zstd"; is "$(layers_of "$T/zstd")" application/vnd.oci.image.layer.v1.tar+zstd
  buildah push -q --compression-format zstd --compression-level 1 docker.io/library/busybox "oci:$T/fast"
  [ "$(du -s "$T/fast" | cut -f1)" -gt "$(du -s "$T/zstd" | cut -f1)" ]
  buildah push -q --force-compression --compression-format gzip docker.io/library/busybox "oci:$T/gzip"; is "$(layers_of "$T/gzip")" application/vnd.oci.image.layer.v1.tar+gzip
  for wrong in nonsense bzip2 xz; do
    buildah 125 push -q --compression-format "$wrong" docker.io/library/busybox "oci:$T/none"
    one_line_error; says "$wrong"
  done
  [ ! -e "$T/none" ]
}

@test "push, pull: encryption" {
  needs openssl
  base busybox
  openssl genrsa -out "$T/private.pem" 2048 2>/dev/null
  openssl rsa -in "$T/private.pem" -pubout -out "$T/public.pem" 2>/dev/null
  buildah push -q --encryption-key "jwe:$T/public.pem" --encrypt-layer -1 docker.io/library/busybox "oci:$T/secret:tag"
  grep -rq 'tar+gzip+encrypted' "$T/secret/blobs"
  buildah images -q --no-trunc; id=${output#sha256:}
  buildah rmi --all --force
  buildah 125 pull -q --retry 0 "oci:$T/secret:tag"; one_line_error
  buildah pull -q --decryption-key "$T/private.pem" "oci:$T/secret:tag"; is "$output" "$id"
  buildah from --decryption-key "$T/private.pem" "oci:$T/secret:tag"
  buildah 125 push -q --encryption-key nonsense docker.io/library/busybox "oci:$T/none"
}

@test "push, pull: signatures" {
  start_registry
  base busybox
  buildah 125 push -q --sign-by nobody@example.com docker.io/library/busybox "docker://$REGISTRY/unsigned"
  one_line_error; says nobody@example.com
  buildah push -q --remove-signatures docker.io/library/busybox "dir:$T/plain"
  buildah pull -q --remove-signatures "dir:$T/plain"
  [ ! -e "$T/plain/signature-1" ]
}
