package operators

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// The parts of a zip file, by section 4.3 of its specification
// (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT): for each file a header
// and its bytes, then a directory of all files, then an end record.
const (
	zipFile, zipDescriptor, zipEnd = "PK\x03\x04", "PK\x07\x08", "PK\x05\x06"

	zipFileLen, zipEndLen = 30, 22
	maxZipDirectory       = 4 << 10 // more than the two files of a package need

	// Flags.
	deflateEffort = 3 << 1  // the level of compression
	sizesFollow   = 1 << 3  // checksum and sizes are after the bytes
	nameIsUTF8    = 1 << 11 // names in ASCII are UTF-8 too
)

// unpack returns the program and the compiled policy of a package; a function without the
// policy must not have the file. Lambda's zip reader may interpret a malformed package
// differently from Go's, and run other bytes. So unpack refuses any other file, two files
// of one name, headers that contradict the directory, and bytes that belong to no file.
func unpack(pack []byte, hasPolicy bool) (program, policy []byte, err error) {
	files, err := zipFiles(pack)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errPackage, err)
	}
	program, found := files[theHandler]
	if !found {
		return nil, nil, fmt.Errorf("%w: it has no file %s", errPackage, theHandler)
	}
	policy, found = files[policyFile]
	switch {
	case found && !hasPolicy:
		return nil, nil, fmt.Errorf("%w: it has a file %s, which this function does not have", errPackage, policyFile)
	case !found && hasPolicy:
		return nil, nil, fmt.Errorf("%w: it has no file %s", errPackage, policyFile)
	}
	return program, policy, nil
}

// zipFiles reads the files of a package from its first byte to its last.
func zipFiles(pack []byte) (map[string][]byte, error) {
	at := len(pack) - zipEndLen // without a comment after it
	if at < 0 || string(pack[at:at+4]) != zipEnd {
		return nil, errors.New("it is not a zip file, or has something after its end")
	}
	size, directory := uint64(read32(pack, at+12)), uint64(read32(pack, at+16))
	if size > maxZipDirectory || directory+size != uint64(at) {
		return nil, errors.New("its directory is too large for two files, or not directly before its end")
	}
	archive, err := zip.NewReader(bytes.NewReader(pack), int64(len(pack)))
	if err != nil {
		return nil, err
	}
	files, next := make(map[string][]byte), uint64(0)
	for _, f := range archive.File {
		if f.Name != theHandler && f.Name != policyFile {
			return nil, fmt.Errorf("it has a file %.60q, which the product does not have", f.Name)
		}
		if _, twice := files[f.Name]; twice {
			return nil, fmt.Errorf("it has two files named %s", f.Name)
		}
		if files[f.Name], next, err = zipEntry(pack[:directory], f, next); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	if next != directory {
		return nil, errors.New("it has bytes that belong to no file")
	}
	return files, nil
}

// zipEntry reads the file whose header begins at an offset, and returns where the next one
// begins. What the header says must be what the directory says.
func zipEntry(pack []byte, f *zip.File, at uint64) (text []byte, next uint64, err error) {
	if at+zipFileLen > uint64(len(pack)) || string(pack[at:at+4]) != zipFile {
		return nil, 0, errors.New("its header is not where the file before it ends")
	}
	header := pack[at:]
	name, extra := uint64(read16(header, 26)), uint64(read16(header, 28))
	start := at + zipFileLen + name + extra
	end := start + f.CompressedSize64
	//nolint:gosec // an offset in a file is not negative
	if offset, err := f.DataOffset(); err != nil || uint64(offset) != start || end > uint64(len(pack)) {
		return nil, 0, errors.New("its bytes are not where the directory says")
	}
	follow := f.Flags&sizesFollow != 0
	switch kind := f.ExternalAttrs >> 16 & 0o170000; {
	case string(header[zipFileLen:zipFileLen+name]) != f.Name || read16(header, 6) != f.Flags ||
		read16(header, 8) != f.Method:
		return nil, 0, errors.New("its header contradicts the directory")
	case !follow && string(header[14:26]) != sumsOf(f):
		return nil, 0, errors.New("its checksum or sizes contradict the directory")
	case kind != 0 && kind != 0o100000 || f.ExternalAttrs&0x10 != 0:
		return nil, 0, errors.New("it is a link, a directory or a device")
	case f.Flags&^(sizesFollow|deflateEffort|nameIsUTF8) != 0 || f.Method == zip.Store && follow:
		return nil, 0, errors.New("it has flags or a method that packages of the product do not have")
	case !harmlessExtra(f.Extra) || !harmlessExtra(header[zipFileLen+name:zipFileLen+name+extra]):
		return nil, 0, errors.New("it has an extra field that may give it another name or size")
	}
	if text, err = zipText(pack[start:end], f); err != nil || !follow {
		return text, end, err
	}
	descriptor := zipDescriptor + sumsOf(f)
	if !bytes.HasPrefix(pack[end:], []byte(descriptor)) {
		return nil, 0, errors.New("the checksum or the sizes after its bytes contradict the directory")
	}
	return text, end + uint64(len(descriptor)), nil
}

// zipText returns the content of a file. The stored bytes must contain nothing else.
func zipText(stored []byte, f *zip.File) (text []byte, err error) {
	in := bytes.NewReader(stored)
	switch f.Method {
	case zip.Store:
		text, err = readLimited(in, maxProgram)
	case zip.Deflate:
		text, err = readLimited(flate.NewReader(in), maxProgram)
	default:
		err = zip.ErrAlgorithm
	}
	switch {
	case err != nil:
		return nil, err
	case in.Len() != 0 || uint64(len(text)) != f.UncompressedSize64 || crc32.ChecksumIEEE(text) != f.CRC32:
		return nil, errors.New("its content does not have the size and the checksum that the directory states")
	}
	return text, nil
}

// sumsOf returns the checksum and the sizes of a file in the form of a header or descriptor.
func sumsOf(f *zip.File) string {
	//nolint:gosec // the package is smaller than 4 GB, and sizes that are not are refused before
	sums := []uint32{f.CRC32, uint32(f.CompressedSize64), uint32(f.UncompressedSize64)}
	text, _ := binary.Append(nil, binary.LittleEndian, sums) // cannot fail for numbers
	return string(text)
}

// harmlessExtra reports whether extra fields hold only times and owners.
func harmlessExtra(extra []byte) bool {
	for len(extra) >= 4 {
		id, size := read16(extra, 0), int(read16(extra, 2))
		if id != 0x5455 && id != 0x5855 && id != 0x7875 && id != 0x000a || size > len(extra)-4 {
			return false
		}
		extra = extra[4+size:]
	}
	return len(extra) == 0
}

func read16(text []byte, at int) uint16 { return binary.LittleEndian.Uint16(text[at:]) }

func read32(text []byte, at int) uint32 { return binary.LittleEndian.Uint32(text[at:]) }
