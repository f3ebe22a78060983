package builder

import (
	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/internal/imageconfig"
)

// recordType marks the format of buildah.json. It is a constant of the format,
// not a version of any program.
const recordType = "buildah 0.0.1"

// Record is the working container as it lies on disk, in
// G/D-containers/ID/userdata/buildah.json. Keys and shapes are those that other
// tools on the same store read and write (spec record.md, section 2).
type Record struct {
	Args map[string]string
	Type string `json:"type"`

	FromImage       string   `json:"image,omitempty"`
	FromImageID     string   `json:"image-id"`
	FromImageDigest string   `json:"image-digest"`
	Config          []byte   `json:"config,omitempty"`
	Manifest        []byte   `json:"manifest,omitempty"`
	TopLayer        string   // of the base
	Container       string   `json:"container-name"`
	ContainerID     string   `json:"container-id"`
	MountPoint      string   `json:"mountpoint,omitempty"`
	ProcessLabel    string   `json:"process-label,omitempty"`
	MountLabel      string   `json:"mount-label,omitempty"`
	Format          string   // manifest media type
	ContentDigester struct{} // always empty, kept for other readers

	Annotations    map[string]string  `json:"annotations,omitempty"`
	CreatedBy      string             `json:"created-by,omitempty"`
	HistoryComment string             `json:"history-comment,omitempty"`
	OCIv1          imageconfig.OCI    `json:"ociv1"`
	Docker         imageconfig.Docker `json:"docker"`

	PrependedEmptyLayers  []History
	AppendedEmptyLayers   []History
	PrependedLinkedLayers []LinkedLayer
	AppendedLinkedLayers  []LinkedLayer

	DefaultMountsFilePath string `json:"defaultMountsFilePath,omitempty"`
	Execution
	TempVolumes map[string]bool // obsolete, kept for other readers
	// Steps is our own: nil when steps are not taken from the cache.
	Steps *StepChain `json:"step-cache,omitempty"`
}

// Execution is the part of a record that says how commands are run.
type Execution struct {
	Isolation        Isolation
	NamespaceOptions []Namespace
	ConfigureNetwork NetworkPolicy
	CNIPluginPath    string // obsolete, kept for other readers
	CNIConfigDir     string // obsolete, kept for other readers
	GroupAdd         []string
	IDMappingOptions IDMappingOptions
	Capabilities     []string
	CommonBuildOpts  *CommonOptions
	Devices          []any // of library users of other implementations
	DeviceSpecs      []string
	CDIConfigDir     string
}

// LinkedLayer is a layer staged by `--link` that joins the image at commit.
type LinkedLayer struct {
	History  History
	BlobPath string
}

// Isolation says what runs commands. The numbers are those of the record.
type Isolation int

// The isolations.
const (
	IsolationDefault     Isolation = iota // treated as IsolationOCI
	IsolationOCI                          // an OCI runtime
	IsolationChroot                       // ourselves
	IsolationOCIRootless                  // an OCI runtime without root's rights
)

// String gives the word that `inspect` shows.
func (i Isolation) String() string {
	words := []string{"default", "oci", "chroot", "rootless"}
	if i < 0 || int(i) >= len(words) {
		return "unrecognized"
	}
	return words[i]
}

// NetworkPolicy says whether `run` sets a network up.
type NetworkPolicy int

// The network policies.
const (
	NetworkDefault NetworkPolicy = iota
	NetworkDisabled
	NetworkEnabled
)

// String gives the word that `inspect` shows.
func (n NetworkPolicy) String() string {
	words := []string{"NetworkDefault", "NetworkDisabled", "NetworkEnabled"}
	if n < 0 || int(n) >= len(words) {
		return "unrecognized"
	}
	return words[n]
}

// Namespace is the choice for one namespace of commands that are run.
// Name is one of cgroup, ipc, mount, network, pid, user, uts.
type Namespace struct {
	Name string
	Host bool   // share the host's
	Path string // join this one; "" makes a new one unless Host
}

// IDMappingOptions are the id maps of a container.
type IDMappingOptions struct {
	HostUIDMapping bool
	HostGIDMapping bool
	UIDMap         []IDMap
	GIDMap         []IDMap
	AutoUserNs     bool
	AutoUserNsOpts struct {
		Size, InitialSize     uint32
		PasswdFile, GroupFile string
		AdditionalUIDMappings []IDMap
		AdditionalGIDMappings []IDMap
	}
}

// IDMap maps Size ids from ContainerID on to HostID on.
type IDMap struct {
	ContainerID uint32 `json:"containerID"`
	HostID      uint32 `json:"hostID"`
	Size        uint32 `json:"size"`
}

// CommonOptions are resources and security settings, kept in the record and
// used by every later run. Each zero value is the documented default.
type CommonOptions struct {
	AddHost            []string
	OmitHistory        bool
	CgroupParent       string
	CPUPeriod          uint64
	CPUQuota           int64
	CPUShares          uint64
	CPUSetCPUs         string
	CPUSetMems         string
	HTTPProxy          bool
	IdentityLabel      int   // 0 undefined, 1 true, 2 false
	Memory             int64 // bytes
	DNSSearch          []string
	DNSServers         []string
	DNSOptions         []string
	LabelOpts          []string
	Masks              []string
	MemorySwap         int64 // bytes, -1 without limit
	NoHostname         bool
	NoHosts            bool
	NoNewPrivileges    bool
	OmitTimestamp      bool
	SeccompProfilePath string // "" means the built-in profile, "unconfined" none
	ApparmorProfile    string
	ShmSize            string
	Ulimit             []string // type=soft[:hard]
	Volumes            []string // host:container[:options]
	Secrets            []string
	SSHSources         []string
	OCIHooksDir        []string
	Unmasks            []string
}

// baseDigest is the digest of the manifest that the base came with, "" for scratch.
func (r *Record) baseDigest() digest.Digest { return digest.Digest(r.FromImageDigest) }
