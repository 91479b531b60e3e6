//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"sshwhy/lab"
)

// anyExit: ssh-audit grades the algorithms in its exit status; it says nothing of a failure.
const anyExit = -2

// fewRuns is for comparisons that wait for seconds.
const fewRuns = 3

// manyAddresses makes names with eight addresses at the client, of which the
// router swallows seven or all.
const manyAddresses = `for n in 1 2 3 4 5 6 7; do echo "203.0.113.$n many none"; done >>/etc/hosts
echo "198.51.100.10 many" >>/etc/hosts; echo "203.0.113.8 none" >>/etc/hosts
sed -i "s/^server,/server,many,/" /home/carol/.ssh/known_hosts`

// runs is how often each command is counted; odd, so that the median is a run.
const runs = 21

func main() {
	if len(os.Args) >= 3 && os.Args[1] == "inside" {
		if err := inside(os.Args[2], os.Args[3:]); err != nil {
			fatal(err)
		}
		return
	}
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "error: the benchmarks run in machines of the lab, which needs root")
		os.Exit(2)
	}
	if err := outside(); err != nil {
		fatal(err)
	}
}

// outside boots a machine and runs this program again in it: a comparison is
// between two programs on the same machine, without the cost of getting there.
func outside() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	lab.Sweep()
	lab.CloseOnSignal(time.Time{})
	if _, err := lab.Image(ctx, "trixie", os.Stderr); err != nil {
		return err
	}
	tools, err := lab.BuildTools(ctx, ".")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tools)
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(tools, "bench"), "./bench")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	if err := bringAudit(tools); err != nil {
		return err
	}
	fmt.Println("| what | sshwhy | median | against | median | ratio of wall times |")
	fmt.Println("| --- | --- | --- | --- | --- | --- |")
	if !slices.Contains(os.Args[1:], "large") { // bench large: only that; bench ordinary: all but that
		if err := ordinary(ctx, tools); err != nil {
			return err
		}
	}
	if slices.Contains(os.Args[1:], "ordinary") {
		return nil
	}
	return large(ctx, tools)
}

// ordinary measures against other programs on a machine like any other.
func ordinary(ctx context.Context, tools string) error {
	w, err := lab.New(ctx, "trixie", tools)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.Boot(ctx); err != nil {
		return err
	}
	// Twenty connections in a row would be penalised (PerSourcePenalties, 9.8 on),
	// and then the refusal would be measured.
	if r := w.Server(ctx, "echo PerSourcePenalties no >/etc/ssh/sshd_config.d/bench.conf; systemctl reload ssh"); r.Exit != 0 {
		return fmt.Errorf("prepare: %s", r.Stderr)
	}
	if r := w.Router(ctx, "ip route add blackhole 203.0.113.0/24"); r.Exit != 0 {
		return fmt.Errorf("prepare the router: %s", r.Stderr)
	}
	if r := w.ClientRoot(ctx, manyAddresses); r.Exit != 0 {
		return fmt.Errorf("prepare the client: %s", r.Stderr)
	}
	for _, step := range []struct {
		where func(context.Context, string) lab.Result
		what  string
	}{{w.Client, "client"}, {w.Client, "seven-silent"}, {w.Client, "eight-silent"}, {w.Server, "server"}} {
		r := step.where(ctx, "bench inside "+step.what)
		fmt.Print(string(r.Stdout))
		if r.Exit != 0 {
			return fmt.Errorf("%s: %s", step.what, r.Stderr)
		}
	}
	return nil
}

// auditHome is where Debian's ssh-audit package keeps the program.
const auditHome = "/usr/lib/python3/dist-packages/ssh_audit"

// bringAudit puts this host's ssh-audit, which is pure Python, beside sshwhy, so
// that both run in the same machine.
func bringAudit(tools string) error {
	if _, err := os.Stat(auditHome); err != nil {
		fmt.Fprintln(os.Stderr, "ssh-audit is not installed here (apt install ssh-audit): left out")
		return nil
	}
	if err := os.CopyFS(filepath.Join(tools, "ssh_audit"), os.DirFS(auditHome)); err != nil {
		return err
	}
	script := "#!/bin/sh\nPYTHONPATH=${0%/*} exec python3 -c 'from ssh_audit.ssh_audit import main; main()' \"$@\"\n"
	return os.WriteFile(filepath.Join(tools, "ssh-audit"), []byte(script), 0o755)
}

// inside runs the comparisons that belong to one place.
func inside(where string, args []string) error {
	switch where {
	case "client":
		return fromClient()
	case "seven-silent", "eight-silent":
		return silentAddresses(where)
	case "server":
		return atServer()
	case "large":
		return alone("1,000 listening sockets, 5,000 processes, 2,000 units, 1 GB of journal", runs,
			command{"sshwhy server", []string{"sshwhy", "server"}, 0})
	case "journal":
		part, err := strconv.ParseUint(args[0], 10, 32)
		if err != nil {
			return err
		}
		return writeJournal(part)
	default:
		return fmt.Errorf("no place is called %q", where)
	}
}

func fromClient() error {
	ssh := []string{"ssh", "-o", "BatchMode=yes"}
	if err := pair("refused port", runs,
		command{"sshwhy HOST", []string{"sshwhy", "-p", "2345", "--no-other-ports", "alice@198.51.100.10"}, 1},
		command{"ssh HOST", append(ssh, "-p", "2345", "alice@198.51.100.10"), 255}); err != nil {
		return err
	}
	if err := pair("refused port, looking at the usual other ports too", runs,
		command{"sshwhy HOST", []string{"sshwhy", "-p", "2345", "alice@198.51.100.10"}, 1},
		command{"ssh HOST", append(ssh, "-p", "2345", "alice@198.51.100.10"), 255}); err != nil {
		return err
	}
	works := command{"ssh HOST true", append(ssh, "alice@server", "true"), 0}
	if err := pair("login that works", runs, command{"sshwhy HOST", []string{"sshwhy", "alice@server"}, 0}, works); err != nil {
		return err
	}
	return runBySSHWhy()
}

// runBySSHWhy measures what "sshwhy ssh" adds to ssh. The commands go over a
// connection that is up already (ssh_config(5), ControlMaster): the hundreds of
// milliseconds of a login, and how they vary, would hide it.
func runBySSHWhy() error {
	over := []string{"ssh", "-o", "BatchMode=yes", "-o", "ControlPath=/tmp/bench.mux"}
	master := exec.Command(over[0], append(over[1:], "-f", "-N", "-M", "alice@server")...)
	if err := master.Run(); err != nil {
		return fmt.Errorf("the connection to share: %w", err)
	}
	defer exec.Command(over[0], append(over[1:], "-O", "exit", "alice@server")...).Run() // it ends with the machine at the latest
	over = append(over, "alice@server", "true")
	return added("a command over a connection that is up", 2*runs+1,
		command{"sshwhy ssh HOST true", append([]string{"sshwhy"}, over...), 0}, command{"ssh HOST true", over, 0})
}

// silentAddresses compares on names with eight addresses. ssh asks one after the
// other and waits for each of them.
func silentAddresses(where string) error {
	ssh := []string{"ssh", "-4", "-o", "BatchMode=yes", "-o", "ConnectTimeout=1"}
	why := []string{"sshwhy", "--timeout", "1s", "--no-other-ports", "-4"}
	if where == "seven-silent" {
		return pair("name with 8 addresses, 7 of them silent, 1 s for each", fewRuns,
			command{"sshwhy HOST", append(why, "alice@many"), 0}, command{"ssh HOST true", append(ssh, "alice@many", "true"), 0})
	}
	return pair("the same, all 8 silent", fewRuns,
		command{"sshwhy HOST", append(why, "alice@none"), 1}, command{"ssh HOST true", append(ssh, "alice@none", "true"), 255})
}

func atServer() error {
	server := command{"sshwhy server", []string{"sshwhy", "server"}, 0}
	if _, err := exec.LookPath("ssh-audit"); err != nil {
		return alone("healthy machine (no ssh-audit here to compare with)", runs, server)
	}
	return pair("healthy machine", runs, server,
		command{"ssh-audit localhost", []string{"ssh-audit", "localhost"}, anyExit})
}
