package prove

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sshwhy/internal/proc"
)

// Namespace is a network namespace that lives in a thread of its own and ends
// with it.
type Namespace struct {
	Path string // under /proc; valid until Close
	work chan func()
}

// NewNamespace makes an empty namespace. It must be closed.
func NewNamespace() (*Namespace, error) {
	n := &Namespace{work: make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and the namespace with both
		err := unix.Unshare(unix.CLONE_NEWNET)
		n.Path = fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), unix.Gettid())
		ready <- err
		if err != nil {
			return
		}
		for f := range n.work {
			f()
		}
	}()
	if err := <-ready; err != nil {
		return nil, fmt.Errorf("a network namespace of its own: %w", err)
	}
	return n, nil
}

// Close ends the namespace.
func (n *Namespace) Close() { close(n.work) }

// Do runs f in the namespace and waits for it.
func (n *Namespace) Do(f func()) {
	done := make(chan struct{})
	n.work <- func() { defer close(done); f() }
	<-done
}

// Limits of one program: how long it may take, and how many bytes of its answer are kept.
const (
	programTime   = 30 * time.Second
	programOutput = 64 << 20
)

// Run runs a program in the namespace, with stdin given to it.
func (n *Namespace) Run(ctx context.Context, stdin string, args ...string) (out []byte, err error) {
	var r proc.Result
	n.Do(func() {
		r = proc.Run(ctx, proc.Command{Args: args, Stdin: []byte(stdin), Limit: programTime, Cap: programOutput})
	})
	if !r.OK() {
		err = fmt.Errorf("%s: %w: %.300s", strings.Join(args, " "), r.Failure(), r.Err)
	}
	return r.Out, err
}

// Set writes sysctls of the namespace, given as "net/ipv4/ip_forward 0"; what a
// kernel does not have is left.
func (n *Namespace) Set(sysctls ...string) {
	n.Do(func() {
		for _, kv := range sysctls {
			k, v, _ := strings.Cut(kv, " ")
			_ = os.WriteFile("/proc/sys/"+k, []byte(v), 0o644)
		}
	})
}

// MAC returns the hardware address of an interface in the namespace.
func (n *Namespace) MAC(dev string) (hw net.HardwareAddr, err error) {
	n.Do(func() {
		var i *net.Interface
		if i, err = net.InterfaceByName(dev); err == nil {
			hw = i.HardwareAddr
		}
	})
	return hw, err
}
