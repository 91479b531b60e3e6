package client

import (
	"fmt"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// records judges the files of host keys themselves.
func (d *diagnosis) records(h *HostKey) {
	standing, _ := h.Standing()
	for _, f := range h.Files {
		switch {
		case f.Denied:
			d.find("known-hosts-permissions", report.Confirmed, fmt.Sprintf("The record of host keys %s cannot be read: %s.", f.Path, f.Err),
				[]report.Evidence{{Source: f.Path, Excerpt: f.Err}}, f.readRemedy())
			if standing != KeyNew || h.acceptsChanged() || h.Strict == "accept-new" {
				d.lowerImpact(report.Degrading)
			}
		case f.Kind == KindDir:
			d.find("known-hosts-permissions", report.Confirmed,
				fmt.Sprintf("%s, which is named as the record of host keys, is a directory: ssh finds no key there, and can record none.", f.Path),
				[]report.Evidence{{Source: f.Path, Excerpt: "directory"}}, advice("Name a file instead.", onClient("ls -ld "+shquote.Path(f.Path)), onClient(d.ssh("-G")+" | grep -i knownhostsfile")))
			d.lowerImpact(report.Note)
		case f.Unread():
			d.incomplete("host keys on record", fmt.Sprintf("%s was not read: %s", f.Path, f.whyUnread()))
		}
	}
}

// whyUnread says why a file was not read.
func (f KnownFile) whyUnread() string {
	if f.Kind != "" {
		return f.Kind.NotAFile()
	}
	return f.Err
}

// readRemedy is what gives a record back to its reader. Nothing is given to the user but
// what is root's in his own home.
func (f KnownFile) readRemedy() *report.Remedy {
	switch {
	case f.Global:
		return &report.Remedy{Kind: report.Repair, Summary: "The file is for all users of this machine: let them read it.", Steps: []report.Step{
			onClient("ls -ld " + shquote.Path(f.Path)), onClient("sudo chmod a+r " + shquote.Path(f.Path))}}
	case f.Home && f.Root:
		return &report.Remedy{Kind: report.Repair, Summary: "Give the file back to its user.", Steps: []report.Step{
			onClient("sudo chown -h \"$USER\" " + shquote.Path(f.Path)), onClient("chmod 600 " + shquote.Path(f.Path))}}
	default:
		return advice("Have its owner let you read it, or name a file of your own.", onClient("ls -ld "+shquote.Path(f.Path)))
	}
}

// keyNew is for a host whose key is not on record.
func (d *diagnosis) keyNew(h *HostKey, shown string) {
	compare := &report.Remedy{Kind: report.Open, Summary: "Compare the fingerprint with the one that the host's console prints, then let ssh record it.",
		Steps: []report.Step{onServer("for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done"), onClient(d.ssh(""))}}
	evidence := h.evidence(d, nil)
	for _, f := range h.Files {
		evidence = append(evidence, f.evidence(h.Names[0]))
	}
	if unread := h.UnreadFiles(); len(unread) > 0 && !h.AcceptsNew() {
		d.stage(report.StageHostKey, report.StatusUnknown, h.Ms, "%s; whether it is on record could not be seen: %s was not read", shown, unread[0].Path)
		d.stop = true
		return
	}
	note := func(status report.Status, detail, sentence string) {
		d.stage(report.StageHostKey, status, h.Ms, "%s", detail)
		d.find("host-key-unknown", report.Confirmed, sentence+h.passedOver(), evidence, compare)
		d.lowerImpact(report.Note)
	}
	switch {
	case h.refusesNew():
		d.stage(report.StageHostKey, report.StatusFailed, h.Ms, "%s is not on record", shown)
		d.find("host-key-unknown", report.Confirmed,
			fmt.Sprintf("The key of %s is not on record here, and ssh may not accept it unasked: %s.%s", d.host, h.whyStrict(), h.passedOver()), evidence, compare)
	case h.AcceptsNew():
		note(report.StatusOK, shown+", not on record; ssh takes it unasked",
			fmt.Sprintf("%s is not on record here: ssh takes its key %s without asking (StrictHostKeyChecking is %s).", d.host, h.Fingerprint, h.Strict))
	case h.Answer == AnswerYes:
		note(report.StatusOK, shown+", not on record; accepted for this once",
			fmt.Sprintf("%s is not on record here; its key %s was accepted for this walk and not recorded: ssh will ask once more.", d.host, h.Fingerprint))
	case d.o.NoAuth:
		note(report.StatusOK, shown+", not on record yet", fmt.Sprintf("%s is not on record here: ssh will ask whether its key %s is right.", d.host, h.Fingerprint))
	default:
		ended := "nobody was asked"
		if h.Answer == AnswerNo {
			ended = "it was not accepted"
		}
		note(report.StatusUnknown, shown+", not on record; "+ended,
			fmt.Sprintf("%s is not on record here: ssh will ask whether its key %s is right. Until that is answered nothing is offered to it.", d.host, h.Fingerprint))
		d.incomplete("login", fmt.Sprintf("the key of %s is not on record here, and %s, so no login was tried; connect once with ssh and compare the fingerprint", d.host, ended))
		d.stop = true
	}
}

// unseenKey is for a host that is not on record and whose key only ssh itself can be
// shown, for want of the algorithms: ssh was not run, because it would ask.
func (d *diagnosis) unseenKey(h *HostKey) {
	var evidence []report.Evidence
	for _, f := range h.Files {
		evidence = append(evidence, f.evidence(h.Names[0]))
	}
	if len(evidence) == 0 {
		evidence = append(evidence, report.Evidence{Source: d.o.Config.Command, Excerpt: "no known_hosts file"})
	}
	d.stage(report.StageHostKey, report.StatusUnknown, h.Ms, "not on record; ssh will ask")
	d.find("host-key-unknown", report.Confirmed,
		fmt.Sprintf("%s is not on record here: ssh will ask whether its key is right. Until that is answered nothing is offered to it.%s", d.host, h.passedOver()), evidence,
		&report.Remedy{Kind: report.Open, Summary: "Connect once with ssh, and compare the fingerprint with the one that the host's console prints.",
			Steps: []report.Step{onServer("for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done"), onClient(d.ssh(""))}})
	d.lowerImpact(report.Note)
	d.incomplete("login", "the host is not on record here, and only ssh itself has what would show its key ("+h.Err+"); connect once with ssh and compare the fingerprint")
	d.stop = true
}

// evidence is what a file has about a host whose key it does not have.
func (f KnownFile) evidence(name string) report.Evidence {
	if l := f.PassedOver; l != nil {
		return report.Evidence{Source: l.File, Line: l.Line, Excerpt: l.Text}
	}
	return report.Evidence{Source: f.Path, Excerpt: f.excerpt(name)}
}

// passedOver tells of a line that was meant to be the record, or "".
func (h *HostKey) passedOver() string {
	for _, f := range h.Files {
		if l := f.PassedOver; l != nil {
			return fmt.Sprintf(" Line %d of %s names it, but is none that ssh can read.", l.Line, l.File)
		}
	}
	return ""
}

// excerpt is what a file says about a host that it does not name.
func (f KnownFile) excerpt(name string) string {
	switch {
	case f.Kind != "":
		return string(f.Kind)
	case f.Err != "":
		return f.Err
	}
	return "does not name " + name
}

// whyStrict says why ssh refuses an unknown key instead of asking.
func (h *HostKey) whyStrict() string {
	switch {
	case strings.EqualFold(h.Strict, "yes") || strings.EqualFold(h.Strict, "true"):
		return "StrictHostKeyChecking is " + h.Strict
	case h.Batch:
		return "in batch mode nobody can be asked"
	default:
		return "without a terminal nobody can be asked"
	}
}

// revokedListUnreadable is for a list of revoked keys that ssh cannot read.
func (d *diagnosis) revokedListUnreadable(h *HostKey, lines []KnownKey) {
	path, why := lines[0].File, lines[0].Text
	d.stage(report.StageHostKey, report.StatusFailed, h.Ms, "the list of revoked keys %s cannot be read", path)
	d.find("host-key-revoked", report.Confirmed,
		fmt.Sprintf("ssh takes no key of any host, because it cannot read the list of revoked keys that RevokedHostKeys names: %s (%s).", path, why),
		[]report.Evidence{{Source: path, Excerpt: why}, {Source: d.o.Config.Command, Excerpt: "revokedhostkeys " + strings.Join(d.o.Config.Values["revokedhostkeys"], " ")}},
		advice("Put the list where it is looked for and let yourself read it, or correct RevokedHostKeys.",
			onClient("ls -l "+shquote.Path(path)), onClient(d.ssh("-G")+" | grep -i revokedhostkeys")))
}

// leftToSSH is for a key that only ssh itself can judge, which was run for it.
func (d *diagnosis) leftToSSH(h *HostKey, shown string) {
	if l := d.o.Login; l != nil && l.OK {
		d.stage(report.StageHostKey, report.StatusOK, h.Ms, "%s, accepted by ssh itself", shown)
		return
	}
	d.stage(report.StageHostKey, report.StatusUnknown, h.Ms, "%s; left to ssh itself: %s", shown, h.LeftToSSH())
	if d.o.OwnSSH == nil {
		d.incomplete("host key", "only ssh itself can look at "+h.LeftToSSH())
		d.stop = true
	}
}
