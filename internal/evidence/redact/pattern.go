package redact

import (
	"regexp"
	"sync"
)

// lazy is a pattern that is compiled when it is first used. There are many, and
// most runs of the program redact nothing.
type lazy func() *regexp.Regexp

func pattern(source string) lazy {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(source) })
}
