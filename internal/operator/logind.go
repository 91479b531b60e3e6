package operator

import (
	"context"
	"encoding/binary"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Ask runs a program that only looks, and returns its standard output; false
// where it failed.
type Ask func(ctx context.Context, argv ...string) (string, bool)

// sessionScope is the control group of a login (systemd-logind.service(8)).
var sessionScope = regexp.MustCompile(`(?m)/session-([A-Za-z0-9_]+)\.scope(?:/|$)`)

// logind asks for the session that a control group belongs to; nil where it
// belongs to none, or logind does not answer.
func logind(ctx context.Context, ask Ask, cgroup string) *Logind {
	m := sessionScope.FindStringSubmatch(cgroup)
	if m == nil {
		return nil
	}
	out, ok := ask(ctx, "loginctl", "show-session", "--property=Name", "--property=Remote", "--property=RemoteHost",
		"--property=Seat", "--property=TimestampMonotonic", "--", m[1])
	if !ok {
		return nil
	}
	return parseLogind(out)
}

func parseLogind(text string) *Logind {
	l := &Logind{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch name {
		case "Name":
			l.User = value
		case "Remote":
			l.Remote = value == "yes"
		case "RemoteHost":
			l.RemoteHost = value
		case "Seat":
			l.Seat = value
		case "TimestampMonotonic":
			if us, err := strconv.ParseInt(value, 10, 62); err == nil && us >= 0 && us < int64(1<<62)/1000 {
				l.Began = time.Duration(us) * time.Microsecond
			}
		}
	}
	return l
}

// A record of utmp(5) as glibc writes it on Linux: 384 bytes, of which a
// process id, the terminal, the user, the host and the address matter here.
const (
	utmpSize    = 384
	utmpProcess = 7 // ut_type of a user's login, USER_PROCESS
	maxUtmp     = 10_000
)

func parseUtmp(data []byte) []Utmp {
	var out []Utmp
	for ; len(data) >= utmpSize && len(out) < maxUtmp; data = data[utmpSize:] {
		if binary.NativeEndian.Uint16(data) != utmpProcess {
			continue
		}
		u := Utmp{Line: cString(data[8:40]), User: cString(data[44:76]), Host: cString(data[76:332])}
		addr := [16]byte(data[348:364])
		switch {
		case addr == [16]byte{}:
		case [12]byte(addr[4:]) == [12]byte{}:
			u.Addr = netip.AddrFrom4([4]byte(addr[:4]))
		default:
			u.Addr = netip.AddrFrom16(addr).Unmap()
		}
		out = append(out, u)
	}
	return out
}

func cString(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}
