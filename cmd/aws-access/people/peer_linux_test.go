package people

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// otherUser makes a program run as another user.
func otherUser(t *testing.T) func(*exec.Cmd) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT RUN: only root can run a program as another user")
	}
	return func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 54321, Gid: 54321}}
		cmd.Path = "/usr/bin/python3" // that of the test's user may stand in a private directory
		cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/bin:/bin"}
	}
}

func TestTheOwnerOfAConnectionIsFound(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	c, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	peer, local := netip.MustParseAddrPort(c.LocalAddr().String()), netip.MustParseAddrPort(c.RemoteAddr().String())
	if mine, err := sameUser(peer, local); !mine || err != nil {
		t.Errorf("%v, %v", mine, err)
	}
	_ = c.Close() // what it leaves behind is listed as root's
	if mine, err := sameUser(peer, local); mine || err == nil {
		t.Errorf("a closed connection: %v, %v", mine, err)
	}
}

const socketList = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 777 1
   1: 0100007F:9C40 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 778 1
   2: 0100007F:9C41 0100007F:1F90 06 00000000:00000000 00:00000000 00000000     0        0 0 1
   3: 0000000000000000FFFF00000100007F:9C42 0000000000000000FFFF00000100007F:1F90 01 0:0 0:0 0  1001        0 779 1
   4: 0100007F:9C43 0100007F:1F90 01 0:0 00:00 0  -5        0 780 1
`

func TestOnlyTheOtherEndOfTheConnectionCounts(t *testing.T) {
	local := netip.MustParseAddrPort("127.0.0.1:8080")
	for peer, want := range map[string]int{"127.0.0.1:40000": 1000, "127.0.0.1:40002": 1001, "127.0.0.1:40001": -1,
		"127.0.0.1:40003": -1, "127.0.0.1:8080": -1, "127.0.0.2:40000": -1} {
		uid, err := ownerOf(strings.NewReader(socketList), netip.MustParseAddrPort(peer), local)
		if err != nil {
			uid = -1
		}
		if uid != want {
			t.Errorf("%s: %d, %v", peer, uid, err)
		}
	}
}

func FuzzOwnerOf(f *testing.F) {
	f.Add(socketList)
	peer, local := netip.MustParseAddrPort("127.0.0.1:40000"), netip.MustParseAddrPort("127.0.0.1:8080")
	f.Fuzz(func(t *testing.T, list string) {
		if uid, err := ownerOf(strings.NewReader(list), peer, local); err == nil && uid < 0 {
			t.Errorf("%d", uid)
		}
	})
}
