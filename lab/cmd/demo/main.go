//go:build linux

// Command demo shows one machine of the lab to a person: broken, diagnosed from
// both ends, mended by hand, and logged in to.
//
//	go run ./lab/cmd/demo [-case lab/cases/config-unknown-keyword.txt]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"sshwhy/lab"
)

func main() {
	file := flag.String("case", "lab/cases/config-unknown-keyword.txt", "the case to show")
	flag.Parse()
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "demo: needs root, to boot a machine; try: sudo make demo")
		os.Exit(2)
	}
	lab.Sweep()
	lab.CloseOnSignal(time.Time{})
	if err := show(context.Background(), *file); err != nil {
		lab.CloseAll()
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func show(ctx context.Context, file string) error {
	c, err := lab.ReadCase(file)
	if err != nil {
		return err
	}
	if _, err := lab.Image(ctx, c.Images[0], os.Stderr); err != nil {
		return err
	}
	tools, err := lab.BuildTools(ctx, ".")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tools)
	w, err := lab.New(ctx, c.Images[0], tools)
	if err != nil {
		return err
	}
	defer w.Close()

	title("A Debian machine (" + c.Images[0] + ") boots, and is broken: " + c.About)
	start := time.Now()
	if err := w.Break(ctx, c); err != nil {
		return err
	}
	fmt.Printf("Up and broken after %.1f s.\n", time.Since(start).Seconds())
	for _, section := range []string{"server-before", "server", "router", "client-root", "client"} {
		script(section, c.Scripts[section])
	}

	ssh := strings.Join(c.SSH, " ")
	title("What the user sees")
	prompt("client$", "ssh "+ssh, w.Login(ctx, c.SSH))
	if !lab.HasSSHWhy(tools) {
		return fmt.Errorf("there is no sshwhy to ask yet")
	}
	title("What sshwhy says there")
	prompt("client$", "sshwhy "+ssh, w.Client(ctx, "sshwhy "+ssh+" </dev/null"))
	title("What sshwhy says on the machine itself")
	line := strings.Join(append([]string{"sshwhy", "server"}, c.ServerArgs...), " ")
	prompt("server#", line, w.Server(ctx, line+" </dev/null"))

	title("Mended by hand")
	for _, section := range []string{"hand", "hand-router", "hand-client-root", "hand-client"} {
		script(strings.TrimPrefix(section, "hand-"), c.Scripts[section])
	}
	if err := w.Mend(ctx, c); err != nil {
		return err
	}
	title("And the login")
	res := w.Login(ctx, c.HandSSH)
	prompt("client$", "ssh "+strings.Join(c.HandSSH, " "), res)
	if res.Exit != 0 {
		return fmt.Errorf("the login still fails")
	}
	fmt.Println("Logged in.")
	return nil
}

func title(text string) { fmt.Printf("\n== %s\n\n", text) }

func script(place, text string) {
	if text == "" {
		return
	}
	if place == "hand" {
		place = "server"
	}
	for line := range strings.Lines(strings.TrimSpace(text) + "\n") {
		if !strings.HasPrefix(line, "settle ") { // the lab's own way of waiting
			fmt.Printf("%s# %s", place, line)
		}
	}
}

// prompt shows a command and what it printed. The output is sshwhy's or ssh's own,
// the first of which escapes what it quotes.
func prompt(sign, line string, res lab.Result) {
	fmt.Printf("%s %s\n", sign, line)
	os.Stdout.Write(res.Stdout)
	os.Stdout.Write(res.Stderr)
	fmt.Printf("(exit status %d, %.2f s)\n", res.Exit, res.Took.Seconds())
}
