package oci

import (
	"regexp"
	"strconv"
	"strings"
)

// explain makes one line of what a runtime has said before it gave up.
func explain(said, fallback string) string {
	line := oneLine(said)
	if line == "" {
		return fallback
	}
	for _, noise := range []string{"runc run failed: ", "unable to start container process: ", "container_linux.go: ", "starting container process caused: "} {
		line = strings.ReplaceAll(line, noise, "")
	}
	return strings.TrimSuffix(line, ": unknown")
}

// oneLine takes the last line that is not a warning, and its text if it is a log
// entry.
func oneLine(said string) string {
	last, any := "", ""
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		text, level := logText(line)
		any = text
		if level != "warning" && level != "info" && level != "debug" {
			last = text
		}
	}
	if last == "" {
		return any
	}
	return last
}

// logText takes apart what logrus writes: time="..." level=error msg="...".
func logText(line string) (text, level string) {
	if !strings.HasPrefix(line, "time=") {
		return line, ""
	}
	if m := regexp.MustCompile(`\blevel=(\w+)`).FindStringSubmatch(line); m != nil {
		level = m[1]
	}
	_, quoted, ok := strings.Cut(line, "msg=")
	if !ok {
		return line, level
	}
	prefix, err := strconv.QuotedPrefix(quoted)
	if err != nil {
		return quoted, level
	}
	if text, err = strconv.Unquote(prefix); err != nil {
		return quoted, level
	}
	return text, level
}
