package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/projectatomic/buildah/internal/store"
)

// Where the machine lacks something we do without it, and say in one line what was
// chosen: about the store when it is made, about commands whenever one is run the
// lesser way. --quiet leaves these lines out.

// notice says what was chosen for want of something better.
func (p *program) notice(format string, args ...any) {
	if !p.quiet {
		logrus.Warnf(format, args...)
	}
}

// introduceStore tells where a new store is, when nobody has said where it should be.
func (p *program) introduceStore(st *store.Store) {
	if !st.New() || p.global.root != "" || p.storageConfigured() {
		return
	}
	p.notice("no storage.conf here: images and containers are kept in %q, with the driver %s", st.GraphRoot(), st.Driver())
}

// storageConfigured tells whether there is a storage.conf, or part of one.
func (p *program) storageConfigured() bool {
	if p.env("CONTAINERS_STORAGE_CONF") != "" || p.env("STORAGE_DRIVER") != "" {
		return true
	}
	dirs := []string{"/etc/containers", "/usr/share/containers"}
	if own := p.env("XDG_CONFIG_HOME"); own != "" {
		dirs = append(dirs, filepath.Join(own, "containers"))
	} else if home := p.env("HOME"); home != "" {
		dirs = append(dirs, filepath.Join(home, ".config/containers"))
	}
	return slices.ContainsFunc(dirs, func(dir string) bool {
		parts, _ := filepath.Glob(filepath.Join(dir, "storage*.conf.d", "*.conf"))
		_, err := os.Stat(filepath.Join(dir, "storage.conf"))
		return err == nil || len(parts) > 0
	})
}

// checkPlaces refuses variables of the environment that name places which cannot be
// used. What reads them later has worse words for it.
func (p *program) checkPlaces() error {
	dir := p.env("TMPDIR")
	if dir == "" {
		return nil
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%q is not a directory", dir)
	}
	if err != nil {
		return usageError{cause: fmt.Errorf("looking for the directory of TMPDIR: %w", err), hint: "make it, or unset TMPDIR: /var/tmp is used then"}
	}
	return nil
}

// placeHint tells whose directory it is that may not be entered.
func (p *program) placeHint(err error) string {
	home := p.env("HOME")
	switch {
	case !errors.Is(err, fs.ErrPermission):
		return ""
	case home != "" && strings.Contains(err.Error(), home+"/"):
		return fmt.Sprintf("HOME is %q, which this user may not use: set it to the user's own, as `su -` and `sudo -i` do", home)
	case errors.Is(err, store.ErrClosed):
		return "the store belongs to another user: leave --root out for your own, or use `sudo`"
	}
	return ""
}
