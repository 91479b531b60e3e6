package catalog

import (
	"fmt"
	"strings"

	"sshwhy/internal/report"
)

// parsePage reads a page: lines "key: value" up to a line "---", then the text.
func parsePage(text string) (Cause, error) {
	head, body, ok := strings.Cut(text, "\n---\n")
	if !ok {
		return Cause{}, fmt.Errorf("no line --- after the head")
	}
	c := Cause{Body: strings.TrimSpace(body) + "\n"}
	for line := range strings.Lines(head) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			return Cause{}, fmt.Errorf("head line %q is not key: value", line)
		}
		if err := c.set(key, value); err != nil {
			return Cause{}, err
		}
	}
	return c, nil
}

// set takes one line of the front matter.
func (c *Cause) set(key, value string) (err error) {
	switch key {
	case "id":
		c.ID = value
	case "stage":
		c.Stage = value
	case "fails-at":
		c.FailsAt = value
	case "seen":
		c.Seen = value
	case "remedy":
		c.Remedy = report.RemedyKind(value)
	case "title":
		c.Title = value
	case "explains":
		c.Explains = strings.Fields(value)
	case "looks-like":
		c.LooksLike = strings.Fields(value)
	case "summary":
		c.Summary = value
	case "advice":
		c.Advice = value
	case "check":
		c.Check, err = step(value)
	case "fix":
		c.Fix, err = step(value)
	default:
		err = fmt.Errorf("unknown head key %q", key)
	}
	return err
}

// step reads "server> command".
func step(s string) (report.Step, error) {
	where, do, ok := strings.Cut(s, "> ")
	if !ok || where != report.OnServer && where != report.OnClient {
		return report.Step{}, fmt.Errorf("%q does not begin with client> or server>", s)
	}
	return report.Step{Do: do, Where: where}, nil
}
