// Package server diagnoses the machine that is to be logged in to: from the
// facts of one bundle to the findings that keep SSH clients out, in causal
// order. One file per stage, in the order of the path a connection takes:
// package, service, config, socket, network, firewall, access.
//
// It must not look at anything: Manifest says what is to be looked at, and
// Diagnose is a pure function of the bundle that came back, so that the same
// bundle gives the same report, byte for byte, on any machine.
package server

import (
	"net/netip"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// Query is whom the question is about. Zero fields ask about anyone.
type Query struct {
	Client netip.Addr // the address the visitor comes from
	User   string     // the account to be logged in to
	Port   int        // the port the visitor uses
	// Keys are the fingerprints (SHA256:…) of the keys the visitor offers; none:
	// any key will do.
	Keys []string
	// Changed is when the machine was last changed by the fix after which this
	// is asked, in seconds since 1970 by its own clock; 0: by none. What the log
	// says of logins up to then was before the fix and says nothing against it.
	Changed int64
}

func (q Query) ask() facts.Ask { return facts.Ask{Client: q.Client, User: q.User, Port: q.Port} }

// Manifest says what a diagnosis needs to see, round by round.
func Manifest(q Query) evidence.Manifest {
	return func(seen *evidence.Bundle) []evidence.Item {
		return facts.Wants(seen, q.ask())
	}
}

// Diagnose says what keeps people out of the machine a bundle was taken of.
// version is that of the tool which thinks, not of the one which looked.
func Diagnose(b *evidence.Bundle, q Query, version string) *report.Report {
	v := newView(facts.Parse(b, q.ask()), b, q)
	rep := &report.Report{
		Tool:   report.Tool{Name: "sshwhy", Version: version},
		Side:   report.SideServer,
		Target: report.Target{Port: v.port, User: q.User},
	}
	if q.Client.IsValid() {
		rep.Target.Address = q.Client.String()
	}
	assemble(v, rep)
	withoutSecrets(b, rep.Findings)
	rep.Headline = headline(v, rep)
	rep.Normalize()
	rep.Decide()
	return rep
}

// stage is one step of the path: a name and the checks that belong to it.
type stage struct {
	name   string
	detail func(*view) string // what is said where all is well
	checks []check            // in the order in which they are made
	after  []check            // made last, of a machine whose other faults are known: see part.others
}

// check is one question to a machine. It reads only the view, and puts what it
// finds, or why it could not look, into the part.
type check struct {
	causes causes // all that it may report; none: it only says what could not be looked at
	run    func(*view, *part)
}

// causes are ids of the catalogue.
type causes []string

// part is what one stage found.
type part struct {
	stage      string
	findings   []report.Finding
	others     []report.Finding // what all stages found, for the checks that come after them
	incomplete []report.Incomplete
	unknown    string // why a check that decides the stage could not be made; "" where all could
	skipped    string // why the stage says nothing
	detail     string
}

// stages are in the order in which the report shows them.
func stages() []stage {
	return []stage{
		packageStage(), serviceStage(), configStage(), socketStage(),
		networkStage(), firewallStage(), accessStage(),
	}
}

func (st stage) look(v *view) part {
	p := part{stage: st.name}
	for _, c := range st.checks {
		c.run(v, &p)
	}
	p.detail = st.detail(v)
	return p
}

// cannot records a check that could not be made and whose result the stage hangs on.
func (p *part) cannot(check, reason string) {
	p.also(check, reason)
	if p.unknown == "" {
		p.unknown = reason
	}
}

// also records a check that could not be made, without which the stage still stands.
func (p *part) also(check, reason string) {
	p.incomplete = append(p.incomplete, report.Incomplete{Check: check, Reason: reason})
}
