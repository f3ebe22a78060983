package builder

import (
	"slices"

	"github.com/projectatomic/buildah/internal/cdi"
)

// injectDevices adds the devices that have names instead of paths.
func (x *execution) injectDevices(s *specsSpec) error {
	names := slices.DeleteFunc(slices.Concat(x.o.Security.Devices, x.record.DeviceSpecs), func(text string) bool { return !cdi.IsName(text) })
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	dirs := slices.Clone([]string(x.engine.Config.CDISpecDirs))
	for _, dir := range []string{x.record.CDIConfigDir, x.o.Security.CDIConfigDir} {
		if dir != "" {
			dirs = append(dirs, dir)
		}
	}
	warnings, err := cdi.Inject(s, dirs, slices.Compact(names))
	for _, text := range warnings {
		x.engine.warn("%s", text)
	}
	return err
}
