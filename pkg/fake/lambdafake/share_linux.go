package lambdafake

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const cgroups = "/sys/fs/cgroup"

// period is the length of a quota's period in microseconds. Lambda's is 20 ms, as
// measured inside functions. The smallest quota of the kernel is 1 ms.
const period = 20000

// shares counts the groups of this process, for their names.
var shares atomic.Int64

// share is a cgroup that gives one process a part of one CPU. A nil share does not
// limit it.
type share struct {
	dir  string   // directory of the group
	old  string   // cgroups version 1: directory of this process's group
	file *os.File // cgroups version 2: the open directory
}

// checkShare makes a group and removes it again, to check that it is possible.
func checkShare(cpu float64) error {
	s, err := newShare(cpu)
	if err == nil {
		s.remove()
	}
	return err
}

// newShare makes a group with a quota.
func newShare(cpu float64) (*share, error) {
	if cpu == 0 {
		return nil, nil
	}
	quota := int(cpu * period)
	if quota < 1000 || cpu > 1 {
		return nil, fmt.Errorf("a share of a CPU must be 0.05 to 1, not %v", cpu)
	}
	name := fmt.Sprintf("lambdafake-%d-%d", os.Getpid(), shares.Add(1))
	s := &share{dir: filepath.Join(cgroups, name)}
	settings := map[string]string{"cpu.max": fmt.Sprintf("%d %d", quota, period)}
	if _, err := os.Stat(filepath.Join(cgroups, "cgroup.controllers")); errors.Is(err, os.ErrNotExist) {
		s.dir, s.old = filepath.Join(cgroups, "cpu", name), currentGroup()
		settings = map[string]string{
			"cpu.cfs_period_us": strconv.Itoa(period), "cpu.cfs_quota_us": strconv.Itoa(quota),
		}
	}
	if err := s.make(settings); err != nil {
		s.remove()
		return nil, fmt.Errorf("a share of a CPU needs permission to write %s: %w", cgroups, err)
	}
	return s, nil
}

// currentGroup returns the directory of this process's cpu group.
func currentGroup() string {
	text, _ := os.ReadFile("/proc/self/cgroup") // without this file it is the top group
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 && strings.Contains(","+parts[1]+",", ",cpu,") {
			return filepath.Join(cgroups, "cpu", parts[2])
		}
	}
	return filepath.Join(cgroups, "cpu")
}

func (s *share) make(settings map[string]string) error {
	if err := os.Mkdir(s.dir, 0o750); err != nil {
		return err
	}
	for name, value := range settings {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(value), 0o600); err != nil {
			return err
		}
	}
	if s.old != "" {
		return nil
	}
	var err error
	s.file, err = os.Open(s.dir)
	return err
}

// start starts a process inside the group, so that the quota holds from its first
// instruction. With version 2 the kernel puts the process into the group; with
// version 1 the process inherits the group of the thread that starts it.
func (s *share) start(start func() error, attributes *syscall.SysProcAttr) error {
	switch {
	case s == nil:
		return start()
	case s.file != nil:
		attributes.UseCgroupFD, attributes.CgroupFD = true, int(s.file.Fd())
		return start()
	}
	if err := enter(s.dir); err != nil {
		return err
	}
	err := start()
	return errors.Join(err, enter(s.old))
}

// enter moves the calling thread into a group of version 1.
func enter(dir string) error {
	return os.WriteFile(filepath.Join(dir, "tasks"), []byte("0"), 0o600)
}

// remove removes the group. It tries again for a second, because the kernel can
// count a process for a short time after it was reaped.
func (s *share) remove() {
	if s == nil {
		return
	}
	if s.file != nil {
		_ = s.file.Close()
	}
	for range 100 {
		if err := os.Remove(s.dir); err == nil || errors.Is(err, os.ErrNotExist) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
