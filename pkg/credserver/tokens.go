package credserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteTokens writes the token of each name into a file of that name in a directory, with mode 0600. Tokens
// of an earlier server are replaced; other files and links are refused. The function remove removes those
// files that still hold these tokens.
func (s *Server) WriteTokens(dir string) (paths map[string]string, remove func(), err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("open the directory for tokens: %w", err)
	}
	paths = make(map[string]string)
	var written []string
	remove = func() {
		for _, name := range written {
			if text, err := root.ReadFile(name); err == nil && string(text) == s.roles[name].token.Reveal() {
				_ = root.Remove(name)
			}
		}
		_ = root.Close()
	}
	for _, name := range s.names {
		written = append(written, name)
		if err := s.writeToken(root, name); err != nil {
			remove()
			return nil, nil, fmt.Errorf("write the token of %s: %w", name, err)
		}
		paths[name] = filepath.Join(dir, name)
	}
	return paths, remove, nil
}

// writeToken is the only place that writes a token to a file. No line end follows it: SDKs send the text as
// it is.
func (s *Server) writeToken(root *os.Root, name string) error {
	old, err := root.Lstat(name)
	switch {
	case err == nil && (!old.Mode().IsRegular() || old.Size() != tokenLength):
		return fmt.Errorf("%s exists and is not a token; remove it", filepath.Join(root.Name(), name))
	case err == nil:
		err = root.Remove(name) // left by a server that was killed
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(s.roles[name].token.Reveal())
	return errors.Join(err, file.Close())
}
