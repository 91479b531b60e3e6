package firewall

import "net/netip"

// step is one part of a rule: a match, a change of the packet, or a verdict.
// It takes the flows that reach it, hands on those that go on in the rule, and
// gives those that leave it to the run.
type step interface {
	do(r *run, in flow) (on []flow)
}

// flow is a set of addresses for which the packet is in the same state at the
// same place.
type flow struct {
	st state
	at AddrSet
}

// conjoin makes one match of those that stand in a row, so that what one of them
// rules out is not held to depend on another.
func conjoin(steps []step) []step {
	out := steps[:0:0]
	for i := 0; i < len(steps); {
		var row []func(*run, *state) split
		for ; i < len(steps); i++ {
			m, ok := steps[i].(matchStep)
			if !ok {
				break
			}
			row = append(row, m.match)
		}
		switch {
		case len(row) == 1:
			out = append(out, matchStep{row[0]})
		case len(row) > 1:
			out = append(out, matchStep{allOf(row)})
		}
		if i < len(steps) {
			out = append(out, steps[i])
			i++
		}
	}
	return out
}

func allOf(row []func(*run, *state) split) func(*run, *state) split {
	return func(r *run, st *state) split {
		out := sure(Yes)
		for _, m := range row {
			out = out.and(m(r, st), AllOf(r.p.Family))
			if !out.sets && out.tri == No || out.sets && out.may.IsEmpty() {
				return sure(No)
			}
		}
		return out
	}
}

// matchStep lets pass what matches.
type matchStep struct {
	match func(r *run, st *state) split
}

func (m matchStep) do(r *run, in flow) []flow {
	s := m.match(r, &in.st)
	if !s.sets {
		switch s.tri {
		case Yes:
			return []flow{in}
		case No:
			r.skip(in)
			return nil
		}
		r.unsure(s.why, in.at)
		r.skip(in)
		return []flow{in}
	}
	taken, rest := in.at.Intersect(s.may), in.at.Minus(s.sure)
	if both := taken.Intersect(rest); !both.IsEmpty() {
		r.unsure(s.why, both)
	}
	if !rest.IsEmpty() {
		r.skip(flow{in.st, rest})
	}
	if taken.IsEmpty() {
		return nil
	}
	return []flow{{in.st, taken}}
}

// verb is what a verdict does.
type verb uint8

const (
	doAccept verb = iota
	doDrop
	doReject
	doJump
	doGoto
	doReturn
	doContinue
	doSteal // given to something else: a queue, another device; why says to what
)

// verdictStep ends the rule, or calls another chain.
type verdictStep struct {
	verb   verb
	reject func(f Family) (RejectWith, bool) // false: this family's packets do not match
	target string
	why    string
}

func (v verdictStep) do(r *run, in flow) []flow {
	if v.verb == doContinue { // goes on within the rule (nft_do_chain)
		return []flow{in}
	}
	r.verdict(v, in)
	return nil
}

// vmapStep takes the verdict from a map.
type vmapStep struct {
	key func(r *run, st *state) ([]value, split)
	set func(r *run) *Set
	// name as written, for what cannot be decided
	name string
}

func (v vmapStep) do(r *run, in flow) []flow {
	key, ok := v.key(r, &in.st)
	if !ok.sets && ok.tri == No {
		r.skip(in)
		return nil
	}
	set := v.set(r)
	if ok.tri == Maybe || set == nil || set.broken != "" {
		r.opaque(Why{What: v.name}, in)
		r.skip(in)
		return nil
	}
	var certain []addrRange
	var on []flow
	for _, h := range set.lookup(key, in.at) {
		at := h.at.spread(in.at)
		taken := in.at.Intersect(at.may)
		if h.elem.key[0].any {
			taken = taken.Minus(unionOf(certain))
		}
		if both := taken.Minus(at.sure); !both.IsEmpty() {
			r.unsure(h.at.why, both)
		}
		if taken.IsEmpty() || h.elem.do == nil {
			continue
		}
		certain = append(certain, at.sure.flat()...)
		on = append(on, h.elem.do.do(r, flow{in.st, taken})...)
	}
	if rest := in.at.Minus(unionOf(certain)); !rest.IsEmpty() {
		r.skip(flow{in.st, rest})
	}
	return on
}

// changeStep changes the packet's state.
type changeStep struct {
	change func(r *run, st *state)
}

func (c changeStep) do(r *run, in flow) []flow {
	c.change(r, &in.st)
	return []flow{in}
}

// opaqueStep is a statement that nobody here knows: anything may follow.
type opaqueStep struct{ why Why }

func (o opaqueStep) do(r *run, in flow) []flow {
	r.opaque(o.why, in)
	return []flow{in}
}

// natStep rewrites the destination, and accepts (nf_nat_inet_fn).
type natStep struct {
	// rewrite gives the new destination; a zero address keeps the old one, a zero
	// port too. ok Maybe: it cannot be told.
	rewrite func(r *run, st *state, at AddrSet) []rewrite
}

type rewrite struct {
	at       AddrSet
	addr     netip.Addr
	port     uint16
	unknown  string // why the result is not known
	noMatch  bool   // the map has no entry: the rule does not match
	redirect bool   // to this machine's own address on the interface
}

func (n natStep) do(r *run, in flow) []flow {
	for _, w := range n.rewrite(r, &in.st, in.at) {
		f := flow{in.st, in.at.Intersect(w.at)}
		switch {
		case f.at.IsEmpty():
			continue
		case w.noMatch:
			r.skip(f)
			continue
		case w.unknown != "":
			r.opaque(Why{What: w.unknown}, f)
			continue
		}
		f.st.dstNAT = true
		if w.port != 0 {
			f.st.dport = span16{w.port, w.port}
		}
		if w.redirect {
			f.st.dst, f.st.dstUnknown = r.redirectAddr(f.st.dst)
		} else if w.addr.IsValid() {
			f.st.dst = w.addr
			r.sentBy(w.addr)
		}
		r.accept(f, "dnat")
	}
	return nil
}

// redirectAddr is where `redirect` sends a packet: the first address of the
// interface it came in by (nf_nat_redirect.c).
func (r *run) redirectAddr(old netip.Addr) (to netip.Addr, unknown bool) {
	for _, a := range r.p.IfaceAddrs {
		if FamilyOf(a) == r.p.Family {
			return a, false
		}
	}
	return old, true
}
