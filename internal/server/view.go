package server

import (
	"net/netip"
	"slices"
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
)

// view is the facts of a machine with the few conclusions that every stage needs.
type view struct {
	*facts.Facts
	q        Query
	taken    int64            // seconds since 1970
	lookedAs int              // the effective user id; -1 where it is not known
	service  *facts.Unit      // the unit of the SSH service; nil where there is none
	socket   *facts.Unit      // the unit of the SSH socket; nil where there is none
	ours     []facts.Listener // sockets at which SSH is served
	guessed  bool             // ours rests on ports and units, since owners cannot be seen
	want     []facts.Endpoint // where the configuration says to listen
	port     int              // the port the question is about
	local    int              // the port at which connections to it arrive: another one where the firewall redirects
}

func newView(f *facts.Facts, b *evidence.Bundle, q Query) *view {
	v := &view{Facts: f, q: q, lookedAs: b.UID}
	v.Journal = f.Journal.SinceChange(q.Changed)
	if !b.Taken.IsZero() {
		v.taken = b.Taken.Unix()
	}
	v.service = pick(f.Services)
	v.socket = pick(f.Sockets)
	if v.want = f.Effective.Endpoints(); len(v.want) == 0 {
		v.want = f.Config.Endpoints()
	}
	for _, l := range f.Listeners.All {
		if v.isOurs(l) {
			v.ours = append(v.ours, l)
		}
	}
	v.port = v.askedPort()
	v.local = v.arrivesAt(v.port)
	return v
}

// pick chooses the unit that counts: an active one, else one that is enabled,
// else the first that is not dropbear's.
func pick(units []facts.Unit) *facts.Unit {
	for _, good := range []func(facts.Unit) bool{
		facts.Unit.Active, facts.Unit.Failed, facts.Unit.Enabled,
		func(u facts.Unit) bool { return u.Name != dropbearUnit },
		func(facts.Unit) bool { return true },
	} {
		if i := slices.IndexFunc(units, good); i >= 0 {
			return &units[i]
		}
	}
	return nil
}

// isOurs reports whether SSH is served at a socket. On a socket-activated
// machine its owner is systemd, so the name alone does not tell. Where owners
// cannot be seen, the units' word has to do.
func (v *view) isOurs(l facts.Listener) bool {
	if v.strangers(l) {
		return false
	}
	if l.OwnedBy(facts.SSHPrograms...) {
		return true
	}
	if x, ok := v.startedFor(l); ok && x.SSH() {
		return true
	}
	bySocket := v.socketActive() && slices.ContainsFunc(v.socket.Listens(), func(e facts.Endpoint) bool {
		return e.Port == l.Port && (e.Addr == l.Addr || e.Addr.IsUnspecified() && l.Addr.IsUnspecified())
	})
	if len(l.Owners) > 0 {
		return bySocket && l.OwnedBy("systemd", "init")
	}
	if bySocket || !v.Listeners.Owners && v.saidToRun() && v.wants(l.Port) {
		v.guessed = true
		return true
	}
	return false
}

// strangers reports whether a socket is held by another user's process, whatever
// its name: only root's, or one's own, can be the server that lets others in.
func (v *view) strangers(l facts.Listener) bool {
	return slices.ContainsFunc(l.Owners, func(o facts.Owner) bool {
		p, ok := v.Processes[o.PID]
		return ok && p.UID > 0 && p.UID != v.lookedAs
	})
}

func (v *view) wants(port int) bool {
	return slices.ContainsFunc(v.want, func(e facts.Endpoint) bool { return e.Port == port })
}

// askedPort is the port in question: the one asked about; else 22 if SSH is, or
// should be, there; else where SSH is; else where it should be.
func (v *view) askedPort() int {
	if v.q.Port != 0 {
		return v.q.Port
	}
	for _, l := range v.ours {
		if l.Port == 22 {
			return 22
		}
	}
	if len(v.ours) > 0 {
		return v.ours[0].Port
	}
	if len(v.want) > 0 && !v.wants(22) {
		return v.want[0].Port
	}
	return 22
}

func (v *view) socketActive() bool { return v.socket != nil && v.socket.Active() }

func (v *view) serviceActive() bool { return v.service != nil && v.service.Active() }

// saidToRun reports whether the service manager says that the server runs.
func (v *view) saidToRun() bool {
	return v.serviceActive() || v.System.Init != facts.InitSystemd && v.Script.State == facts.StateStarted
}

// serving reports whether SSH is served anywhere on this machine.
func (v *view) serving() bool { return len(v.ours) > 0 }

// idle reports whether systemd listens and sshd is only started by a connection:
// what is wrong with sshd then keeps people out although the port is open.
func (v *view) idle() bool {
	if !v.socketActive() {
		return false
	}
	return v.socket.Props["Accept"] == "yes" || !v.serviceActive()
}

// socketMode reports whether SSH is, or is meant to be, started by a socket unit.
func (v *view) socketMode() bool {
	if v.socket == nil || v.socket.Masked() {
		return false
	}
	if v.socket.Active() {
		return true
	}
	if v.serviceActive() {
		return false
	}
	return v.socket.Failed() && (v.service == nil || !v.service.Failed()) || v.socket.Enabled() && (v.service == nil || !v.service.Enabled())
}

// at returns our listeners where a connection of the visitor to the port
// arrives. The visitor's family is known where an address was asked about.
func (v *view) at(port int) []facts.Listener {
	var out []facts.Listener
	for _, l := range v.ours {
		if l.Port == port {
			out = append(out, l)
		}
	}
	return out
}

// loopbackClient reports whether the visitor is on this machine itself.
func (v *view) loopbackClient() bool { return v.q.Client.IsValid() && v.q.Client.IsLoopback() }

// foreign returns the listeners on a port that are known not to be SSH's.
func (v *view) foreign(addr netip.Addr, port int) []facts.Listener {
	var out []facts.Listener
	for _, l := range v.Listeners.On(addr, port) {
		if len(l.Owners) > 0 && !v.isOurs(l) {
			out = append(out, l)
		}
	}
	return out
}

// listenerPIDs are the processes that are to answer, each once, in a fixed order.
func (v *view) listenerPIDs() []int {
	var pids []int
	if v.service != nil && v.service.Int("MainPID") > 1 {
		pids = append(pids, v.service.Int("MainPID"))
	}
	for _, l := range v.ours {
		for _, o := range l.Owners {
			if o.PID > 1 && !slices.Contains(pids, o.PID) {
				pids = append(pids, o.PID)
			}
		}
	}
	return pids
}

// listenText is what the list of listeners says about the port: its line, or,
// where it has none, the lines it has instead (none at all is the empty text).
func (v *view) listenText() string {
	var other []string
	for _, l := range v.Listeners.All {
		if l.Port == v.port {
			return l.Quote.Text
		}
		other = append(other, l.Quote.Text)
	}
	return strings.Join(other, "\n")
}
