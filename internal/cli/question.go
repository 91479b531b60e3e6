package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"sshwhy/internal/remedy"
)

// The rules of a question: it is asked on a terminal only; what was typed before
// it was asked is no answer to it; a signal or the end of the input ends it
// without one; and what is not understood is asked again.

// questions asks a person, one line at a time.
type questions struct {
	a  *app
	in *os.File
}

// asker is how this person can be asked; nil where nobody is there.
func (a *app) asker() *questions {
	in, ok := a.In.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(a.Err.Fd())) {
		return nil
	}
	return &questions{a, in}
}

// maxAnswer is more than any answer has, in bytes.
const maxAnswer = 4096

// line is typed in lower case.
func (q *questions) line(ctx context.Context, prompt string) (string, error) {
	word, err := q.typed(ctx, prompt)
	return strings.ToLower(word), err
}

// typed asks and returns the answer without the blanks around it. The error is io.EOF
// where the input has ended, and the context's where a signal came.
func (q *questions) typed(ctx context.Context, prompt string) (string, error) {
	flushInput(q.in)
	fmt.Fprint(q.a.Err, prompt)
	in := untilInterrupted(ctx, q.in)
	var got []byte
	for len(got) < maxAnswer {
		var b [1]byte // a terminal hands out lines; what is behind this one is no answer to it
		n, err := in.Read(b[:])
		if n == 1 && b[0] == '\n' {
			return strings.TrimSpace(string(got)), nil
		}
		if n == 0 || err != nil {
			fmt.Fprintln(q.a.Err) // the cursor stands behind the question
			if ctx.Err() != nil {
				return "", ctx.Err()
			}
			return "", io.EOF
		}
		got = append(got, b[0])
	}
	return "", nil
}

// step asks for consent to one step.
func (q *questions) step(ctx context.Context, st *remedy.Step) (remedy.Answer, error) {
	prompt := fmt.Sprintf("Do it: %s? [y/N/a/q/?] ", safe(strings.ReplaceAll(st.Do, "\n", "; ")))
	for {
		word, err := q.line(ctx, prompt)
		if err != nil {
			return remedy.No, err
		}
		switch word {
		case "y", "yes":
			return remedy.Yes, nil
		case "", "n", "no":
			return remedy.No, nil
		case "a", "all":
			return remedy.All, nil
		case "q", "quit":
			return remedy.Quit, nil
		}
		fmt.Fprint(q.a.Err, "  y  do this step\n"+
			"  n  leave it, and the other steps for the same cause\n"+
			"  a  do this one and all that follow in the plan above\n"+
			"  q  end here, without any step of this plan\n")
	}
}

// agree asks a question of yes or no.
func (q *questions) agree(ctx context.Context, prompt string) (bool, error) {
	for {
		word, err := q.line(ctx, prompt+" [y/N] ")
		switch {
		case err != nil:
			return false, err
		case word == "y" || word == "yes":
			return true, nil
		case word == "" || word == "n" || word == "no":
			return false, nil
		}
		fmt.Fprintln(q.a.Err, "  y is yes, n or Enter is no")
	}
}
