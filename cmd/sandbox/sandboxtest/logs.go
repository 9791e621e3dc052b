package sandboxtest

import (
	"log/slog"
	"sync"
)

// Logs keeps what a sandbox logs, as lines of JSON.
type Logs struct {
	mu    sync.Mutex
	lines []string
}

// maxLines is how many lines are kept.
const maxLines = 20000

// NewLogs returns a log, and the logger that writes to it.
func NewLogs() (*Logs, *slog.Logger) {
	l := &Logs{}
	return l, slog.New(slog.NewJSONHandler(l, nil))
}

// Write takes one line. When the log is full, the older half is dropped.
func (l *Logs) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) == maxLines {
		l.lines = append(l.lines[:0], l.lines[maxLines/2:]...)
	}
	l.lines = append(l.lines, string(line))
	return len(line), nil
}

// All returns the lines that are kept, oldest first.
func (l *Logs) All() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string{}, l.lines...)
}
