package firewall

import "net/netip"

// Limits of an evaluation, so that a hostile ruleset (chains that call each
// other in a loop, or double at each level) ends in "cannot tell" instead of
// never.
const (
	maxDepth = 32        // the kernel allows 16 nested jumps (NFT_JUMP_STACK_SIZE)
	maxWork  = 4_000_000 // rules looked at
	maxFlows = 64        // states in which a packet can be at one place
)

// run is one evaluation: a packet on its way through one ruleset.
type run struct {
	rs       *Ruleset
	p        *Packet
	outcomes []Outcome
	unsures  []Unsure
	trace    []Event
	tracing  bool
	tied     bool // chains of one hook have the same priority
	reverse  bool // the second go, in which ties are decided the other way
	assumed  map[string]bool
	touched  map[*Set]bool // sets that a rule on the way has written to
	// openRules and openPolicies are taken to let in what they drop or reject.
	openRules    map[*Rule]bool
	openPolicies map[*Chain]bool
	work         int
	depth        int
	hook         string
	here         *frame
	senders      map[netip.Addr]sender // who rewrote packets to go there
}

// frame is the chain and the rule that a run is at.
type frame struct {
	chain *Chain
	rule  *Rule
	rest  []flow // leave the rule without a verdict: they go on with the next one
	done  []flow // leave the base chain accepted
	back  []flow // leave this chain by return
	sure  bool   // what is at hand got here without an undecided match in this rule
}

// chain sends flows through a chain; back are those that fall off its end or
// return, done those that were accepted.
func (r *run) chain(c *Chain, in []flow) (back, done []flow) {
	if r.depth >= maxDepth {
		for _, f := range in {
			r.giveUp(c, nil, "chains that call each other too deeply", f)
		}
		return nil, nil
	}
	outer := r.here
	fr := &frame{chain: c}
	r.here = fr
	r.depth++
	defer func() { r.here = outer; r.depth-- }()

	cur := in
	for _, rule := range c.Rules {
		if rule.idle {
			continue
		}
		if len(cur) == 0 {
			break
		}
		if r.work += len(cur); r.work > maxWork {
			for _, f := range cur {
				r.giveUp(c, rule, "more rules than can be followed", f)
			}
			cur = nil
			break
		}
		fr.rule, fr.rest = rule, nil
		for _, f := range cur {
			fr.sure = true
			r.rule(rule, f)
		}
		cur = r.join(fr.rest)
	}
	fr.rule = nil
	return r.join(append(fr.back, cur...)), r.join(fr.done)
}

// rule sends one flow through a rule's steps.
func (r *run) rule(rule *Rule, in flow) {
	cur := []flow{in}
	for _, s := range rule.steps {
		var next []flow
		for _, f := range cur {
			next = append(next, s.do(r, f)...)
		}
		if cur = next; len(cur) == 0 {
			return
		}
	}
	r.here.rest = append(r.here.rest, cur...) // no verdict in it
}

// skip hands a flow on to the next rule.
func (r *run) skip(f flow) { r.here.rest = append(r.here.rest, f) }

// accept ends the base chain for a flow.
func (r *run) accept(f flow, how string) {
	r.event(how)
	r.here.done = append(r.here.done, f)
}

// open takes what decided these outcomes to let in.
func (r *run) open(outcomes []Outcome) {
	r.openRules, r.openPolicies = map[*Rule]bool{}, map[*Chain]bool{}
	for _, o := range outcomes {
		if o.Rule != nil {
			r.openRules[o.Rule] = true
		} else if o.Chain != nil {
			r.openPolicies[o.Chain] = true
		}
	}
}

// verdict carries out a verdict.
func (r *run) verdict(v verdictStep, f flow) {
	fr := r.here
	if (v.verb == doDrop || v.verb == doReject) && r.openRules[fr.rule] {
		v.verb = doAccept
	}
	switch v.verb {
	case doAccept:
		r.accept(f, "accept")
	case doDrop:
		r.event("drop")
		r.end(Outcome{Kind: Drop, Chain: fr.chain, Rule: fr.rule, For: f.at}, f)
	case doReject:
		with, ok := v.reject(r.p.Family)
		if !ok {
			r.skip(f)
			return
		}
		r.event("reject with " + string(with))
		r.end(Outcome{Kind: Reject, Reject: with, Chain: fr.chain, Rule: fr.rule, For: f.at}, f)
	case doReturn:
		r.event("return")
		fr.back = append(fr.back, f)
	case doSteal:
		r.opaque(Why{What: v.why}, f)
	case doJump, doGoto:
		word := "jump "
		if v.verb == doGoto {
			word = "goto "
		}
		r.event(word + v.target)
		to := r.rs.target(fr.chain, v.target)
		if to == nil {
			r.opaque(Why{What: "chain " + v.target + ", which is not in the listing"}, f)
			return
		}
		back, done := r.chain(to, []flow{f})
		r.here = fr
		fr.done = append(fr.done, done...)
		if v.verb == doJump {
			fr.rest = append(fr.rest, back...)
		} else {
			fr.back = append(fr.back, back...)
		}
	}
}

// end notes a final outcome.
func (r *run) end(o Outcome, f flow) {
	if o.Port == 0 && f.st.dport.known() {
		o.Port = f.st.dport.lo
	}
	if n := len(r.outcomes); n > 0 {
		last := &r.outcomes[n-1]
		if last.Rule == o.Rule && last.Chain == o.Chain && last.class() == o.class() {
			last.For = last.For.Union(o.For)
			return
		}
	}
	r.outcomes = append(r.outcomes, o)
}

// opaque notes that anything may become of a flow at this rule.
func (r *run) opaque(w Why, f flow) {
	r.here.sure = false
	r.event("cannot be followed: " + w.What)
	r.giveUp(r.here.chain, r.here.rule, w.What, f)
}

// giveUp ends a flow undecided.
func (r *run) giveUp(c *Chain, rule *Rule, what string, f flow) {
	r.unsures = append(r.unsures, Unsure{Chain: c, Rule: rule, Why: Why{What: what}, For: f.at})
	r.end(Outcome{Kind: CannotTell, Chain: c, Rule: rule, For: f.at}, f)
}

// unsure notes that a rule cannot be decided for some addresses.
func (r *run) unsure(w Why, at AddrSet) {
	r.here.sure = false
	r.unsures = append(r.unsures, Unsure{Chain: r.here.chain, Rule: r.here.rule, Why: w, For: at})
}

// assume notes something taken for granted.
func (r *run) assume(what string) {
	if r.assumed == nil {
		r.assumed = map[string]bool{}
	}
	r.assumed[what] = true
}

func (r *run) event(action string) {
	if r.tracing {
		r.trace = append(r.trace, Event{Hook: r.hook, Chain: r.here.chain, Rule: r.here.rule, Sure: r.here.sure, Action: action})
	}
}

// join merges flows in the same state. Where there are too many states, the
// rest is given up as undecidable.
func (r *run) join(fs []flow) []flow {
	if len(fs) < 2 {
		return fs
	}
	out := make([]flow, 0, len(fs))
	index := map[state]int{}
	parts := map[int][]addrRange{}
	for _, f := range fs {
		i, ok := index[f.st]
		switch {
		case !ok && len(out) >= maxFlows:
			r.giveUp(r.here.chain, r.here.rule, "more states of the packet than can be followed", f)
		case !ok:
			index[f.st] = len(out)
			out = append(out, f)
		default:
			if parts[i] == nil {
				parts[i] = append([]addrRange(nil), out[i].at.flat()...)
			}
			parts[i] = append(parts[i], f.at.flat()...)
		}
	}
	for i, rs := range parts {
		out[i].at = unionOf(rs)
	}
	return out
}
