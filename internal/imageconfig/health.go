package imageconfig

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// newHealthcheck is what the first change of a health check starts from.
func newHealthcheck() HealthConfig {
	return HealthConfig{Test: []string{"NONE"}, Interval: 30 * time.Second, Timeout: 30 * time.Second, Retries: 3}
}

// given tells whether anything is to be changed.
func (c HealthChange) given() bool {
	return c.Test.Given || c.Interval.Given || c.Retries.Given || c.StartPeriod.Given || c.StartInterval.Given || c.Timeout.Given
}

// options are the options as the history writes them, each with a space after it.
func (c HealthChange) options() string {
	var b strings.Builder
	for _, o := range []struct {
		name string
		Text
	}{
		{"interval", c.Interval},
		{"retries", c.Retries},
		{"start-period", c.StartPeriod},
		{"start-interval", c.StartInterval},
		{"timeout", c.Timeout},
	} {
		if o.Given {
			b.WriteString("--" + o.name + "=" + o.Value + " ")
		}
	}
	return b.String()
}

func (a *applier) health() {
	c := a.Health
	if !c.given() {
		return
	}
	a.dropped("HEALTHCHECK", " and")
	if c.Test.Given && strings.TrimSpace(c.Test.Value) == "" {
		a.record("HEALTHCHECK NONE")
		a.image.SetHealthcheck(nil)
		return
	}
	a.record("HEALTHCHECK " + c.options() + c.Test.Value)
	h := newHealthcheck()
	if have := a.image.Docker.Config.Healthcheck; have != nil {
		h = *have.clone()
	}
	if err := c.apply(&h); err != nil {
		a.fail(fmt.Errorf("setting the health check: %w", err))
		return
	}
	a.image.SetHealthcheck(&h)
}

// apply changes what is given in h.
func (c HealthChange) apply(h *HealthConfig) error {
	if c.Test.Given {
		words, err := ShellSplit(c.Test.Value)
		if err != nil {
			return err
		}
		h.Test = words
	}
	for _, d := range []struct {
		name string
		Text
		field *time.Duration
	}{
		{"interval", c.Interval, &h.Interval},
		{"start period", c.StartPeriod, &h.StartPeriod},
		{"start interval", c.StartInterval, &h.StartInterval},
		{"timeout", c.Timeout, &h.Timeout},
	} {
		if !d.Given {
			continue
		}
		v, err := time.ParseDuration(d.Value)
		if err != nil {
			return fmt.Errorf("parsing the %s %q: %w", d.name, d.Value, err)
		}
		if v < 0 {
			return fmt.Errorf("parsing the %s %q: it is negative", d.name, d.Value)
		}
		*d.field = v
	}
	if !c.Retries.Given {
		return nil
	}
	n, err := strconv.Atoi(c.Retries.Value)
	if err != nil || n < 0 {
		return fmt.Errorf("parsing the number of retries %q: want a whole number that is not negative", c.Retries.Value)
	}
	h.Retries = n
	return nil
}
