//go:build linux

// Command labsh gives a person one world of the lab to play with.
//
//	go run ./lab/cmd/labsh [-image trixie] [-case FILE] [-unbroken]
//	    boots it, says how to get in, and takes it down at the end of input (Ctrl-D, Ctrl-C)
//	go run ./lab/cmd/labsh [-image trixie] [-case FILE] -- sh -c 'server systemctl status ssh; client ssh alice@server id'
//	    runs one command with the programs server, router, client and client-root on its PATH, then takes it down
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"sshwhy/lab"
)

func main() {
	image := flag.String("image", "trixie", "the Debian release of the machine")
	file := flag.String("case", "", "break it as this case file says")
	module := flag.String("module", ".", "the module's directory, from which sshwhy is built")
	flag.Parse()
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "labsh: needs root")
		os.Exit(2)
	}
	code, err := session(*image, *file, *module, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "labsh:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func session(image, file, module string, argv []string) (int, error) {
	ctx := context.Background()
	lab.Sweep()
	lab.CloseOnSignal(time.Time{})
	if _, err := lab.Image(ctx, image, os.Stderr); err != nil {
		return 0, err
	}
	tools, err := lab.BuildTools(ctx, module)
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(tools)
	w, err := lab.New(ctx, image, tools)
	if err != nil {
		return 0, err
	}
	defer w.Close()
	start := time.Now()
	if file == "" {
		err = w.Boot(ctx)
	} else {
		var c lab.Case
		if c, err = lab.ReadCase(file); err == nil {
			err = w.Break(ctx, c)
		}
	}
	if err != nil {
		return 0, err
	}
	bin, err := w.Commands()
	if err != nil {
		return 0, err
	}
	if len(argv) == 0 {
		fmt.Printf("%s with %s is up after %.1f s. In another terminal:\n\n\texport PATH=%s:$PATH\n", w.Name, image, time.Since(start).Seconds(), bin)
		fmt.Print("\tserver sshwhy server             # or server alone, for a shell; router and client-root likewise\n" +
			"\tclient ssh alice@server          # alice's key is known, her password is lab; also bob, root\n\n" +
			"Ctrl-D here takes it down.\n")
		io.Copy(io.Discard, os.Stdin)
		return 0, nil
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	if cmd.ProcessState == nil {
		return 0, err
	}
	return cmd.ProcessState.ExitCode(), nil
}
