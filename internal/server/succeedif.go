package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/sshconf"
)

// asksSucceedIf evaluates pam_succeed_if(8): conditions of three words, all of which
// must hold.
func (v *view) asksSucceedIf(e *facts.PAMEntry) moduleSays {
	flags := []string{"debug", "use_uid", "quiet", "quiet_fail", "quiet_success", "audit"}
	words := slices.DeleteFunc(slices.Clone(e.Args), func(w string) bool { return slices.Contains(flags, w) })
	if len(words) == 0 || len(words)%3 != 0 {
		return unasked("its conditions are not understood")
	}
	doubt := ""
	for c := range slices.Chunk(words, 3) {
		switch v.holds(c[0], c[1], c[2]) {
		case maybe:
			doubt = "whether \"" + strings.Join(c, " ") + "\" holds is not worked out"
		case no:
			return refuses(fmt.Sprintf("\"%s\" does not hold", strings.Join(c, " ")), "Give the account what the rule asks for, or change the rule.", v.Account.Line,
				facts.Quote{Source: v.Account.GroupsBy.Source, Text: strings.Join(v.Account.Groups, " ")})
		}
	}
	if doubt != "" {
		return unasked(doubt)
	}
	return says("success")
}

// holds evaluates one condition; maybe is what is not understood.
func (v *view) holds(field, op, want string) tri {
	a := v.Account
	has := ""
	switch field {
	case "user":
		has = a.Name
	case "uid":
		has = strconv.Itoa(a.UID)
	case "gid":
		has = strconv.Itoa(a.GID)
	case "shell":
		has = a.Shell
	case "home":
		has = a.Home
	case "service":
		has = "sshd"
	case "tty":
		has = "ssh" // what sshd tells PAM (auth-pam.c, sshpam_init)
	default:
		return maybe // rhost, ruser
	}
	answer := func(b bool) tri {
		if b {
			return yes
		}
		return no
	}
	n, err := strconv.Atoi(has)
	m, err2 := strconv.Atoi(want)
	numbers := err == nil && err2 == nil
	switch op {
	case "=":
		return answer(has == want)
	case "!=":
		return answer(has != want)
	case "=~":
		return answer(sshconf.Wildcard(want, has))
	case "!~":
		return answer(!sshconf.Wildcard(want, has))
	case "in":
		return answer(slices.Contains(strings.Split(want, ":"), has))
	case "notin":
		return answer(!slices.Contains(strings.Split(want, ":"), has))
	case "ingroup", "notingroup":
		if a.GroupsBy.Unseen() || field != "user" {
			return maybe
		}
		in := slices.ContainsFunc(strings.Split(want, ":"), func(g string) bool { return slices.Contains(a.Groups, g) })
		return answer(in == (op == "ingroup"))
	}
	if !numbers {
		return maybe
	}
	switch op {
	case "lt", "<":
		return answer(n < m)
	case "le", "<=":
		return answer(n <= m)
	case "eq", "==":
		return answer(n == m)
	case "ge", ">=":
		return answer(n >= m)
	case "gt", ">":
		return answer(n > m)
	case "ne":
		return answer(n != m)
	}
	return maybe
}
