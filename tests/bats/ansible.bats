#!/usr/bin/env bats
# The connection plugin of Debian's ansible, as it is, with examples/ansible; for the user useradd makes one.
load helpers
load examples
load user

setup_file() {
  make_user
  python_base "$RHOME/home/python"
  chown -R "$RUSER:" "$RHOME/home/python"
}

teardown_file() { remove_user; }

# python_base DIR writes an image of busybox and this machine's Python as an OCI layout.
python_base() {
  local ctr root python
  command -v ansible-playbook >/dev/null || skip "ansible is not installed"
  python=$(basename "$(readlink -f /usr/bin/python3)")
  store() { CONTAINERS_POLICY_JSON=$RHOME/home/policy.json "$BUILDAH_BINARY" --root "$RHOME/root" --runroot "$RHOME/run" "$@"; }
  ctr=$(store from "oci:$BATS_SUITE_TMPDIR/busybox")
  root=$(store mount "$ctr")
  tree_with_libraries "$root" "/usr/bin/$python" "/usr/lib/$python"/lib-dynload/_{hashlib,lzma,bz2,ctypes,ssl}.*.so
  ln -s "$python" "$root/usr/bin/python3"
  tar c -C / --exclude={test,__pycache__,idlelib,lib2to3,ensurepip,pydoc_data,distutils} --exclude='config-*' "usr/lib/$python" | tar x -C "$root"
  store umount "$ctr" >/dev/null
  store commit -q -D --rm "$ctr" "oci:$1:3" >/dev/null
  umount -l "$RHOME/root/overlay" 2>/dev/null || true
  rm -rf "$RHOME/root" "$RHOME/run"
}

# play ARGUMENTS... runs ansible-playbook in a copy of the example; what it says is in $output.
play() {
  local want=0 status=0
  if [[ $1 =~ ^[0-9]+$ ]]; then want=$1; shift; fi
  [ -d "$T/ansible" ] || cp -r "$EXAMPLES/ansible" "$T/ansible"
  [ -x "$T/bin/buildah" ] || plain_buildah
  output=$(cd "$T/ansible" && HOME=$T ANSIBLE_LOCAL_TEMP=$T/local PATH=$T/bin:$PATH ansible-playbook "$@" 2>&1 </dev/null) || status=$?
  errors=
  [ "$status" -eq "$want" ] || { printf 'ansible-playbook %s\nstatus %s, wanted %s\n%s\n' "$*" "$status" "$want" "$output"; return 1; }
}

@test "ansible: the plugin is the one of the package" {
  local plugin=usr/lib/python3/dist-packages/ansible_collections/containers/podman/plugins/connection/buildah.py
  is "$(md5sum </$plugin | cut -d' ' -f1)" "$(sed -n "s|  $plugin\$||p" /var/lib/dpkg/info/ansible.md5sums)"
}

@test "ansible: a playbook makes images at the same time" {
  buildah pull -q "oci:$RHOME/home/python:3"; buildah tag "$output" docker.io/library/python:3-slim-bookworm
  play playbook.yml
  grep -q "^web-de .*ok=9 .*failed=0" <<<"$output"; says_not "WARNING"
  store_is_clean
  in_image localhost/web-en cat /srv/www/index.html; says "<h1>Good morning</h1>"
  in_image localhost/web-de sh -c 'cat /srv/www/index.html /etc/web.conf; stat -c %a:%u /etc/web.conf; pwd; ls -A /root; find / -xdev -name __pycache__'
  says $'<h1>Guten Morgen</h1>\nlisten = 8080\nroot = /srv/www\n640:0\n/srv/www'; says_not __pycache__; says_not .ansible
  is "$(inspected localhost/web-de '.OCIv1.config | [.Cmd[1], .Labels.greeting, (.ExposedPorts | keys[0])] | @csv')" \
    '"-m","Guten Morgen","8080"'
}

@test "ansible: another user, files fetched, and tasks that fail" {
  [ -n "${SOAK:-}" ] || skip "it takes long: make soak"
  buildah pull -q "oci:$RHOME/home/python:3"; buildah tag "$output" docker.io/library/python:3-slim-bookworm
  buildah from --name box docker.io/library/python:3-slim-bookworm
  cat >play.yml <<'YAML'
- hosts: box
  gather_facts: false
  vars: {ansible_connection: containers.podman.buildah, ansible_remote_tmp: /tmp, ansible_user: guest}
  tasks:
    - {name: who, command: id -un, register: who}
    - {name: put, copy: {content: "{{ who.stdout }}\n", dest: /tmp/who}}
    - {name: get, fetch: {src: /tmp/who, dest: fetched, flat: true}}
    - {name: odd words, raw: printf '%s|' 'a  b' "$HOME" '--user' "don't", register: odd}
    - {name: told, debug: {msg: "words {{ odd.stdout }}"}}
    - {name: input, command: {cmd: cat, stdin: through standard input}, register: input}
    - {name: told, debug: {msg: "said {{ input.stdout }}"}}
    - {name: fails, command: sh -c 'echo for a reason >&2; exit 7'}
YAML
  play 2 -i box, "$T/play.yml"
  says "words a  b|"; says "|--user|don't|"; says "said through standard input"
  says '"rc": 7'; says "for a reason"
  is "$(cat fetched)" guest
  # What fails in the example leaves no container.
  buildah rm box
  play 2 playbook.yml --limit web-de -e 'greeting={{missing}}'
  says "'missing' is undefined"
  store_is_clean
  # A base that is not there is said as buildah says it.
  play 2 playbook.yml --limit web-de -e "base=oci:$T/none"; says "Error: "; says "$T/none"
}

@test "ansible: as an ordinary user, below buildah unshare" {
  [ -n "${SOAK:-}" ] || skip "it takes long: make soak"
  cp -r "$EXAMPLES/ansible" "$RHOME/home/ansible"; chown -R "$RUSER:" "$RHOME/home/ansible"
  mine "ulimit -u 1000; export BUILDAH_ISOLATION=chroot
    buildah pull -q oci:\$HOME/python:3 >id; buildah tag \$(cat id) docker.io/library/python:3-slim-bookworm
    mkdir bin; printf '#!/bin/sh\nexec %s --root %s --runroot %s --storage-driver overlay \"\$@\"\n' $RHOME/buildah \$PWD/root \$PWD/run >bin/buildah; chmod 755 bin/buildah
    at=\$PWD; cd ~/ansible
    PATH=\$at/bin:\$PATH buildah unshare -- ansible-playbook playbook.yml --limit web-en
    buildah containers -q
    ctr=\$(buildah from localhost/web-en); buildah run \$ctr -- sh -c 'stat -c %u:%g /srv/www/index.html; cat /etc/web.conf'"
  says "ok=9"; says $'0:0\nlisten = 8080'
}
