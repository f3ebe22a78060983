package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/projectatomic/buildah/builder"
)

// timeFlags fix the times in an image.
type timeFlags struct {
	timestamp     int64
	epochText     string
	reference     string
	omit, rewrite bool
	asked         struct{ timestamp, epoch bool }
}

func (f *timeFlags) options() []*option {
	return []*option{
		boolOption("rewrite-timestamp", &f.rewrite, "make times in new layers that are later than --source-date-epoch equal to it"),
		noting(textOption("source-date-epoch", "SECONDS", &f.epochText, "time of the image in seconds since 1970, also from SOURCE_DATE_EPOCH"), &f.asked.epoch),
		noting(numberOption("timestamp", &f.timestamp, "time of the image and of everything in new layers, in seconds since 1970"), &f.asked.timestamp),
	}
}

// hidden are older spellings.
func (f *timeFlags) hidden() []*option {
	return []*option{
		boolOption("omit-timestamp", &f.omit, "the same as --timestamp 0").hide(),
		textOption("reference-time", "FILE", &f.reference, "take the time of FILE").hide(),
	}
}

// settle gives the times. More than one source of them would be ambiguous.
func (f *timeFlags) settle(p *program) (builder.Times, error) {
	t := builder.Times{Rewrite: f.rewrite}
	text := f.epochText
	if !f.asked.epoch {
		text = p.env("SOURCE_DATE_EPOCH")
	}
	sources := 0
	for _, given := range []bool{f.asked.timestamp, f.omit, f.reference != "", text != ""} {
		if given {
			sources++
		}
	}
	switch {
	case sources > 1 && f.asked.timestamp && text != "":
		return t, usageError{text: "timestamp and source-date-epoch would be ambiguous if allowed together" + f.remedy()}
	case sources > 1:
		return t, usageError{text: "only one of --timestamp, --source-date-epoch, --reference-time and --omit-timestamp may be given"}
	case f.asked.timestamp, f.omit:
		t.Timestamp = atSecond(f.timestamp)
	case f.reference != "":
		info, err := os.Stat(f.reference)
		if err != nil {
			return t, fmt.Errorf("reading the reference time: %w", err)
		}
		modified := info.ModTime().UTC()
		t.Timestamp = &modified
	case text != "":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return t, usageError{text: fmt.Sprintf("error parsing source-date-epoch offset %q: it is a number of seconds", text)}
		}
		t.Epoch = atSecond(n)
	}
	return t, nil
}

// remedy tells those who typed one flag only where the other time comes from.
func (f *timeFlags) remedy() string {
	if f.asked.epoch {
		return ""
	}
	return ": leave out --timestamp, or unset SOURCE_DATE_EPOCH in the environment"
}

func atSecond(n int64) *time.Time {
	t := time.Unix(n, 0).UTC()
	return &t
}
