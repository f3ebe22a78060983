package main

import (
	"slices"
	"strings"
)

// theme is a heading of help and the flags below it. A flag is about the same
// thing in every command that has it.
type theme struct {
	title string
	flags string
}

// themes are the headings in the order of help.
func themes() []theme {
	return []theme{
		{"What is built", "file from ignorefile cpp-flag build-arg build-arg-file build-context env target skip-unused-stages no-cache-filter source-policy-file check print-script name onbuild"},
		{"Result", "tag format output iidfile iidfile-raw metadata-file manifest push load cidfile add-file"},
		{"What the image says", "annotation label layer-label unsetannotation unsetenv unsetlabel inherit-annotations inherit-labels created-annotation identity-label omit-history change config author cmd comment entrypoint port shell stop-signal user workingdir create-workingdir domainname hostname os-feature os-version"},
		{"Health check", "healthcheck healthcheck-interval healthcheck-retries healthcheck-start-interval healthcheck-start-period healthcheck-timeout"},
		{"History", "add-history created-by history-comment"},
		{"Reproducible images", "timestamp source-date-epoch rewrite-timestamp"},
		{"Cache", "layers no-cache cache-from cache-to cache-ttl save-stages stage-labels squash omit-empty-layer"},
		{"Output on the terminal", "quiet progress explain logfile logsplit log-rusage rusage-logfile"},
		{"Base images and platforms", "pull platform all-platforms arch os variant"},
		{"Running commands", "isolation runtime runtime-flag no-pivot hooks-dir mount volume contextdir secret ssh stdin terminal compat-volumes http-proxy valid-exit-codes jobs debug-on-failure rm force-rm"},
		{"Network of commands", "network add-host dns dns-option dns-search no-hosts no-hostname"},
		{"Rights of commands", "allow cap-add cap-drop device cdi-config-dir group-add security security-opt"},
		{"Namespaces", "cgroupns ipc pid uts userns userns-uid-map userns-gid-map userns-uid-map-user userns-gid-map-group"},
		{"Limits", "cgroup-parent cpu-period cpu-quota cpu-shares cpuset-cpus cpuset-mems memory memory-swap shm-size ulimit"},
		{"Registries", "authfile creds cert-dir tls-verify retry retry-delay"},
		{"Layers as they are written", "compression-format compression-level force-compression disable-compression"},
		{"Signing and encryption", "sign-by sign-by-sigstore sign-by-sigstore-private-key sign-passphrase-file encryption-key encrypt-layer decryption-key"},
		{"Bill of materials", "sbom sbom-scanner-image sbom-scanner-command sbom-merge-strategy sbom-output sbom-image-output sbom-purl-output sbom-image-purl-output"},
	}
}

// manyFlags is from how many flags on help puts them below headings.
const manyFlags = 25

// flagGroup is a heading and the flags of a command that belong below it.
type flagGroup struct {
	title   string
	options []*option
}

// byTheme splits the options of a command at the headings. Options that no
// heading names come last.
func byTheme(options []*option) []flagGroup {
	if len(options) < manyFlags {
		return []flagGroup{{"Flags", options}}
	}
	var groups []flagGroup
	rest := slices.Clone(options)
	for _, t := range themes() {
		names := strings.Fields(t.flags)
		var here []*option
		rest = slices.DeleteFunc(rest, func(o *option) bool {
			if slices.Contains(names, o.name) {
				here = append(here, o)
				return true
			}
			return false
		})
		if len(here) > 0 {
			slices.SortFunc(here, func(a, b *option) int { return slices.Index(names, a.name) - slices.Index(names, b.name) })
			groups = append(groups, flagGroup{t.title, here})
		}
	}
	return append(groups, flagGroup{"Other flags", rest})
}
