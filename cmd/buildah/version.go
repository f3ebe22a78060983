package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	imagespec "github.com/opencontainers/image-spec/specs-go"
	runtimespec "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/urfave/cli/v2"
	imageversion "go.podman.io/image/v5/version"
)

// programVersion is the version of this program. Other programs parse the line
// that --version prints, not this number.
const programVersion = "0.1.0"

// versionLine is what --version prints.
func versionLine() string {
	return fmt.Sprintf("buildah version %s (image-spec %s, runtime-spec %s)", programVersion, imagespec.Version, runtimespec.Version)
}

// versionInfo is what `version` shows.
type versionInfo struct {
	Version       string `json:"version"`
	GoVersion     string `json:"goVersion"`
	ImageSpec     string `json:"imageSpec"`
	RuntimeSpec   string `json:"runtimeSpec"`
	ImageVersion  string `json:"imageVersion"`
	GitCommit     string `json:"gitCommit"`
	Built         string `json:"built"`
	OSArch        string `json:"osArch"`
	BuildPlatform string `json:"buildPlatform"`
}

func readVersion() versionInfo {
	platform := runtime.GOOS + "/" + runtime.GOARCH
	v := versionInfo{
		Version: programVersion, GoVersion: runtime.Version(),
		ImageSpec: imagespec.Version, RuntimeSpec: runtimespec.Version, ImageVersion: imageversion.Version,
		OSArch: platform, BuildPlatform: platform,
	}
	v.GitCommit, v.Built = sourceRevision()
	return v
}

// sourceRevision is the commit that the program was built from and when that was made.
func sourceRevision() (commit, built string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", ""
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value
		case "vcs.time":
			if t, err := time.Parse(time.RFC3339, s.Value); err == nil {
				built = t.Format(time.ANSIC)
			}
		}
	}
	return commit, built
}

func (p *program) versionCommand() *cli.Command {
	var asJSON bool
	return &cli.Command{
		Name:     "version",
		Usage:    "show the version of the program and of the formats it writes",
		Category: systemGroup,
		Flags:    asFlags([]*option{boolOption("json", &asJSON, "write JSON")}),
		Before:   takes(0, 0),
		Action: func(*cli.Context) error {
			v := readVersion()
			if asJSON {
				return writeJSON(p.stdout, v)
			}
			rows := [][2]string{
				{"Version:", v.Version},
				{"Go Version:", v.GoVersion},
				{"Image Spec:", v.ImageSpec},
				{"Runtime Spec:", v.RuntimeSpec},
				{"image Version:", v.ImageVersion},
				{"Git Commit:", v.GitCommit},
				{"Built:", v.Built},
				{"OS/Arch:", v.OSArch},
				{"BuildPlatform:", v.BuildPlatform},
			}
			for _, r := range rows {
				if _, err := fmt.Fprintf(p.stdout, "%-16s%s\n", r[0], r[1]); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
