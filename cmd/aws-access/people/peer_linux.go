package people

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// sameUser finds the other end of a connection within this computer in the kernel's list of sockets. Root's
// sockets count as the user's: root could read everything here, and in the Linux of Windows a process of root
// passes on what the browser of Windows sends.
func sameUser(peer, local netip.AddrPort) (bool, error) {
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} { // a browser may have a socket of either kind
		list, err := os.Open(name)
		if err != nil {
			continue
		}
		uid, err := ownerOf(list, peer, local)
		_ = list.Close()
		if err == nil {
			return uid == os.Getuid() || uid == 0, nil
		}
	}
	version, err := os.ReadFile("/proc/version")
	if err == nil && strings.Contains(strings.ToLower(string(version)), "microsoft") {
		return false, errors.ErrUnsupported // the browser may be one of Windows, whose sockets are not in the list
	}
	return false, fmt.Errorf("find the owner of %s: it is not in the list of sockets", peer)
}

// ownerOf returns the user of the socket that has the address peer and is connected to local. A socket whose
// program has closed it is listed as root's, without an inode, and is not meant.
func ownerOf(list io.Reader, peer, local netip.AddrPort) (int, error) {
	lines := bufio.NewScanner(list)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[9] == "0" {
			continue
		}
		from, okFrom := parseSocket(fields[1])
		to, okTo := parseSocket(fields[2])
		if !okFrom || !okTo || from != peer || to != local {
			continue
		}
		uid, err := strconv.Atoi(fields[7])
		if err != nil || uid < 0 {
			return 0, fmt.Errorf("read the list of sockets: %q is no user", fields[7])
		}
		return uid, nil
	}
	return 0, errors.New("the socket is not in the list")
}

// parseSocket reads an address such as 0100007F:1F90: words of four bytes in the order of the processor, and
// the port.
func parseSocket(text string) (at netip.AddrPort, ok bool) {
	address, port, found := strings.Cut(text, ":")
	data, err := hex.DecodeString(address)
	number, errPort := strconv.ParseUint(port, 16, 16)
	if !found || err != nil || errPort != nil || len(data) != 4 && len(data) != 16 {
		return at, false
	}
	for i := 0; i < len(data); i += 4 {
		binary.BigEndian.PutUint32(data[i:], binary.NativeEndian.Uint32(data[i:]))
	}
	ip, ok := netip.AddrFromSlice(data)
	return netip.AddrPortFrom(ip.Unmap(), uint16(number)), ok
}
