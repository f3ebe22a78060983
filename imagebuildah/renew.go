package imagebuildah

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// CacheOptions say what of the cache is used, with Layers. Each zero value is the default.
type CacheOptions struct {
	Renew []string      // names or numbers of stages of which nothing is looked up
	TTL   time.Duration // how old a result may be; 0 is any age
}

// anew tells whether nothing of the stage is looked up.
func (r *stageRun) anew() bool { return r.renewed[r.stage.index] }

// renewed finds the stages that shall be carried out anew. One after the target is
// no mistake.
func (p *plan) renewed(list []*instruction, names []string) (map[int]bool, error) {
	found := map[int]bool{}
	for _, name := range names {
		known := false
		at := 0
		var all []string
		for _, in := range list {
			if in.from == nil {
				continue
			}
			own, err := in.src.word(in.from.name, p.visible(nil))
			if err != nil {
				return nil, in.fail(err)
			}
			if own != "" {
				all = append(all, own)
			}
			if own != "" && strings.EqualFold(own, name) || name == strconv.Itoa(at) {
				known, found[at] = true, true
			}
			at++
		}
		if !known {
			return nil, fmt.Errorf("--no-cache-filter=%s: no stage has this name or number%s", name, didYouMean(name, all))
		}
	}
	return found, nil
}
