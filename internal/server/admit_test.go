package server

import (
	"net/netip"
	"strings"
	"testing"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
	"sshwhy/internal/report"
	"sshwhy/internal/sshconf"
)

// configured is a view of a machine whose sshd_config is this text, and whose
// sshd says of alice what effective has (lines of sshd -T).
func configured(text, effective, client string) *view {
	known := facts.Origin{Status: evidence.Known}
	v := &view{Facts: &facts.Facts{}}
	v.Config = facts.Config{Origin: known, Path: "/etc/ssh/sshd_config"}
	match := ""
	for i, line := range strings.Split(text, "\n") {
		l, ok := sshconf.ParseLine(line)
		if !ok {
			continue
		}
		v.Config.Directives = append(v.Config.Directives, facts.Directive{Keyword: l.Keyword, Args: l.Args, Match: match,
			Quote: facts.Quote{Source: v.Config.Path, Line: i + 1, Text: line}})
		if l.Is("Match") {
			match = strings.Join(l.Args, " ")
		}
	}
	v.Effective = facts.Effective{Origin: known, Visitor: known, Values: map[string][]facts.Quote{}}
	for line := range strings.Lines(effective) {
		key, _, _ := strings.Cut(line, " ")
		v.Effective.Values[key] = append(v.Effective.Values[key], facts.Quote{Text: strings.TrimSpace(line)})
	}
	v.Account = facts.Account{Origin: known, Name: "alice", Groups: []string{"people", "staff"}}
	if client != "" {
		v.q.Client = netip.MustParseAddr(client)
	}
	return v
}

// edits are the changes of a finding's remedy, one a line; "advice" where there are none.
func edits(f report.Finding) string {
	var out []string
	for _, s := range f.Remedy.Steps {
		if s.Act == nil || s.Act.Kind != report.ActEdit {
			continue
		}
		for _, e := range s.Act.Edits {
			out = append(out, strings.TrimSpace(string(e.Op)+" "+e.Old+" > "+strings.ReplaceAll(e.New, "\n", "|"))+" ("+s.Act.Opens+")")
		}
	}
	if f.Remedy.Kind == report.Advice {
		return "advice"
	}
	return strings.Join(out, "\n")
}

// TestAdmitByList: whatever list keeps alice out, the edit is about her alone.
func TestAdmitByList(t *testing.T) {
	const block = "Match User alice Address 192.0.2.2|    "
	for _, c := range []struct{ name, keyword, config, effective, client, want string }{
		{"a name among others", "DenyUsers", "DenyUsers bob alice # left", "denyusers bob\ndenyusers alice\n", "",
			"replace DenyUsers bob alice # left > DenyUsers bob # left (alice from every address)"},
		{"a name alone", "DenyUsers", "DenyUsers alice", "denyusers alice\n", "",
			"comment DenyUsers alice > (alice from every address)"},
		{"a name, and one address is asked about", "DenyUsers", "DenyUsers alice", "denyusers alice\n", "192.0.2.2",
			"append  > # sshwhy: lets alice in, whom DenyUsers keeps out otherwise|" + block + "DenyUsers !alice (alice from 192.0.2.2)"},
		{"her name at that address", "DenyUsers", "DenyUsers alice@192.0.2.2 bob", "denyusers alice@192.0.2.2\ndenyusers bob\n", "192.0.2.2",
			"replace DenyUsers alice@192.0.2.2 bob > DenyUsers bob (alice from 192.0.2.2)"},
		{"a pattern", "DenyUsers", "DenyUsers a* bob", "denyusers a*\ndenyusers bob\n", "",
			"append  > # sshwhy: lets alice in, whom DenyUsers keeps out otherwise|Match User alice|    DenyUsers !alice (alice from every address)"},
		{"in a Match block", "DenyUsers", "DenyUsers carol\nMatch User a*\n DenyUsers alice bob", "denyusers alice\ndenyusers bob\n", "192.0.2.2",
			"replace  DenyUsers alice bob >  DenyUsers bob (alice from every address that this Match block is for)"},
		{"a pattern in a Match block", "DenyUsers", "Match User a*\n DenyUsers a*", "denyusers a*\n", "", "advice"},
		{"two Match blocks, of which one holds", "DenyUsers", "Match Address 10.0.0.0/8\n DenyUsers alice\nMatch User a*\n DenyUsers alice", "denyusers alice\n", "", "advice"},
		{"her group", "DenyGroups", "DenyGroups staff", "denygroups staff\n", "192.0.2.2",
			"append  > # sshwhy: lets alice in, whom DenyGroups keeps out otherwise|" + block + "DenyGroups !people (alice from 192.0.2.2)"},
		{"her group in a Match block", "DenyGroups", "Match all\n DenyGroups staff", "denygroups staff\n", "", "advice"},
		{"not named", "AllowUsers", "AllowUsers bob\nAllowUsers carol", "allowusers bob\nallowusers carol\n", "192.0.2.2",
			"replace AllowUsers carol > AllowUsers carol alice@192.0.2.2 (alice from 192.0.2.2)"},
		{"not named in a Match block", "AllowUsers", "AllowUsers bob\nMatch Address 192.0.2.0/24\n AllowUsers carol", "allowusers carol\n", "192.0.2.2",
			"before Match Address 192.0.2.0/24 > # sshwhy: lets alice in, whom AllowUsers leaves out otherwise|" + block + "AllowUsers alice (alice from 192.0.2.2)"},
		{"no group of hers", "AllowGroups", "AllowGroups wheel", "allowgroups wheel\n", "",
			"append  > # sshwhy: lets alice in, whom AllowGroups leaves out otherwise|Match User alice|    AllowGroups people (alice from every address)"},
		{"an include inside of a Match block", "AllowUsers", "AllowUsers bob\nMatch all\nInclude /etc/ssh/more.conf", "allowusers bob\n", "", "advice"},
	} {
		v := configured(c.config, c.effective, c.client)
		f := report.Finding{Cause: "user-not-allowed"}
		v.admitByList(&f, c.keyword, strings.HasPrefix(c.keyword, "Deny"), strings.HasSuffix(c.keyword, "Groups"))
		if got := edits(f); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestAdmitOnlyPlainNames: a name that sshd would take for a pattern, or for
// an address, is written nowhere.
func TestAdmitOnlyPlainNames(t *testing.T) {
	for _, name := range []string{"a*", "alice?", "!alice", "alice,bob", "alice@corp", `CORP\alice`, "-alice", "al ice", "", "alice\nPermitRootLogin yes", "'alice"} {
		v := configured("PasswordAuthentication no", "passwordauthentication no\n", "")
		v.Account.Name = name
		f := report.Finding{Cause: "password-auth-disabled"}
		v.admitBySetting(&f, "PasswordAuthentication", "yes", "with a password")
		if got := edits(f); got != "advice" {
			t.Errorf("%q: %s", name, got)
		}
	}
}

// TestAdmitBySetting: the block stands where it is the first that sets the keyword.
func TestAdmitBySetting(t *testing.T) {
	const block = "# sshwhy: PubkeyAuthentication for alice alone|Match User alice|    PubkeyAuthentication yes (alice, with a key, from every address)"
	for config, want := range map[string]string{
		"PubkeyAuthentication no": "append  > " + block,
		"Match User b*\n X11Forwarding no\nMatch all\n PubkeyAuthentication no": "before Match all > " + block,
	} {
		v := configured(config, "pubkeyauthentication no\n", "")
		f := report.Finding{Cause: "pubkey-auth-disabled"}
		v.admitBySetting(&f, "PubkeyAuthentication", "yes", "with a key")
		if got := edits(f); got != want {
			t.Errorf("%q:\n got %s\nwant %s", config, got, want)
		}
	}
}
