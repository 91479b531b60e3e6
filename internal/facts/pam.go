package facts

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/evidence"
)

// PAM is what the modules of the service sshd are told, as far as it decides who
// may log in (pam.conf(5)). It is looked at only where a user was asked about.
type PAM struct {
	Origin Origin
	Rules  []PAMRule // of auth and account, in the order in which PAM asks them
	Access []PAMLine // access.conf(5), without comments
	Times  []PAMLine // time.conf(5), without comments
	Lists  map[string]evidence.Result
	Fails  Faillock

	Stacks map[string][]PAMEntry // by phase, in the order in which PAM asks
	Abort  Quote                 // the line that keeps libpam from starting, so that nobody is let in
	Lost   []Quote               // files that are there, or may be, and could not be read
	Local  Origin                // whether the account stands in /etc/passwd: Known, or Absent
	Shells evidence.Result       // /etc/shells
	Limits []PAMLine             // limits.conf(5): domain, type, item, value
	// The lines of namespace.conf(5) and sepermit.conf(5), where a module goes by them.
	Namespaces, Contexts []PAMLine
	modules              map[string]bool
	programs             map[string]evidence.Result
}

// PAMRule is one line of a PAM service.
type PAMRule struct {
	Phase   string // auth, account
	Control string // required, sufficient, …; "[" where it is written out in brackets
	Module  string // "pam_access.so"
	Args    []string
	Quote   Quote
}

// Refuses reports whether the whole login fails where the module says no.
func (r PAMRule) Refuses() bool { return r.Control != "sufficient" && r.Control != "optional" }

// Arg is the value of "name=value" among the module's arguments; "" where it is not there.
func (r PAMRule) Arg(name string) string {
	for _, a := range r.Args {
		if v, ok := strings.CutPrefix(a, name+"="); ok {
			return v
		}
	}
	return ""
}

// PAMLine is one line of a module's own file, split at its separators.
type PAMLine struct {
	Fields []string
	Quote  Quote
}

// Faillock is what pam_faillock counts of the user.
type Faillock struct {
	Origin Origin
	Deny   int     // failures after which it locks
	Valid  []Quote // failures that count
}

const (
	pamDir        = "/etc/pam.d/"
	maxPAMFiles   = 12 // includes that are followed
	accessConf    = "/etc/security/access.conf"
	timeConf      = "/etc/security/time.conf"
	faillockConf  = "/etc/security/faillock.conf"
	faillockCount = 3 // pam_faillock(8), deny
)

func wantPAM(b *evidence.Bundle, ask Ask) []evidence.Item {
	if !plainUser(ask.User) || !pamUsed(b, ask) {
		return nil
	}
	rules, files := pamRules(b, ask)
	var items []evidence.Item
	for _, f := range files {
		items = append(items, evidence.File(f))
	}
	for _, r := range rules {
		switch r.Module {
		case "pam_access.so":
			items = append(items, evidence.File(accessFile(rules)))
		case "pam_time.so":
			items = append(items, evidence.File(timeConf))
		case "pam_listfile.so":
			if f := r.Arg("file"); path.IsAbs(f) && !secretList(f) {
				items = append(items, evidence.File(f).AtMost(64<<10))
			}
		case "pam_faillock.so":
			items = append(items, evidence.File(faillockConf), faillockItem(ask))
		}
	}
	return items
}

// secretList: no list of names lies there, and what lies there is not to be read.
func secretList(file string) bool {
	return strings.Contains(file, "shadow") || strings.HasPrefix(file, "/etc/ssh/") || strings.HasPrefix(file, "/root/")
}

func faillockItem(ask Ask) evidence.Item {
	return evidence.Command("faillock", "--user", ask.User)
}

// pamUsed: UsePAM is off in sshd without it; distributions that build it in set it.
func pamUsed(b *evidence.Bundle, ask Ask) bool {
	return strings.EqualFold(parseEffective(b, ask).Value("usepam"), "yes")
}

// pamRules follows the includes of the service as far as its files have been
// seen; files are those to look at.
func pamRules(b *evidence.Bundle, ask Ask) (rules []PAMRule, files []string) {
	service := pamService(b, ask)
	for _, phase := range []string{"auth", "account"} {
		var stack []string
		var read func(file, phase string)
		read = func(file, phase string) {
			if slices.Contains(stack, file) || !slices.Contains(files, file) && len(files) >= maxPAMFiles {
				return
			}
			if !slices.Contains(files, file) {
				files = append(files, file)
			}
			stack = append(stack, file)
			for i, line := range lines(b.Get(evidence.File(file)).Data) {
				q := Quote{Source: file, Line: i + 1, Text: clip(strings.TrimSpace(line))}
				r, include, ok := parsePAM(line)
				switch {
				case !ok || r.Phase != phase && r.Phase != "":
				case include != "":
					if f := path.Join(pamDir, include); strings.HasPrefix(f, pamDir) {
						read(f, phase)
					}
				default:
					r.Quote = q
					rules = append(rules, r)
				}
			}
			stack = stack[:len(stack)-1]
		}
		read(pamDir+service, phase)
	}
	return rules, files
}

// parsePAM reads "phase control module args"; the control may be several words in
// brackets. "@include FILE" (Debian) and the controls include and substack name
// another file.
func parsePAM(line string) (r PAMRule, include string, ok bool) {
	line, _, _ = strings.Cut(line, "#")
	f := strings.Fields(line)
	if len(f) == 2 && f[0] == "@include" {
		return r, f[1], true
	}
	if len(f) < 3 {
		return r, "", false
	}
	r.Phase = strings.ToLower(strings.TrimPrefix(f[0], "-"))
	rest := f[2:]
	r.Control = strings.ToLower(f[1])
	if strings.HasPrefix(f[1], "[") {
		end := slices.IndexFunc(f[1:], func(w string) bool { return strings.HasSuffix(w, "]") })
		if end < 0 {
			return r, "", false
		}
		rest, r.Control = f[1+end+1:], "["
	}
	if len(rest) == 0 {
		return r, "", false
	}
	if f[1] == "include" || f[1] == "substack" {
		return r, rest[0], true
	}
	r.Module, r.Args = path.Base(rest[0]), rest[1:]
	return r, "", true
}

func accessFile(rules []PAMRule) string {
	for _, r := range rules {
		if f := r.Arg("accessfile"); r.Module == "pam_access.so" && path.IsAbs(f) && !secretList(f) {
			return f
		}
	}
	return accessConf
}

func parsePAMFacts(b *evidence.Bundle, ask Ask) PAM {
	p := PAM{Origin: Origin{Status: evidence.Skipped, Reason: "no user asked about"}}
	if !plainUser(ask.User) || !pamUsed(b, ask) {
		return p
	}
	var files []string
	p.Rules, files = pamRules(b, ask)
	p.Origin = originOf(evidence.File(files[0]), b.Get(evidence.File(files[0])))
	p.Access = pamLines(b, accessFile(p.Rules), ":", 3) // IPv6 addresses hold colons themselves
	p.Times = pamLines(b, timeConf, ";", 4)
	p.Lists = map[string]evidence.Result{}
	p.readStacks(b, ask)
	for _, r := range p.Rules {
		if f := r.Arg("file"); r.Module == "pam_listfile.so" {
			p.Lists[f] = b.Get(evidence.File(f))
		}
		if r.Module == "pam_faillock.so" && p.Fails.Origin.Status == "" {
			p.Fails = parseFaillock(b, ask, p.Rules)
		}
	}
	return p
}

func pamLines(b *evidence.Bundle, file, separator string, fields int) []PAMLine {
	var out []PAMLine
	for i, line := range lines(b.Get(evidence.File(file)).Data) {
		text, _, _ := strings.Cut(line, "#")
		if strings.TrimSpace(text) == "" {
			continue
		}
		l := PAMLine{Fields: strings.SplitN(text, separator, fields), Quote: Quote{Source: file, Line: i + 1, Text: clip(strings.TrimSpace(line))}}
		for k := range l.Fields {
			l.Fields[k] = strings.TrimSpace(l.Fields[k])
		}
		out = append(out, l)
	}
	return out
}

// parseFaillock reads `faillock --user NAME`: a line "NAME:", a head, and lines
// "2026-11-21 13:57:41 RHOST 192.0.2.2   V"; V marks those that count.
func parseFaillock(b *evidence.Bundle, ask Ask, rules []PAMRule) Faillock {
	it := faillockItem(ask)
	r := b.Get(it)
	out := Faillock{Origin: ran(it, r, exitZero), Deny: faillockCount}
	for _, line := range lines(b.Get(evidence.File(faillockConf)).Data) {
		key, value, _ := strings.Cut(strings.ReplaceAll(line, " ", ""), "=")
		if n, err := strconv.Atoi(value); key == "deny" && err == nil {
			out.Deny = n
		}
	}
	for _, rule := range rules {
		if n, err := strconv.Atoi(rule.Arg("deny")); rule.Module == "pam_faillock.so" && err == nil {
			out.Deny = n
		}
	}
	for i, line := range lines(r.Data) {
		if f := strings.Fields(line); len(f) > 3 && f[len(f)-1] == "V" {
			out.Valid = append(out.Valid, Quote{Source: out.Origin.Source, Line: i + 1, Text: clip(strings.Join(f, " "))}) // it pads its columns
		}
	}
	return out
}

// AccessDecision is the first line of access.conf(5) that is about the visitor,
// and for how many origins it holds: Some where that hangs on what is not known
// (the address, its name, a netgroup). ok is false where none is about them.
func (p PAM) AccessDecision(user string, groups []string, client Caller, rule PAMRule) (line PAMLine, match Part, ok bool) {
	for _, l := range p.Access {
		if len(l.Fields) < 3 || l.Fields[0] != "+" && l.Fields[0] != "-" {
			continue
		}
		who := hostsList(strings.Fields(l.Fields[1]), func(w string) Part { return accessUser(w, user, groups, rule) })
		if who == NoOne {
			continue
		}
		where := hostsList(strings.Fields(l.Fields[2]), func(w string) Part { return accessOrigin(w, client) })
		if m := min(who, where); m != NoOne {
			return l, m, true
		}
	}
	return line, NoOne, false
}

// accessUser matches one word of the users field: a name, (group), ALL, @netgroup,
// user@host; a plain name is a group's, too, unless the module is told nodefgroup.
func accessUser(word, user string, groups []string, rule PAMRule) Part {
	group, inBrackets := strings.CutPrefix(word, "(")
	switch {
	case strings.EqualFold(word, "ALL"), word == user:
		return Everyone
	case inBrackets:
		return part(slices.Contains(groups, strings.TrimSuffix(group, ")")))
	case strings.HasPrefix(word, "@"), strings.HasPrefix(word, user+"@"):
		return Some
	}
	return part(!slices.Contains(rule.Args, "nodefgroup") && slices.Contains(groups, word))
}

// accessOrigin matches one word of the origins field as hosts_access(5) does;
// LOCAL and names of terminals are no origins of an SSH login with an address.
func accessOrigin(word string, client Caller) Part {
	switch {
	case strings.EqualFold(word, "LOCAL"), strings.HasPrefix(word, "tty"), strings.HasPrefix(word, "cron"), strings.HasPrefix(word, ":"):
		return NoOne
	}
	if !strings.HasPrefix(word, ".") && client.Named && !client.False { // the module looks a name's addresses up itself
		client.Named = client.Name != "" && strings.EqualFold(word, client.Name)
	}
	return hostsClient(word, client)
}
