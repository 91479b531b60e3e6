package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"sshwhy/internal/report"
)

// doors proves a fix by real connections from this machine to its own
// addresses other than the loopback, up to the key exchange: that is as far as
// one comes without logging in, and shows that sshd runs with its keys. Linux
// carries such packets over the interface lo, which many firewalls let pass,
// so that the firewall is not proved by it; How says so.
type doors struct {
	visitor string // whom the fix is for; "" is everyone
	asked   bool
	open    []netip.Addr // that answered before the fix
}

// doorTime is how long one connection may take; doorWait and doorPause are for
// a service that was only just started.
const (
	doorTime  = 8 * time.Second
	doorWait  = 3 * time.Second
	doorPause = 500 * time.Millisecond
)

// errReached ends a handshake as soon as the server has proved its host key.
var errReached = errors.New("reached")

// verify tries all addresses: fine is where every one that answered before
// answers, and at least one does.
func (d *doors) verify(ctx context.Context, r *report.Report) report.FixVerified {
	first := !d.asked
	d.asked = true
	if first && r.Verdict == report.VerdictBroken {
		// Nothing to lose; and a connection to a broken socket unit would
		// count against its trigger limit.
		return report.FixVerified{How: "not tried before the fix"}
	}
	port := r.Target.Port
	if port == 0 {
		port = 22
	}
	start := time.Now()
	open, words := tryDoors(ctx, port)
	for !first && len(open) == 0 && time.Since(start) < doorWait && ctx.Err() == nil {
		time.Sleep(doorPause) // a service that was just started may not listen yet
		open, words = tryDoors(ctx, port)
	}
	ok := len(open) > 0
	for _, was := range d.open {
		ok = ok && slices.Contains(open, was)
	}
	if first {
		d.open = open
	}
	how := fmt.Sprintf("key exchange with this machine's own addresses on port %d: %s", port, strings.Join(words, ", "))
	switch {
	case len(words) == 0:
		how = "this machine has no address but the loopback's"
	case len(open) == 0 && len(d.open) == 0 && d.visitor != "":
		how = "only " + d.visitor + " can show it, this machine's own addresses are not let in; log in from there"
	}
	return report.FixVerified{How: how, OK: ok}
}

// tryDoors tries every address once, and tells which answered and how the
// others failed.
func tryDoors(ctx context.Context, port int) (open []netip.Addr, words []string) {
	for _, addr := range ownAddresses() {
		err := tryDoor(ctx, addr, port)
		if err == nil {
			open = append(open, addr)
			words = append(words, addr.String())
		} else {
			words = append(words, addr.String()+" ("+err.Error()+")")
		}
	}
	return open, words
}

// ownAddresses are the machine's global addresses.
func ownAddresses() []netip.Addr {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []netip.Addr
	for _, a := range all {
		p, err := netip.ParsePrefix(a.String())
		if err != nil || !p.Addr().IsGlobalUnicast() || len(out) == 4 {
			continue
		}
		out = append(out, p.Addr().Unmap())
	}
	return out
}

func tryDoor(ctx context.Context, addr netip.Addr, port int) error {
	ctx, cancel := context.WithTimeout(ctx, doorTime)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(addr.String(), strconv.Itoa(port)))
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	_, _, _, err = ssh.NewClientConn(conn, addr.String(), &ssh.ClientConfig{
		User:            "sshwhy",
		HostKeyCallback: func(string, net.Addr, ssh.PublicKey) error { return errReached },
	})
	if err != nil && strings.Contains(err.Error(), errReached.Error()) {
		return nil
	}
	return err
}
