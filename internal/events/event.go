package events

import "time"

// Kind is what an [Event] tells. The words are those that the JSON renderer writes.
type Kind string

// What each kind is about, and the fields that it sets besides those that all have.
const (
	GroupDeclared Kind = "declared"      // there will be such a group, here
	GroupStarted  Kind = "started"       // Steps
	GroupEnded    Kind = "ended"         // Status, Seconds
	StepStarted   Kind = "step-started"  // Step
	StepsAdded    Kind = "steps-added"   // Steps, which is how many there are now
	StepEnded     Kind = "step-ended"    // Status, Seconds, Bytes
	CacheHit      Kind = "cache-hit"     // ID
	CacheMiss     Kind = "cache-miss"    // Text, which is why, or ""
	NotCacheable  Kind = "not-cacheable" // likewise
	CachePulled   Kind = "cache-pulled"  // ID of the key, Names, of which there is one: a place
	CachePushed   Kind = "cache-pushed"  // ID of the key, Names of places; it is under way
	Output        Kind = "output"        // FD, Data
	Image         Kind = "image"         // ID
	Commit        Kind = "commit"        // Names, of which there is none or the destination
	Tagged        Kind = "tagged"        // Names, of which there is one
	UnusedArgs    Kind = "unused-args"   // Names
	Warned        Kind = "warning"       // Warning
	Usage         Kind = "usage"         // Text
	Transfer      Kind = "transfer"      // Data: lines about an image on its way
	Log           Kind = "log"           // Data: lines of libraries
	Finished      Kind = "result"        // Result
	Failure       Kind = "error"         // Failed
)

// Event is one thing that happened. A renderer must not keep Data, which belongs to
// whoever wrote it.
type Event struct {
	Kind  Kind
	Time  time.Time
	Group *Group // nil when it is about everything
	Step  *Step  // the one under way in that group; nil between steps

	Text    string
	ID      string
	Names   []string
	FD      int // 1 or 2
	Data    []byte
	Steps   int
	Status  Status
	Seconds float64
	Bytes   int64
	Warning Warning
	Result  Result
	Failed  Failed
}

// Step is one step of a stage.
type Step struct {
	Number int // from 1, in its group
	Text   string
	File   string // where it stands; "" for what no file says
	Line   int    // from 1; 0 likewise
	Begun  time.Time

	id int // in the whole stream
}

// Status is how something ended.
type Status string

// Something that was stopped did not fail itself.
const (
	Done    Status = "done"
	Failing Status = "failed"
	Stopped Status = "stopped"
)

// Warning is a line about what does not stop the build. One that a lint rule gives
// says which and where.
type Warning struct {
	Text         string
	Rule, URL    string
	File         string
	Line, Column int // from 1; 0 when unknown
}

// Result is what was built.
type Result struct {
	ID     string
	Names  []string
	Digest string
	Images []PlatformImage // with several platforms
}

// PlatformImage is the image for one platform.
type PlatformImage struct {
	Platform string `json:"platform"`
	ID       string `json:"id"`
}

// Failed is why nothing was built.
type Failed struct {
	Text         string
	Step         string // the instruction, "" for an error that is not about one
	File         string
	Line, Column int // from 1; 0 when unknown
	ExitStatus   int // of this program
	Hints        []string
}

// Renderer shows events. The stream calls it for one event after the other.
type Renderer interface {
	// Render shows an event. Its error is that of whoever caused it: a command whose
	// output nobody takes is to learn of that.
	Render(e Event) error
	// Close shows what was held back, and puts right what was changed of a terminal.
	Close() error
}
