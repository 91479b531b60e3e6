package joined

import (
	"fmt"
	"slices"

	"sshwhy/internal/report"
)

// between names the fault that neither end can see alone: the client is kept out
// without a word or refused, while the machine listens and lets this client in. What
// the client saw then happens before the machine, or at another one. It says so only
// where the machine's network, sockets and firewall were all looked at and are well.
func between(client, server *report.Report) (report.Finding, bool) {
	i := slices.IndexFunc(client.Findings, func(f report.Finding) bool { return f.Impact == report.Blocking })
	if i < 0 || server.Verdict == report.VerdictBroken || !well(server) {
		return report.Finding{}, false
	}
	seen, t := client.Findings[i], client.Target
	f := report.Finding{Impact: report.Blocking, Certainty: report.Likely, Evidence: betweenEvidence(seen, server)}
	cloud := slices.IndexFunc(server.Findings, func(f report.Finding) bool { return f.Cause == "cloud-firewall" })
	switch {
	case seen.Cause == "connection-timed-out" && cloud >= 0:
		f.Cause = "cloud-firewall"
		f.Evidence = append(f.Evidence, server.Findings[cloud].Evidence...)
		f.Remedy = server.Findings[cloud].Remedy
		f.Summary = fmt.Sprintf("Nothing answers this client at %s port %d, while the machine itself listens and lets it in: most likely the cloud's own firewall drops the packets.", t.Address, t.Port)
	case seen.Cause == "connection-timed-out":
		f.Cause = "port-blocked-on-path"
		f.Summary = fmt.Sprintf("Nothing answers this client at %s port %d, while the machine itself listens and lets it in: the packets are dropped on the way, or %s is another machine's address.", t.Address, t.Port, t.Address)
		f.Remedy = &report.Remedy{Kind: report.Advice, Summary: "Have every firewall and router between the two let the port through, or use another network or a VPN.",
			Steps: []report.Step{{Do: fmt.Sprintf("sudo tcpdump -ni any tcp port %d", t.Port), Where: report.OnServer}, {Do: "ip -br address", Where: report.OnServer}}}
	case seen.Cause == "connection-refused":
		f.Cause = "port-forward-broken"
		f.Summary = fmt.Sprintf("%s refuses this client on port %d, while the machine itself listens and lets it in: the refusal is another machine's, to which a port forward leads or to which the address belongs.", t.Address, t.Port)
		f.Remedy = &report.Remedy{Kind: report.Advice, Summary: fmt.Sprintf("Check that %s is this machine's address, and where what stands before it forwards port %d to.", t.Address, t.Port),
			Steps: []report.Step{{Do: "ip -br address", Where: report.OnServer}}}
	default:
		return report.Finding{}, false
	}
	return f, true
}

// wanted are the stages of the server that must be well for a fault to lie outside.
var wanted = [...]string{report.StageService, report.StageSocket, report.StageNetwork, report.StageFirewall}

func well(server *report.Report) bool {
	for _, name := range wanted {
		i := slices.IndexFunc(server.Stages, func(s report.Stage) bool { return s.Stage == name })
		if i < 0 || server.Stages[i].Status != report.StatusOK {
			return false
		}
	}
	return true
}

// betweenEvidence is what the client saw, and what the machine says of itself.
func betweenEvidence(seen report.Finding, server *report.Report) []report.Evidence {
	var out []report.Evidence
	for _, e := range seen.Evidence {
		e.Source = "client: " + e.Source
		out = append(out, e)
	}
	for _, s := range server.Stages {
		if slices.Contains(wanted[:], s.Stage) {
			out = append(out, report.Evidence{Source: "server: " + s.Stage, Excerpt: s.Detail})
		}
	}
	return out
}
