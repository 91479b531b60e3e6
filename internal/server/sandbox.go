package server

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// harm is what one property of a unit does to SSH. The zero value: nothing.
type harm struct {
	impact report.Impact // "": it is not certain, and only told
	words  string        // ends a sentence that begins with the property
	early  bool          // it ends a connection before the server's list of algorithms: an answer speaks against it
}

func stops(format string, args ...any) harm {
	return harm{impact: report.Blocking, words: fmt.Sprintf(format, args...)}
}

// stopsEarly is stops for what no connection survives.
func stopsEarly(format string, args ...any) harm {
	h := stops(format, args...)
	h.early = true
	return h
}

func hurts(format string, args ...any) harm {
	return harm{impact: report.Degrading, words: fmt.Sprintf(format, args...)}
}

// unclear is a reason against calling the machine fine.
func unclear(format string, args ...any) harm { return harm{words: fmt.Sprintf(format, args...)} }

// setting is what a property of a unit, or a few that are alike, means for SSH.
type setting struct {
	names string // as systemctl show prints them, blanks between
	mean  func(v *view, u *facts.Unit, value string) harm
}

// unset are the values by which systemctl show says that a property does nothing.
var unset = []string{"", "no", "0", "infinity", "[not set]", "[no data]", "n/a", "default", "auto", "none"}

// checkSandbox walks the properties of the service, its socket and the slices
// above: what each does to SSH, or that nobody here knows it.
func checkSandbox(v *view, p *part) {
	if v.Sandbox.Origin.Unseen() {
		p.also("sandbox of the service", v.Sandbox.Origin.Reason)
		return
	}
	v.checkOtherNetwork(p)
	for i := range v.Sandbox.Units {
		u := &v.Sandbox.Units[i]
		if !v.around(u) {
			continue
		}
		for _, name := range propertyNames(u) {
			value := u.Props[name]
			h, known := v.judgeProperty(u, name, value)
			if at, _ := v.answered(); h.early && at.IsValid() {
				h = unclear("%s; yet the server answered when it was asked at %s", h.words, at)
			}
			switch {
			case !known:
				p.also("sandbox of "+u.Name, fmt.Sprintf("%s=%s is not known to this sshwhy", name, value))
			case h.words == "":
			case h.impact == "":
				p.also("sandbox of "+u.Name, fmt.Sprintf("%s=%s %s", name, value, h.words))
			default:
				v.sandboxed(p, u, name, h)
			}
		}
	}
}

// around reports whether the unit is one that this server runs in.
func (v *view) around(u *facts.Unit) bool {
	return u.Slice() || v.service != nil && u.Name == v.service.Name || v.socket != nil && u.Name == v.socket.Name && (u.Active() || v.socketMode())
}

// propertyNames are those that were printed, sorted: a property at its default of
// "nothing" is not printed at all.
func propertyNames(u *facts.Unit) []string {
	var names []string
	for name := range u.Props {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// judgeProperty is what the table says of a property. One that is not in it counts
// as known where its value says that it does nothing.
func (v *view) judgeProperty(u *facts.Unit, name, value string) (harm, bool) {
	for _, s := range sandboxTable {
		if !slices.Contains(strings.Fields(s.names), name) {
			continue
		}
		if slices.Contains(unset, value) && name != "CapabilityBoundingSet" {
			return harm{}, true
		}
		return s.mean(v, u, value), true
	}
	if slices.Contains(addressFilters, name) || slices.Contains(strings.Fields(unitState), name) {
		return harm{}, true // evaluated by checkAddressFilter; or it says nothing of a login
	}
	return harm{}, slices.Contains(unset, value)
}

// longValue is from where on a value is not shown beside the line that sets it:
// systemctl show writes groups of system calls out.
const longValue = 300

// sandboxed reports a property that keeps sshd from its work.
func (v *view) sandboxed(p *part, u *facts.Unit, name string, h harm) {
	lines := u.Setting(strings.TrimSuffix(strings.TrimSuffix(name, "Ex"), "Soft"))
	f := p.found("unit-sandbox", h.impact, "%s=%s of %s %s.", name, shorten(u.Props[name]), u.Name, h.words)
	if started, ok := v.startedAt(); ok && !u.Slice() && len(lines) > 0 && u.SetSince(lines[len(lines)-1]) > started {
		f.Impact = report.Latent
		f.Summary = fmt.Sprintf("From the next start of %s on, %s=%s %s: the running server was started before that was written.", u.Name, name, shorten(u.Props[name]), h.words)
	}
	f.Certainty = report.Likely
	if len(lines) == 0 || len(u.Props[name]) < longValue {
		quote(f, u.Quote(name))
	}
	quote(f, lines...)
	for _, y := range v.repliesAt(v.local) {
		if y.Outcome != facts.Answered && y.Outcome != facts.Unasked && y.Outcome != facts.Refused {
			f.Certainty = report.Confirmed
			quote(f, y.Quote)
			break
		}
	}
	where := "the drop-in that sets it"
	if len(lines) > 0 {
		where = lines[len(lines)-1].Source
	}
	advise(f, fmt.Sprintf("Take %s out of %s, or leave sshd what it needs, then let systemd read it again and restart the service. Somebody set it on purpose: ask why first.", name, where),
		daemonReload(), v.restart())
}

// shorten is the beginning of a value that is to stand in a sentence.
func shorten(value string) string {
	const most = 60
	value = strings.ReplaceAll(value, "\n", " ")
	if len(value) <= most {
		return value
	}
	return strings.ToValidUTF8(value[:most], "") + "…"
}

// checkOtherNetwork: a server that runs in a network of its own listens there, and
// nobody who comes to this machine's addresses meets it.
func (v *view) checkOtherNetwork(p *part) {
	if v.Sandbox.Foreign.Source == "" || v.serving() {
		return
	}
	f := p.found("unit-sandbox", report.Blocking, "The SSH server (pid %d) runs in a network namespace of its own: it does not listen at the addresses of this machine.", v.Sandbox.Server)
	quote(f, v.Sandbox.Foreign)
	for i := range v.Sandbox.Units {
		u := &v.Sandbox.Units[i]
		quote(f, u.Quote("PrivateNetwork", "NetworkNamespacePath", "JoinsNamespaceOf"))
		quote(f, u.Setting("PrivateNetwork", "NetworkNamespacePath", "JoinsNamespaceOf")...)
	}
	advise(f, "Let the service run in the machine's own network (PrivateNetwork=no, no NetworkNamespacePath), or reach it through that network.",
		daemonReload(), v.restart())
}

// checkFrozen: a frozen control group is not scheduled at all, whoever froze it.
func checkFrozen(v *view, p *part) {
	frozen := v.Sandbox.Frozen
	thaw := report.Step{}
	for i := range v.Sandbox.Units {
		u := &v.Sandbox.Units[i]
		if state := u.Props["FreezerState"]; v.around(u) && strings.HasPrefix(state, "fr") { // frozen, freezing, frozen-by-parent (systemd 257)
			frozen = u.Quote("FreezerState")
			if state == "frozen" {
				thaw = do("systemctl thaw "+u.Name, "systemctl freeze "+u.Name)
				thaw.Act = &report.Action{Kind: report.ActCommand, Argv: strings.Fields(thaw.Do), Inverse: strings.Fields(thaw.Undo)}
			}
		}
	}
	if frozen.Source == "" {
		return
	}
	f := p.found("sshd-hung", report.Blocking, "The control group of the SSH server is frozen: connections are queued and never answered.")
	quote(f, frozen)
	for _, l := range v.ours {
		quote(f, l.Quote)
	}
	if thaw.Do != "" {
		mend(f, "Thaw it.", thaw)
		return
	}
	advise(f, "Thaw it where it was frozen: systemctl thaw, where systemd did it; else write 0 into the file cgroup.freeze of that group or of the one above it that holds a 1.")
}
