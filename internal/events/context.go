package events

import "context"

type contextKey struct{}

// With gives a context for work that a group asks for, wherever it is done.
func With(ctx context.Context, g *Group) context.Context {
	if g == nil {
		return ctx
	}
	return context.WithValue(ctx, contextKey{}, g)
}

// Of is the group that asks for the work, nil when none does.
func Of(ctx context.Context) *Group {
	g, _ := ctx.Value(contextKey{}).(*Group)
	return g
}
