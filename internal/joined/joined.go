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
	out.Timeline = server.Timeline
	out.Findings = order(client.Findings, withoutRefusal(client.Findings, server.Findings))
	f, outside := between(client, server)
	if outside {
		others := slices.DeleteFunc(out.Findings, func(old report.Finding) bool { return old.Cause == f.Cause })
		out.Findings, _ = catalog.Settle(append([]report.Finding{f}, others...), catalog.AsFound)
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

// seen is a finding with the end that it was seen from.
type seen struct {
	report.Finding
	atClient bool
}

// claim: the two ends were settled each by itself. What the client sees explains
// nothing on the server.
func (s *seen) claim() catalog.Claim {
	c := catalog.AsFound(s.Finding)
	c.Mute = s.atClient
	return c
}

// order puts the server's causes first and then what the client saw and no cause
// explains, each side as it came. A symptom that is explained, or a cause that both
// ends saw, gives its evidence to the server's finding and goes.
func order(client, server []report.Finding) []report.Finding {
	var all []*seen
	for _, f := range clone(server) {
		all = append(all, &seen{Finding: f})
	}
	atServer := all
	for _, f := range client {
		s := &seen{f, true}
		i := slices.IndexFunc(atServer, func(c *seen) bool { return c.Impact == report.Blocking && c.Cause == f.Cause })
		if i < 0 {
			all = append(all, s)
			continue
		}
		atServer[i].inherit(s)
	}
	stand, symptoms := catalog.Settle(all, (*seen).claim)
	for _, s := range symptoms {
		s.Of.inherit(s.Finding)
	}
	out := make([]report.Finding, 0, len(stand))
	for _, s := range stand {
		out = append(out, s.Finding)
	}
	return out
}

// refusal is what a server says that knows nothing but that it refused this visitor.
const refusal = "refused-unexplained"

// withoutRefusal are the server's findings without that one where the client knows
// why it was refused: it offered no key, or the wrong one.
func withoutRefusal(client, server []report.Finding) []report.Finding {
	knows := slices.ContainsFunc(client, func(f report.Finding) bool {
		return f.Impact == report.Blocking && !catalog.Explains(refusal, f.Cause)
	})
	return slices.DeleteFunc(slices.Clone(server), func(f report.Finding) bool { return knows && f.Cause == refusal })
}

// inherit takes over the evidence of a symptom.
func (s *seen) inherit(symptom *seen) {
	for _, e := range symptom.Evidence {
		if symptom.atClient {
			e.Source = "client: " + e.Source
		}
		s.Evidence = append(s.Evidence, e)
	}
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
