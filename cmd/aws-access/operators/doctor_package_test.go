package operators

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/config"
)

// altered returns a package after a change, with offsets of its first file's header and
// of the directory's first entry.
func altered(pack []byte, change func(pack []byte, header, entry int) []byte) []byte {
	pack = slices.Clone(pack)
	return change(pack, bytes.Index(pack, []byte(zipFile)), bytes.Index(pack, []byte("PK\x01\x02")))
}

// written replaces bytes at an offset.
func written(pack []byte, at int, text string) []byte { copy(pack[at:], text); return pack }

// inserted puts bytes at an offset before the directory, and corrects where the directory
// and the files after it begin.
func inserted(pack []byte, at, entry int, text string) []byte {
	end := len(pack) - zipEndLen
	add := func(offset int) {
		binary.LittleEndian.PutUint32(pack[offset:], read32(pack, offset)+uint32(len(text))) // #nosec G115 -- short
	}
	add(end + 16)
	for e := entry; e < end; e += 46 + int(read16(pack, e+28)) + int(read16(pack, e+30)) {
		if int(read32(pack, e+42)) >= at {
			add(e + 42)
		}
	}
	return slices.Insert(pack, at, []byte(text)...)
}

// ambiguous is a package that two readers could read differently, and why it is refused.
type ambiguous struct {
	pack []byte
	want string
}

func packagesWithOtherFiles(t *testing.T) map[string]ambiguous {
	program, compiled := entry{"bootstrap", []byte("program")}, entry{"policy.compiled", []byte("policy")}
	of := func(files ...entry) []byte { return packedBy(t, zip.Store, files...).pack }
	return map[string]ambiguous{
		"two programs":             {of(program, program, compiled), "two files named bootstrap"},
		"a path to the same file":  {of(program, entry{"./bootstrap", nil}, compiled), `a file "./bootstrap"`},
		"a directory of that name": {of(program, entry{"bootstrap/", nil}, compiled), `a file "bootstrap/"`},
		"a path outside":           {of(program, entry{"../bootstrap", nil}, compiled), `a file "../bootstrap"`},
		"another case":             {of(entry{"Bootstrap", nil}, compiled), `a file "Bootstrap"`},
		"a name for the terminal":  {of(program, compiled, entry{"\x1b[2J", nil}), `a file "\x1b[2J"`},
		"another file":             {of(program, compiled, entry{"more", nil}), `a file "more"`},
		"no program":               {of(compiled), "no file bootstrap"},
		"no policy":                {of(program), "no file policy.compiled"},
	}
}

// contradictoryPackages are made from a stored and a deflated package.
func contradictoryPackages(stored, deflated []byte) map[string]ambiguous {
	second := func(pack []byte, entry int) int { return bytes.LastIndex(pack[:entry], []byte(zipFile)) }
	return map[string]ambiguous{
		"something before it": {append([]byte("#!/bin/sh\n"), stored...), "not directly before its end"},
		"something after it":  {append(slices.Clone(stored), 0), "something after its end"},
		"a file outside of the directory": {altered(stored, func(p []byte, _, e int) []byte {
			return inserted(p, second(p, e), e, string(p[:second(p, e)]))
		}), "not where the directory says"},
		"bytes between files": {altered(stored, func(p []byte, _, e int) []byte {
			return inserted(p, second(p, e), e, "more")
		}), "not where the file before it ends"},
		"a file after those of the directory": {altered(stored, func(p []byte, _, e int) []byte {
			return inserted(p, e, e, string(p[:second(p, e)]))
		}), "bytes that belong to no file"},
		"another name in the header": {altered(stored, func(p []byte, h, _ int) []byte {
			return written(p, h+zipFileLen, "bootstraP")
		}), "header contradicts"},
		"another name in the directory": {altered(stored, func(p []byte, _, e int) []byte {
			return written(p, e+46, "bootstraP")
		}), `a file "bootstraP"`},
		"a program that is a link": {altered(stored, func(p []byte, _, e int) []byte {
			return written(p, e+40, "\xff\xa1")
		}), "a link"},
		"other sizes in the header": {altered(stored, func(p []byte, h, _ int) []byte {
			return written(p, h+18, "\x01")
		}), "sizes contradict"},
		"another packing in the header": {altered(stored, func(p []byte, h, _ int) []byte {
			return written(p, h+8, "\x08")
		}), "header contradicts"},
		"other sums after the bytes": {altered(deflated, func(p []byte, _, _ int) []byte {
			return written(p, bytes.Index(p, []byte(zipDescriptor))+4, "\x00\x00\x00\x00")
		}), "after its bytes contradict"},
		"another name in an extra field": {altered(stored, func(p []byte, h, e int) []byte {
			p = inserted(p, h+zipFileLen+len("bootstrap"), e, "up\x00\x00")
			return written(p, h+28, "\x04")
		}), "an extra field"},
	}
}

// Lambda's zip reader is not public. It may use the headers or the directory, and keep the
// first or the last of two files of one name. So every package that depends on this is
// refused.
func TestAmbiguousPackageIsRefused(t *testing.T) {
	program, compiled := entry{"bootstrap", []byte("program")}, entry{"policy.compiled", []byte("policy")}
	stored := packedBy(t, zip.Store, program, compiled).pack
	deflated := packedBy(t, zip.Deflate, program, compiled).pack
	all := contradictoryPackages(stored, deflated)
	maps.Copy(all, packagesWithOtherFiles(t))
	for name, c := range all {
		_, _, err := unpack(c.pack, true)
		if err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(err, errPackage) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for name, pack := range map[string][]byte{"stored": stored, "deflated": deflated} {
		got, policy, err := unpack(pack, true)
		if err != nil || string(got) != "program" || string(policy) != "policy" {
			t.Errorf("%s: %q, %q, %v", name, got, policy, err)
		}
		_, _, err = unpack(pack, false)
		if err == nil || !strings.Contains(err.Error(), "which this function does not have") {
			t.Errorf("%s: a policy beside api: %v", name, err)
		}
	}
	got, policy, err := unpack(packedBy(t, zip.Store, program).pack, false)
	if err != nil || string(got) != "program" || policy != nil {
		t.Errorf("api: %q, %q, %v", got, policy, err)
	}
}

// Bytes after the end of the compressed content could be another file, for a reader that
// uses only the headers.
func TestCompressedContentHasNothingAfterIt(t *testing.T) {
	var deflated bytes.Buffer
	z := zip.NewWriter(&deflated)
	w, err := z.CreateRaw(&zip.FileHeader{
		Name: "bootstrap", Method: zip.Deflate, CRC32: 0, CompressedSize64: 5 + 4, UncompressedSize64: 0,
	})
	if err == nil {
		_, err = w.Write([]byte("\x01\x00\x00\xff\xffmore")) // an empty last block, and more
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := unpack(deflated.Bytes(), true); err == nil || !strings.Contains(err.Error(), "its content does not") {
		t.Errorf("got %v", err)
	}
}

func FuzzPackage(f *testing.F) {
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		f.Add(packedBy(f, method, entry{"bootstrap", []byte("program")}, entry{"policy.compiled", []byte("policy")}).pack)
	}
	f.Fuzz(func(t *testing.T, pack []byte) {
		program, policy, err := unpack(pack, true)
		if err == nil && len(program)+len(policy) > 2*maxProgram {
			t.Errorf("it has %d bytes", len(program)+len(policy))
		}
		programOf(config.Vend, program)
	})
}
