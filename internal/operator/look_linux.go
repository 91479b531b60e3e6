package operator

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Look takes the snapshot of this process.
func Look(ctx context.Context, ask Ask) Snapshot {
	r := reader{proc: "/proc"}
	s := Snapshot{Chain: r.chain(os.Getpid()), Clients: map[int][]Chain{}}
	r.attached(s.Chain, s.Clients, maxDepth)
	if uid := strings.TrimSpace(r.text("self/loginuid")); uid != "" && uid != unsetUID {
		s.LoginUser = userName(uid)
	}
	s.Logind = logind(ctx, ask, r.text("self/cgroup"))
	data, _ := os.ReadFile("/run/utmp") // not every machine keeps one
	s.Utmp = parseUtmp(data)
	s.Own = ownAddresses()
	return s
}

// ownAddresses are those of this machine's interfaces.
func ownAddresses() []netip.Addr {
	all, _ := net.InterfaceAddrs() // where they cannot be read, the loopback still tells
	var out []netip.Addr
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, p.Addr().Unmap())
		}
	}
	return out
}

// unsetUID is (uid_t)-1: no login has set it.
const unsetUID = "4294967295"

// reader reads processes below a directory, /proc.
type reader struct{ proc string }

// Limits of what is read: of a process's environment, of ancestors, and of the
// processes of a machine that are searched for a multiplexer's clients.
const (
	maxEnviron   = 1 << 20
	maxAncestors = 256
	maxProcesses = 100_000
)

// text is a small file below /proc; "" where it cannot be read.
func (r reader) text(name string) string {
	data, _ := os.ReadFile(filepath.Join(r.proc, name))
	return string(data)
}

// chain is a process and its ancestors, as far as they can be read.
func (r reader) chain(pid int) Chain {
	var out Chain
	for pid > 0 && len(out) < maxAncestors {
		p, ok := r.process(pid)
		if !ok {
			break
		}
		out = append(out, p)
		pid = p.Parent
	}
	return out
}

func (r reader) process(pid int) (Process, bool) {
	dir := strconv.Itoa(pid)
	p, ok := parseStat(r.text(dir + "/stat"))
	if !ok {
		return p, false
	}
	for line := range strings.Lines(r.text(dir + "/status")) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "Uid:" {
			p.User = userName(f[1])
		}
	}
	for _, e := range bytes.Split(bounded(filepath.Join(r.proc, dir, "environ"), maxEnviron), []byte{0}) {
		name, _, _ := strings.Cut(string(e), "=")
		if slices.Contains(variables[:], name) {
			p.Env = append(p.Env, string(e))
		}
	}
	return p, true
}

// bounded is the beginning of a file.
func bounded(path string, limit int) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	buf := make([]byte, limit)
	n := 0
	for n < limit {
		m, err := f.Read(buf[n:])
		n += m
		if err != nil {
			break
		}
	}
	return buf[:n]
}

// userName is the name of a numeric uid, or the number.
func userName(uid string) string {
	if u, err := user.LookupId(uid); err == nil {
		return u.Username
	}
	return uid
}

// attached finds the clients of the multiplexers in a chain. A multiplexer's
// server holds the terminals of its clients open (tmux is passed them over its
// socket, screen opens them), so that whoever else holds one of them as the
// controlling terminal and has a multiplexer's name is a client.
func (r reader) attached(c Chain, out map[int][]Chain, depth int) {
	for _, p := range c {
		if !isMultiplexer(p) || out[p.PID] != nil || depth == 0 {
			continue
		}
		out[p.PID] = []Chain{} // seen: a circle of multiplexers ends here
		held := r.terminals(p.PID)
		for _, pid := range r.pids() {
			q, ok := parseStat(r.text(strconv.Itoa(pid) + "/stat"))
			if !ok || q.PID == p.PID || q.TTY == 0 || !slices.Contains(held, q.TTY) || !isClient(q, p) {
				continue
			}
			// Its own ancestors: a client's name is a multiplexer's, too.
			chain := r.chain(q.Parent)
			out[p.PID] = append(out[p.PID], chain)
			r.attached(chain, out, depth-1)
		}
		return // what is above its server is who started it, not who is there
	}
}

func isClient(q, server Process) bool {
	if server.Name == "tmux: server" {
		return q.Name == "tmux: client"
	}
	return q.Name == server.Name
}

// terminals are the device numbers of the terminals that a process holds open.
func (r reader) terminals(pid int) []uint64 {
	dir := filepath.Join(r.proc, strconv.Itoa(pid), "fd")
	names, _ := os.ReadDir(dir)
	var out []uint64
	for _, n := range names {
		path := filepath.Join(dir, n.Name())
		to, err := os.Readlink(path)
		if err != nil || !strings.HasPrefix(to, "/dev/pts/") && !strings.HasPrefix(to, "/dev/tty") && to != "/dev/console" {
			continue
		}
		if dev, ok := device(path); ok {
			out = append(out, dev)
		}
	}
	return out
}

func (r reader) pids() []int {
	f, err := os.Open(r.proc)
	if err != nil {
		return nil
	}
	defer f.Close()
	names, _ := f.Readdirnames(maxProcesses)
	var out []int
	for _, n := range names {
		if pid, err := strconv.Atoi(n); err == nil {
			out = append(out, pid)
		}
	}
	slices.Sort(out)
	return out
}

// device is the device number of an open descriptor's file, as the field tty_nr
// of proc_pid_stat(5) writes it.
func device(path string) (uint64, bool) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR {
		return 0, false
	}
	ma, mi := uint64(unix.Major(st.Rdev)), uint64(unix.Minor(st.Rdev)) //nolint:unconvert // the width differs
	return mi&0xff | ma<<8 | (mi&^0xff)<<12, true
}
