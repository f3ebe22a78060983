package imagebuildah

import (
	"time"

	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/events"
	"github.com/projectatomic/buildah/internal/sourcepolicy"
)

// Names for what is kept elsewhere, so that other modules can say them.

// Of what is read.
type (
	// NamedContext is a context besides the main one, which COPY, RUN and FROM may name.
	NamedContext = contexts.Named
	// ContextKind says what a NamedContext is.
	ContextKind = contexts.Kind
	// FetchOptions say how contexts are fetched.
	FetchOptions = contexts.Options
	// Policy says which images a build may start from, and which it starts from instead.
	Policy = sourcepolicy.Policy
	// FileChange is a file that is other than it was.
	FileChange = buildcache.FileChange
)

// ParseNamedContext reads NAME=VALUE, as --build-context has it; relative paths
// count from cwd.
func ParseNamedContext(text, cwd string) (NamedContext, error) { return contexts.ParseNamed(text, cwd) }

// ParsePolicy reads the JSON of a source policy.
func ParsePolicy(data []byte) (*Policy, error) { return sourcepolicy.Parse(data) }

// ErrDenied is an image that the policy does not allow.
var ErrDenied = sourcepolicy.ErrDenied

// Of what happens in a build.
type (
	// Stream takes events of builds and hands them to a renderer one by one.
	Stream = events.Stream
	// Renderer shows events, or does something else with them.
	Renderer = events.Renderer
	// Event is one thing that happened.
	Event = events.Event
	// EventKind says what happened.
	EventKind = events.Kind
	// Group is what belongs together: the build for a platform, or a stage of it.
	Group = events.Group
	// Position is where a stage stands.
	Position = events.Position
	// Step is the step that an event is about.
	Step = events.Step
	// Status is how a step or a group ended.
	Status = events.Status
	// Warning is an event's warning.
	Warning = events.Warning
	// BuildResult is an event's result.
	BuildResult = events.Result
	// BuildFailure is an event's failure.
	BuildFailure = events.Failed
	// BuiltImage is the image for one platform of a BuildResult.
	BuiltImage = events.PlatformImage
	// PlainRenderer writes lines, as `build` does when no terminal is there.
	PlainRenderer = events.Plain
	// JSONRenderer writes one object a line for each event.
	JSONRenderer = events.JSON
)

// The kinds of events, and what they tell besides their group.
const (
	GroupDeclared = events.GroupDeclared // there will be such a group, here
	GroupStarted  = events.GroupStarted  // Steps
	GroupEnded    = events.GroupEnded    // Status, Seconds
	StepStarted   = events.StepStarted   // Step
	StepsAdded    = events.StepsAdded    // Steps, which is how many there are now
	StepEnded     = events.StepEnded     // Status, Seconds, Bytes
	CacheHit      = events.CacheHit      // ID
	CacheMiss     = events.CacheMiss     // Text, which is why, or ""
	NotCacheable  = events.NotCacheable  // likewise
	CachePulled   = events.CachePulled   // ID of the key, Names, of which there is one: a place
	CachePushed   = events.CachePushed   // ID of the key, Names of places; it is under way
	CommandOutput = events.Output        // FD, Data
	ImageMade     = events.Image         // ID
	CommitStarted = events.Commit        // Names, of which there is none or the destination
	Tagged        = events.Tagged        // Names, of which there is one
	UnusedArgs    = events.UnusedArgs    // Names
	Warned        = events.Warned        // Warning
	StepUsage     = events.Usage         // Text
	Transfer      = events.Transfer      // Data: lines about an image on its way
	LibraryLog    = events.Log           // Data: lines of libraries
	Finished      = events.Finished      // Result
	Failure       = events.Failure       // Failed
)

// How steps and groups end.
const (
	Done    = events.Done
	Failing = events.Failing
	Stopped = events.Stopped
)

// NewStream makes a stream for [Output.Events]. The caller closes it after the
// build. Events have the time of this machine.
func NewStream(r Renderer) *Stream { return events.New(r, time.Now) }
