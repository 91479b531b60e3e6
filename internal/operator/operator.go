// Package operator finds out who runs this program and over which way in, so
// that a fix can spare that way: the machine's own console, a login over the
// network, or not known, which counts as one.
//
// The words of the environment alone prove nothing: sudo and su drop them, a
// terminal multiplexer keeps those of a login long gone, and anybody may unset
// them. So the processes above this one decide (which sshd carries them?), at a
// multiplexer those above its attached clients; then logind, then utmp.
//
// Judge is a pure function of a Snapshot; Look takes one. The package must not
// change anything, and must not take what it could not read for a console.
package operator

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Way is the kind of way in.
type Way string

// The three ways in. Unknown is to be treated as Remote.
const (
	Console Way = "console" // a line of the machine's own: a virtual terminal, serial, a container's console
	Remote  Way = "remote"
	Unknown Way = "unknown"
)

// Session is the login that a process runs in.
type Session struct {
	Way    Way
	Server string         // the program that carries a remote one, as the kernel names it: sshd-session, dropbear
	User   string         // who logged in, not what sudo or su made of it; "" where not known
	From   netip.AddrPort // the operator's own address; the port may be 0
	To     netip.AddrPort // the address of this machine that was connected to
	// Began is when the login began, since the machine's boot (CLOCK_BOOTTIME); 0 where not known.
	Began time.Duration
	// Here says that it came from this machine itself: no firewall and no network
	// stood in its way.
	Here bool
}

// Process is one process, as /proc has it (proc_pid_stat(5)).
type Process struct {
	PID, Parent int
	Name        string        // comm: at most 15 bytes
	User        string        // whose it is (the real uid)
	TTY         uint64        // device number of the controlling terminal; 0: none
	Began       time.Duration // since the machine's boot
	Env         []string      // those variables of the environment that it was started with that say something of a login
}

// Chain is a process and its ancestors, the process itself first.
type Chain []Process

// Snapshot is what Judge thinks about.
type Snapshot struct {
	Chain Chain
	// Clients are the attached clients of the terminal multiplexers among the
	// processes, by the process id of the multiplexer's server.
	Clients map[int][]Chain
	// LoginUser is the name of /proc/self/loginuid, which the kernel keeps
	// through sudo and su (pam_loginuid(8)); "" where none was set.
	LoginUser string
	Logind    *Logind // the session that this process lives in; nil: in none, or no logind
	Utmp      []Utmp
	Own       []netip.Addr // the addresses of this machine, without zones
}

// Logind is a session as loginctl shows it.
type Logind struct {
	User, RemoteHost, Seat string
	Remote                 bool
	Began                  time.Duration
}

// Utmp is a login in the file utmp(5).
type Utmp struct {
	Line, User, Host string // Line is the terminal without /dev/
	Addr             netip.Addr
}

// servers are the programs that carry logins over a network, by the name that
// the kernel gives their processes. Those of OpenSSH since 9.8: sshd-session.
var servers = []string{"sshd", "sshd-session", "sshd-auth", "dropbear", "tinysshd", "tailscaled", "teleport",
	"mosh-server", "telnetd", "in.telnetd", "utelnetd", "rlogind", "in.rlogind", "rshd", "in.rshd", "xrdp-sesman", "cockpit-bridge"}

func isServer(p Process) bool { return slices.Contains(servers, p.Name) }

// isMultiplexer says whether the process is the server of a terminal
// multiplexer: its terminals outlive logins, and its clients come and go.
// (tmux names its processes so since 2.2; screen's server and client share a name.)
func isMultiplexer(p Process) bool {
	return p.Name == "tmux: server" || p.Name == "screen" || p.Name == "zellij" || p.Name == "abduco" || p.Name == "dtach"
}

// maxDepth bounds how many multiplexers may run in each other.
const maxDepth = 4

// Judge says which login a process runs in.
func Judge(s Snapshot) Session {
	out := s.judge(s.Chain, maxDepth)
	if out.User == "" {
		out.User = s.LoginUser
	}
	out.Here = s.own(out.From.Addr(), out.To.Addr())
	return out
}

// own says whether an address that a login came from is this machine's. It need
// not be the one that was connected to: a client may bind any of them.
func (s Snapshot) own(from, to netip.Addr) bool {
	if !from.IsValid() {
		return false
	}
	from = from.WithZone("")
	return from.IsLoopback() || from == to.WithZone("") || slices.Contains(s.Own, from)
}

func (s Snapshot) judge(c Chain, depth int) Session {
	for i, p := range c {
		switch {
		case isServer(p):
			return s.remote(c, i)
		case isMultiplexer(p) && depth == 0:
			return Session{Way: Unknown, User: p.User}
		case isMultiplexer(p):
			return s.multiplexed(p, depth-1)
		}
	}
	if out, ok := s.remembered(c); ok {
		return out
	}
	if i := consoleLogin(c); i >= 0 {
		return Session{Way: Console, User: loginUser(c[:i+1]), Began: c[i].Began}
	}
	return Session{Way: Unknown, User: loginUser(c)}
}

// multiplexed judges by the attached clients: all at the console is the
// console; otherwise the remote one that began last, whose login proves most.
func (s Snapshot) multiplexed(server Process, depth int) Session {
	var best Session
	for _, c := range s.Clients[server.PID] {
		next := s.judge(c, depth)
		if best.Way == "" || rank(next.Way) > rank(best.Way) || next.Way == best.Way && next.Began > best.Began {
			best = next
		}
	}
	if best.Way == "" { // nobody is attached, or it cannot be seen
		return Session{Way: Unknown, User: server.User}
	}
	return best
}

func rank(w Way) int { return slices.Index([]Way{Console, Unknown, Remote}, w) }

// remote is the login that the server at c[first] carries. Of several processes
// of a server the last one listens and is older than the login: what it started
// is the connection. (With a process per connection from the start, as a socket
// unit does it, the next one is younger by milliseconds.)
func (s Snapshot) remote(c Chain, first int) Session {
	last := first
	for last+1 < len(c) && isServer(c[last+1]) {
		last++
	}
	out := Session{Way: Remote, Server: c[first].Name, Began: c[max(first, last-1)].Began}
	if first > 0 {
		out.User = c[first-1].User // the login shell's, or what stands in its place
		if out.User == "root" && c[first-1].Name == "login" {
			out.User = "" // telnetd starts login(1), which is root's
		}
	}
	// The process next to the server has the server's own words; further down
	// they may be anybody's.
	for i := first - 1; i >= 0 && !out.From.IsValid(); i-- {
		out.From, out.To = connection(c[i].Env)
	}
	if !out.From.IsValid() {
		s.address(c, &out)
	}
	return out
}

// remembered is a remote login that is not among the ancestors any more (nohup,
// a closed session), but that logind, the environment or utmp still tells of.
func (s Snapshot) remembered(c Chain) (Session, bool) {
	out := Session{Way: Remote, User: loginUser(c)}
	if s.Logind != nil && s.Logind.Remote {
		out.User, out.Began = cmp.Or(s.Logind.User, out.User), s.Logind.Began
		s.address(c, &out)
		return out, true
	}
	for _, p := range slices.Backward(c) {
		if from, to := connection(p.Env); from.IsValid() {
			out.From, out.To = from, to
			return out, true
		}
	}
	for _, p := range c {
		for _, u := range s.Utmp {
			if u.Line == ttyName(p.TTY) && u.Line != "" && fromAfar(u) {
				out.User, out.From = u.User, netip.AddrPortFrom(u.Addr, 0)
				return out, true
			}
		}
	}
	return out, false
}

// fromAfar says whether a record of utmp tells of another machine. A display
// (":0") and a multiplexer's own records ("tmux(12).%0", ":pts/3:S.0") do not.
func fromAfar(u Utmp) bool {
	return u.Addr.IsValid() && !u.Addr.IsUnspecified() ||
		u.Host != "" && !strings.HasPrefix(u.Host, ":") && !strings.ContainsAny(u.Host, "(%")
}

// address fills in where a remote login comes from, by what logind or utmp say.
func (s Snapshot) address(c Chain, out *Session) {
	if s.Logind != nil && s.Logind.Remote {
		if a, err := netip.ParseAddr(s.Logind.RemoteHost); err == nil {
			out.From = netip.AddrPortFrom(a.Unmap(), 0)
			return
		}
	}
	for _, p := range c {
		for _, u := range s.Utmp {
			if u.Line == ttyName(p.TTY) && u.Line != "" && u.Addr.IsValid() {
				out.From = netip.AddrPortFrom(u.Addr, 0)
				return
			}
		}
	}
}

// consoleLogin is the process that proves a login at the machine's own line:
// login(1) as a child of the init, where a getty has put it, or a process whose
// terminal is such a line. -1 where there is none. A terminal alone is no proof
// where the chain does not reach the init: who started it is not known then.
func consoleLogin(c Chain) int {
	if len(c) == 0 || c[len(c)-1].PID != 1 {
		return -1
	}
	for i, p := range slices.Backward(c) {
		if p.Parent == 1 && p.Name == "login" || isLine(p.TTY) {
			return i
		}
	}
	return -1
}

// Major device numbers (admin-guide/devices.txt of Linux) of lines that belong to the machine.
const (
	majorTTY       = 4   // virtual terminals (minor 1–63) and serial ports
	majorAux       = 5   // 1 is /dev/console
	majorUSBSerial = 188 // ttyUSB
	majorACM       = 166 // ttyACM
	majorLowSerial = 204 // ttyAMA and others
	majorHVC       = 229 // a hypervisor's console
	majorSCLP      = 227 // 3270
	majorPTSFirst  = 136
	majorPTSLast   = 143
)

func major(dev uint64) uint64 { return dev >> 8 & 0xfff }

// minor of a device number as proc_pid_stat(5) has it: bits 31 to 20 and 7 to 0.
func minor(dev uint64) uint64 { return dev&0xff | dev>>12&0xfff00 }

func isLine(dev uint64) bool {
	switch major(dev) {
	case majorTTY, majorUSBSerial, majorACM, majorLowSerial, majorHVC, majorSCLP:
		return true
	case majorAux:
		return minor(dev) == 1
	}
	return false
}

// ttyName is the name of a terminal as utmp has it, of those that utmp may tell
// a host of; "" for others.
func ttyName(dev uint64) string {
	if m := major(dev); m >= majorPTSFirst && m <= majorPTSLast {
		return "pts/" + itoa((m-majorPTSFirst)<<20|minor(dev))
	}
	return ""
}

// loginUser is whose login it is, where no server tells: what sudo or doas
// remember, or the owner of the outermost process that is not root's.
func loginUser(c Chain) string {
	for _, p := range slices.Backward(c) {
		for _, name := range [...]string{"SUDO_USER", "DOAS_USER"} {
			if u := variable(p.Env, name); u != "" && u != "root" {
				return u
			}
		}
	}
	for _, p := range slices.Backward(c) {
		if p.User != "" && p.User != "root" {
			return p.User
		}
	}
	if len(c) > 0 {
		return c[0].User
	}
	return ""
}

// Name is the operator in a sentence: "alice from 192.0.2.2".
func (s Session) Name() string {
	name := cmp.Or(s.User, "whoever is logged in")
	if s.From.IsValid() {
		name += " from " + s.From.Addr().String()
	}
	return name
}
