package cli

import (
	"io"
	"strconv"
	"strings"

	"github.com/charmbracelet/colorprofile"
	"golang.org/x/term"

	"sshwhy/internal/render"
	"sshwhy/internal/report"
)

// print writes the report in the form that was asked for.
func (a *app) print(r *report.Report) error {
	r = shown(r)
	if a.json {
		return render.JSON(a.Out, r)
	}
	opt := a.terminal()
	opt.Verbose = a.verb
	return render.Terminal(a.styled(), r, opt)
}

// terminal finds out what standard output can show.
func (a *app) terminal() render.Options {
	tty := term.IsTerminal(int(a.Out.Fd()))
	opt := render.Options{Width: 80, ASCII: a.asciiOnly()}
	if n, err := strconv.Atoi(a.Env("COLUMNS")); err == nil && n > 0 && n < 10000 {
		opt.Width = n
	}
	if tty {
		if w, _, err := term.GetSize(int(a.Out.Fd())); err == nil && w > 0 {
			opt.Width = w
		}
	}
	forced := a.Env("CLICOLOR_FORCE") != "" && a.Env("CLICOLOR_FORCE") != "0"
	opt.Color = (tty && a.Env("TERM") != "dumb" || forced) && a.Env("NO_COLOR") == ""
	return opt
}

// styled is standard output behind a writer that lowers colours to what the
// terminal has.
func (a *app) styled() io.Writer {
	w := colorprofile.NewWriter(a.Out, environ(a.Env))
	if a.Env("CLICOLOR_FORCE") != "" && w.Profile < colorprofile.ANSI {
		w.Profile = colorprofile.ANSI
	}
	return w
}

// environ hands on just the variables that decide about colours.
func environ(get func(string) string) []string {
	var env []string
	for _, k := range []string{"TERM", "COLORTERM", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TMUX", "STY", "WT_SESSION"} {
		if v := get(k); v != "" {
			env = append(env, k+"="+v)
		}
	}
	return env
}

// asciiOnly reports a locale that says it has no UTF-8 (a serial console often
// does). Where nothing is set, containers mostly, terminals do show UTF-8.
func (a *app) asciiOnly() bool {
	for _, k := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(a.Env(k)); v != "" {
			return !strings.Contains(v, "utf-8") && !strings.Contains(v, "utf8")
		}
	}
	return strings.HasPrefix(a.Env("TERM"), "vt")
}
