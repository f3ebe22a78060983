package transfer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.podman.io/image/v5/copy"
)

// ListMembers says which members of a list go with it.
type ListMembers int

// The values of ListMembers.
const (
	MembersFit  ListMembers = iota // all, or only that for this machine where one image is all there can be
	MembersAll                     // all; a destination for one image is refused
	MembersNone                    // none: the destination has them
)

// ListPush is what only concerns lists.
type ListPush struct {
	Members        ListMembers
	AddCompression []string // for each platform, a member compressed this way beside the others
	Preferred      []string // as AddCompression, where it is possible, when that is empty
	Artifacts      bool     // some member is an artifact
}

// selectMembers tells the copier which members go along, and what is made of them.
func (o *PushOptions) selectMembers(to *copy.Options) error {
	to.ImageListSelection = copy.CopyAllImages
	if o.List.Members == MembersNone {
		to.ImageListSelection = copy.CopySpecificImages // and none of them
		return nil
	}
	for _, format := range o.variants() {
		algorithm, err := compressor(format)
		if err != nil {
			return err
		}
		to.EnsureCompressionVariantsExist = append(to.EnsureCompressionVariantsExist, copy.OptionCompressionVariant{Algorithm: algorithm})
	}
	return nil
}

// variants are the compressions in which there is to be a member for each platform.
func (o *PushOptions) variants() []string {
	if len(o.List.AddCompression) > 0 {
		return o.List.AddCompression
	}
	preferred := *o
	preferred.List.AddCompression = o.List.Preferred
	if preferred.checkList() != nil {
		return nil
	}
	return o.List.Preferred
}

// checkList refuses what the formats of lists can't do.
func (o *PushOptions) checkList() error {
	docker := o.Format == "docker" || o.Format == "v2s2"
	switch l := &o.List; {
	case o.Format == "v2s1":
		return fmt.Errorf("the format %q has no lists: use oci or v2s2", o.Format)
	case docker && l.Artifacts:
		return fmt.Errorf("lists in the format %q have no artifacts: use --format oci", o.Format)
	case docker && slices.ContainsFunc(l.AddCompression, func(format string) bool { return format != "gzip" }):
		return fmt.Errorf("images in the format %q have no layers in %s: use --format oci", o.Format, strings.Join(l.AddCompression, " and "))
	case len(l.AddCompression) > 0 && l.Artifacts:
		return errors.New("a list with artifacts cannot get members in another compression: files are pushed as they are")
	case len(l.AddCompression) > 0 && l.Members == MembersNone:
		return errors.New("members in another compression are made of the members, which are not to be pushed")
	}
	return nil
}
