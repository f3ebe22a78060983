package builder

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/buildcache"
)

// inputLimit bounds the input that a key holds, in bytes.
const inputLimit = 16 << 20

// takeInput tells the input of a command from all others. It is false where that
// cannot be told before the command runs: a pipe that others may still write to. What
// was read off a pipe is put in its place.
//
// Nobody has typed yet, so a terminal is taken for no input; the caller asks
// afterwards whether that was true.
func takeInput(s *Stdio) (value string, ok bool, err error) {
	file, isFile := s.In.(*os.File)
	if s.In == nil {
		return "", true, nil
	}
	if !isFile {
		return "", false, nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return "", errors.Is(err, unix.EBADF), nil // a closed input is none
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFCHR:
		if st.Rdev == unix.Mkdev(1, 3) { // /dev/null
			return "", true, nil
		}
		_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
		s.Fed = new(atomic.Bool)
		return "", err == nil, nil
	case unix.S_IFREG:
		return fileInput(file, st.Size)
	case unix.S_IFIFO, unix.S_IFSOCK:
		return s.pipeInput(file)
	}
	return "", false, nil
}

// fileInput reads the rest of a file and leaves the position alone.
func fileInput(file *os.File, size int64) (string, bool, error) {
	at, err := file.Seek(0, io.SeekCurrent)
	if err != nil || size-at > inputLimit {
		return "", false, nil //nolint:nilerr // it is read as it comes
	}
	data, err := io.ReadAll(io.NewSectionReader(file, at, inputLimit))
	if err != nil {
		return "", false, fmt.Errorf("reading standard input: %w", err)
	}
	return textOfInput(data), true, nil
}

// pipeInput reads a pipe that nobody writes to any more.
func (s *Stdio) pipeInput(file *os.File) (string, bool, error) {
	fds := []unix.PollFd{{Fd: int32(file.Fd()), Events: unix.POLLIN}}
	if _, err := unix.Poll(fds, 0); err != nil || fds[0].Revents&unix.POLLHUP == 0 {
		return "", false, nil //nolint:nilerr // it is read as it comes
	}
	data, err := io.ReadAll(io.LimitReader(file, inputLimit+1))
	if err != nil {
		return "", false, fmt.Errorf("reading standard input: %w", err)
	}
	s.In = bytes.NewReader(data)
	if len(data) > inputLimit {
		s.In = io.MultiReader(s.In, file)
		return "", false, nil
	}
	return textOfInput(data), true, nil
}

func textOfInput(data []byte) string {
	if len(data) == 0 {
		return ""
	}
	return digest.FromBytes(data).Encoded()
}

// forget makes of the key of a command that somebody has typed for none.
func (s *Stdio) forget(key buildcache.Key) buildcache.Key {
	if s.Fed != nil && s.Fed.Load() {
		return nil
	}
	return key
}

// skipInput does to the input what the command would have done.
func (s *Stdio) skipInput() {
	if file, ok := s.In.(*os.File); ok && s.Terminal == nil {
		_, _ = file.Seek(0, io.SeekEnd) // what has no position has no input either
	}
}
