package client

import (
	"context"
	"net"
	"time"
)

// Answered is what a person said of a host key that is not on record.
type Answered string

// The answers; empty where nobody was asked.
const (
	AnswerYes Answered = "yes"
	AnswerNo  Answered = "no"
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
func (w *walker) askAbout(ctx context.Context, h *HostKey) {
	if w.opt.Ask == nil || w.opt.NoAuth || len(h.unread()) > 0 {
		return
	}
	q := HostKeyQuestion{Host: h.Names[0], Type: h.Type, Fingerprint: h.Fingerprint}
	if w.obs.Proxy == nil {
		q.Address, _, _ = net.SplitHostPort(w.obs.Chosen)
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	h.Answer = AnswerNo
	if w.opt.Ask(ctx, q) {
		h.Answer = AnswerYes
	}
}

// asks reports whether ssh would ask a person about the key.
func (h *HostKey) asks() bool {
	standing, _ := h.Standing()
	return standing == KeyNew && h.left() == "" && !h.accepted() && !h.strictly() && !h.unasked()
}

// wouldAsk reports whether ssh would ask about the host whatever key it shows: where
// nothing is on record, and nothing but the records could vouch for it.
func (h *HostKey) wouldAsk() bool {
	return len(h.Known) == 0 && !h.Elsewhere && !h.accepted() && !h.strictly() && !h.unasked()
}

// accepted reports whether ssh takes the key without a look at the records.
func (h *HostKey) accepted() bool { return h.DNS.trusted() || h.Localhost }
