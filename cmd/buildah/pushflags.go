package main

import (
	"github.com/projectatomic/buildah/internal/containersconf"
	"github.com/projectatomic/buildah/internal/transfer"
)

// pushFlags are the flags of commands that write layers to another place.
type pushFlags struct {
	options transfer.PushOptions
	level   int
	asked   struct{ format, level, force, disable bool }
}

func (f *pushFlags) layerOptions() []*option {
	c := &f.options.Compression
	return []*option{
		noting(textOption("compression-format", "FORMAT", &c.Format, "compress layers with gzip, zstd or zstd:chunked"), &f.asked.format),
		noting(numberOption("compression-level", &f.level, "how hard to compress"), &f.asked.level),
		noting(boolOption("disable-compression,D", &c.Disable, "leave layers uncompressed where the destination allows it"), &f.asked.disable),
		noting(boolOption("force-compression", &c.Force, "compress anew what the destination has in another format"), &f.asked.force),
		numbersOption("encrypt-layer", &f.options.Encryption.Layers, "encrypt only this layer; 0 is the first, -1 the last"),
		listOption("encryption-key", "PROTOCOL:KEY", &f.options.Encryption.Keys, "encrypt layers for this key"),
	}
}

// compresses turns compression on for commands that leave layers as they are, where
// something of it was asked for.
func (f *pushFlags) compresses() error {
	c := &f.options.Compression
	if !f.asked.format && !f.asked.force {
		return nil
	}
	if f.asked.disable && c.Disable {
		return usageError{text: "--disable-compression contradicts --compression-format and --force-compression"}
	}
	c.Disable = false
	return nil
}

// settle fills what was not given from containers.conf.
func (f *pushFlags) settle(conf containersconf.Config) transfer.PushOptions {
	o := f.options
	c := &o.Compression
	if !f.asked.format && conf.CompressionFormat != "" && conf.CompressionFormat != "gzip" {
		c.Format = conf.CompressionFormat
	}
	switch {
	case f.asked.level:
		c.Level = &f.level
	case conf.CompressionLevel != nil:
		c.Level = conf.CompressionLevel
	}
	if !f.asked.force {
		c.Force = c.Format != ""
	}
	return o
}
