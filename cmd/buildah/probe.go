package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/userns"
)

// finding is how one thing will be done on this machine.
type finding struct {
	Subject string   `json:"subject"`
	Use     string   `json:"use"`
	Why     string   `json:"why"`
	Missing []remedy `json:"missing,omitempty"` // for something better
}

// remedy is what to type, or to write into the specification of a pod.
type remedy struct {
	What string `json:"what"`
	Do   string `json:"do,omitempty"`
}

// probedEnv hands the finding about the user namespace on to the process in it.
const probedEnv = "_BUILDAH_PROBED_USERNS"

// probe finds out by trying how this machine builds.
func (p *program) probe(c *cli.Context, format string) error {
	process, err := userns.Current(p.env)
	if err != nil {
		return err
	}
	if !process.NeedsSession() {
		all, err := p.probeInside(c, process)
		if err != nil {
			return err
		}
		return p.showProbe(all, format)
	}
	first, err := sessionFinding(process)
	if err != nil {
		return err
	}
	text, err := json.Marshal(first)
	if err != nil {
		return err
	}
	if err := os.Setenv(probedEnv, string(text)); err != nil {
		return err
	}
	err = p.enterSession(c, process)
	var refused *userns.RefusedError
	if !errors.As(err, &refused) {
		return err
	}
	first.Use, first.Why, first.Missing = "none", oneLine(err), nil
	for _, o := range refused.Obstacles {
		first.Missing = append(first.Missing, remedy{o.What, o.Remedy})
	}
	return p.showProbe([]finding{first, {
		Subject: "isolation", Use: "none", Why: "without a user namespace nothing can be mounted, unpacked or run",
	}}, format)
}

// sessionFinding says what user namespace a command that needs one gets.
func sessionFinding(process userns.Process) (finding, error) {
	f := finding{Subject: "user namespace"}
	session, notice, err := userns.NewSession(process, nil)
	if err != nil {
		return f, err
	}
	f.Use, f.Why = "a new one with "+countIDs(session.UIDMap), "an ordinary user cannot mount"
	if process.UID == 0 {
		f.Why = "root lacks the capability SYS_ADMIN here"
	}
	if what, do, ok := strings.Cut(notice, ": "); ok {
		f.Missing = []remedy{{what, do}}
	}
	return f, nil
}

func countIDs(maps []specs.LinuxIDMapping) string {
	n := uint64(0)
	for _, m := range maps {
		n += uint64(m.Size)
	}
	if n == 1 {
		return "a single id"
	}
	return fmt.Sprintf("%d ids", n)
}

// probeInside probes where commands do their work.
func (p *program) probeInside(c *cli.Context, process userns.Process) ([]finding, error) {
	first := finding{Subject: "user namespace", Use: "none", Why: "we are root of the machine"}
	if process.Rootless() {
		own, err := userns.OwnMap(ownUIDMap)
		if err != nil {
			return nil, err
		}
		first.Use, first.Why = "the one around us, with "+countIDs(own), "it allows to mount"
	}
	if text := p.env(probedEnv); text != "" {
		if err := json.Unmarshal([]byte(text), &first); err != nil {
			return nil, fmt.Errorf("reading %s: %w", probedEnv, err)
		}
	}
	temp, err := os.MkdirTemp(p.env("TMPDIR"), "buildah-probe-")
	if err != nil {
		return nil, fmt.Errorf("probing: %w", err)
	}
	defer os.RemoveAll(temp)
	driver, err := p.probeDriver(process)
	if err != nil {
		return nil, err
	}
	conf, err := p.configuration(process)
	if err != nil {
		return nil, statusError{status: statusStart, cause: err}
	}
	e := &builder.Engine{Config: conf, Host: builder.Host{
		TempDir: temp, RuntimeDir: temp, Env: os.Environ(), Runtime: p.env("BUILDAH_RUNTIME"), Rootless: process.Rootless(),
	}}
	rights := userns.TryRights(temp)
	if rights.Chroot != nil {
		driver.Missing = append(driver.Missing, remedy{
			fmt.Sprintf("layers cannot be unpacked: %v", rights.Chroot), "add \"capabilities: {add: [SYS_CHROOT]}\" to the securityContext of the pod, or --cap-add SYS_CHROOT",
		})
	}
	isolation := p.probeIsolation(c, e, rights)
	net := probeNetwork(c, e, isolation)
	return []finding{first, driver, isolation, net}, e.Close()
}

func (p *program) probeDriver(process userns.Process) (finding, error) {
	f := finding{Subject: "storage driver"}
	prospect, err := store.Forecast(p.storeOptions(process))
	if err != nil {
		return f, err
	}
	f.Use, f.Why = prospect.Driver+" at "+prospect.Root, prospect.Why
	if prospect.Driver == "overlay" && prospect.MountProgram != "" {
		f.Use = "overlay by " + prospect.MountProgram + " at " + prospect.Root
	}
	for i, text := range prospect.Against {
		m := remedy{What: text, Do: "mount a volume there: -v STORE:" + prospect.Root + ", or in a pod an emptyDir with \"mountPath: " + prospect.Root + "\""}
		if i > 0 {
			m.Do = "install the package fuse-overlayfs and give the container the device: --device /dev/fuse"
		}
		f.Missing = append(f.Missing, m)
	}
	return f, nil
}

func (p *program) probeIsolation(c *cli.Context, e *builder.Engine, rights userns.Rights) finding {
	f := finding{Subject: "isolation"}
	name, err := e.RuntimeName(c.Context)
	switch {
	case rights.Mount != nil:
		f.Use, f.Why = "none", "commands cannot be run: "+rights.Mount.Error()
		f.Missing = []remedy{{"the profile around us forbids it", "use \"seccompProfile: {type: Unconfined}\" in the securityContext of the pod, or --security-opt seccomp=unconfined"}}
	case strings.EqualFold(p.env("BUILDAH_ISOLATION"), "chroot"):
		f.Use, f.Why = "chroot", "BUILDAH_ISOLATION says so"
	case err != nil:
		f.Use, f.Why = "chroot", "it needs no other program"
		f.Missing = []remedy{{oneLine(err), "for limits of memory and processors, install crun or runc; a container around us also has to give it cgroups that it can write to"}}
	case e.Host.Rootless:
		f.Use, f.Why = "rootless, with "+name, "the runtime works here"
	default:
		f.Use, f.Why = "oci, with "+name, "the runtime works here"
	}
	return f
}

func probeNetwork(c *cli.Context, e *builder.Engine, isolation finding) finding {
	f := finding{Subject: "network", Use: "host", Why: "chroot isolation has no other, but for none"}
	if isolation.Use == "chroot" || isolation.Use == "none" {
		return f
	}
	way, against := e.ProbeNetwork(c.Context)
	f.Use, f.Why = "private, by "+way, "it was connected for a trial"
	if way == "host" {
		f.Use, f.Why = "host", "nothing here connects a private network"
	}
	for _, text := range against {
		f.Missing = append(f.Missing, remedy{What: text})
	}
	if len(against) > 0 {
		f.Missing[0].Do = "install the package netavark, passt or slirp4netns, with the device /dev/net/tun for the latter two; --network host needs none of them"
	}
	return f
}

// showProbe writes findings as text, as JSON or by a template.
func (p *program) showProbe(all []finding, format string) error {
	switch format {
	case "json":
		return writeJSON(p.stdout, all)
	case "":
	default:
		return writeObject(p.stdout, format, all)
	}
	for _, f := range all {
		if _, err := fmt.Fprintf(p.stdout, "%-15s %s\n%-15s because %s\n", f.Subject+":", f.Use, "", f.Why); err != nil {
			return err
		}
		for _, m := range f.Missing {
			if _, err := fmt.Fprintf(p.stdout, "%-15s obstacle: %s\n", "", m.What); err != nil {
				return err
			}
			if m.Do == "" {
				continue
			}
			if _, err := fmt.Fprintf(p.stdout, "%-15s remedy:   %s\n", "", m.Do); err != nil {
				return err
			}
		}
	}
	return nil
}
