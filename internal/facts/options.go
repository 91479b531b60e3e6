package facts

import (
	"strings"

	"sshwhy/internal/evidence"
)

// Options are the command-line options that the distribution's defaults file
// gives to sshd, and which its configuration file therefore does not show.
type Options struct {
	Origin Origin
	Args   []string // of SSHD_OPTS or OPTIONS, split at spaces
	Quote  Quote
}

// The files that unit files and init scripts read, and the variable in each.
var optionFiles = []struct{ path, variable string }{
	{"/etc/default/ssh", "SSHD_OPTS"},
	{"/etc/sysconfig/sshd", "OPTIONS"},
	{"/etc/sysconfig/ssh", "SSHD_OPTS"},
	{"/etc/conf.d/sshd", "SSHD_OPTS"},
}

func wantOptions(*evidence.Bundle, Ask) []evidence.Item {
	var items []evidence.Item
	for _, f := range optionFiles {
		items = append(items, evidence.File(f.path))
	}
	return items
}

func parseOptions(b *evidence.Bundle) Options {
	o := Options{Origin: Origin{Status: evidence.Absent, Source: optionFiles[0].path}}
	for _, f := range optionFiles {
		it := evidence.File(f.path)
		r := b.Get(it)
		if !r.OK() {
			if r.Status != evidence.Absent {
				o.Origin = originOf(it, r)
			}
			continue
		}
		o.Origin = originOf(it, r)
		for i, line := range lines(r.Data) {
			key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
			if ok && key == f.variable {
				o.Args = strings.Fields(strings.Trim(value, `"'`))
				o.Quote = Quote{Source: f.path, Line: i + 1, Text: clip(line)}
			}
		}
		return o
	}
	return o
}

// testArgs are those options that change what sshd takes for its configuration
// and that are safe to hand to `sshd -t`: -f FILE, -o OPTION, -p PORT, -4, -6, -h FILE.
func (o Options) testArgs() []string {
	var out []string
	for i := 0; i < len(o.Args); i++ {
		a := o.Args[i]
		switch {
		case a == "-4" || a == "-6":
			out = append(out, a)
		case (a == "-f" || a == "-o" || a == "-p" || a == "-h") && i+1 < len(o.Args):
			out = append(out, a, o.Args[i+1])
			i++
		case len(a) > 2 && (strings.HasPrefix(a, "-f") || strings.HasPrefix(a, "-o") || strings.HasPrefix(a, "-p")):
			out = append(out, a)
		}
	}
	return out
}
