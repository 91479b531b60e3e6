package server

import (
	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// checkTailscale: Tailscale SSH answers port 22 of the tailnet's addresses itself,
// by the tailnet's rules and not by those of sshd.
func checkTailscale(v *view, p *part) {
	t := v.Tailscale
	visitor := facts.InTailnet(v.q.Client)
	if t.Origin.Unseen() && (visitor || !v.q.Client.IsValid()) {
		p.also("Tailscale SSH", unseenReason(v, t.Origin))
	}
	if !t.SSH || v.port != 22 || v.q.Client.IsValid() && !visitor {
		return
	}
	impact, whom := report.Note, "connections that come in over the tailnet"
	if visitor {
		impact, whom = report.Degrading, "connections from "+v.q.Client.Unmap().String()
	}
	f := p.found("port-in-use", impact, "Tailscale SSH answers %s on port 22, and not sshd: who gets in is decided by the tailnet's access rules.", whom)
	quote(f, t.Quote)
	for _, l := range v.Links.All {
		if l.Name == "tailscale0" {
			quote(f, l.Quote)
		}
	}
	advise(f, "Look into the tailnet's access rules (ssh), or let sshd answer there, too.", do("tailscale set --ssh=false", "tailscale set --ssh"))
}
