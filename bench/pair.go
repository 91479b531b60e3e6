//go:build linux

// Command bench measures sshwhy against what a user would otherwise run. It
// runs both commands in turn, A B A B …, on the same machine and in the same
// run, and prints medians and their ratio: the ratio is what can be quoted,
// since the machine's speed cancels out. It judges nothing and is no test.
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// command is one side of a comparison.
type command struct {
	name string
	args []string
	exit int // the exit status it must have, so that no failure is timed as a success
}

// sample is one run: wall time and processor time (that of its children included)
// in milliseconds, peak memory in MB.
type sample struct{ ms, cpu, mb float64 }

// pair runs a and b in turn and prints one row of the table, with the ratio of
// their times.
func pair(title string, runs int, a, b command) error {
	return inTurn(title, runs, a, b, func(x, y float64) float64 { return x / y }, "%.2f")
}

// added is pair for a command that runs the other: the row says how many
// milliseconds it adds.
func added(title string, runs int, a, b command) error {
	return inTurn(title, runs, a, b, func(x, y float64) float64 { return x - y }, "%+.1f ms")
}

func inTurn(title string, runs int, a, b command, compare func(x, y float64) float64, verb string) error {
	var sa, sb []sample
	for i := range runs + 1 { // the first of each warms caches and is not counted
		x, err := once(a)
		if err != nil {
			return err
		}
		y, err := once(b)
		if err != nil {
			return err
		}
		if i > 0 {
			sa, sb = append(sa, x), append(sb, y)
		}
	}
	each := make([]float64, runs)
	for i := range each {
		each[i] = compare(sa[i].ms, sb[i].ms)
	}
	fmt.Printf("| %s | %s | %.1f ms, %.1f MB | %s | %.1f ms, %.1f MB | "+verb+" |\n", title,
		a.name, median(sa, wall), median(sa, peak), b.name, median(sb, wall), median(sb, peak), mid(each))
	return nil
}

// alone measures one command that has no counterpart.
func alone(title string, runs int, c command) error {
	var s []sample
	for i := range runs + 1 {
		x, err := once(c)
		if err != nil {
			return err
		}
		if i > 0 {
			s = append(s, x)
		}
	}
	// Where other programs compete for the processors, its share of them says more than the clock.
	fmt.Printf("| %s | %s | %.1f ms (%.1f ms of processor), %.1f MB | | | |\n", title, c.name, median(s, wall), median(s, processor), median(s, peak))
	return nil
}

func once(c command) (sample, error) {
	cmd := exec.Command(c.args[0], c.args[1:]...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	_ = cmd.Run() // judged by its exit status below
	took := time.Since(start)
	if cmd.ProcessState == nil {
		return sample{}, fmt.Errorf("%s: could not be started", c.name)
	}
	if code := cmd.ProcessState.ExitCode(); c.exit != anyExit && code != c.exit {
		return sample{}, fmt.Errorf("%s: exit status %d, expected %d:\n%.2000s", c.name, code, c.exit, out.String())
	}
	s := sample{ms: float64(took.Microseconds()) / 1000}
	if ru, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.mb = float64(ru.Maxrss) / 1024
		s.cpu = float64(ru.Utime.Nano()+ru.Stime.Nano()) / 1e6
	}
	return s, nil
}

func wall(s sample) float64      { return s.ms }
func processor(s sample) float64 { return s.cpu }
func peak(s sample) float64      { return s.mb }

func median(all []sample, f func(sample) float64) float64 {
	v := make([]float64, len(all))
	for i, s := range all {
		v[i] = f(s)
	}
	return mid(v)
}

func mid(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "error:", err)
	os.Exit(1)
}
