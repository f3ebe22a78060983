# A Debian of a dozen small packages, for programs that install packages.

# package NAME DIR [FIELD...] puts a directory into the mirror as a package.
package() {
  local name=$1 dir=$2; shift 2
  mkdir -p "$dir/DEBIAN"
  printf '%s\n' "Package: $name" "Version: 1" "Architecture: $(dpkg --print-architecture)" \
    "Maintainer: tests" "Description: stand-in" "Section: base" "$@" >"$dir/DEBIAN/control"
  dpkg-deb -Znone --root-owner-group -b "$dir" "$MIRROR_DIR/pool/$name.deb" >/dev/null
}

# make_mirror DIR makes the suite bookworm, with the packages that debootstrap asks for and
# nginx-light. Its programs are busybox and the dpkg of this machine.
make_mirror() {
  MIRROR_DIR=$1
  local work=$1/work name arch
  arch=$(dpkg --print-architecture)
  mkdir -p "$MIRROR_DIR/pool" "$work/base-files"/{bin,sbin,lib,lib64,usr/bin,usr/sbin,usr/lib,usr/lib64,etc,root,tmp,var/log,var/lib/apt/lists,var/cache/apt/archives,dev,proc,sys,run,srv}
  /bin/busybox --install -s "$work/base-files/usr/bin"
  (cd "$work/base-files/usr/bin" && rm -f awk busybox dpkg dpkg-deb tar && cp /bin/busybox . && mv start-stop-daemon ../sbin/)
  printf '#!/bin/sh\n' >"$work/base-files/usr/sbin/ldconfig"
  chmod 755 "$work/base-files/usr/sbin/ldconfig"
  mkdir -p "$work/libc6" "$work/dpkg" "$work/dpkg/etc/dpkg/dpkg.cfg.d" "$work/base-passwd/etc" "$work/nginx-light/usr/sbin" \
    "$work/nginx-light/etc/nginx/sites-available" "$work/nginx-light/var/log/nginx" "$work/nginx-light/var/www/html"
  tree_with_libraries "$work/libc6" /usr/bin/{dpkg,dpkg-deb,dpkg-split,dpkg-query,dpkg-trigger,tar}
  rm -rf "$work/libc6/usr/bin"
  # The root is merged with /usr before it is filled.
  (cd "$work/libc6" && mkdir -p usr && for name in lib lib64; do [ ! -d $name ] || { cp -a $name usr/ && rm -r $name; }; done)
  mkdir -p "$work/dpkg/usr/bin"
  cp /usr/bin/{dpkg,dpkg-deb,dpkg-split,dpkg-query,dpkg-trigger,tar} "$work/dpkg/usr/bin/"
  echo force-unsafe-io >"$work/dpkg/etc/dpkg/dpkg.cfg.d/fast"
  printf 'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www:/var/www:/bin/false\n' >"$work/base-passwd/etc/passwd"
  printf 'root:x:0:\nwww-data:x:33:\n' >"$work/base-passwd/etc/group"
  printf '#!/bin/sh\necho "nginx $*"\n' >"$work/nginx-light/usr/sbin/nginx"
  chmod 755 "$work/nginx-light/usr/sbin/nginx"
  printf 'server {\n  listen 80 default_server;\n  listen [::]:80 default_server;\n}\n' >"$work/nginx-light/etc/nginx/sites-available/default"
  for name in base-files base-passwd dpkg libc6 perl-base mawk usr-is-merged; do
    package "$name" "$work/$name" "Priority: required" "Essential: yes"
  done
  for name in apt nginx-light; do package "$name" "$work/$name" "Priority: optional"; done
  rm -rf "$work"
  mkdir -p "$MIRROR_DIR/dists/bookworm/main/binary-$arch"
  (
    cd "$MIRROR_DIR" || exit
    for name in pool/*.deb; do
      dpkg-deb -f "$name"
      printf 'Filename: %s\nSize: %s\nSHA256: %s\n\n' "$name" "$(stat -c %s "$name")" "$(sha256sum <"$name" | cut -d' ' -f1)"
    done >"dists/bookworm/main/binary-$arch/Packages"
    cd dists/bookworm || exit
    printf 'Origin: Debian\nSuite: bookworm\nCodename: bookworm\nComponents: main\nArchitectures: %s\nSHA256:\n %s %s %s\n' "$arch" \
      "$(sha256sum <"main/binary-$arch/Packages" | cut -d' ' -f1)" "$(stat -c %s "main/binary-$arch/Packages")" "main/binary-$arch/Packages" >Release
  )
}
