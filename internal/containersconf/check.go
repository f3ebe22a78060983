package containersconf

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
)

// check refuses values that would only be found out in the middle of the work,
// and brings capabilities into one form.
func (c *Config) check() error {
	return errors.Join(c.Containers.check(), c.Engine.check())
}

func (c *Containers) check() error {
	var errs []error
	for n, name := range c.DefaultCapabilities {
		name = strings.ToUpper(name)
		if !strings.HasPrefix(name, "CAP_") {
			name = "CAP_" + name
		}
		c.DefaultCapabilities[n] = name
	}
	for _, limit := range c.DefaultUlimits {
		if _, err := units.ParseUlimit(limit); err != nil {
			errs = append(errs, fmt.Errorf("default_ulimits: %q: %w", limit, err))
		}
	}
	for _, device := range c.Devices {
		if err := checkDevice(device); err != nil {
			errs = append(errs, fmt.Errorf("devices: %q: %w", device, err))
		}
	}
	if c.ShmSize != "" {
		if _, err := units.RAMInBytes(c.ShmSize); err != nil {
			errs = append(errs, fmt.Errorf("shm_size: %w", err))
		}
	}
	if c.Umask != "" {
		if v, err := strconv.ParseUint(c.Umask, 8, 32); err != nil || v > 0o777 {
			errs = append(errs, fmt.Errorf("umask: %q is not an octal mode", c.Umask))
		}
	}
	return errors.Join(errs...)
}

// checkDevice checks the form host[:container][:rwm]; a name such as
// "vendor.com/class=name" stands for a device that a description file knows.
func checkDevice(device string) error {
	if !strings.HasPrefix(device, "/") && strings.Contains(device, "=") {
		return nil
	}
	parts := strings.Split(device, ":")
	if len(parts) > 3 {
		return errors.New("want host[:container][:rwm]")
	}
	last := len(parts) - 1
	if last == 2 || (last == 1 && !strings.HasPrefix(parts[1], "/")) {
		if parts[last] == "" || strings.Trim(parts[last], "rwm") != "" {
			return fmt.Errorf("permissions %q: want some of r, w and m", parts[last])
		}
		parts = parts[:last]
	}
	for _, path := range parts {
		if !strings.HasPrefix(path, "/") {
			return fmt.Errorf("%q is not an absolute path", path)
		}
	}
	return nil
}

func (e *Engine) check() error {
	var errs []error
	errs = append(errs, checkEnv(e.Env))
	if !slices.Contains([]string{"systemd", "cgroupfs"}, e.CgroupManager) {
		errs = append(errs, fmt.Errorf("cgroup_manager: %q is neither \"systemd\" nor \"cgroupfs\"", e.CgroupManager))
	}
	if e.ImageCopyTmpDir == "" {
		e.ImageCopyTmpDir = defaultTmpDir
	}
	if dir := e.ImageCopyTmpDir; dir != "storage" && !filepath.IsAbs(dir) {
		errs = append(errs, fmt.Errorf("image_copy_tmp_dir: %q is neither \"storage\" nor an absolute path", dir))
	}
	if e.Retry < 0 || e.ImageParallelCopies < 0 {
		errs = append(errs, fmt.Errorf("retry and image_parallel_copies: %d and %d must not be negative", e.Retry, e.ImageParallelCopies))
	}
	if e.CompressionMemory != "" {
		if _, err := units.RAMInBytes(e.CompressionMemory); err != nil {
			errs = append(errs, fmt.Errorf("compression_memory: %w", err))
		}
	}
	if text := e.RetryDelayText; text != "" {
		delay, err := time.ParseDuration(text)
		if err != nil || delay < 0 {
			errs = append(errs, fmt.Errorf("retry_delay: %q is not a duration such as \"2s\"", text))
		}
		e.RetryDelay = delay
	}
	if !slices.Contains([]string{"", "always", "missing", "never", "newer", "ifmissing", "notpresent", "ifnewer"}, strings.ToLower(e.PullPolicy)) {
		errs = append(errs, fmt.Errorf("pull_policy: unsupported policy %q", e.PullPolicy))
	}
	return errors.Join(errs...)
}

func checkEnv(items []string) error {
	var errs []error
	for _, item := range items {
		if name, _, ok := strings.Cut(item, "="); !ok || name == "" {
			errs = append(errs, fmt.Errorf("env: %q is not KEY=VALUE", item))
		}
	}
	return errors.Join(errs...)
}
