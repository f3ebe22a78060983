package imagebuildah

import "sync"

// shared makes each of several things once, also when two stages ask for it at the
// same time. What could not be made is tried again by whoever asks next.
type shared[K comparable, V any] struct {
	mu  sync.Mutex
	all map[K]*sharedThing[V]
}

type sharedThing[V any] struct {
	mu    sync.Mutex // held while it is made
	there bool
	value V
}

// get gives the thing of that name, which it makes where it is missing. What makes
// it must not wait for a stage: whoever wants the same thing keeps its slot.
func (s *shared[K, V]) get(name K, build func() (V, error)) (V, error) {
	s.mu.Lock()
	if s.all == nil {
		s.all = map[K]*sharedThing[V]{}
	}
	one := s.all[name]
	if one == nil {
		one = &sharedThing[V]{}
		s.all[name] = one
	}
	s.mu.Unlock()
	one.mu.Lock()
	defer one.mu.Unlock()
	if one.there {
		return one.value, nil
	}
	value, err := build()
	if err == nil {
		one.value, one.there = value, true
	}
	return value, err
}

// peek gives the thing of that name if it was made.
func (s *shared[K, V]) peek(name K) (value V, ok bool) {
	s.mu.Lock()
	one := s.all[name]
	s.mu.Unlock()
	if one == nil {
		return value, false
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	return one.value, one.there
}

// list gives all that were made. Nobody may be making any.
func (s *shared[K, V]) list() []V {
	s.mu.Lock()
	defer s.mu.Unlock()
	var made []V
	for _, one := range s.all {
		if one.there {
			made = append(made, one.value)
		}
	}
	return made
}
