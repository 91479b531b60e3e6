package walk

import (
	"context"
	"net"
	"time"

	"sshwhy/internal/client"
)

// HostKeyQuestion is what ssh shows when it asks about a key that is not on record.
type HostKeyQuestion struct {
	Host        string // the name under which ssh would record it
	Address     string // where it was connected to; empty behind a proxy
	Type        string // ssh-ed25519 …
	Fingerprint string // SHA256:…
}

// askLimit is how long a person may take. The server counts the same time towards
// its LoginGraceTime, which is 120 s unless set.
const askLimit = 110 * time.Second

// askAbout asks the person, where there is one, whether to go on with a key that is
// not on record, and writes down the answer. Nothing is recorded anywhere else.
func (w *walker) askAbout(ctx context.Context, h *client.HostKey) {
	if w.opt.Ask == nil || w.opt.NoAuth || len(h.UnreadFiles()) > 0 {
		return
	}
	q := HostKeyQuestion{Host: h.Names[0], Type: h.Type, Fingerprint: h.Fingerprint}
	if w.obs.Proxy == nil {
		q.Address, _, _ = net.SplitHostPort(w.obs.Chosen)
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	h.Answer = client.AnswerNo
	if w.opt.Ask(ctx, q) {
		h.Answer = client.AnswerYes
	}
}
