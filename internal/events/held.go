package events

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// heldInMemory is how much all that is held back takes there. What comes then goes
// into files.
const heldInMemory = 1 << 20

// room is where what is held back is kept.
type room struct {
	memory  int // bytes held back there
	tempDir string
}

// held is text that waits for its turn.
type held struct {
	room *room
	list []record
	file *os.File // without a name; it comes after the list
	size int      // bytes of the list
}

// record is what goes to one sink.
type record struct {
	to   sink
	data []byte
}

// add keeps a copy.
func (h *held) add(to sink, data []byte) error {
	if h.file == nil && h.room.memory+len(data) <= heldInMemory {
		h.room.memory += len(data)
		h.size += len(data)
		if last := len(h.list) - 1; last >= 0 && h.list[last].to == to && to != sinkWarn {
			h.list[last].data = append(h.list[last].data, data...)
			return nil
		}
		h.list = append(h.list, record{to, append([]byte(nil), data...)})
		return nil
	}
	if err := h.spill(to, data); err != nil {
		return fmt.Errorf("holding back the output of a stage: %w", err)
	}
	return nil
}

// spill appends to the file.
func (h *held) spill(to sink, data []byte) error {
	if h.file == nil {
		f, err := os.CreateTemp(h.room.tempDir, "buildah-output-")
		if err != nil {
			return err
		}
		h.file = f
		if err := os.Remove(f.Name()); err != nil {
			return err
		}
	}
	head := binary.AppendUvarint([]byte{byte(to)}, uint64(len(data)))
	if _, err := h.file.Write(head); err != nil {
		return err
	}
	_, err := h.file.Write(data)
	return err
}

// release shows all of it.
func (h *held) release(show func(sink, []byte) error) error {
	var errs []error
	for _, r := range h.list {
		errs = append(errs, show(r.to, r.data))
	}
	if h.file != nil {
		errs = append(errs, h.replay(show))
	}
	return errors.Join(append(errs, h.close())...)
}

// replay shows what the file has. It says once why something could not be shown.
func (h *held) replay(show func(sink, []byte) error) error {
	if _, err := h.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("reading back the output of a stage: %w", err)
	}
	r := bufio.NewReader(h.file)
	for {
		to, err := r.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		size, err := binary.ReadUvarint(r)
		if err != nil {
			return fmt.Errorf("reading back the output of a stage: %w", err)
		}
		data := make([]byte, size) // no more than one write had
		if _, err := io.ReadFull(r, data); err != nil {
			return fmt.Errorf("reading back the output of a stage: %w", err)
		}
		if err := show(sink(to), data); err != nil {
			return err
		}
	}
}

// close frees what it takes.
func (h *held) close() error {
	h.room.memory -= h.size
	h.list, h.size = nil, 0
	if h.file == nil {
		return nil
	}
	f := h.file
	h.file = nil
	return f.Close()
}
