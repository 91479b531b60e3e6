package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sshwhy/internal/explain"
	"sshwhy/internal/logs"
	"sshwhy/internal/render"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

func newExplain(a *app) *cobra.Command {
	var client string
	var follow bool
	cmd := &cobra.Command{
		Use:   "explain [FILE]",
		Short: "Name the cause in a pasted error, an ssh -v output or a log",
		Long: `Read a text and name the cause it shows: an error message, the output of
ssh -v, lines of the journal, the output of systemctl status, sshd -t, ss, ufw
and the like, in any mixture. A large log (also .gz, .bz2 and .zst, and journalctl
-o json) is summarised: causes, addresses, users, time.

  ssh -v alice@web1 2>&1 | sshwhy explain
  sshwhy explain error.txt
  sshwhy explain /var/log/auth.log --client 192.0.2.7
  sudo journalctl -u ssh -f | sshwhy explain -f`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opt := logs.Options{Version: version()}
			if client != "" {
				addr, err := netip.ParseAddr(client)
				if err != nil {
					return usage("give the visitor's IP address: --client 192.0.2.7", "%q is no IP address", client)
				}
				opt.Client = addr.Unmap()
			}
			in, err := a.openText(cmd.Context(), args)
			if err != nil {
				return err
			}
			defer in.Close()
			if len(args) == 1 && args[0] != "-" {
				opt.Source = args[0]
			}
			if follow {
				return a.follow(cmd.Context(), in, opt)
			}
			return a.explain(in, opt)
		},
	}
	cmd.Flags().StringVar(&client, "client", "", "ask about the visitor from this address")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on reading a log as it grows, and say what each line means")
	a.commonFlags(cmd)
	return cmd
}

// openText opens the file named, or standard input.
func (a *app) openText(ctx context.Context, args []string) (io.ReadCloser, error) {
	if len(args) == 0 || args[0] == "-" {
		f, ok := a.In.(*os.File)
		if !ok {
			return io.NopCloser(a.In), nil
		}
		if term.IsTerminal(int(f.Fd())) {
			fmt.Fprintln(a.Err, "Paste the text, then press Ctrl-D on a line of its own.")
		}
		return io.NopCloser(untilInterrupted(ctx, f)), nil
	}
	f, text, err := openInterruptible(ctx, args[0])
	var path *fs.PathError
	switch {
	case errors.As(err, &path):
		return nil, usage("give a file with the error, the output of ssh -v or a log, or pipe the text in", "cannot read %s: %s", args[0], path.Err)
	case err != nil:
		return nil, err
	}
	if st, err := f.Stat(); err == nil && st.IsDir() {
		f.Close()
		return nil, usage("give a file in it, such as auth.log", "%s is a directory", args[0])
	}
	return struct {
		io.Reader
		io.Closer
	}{text, f}, nil
}

// explain reads a text in the way that suits it, and prints what it says.
func (a *app) explain(in io.Reader, opt logs.Options) error {
	br := bufio.NewReaderSize(in, logs.SniffLen)
	head, err := br.Peek(logs.SniffLen)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if logs.Sniff(head, err == nil) == logs.Paste {
		r, trail, err := explain.Judge(br, explain.Options(opt))
		if err := a.finishOr(r, err); err != nil {
			return err
		}
		a.trailText(trail)
		return nil
	}
	live := a.liveLine()
	live.show("reading the log …")
	sum, err := logs.Summarize(br, opt)
	live.clear()
	switch {
	case errors.Is(err, logs.ErrXZ):
		name := opt.Source
		if name == "" {
			name = "FILE"
		}
		return usage("xz -dc "+shquote.Operand(name)+" | sshwhy explain", "%s", err)
	case sum == nil:
		return err
	}
	r := sum.Report(opt)
	if err != nil { // what was read until then still counts
		r.Incomplete = append(r.Incomplete, report.Incomplete{Check: "the rest of the log", Reason: err.Error()})
	}
	a.exit = r.Verdict.ExitCode()
	if a.json {
		return a.logJSON(r, sum)
	}
	a.logText(r, sum)
	return nil
}

// trailText prints with -vv which rule added, changed or dropped which cause.
func (a *app) trailText(trail []explain.Judgement) {
	if a.verb < 2 || a.json || len(trail) == 0 {
		return
	}
	fmt.Fprintln(a.Out, "\nHow the text was judged:")
	for _, j := range trail {
		fmt.Fprintf(a.Out, "  %s: %s %s\n", j.Rule, j.Effect, j.Cause)
	}
}

// logJSON prints the report with the figures of the log as one more member.
func (a *app) logJSON(r *report.Report, sum *logs.Summary) error {
	return render.Object(a.Out, struct {
		*report.Report
		Log *logs.Summary `json:"log"`
	}{shown(r), sum}, withoutSecrets)
}

// bars are the heights of a sparkline, lowest first.
var bars = []rune(" ▁▂▃▄▅▆▇█")

// logText draws the figures of a log.
func (a *app) logText(r *report.Report, sum *logs.Summary) {
	opt := a.terminal()
	width := min(opt.Width, 100)
	p := func(format string, args ...any) {
		fmt.Fprintln(a.Out, ansi.Truncate(safe(fmt.Sprintf(format, args...)), width, "…"))
	}
	for _, l := range render.Wrap(safe(r.Headline), width) {
		fmt.Fprintln(a.Out, l)
	}
	p("")
	p("%d lines of the SSH server among %d, %s to %s", sum.Server, sum.Lines, orDash(sum.First), orDash(sum.Last))
	if line := sparkline(sum.Hours, opt.ASCII); line != "" {
		p("failures over time  %s", line)
	}
	causes, title := sum.Causes, "causes"
	if sum.Client != nil {
		causes, title = sum.Client.Causes, "attempts of "+sum.Client.Addr
	}
	if len(causes) > 0 {
		p("")
		p("%s", title)
		for _, c := range causes {
			p("  %8d  %-28s last %s", c.Count, c.Cause, c.Last)
			p("            line %d: %s", c.Line, c.Example)
		}
	}
	if sum.Client != nil {
		a.clientText(sum.Client, p)
	} else {
		ranking("addresses", sum.Addrs, p)
		ranking("users", sum.Users, p)
	}
	for _, i := range r.Incomplete {
		p("not read: %s: %s", i.Check, i.Reason)
	}
	if len(causes) > 0 {
		p("")
		p("sshwhy causes %s tells what it means and how to mend it", causes[0].Cause)
	}
}

func (a *app) clientText(c *logs.ClientLog, p func(string, ...any)) {
	if len(c.Last) == 0 {
		return
	}
	p("")
	p("its last lines")
	for _, l := range c.Last {
		p("  %d: %s", l.Line, l.Text)
	}
}

func ranking(title string, r logs.Ranking, p func(string, ...any)) {
	if len(r.Top) == 0 {
		return
	}
	least := ""
	if !r.Exact {
		least = " (more than can be counted one by one: figures are at least)"
	}
	p("")
	p("%s%s", title, least)
	for _, c := range r.Top {
		p("  %8d  %s", c.Count, c.Name)
	}
	if r.Others > 0 {
		p("  %8d  others", r.Others)
	}
}

// sparkline draws counts as heights.
func sparkline(n []int64, ascii bool) string {
	var most int64
	for _, v := range n {
		most = max(most, v)
	}
	if most == 0 || len(n) < 2 {
		return ""
	}
	heights := bars
	if ascii {
		heights = []rune(" .:-=+*#@")
	}
	var b strings.Builder
	for _, v := range n {
		i := int(v * int64(len(heights)-1) / most)
		if v > 0 && i == 0 {
			i = 1
		}
		b.WriteRune(heights[i])
	}
	return b.String()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
