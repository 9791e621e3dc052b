package policy

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// The compiled form of a policy begins with magic, one byte that numbers the
// form, and the checksum (CRC-32, IEEE, little endian) of all that follows.
// layout.go says what follows.
//
// The checksum finds what was damaged or cut short. It proves nothing against
// somebody who may write the file: they could as well write another policy.
const (
	magic    = "aws-access policy\x00"
	formAt   = len(magic)
	sumAt    = formAt + 1
	bodyAt   = sumAt + crc32.Size
	formByte = 3 // to be changed with the layout, or with what it means
)

// ErrNotCompiled is what Load says of what was never a compiled policy.
var ErrNotCompiled = errors.New("this is not a compiled policy; run `make build`")

// What else Load refuses. Nothing of it names a path: who reads the file does.
var (
	errOtherForm = errors.New("this policy was compiled for another version of the product; run `make build`")
	errDamaged   = errors.New("this compiled policy is damaged or incomplete; run `make build`")
)

// Encode returns the compiled form of the policy, which Load reads. The same
// source always has the same form.
func (p *Policy) Encode() []byte {
	if p.encoded != "" {
		return []byte(p.encoded)
	}
	c := coder{out: make([]byte, bodyAt, 1<<16)}
	copy(c.out, magic)
	c.out[formAt] = formByte
	l := layout{coder: &c, policy: p}
	l.whole()
	binary.LittleEndian.PutUint32(c.out[sumAt:], crc32.ChecksumIEEE(c.out[bodyAt:]))
	return c.out
}

// Digest names the policy: the first 12 hexadecimal digits of the SHA-256 of
// its compiled form.
func (p *Policy) Digest() string {
	sum := sha256.Sum256(p.Encode())
	return hex.EncodeToString(sum[:6])
}

// String is one line about the policy: what it holds, and its digest.
func (p *Policy) String() string {
	return strings.Join([]string{
		counted(len(p.accounts), "account"), counted(len(p.roles), "role"), counted(len(p.rules), "rule"),
		counted(len(p.nevers), "never"), "digest " + p.Digest(),
	}, ", ")
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// Load reads the compiled form of a policy. It refuses what is not one, what
// was compiled for another version of the product, what is damaged, and a
// policy that has the bastion among its accounts; bastion is an account id, ""
// is not checked.
func Load(src []byte, bastion string) (*Policy, error) {
	switch {
	case len(src) < bodyAt || string(src[:formAt]) != magic:
		return nil, ErrNotCompiled
	case src[formAt] != formByte:
		return nil, errOtherForm
	case binary.LittleEndian.Uint32(src[sumAt:]) != crc32.ChecksumIEEE(src[bodyAt:]):
		return nil, errDamaged
	}
	p := &Policy{encoded: string(src)}
	c := coder{reading: true, in: p.encoded[bodyAt:]}
	l := layout{coder: &c, policy: p}
	l.whole()
	if c.bad || c.in != "" || !p.connect() {
		return nil, errDamaged
	}
	if _, there := p.account(bastion); there {
		return nil, fmt.Errorf("the account %s is the bastion, which cannot be a target; remove it", bastion)
	}
	return p, nil
}
