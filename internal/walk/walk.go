// Package walk makes an SSH connection from this machine as ssh would, step by step,
// and writes down what it saw: client.Observations.
//
// It only looks, one file per step: config, resolve, route, connect, banner, kex,
// hostkey, auth, session. What the observations amount to is package client's to say,
// and so is every judgement by which a walk goes on or ends.
//
// It is a good guest: at most three connections to a target reach its banner, and one
// login is tried; it never talks to anything but the target, its jump hosts and the
// name servers of this machine. It must not change anything, offer anything to a host
// whose key is not accepted, or leave a goroutine behind when Walk returns.
package walk

import (
	"context"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"time"

	"sshwhy/internal/client"
)

// Options say what to walk to. Args and Host are what a user gave to ssh.
type Options struct {
	Args         []string      // ssh's options exactly as typed: -p 2222 -o X=y
	Host         string        // what was typed: host, user@host or ssh://…
	Timeout      time.Duration // how long to wait for an address, a banner, a key exchange; 0 = ConnectTimeout of the configuration, and at least what a diagnosis needs
	NoOtherPorts bool          // do not try the host's other usual SSH ports
	NoAuth       bool          // stop after the host key
	Command      bool          // a remote command was given, so ssh would ask for no shell
	Version      string        // of this program; goes into the identification string
	SSH          string        // the ssh program; "" looks it up, "-" does without
	// Ask shows a person a host key that is not on record, where ssh would ask, and
	// reports whether to go on with it. nil: nobody is asked, and the walk ends there.
	Ask   func(context.Context, HostKeyQuestion) bool
	hops  int   // how many jump hosts led here
	alone *bool // tests: whether nobody can be asked
}

// Progress is what the walk waits for at the moment.
type Progress struct {
	Step    string        // a stage of the report
	Address string        // the address and port waited for, where there is one
	Elapsed time.Duration // since the step began
	Limit   time.Duration // when it gives up; 0 where there is no limit
}

// Waits. An address that the neighbour protocol does not find is given up by
// the kernel after 3.05 s, SYNs are sent again after 1, 2, 3, 4 and 5 s, so less
// than defaultConnect cannot tell silence from a slow answer.
const (
	defaultConnect = 8 * time.Second
	leastConnect   = 4 * time.Second // shorter ConnectTimeouts are outwaited to see whether an answer would have come
	leastBanner    = 7 * time.Second // libwrap closes after exactly 5 s
	leastKex       = 7 * time.Second
	ticks          = 200 * time.Millisecond
)

// walker carries one walk.
type walker struct {
	opt      Options
	obs      *client.Observations
	progress func(Progress)
	devices  func() map[netip.Addr]device // this machine's addresses, asked for once
	mu       sync.Mutex                   // progress is called from one goroutine at a time
}

// Walk makes the connection that was asked for, step by step, until it fails or
// is complete, and returns what it saw. When ctx ends it returns what is known
// so far. progress may be nil; it is called at every step and while one waits.
func Walk(ctx context.Context, opt Options, progress func(Progress)) *client.Observations {
	w := &walker{opt: opt, progress: progress, devices: sync.OnceValue(deviceNames), obs: &client.Observations{Typed: opt.Host, Args: opt.Args, NoAuth: opt.NoAuth}}
	var ahead sync.WaitGroup
	ahead.Go(func() { w.devices() }) // while ssh reads its configuration
	defer ahead.Wait()
	w.walk(ctx)
	w.obs.Interrupted = ctx.Err() != nil
	return w.obs
}

// walk is the path of a connection. Every step returns whether the next one has
// something to stand on.
func (w *walker) walk(ctx context.Context) {
	if !w.config(ctx) {
		return
	}
	if w.indirect(ctx) || !w.resolve(ctx) {
		return
	}
	w.route(ctx)
	race := w.connect(ctx)
	defer race.end()
	conn := race.first(ctx)
	if conn == nil {
		race.watchResets(ctx)
		w.otherPorts(ctx, race) // in the background; race.end waits for it
		race.probeRefusal(ctx)
		w.otherFamily(ctx)
		w.askDNSToo(ctx)
		return
	}
	defer conn.Close()
	w.talk(ctx, conn)
}

// talk is everything that happens on the connection itself.
func (w *walker) talk(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	reader, ok := w.banner(ctx, conn)
	if !ok {
		return
	}
	w.kex(ctx, conn, reader)
}

// wait is how long to wait for the peer's next word: at least least, unless the
// user said how long.
func (w *walker) wait(least time.Duration) time.Duration {
	if w.opt.Timeout > 0 {
		return w.opt.Timeout
	}
	return max(w.dialer().limit, least)
}

// report tells of progress for the duration of a step; the returned function ends it.
func (w *walker) report(step, address string, limit time.Duration) (done func()) {
	if w.progress == nil {
		return func() {}
	}
	begin := time.Now()
	say := func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.progress(Progress{Step: step, Address: address, Elapsed: time.Since(begin), Limit: limit})
	}
	say()
	quit, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(ticks)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				say()
			case <-quit:
				return
			}
		}
	}()
	return func() { close(quit); <-gone }
}

// nobodyToAsk reports whether ssh could ask nobody for a password or a yes: it asks on
// the controlling terminal, or by an askpass program (readpass.c).
func (w *walker) nobodyToAsk() bool {
	if w.opt.alone != nil {
		return *w.opt.alone
	}
	if os.Getenv("SSH_ASKPASS") != "" && (os.Getenv("DISPLAY") != "" || os.Getenv("SSH_ASKPASS_REQUIRE") == "force") {
		return false
	}
	terminal := "/dev/tty"
	if runtime.GOOS == "windows" {
		terminal = "CONIN$"
	}
	f, err := os.OpenFile(terminal, os.O_RDWR, 0)
	if err != nil {
		return true
	}
	_ = f.Close()
	return false
}

// ms is a duration as the report has it: milliseconds with two decimals.
func ms(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}
