package lambdafake

import (
	"fmt"
	"os"
	"strings"
	"sync"
)

// keptOutput is how much of an instance's output is kept, in bytes, from its end.
const keptOutput = 1 << 20

// output is what an instance writes: a file without a name, so that what was
// written before an answer is there when the answer is, and nothing is left
// behind however the tests end.
type output struct {
	mu   sync.Mutex
	file *os.File // nil when closed
	kept []string // when closed
}

func newOutput() (*output, error) {
	file, err := os.CreateTemp("", "lambdafake-")
	if err != nil {
		return nil, fmt.Errorf("nowhere to keep output: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, err
	}
	return &output{file: file}, nil
}

// lines are what was written so far.
func (o *output) lines() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file == nil {
		return o.kept
	}
	info, err := o.file.Stat()
	if err != nil {
		return nil
	}
	from := max(0, info.Size()-keptOutput)
	text := make([]byte, info.Size()-from)
	n, _ := o.file.ReadAt(text, from) // what can be read is shown
	trimmed := strings.TrimRight(string(text[:n]), "\n")
	if trimmed == "" {
		return nil
	}
	return strings.Split(trimmed, "\n")
}

// last is the last line that is not empty.
func (o *output) last() string {
	lines := o.lines()
	if len(lines) == 0 {
		return ""
	}
	return lines[len(lines)-1]
}

// close keeps the lines without the file.
func (o *output) close() {
	kept := o.lines()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file != nil {
		_ = o.file.Close()
		o.file, o.kept = nil, kept
	}
}
