package walk

import (
	"strings"
	"sync"
)

// outputTail keeps the first maxOutput bytes of two streams that are written to
// at the same time.
type outputTail struct {
	mu   sync.Mutex
	kept strings.Builder
}

func (o *outputTail) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept.Write(p[:min(len(p), max(0, maxOutput+bigOutput-o.kept.Len()))])
	return len(p), nil
}

func (o *outputTail) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.kept.String()
}
