// Package events is the one stream of what happens in a build, and the ways of
// showing it.
//
// A [Stream] has groups: the build for a platform, and in it its stages. They are
// declared in the order that a reader expects, whoever is at work first:
//
//	stream := events.New(&events.Plain{Steps: os.Stdout, Out: os.Stdout, Err: os.Stderr}, time.Now)
//	build := stream.Build("")
//	first := build.Stage(events.Position{Index: 0, Count: 2})
//	second := build.Stage(events.Position{Index: 1, Count: 2})
//
// Each goroutine then tells what happens in its own group:
//
//	second.Start(3)
//	second.Step("RUN make", "Dockerfile", 7)
//	cmd.Stdout, cmd.Stderr = second.Output(1), second.Output(2)
//	second.EndStep(events.Done, 0)
//	second.End(events.Done)
//
// A group that another one needs in its middle is declared there, as a child of it.
// How all of that is shown is the matter of a [Renderer].
package events
