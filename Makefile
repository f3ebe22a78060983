# `make` builds bin/buildah; `make demo` shows it at work; `make check` runs every test.
# Each target installs what it needs and says so.

GO        ?= go
TAGS      := exclude_graphdriver_btrfs,urfave_cli_no_docs
LDFLAGS   := -s -w
STATIC    := $(TAGS),containers_image_openpgp,netgo,osusergo
LINT      := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
LINTBIN    = $(shell $(GO) env GOPATH)/bin/golangci-lint
RUNC      := github.com/opencontainers/runc@v1.5.2
SETUP     := tests/setup.sh

# One set of flags for building and testing, so that both use one build cache.
export GO
export GOFLAGS := -tags=$(TAGS) -trimpath

# Who runs `make` in the clone of somebody else trusts it; git, which tells the commit, would refuse.
ifndef GIT_CONFIG_COUNT
export GIT_CONFIG_COUNT := 1
export GIT_CONFIG_KEY_0 := safe.directory
export GIT_CONFIG_VALUE_0 := $(CURDIR)
endif

.PHONY: all build demo check lint test bats soak corpus bench coverage docs docs-terminal static clean

all: build

include packaging/packaging.mk

build:
	@$(SETUP) build
	$(GO) build -ldflags '$(LDFLAGS)' -o bin/buildah ./cmd/buildah

# A binary without any shared library. It lacks GPG signing through gpgme.
static:
	@$(SETUP) build
	CGO_ENABLED=1 GOFLAGS= $(GO) build -trimpath -tags '$(STATIC)' -ldflags '$(LDFLAGS) -linkmode external -extldflags -static' -o bin/buildah.static ./cmd/buildah

demo: build
	@$(SETUP) demo
	@tests/demo.sh

check: build
	@$(SETUP) test
	$(MAKE) --no-print-directory lint
	$(MAKE) --no-print-directory test
	$(MAKE) --no-print-directory bats

# Without -trimpath: what cgo made for another clone would name files that may be gone.
lint:
	@$(SETUP) build
	@test -x $(LINTBIN) || { echo "lint: building golangci-lint (some minutes, once)"; GOFLAGS= $(GO) install $(LINT); }
	GOFLAGS=-tags=$(TAGS) GOLANGCI_LINT_CACHE=$(CURDIR)/.cache/golangci-lint $(LINTBIN) run
	cd tests/kubernetes && GOFLAGS= GOLANGCI_LINT_CACHE=$(CURDIR)/.cache/golangci-lint $(LINTBIN) run --config ../../.golangci.yml
	COVERAGE=check $(GO) test -count=1 -run 'TestManual|TestHelp|TestCoverage' ./cmd/buildah
	shellcheck -x -S warning tests/*.sh tests/docs/*.sh tests/corpus/*.sh tests/corpus/toolchains/* tests/bats/*.bash examples/bash/*.sh examples/openshift/build.sh packaging/*.sh tests/fresh/run .ci/run

# Below tests/ it is the program that works, so the race detector would only be slow.
test: build
	$(GO) test -race -timeout 20m $$($(GO) list ./... | grep -v /tests/)
	BUILDAH_BINARY=$(CURDIR)/bin/buildah $(GO) test -timeout 20m ./tests/...
	cd tests/kubernetes && GOFLAGS=-trimpath $(GO) test -timeout 20m ./...

bats: build
	@$(SETUP) test
	@tests/bats.sh $(BATS)

# Everything that can be repeated for hours: kills, races, random builds. And the
# suite of runners with a newer runc than Debian has, and with crun.
soak: build
	@$(SETUP) soak
	@test -x .cache/bin/runc || { echo "soak: building $(RUNC)"; GOFLAGS= GOBIN=$(CURDIR)/.cache/bin $(GO) install -tags seccomp $(RUNC); }
	BUILDAH_TEST_RUNTIMES="$(CURDIR)/.cache/bin/runc crun" $(GO) test -count=1 -run TestSuiteOthers ./internal/runner/oci
	SOAK=1 BUILDAH_BINARY=$(CURDIR)/bin/buildah $(GO) test -count=1 -timeout 12h $$(grep -rl '"SOAK"' --include='*_test.go' . | xargs -n 1 dirname | sort -u)
	$(MAKE) --no-print-directory dist
	tests/fresh/run
	@files=$$(grep -l SOAK tests/bats/*.bats); test -z "$$files" || SOAK=1 tests/bats.sh $$files

corpus: build
	@$(SETUP) test
	@tests/corpus/run $(CORPUS)

bench: build
	@$(SETUP) bench
	@tests/bench/bench.py $(BENCH)
	$(GO) test -run '^$$' -bench 'Freeze|SmallFiles|LargeFile' ./internal/layers ./copier

# What a build looks like on a terminal: docs/terminal.md.
docs-terminal: build
	BUILDAH_BINARY=$(CURDIR)/bin/buildah $(GO) test -count=1 -run TestPages/terminal ./tests/docs -update

# Which test uses which flag: docs/coverage.md.
coverage:
	@$(SETUP) build
	COVERAGE=write $(GO) test -count=1 -run TestCoverage ./cmd/buildah

docs:
	@$(SETUP) build
	rm -rf bin/man
	$(GO) run ./internal/tools/man docs bin/man

clean:
	rm -rf bin dist
