package buildcache

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Part is one of the things that a step's result follows from.
type Part struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Key tells a step from all that could give another result. Nothing in it depends on
// the clock, on paths or on the machine.
type Key []Part

// format is a part of every key: what was written by a program with another one is
// not found.
const format = "1"

// Add appends a part; the order counts.
func (k *Key) Add(name, value string) { *k = append(*k, Part{name, value}) }

// Set exchanges the value of a part.
func (k Key) Set(name, value string) {
	for i := range k {
		if k[i].Name == name {
			k[i].Value = value
		}
	}
}

// Digest is the hexadecimal sha256 of the parts. No two lists share it: each text
// has its length in front.
func (k Key) Digest() string {
	h := sha256.New()
	var size [8]byte
	write := func(text string) {
		binary.BigEndian.PutUint64(size[:], uint64(len(text)))
		h.Write(size[:])
		h.Write([]byte(text))
	}
	write(format)
	for _, part := range k {
		write(part.Name)
		write(part.Value)
	}
	return hex.EncodeToString(h.Sum(nil))
}
