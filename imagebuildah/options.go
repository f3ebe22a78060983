package imagebuildah

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/events"
	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/sourcepolicy"
)

// Options says what to build. Each zero value is the default.
type Options struct {
	Source    Source
	Args      map[string]string // --build-arg; names without a value are left out
	Overrides Overrides
	Stages    Stages
	Tags      []string // the first may be of any transport, the others are names in the store
	Exports   []Export // where else the root file system of the result goes
	// Deliveries are where else the image goes, once it is in the store.
	Deliveries []Delivery
	Layers     bool // commit an image for every step that changes files
	NoCache    bool // with Layers, carry out every step anew
	Keep       bool // leave the working containers behind after success, with Layers
	// KeepFailed leaves the working container of a step that fails to the user.
	KeepFailed bool
	// AllowInsecure lets a Dockerfile say RUN --security=insecure.
	AllowInsecure bool
	Lists         Lists
	Jobs          int    // so many stages at the same time, of all platforms; 0 means as many as can be
	Network       string // "none" keeps the network from all RUN steps; "" leaves it to Run
	Output        Output
	Policy        *sourcepolicy.Policy // for images that are named; nil allows all
	Cache         CacheOptions

	// What is handed on to the verbs whole.
	Base      builder.BaseOptions // how base images are found; its platform is the build's
	Container builder.FromOptions
	Run       builder.RunOptions
	Fetch     builder.Fetch              // how ADD downloads
	Scan      builder.ScanOptions        // of the image; the zero value is none
	Commit    builder.CommitOptions      // of the image; intermediate ones take over what is not about the result
	Remote    builder.RemoteCacheOptions // of steps that several machines share, with Layers

	remote *builder.RemoteCache // nil without
}

// Source is what is read.
type Source struct {
	Context    string   // argument of the build; "" is the current directory
	Files      []string // of -f; none means the usual names
	IgnoreFile string   // of --ignorefile; "" means the usual places
	Named      []contexts.Named
	Fetch      contexts.Options
}

// Overrides is what shall be different from what the Dockerfile and its bases say.
type Overrides struct {
	From            string   // instead of the image of the first FROM, before it is expanded
	Env             []string // key=value, in an ENV step at the beginning of every stage
	Labels          []string // key=value, in a LABEL step at the end of the last stage
	DropLabels      bool     // of the base, at the beginning of every stage
	DropAnnotations bool     // of the base, likewise
	OSVersion       string
	OSFeatures      []string // feature, or "feature-" to take it away, in this order
}

// Stages says which stages are built.
type Stages struct {
	Target string // to stop after; "" means the last
	All    bool   // also those that the target does not need
	Save   bool   // keep an image of every stage that has steps
	Label  bool   // a LABEL step at the beginning of those says what the stage is
}

// Output is where the build tells of itself.
type Output struct {
	Events *events.Stream // also takes the output of RUN and warnings; nil drops all
	// Measure is called when a step begins, and what it gives when it has succeeded,
	// for a line about what the step cost; nil measures nothing.
	Measure func() func() string
	// What RUN writes to these streams is not shown to anybody: the end of it is in
	// the [StepError] when it fails.
	OutUnseen, ErrUnseen bool
	// Split gives a platform a stream of its own, which the caller closes; nil gives
	// them all the same.
	Split func(p builder.Platform) (*events.Stream, error)
	// Explained hears for each step what the cache did for it, and why; also of several
	// steps at once. nil hears nothing, and saves finding out.
	Explained func(Explanation)

	label string // "linux/arm64", with several platforms
}

// Result is what was built.
type Result struct {
	ID       string   // of the image; with several platforms, "" or that of the list that Tags name
	Names    []string // in the store
	Manifest builder.Descriptor
	Images   []PlatformImage // with several platforms, in the order that was asked for
}

// PlatformImage is the image for one platform.
type PlatformImage struct {
	Platform builder.Platform
	ID       string
}

// normalize fills in what follows from other options.
func (o *Options) normalize() error {
	args := make(map[string]string, len(o.Args)+1)
	for name, value := range o.Args {
		args[name] = value
	}
	o.Args = args
	if o.Base.Platform.IsZero() && args["TARGETPLATFORM"] != "" {
		p, err := parsePlatform(args["TARGETPLATFORM"])
		if err != nil {
			return fmt.Errorf("build argument TARGETPLATFORM: %w", err)
		}
		o.Base.Platform = p
	}
	// Who says only the operating system, or only the architecture, means the host's other half.
	if p, host := &o.Base.Platform, imageconfig.Host(); !p.IsZero() {
		p.OS, p.Arch = cmp.Or(p.OS, host.OS), cmp.Or(p.Arch, host.Arch)
	}
	if o.Output.Measure != nil || o.Run.Stdio.In != nil {
		o.Jobs = 1 // what others use is not to be told apart, and one input has one reader
	}
	return o.normalizeTimes()
}

// normalizeTimes lets the build argument of that name stand for --source-date-epoch.
func (o *Options) normalizeTimes() error {
	times := &o.Commit.Times
	text, asked := o.Args[epochArg]
	if asked && times.Epoch == nil && text != "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("error parsing source-date-epoch offset %q: it must be a number of seconds", text)
		}
		at := time.Unix(seconds, 0).UTC()
		times.Epoch = &at
	}
	if times.Epoch != nil && times.Timestamp != nil {
		return fmt.Errorf("timestamp and source-date-epoch would be ambiguous if allowed together")
	}
	o.Commit.Push.Timestamp = times.Fixed() // so that an archive, too, is the same every time
	if times.Epoch != nil && !asked {
		o.Args[epochArg] = strconv.FormatInt(times.Epoch.Unix(), 10)
	}
	return nil
}

// measure begins to measure a step.
func (o *Output) measure() (cost func() string) {
	if o.Measure == nil {
		return func() string { return "" }
	}
	return o.Measure()
}
