package facts

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/evidence"
)

// Behind is a program that another one starts for each connection to a port: a
// line of inetd.conf, a service of xinetd, a socket unit of systemd.
type Behind struct {
	By      string // the program that listens: inetd, xinetd, systemd
	Port    int
	Program string // the name of the program started; for systemd the unit that is
	Unit    string // the socket unit
	Quote   Quote
}

// SSH reports whether the program serves SSH.
func (x Behind) SSH() bool {
	if x.Unit != "" {
		return strings.Contains(x.Unit, "ssh") || strings.HasPrefix(x.Unit, "dropbear")
	}
	return slices.Contains(SSHPrograms, x.Program)
}

var (
	itemInetd       = evidence.File("/etc/inetd.conf")
	itemXinetd      = evidence.Glob("/etc/xinetd.d/*")
	itemListSockets = evidence.Command("systemctl", "list-sockets", "--all", "--full", "--plain", "--no-legend", "--no-pager")
)

// maxXinetd bounds how many files of xinetd are read.
const maxXinetd = 100

// wantBehind looks behind a listener only where it is one that starts others.
func wantBehind(b *evidence.Bundle, ask Ask) []evidence.Item {
	var items []evidence.Item
	ports := interestingPorts(b, ask)
	for _, l := range parseListeners(b).All {
		switch {
		case !slices.Contains(ports, l.Port):
		case l.OwnedBy("inetd"):
			items = append(items, itemInetd)
		case l.OwnedBy("xinetd"):
			items = append(items, itemXinetd)
		case slices.ContainsFunc(l.Owners, func(o Owner) bool { return o.PID == 1 && o.Name == "systemd" }) && !sshSocketOn(b, l.Port):
			items = append(items, itemListSockets)
		}
	}
	for i, m := range b.Get(itemXinetd).Matches {
		if i < maxXinetd {
			items = append(items, evidence.File(m.Path))
		}
	}
	return items
}

// sshSocketOn reports whether one of the socket units of SSH is said to listen on a port.
func sshSocketOn(b *evidence.Bundle, port int) bool {
	_, sockets, _ := parseUnits(b)
	for _, u := range sockets {
		if u.Active() && slices.ContainsFunc(u.Listens(), func(e Endpoint) bool { return e.Port == port }) {
			return true
		}
	}
	return false
}

func parseBehind(b *evidence.Bundle, ask Ask) []Behind {
	ports := interestingPorts(b, ask)
	out := parseInetd(itemInetd.Path, b.Get(itemInetd).Data)
	for i, m := range b.Get(itemXinetd).Matches {
		if i < maxXinetd {
			out = append(out, parseXinetd(m.Path, b.Get(evidence.File(m.Path)).Data)...)
		}
	}
	out = append(out, parseListSockets(originOf(itemListSockets, b.Get(itemListSockets)).Source, b.Get(itemListSockets).Data)...)
	return slices.DeleteFunc(out, func(x Behind) bool { return !slices.Contains(ports, x.Port) })
}

// servicePort reads a port as inetds do: a number, or a name of services(5), of
// which only ssh matters here.
func servicePort(word string) int {
	word = word[strings.LastIndexByte(word, ':')+1:] // address:service (inetd.conf(5))
	if word == "ssh" {
		return 22
	}
	n, err := strconv.Atoi(word)
	if err != nil || n < 1 || n > 65535 {
		return 0
	}
	return n
}

// parseInetd reads inetd.conf(5): service type protocol wait user program arguments.
func parseInetd(source string, data []byte) []Behind {
	var out []Behind
	for i, line := range lines(data) {
		f := strings.Fields(line)
		if len(f) < 6 || strings.HasPrefix(f[0], "#") || !strings.HasPrefix(f[2], "tcp") {
			continue
		}
		program := f[5]
		if path.Base(program) == "tcpd" && len(f) > 6 { // tcpd(8): the program comes first among the arguments
			program = f[6]
		}
		if port := servicePort(f[0]); port > 0 {
			out = append(out, Behind{By: "inetd", Port: port, Program: path.Base(program),
				Quote: Quote{Source: source, Line: i + 1, Text: clip(line)}})
		}
	}
	return out
}

// parseXinetd reads the services of one file (xinetd.conf(5)): "service NAME {"
// and lines "key = value". Those with "disable = yes" do not count.
func parseXinetd(source string, data []byte) []Behind {
	var out []Behind
	var x Behind
	disabled := false
	for i, line := range lines(data) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		key, value = strings.TrimSpace(strings.TrimRight(key, "+-")), strings.TrimSpace(value)
		f := strings.Fields(line)
		switch {
		case len(f) > 1 && f[0] == "service":
			x, disabled = Behind{By: "xinetd", Port: servicePort(f[1])}, false
		case len(f) > 0 && f[0] == "}":
			if x.Port > 0 && x.Program != "" && !disabled {
				out = append(out, x)
			}
			x = Behind{}
		case ok && key == "port":
			x.Port = servicePort(value)
		case ok && key == "disable":
			disabled = value == "yes"
		case ok && key == "server":
			x.Program = path.Base(value)
			x.Quote = Quote{Source: source, Line: i + 1, Text: clip(line)}
		}
	}
	return out
}

// parseListSockets reads lines of `systemctl list-sockets --plain --no-legend`:
// "[::]:22 ssh.socket ssh.service".
func parseListSockets(source string, data []byte) []Behind {
	var out []Behind
	for i, line := range lines(data) {
		f := strings.Fields(line)
		if len(f) < 2 || !strings.HasSuffix(f[1], ".socket") {
			continue
		}
		e, ok := parseEndpoint(f[0])
		if !ok || e.Port == 0 {
			continue
		}
		x := Behind{By: "systemd", Port: e.Port, Unit: f[1], Quote: Quote{Source: source, Line: i + 1, Text: clip(line)}}
		if len(f) > 2 {
			x.Program = f[2]
		}
		out = append(out, x)
	}
	return out
}

// containerOf names the container in a line of /proc/PID/cgroup, as the runtimes
// call their groups (runc and crun with systemd: docker-ID.scope, libpod-ID.scope,
// cri-containerd-ID.scope; without: /docker/ID; LXC: lxc.payload.NAME; systemd-machined: machine-NAME.scope).
func containerOf(line string) string {
	for part := range strings.SplitSeq(line, "/") {
		name := strings.TrimSuffix(part, ".scope")
		for _, k := range [...]struct{ prefix, kind string }{
			{"docker-", "docker"}, {"libpod-", "podman"}, {"cri-containerd-", "containerd"}, {"crio-", "cri-o"},
			{"lxc.payload.", "lxc"}, {"machine-", "machine"},
		} {
			id, ok := strings.CutPrefix(name, k.prefix)
			if !ok || id == "" || strings.HasPrefix(id, "conmon") || k.kind == "machine" && part == name {
				continue
			}
			if k.kind == "machine" {
				return "machine " + id
			}
			return k.kind + " container " + id[:min(12, len(id))]
		}
	}
	if _, id, ok := strings.Cut(line, ":/docker/"); ok && id != "" {
		id, _, _ = strings.Cut(id, "/")
		return "docker container " + id[:min(12, len(id))]
	}
	return ""
}
