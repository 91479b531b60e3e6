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
	has, ok := v.succeedField(field)
	if !ok {
		return maybe
	}
	switch op {
	case "=":
		return triOf(has == want)
	case "!=":
		return triOf(has != want)
	case "=~":
		return triOf(sshconf.Wildcard(want, has))
	case "!~":
		return triOf(!sshconf.Wildcard(want, has))
	case "in":
		return triOf(slices.Contains(strings.Split(want, ":"), has))
	case "notin":
		return triOf(!slices.Contains(strings.Split(want, ":"), has))
	case "ingroup", "notingroup":
		if v.Account.GroupsBy.Unseen() || field != "user" {
			return maybe
		}
		in := slices.ContainsFunc(strings.Split(want, ":"), func(g string) bool { return slices.Contains(v.Account.Groups, g) })
		return triOf(in == (op == "ingroup"))
	}
	n, err := strconv.Atoi(has)
	m, err2 := strconv.Atoi(want)
	if err != nil || err2 != nil {
		return maybe
	}
	switch op {
	case "lt", "<":
		return triOf(n < m)
	case "le", "<=":
		return triOf(n <= m)
	case "eq", "==":
		return triOf(n == m)
	case "ge", ">=":
		return triOf(n >= m)
	case "gt", ">":
		return triOf(n > m)
	case "ne":
		return triOf(n != m)
	}
	return maybe
}

// succeedField is what a condition asks about; ok is false where that is not known.
func (v *view) succeedField(field string) (has string, ok bool) {
	a := v.Account
	switch field {
	case "user":
		return a.Name, true
	case "uid":
		return strconv.Itoa(a.UID), true
	case "gid":
		return strconv.Itoa(a.GID), true
	case "shell":
		return a.Shell, true
	case "home":
		return a.Home, true
	case "service":
		return "sshd", true
	case "tty":
		return "ssh", true // what sshd tells PAM (auth-pam.c, sshpam_init)
	}
	return "", false // rhost, ruser
}
