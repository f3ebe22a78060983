# Ways to hand the program out; docs/install.md describes them. Whatever is made twice
# from one commit is the same, byte for byte.

PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
MANDIR  ?= $(PREFIX)/share/man
COMPDIR ?= $(PREFIX)/share
DOCDIR  ?= $(PREFIX)/share/doc/buildah
BINARY  ?= bin/buildah
# Later ones need modules that not every proxy serves.
NFPM    := .cache/bin/nfpm
NFPMMOD := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0
# Where our own image begins, and its name; flags of the build such as --layers.
BASE    ?= docker.io/library/debian:12-slim
IMAGE   ?= localhost/buildah

.PHONY: install install-files uninstall deb tarball image dist

install: build docs install-files

install-files:
	install -D -m 0755 $(BINARY) $(DESTDIR)$(BINDIR)/buildah
	for page in bin/man/*; do install -D -m 0644 -t $(DESTDIR)$(MANDIR)/man$${page##*.} $$page || exit; done
	install -d $(DESTDIR)$(COMPDIR)/bash-completion/completions $(DESTDIR)$(COMPDIR)/zsh/site-functions $(DESTDIR)$(COMPDIR)/fish/vendor_completions.d
	$(BINARY) completion bash > $(DESTDIR)$(COMPDIR)/bash-completion/completions/buildah
	$(BINARY) completion zsh > $(DESTDIR)$(COMPDIR)/zsh/site-functions/_buildah
	$(BINARY) completion fish > $(DESTDIR)$(COMPDIR)/fish/vendor_completions.d/buildah.fish
	install -D -m 0644 -t $(DESTDIR)$(DOCDIR) LICENSE README.md

# Takes the variables that `make install` was given. Needs no Go.
uninstall:
	rm -f $(DESTDIR)$(BINDIR)/buildah
	for page in docs/*.[157].md; do page=$${page##*/}; page=$${page%.md}; rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page || exit; done
	rm -f $(DESTDIR)$(COMPDIR)/bash-completion/completions/buildah $(DESTDIR)$(COMPDIR)/zsh/site-functions/_buildah $(DESTDIR)$(COMPDIR)/fish/vendor_completions.d/buildah.fish
	rm -f $(DESTDIR)$(DOCDIR)/LICENSE $(DESTDIR)$(DOCDIR)/README.md
	test ! -d $(DESTDIR)$(DOCDIR) || rmdir --ignore-fail-on-non-empty $(DESTDIR)$(DOCDIR)

$(NFPM):
	@echo "deb: building nfpm (a minute, once)"
	GOFLAGS= GOBIN=$(CURDIR)/.cache/bin $(GO) install $(NFPMMOD)

deb: build docs $(NFPM)
	@$(SETUP) deb
	packaging/deb.sh $(BINARY) dist

tarball: static docs
	packaging/tarball.sh bin/buildah.static dist

# Built by the program that it holds.
image: static
	packaging/image.sh bin/buildah.static $(BASE) $(IMAGE)

dist: deb tarball
	cd dist && sha256sum *.deb *.tar.gz > SHA256SUMS
	@cat dist/SHA256SUMS
