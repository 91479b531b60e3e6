package facts

import (
	"strings"

	"sshwhy/internal/evidence"
)

// Pasted is what somebody pasted of a machine's tools: pieces, where the live
// machine gives the whole. Its Bundle holds them as the very items that the manifest
// asks for, so that they go through the same parsers and checks; what was not
// pasted stays unseen.
type Pasted struct {
	Listening []string // lines as `ss -Hltnp` prints them
	Owners    bool     // whether they name processes
	Units     string   // blocks as `systemctl show` prints them
	Dump      []string // lines as `sshd -T` prints them
	Config    []string // lines of sshd_config
	User      string   // the account in question
	Passwd    string   // its line of getent passwd
	NoUser    bool     // getent says that there is no such account
	State     string   // its line of passwd -S
	Groups    []string
	Files     map[string]*evidence.Meta // by absolute path; nil: there is no such file
}

// Bundle puts the pieces in their places.
func (p *Pasted) Bundle() *evidence.Bundle {
	b := evidence.NewBundle()
	b.Plain = true // nobody says as whom they looked
	known := func(it evidence.Item, text string) {
		b.Put(it, evidence.Result{Status: evidence.Known, Data: []byte(text)})
	}
	if p.Owners {
		b.UID = 0
	}
	if len(p.Listening) > 0 {
		known(itemSS, strings.Join(p.Listening, "\n")+"\n")
	}
	if p.Units != "" {
		b.Put(itemSystemd, evidence.Result{Status: evidence.Known, Meta: &evidence.Meta{Type: "dir"}})
		known(itemUnits, p.Units)
	}
	if len(p.Dump)+len(p.Config) > 0 || p.Units != "" { // who shows them has the program
		b.Put(evidence.Stat(sshdPaths[0]), evidence.Result{Status: evidence.Known, Meta: &evidence.Meta{}})
	}
	if len(p.Dump) > 0 {
		known(sshdCommand(b, "-T"), strings.Join(p.Dump, "\n")+"\n")
	}
	if len(p.Config) > 0 {
		known(evidence.File(configPaths[0]), strings.Join(p.Config, "\n")+"\n")
	}
	if plainUser(p.User) {
		passwd, groups, state, _ := accountItems(p.User)
		switch {
		case p.NoUser:
			b.Put(passwd, evidence.Result{Status: evidence.Known, Exit: 2})
		case p.Passwd != "":
			known(passwd, p.Passwd+"\n")
		}
		if p.State != "" {
			known(state, p.State+"\n")
		}
		if len(p.Groups) > 0 {
			known(groups, strings.Join(p.Groups, " ")+"\n")
		}
	}
	for path, meta := range p.Files {
		if meta == nil {
			b.Put(evidence.Stat(path), evidence.Result{Status: evidence.Absent, Exit: -1})
			continue
		}
		b.Put(evidence.Stat(path), evidence.Result{Status: evidence.Known, Meta: meta})
	}
	return b
}

// PastedConfig is where Bundle puts the lines of sshd_config.
func PastedConfig() string { return configPaths[0] }
