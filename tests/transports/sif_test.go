package transports

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/sylabs/sif/v2/pkg/sif"
)

// makeSIF writes subject.sif, where the programs that make and read one are installed.
func makeSIF(t *testing.T, p *place) {
	t.Helper()
	for _, tool := range []string{"mksquashfs", "unsquashfs", "fakeroot"} {
		if _, err := exec.LookPath(tool); err != nil {
			return
		}
	}
	p.write("sif/hello", "hello\n")
	out, err := exec.CommandContext(t.Context(), "mksquashfs", p.path("sif"), p.path("squash"), "-quiet", "-no-progress").CombinedOutput()
	if err != nil {
		t.Fatalf("mksquashfs: %v: %s", err, out)
	}
	data, err := os.ReadFile(p.path("squash"))
	must(t, err)
	part, err := sif.NewDescriptorInput(sif.DataPartition, bytes.NewReader(data), sif.OptPartitionMetadata(sif.FsSquash, sif.PartPrimSys, "amd64"))
	must(t, err)
	image, err := sif.CreateContainerAtPath(p.path("subject.sif"), sif.OptCreateWithDescriptors(part))
	must(t, err)
	must(t, image.UnloadContainer())
}
