package builder

import (
	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/compress"
	"github.com/projectatomic/buildah/internal/containersconf"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/layertree"
	"github.com/projectatomic/buildah/internal/runner"
	"github.com/projectatomic/buildah/internal/sbom"
	"github.com/projectatomic/buildah/internal/secrets"
	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/transfer"
)

// The words that travel through every verb have their names here, so that callers
// of this package need not know where they are kept, and other modules can say
// them.

// Of images and their configurations.
type (
	// Change is what one `config` call, or one Dockerfile instruction, asks for.
	Change = imageconfig.Change
	// Text is a setting of a Change that may be left alone; see [Set].
	Text = imageconfig.Text
	// ProcessChange is the part of a Change about the commands of containers.
	ProcessChange = imageconfig.ProcessChange
	// PlatformChange is the part of a Change about what the image runs on.
	PlatformChange = imageconfig.PlatformChange
	// HealthChange is the part of a Change about the health check.
	HealthChange = imageconfig.HealthChange
	// KeyChange is the part of a Change about labels, or annotations.
	KeyChange = imageconfig.KeyChange
	// HistoryChange is the part of a Change about entries of the history.
	HistoryChange = imageconfig.HistoryChange
	// VariableLookup finds a variable for a Change.
	VariableLookup = imageconfig.Lookup
	// Format is an image format: "oci" or "docker".
	Format = imageconfig.Format
	// History is one entry of an image's history.
	History = imageconfig.History
	// Platform is an operating system, an architecture and a variant.
	Platform = imageconfig.Platform
	// Image is the configuration of an image in both formats.
	Image = imageconfig.Image
	// DockerImage is a configuration in Docker's format.
	DockerImage = imageconfig.Docker
	// DockerConfig is the part of a DockerImage about containers.
	DockerConfig = imageconfig.DockerConfig
	// DockerHistory is one entry of the history of a DockerImage.
	DockerHistory = imageconfig.DockerHistory
	// HealthConfig is the health check of a DockerConfig.
	HealthConfig = imageconfig.HealthConfig
)

// The formats.
const (
	FormatOCI    = imageconfig.FormatOCI
	FormatDocker = imageconfig.FormatDocker
)

// The choices.
const (
	Default = imageconfig.Default // as it is when nothing is said
	Yes     = imageconfig.Yes
	No      = imageconfig.No
)

// Set is a Text that sets something, to "" also.
func Set(value string) Text { return imageconfig.Set(value) }

// ParseFormat reads "oci" or "docker".
func ParseFormat(word string) (Format, error) { return imageconfig.ParseFormat(word) }

// ParsePlatform reads OS/ARCH[/VARIANT]; parts that are left out are the host's.
func ParsePlatform(text string) (Platform, error) { return imageconfig.ParsePlatform(text) }

// HostPlatform is that of this machine.
func HostPlatform() Platform { return imageconfig.Host() }

// Of the store, and of images on their way.
type (
	// Store is the open store of an engine.
	Store = store.Store
	// StoreOptions say where images and containers are.
	StoreOptions = store.Options
	// Client moves images between the store of an engine and the rest of the world.
	Client = transfer.Client
	// System says where configuration files about registries are.
	System = transfer.System
	// RegistrySources restricts the registries that are asked.
	RegistrySources = transfer.RegistrySources
	// Registry says how to talk to registries.
	Registry = transfer.Registry
	// Tristate is a switch of a Registry that may be left alone.
	Tristate = transfer.Tristate
	// Signing says how what is written is signed.
	Signing = transfer.Signing
	// PullPolicy says when to ask a registry for an image.
	PullPolicy = transfer.PullPolicy
	// PullOptions adjusts [Engine.Pull].
	PullOptions = transfer.PullOptions
	// Pulled tells what came into the store.
	Pulled = transfer.Pulled
	// PushOptions adjusts [Engine.Push].
	PushOptions = transfer.PushOptions
	// Pushed tells what was written.
	Pushed = transfer.Pushed
	// ListPush is the part of PushOptions about lists of images.
	ListPush = transfer.ListPush
	// ListMembers says which images of a list are written.
	ListMembers = transfer.ListMembers
	// ImagePlatform chooses an image of a list.
	ImagePlatform = transfer.Platform
	// Remote is an image that is looked at where it is.
	Remote = transfer.Remote
	// RemoteLayer is a layer of a Remote.
	RemoteLayer = transfer.RemoteLayer
	// LayerFile is a file of a [LayerReport].
	LayerFile = layertree.File
	// LayerWhiteout is what a layer of a [LayerReport] takes away.
	LayerWhiteout = layertree.Whiteout
	// Compression is how layers are written.
	Compression = transfer.Compression
	// CompressionBudget is the memory for compressing layers, which several engines may share.
	CompressionBudget = compress.Budget
	// Encryption says for whom layers are encrypted.
	Encryption = transfer.Encryption
)

// The pull policies.
const (
	PullMissing = transfer.PullMissing // only what is not in the store
	PullAlways  = transfer.PullAlways
	PullNever   = transfer.PullNever
	PullNewer   = transfer.PullNewer // when the registry has another image; the store's if it does not answer
)

// The states of a Tristate; the zero value is as the configuration files say.
const (
	On  = transfer.On
	Off = transfer.Off
)

// ParsePullPolicy reads the words of --pull, in either case.
func ParsePullPolicy(word string) (PullPolicy, error) { return transfer.ParsePullPolicy(word) }

// NewCompressionBudget is a budget of so many bytes; 0 means the default.
func NewCompressionBudget(size int64) *CompressionBudget { return compress.NewBudget(size) }

// Of what surrounds commands.
type (
	// Config is what containers.conf says.
	Config = containersconf.Config
	// ContainersConfig is the section [containers] of a Config.
	ContainersConfig = containersconf.Containers
	// DNSConfig is the part of a ContainersConfig about name servers.
	DNSConfig = containersconf.DNS
	// NamespacesConfig is the part of a ContainersConfig about namespaces.
	NamespacesConfig = containersconf.Namespaces
	// EngineConfig is the section [engine] of a Config.
	EngineConfig = containersconf.Engine
	// NetworkConfig is the section [network] of a Config.
	NetworkConfig = containersconf.Network
	// ConfigList is a list of a Config.
	ConfigList = containersconf.List
	// OutOfMemory tells of a command that the kernel has ended for want of memory.
	OutOfMemory = runner.OutOfMemory
	// Keys are the secrets and ssh agents that commands may ask for.
	Keys = secrets.Given
	// Agent is an ssh agent that commands may ask for.
	Agent = secrets.Agent
	// AgentKey is what an Agent can sign with.
	AgentKey = secrets.Key
	// Scanner lists what an image is made of.
	Scanner = sbom.Scanner
	// ScannerOutputs says where such a list goes.
	ScannerOutputs = sbom.Outputs
	// HTTP downloads sources.
	HTTP = contexts.HTTP
	// Download is a source that was downloaded.
	Download = contexts.Download
)

// LoadConfig reads containers.conf for a user; lookup finds the variables that say
// where it is.
func LoadConfig(lookup func(name string) (string, bool), uid int) (Config, error) {
	return containersconf.Load(lookup, uid)
}

// LoadKeys reads secrets and finds agents, as --secret and --ssh name them. The
// variables that they name are found with lookup. What is read stays in memory.
func LoadKeys(specs, agents []string, lookup func(name string) (string, bool)) (Keys, error) {
	var list []secrets.Spec
	for _, text := range specs {
		s, err := secrets.Parse(text)
		if err != nil {
			return Keys{}, err
		}
		list = append(list, s)
	}
	var named []secrets.AgentSpec
	for _, text := range agents {
		a, err := secrets.ParseAgent(text)
		if err != nil {
			return Keys{}, err
		}
		named = append(named, a)
	}
	return secrets.Load(list, named, lookup)
}

// Of steps that are remembered; package imagebuildah deals with them.
type (
	// StepCache is what steps have come to in a store.
	StepCache = buildcache.Cache
	// StepKey is all that the result of a step follows from.
	StepKey = buildcache.Key
	// StepPart is a part of a StepKey.
	StepPart = buildcache.Part
	// StepItem is one thing of several in a StepPart.
	StepItem = buildcache.Item
	// StepFiles are the files that a step was made from.
	StepFiles = buildcache.Files
	// StepEntry is what a step has come to.
	StepEntry = buildcache.Entry
	// StepRemote is what a step of another machine has besides.
	StepRemote = buildcache.Remote
	// StepLayer is a layer of a StepRemote.
	StepLayer = buildcache.RemoteLayer
)
