# Registries with TLS and a password, and configuration files, for the files about registries.

# serve_locked DIR serves a registry with TLS and a password (user:secret) until the pid in
# DIR/pid is killed; its address is in DIR/host, its certificate in DIR/certs.
serve_locked() {
  local dir=$1 port
  command -v docker-registry >/dev/null || return 0
  mkdir -p "$dir/certs"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 \
    -addext subjectAltName=IP:127.0.0.1 -keyout "$dir/key.pem" -out "$dir/certs/ca.crt" 2>/dev/null
  perl -e 'print "user:", crypt("secret", "\$2y\$05\$abcdefghijklmnopqrstuu"), "\n"' >"$dir/htpasswd"
  for port in $(shuf -i 20000-32000 -n 20); do
    printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:%s", tls: {certificate: %s, key: %s}}\nauth: {htpasswd: {realm: r, path: %s}}\nlog: {level: error, accesslog: {disabled: true}}\n' \
      "$dir/registry" "$port" "$dir/certs/ca.crt" "$dir/key.pem" "$dir/htpasswd" >"$dir/registry.yml"
    docker-registry serve "$dir/registry.yml" >"$dir/registry.log" 2>&1 3>&- &
    echo $! >"$dir/pid"
    echo "127.0.0.1:$port" >"$dir/host"
    for _ in $(seq 50); do
      curl -sk -o "$dir/answer" "https://127.0.0.1:$port/v2/" && return 0
      kill -0 "$(cat "$dir/pid")" 2>/dev/null || break
      sleep 0.1
    done
  done
  return 1
}
