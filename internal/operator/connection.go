package operator

import (
	"net/netip"
	"strconv"
	"strings"
)

// variables are those of the environment that say something of a login.
// SSH_CONNECTION and SSH_CLIENT are described in ssh(1), ENVIRONMENT; the first
// is also dropbear's and Tailscale's.
var variables = [...]string{"SSH_CONNECTION", "SSH_CLIENT", "SUDO_USER", "DOAS_USER"}

func itoa(n uint64) string { return strconv.FormatUint(n, 10) }

// variable is the value of one variable; "" where it is not set.
func variable(env []string, name string) string {
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}

// connection reads SSH_CONNECTION ("client port server port") or SSH_CLIENT
// ("client port serverport"); what is not written so is no connection.
func connection(env []string) (from, to netip.AddrPort) {
	f := strings.Fields(variable(env, "SSH_CONNECTION"))
	if len(f) == 4 {
		from, to = endpoint(f[0], f[1]), endpoint(f[2], f[3])
		if from.IsValid() {
			return from, to
		}
	}
	if f = strings.Fields(variable(env, "SSH_CLIENT")); len(f) == 3 {
		from = endpoint(f[0], f[1])
	}
	return from, netip.AddrPort{}
}

func endpoint(addr, port string) netip.AddrPort {
	a, err := netip.ParseAddr(addr)
	n, perr := strconv.ParseUint(port, 10, 16)
	if err != nil || perr != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(n))
}
