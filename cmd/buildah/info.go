package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/imageconfig"
)

func (p *program) infoCommand() *cli.Command {
	var (
		debugging, probing bool
		format             string
	)
	return &cli.Command{
		Name:      "info",
		Usage:     "show facts about this machine and the store",
		Category:  systemGroup,
		UsageText: "buildah info\nbuildah info --probe\nbuildah info --format '{{.store.GraphRoot}}'",
		Flags: asFlags([]*option{
			boolOption("debug,d", &debugging, "also show how the program was built"),
			textOption("format", "TEMPLATE", &format, "write a Go template instead of JSON"),
			boolOption("probe", &probing, "find out by trying how this machine builds, and what is missing for more"),
		}),
		Before: takes(0, 0),
		Action: func(c *cli.Context) error {
			if probing {
				return p.probe(c, format)
			}
			return p.withEngine(c, func(e *builder.Engine) error {
				facts, err := gatherInfo(c.Context, e)
				if err != nil {
					return err
				}
				if debugging {
					facts["debug"] = debugInfo()
				}
				if format != "" {
					return writeObject(p.stdout, format, facts)
				}
				encoder := json.NewEncoder(p.stdout)
				encoder.SetIndent("", "    ")
				encoder.SetEscapeHTML(!isTerminal(p.stdout))
				return encoder.Encode(facts)
			})
		},
	}
}

// facts are nested maps, so that templates name them as scripts know them.
type facts = map[string]any

func gatherInfo(ctx context.Context, e *builder.Engine) (facts, error) {
	host, err := hostInfo(ctx, e)
	if err != nil {
		return nil, err
	}
	stored, err := storeInfo(e)
	if err != nil {
		return nil, err
	}
	return facts{"host": host, "store": stored}, nil
}

func debugInfo() facts {
	v := readVersion()
	return facts{"buildah version": v.Version, "compiler": runtime.Compiler, "git commit": v.GitCommit, "go version": v.GoVersion}
}

func hostInfo(ctx context.Context, e *builder.Engine) (facts, error) {
	name, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("reading the host name: %w", err)
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, fmt.Errorf("reading the kernel's version: %w", err)
	}
	memory, err := keyedFile("/proc/meminfo", ":")
	if err != nil {
		return nil, err
	}
	release, _ := keyedFile("/etc/os-release", "=") // a machine without it has no distribution to show
	runtimeName, err := e.RuntimeName(ctx)
	if runtimeName = filepath.Base(runtimeName); err != nil {
		runtimeName = "" // then commands run under chroot isolation, and `run` says why
	}
	host := facts{
		"Distribution": facts{"distribution": strings.Trim(release["ID"], `"`), "version": strings.Trim(release["VERSION_ID"], `"`)},
		"MemTotal":     kilobytes(memory["MemTotal"]), "MemFree": kilobytes(memory["MemFree"]),
		"SwapTotal": kilobytes(memory["SwapTotal"]), "SwapFree": kilobytes(memory["SwapFree"]),
		"OCIRuntime": runtimeName, "arch": runtime.GOARCH, "cpus": runtime.NumCPU(), "hostname": name,
		"kernel": unix.ByteSliceToString(u.Release[:]), "os": runtime.GOOS, "rootless": e.Host.Rootless, "variant": imageconfig.Host().Variant,
	}
	host["CgroupVersion"] = cgroupVersion()
	host["uptime"], err = uptime()
	return host, err
}

// cgroupVersion is v2 where there is one tree of control groups for everything.
func cgroupVersion() string {
	var fs unix.Statfs_t
	if err := unix.Statfs("/sys/fs/cgroup", &fs); err == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC {
		return "v2"
	}
	return "v1"
}

// keyedFile reads lines of a key, a separator and a value.
func keyedFile(path, separator string) (map[string]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading facts about this machine: %w", err)
	}
	values := map[string]string{}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, separator); ok {
			values[key] = strings.TrimSpace(value)
		}
	}
	return values, nil
}

// kilobytes turns "123 kB" into bytes, 0 when it is not a number.
func kilobytes(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(text, " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return n * 1024
}

func uptime() (string, error) {
	var si unix.Sysinfo_t
	if err := unix.Sysinfo(&si); err != nil {
		return "", fmt.Errorf("reading the uptime: %w", err)
	}
	d := time.Duration(si.Uptime) * time.Second
	return fmt.Sprintf("%dh %dm %ds (Approximately %.2f days)",
		int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60, d.Hours()/24), nil
}

func storeInfo(e *builder.Engine) (facts, error) {
	containers, err := e.Store.Containers()
	if err != nil {
		return nil, fmt.Errorf("counting containers: %w", err)
	}
	images, err := e.Store.Images()
	if err != nil {
		return nil, fmt.Errorf("counting images: %w", err)
	}
	raw := e.Store.Raw()
	pairs, err := raw.Status()
	if err != nil {
		return nil, fmt.Errorf("asking the storage driver: %w", err)
	}
	status := map[string]string{}
	for _, kv := range pairs {
		status[kv[0]] = kv[1]
	}
	options := raw.GraphOptions()
	if options == nil {
		options = []string{}
	}
	use, err := diskUse(e)
	if err != nil {
		return nil, err
	}
	return facts{
		"ContainerStore": facts{"number": len(containers)}, "ImageStore": facts{"number": len(images)},
		"GraphDriverName": e.Store.Driver(), "GraphOptions": options, "GraphRoot": e.Store.GraphRoot(),
		"GraphImageStore": raw.ImageStore(), "GraphStatus": status, "GraphTransientStore": raw.TransientStore(),
		"RunRoot": e.Store.RunRoot(), "DiskUse": use,
	}, nil
}
