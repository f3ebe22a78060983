package main

import (
	"errors"
	"fmt"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/internal/suggest"
)

// globals are the flags of the program, valid for every command.
type globals struct {
	root, runRoot, imageStore string
	driver                    string
	driverOptions             []string
	transient                 bool

	registriesConf, registriesConfDir, shortNameAliases string

	uidMap, gidMap []string
	mountsFile     string
	cgroupManager  string

	compressionMemory int64 // bytes; 0 as containers.conf says
	log               logFlags
}

type logFlags struct {
	level                     string
	debug                     bool
	cpuProfile, memoryProfile string
}

func (p *program) globalFlags() []cli.Flag {
	g := &p.global
	g.log.level = "warn"
	return asFlags([]*option{
		newOption("cgroup-manager", "NAME", "how the OCI runtime makes cgroups: cgroupfs or systemd", func(s string) error {
			if s != "cgroupfs" && s != "systemd" {
				return errors.New("it is cgroupfs or systemd")
			}
			g.cgroupManager = s
			return nil
		}),
		newOption("compression-memory", "SIZE", "memory that compressing layers may take, with unit b, k, m or g", func(s string) (err error) {
			g.compressionMemory, err = compressionMemory(s)
			return err
		}).shows("32m"),
		textOption("cpu-profile", "FILE", &g.log.cpuProfile, "write a CPU profile to FILE").hide(),
		textOption("default-mounts-file", "FILE", &g.mountsFile, "read mounts.conf from FILE in new containers").hide(),
		boolOption("debug", &g.log.debug, "the same as --log-level=debug").hide(),
		textOption("imagestore", "DIR", &g.imageStore, "keep images in DIR, apart from containers"),
		textOption("log-level", "LEVEL", &g.log.level, "log what is at least this grave: trace, debug, info, warn, error, fatal or panic"),
		textOption("memory-profile", "FILE", &g.log.memoryProfile, "write a heap profile to FILE").hide(),
		textOption("registries-conf", "FILE", &g.registriesConf, "read registries.conf from FILE"),
		textOption("registries-conf-dir", "DIR", &g.registriesConfDir, "read registries.conf.d from DIR"),
		textOption("root", "DIR", &g.root, "keep images and containers in DIR"),
		textOption("runroot", "DIR", &g.runRoot, "keep the state of mounts in DIR"),
		textOption("short-name-alias-conf", "FILE", &g.shortNameAliases, "keep the aliases of short names in FILE"),
		textOption("storage-driver", "NAME", &g.driver, "storage driver: overlay, vfs, ..."),
		listOption("storage-opt", "KEY=VALUE", &g.driverOptions, "option of the storage driver, instead of all configured ones"),
		boolOption("transient-store", &g.transient, "keep the records of containers in --runroot, gone after a reboot"),
		listOption("userns-gid-map", "CTR:HOST:LEN", &g.gidMap, "map group IDs of new containers"),
		listOption("userns-uid-map", "CTR:HOST:LEN", &g.uidMap, "map user IDs of new containers"),
	})
}

// begin runs after the flags of the program are read and before the command.
func (p *program) begin(*cli.Context) error {
	level := p.global.log.level
	if p.global.log.debug {
		level = "debug"
	}
	l, err := logrus.ParseLevel(level)
	if err != nil {
		return usageError{text: fmt.Sprintf("unknown log level %q%s", level, suggest.Instead(level, "trace", "debug", "info", "warn", "error", "fatal", "panic")), hint: "levels: trace, debug, info, warn, error, fatal, panic"}
	}
	logrus.SetLevel(l)
	return p.startProfile()
}

// end runs after the command, whether it failed or not.
func (p *program) end(*cli.Context) error { return p.stopProfile() }
