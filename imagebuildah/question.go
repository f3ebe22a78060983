package imagebuildah

import (
	"context"
	"slices"

	"github.com/projectatomic/buildah/internal/buildcache"
)

// question is how a step is looked up.
//
// Files of other stages, images and addresses are looked up twice. At first the key
// says where they are from, which costs nothing. If that is not known, it says what
// is in them: a stage that was built anew often has the same files as before.
type question struct {
	key   buildcache.Key // nil: its result cannot be used again
	why   string         // if so, or if it is kept
	kept  bool           // it is not looked up, only remembered for other builds
	parts []filePart     // of the key
	fine  buildcache.Key // the key that says what is in the files; nil if the other one does, or while it is not known
	gone  string         // why an entry that was found was of no use

	entry  buildcache.Entry // what the step has come to
	learnt bool             // from another machine
}

// filePart is a part of a key that is about files.
type filePart struct {
	name  string
	vague bool // its value says where they are from; "" means that this is not known
	// digest reads them; the list may be nil.
	digest func(context.Context, *buildcache.Files) (string, error)
	// came gives the value, and of a vague part what is in the files, as they were when
	// the step was carried out; false means that it is not known. nil leaves the value,
	// and reads them.
	came func() (value, content string, ok bool)
}

// contentValue is a vague part that says what is in the files.
func contentValue(digest string) string { return contentPrefix + digest }

const contentPrefix = "files "

// never says why the result of a step cannot be used again.
func never(why string) (question, error) { return question{why: why}, nil }

// add adds a part about files.
func (q *question) add(value string, p filePart) {
	q.key.Add(p.name, value)
	q.parts = append(q.parts, p)
}

// vague tells whether the key says of some files only where they are from.
func (q *question) vague() bool {
	return slices.ContainsFunc(q.parts, func(p filePart) bool { return p.vague })
}

// sharpen makes the key that says what is in the files. False is files that cannot be
// read; carrying the step out says what is wrong with them.
func (q *question) sharpen(ctx context.Context) bool {
	fine := slices.Clone(q.key)
	for _, p := range q.parts {
		if !p.vague {
			continue
		}
		found, err := p.digest(ctx, nil)
		if err != nil {
			return false
		}
		fine.Set(p.name, contentValue(found))
	}
	q.fine = fine
	return true
}

// best is the key that says most.
func (q *question) best() buildcache.Key {
	if q.fine != nil {
		return q.fine
	}
	return q.key
}

// blind tells whether nothing is known of where some of the files are from.
func (q *question) blind() bool {
	return slices.ContainsFunc(q.parts, func(p filePart) bool { return p.vague && q.key.Get(p.name) == "" })
}

// keys are those that the result of the step is kept under.
func (q *question) keys() []buildcache.Key {
	var keys []buildcache.Key
	if q.key != nil && !q.blind() {
		keys = append(keys, q.key)
	}
	if q.fine != nil {
		keys = append(keys, q.fine)
	}
	return keys
}

// completeKey fills in what is only known once the step was carried out: of the files
// that were taken, what they really were.
func (r *stageRun) completeKey(ctx context.Context, q *question) error {
	contents := map[string]string{}
	for _, p := range q.parts {
		switch {
		case p.came != nil:
			value, content, ok := p.came()
			if !ok {
				q.key = nil
				return nil
			}
			q.key.Set(p.name, value)
			contents[p.name] = content
		case p.vague:
			list := &buildcache.Files{}
			found, err := p.digest(ctx, list)
			if err != nil {
				return err
			}
			contents[p.name] = found
			if err := r.cache.KeepFiles(found, list); err != nil {
				return err
			}
		}
	}
	if !q.vague() {
		return nil
	}
	q.fine = slices.Clone(q.key)
	for _, p := range q.parts {
		if p.vague {
			q.fine.Set(p.name, contentValue(contents[p.name]))
		}
	}
	return nil
}

// keepLists keeps what is in the files that the step took, to say later what has changed.
func (r *stageRun) keepLists(ctx context.Context, q *question) error {
	if r.caching.files != nil {
		if err := r.cache.KeepFiles(r.caching.sources, r.caching.files); err != nil {
			return err
		}
	}
	for _, p := range q.parts {
		value := q.key.Get(p.name)
		if p.vague || p.came != nil || r.cache.HasFiles(value) {
			continue
		}
		list := &buildcache.Files{}
		if found, err := p.digest(ctx, list); err != nil || found != value {
			continue // they are being changed
		}
		if err := r.cache.KeepFiles(value, list); err != nil {
			return err
		}
	}
	return nil
}
