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
const format = "2"

// PartSum is a part without its value, for those who may compare values and not read
// them.
type PartSum struct {
	Name string `json:"name"`
	Sum  string `json:"sum"` // hexadecimal sha256 of the value
}

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

// Get gives the value of a part, "" of one that is not there.
func (k Key) Get(name string) string {
	for _, part := range k {
		if part.Name == name {
			return part.Value
		}
	}
	return ""
}

// Sums are the parts without their values.
func (k Key) Sums() []PartSum {
	sums := make([]PartSum, len(k))
	for i, part := range k {
		sum := sha256.Sum256([]byte(part.Value))
		sums[i] = PartSum{part.Name, hex.EncodeToString(sum[:])}
	}
	return sums
}

// Digest is the hexadecimal sha256 of the parts. No two lists share it.
func (k Key) Digest() string { return digestOf(k.Sums()) }

// digestOf is the digest of the key that has these sums. Each text has its length in
// front.
func digestOf(sums []PartSum) string {
	h := sha256.New()
	var size [8]byte
	write := func(text string) {
		binary.BigEndian.PutUint64(size[:], uint64(len(text)))
		h.Write(size[:])
		h.Write([]byte(text))
	}
	write(format)
	for _, part := range sums {
		write(part.Name)
		write(part.Sum)
	}
	return hex.EncodeToString(h.Sum(nil))
}
