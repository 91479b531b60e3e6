//go:build linux

package lab

import (
	"context"
	"flag"
	"hash/fnv"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"sshwhy/internal/catalog"
)

// TestWorld boots one machine of each suite and logs in.
func TestWorld(t *testing.T) {
	needRoot(t)
	for _, suite := range Suites {
		t.Run(suite, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), buildLimit+time.Minute)
			defer cancel()
			w, err := New(ctx, suite, "")
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			start := time.Now()
			if err := w.Boot(ctx); err != nil {
				t.Fatal(err)
			}
			t.Logf("booted in %v", time.Since(start).Round(time.Millisecond))
			for _, family := range []string{"-4", "-6"} {
				if res := w.Login(ctx, []string{family, "alice@server"}); res.Exit != 0 {
					t.Errorf("no login: %v", res)
				}
			}
			if res := w.Server(ctx, "systemctl --failed --plain --no-legend"); len(res.Stdout) > 0 {
				t.Errorf("failed units in a fresh machine: %v", res)
			}
		})
	}
}

// TestCases runs every case file.
func TestCases(t *testing.T) {
	tools := setUp(t)
	sides := sidesAsked(tools)
	forEach(t, func(Case) bool { return true }, someImages, func(ctx context.Context, c Case, suite string) Outcome {
		return RunCase(ctx, c, suite, tools, sides)
	})
}

// TestPrintedSteps does by hand what sshwhy prints as the remedy.
func TestPrintedSteps(t *testing.T) {
	tools := setUp(t)
	sides := sidesAsked(tools)
	if sides == nil {
		t.Skip("only the symptoms were asked for")
	}
	mended := func(c Case) bool { return c.Fixes() && drawn(c) && (everything() || half(c) == 0) }
	forEach(t, mended, firstImage, func(ctx context.Context, c Case, suite string) Outcome {
		return RunPrinted(ctx, c, suite, tools, sides)
	})
}

// setUp builds the images and the tools, or leaves the test out.
func setUp(t *testing.T) (tools string) {
	t.Helper()
	needRoot(t)
	for _, image := range append(Images(), terminals) { // before anybody's time limit runs
		if _, err := Image(t.Context(), image, os.Stderr); err != nil {
			t.Fatal(err)
		}
	}
	tools, err := builtTools()
	if err != nil {
		t.Fatal(err)
	}
	return tools
}

// setUpFixes is setUp for tests of a fix, which have no use for symptoms alone.
func setUpFixes(t *testing.T) (tools string) {
	t.Helper()
	if os.Getenv("SSHWHY_LAB") == "symptoms" {
		t.Skip("only the faults themselves are checked")
	}
	return setUp(t)
}

// bootTrixie is a booted, healthy world that lives until the test ends, and a
// context that ends after limit at the latest.
func bootTrixie(t *testing.T, tools string, limit time.Duration) (context.Context, *World) {
	t.Helper()
	return boot(t, "trixie", tools, limit)
}

// boot is bootTrixie for any image.
func boot(t *testing.T, image, tools string, limit time.Duration) (context.Context, *World) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	w, err := New(ctx, image, tools)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	if err := w.Boot(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx, w
}

// forEach runs a test on the images of every case that is wanted, several at once.
func forEach(t *testing.T, wanted func(Case) bool, images func(Case) []string, run func(ctx context.Context, c Case, suite string) Outcome) {
	cases, err := ReadCases("cases")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if !wanted(c) {
			continue
		}
		for _, suite := range images(c) {
			t.Run(c.Name+"/"+suite, func(t *testing.T) {
				t.Parallel()
				o := run(context.Background(), c, suite)
				if len(o.Bad) > 0 {
					// Four machines on two processors: a wait may have been too short. A second
					// machine decides, and what the first one showed is told all the same.
					t.Logf("failed on its first machine: %s", strings.Join(o.Bad, "; "))
					o = run(context.Background(), c, suite)
				}
				for _, n := range o.Notes {
					t.Log(n)
				}
				if len(o.Bad) > 0 {
					t.Errorf("%s\n%s\n%s", c.About, strings.Join(o.Bad, "\n"), strings.Join(o.Shown, "\n"))
				}
			})
		}
	}
}

// someImages are the images of a case in an ordinary run of TestCases: the first, unless
// TestPrintedSteps or TestFixes asks there before it mends, and the others for every eighth
// case. SSHWHY_LAB=all and -run with a case's name take all.
func someImages(c Case) []string {
	switch {
	case everything() || os.Getenv("SSHWHY_LAB") == "symptoms":
		return c.Images
	case !drawn(c):
		return nil
	}
	images := c.Images
	if share(c, 8) != 0 {
		images = images[:1]
	}
	if c.Fixes() {
		images = images[1:]
	}
	return images
}

// everything tells that nothing is to be left out.
func everything() bool {
	named := strings.Contains(flag.Lookup("test.run").Value.String(), "/")
	return named || os.Getenv("SSHWHY_LAB") == "all"
}

// half deals the cases into two halves, always the same. An ordinary run mends one by
// the printed steps and the other by --fix.
func half(c Case) uint32 { return share(c, 2) }

// share deals the cases into n parts, always the same.
func share(c Case, n uint32) uint32 { return dealt(c.Name, n) }

// drawn says whether an ordinary run takes a case. A run of all takes two processors more than
// an hour; so each commit draws a quarter, others than the commit before it, and the same
// whenever it is tested. (Not by the lowest bits: that of FNV is the sum of the bytes' own, so
// that the draw would be one of fixed halves.)
func drawn(c Case) bool { return everything() || dealt(commit()+c.Name, 20) < 5 }

// commit is the one that is tested; "" where git does not tell.
var commit = sync.OnceValue(func() string {
	out, _ := exec.Command("git", "rev-parse", "HEAD").Output()
	return string(out)
})

func dealt(name string, n uint32) uint32 {
	h := fnv.New32a()
	h.Write([]byte(name))
	return h.Sum32() % n
}

// firstImage is for tests that take long and differ little between the images.
func firstImage(c Case) []string {
	if os.Getenv("SSHWHY_LAB") == "all" {
		return c.Images
	}
	return c.Images[:1]
}

// sidesAsked are the sides at which sshwhy is asked: both, unless SSHWHY_LAB is server or
// client; with SSHWHY_LAB=symptoms only the faults themselves are checked, and so while there
// is no sshwhy to ask.
func sidesAsked(tools string) []string {
	switch only := os.Getenv("SSHWHY_LAB"); {
	case only == "symptoms" || !HasSSHWhy(tools):
		return nil
	case only == "server" || only == "client":
		return []string{only}
	default:
		return []string{"server", "client"}
	}
}

// TestEveryCauseHasACase holds the promise that what sshwhy can name was seen on a real
// machine, or stands in without-case.txt with the reason.
func TestEveryCauseHasACase(t *testing.T) {
	cases, err := ReadCases("cases")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, c := range cases {
		for _, id := range c.Causes() {
			if _, ok := catalog.Get(id); !ok {
				t.Errorf("%s: no cause %q", c.Name, id)
			}
			shown[id] = true
		}
	}
	without, err := os.ReadFile("without-case.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(without)) {
		id, reason, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch {
		case id == "" || strings.HasPrefix(id, "#"):
		case reason == "":
			t.Errorf("without-case.txt: %s has no reason", id)
		case shown[id]:
			t.Errorf("without-case.txt names %s, which has a case", id)
		default:
			shown[id] = true
		}
	}
	for _, c := range catalog.All() {
		if !shown[c.ID] {
			t.Errorf("%s has neither a case nor a reason in without-case.txt", c.ID)
		}
	}
}
