package oci

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Runtime is an OCI runtime on this machine.
type Runtime struct {
	Path   string // absolute
	Detach bool   // with `run --detach` the command becomes our child
	NoX32  bool   // the kernel cannot run programs of the x32 ABI
}

// Search says where and how to look for a runtime.
type Search struct {
	Name     string              // or path; "" means the first of crun and runc that works here
	Runtimes map[string][]string // places by name, the engine.runtimes of containers.conf
	StateDir string              // where verdicts are kept, that of [Options]
	Env      []string            // for the search path, and for probing
}

// ErrNone says that no OCI runtime works on this machine.
var ErrNone = errors.New("no OCI runtime works on this machine")

// Find finds a runtime. One that was asked for is only looked up; otherwise each
// candidate has to run a command once, and why none does is in the error, which
// is [ErrNone]. Verdicts are kept until the program or the kernel changes.
func Find(ctx context.Context, s Search) (Runtime, error) {
	if s.Name != "" {
		path, err := s.locate(s.Name)
		if err != nil {
			return Runtime{}, err
		}
		v, err := s.judge(ctx, path, false)
		return v.runtime(), err
	}
	var reasons []string
	for _, name := range []string{"crun", "runc"} {
		path, err := s.locate(name)
		if err != nil {
			reasons = append(reasons, name+" is not installed")
			continue
		}
		v, err := s.judge(ctx, path, true)
		if err != nil {
			return Runtime{}, err
		}
		if v.Works {
			return v.runtime(), nil
		}
		reasons = append(reasons, fmt.Sprintf("%s does not work here: %s", name, v.Reason))
	}
	return Runtime{}, fmt.Errorf("%w: %s", ErrNone, strings.Join(reasons, "; "))
}

// locate finds a runtime by name or path.
func (s Search) locate(name string) (string, error) {
	if strings.Contains(name, "/") {
		path, err := filepath.Abs(name)
		if err == nil {
			err = executable(path)
		}
		if err != nil {
			return "", fmt.Errorf("looking for the OCI runtime %q: %w", name, err)
		}
		return path, nil
	}
	for _, path := range s.Runtimes[name] {
		if executable(path) == nil {
			return path, nil
		}
	}
	for dir := range strings.SplitSeq(searchPath(s.Env), ":") {
		if path := filepath.Join(dir, name); filepath.IsAbs(path) && executable(path) == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("looking for the OCI runtime %q: not found in the search path, nor in engine.runtimes of containers.conf: %w", name, fs.ErrNotExist)
}

func searchPath(env []string) string {
	for _, entry := range runtimeEnv(env) {
		if path, ok := strings.CutPrefix(entry, "PATH="); ok {
			return path
		}
	}
	return ""
}

func executable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("%q is not a program", path)
	}
	return nil
}

// verdict is what is known of a runtime; it holds for one program on one kernel.
type verdict struct {
	Path    string `json:"path"`
	ModTime int64  `json:"mtime"`
	Size    int64  `json:"size"`
	Kernel  string `json:"kernel"`
	Detach  bool   `json:"detach"`
	NoX32   bool   `json:"noX32"`
	Probed  bool   `json:"probed"` // Works and Reason are known
	Works   bool   `json:"works"`
	Reason  string `json:"reason,omitempty"`
	Expires int64  `json:"expires,omitempty"` // in seconds since 1970; 0 means never
}

func (v verdict) runtime() Runtime { return Runtime{Path: v.Path, Detach: v.Detach, NoX32: v.NoX32} }

// judge looks up, or finds out, what a runtime can do.
func (s Search) judge(ctx context.Context, path string, probe bool) (verdict, error) {
	want, err := identify(path)
	if err != nil {
		return want, err
	}
	if s.StateDir == "" {
		return want, errors.New("no state directory is given")
	}
	if err := os.MkdirAll(s.StateDir, 0o700); err != nil {
		return want, fmt.Errorf("making the state directory: %w", err)
	}
	sum := sha256.Sum256([]byte(path))
	file := filepath.Join(s.StateDir, "verdict-"+hex.EncodeToString(sum[:8])+".json")
	if v, ok := readVerdict(file, want); ok && (v.Probed || !probe) {
		return v, nil
	}
	v := want
	v.Detach, v.NoX32 = detaches(ctx, path, s.Env), lacksX32(ctx)
	if probe {
		err := s.probe(ctx, v.runtime())
		if ctx.Err() != nil {
			return v, context.Cause(ctx)
		}
		v.Probed, v.Works = true, err == nil
		if err != nil {
			v.Reason, v.Expires = err.Error(), time.Now().Add(retryAfter).Unix()
		}
	}
	return v, writeVerdict(file, v)
}

// retryAfter is how long a runtime is left alone that did not work: the reason may
// have been a full disk.
const retryAfter = 10 * time.Minute

func identify(path string) (verdict, error) {
	info, err := os.Stat(path)
	if err != nil {
		return verdict{}, fmt.Errorf("looking at the runtime: %w", err)
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return verdict{}, fmt.Errorf("asking for the kernel's version: %w", err)
	}
	return verdict{
		Path: path, ModTime: info.ModTime().UnixNano(), Size: info.Size(),
		Kernel: unix.ByteSliceToString(name.Release[:]) + " " + unix.ByteSliceToString(name.Version[:]),
	}, nil
}

// readVerdict reads what was found out before; whatever is wrong with the file,
// it is found out anew.
func readVerdict(file string, want verdict) (verdict, bool) {
	data, err := os.ReadFile(file)
	var v verdict
	if err != nil || json.Unmarshal(data, &v) != nil {
		return v, false
	}
	same := v.Path == want.Path && v.ModTime == want.ModTime && v.Size == want.Size && v.Kernel == want.Kernel
	return v, same && (v.Expires == 0 || time.Now().Unix() < v.Expires)
}

func writeVerdict(file string, v verdict) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), "verdict-*.tmp")
	if err != nil {
		return fmt.Errorf("noting what the runtime can do: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("noting what the runtime can do: %w", err)
	}
	return nil
}

// detaches tells whether a runtime is of the kind whose container is a tree of
// ordinary processes; others run it in a sandbox of their own.
func detaches(ctx context.Context, path string, env []string) bool {
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Env = runtimeEnv(env)
	out, err := cmd.Output()
	text := string(out)
	return err == nil && (strings.HasPrefix(text, "runc version") || strings.HasPrefix(text, "crun version"))
}
