package imagebuildah

import "github.com/projectatomic/buildah/builder"

// surroundings are what options let a command see and do, by the names of the options.
// What only limits resources has no part in it, nor have volumes.
type surroundings struct {
	Hosts           []string `json:"add-host,omitempty"`
	CapAdd          []string `json:"cap-add,omitempty"`
	CapDrop         []string `json:"cap-drop,omitempty"`
	Devices         []string `json:"device,omitempty"`
	DNSServers      []string `json:"dns,omitempty"`
	DNSOptions      []string `json:"dns-option,omitempty"`
	DNSSearch       []string `json:"dns-search,omitempty"`
	Groups          []string `json:"group-add,omitempty"`
	Hooks           []string `json:"hooks-dir,omitempty"`
	NoHostname      bool     `json:"no-hostname,omitempty"`
	NoHosts         bool     `json:"no-hosts,omitempty"`
	NoNewPrivileges bool     `json:"no-new-privileges,omitempty"`
	Masks           []string `json:"mask,omitempty"`
	Unmasks         []string `json:"unmask,omitempty"`
}

// surroundings are those of all commands of the build.
func (r *stageRun) surroundings() string {
	o, run := r.o.Container, r.o.Run
	common := o.Execution.CommonBuildOpts
	if common == nil {
		common = &builder.CommonOptions{}
	}
	return jsonText(surroundings{
		Hosts: common.AddHost, CapAdd: o.CapAdd, CapDrop: o.CapDrop, Devices: o.Execution.DeviceSpecs,
		DNSServers: common.DNSServers, DNSOptions: common.DNSOptions, DNSSearch: common.DNSSearch,
		Groups: o.Execution.GroupAdd, Hooks: run.Runtime.Hooks, NoHostname: run.NoHostname, NoHosts: run.NoHosts,
		NoNewPrivileges: common.NoNewPrivileges, Masks: common.Masks, Unmasks: common.Unmasks,
	})
}
