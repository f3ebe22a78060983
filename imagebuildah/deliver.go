package imagebuildah

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/projectatomic/buildah/builder"
)

// Delivery is where the image goes besides the store: to the registries that its names
// name, or into one of the three.
type Delivery struct {
	Registries bool
	Dir        string    // in the OCI layout
	File       string    // an archive
	Stream     io.Writer // an archive
	Docker     bool      // it is an archive for docker, else one in the OCI layout
	Push       builder.PushOptions
}

// archive tells whether it is a file that is written as a whole.
func (d *Delivery) archive() bool { return d.File != "" || d.Stream != nil }

// checkDeliveries finds out before the work what cannot be made or delivered.
func (o *Options) checkDeliveries(e *builder.Engine) error {
	if err := (storeEngine{e}).CheckNames(o.Tags); err != nil {
		return err
	}
	if err := e.CheckResult(o.Tags, o.Lists.several(), o.Commit.Push); err != nil {
		return err
	}
	for _, d := range o.Deliveries {
		switch {
		case d.Registries:
			if err := e.CheckPublish(o.Tags, d.Push); err != nil {
				return err
			}
		case d.Docker && o.Lists.several():
			return errors.New("an archive for docker holds the image of one platform: use type=oci, or push the images")
		case strings.Contains(cmp.Or(d.Dir, d.File), ":"):
			return fmt.Errorf("writing the image to %q: a colon in a path would end it here: use another path", cmp.Or(d.Dir, d.File))
		default:
			if err := e.CheckPush(d.Push); err != nil {
				return err
			}
		}
	}
	return nil
}

// deliver copies the result to where else it goes. Its manifest is then that of the last
// place.
func (r *Result) deliver(ctx context.Context, e *builder.Engine, o Options) error {
	images := []string{r.ID}
	if len(r.Images) > 0 {
		images = nil
		for _, img := range r.Images {
			images = append(images, img.ID)
		}
	}
	for _, d := range o.Deliveries {
		d.Push.Timestamp = o.Commit.Push.Timestamp
		var err error
		switch {
		case d.Registries:
			r.Manifest, err = e.Publish(ctx, images, r.Names, d.Push)
		case d.archive():
			err = r.archive(ctx, e, images, d, o.Source.Fetch.TempDir)
		default:
			_, err = e.Deliver(ctx, images, r.named("oci:"+d.Dir), d.Push)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// named is a place that also says what the image is called.
func (r *Result) named(place string) string {
	if len(r.Names) == 0 {
		return place
	}
	return place + ":" + r.Names[0]
}

// archive writes a file that others see once it is complete.
func (r *Result) archive(ctx context.Context, e *builder.Engine, images []string, d Delivery, temp string) (err error) {
	var f *outFile
	if d.Stream != nil {
		file, err := os.CreateTemp(temp, "buildah-archive-")
		if err != nil {
			return fmt.Errorf("writing the image: %w", err)
		}
		defer func() { os.Remove(file.Name()) }()
		f = &outFile{File: file}
	} else if f, err = createFile(d.File); err != nil {
		return fmt.Errorf("writing the image: %w", err)
	}
	defer func() { err = errors.Join(err, f.finish(err == nil)) }()
	transport := "oci-archive:"
	if d.Docker {
		transport = "docker-archive:"
		d.Push.FurtherNames = r.Names[min(1, len(r.Names)):]
	}
	if _, err := e.Deliver(ctx, images, r.named(transport+f.Name()), d.Push); err != nil {
		return err
	}
	if d.Stream == nil {
		return nil
	}
	return copyFile(d.Stream, f.Name())
}

// copyFile writes what a path holds by now, which may be another file than at first.
func copyFile(to io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("writing the image: %w", err)
	}
	_, err = io.Copy(to, f)
	return errors.Join(err, f.Close())
}
