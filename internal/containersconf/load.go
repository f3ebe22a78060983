package containersconf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/BurntSushi/toml"
)

// Lookup looks up a variable of the environment.
type Lookup = func(name string) (string, bool)

const (
	fileName = "containers.conf"
	suffix   = ".conf"
	// sizeLimit bounds each file; the commented ones of distributions have some 40 KiB.
	sizeLimit = 4 << 20
)

// places are the directories with configuration; tests have their own.
type places struct {
	etc, share string
	systemd    string // exists where systemd was booted
}

// Load reads the files that hold for the user uid, who is the one that called us,
// outside any user namespace. Without any file it gives our defaults. An unknown
// key is ignored; a syntax error, a bad value and a missing file that a variable
// names are errors.
func Load(env func(string) (string, bool), uid int) (Config, error) {
	return load(env, uid, places{etc: "/etc/containers", share: "/usr/share/containers", systemd: "/run/systemd/system"})
}

func load(env Lookup, uid int, at places) (Config, error) {
	_, err := os.Stat(at.systemd)
	c := defaults(err == nil)
	files, err := at.files(env, uid)
	if err != nil {
		return Config{}, err
	}
	for _, file := range files {
		if err := c.read(file); err != nil {
			return Config{}, err
		}
	}
	c.Files = files
	if dir := value(env, "CONTAINERS_HELPER_BINARY_DIR"); dir != "" {
		c.HelperBinariesDir = append(List{dir}, c.HelperBinariesDir...)
	}
	if err := c.check(); err != nil {
		return Config{}, fmt.Errorf("checking containers.conf (%s): %w", strings.Join(files, ", "), err)
	}
	return c, nil
}

func value(env Lookup, name string) string {
	v, _ := env(name)
	return v
}

// files lists what is to be read, in order (spec config-files.md, section 3).
func (at places) files(env Lookup, uid int) ([]string, error) {
	var files []string
	if file := value(env, "CONTAINERS_CONF"); file != "" {
		files = []string{file}
	} else {
		user := userDir(env)
		main, err := at.mainFile(user)
		if err != nil {
			return nil, err
		}
		dropIns, err := at.dropIns(user, uid)
		if err != nil {
			return nil, err
		}
		files = append(main, dropIns...)
	}
	if file := value(env, "CONTAINERS_CONF_OVERRIDE"); file != "" {
		files = append(files, file)
	}
	return files, nil
}

// userDir is the user's own directory, "" when there is none.
func userDir(env Lookup) string {
	if dir := value(env, "XDG_CONFIG_HOME"); dir != "" {
		return filepath.Join(dir, "containers")
	}
	if home := value(env, "HOME"); home != "" {
		return filepath.Join(home, ".config", "containers")
	}
	return ""
}

// mainFile gives the first main file that exists: they are alternatives.
func (at places) mainFile(user string) ([]string, error) {
	for _, dir := range []string{user, at.etc, at.share} {
		if dir == "" {
			continue
		}
		file := filepath.Join(dir, fileName)
		switch _, err := os.Stat(file); {
		case err == nil:
			return []string{file}, nil
		case !missing(err):
			return nil, fmt.Errorf("looking for containers.conf: %w", err)
		}
	}
	return nil, nil
}

// dropIns gives the files of the drop-in directories, in byte order of their base
// names. Of files with one base name only that of the foremost directory counts.
func (at places) dropIns(user string, uid int) ([]string, error) {
	byName := map[string]string{}
	for _, dir := range at.dropInDirs(user, uid) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			if missing(err) {
				continue
			}
			return nil, fmt.Errorf("looking for drop-in files of containers.conf: %w", err)
		}
		for _, e := range entries {
			if _, taken := byName[e.Name()]; taken || e.IsDir() || !strings.HasSuffix(e.Name(), suffix) {
				continue
			}
			byName[e.Name()] = filepath.Join(dir, e.Name())
		}
	}
	var files []string
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		files = append(files, byName[name])
	}
	return files, nil
}

// dropInDirs lists the drop-in directories, the foremost first.
func (at places) dropInDirs(user string, uid int) []string {
	var dirs []string
	if user != "" {
		dirs = append(dirs, filepath.Join(user, fileName+".d"))
	}
	for _, base := range []string{at.etc, at.share} {
		if uid == 0 {
			dirs = append(dirs, filepath.Join(base, "containers.rootful.conf.d"))
		} else {
			rootless := filepath.Join(base, "containers.rootless.conf.d")
			dirs = append(dirs, filepath.Join(rootless, strconv.Itoa(uid)), rootless)
		}
		dirs = append(dirs, filepath.Join(base, fileName+".d"))
	}
	return dirs
}

// missing tells that nothing is at a path.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// read lays what a file says over c.
func (c *Config) read(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("reading containers.conf: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, sizeLimit+1))
	if err != nil {
		return fmt.Errorf("reading containers.conf: %w", err)
	}
	if len(data) > sizeLimit {
		return fmt.Errorf("reading %q: it has more than %d bytes", file, sizeLimit)
	}
	if _, err := toml.Decode(string(data), c); err != nil {
		return fmt.Errorf("reading %q: %w", file, err)
	}
	return nil
}
