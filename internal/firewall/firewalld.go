package firewall

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Zone is a zone of firewalld, as `firewall-cmd --list-all-zones` prints it.
type Zone struct {
	Name       string
	Target     string
	Interfaces []string
	Sources    []string
	Services   []string
	Ports      []string
	Rich       []string
	lines      map[string]string
}

// Zones reads the output of `firewall-cmd --list-all-zones`: a name with
// "(active)" or "(default, active)" behind it, then indented "key: values".
func Zones(data []byte) []Zone {
	var out []Zone
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		if line[0] != ' ' && line[0] != '\t' {
			name, _, _ := strings.Cut(line, " ")
			out = append(out, Zone{Name: name, lines: map[string]string{}})
			continue
		}
		if len(out) == 0 {
			continue
		}
		z := &out[len(out)-1]
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "rule ") {
			z.Rich = append(z.Rich, trimmed)
			continue
		}
		key, value, _ := strings.Cut(trimmed, ":")
		z.lines[key] = trimmed
		words := strings.Fields(value)
		switch key {
		case "target":
			z.Target = strings.TrimSpace(value)
		case "interfaces":
			z.Interfaces = words
		case "sources":
			z.Sources = words
		case "services":
			z.Services = words
		case "ports":
			z.Ports = words
		}
	}
	return out
}

// HasInterface reports whether the zone is bound to the interface.
func (z *Zone) HasInterface(name string) bool { return slices.Contains(z.Interfaces, name) }

// Opens returns what in the zone lets everyone in to a TCP port, as an argument
// of firewall-cmd ("service=ssh", "port=2222/tcp"), and the line it stands in.
func (z *Zone) Opens(port int) (opening, line string) {
	if port == 22 && slices.Contains(z.Services, "ssh") {
		return "service=ssh", z.lines["services"]
	}
	for _, p := range z.Ports {
		ports, proto, _ := strings.Cut(p, "/")
		lo, hi, isRange := strings.Cut(ports, "-")
		if !isRange {
			hi = lo
		}
		a, err1 := strconv.Atoi(lo)
		b, err2 := strconv.Atoi(hi)
		if proto == "tcp" && err1 == nil && err2 == nil && a <= port && port <= b {
			return fmt.Sprintf("port=%s", p), z.lines["ports"]
		}
	}
	return "", ""
}
