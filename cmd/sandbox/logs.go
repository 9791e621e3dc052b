package main

import (
	"io"
	"log/slog"
	"sync"
)

// logs keeps the last lines of the log in memory, beside writing them out.
type logs struct {
	mu    sync.Mutex
	out   io.Writer // may be nil
	lines []string
}

// maxLines is how many lines are kept.
const maxLines = 20000

// newLogs returns a log of JSON lines, and the logger that writes it.
func newLogs(out io.Writer) (*logs, *slog.Logger) {
	l := &logs{out: out}
	return l, slog.New(slog.NewJSONHandler(l, nil))
}

// Write takes one line.
func (l *logs) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) == maxLines {
		l.lines = append(l.lines[:0], l.lines[maxLines/2:]...)
	}
	l.lines = append(l.lines, string(line))
	if l.out == nil {
		return len(line), nil
	}
	return l.out.Write(line)
}

// all are the lines that are kept, the oldest first.
func (l *logs) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string{}, l.lines...)
}
