package server

import (
	"sshwhy/internal/report"
)

// checkQueue looks for a listener whose queue is full: the kernel then drops the
// first packet of every new connection, and clients time out. It is full when
// more wait than the backlog says (sk_acceptq_is_full in the kernel).
func checkQueue(v *view, p *part) {
	for _, l := range v.Listeners.All {
		if l.Port != v.local || l.Queue <= l.Backlog {
			continue
		}
		f := p.found("listen-queue-full", report.Blocking, "%d connections wait to be accepted on port %d, and no more fit into the queue: new ones are dropped.", l.Queue, l.Port)
		quote(f, l.Quote)
		for _, o := range l.Owners {
			if proc, ok := v.Processes[o.PID]; ok {
				quote(f, proc.Quote)
			}
		}
		mend(f, "See what keeps the program that listens from accepting; restarting it empties the queue.")
		return
	}
}
