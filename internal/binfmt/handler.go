package binfmt

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// handler is what binfmt_misc knows of one interpreter.
type handler struct {
	enabled     bool
	offset      int
	magic, mask []byte // nil for a handler that looks at the names of files
}

// parseHandler reads the file that binfmt_misc shows of a handler.
func parseHandler(text string) (h handler, err error) {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "enabled":
			h.enabled = true
		case "offset":
			h.offset, err = strconv.Atoi(value)
		case "magic":
			h.magic, err = hex.DecodeString(value)
		case "mask":
			h.mask, err = hex.DecodeString(value)
		}
		if err != nil {
			return h, fmt.Errorf("reading a binfmt_misc handler: %q: %w", line, err)
		}
	}
	if h.offset < 0 || h.mask != nil && len(h.mask) != len(h.magic) {
		return h, fmt.Errorf("reading a binfmt_misc handler: its mask does not fit its magic")
	}
	return h, nil
}

// takes tells whether the kernel gives a file with this beginning to the handler.
func (h handler) takes(beginning []byte) bool {
	if !h.enabled || len(h.magic) == 0 || h.offset > len(beginning) || len(h.magic) > len(beginning)-h.offset {
		return false
	}
	part := bytes.Clone(beginning[h.offset : h.offset+len(h.magic)])
	magic := bytes.Clone(h.magic)
	for i := range h.mask {
		part[i] &= h.mask[i]
		magic[i] &= h.mask[i]
	}
	return bytes.Equal(part, magic)
}

// machine is how programs of an architecture begin.
type machine struct {
	wide  bool // 64 bits
	order binary.ByteOrder
	code  uint16 // e_machine
}

// machines are the architectures, as images spell them.
var machines = map[string]machine{
	"386":      {false, binary.LittleEndian, 3},
	"amd64":    {true, binary.LittleEndian, 62},
	"arm":      {false, binary.LittleEndian, 40},
	"arm64":    {true, binary.LittleEndian, 183},
	"loong64":  {true, binary.LittleEndian, 258},
	"mips":     {false, binary.BigEndian, 8},
	"mips64":   {true, binary.BigEndian, 8},
	"mips64le": {true, binary.LittleEndian, 8},
	"mipsle":   {false, binary.LittleEndian, 8},
	"ppc64":    {true, binary.BigEndian, 21},
	"ppc64le":  {true, binary.LittleEndian, 21},
	"riscv64":  {true, binary.LittleEndian, 243},
	"s390x":    {true, binary.BigEndian, 22},
}

const (
	headerSize = 64
	executable = 2 // e_type
)

// header is the beginning of a program for the machine (elf(5)).
func (m machine) header() []byte {
	h := make([]byte, headerSize)
	copy(h, "\x7fELF\x01\x01\x01")
	if m.wide {
		h[4] = 2
	}
	if m.order == binary.BigEndian {
		h[5] = 2
	}
	m.order.PutUint16(h[16:], executable)
	m.order.PutUint16(h[18:], m.code)
	m.order.PutUint32(h[20:], 1)
	return h
}

// Architecture tells from the beginning of a program for which architecture it is;
// "" when it is no program, or for none that images are made for.
func Architecture(beginning []byte) string {
	if len(beginning) < headerSize {
		return ""
	}
	for arch, m := range machines {
		h := m.header()
		// Class and byte order, then e_machine; what else there is may differ.
		if bytes.Equal(beginning[:6], h[:6]) && bytes.Equal(beginning[18:20], h[18:20]) {
			return arch
		}
	}
	return ""
}
