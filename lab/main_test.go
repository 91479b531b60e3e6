//go:build linux

package lab

import (
	"context"
	"flag"
	"os"
	"sync"
	"testing"
	"time"
)

// parallel is how many machines live at once unless -parallel says otherwise: they mostly wait.
const parallel = "8"

// builtTools builds the tools once for all tests, in toolsDir; TestMain removes it.
var (
	toolsDir   string
	builtTools = sync.OnceValues(func() (_ string, err error) {
		toolsDir, err = BuildTools(context.Background(), "..")
		return toolsDir, err
	})
)

func TestMain(m *testing.M) {
	flag.Parse()
	if os.Geteuid() != 0 || testing.Short() {
		os.Exit(m.Run())
	}
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if !given["test.parallel"] {
		flag.Set("test.parallel", parallel)
	}
	var deadline time.Time
	if limit := flag.Lookup("test.timeout").Value.(flag.Getter).Get().(time.Duration); limit > 0 {
		deadline = time.Now().Add(limit - 10*time.Second) // before the test binary kills itself
	}
	Sweep()
	CloseOnSignal(deadline)
	code := m.Run()
	CloseAll()
	if toolsDir != "" {
		os.RemoveAll(toolsDir)
	}
	os.Exit(code)
}

// needRoot leaves a test out where the lab cannot run.
func needRoot(t *testing.T) {
	t.Helper()
	switch {
	case os.Geteuid() != 0:
		t.Skip("lab left out: needs root")
	case testing.Short():
		t.Skip("lab left out: -short")
	}
}
