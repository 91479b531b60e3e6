package cli_test

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"sshwhy/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"sshwhy": func() { os.Exit(cli.Main(os.Args[1:], cli.Stdio())) },
	})
}

// TestScripts runs what users type, and reads what they would see.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("LANG", "C.UTF-8")
			env.Setenv("COLUMNS", "80")
			return nil
		},
	})
}
