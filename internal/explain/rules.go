package explain

import (
	"maps"
	"slices"

	"sshwhy/internal/report"
)

// A rule looks at what was read and adds, changes or drops candidates. Those of one
// kind are in one file, rules_*.go.
type rule struct {
	name    string
	whole   func(*reading)           // looks at the text as a whole, or
	attempt func(*reading, *attempt) // at each attempt to connect that it tells of
}

// rules are all of them, in the order in which they look: first what the outputs of
// tools prove, so that a firewall seen is not guessed at again; then each attempt, in
// the order of a connection; then what is said in one place about another. Rules about
// attempts that stand together take one attempt after the other.
var rules = [...]rule{
	{name: "units", whole: (*reading).unitRules},
	{name: "listeners", whole: (*reading).listenerRules},
	{name: "firewalls", whole: (*reading).firewallRules},
	{name: "dropped packets", whole: (*reading).droppedPackets},
	{name: "jails", whole: (*reading).jailRules},
	{name: "modes", whole: (*reading).modeRules},
	{name: "settings", whole: (*reading).settingRules},
	{name: "the machine's own checks", whole: (*reading).machineRules},
	{name: "hosts.deny", whole: (*reading).hostsDeny},
	{name: "packages", whole: (*reading).packageRules},
	{name: "no process", whole: (*reading).noProcess},
	{name: "behind PAM", whole: (*reading).behindPAM},

	{name: "names and options", attempt: (*reading).configRules},
	{name: "connect", attempt: (*reading).connectRules},
	{name: "hang", attempt: (*reading).hangRules},
	{name: "banner", attempt: (*reading).bannerRules},
	{name: "changed host key", attempt: (*reading).changedKey},
	{name: "unknown host key", attempt: (*reading).hostKeyRules},
	{name: "key files", attempt: (*reading).keyRules},
	{name: "PuTTY's peer", attempt: (*reading).refusedByPuTTYsPeer},
	{name: "login", attempt: (*reading).authRules},
	{name: "jump and proxy", attempt: (*reading).proxyRules},
	{name: "shell", attempt: (*reading).shellEnded},
	{name: "session", attempt: (*reading).sessionRules},

	{name: "negotiation", whole: (*reading).negotiation},
	{name: "host keys unread", whole: (*reading).hostKeysUnread},
	{name: "reachable", whole: (*reading).reachable},
	{name: "wrong port", whole: (*reading).wrongPort},
	{name: "another port works", whole: (*reading).otherPortWorks},
	{name: "overcome", whole: (*reading).overcome},
	{name: "many failures", whole: (*reading).manyFailures},
	{name: "asked for the host key", whole: (*reading).askedForHostKey},
	{name: "command missing", whole: (*reading).commandMissing},
	{name: "Paramiko's banner", whole: (*reading).paramikoBanner},
	{name: "keys on Windows", whole: (*reading).windowsKeys},
	{name: "bind on Windows", whole: (*reading).windowsBind},
	{name: "the path that is named", whole: (*reading).namedPath},
	{name: "key of another", whole: (*reading).keyOfAnother},
	{name: "host key or key exchange", whole: (*reading).hostKeyOrKex},
	{name: "prompt only", whole: (*reading).promptOnly},
	{name: "port in a path", whole: (*reading).portInPath},
	{name: "short timeout", whole: (*reading).shortTimeout},
	{name: "carrier", whole: (*reading).carrier},
	{name: "Git's greeting", whole: (*reading).gitGreeting},
	{name: "no home", whole: (*reading).chdirOnly},
	{name: "rules lost", whole: (*reading).ruleLost},
	{name: "accepted later", whole: (*reading).acceptedLater},
	{name: "upgrade beside", whole: (*reading).upgradeBeside},
	{name: "scans", whole: (*reading).scans},
	{name: "the proxy's words", whole: (*reading).proxyPrinted},
	{name: "remote command", whole: (*reading).remoteCommand},
	{name: "first letters", whole: (*reading).firstLetters},
	{name: "quiet log", whole: (*reading).quietLog},
	{name: "outlived", whole: (*reading).outlived},
	{name: "endings", whole: (*reading).unsure},
}

// The makers of candidates that are no rules.
const (
	byMessage   = "messages"  // what a line says by itself
	byShortlist = "shortlist" // what only an ending suggests, where a cause is named
)

// A Judgement is what a rule did to a cause on the way to the answer.
type Judgement struct {
	Rule   string // its name, or the id of the cause that explains this one
	Effect string // adds, changes, drops or explains
	Cause  string
}

// judge turns messages into candidates, lets the rules look at the whole, and settles.
func (rd *reading) judge() {
	rd.apply(byMessage, func() {
		for i := range rd.hits {
			rd.weigh(&rd.hits[i])
		}
	})
	for i := 0; i < len(rules); {
		r := &rules[i]
		if r.whole != nil {
			rd.apply(r.name, func() { r.whole(rd) })
			i++
			continue
		}
		end := i
		for end < len(rules) && rules[end].attempt != nil {
			end++
		}
		for _, a := range rd.attempts {
			for k := range rules[i:end] {
				r := &rules[i+k]
				rd.apply(r.name, func() { r.attempt(rd, a) })
			}
		}
		i = end
	}
	rd.settle()
}

// state is what a rule may change of a candidate.
type state struct {
	certainty      report.Certainty
	impact         report.Impact
	fromEnd        bool
	score          int
	evidence, caps int // how many
	summary, look  string
}

func (rd *reading) states() map[string]state {
	out := map[string]state{}
	for _, c := range rd.cands {
		out[c.cause] = state{c.certainty, c.impact, c.fromEnd, c.score, len(c.evidence), len(c.caps), c.summary, c.look}
	}
	return out
}

// apply runs a rule and writes down what it did.
func (rd *reading) apply(name string, run func()) {
	before := rd.states()
	run()
	after := rd.states()
	for _, c := range rd.cands {
		was, known := before[c.cause]
		delete(before, c.cause)
		switch {
		case !known:
			rd.trail = append(rd.trail, Judgement{name, "adds", c.cause})
		case was != after[c.cause]:
			rd.trail = append(rd.trail, Judgement{name, "changes", c.cause})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(before)) {
		rd.trail = append(rd.trail, Judgement{name, "drops", id})
	}
}
