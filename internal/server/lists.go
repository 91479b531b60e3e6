package server

import (
	"fmt"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// listed are the four lists in the order in which sshd asks them (auth.c, allowed_user).
var lists = [...]struct {
	keyword string
	deny    bool
	groups  bool
}{
	{"DenyUsers", true, false}, {"AllowUsers", false, false}, {"DenyGroups", true, true}, {"AllowGroups", false, true},
}

func checkLists(v *view, p *part) {
	if !v.known() || !v.Effective.Origin.Known() {
		return
	}
	for _, l := range lists {
		patterns := v.Effective.Fields(l.keyword)
		if len(patterns) == 0 {
			continue
		}
		if l.groups && v.Account.GroupsBy.Unseen() {
			p.cannot("groups of "+v.Account.Name, v.Account.GroupsBy.Reason)
			return
		}
		match := facts.MatchUser(patterns, v.Account.Name, v.CallerOfSSHD(v.q.Client))
		if l.groups {
			match = facts.MatchGroups(patterns, v.Account.Groups)
		}
		if l.deny && match == facts.NoOne || !l.deny && match == facts.Everyone {
			continue
		}
		if match == facts.Some {
			f := p.found("user-not-allowed", report.Degrading, "%s decides by where %s comes from: some addresses are let in, others are not.", l.keyword, v.Account.Name)
			quote(f, v.Effective.Quote(l.keyword)...)
			v.quoteSetting(f, l.keyword)
			advise(f, "Ask about one visitor (--client ADDRESS), or change "+l.keyword+".")
			continue
		}
		v.notAllowed(p, l.keyword, l.deny, l.groups)
		return
	}
}

func (v *view) notAllowed(p *part, keyword string, deny, groups bool) {
	a := v.Account
	who := a.Name
	if groups {
		who = "a group of " + a.Name
	}
	words := fmt.Sprintf("%s does not name %s, so sshd refuses %s whatever the key or password.", keyword, who, a.Name)
	if groups && !deny {
		words = fmt.Sprintf("%s names none of the groups of %s, so sshd refuses them whatever the key or password.", keyword, a.Name)
	} else if deny {
		words = fmt.Sprintf("%s names %s, so sshd refuses %s whatever the key or password.", keyword, who, a.Name)
	}
	f := p.found("user-not-allowed", report.Blocking, "%s", words)
	quote(f, v.Effective.Quote(keyword)...)
	v.quoteSetting(f, keyword)
	quote(f, v.Names.Quotes...)
	if groups {
		quote(f, facts.Quote{Source: a.GroupsBy.Source, Text: strings.Join(a.Groups, " ")})
	}
	v.admitByList(f, keyword, deny, groups)
}
