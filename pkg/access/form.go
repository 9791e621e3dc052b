package access

import (
	"regexp"
	"sync"
)

// form is a pattern that is compiled at its first use. The command starts anew whenever an SDK wants
// keys, and usually answers from its cache without any of them.
type form func() *regexp.Regexp

func formOf(pattern string) form {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

func (f form) match(text string) bool { return f().MatchString(text) }
