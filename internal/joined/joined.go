// Package joined makes one verdict of both ends of the same connection: what the
// walk saw from the client, and what the machine itself shows.
//
// It must not look at anything: it orders what the two diagnoses found, and lets a
// cause seen on the server take the place of the symptom seen from the client, as the
// catalogue declares. Only what neither end can see alone, a fault that lies between
// them, is named here.
package joined

import (
	"slices"

	"sshwhy/internal/catalog"
	"sshwhy/internal/report"
)

// serverStage marks the server's stages among the client's.
const serverStage = "server/"

// Join returns the report of both ends. The question stays the client's.
func Join(client, server *report.Report) *report.Report {
	out := *client
	out.Stages = slices.Clone(client.Stages)
	for _, s := range server.Stages {
		s.Stage = serverStage + s.Stage
		out.Stages = append(out.Stages, s)
	}
	out.Findings = order(client.Findings, server.Findings)
	f, outside := between(client, server)
	if outside {
		out.Findings = append([]report.Finding{f}, slices.DeleteFunc(out.Findings, func(old report.Finding) bool {
			return old.Cause == f.Cause || catalog.Explains(f.Cause, old.Cause)
		})...)
	}
	settled := outside || len(out.Findings) < len(client.Findings)+len(server.Findings)
	out.Incomplete = incomplete(client, server, settled)
	out.Headline = headline(client, server, out.Findings)
	if outside {
		out.Headline = f.Summary
	}
	out.Decide()
	out.Normalize()
	return &out
}

// order puts the server's blocking causes first, then what the client saw and
// no cause explains, then the rest. A symptom that is explained gives its
// evidence to its cause and goes.
func order(client, server []report.Finding) []report.Finding {
	causes := clone(server)
	var left []report.Finding
	for _, symptom := range client {
		i := slices.IndexFunc(causes, func(f report.Finding) bool {
			return f.Impact == report.Blocking && (f.Cause == symptom.Cause || catalog.Explains(f.Cause, symptom.Cause))
		})
		if i < 0 {
			left = append(left, symptom)
			continue
		}
		for _, e := range symptom.Evidence {
			e.Source = "client: " + e.Source
			causes[i].Evidence = append(causes[i].Evidence, e)
		}
	}
	all := append(causes, left...)
	// Stable: within an impact the server's come first, each side in its own causal order.
	slices.SortStableFunc(all, func(a, b report.Finding) int { return a.Impact.Rank() - b.Impact.Rank() })
	return all
}

// whoRefused is the client's doubt that a look at the server settles.
const whoRefused = "who refused"

// incomplete lists what neither end could look at.
func incomplete(client, server *report.Report, settled bool) []report.Incomplete {
	var out []report.Incomplete
	for _, in := range client.Incomplete {
		if settled && in.Check == whoRefused {
			continue
		}
		out = append(out, report.Incomplete{Check: "client: " + in.Check, Reason: in.Reason})
	}
	for _, in := range server.Incomplete {
		out = append(out, report.Incomplete{Check: "server: " + in.Check, Reason: in.Reason})
	}
	return out
}

// headline is the first cause's sentence. Where the client is kept out and the
// machine shows no reason, that is the answer: the fault lies between.
func headline(client, server *report.Report, findings []report.Finding) string {
	blocked := client.Verdict == report.VerdictBroken
	switch {
	case blocked && server.Verdict == report.VerdictOK:
		return client.Headline + " The server itself shows nothing that keeps this client out: look at what lies between."
	case len(findings) > 0 && len(server.Findings) > 0 && findings[0].Cause == server.Findings[0].Cause:
		return server.Headline
	default:
		return client.Headline
	}
}

func clone(findings []report.Finding) []report.Finding {
	out := slices.Clone(findings)
	for i := range out {
		out[i].Evidence = slices.Clone(out[i].Evidence)
	}
	return out
}
