package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"sshwhy/internal/catalog"
	"sshwhy/internal/render"
)

func newCauses(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "causes [ID]",
		Short: "The catalogue: what each cause means, how to see it by hand, how to mend it",
		Args:  cobra.MaximumNArgs(1),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var ids []string
			for _, c := range catalog.All() {
				ids = append(ids, c.ID+"\t"+c.Title)
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			opt := a.terminal()
			if len(args) == 0 {
				listCauses(a.Out, opt)
				return nil
			}
			c, ok := catalog.Get(args[0])
			if !ok {
				return unknownCause(args[0])
			}
			showCause(a.Out, c, opt)
			return nil
		},
	}
}

// listCauses prints one line per cause, grouped by the stage it belongs to.
func listCauses(w io.Writer, opt render.Options) {
	const indent = 4
	stage := ""
	for _, c := range catalog.All() {
		if c.Stage != stage {
			if stage != "" {
				fmt.Fprintln(w)
			}
			stage = c.Stage
			fmt.Fprintln(w, stage)
		}
		fmt.Fprintln(w, "  "+c.ID)
		for _, l := range render.Wrap(c.Title, min(opt.Width, 100)-indent) {
			fmt.Fprintln(w, strings.Repeat(" ", indent)+l)
		}
	}
}

// showCause prints one page. Code blocks keep their lines; text is wrapped.
func showCause(w io.Writer, c catalog.Cause, opt render.Options) {
	width := min(opt.Width, 100)
	for _, l := range render.Wrap(c.ID+": "+c.Title, width) {
		fmt.Fprintln(w, l)
	}
	fmt.Fprintf(w, "stage %s, seen from %s, remedy: %s\n", c.Stage, c.Seen, c.Remedy)
	fmt.Fprintln(w)
	para := ""
	flush := func() {
		for _, l := range render.Wrap(para, width) {
			fmt.Fprintln(w, l)
		}
		para = ""
	}
	for line := range strings.Lines(c.Body) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "|"):
			flush()
			fmt.Fprintln(w, line)
		case strings.HasPrefix(line, "## "):
			flush()
			fmt.Fprintln(w, strings.TrimPrefix(line, "## "))
		case strings.HasPrefix(line, "- "):
			flush()
			para = line
		case line == "":
			flush()
			fmt.Fprintln(w)
		default:
			para += " " + line
		}
	}
	flush()
	if len(c.Explains) > 0 {
		fmt.Fprintln(w)
		for _, l := range render.Wrap("While it stands, these are only its symptoms: "+strings.Join(c.Explains, ", "), width) {
			fmt.Fprintln(w, l)
		}
	}
}

// unknownCause names the nearest ids.
func unknownCause(id string) error {
	var near []string
	for _, c := range catalog.All() {
		if len(id) >= 3 && (strings.Contains(c.ID, id) || strings.Contains(id, c.ID)) {
			near = append(near, c.ID)
		}
	}
	hint := "sshwhy causes lists them all"
	if len(near) > 0 {
		hint = "did you mean " + strings.Join(near[:min(len(near), 5)], ", ") + "?"
	}
	return usage(hint, "no cause is called %q", id)
}
