package client

import (
	"fmt"
	"strconv"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// keyFaults names what keeps identity files and the agent from serving. Where
// the login works anyway they are worth knowing; where it fails they block.
func (d *diagnosis) keyFaults(l *Login) {
	impact := report.Blocking
	switch {
	case l.OK:
		impact = report.Note
	case len(l.interactive()) > 0:
		impact = report.Degrading // ssh goes on to ask for a password
	}
	for _, line := range d.o.Config.Stderr {
		if path, ok := cutAround(line, "Warning: Identity file ", " not accessible"); ok {
			d.keyFault(impact, "private-key-missing", fmt.Sprintf("The key file %s, which was named, does not exist or cannot be opened.", path),
				report.Evidence{Source: d.o.Config.Command, Excerpt: line}, advice("Correct the path after -i or in IdentityFile.", onClient("ls -l ~/.ssh")))
		}
	}
	for _, k := range l.Keys {
		d.oneKeyFault(l, k, impact)
	}
	if a := l.Agent; a != nil && a.Err != "" {
		d.keyFault(impact, "agent-unreachable", fmt.Sprintf("The key agent cannot be asked: %s says %s.", a.Socket, a.Err),
			report.Evidence{Source: "agent " + a.Socket, Excerpt: a.Err}, advice("Start an agent in this session, or unset SSH_AUTH_SOCK.", onClient(`eval "$(ssh-agent)"; ssh-add`)))
	}
}

func (d *diagnosis) keyFault(impact report.Impact, cause, summary string, evidence report.Evidence, remedy *report.Remedy) {
	d.find(cause, report.Confirmed, summary, []report.Evidence{evidence}, remedy)
	d.lowerImpact(impact)
}

// oneKeyFault is for one key that ssh cannot use.
func (d *diagnosis) oneKeyFault(l *Login, k Key, impact report.Impact) {
	evidence := report.Evidence{Source: k.File, Excerpt: string(k.Fault)}
	switch k.Fault {
	case FaultMissing:
		d.keyFault(impact, "private-key-missing", fmt.Sprintf("The key file %s, which was named, does not exist.", k.File), evidence,
			advice("Correct the path after -i or in IdentityFile.", onClient("ls -l ~/.ssh")))
	case FaultDenied:
		evidence.Excerpt = k.Detail
		d.keyFault(impact, "private-key-missing", fmt.Sprintf("The key file %s cannot be read: %s.", k.File, k.Detail), evidence,
			advice("Make the file readable for yourself, or name another one.", onClient("ls -l "+shquote.Path(k.File))))
	case FaultMode:
		evidence.Excerpt = "mode " + k.Mode
		d.keyFault(impact, "private-key-permissions", fmt.Sprintf("ssh ignores the key %s, because others can read it (mode %s).", k.File, k.Mode), evidence, k.chmodRemedy())
	case FaultPublic:
		d.keyFault(impact, "identity-is-public-key", fmt.Sprintf("%s is a public key; ssh needs the private one, the file without .pub.", k.File), evidence,
			advice("Name the private key file.", onClient(d.ssh("-i "+shquote.Path(strings.TrimSuffix(k.File, ".pub"))))))
	case FaultPuTTY:
		d.keyFault(impact, "private-key-invalid", fmt.Sprintf("%s is a key in PuTTY's format, which ssh cannot read.", k.File), evidence,
			advice("Convert it.", onClient("puttygen "+shquote.Path(k.File)+" -O private-openssh -o "+shquote.Path(k.File+".openssh"))))
	case FaultCRLF:
		d.keyFault(impact, "private-key-invalid", fmt.Sprintf("The key %s has Windows line ends, and ssh cannot read it so.", k.File), evidence,
			advice("Take the carriage returns out.", onClient("sed -i 's/\\r$//' "+shquote.Path(k.File))))
	case FaultNewline:
		d.keyFault(impact, "private-key-invalid", fmt.Sprintf("The key %s lacks the line end after its last line, and ssh cannot read it so.", k.File), evidence,
			advice("Add the line end.", onClient("echo >> "+shquote.Path(k.File))))
	case FaultFormat:
		evidence.Excerpt = k.Detail
		d.keyFault(impact, "private-key-invalid", fmt.Sprintf("%s cannot be read as a private key: %s.", k.File, k.Detail), evidence,
			advice("Get the file again from where it was made.", onClient("ssh-keygen -yf "+shquote.Path(k.File))))
	case FaultExcluded:
		evidence.Excerpt = k.Type
		d.keyFault(impact, "key-not-offered", fmt.Sprintf("The key %s is not offered: PubkeyAcceptedAlgorithms does not allow its type %s.", k.Label(), k.Type), evidence,
			advice("Use another key, or allow the type for this host.", onClient(d.ssh("-o "+shquote.Word("PubkeyAcceptedAlgorithms=+"+k.Type)))))
	case FaultShort:
		evidence := []report.Evidence{{Source: k.Label(), Excerpt: fmt.Sprintf("%s %s, %d bits", k.Type, k.Fingerprint, k.Bits)}, {Source: d.o.Config.Command, Excerpt: "requiredrsasize " + k.Detail}}
		if line := d.o.Config.PolicyLine("requiredrsasize"); line != nil {
			evidence = append(evidence, report.Evidence{Source: line.File, Line: line.Line, Excerpt: line.Text})
		}
		d.find("rsa-key-too-small", report.Confirmed,
			fmt.Sprintf("The key %s is not offered: it is an RSA key of %d bits, and this ssh uses none below %s (RequiredRSASize).", k.Label(), k.Bits, k.Detail), evidence,
			advice("Make a new key and have its public half put where the old one is.", onClient("ssh-keygen -t ed25519"), onClient("cat ~/.ssh/id_ed25519.pub")))
		d.lowerImpact(impact)
	case FaultEncrypted:
		if k.State == "" && k.Fingerprint == "" && !l.OK && (l.Batch || l.Nobody) {
			d.keyFault(impact, "private-key-passphrase", fmt.Sprintf("The key %s needs its passphrase, and %s nobody can be asked.", k.File, l.whyNobodyAsked()), evidence,
				advice("Load the key into the agent first.", onClient("ssh-add "+shquote.Path(k.File))))
		}
	}
	if k.State == KeyBadSign && k.Agent && k.Detail != "" {
		d.keyFault(impact, "agent-refused", fmt.Sprintf("The agent refuses to sign with its key %s: %s.", k.named(), strings.TrimPrefix(k.Detail, "agent: ")),
			report.Evidence{Source: "agent " + l.Agent.Socket, Excerpt: k.Detail}, advice("Confirm in the agent's window, unlock it, or load the key again.", onClient("ssh-add -l")))
	}
}

// chmodRemedy takes the permissions of everyone else away. What others could only
// read is still the user's key; what they could write may be one of theirs.
func (k Key) chmodRemedy() *report.Remedy {
	act := &report.Action{Kind: report.ActMode, Path: k.File, Mode: 0o600}
	m := &report.Remedy{Kind: report.Repair, Summary: "Take the permissions of everyone else away.", Steps: []report.Step{
		{Do: "chmod 600 " + shquote.Path(k.File), Undo: "chmod " + k.Mode + " " + shquote.Path(k.File), Where: report.OnClient, Act: act}}}
	if mode, err := strconv.ParseUint(k.Mode, 8, 32); err != nil || mode&0o022 != 0 {
		m.Kind, act.Opens = report.Open, "the key of whoever could write to "+k.File+", in the place of yours"
		m.Summary = "Look first whether it still is your key: others could have put another one there. " + m.Summary
	}
	return m
}

// cutAround returns what stands between two texts of a line.
func cutAround(line, before, after string) (string, bool) {
	_, rest, ok := strings.Cut(line, before)
	if !ok {
		return "", false
	}
	middle, _, ok := strings.Cut(rest, after)
	return middle, ok
}
