package remedy

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"sshwhy/internal/report"
)

// Options narrow what a fix may do.
type Options struct {
	Where  string   // report.OnServer or report.OnClient: the side this process runs on
	Only   []string // causes to mend; empty: all
	Except []string // causes to leave
	Open   bool     // plan steps that change who may come in, too
	Client string   // open for this address alone, as far as the step can be so narrow

	// Confirmed is what the person has compared and typed: the fingerprint of a
	// new host key. "" is nothing.
	Confirmed string
}

// Plan is what a fix would do, made by looking only.
type Plan struct {
	Steps []*Step
	Left  []Left // what is not done automatically
	Guard string // how the plan is taken back by itself unless it is confirmed; "" where it is not
}

// Left is a remedy that the plan leaves to a person, and why.
type Left struct {
	Cause, Summary, Why string
	Open                bool // that it changes who may come in is all that is in the way
}

// Step is one act of a plan on this machine.
type Step struct {
	Causes []string
	Kind   report.RemedyKind // Repair or Open
	Do     string            // the command by hand
	Undo   string            // what takes it back, by hand
	Opens  string            // who may come in afterwards who could not before
	Effect []string          // of a change of sshd's configuration: what is different then, the worst first
	Risk   string
	Diff   string // of a file's edit, unified
	On     string // the file that is changed, where the path that was named leads to it by symbolic links

	phase   int
	act     report.Action
	doer    doer
	planned map[string]State // the state the step was planned on, by path
}

// doer is an action made concrete on this machine. All methods but do only look.
type doer interface {
	// touches names the files, and the trees of files, that do can change.
	touches() (paths, trees []string)
	// probe reads the states outside the file system that do can change.
	probe(ctx context.Context, s *System) map[string]string
	// record is what undoing must know.
	record() act
	// check says why the step cannot be done, before any step has been done.
	check(ctx context.Context, s *System) error
	// do does it. It may be cut short at any point.
	do(ctx context.Context, s *System) error
}

// ofOne is a doer that changes one object, and only in the state it is told of:
// the one that was planned on, or that an earlier step has left.
type ofOne interface {
	subject() string
	onto(State) error
}

// Make plans the repair of what a report found. It changes nothing.
func Make(ctx context.Context, s *System, r *report.Report, opt Options) (*Plan, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	if opt.Client != "" {
		if _, err := netip.ParseAddr(opt.Client); err != nil {
			return nil, fmt.Errorf("--client wants an address: %w", err)
		}
	}
	p := &Plan{}
	var wanted []*Step
	for _, f := range r.Findings {
		if f.Remedy == nil || !opt.wants(f) {
			continue
		}
		steps, why := stepsOf(f, opt)
		if why != "" {
			p.Left = append(p.Left, Left{f.Cause, f.Remedy.Summary, why, opt.lacksOpen(f)})
			continue
		}
		wanted = append(wanted, steps...)
	}
	p.Steps = order(merge(wanted))
	if err := p.concrete(ctx, s); err != nil {
		return nil, err
	}
	return p, p.judge(ctx, s, r, opt)
}

// wants says whether a finding is to be mended at all: what only is worth
// knowing, or only possible, is left alone unless it was named.
func (o Options) wants(f report.Finding) bool {
	if slices.Contains(o.Except, f.Cause) {
		return false
	}
	if len(o.Only) > 0 {
		return slices.Contains(o.Only, f.Cause)
	}
	// At the client a key that ssh ignores is a note: another one may serve.
	return (f.Impact != report.Note || o.Where == report.OnClient) && f.Certainty != report.Possible
}

// lacksOpen says whether the consent of --open is all that a remedy lacks.
func (o Options) lacksOpen(f report.Finding) bool {
	if o.Open {
		return false
	}
	o.Open = true
	_, why := stepsOf(f, o)
	return why == ""
}

// stepsOf turns a finding's remedy into steps, all of them or none.
func stepsOf(f report.Finding, opt Options) ([]*Step, string) {
	m := f.Remedy
	if m.Kind == report.Advice {
		return nil, "this is for a person to decide"
	}
	if len(m.Steps) == 0 {
		return nil, "no step is known"
	}
	var out []*Step
	vouched := slices.ContainsFunc(m.Steps, func(st report.Step) bool { return st.Act != nil && st.Act.Confirm != "" })
	for _, st := range m.Steps {
		switch {
		case vouched && st.Act == nil: // how to compare, which the person has done
			continue
		case vouched && st.Act.Confirm != opt.Confirmed:
			return nil, "compare the fingerprint on the host's own console first, then give it with --fingerprint"
		case st.Where != "" && opt.Where != "" && st.Where != opt.Where:
			return nil, "it is to be done on the " + st.Where
		case st.Act == nil:
			return nil, "it is to be done by hand: " + st.Do
		}
		step := &Step{Causes: []string{f.Cause}, Kind: m.Kind, Do: st.Do, Undo: st.Undo,
			Opens: st.Act.Opens, Risk: st.Act.Risk, act: narrow(*st.Act, opt.Client)}
		step.phase = phase(step.act)
		if why := forbidden(step.act); why != "" {
			return nil, why
		}
		if o := opens(step.act); o != "" {
			step.Kind = report.Open
			step.Opens = cmp.Or(step.Opens, o)
		}
		out = append(out, step)
	}
	if i := slices.IndexFunc(out, func(s *Step) bool { return s.Kind == report.Open }); i >= 0 {
		if !opt.Open {
			return nil, "it would let in " + cmp.Or(out[i].Opens, "more people than now") + "; consent with --open"
		}
		for _, s := range out { // half a remedy is none: its parts share one consent
			s.Kind = report.Open
		}
	}
	return out, ""
}

// narrow makes an opening one for a single address, where that was asked for.
func narrow(a report.Action, client string) report.Action {
	if client == "" {
		return a
	}
	switch a.Kind {
	case report.ActFirewall:
		if a.Firewall != nil && a.Firewall.Source == "" {
			o := *a.Firewall
			o.Source = client
			a.Firewall = &o
			a.Opens = ""
		}
	case report.ActHostsAllow, report.ActUnban:
		if a.Source == "" {
			a.Source = client
			a.Opens = ""
		}
	}
	return a
}

// The phases of a fix: a package first, because it is what fails without a
// network, before anything else has changed; files before the units that read
// them; firewalls last, when there is something behind them to reach.
const (
	phaseInstall = iota
	phaseFiles
	phaseEdits
	phaseCommands
	phaseKeys
	phaseCheck
	phaseReloadManager
	phaseUnitState
	phaseStop
	phaseStart
	phaseFirewall
)

func phase(a report.Action) int {
	switch a.Kind {
	case report.ActInstall:
		return phaseInstall
	case report.ActMode, report.ActOwner, report.ActMkdir, report.ActRemove:
		return phaseFiles
	case report.ActHostKeys:
		return phaseKeys // after the commands, which put a damaged key aside
	case report.ActEdit, report.ActHostsAllow:
		return phaseEdits
	case report.ActFirewall, report.ActUnban:
		return phaseFirewall
	case report.ActUnit:
		switch a.Verb {
		case report.VerbDaemonReload:
			return phaseReloadManager
		case report.VerbEnable, report.VerbWant, report.VerbDisable, report.VerbUnmask, report.VerbResetFailed:
			return phaseUnitState
		case report.VerbStop:
			return phaseStop
		default:
			return phaseStart
		}
	case report.ActConfigure:
		return phaseCommands // its scripts read the files, make the keys that lack, and start the unit
	default:
		if isSSHDCheck(a.Argv) {
			return phaseCheck
		}
		return phaseCommands
	}
}

func order(steps []*Step) []*Step {
	slices.SortStableFunc(steps, func(a, b *Step) int {
		return cmp.Or(cmp.Compare(a.phase, b.phase), cmp.Compare(verbRank(a.act.Verb), verbRank(b.act.Verb)))
	})
	return steps
}

// verbRank orders the verbs of one phase: a mask goes before an enable.
func verbRank(v report.UnitVerb) int {
	return slices.Index([]report.UnitVerb{report.VerbUnmask, report.VerbResetFailed, report.VerbDisable,
		report.VerbEnable, report.VerbWant, report.VerbReload, report.VerbStart, report.VerbRestart}, v)
}

// merge makes one step of those that ask for the same, of edits to one file,
// and of the starts, reloads and restarts of one unit: the strongest of these.
func merge(steps []*Step) []*Step {
	var out []*Step
	for _, s := range steps {
		if !slices.ContainsFunc(out, func(o *Step) bool { return o.absorb(s) }) {
			out = append(out, s)
		}
	}
	return out
}

// absorb takes another step into this one where they are one act.
func (s *Step) absorb(o *Step) bool {
	a, b := &s.act, &o.act
	switch {
	case a.Kind != b.Kind:
		return false
	case a.Kind == report.ActEdit && a.Path == b.Path && a.Check == b.Check && s.Kind == o.Kind:
		if !reflect.DeepEqual(a.Edits, b.Edits) {
			a.Edits = mergeEdits(a.Edits, b.Edits)
			s.Do, s.Undo = joinLines(s.Do, o.Do), joinLines(s.Undo, o.Undo)
		}
	case a.Kind == report.ActUnit && a.Unit == b.Unit && s.phase == phaseStart && o.phase == phaseStart:
		if verbRank(b.Verb) > verbRank(a.Verb) {
			s.act, s.Do, s.Undo = o.act, o.Do, o.Undo
		}
	case reflect.DeepEqual(*a, *b):
	default:
		return false
	}
	for _, c := range o.Causes {
		if !slices.Contains(s.Causes, c) {
			s.Causes = append(s.Causes, c)
		}
	}
	if o.Kind == report.Open {
		s.Kind = report.Open
	}
	s.Opens, s.Risk = joinLines(s.Opens, o.Opens), joinLines(s.Risk, o.Risk)
	return true
}

func joinLines(a, b string) string {
	switch {
	case a == b || b == "":
		return a
	case a == "":
		return b
	}
	return a + "\n" + b
}

// concrete makes every step's doer, drops steps that have nothing to do, and
// records the state they were planned on.
func (p *Plan) concrete(ctx context.Context, s *System) error {
	var out []*Step
	for _, st := range p.Steps {
		parts, err := expand(ctx, s, st)
		if err != nil {
			p.Left = append(p.Left, Left{strings.Join(st.Causes, ", "), st.Do, err.Error(), false})
			return p.dropRemediesOf(ctx, s, st)
		}
		for _, part := range parts {
			if err := part.look(s); err != nil {
				return err
			}
			out = append(out, part)
		}
	}
	p.Steps = out
	return nil
}

// dropRemediesOf takes all steps of a remedy out of the plan, one of whose
// steps cannot be done here, and plans the rest anew.
func (p *Plan) dropRemediesOf(ctx context.Context, s *System, bad *Step) error {
	p.Steps = slices.DeleteFunc(p.Steps, func(o *Step) bool {
		if o == bad {
			return true
		}
		o.Causes = slices.DeleteFunc(slices.Clone(o.Causes), func(c string) bool { return slices.Contains(bad.Causes, c) })
		return len(o.Causes) == 0
	})
	return p.concrete(ctx, s)
}

// look records the state of what the step touches, for Apply to compare.
func (s *Step) look(sys *System) error {
	if d, ok := s.doer.(ofOne); ok && s.act.Path != "" && d.subject() != s.act.Path {
		s.On = d.subject()
	}
	paths, _ := s.doer.touches()
	s.planned = map[string]State{}
	for _, path := range paths {
		st, _, err := sys.look(path)
		if err != nil {
			return err
		}
		s.planned[path] = st
	}
	return nil
}

// loud says whether a step is one that running programs notice at once: what it
// brings into force can keep people out, before anything else is asked.
func (s *Step) loud() bool { return s.phase >= phaseReloadManager }

// Risky says whether a step concerns the way in: firewalls, sshd's
// configuration or its listening. Such a fix runs under the guard timer.
func (p *Plan) Risky() bool {
	return slices.ContainsFunc(p.Steps, func(s *Step) bool {
		switch s.act.Kind {
		case report.ActFirewall, report.ActHostsAllow:
			return true
		case report.ActEdit:
			return s.act.Check == report.CheckSSHD
		case report.ActUnit:
			return isSSH(s.act.Unit) && s.phase >= phaseStop
		}
		return false
	})
}

// isSSH says whether a unit carries the SSH server.
func isSSH(unit string) bool {
	name, _, _ := strings.Cut(unit, ".")
	return name == "ssh" || name == "sshd" || strings.HasPrefix(name, "ssh@") || strings.HasPrefix(name, "sshd@") || name == "dropbear"
}
