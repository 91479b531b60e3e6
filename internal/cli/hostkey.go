package cli

import (
	"context"
	"fmt"
	"strings"

	"sshwhy/internal/walk"
)

// hostKeyAsker asks a person about host keys that are not on record, as ssh does
// (sshconnect.c: check_host_key, confirm), each key once in a run. It records none.
type hostKeyAsker struct {
	*questions
	yes map[walk.HostKeyQuestion]bool
}

// hostKeyAsker returns nil where no person can be asked: no terminal, or a script
// that reads JSON.
func (a *app) hostKeyAsker() *hostKeyAsker {
	q := a.asker()
	if q == nil || a.json {
		return nil
	}
	return &hostKeyAsker{q, map[walk.HostKeyQuestion]bool{}}
}

// asks is the question for a walk whose live line makes room for it.
func (h *hostKeyAsker) asks(live *liveLine) func(context.Context, walk.HostKeyQuestion) bool {
	if h == nil {
		return nil
	}
	return func(ctx context.Context, q walk.HostKeyQuestion) bool {
		if !h.yes[q] {
			live.pause()
			h.yes[q] = h.confirm(ctx, q)
		}
		return h.yes[q]
	}
}

// confirm takes yes, no or the fingerprint. A signal, the end of the input or of the
// time is no.
func (h *hostKeyAsker) confirm(ctx context.Context, q walk.HostKeyQuestion) bool {
	host := q.Host
	if q.Address != "" && q.Address != host {
		host += " (" + q.Address + ")"
	}
	fmt.Fprintf(h.a.Err, "The authenticity of host '%s' can't be established.\n%s key fingerprint is %s.\n"+
		"Nothing is offered to it before you say so. sshwhy does not record the key: ssh will ask again.\n", safe(host), safe(q.Type), safe(q.Fingerprint))
	prompt := "Are you sure you want to continue (yes/no/[fingerprint])? "
	for {
		word, err := h.typed(ctx, prompt)
		switch {
		case err != nil || strings.EqualFold(word, "no"):
			return false
		case strings.EqualFold(word, "yes") || word == q.Fingerprint:
			return true
		}
		prompt = "Please type 'yes', 'no' or the fingerprint: "
	}
}
