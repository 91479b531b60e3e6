// Command sshwhy says why an SSH connection fails, shows the evidence, and
// mends it.
package main

import (
	"os"

	"sshwhy/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.Stdio()))
}
