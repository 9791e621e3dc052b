// Package packed writes a policy as bytes, and reads it again: the functions load policy.compiled
// in about a millisecond and need no YAML library for it.
//
// It promises that what is read is what was written, byte for byte. It believes nothing that it
// reads: damaged or foreign bytes are an error, never a panic and never another policy. It cannot
// notice a forger who can write the file; such a person could as well write another policy.
package packed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"github.com/aws-access/aws-access/pkg/policy"
)

// The packed form begins with magic, one byte that numbers the form, and the checksum (CRC-32,
// IEEE, little endian) of everything after it. layout.go says what comes then.
const (
	magic      = "aws-access policy\x00"
	formNumber = 5 // raise it when the layout changes, or what a value means

	formAt = len(magic)
	sumAt  = formAt + 1
	bodyAt = sumAt + crc32.Size
)

// ErrNotCompiled is the error of Load for bytes that never were a compiled policy.
var ErrNotCompiled = errors.New("this is not a compiled policy; run `make build`")

// The other errors of Load. None of them names a path: the caller who reads the file does.
var (
	errOtherForm = errors.New("this policy was compiled for another version of the product; run `make build`")
	errDamaged   = errors.New("this compiled policy is damaged or incomplete; run `make build`")
)

// Encode returns the packed form of a definition, which Load reads. The same definition always has
// the same form.
func Encode(d *policy.Definition) []byte {
	c := coder{out: make([]byte, bodyAt, 1<<16)}
	copy(c.out, magic)
	c.out[formAt] = formNumber
	(&layout{coder: &c, policy: d}).whole()
	binary.LittleEndian.PutUint32(c.out[sumAt:], crc32.ChecksumIEEE(c.out[bodyAt:]))
	return c.out
}

// Load reads the packed form of a policy. It refuses bytes that are not one (ErrNotCompiled), that
// were compiled for another version of the product, or that are damaged; and a policy that has the
// bastion among its accounts. bastion is an account id; "" is not checked.
func Load(src []byte, bastion string) (*policy.Policy, error) {
	d, err := Decode(src)
	if err != nil {
		return nil, err
	}
	p, err := policy.New(d)
	if err != nil {
		return nil, errDamaged // with a right checksum, so the words of New would help nobody
	}
	_, found := slices.BinarySearchFunc(d.AccountsByID, bastion, func(i int32, id string) int {
		return strings.Compare(d.Accounts[i].ID, id)
	})
	if found {
		return nil, fmt.Errorf("the account %s is the bastion, which cannot be a target; remove it", bastion)
	}
	return p, nil
}

// Decode reads the packed form of a definition. It checks the form only: policy.New checks what it
// means. Errors are those of Load.
func Decode(src []byte) (policy.Definition, error) {
	switch {
	case len(src) < bodyAt || string(src[:formAt]) != magic:
		return policy.Definition{}, ErrNotCompiled
	case src[formAt] != formNumber:
		return policy.Definition{}, errOtherForm
	case binary.LittleEndian.Uint32(src[sumAt:]) != crc32.ChecksumIEEE(src[bodyAt:]):
		return policy.Definition{}, errDamaged
	}
	d := policy.Definition{Packed: string(src)}
	c := coder{reading: true, in: d.Packed[bodyAt:]}
	(&layout{coder: &c, policy: &d}).whole()
	if c.bad || c.in != "" {
		return policy.Definition{}, errDamaged
	}
	return d, nil
}
