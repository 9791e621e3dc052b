package lambdafake

import (
	"fmt"
	"os"
	"strings"
	"sync"
)

// maxOutput is the limit for the output that is kept of an instance: its last bytes.
const maxOutput = 1 << 20

// output is the output of an instance. It is a file, so that everything written
// before an answer is there when the answer is. The file has no name, so that none
// is left behind, even if the tests crash.
type output struct {
	mu    sync.Mutex
	file  *os.File // nil after close
	saved []string // the lines, after close
}

func newOutput() (*output, error) {
	file, err := os.CreateTemp("", "lambdafake-")
	if err != nil {
		return nil, fmt.Errorf("make file for output: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, err
	}
	return &output{file: file}, nil
}

// lines returns the lines that were written so far.
func (o *output) lines() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file == nil {
		return o.saved
	}
	info, err := o.file.Stat()
	if err != nil {
		return nil
	}
	from := max(0, info.Size()-maxOutput)
	text := make([]byte, info.Size()-from)
	n, _ := o.file.ReadAt(text, from) // on an error, the lines that could be read
	trimmed := strings.TrimRight(string(text[:n]), "\n")
	if trimmed == "" {
		return nil
	}
	return strings.Split(trimmed, "\n")
}

// last returns the last line that is not empty.
func (o *output) last() string {
	lines := o.lines()
	if len(lines) == 0 {
		return ""
	}
	return lines[len(lines)-1]
}

// close closes the file and keeps its lines.
func (o *output) close() {
	lines := o.lines()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file != nil {
		_ = o.file.Close()
		o.file, o.saved = nil, lines
	}
}
