package client

import (
	"fmt"
	"net/netip"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// hostKey judges the rest of the key exchange and the key that the host showed.
func (d *diagnosis) hostKey() {
	h := d.o.HostKey
	if d.skipped(report.StageHostKey, h != nil) {
		return
	}
	if h.Type == "" {
		d.noHostKey(h)
		return
	}
	if h.tooShort() {
		d.shortHostKey(h)
		return
	}
	d.records(h)
	standing, lines := h.Standing()
	shown := fmt.Sprintf("%s %s", h.Type, h.Fingerprint)
	d.keyDNS(h)
	switch {
	case standing == KeyListUnreadable:
		d.revokedListUnreadable(h, lines)
	case h.LeftToSSH() != "":
		d.leftToSSH(h, shown)
	case h.DNS.Trusted() && standing != KeyKnown && !h.inList():
		d.stage(report.StageHostKey, report.StatusOK, h.Ms, "%s, as DNS publishes it, vouched for by DNSSEC", shown)
	case standing == KeyKnown:
		status, but := report.StatusOK, ""
		if h.DNS != nil && len(h.DNS.Records) > 0 && !h.DNS.Matches() {
			status, but = report.StatusWarning, "; DNS says otherwise"
		}
		d.stage(report.StageHostKey, status, h.Ms, "%s, as on record in %s:%d%s", shown, lines[0].File, lines[0].Line, but)
	case standing == KeyRevoked:
		d.stage(report.StageHostKey, report.StatusFailed, h.Ms, "%s is revoked", shown)
		place := lines[0].File
		if lines[0].Line > 0 {
			place += fmt.Sprintf(", line %d", lines[0].Line)
		}
		d.find("host-key-revoked", report.Confirmed,
			fmt.Sprintf("The key that %s shows is on record as revoked (%s): whoever has it must not be trusted.", d.host, place),
			h.evidence(d, lines), advice("Do not log in. Ask whoever administers the host for its new key.", onServer("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")))
	case h.Localhost && standing != KeyKnown:
		d.stage(report.StageHostKey, report.StatusOK, h.Ms, "%s, of this machine itself (NoHostAuthenticationForLocalhost)", shown)
	case standing == KeyBadCert:
		d.stage(report.StageHostKey, report.StatusFailed, h.Ms, "the certificate of %s does not hold: %s", d.host, h.Cert.Fault)
		d.find("host-certificate-invalid", report.Confirmed, fmt.Sprintf("The host certificate of %s does not hold: %s.", d.host, h.Cert.Fault),
			h.evidence(d, lines), advice("Have a new host certificate signed for this name.", onServer("ssh-keygen -Lf /etc/ssh/ssh_host_ed25519_key-cert.pub")))
	case standing == KeyChanged:
		d.keyChanged(h, lines, shown)
	default:
		d.keyNew(h, shown)
	}
}

// shortHostKey is for a host whose RSA key is shorter than ssh accepts.
func (d *diagnosis) shortHostKey(h *HostKey) {
	d.stage(report.StageHostKey, report.StatusFailed, h.Ms, "%s %s has %d bits only", h.Type, h.Fingerprint, h.Bits)
	evidence := append(h.evidence(d, nil), report.Evidence{Source: d.o.Config.Command, Excerpt: fmt.Sprintf("requiredrsasize %d", h.LeastBits)})
	if line := d.o.Config.PolicyLine("requiredrsasize"); line != nil {
		evidence = append(evidence, report.Evidence{Source: line.File, Line: line.Line, Excerpt: line.Text})
	}
	d.find("rsa-key-too-small", report.Confirmed,
		fmt.Sprintf("The host key of %s is an RSA key of %d bits, and this ssh takes none below %d (RequiredRSASize).", d.host, h.Bits, h.LeastBits), evidence,
		advice("Make a new host key on the server, or let it show one of another type. Until then allow the short one for this host alone.",
			onServer("sudo ssh-keygen -A"), onClient(d.ssh(fmt.Sprintf("-o RequiredRSASize=%d", h.Bits)))))
}

// noHostKey is for a key exchange that did not reach the host's key.
func (d *diagnosis) noHostKey(h *HostKey) {
	evidence := []report.Evidence{{Source: "key exchange " + d.o.Chosen, Excerpt: fmt.Sprintf("%s after %.1f ms: %s", h.End, h.Ms, h.Err)}}
	switch {
	case h.End == EndCancelled:
		d.stage(report.StageHostKey, report.StatusUnknown, h.Ms, "not complete before it was stopped")
	case h.Unable && d.o.OwnSSH != nil && d.o.Login.OK:
		said := "accepted by ssh itself"
		if len(h.Known) == 0 {
			said = "not on record yet; accepted by ssh itself for this once"
		}
		d.stage(report.StageHostKey, report.StatusOK, h.Ms, "%s", said)
	case h.Unable && d.o.OwnSSH == nil && !d.o.NoAuth && h.WouldAsk():
		d.unseenKey(h)
	case h.Unable && d.o.OwnSSH != nil:
		d.stage(report.StageHostKey, report.StatusUnknown, h.Ms, "left to ssh itself")
	case h.Unable:
		d.stage(report.StageHostKey, report.StatusUnknown, h.Ms, "not checked")
		d.incomplete("host key and login", "sshwhy does not have the algorithms that this ssh and the server would use ("+h.Err+"); ssh -v goes further")
		d.stop = true
	case h.End == EndTimeout && (h.Small == SmallPassed || h.Stuck.lossy()):
		certainty := report.Likely
		if h.Small == SmallPassed {
			certainty = report.Confirmed
		}
		d.stage(report.StageHostKey, report.StatusFailed, h.Ms, "the key exchange hangs: large packets do not arrive")
		d.mtu(h.Ms, certainty, append(evidence, stuckEvidence(h.Stuck, h.Small)...))
	case h.End == EndTimeout:
		d.stage(report.StageHostKey, report.StatusFailed, h.Ms, "the key exchange hangs")
		d.find("closed-during-kex", report.Likely, fmt.Sprintf("%s falls silent in the middle of the key exchange for %s.", d.host, seconds(h.Ms)),
			append(evidence, stuckEvidence(h.Stuck, h.Small)...), advice("Look on the host whether its SSH server hangs.", onConsole()))
	default:
		d.stage(report.StageHostKey, report.StatusFailed, h.Ms, "%s", h.Err)
		d.find("closed-during-kex", report.Confirmed, fmt.Sprintf("%s ends the connection during the key exchange: %s.", d.host, h.Err), evidence,
			advice("The log of the server names its reason.", onConsole(), onServer("sudo journalctl -u ssh -u sshd -n 50")))
	}
}

// lossy reports whether TCP saw that segments are lost while others pass.
func (s *Stuck) lossy() bool { return s != nil && (s.Unacked > 0 && s.Retrans > 0 || s.OutOf > 0) }

func (s *Stuck) evidence() report.Evidence {
	return report.Evidence{Source: "TCP_INFO",
		Excerpt: fmt.Sprintf("segments not acknowledged %d, sent again %d, received after a gap %d", s.Unacked, s.Retrans, s.OutOf)}
}

// mtuRemedy is what helps against a path that loses large packets.
func mtuRemedy(addr netip.Addr) *report.Remedy {
	return advice("Lower the MTU of this machine's interface, or clamp the segment size on the router or VPN.",
		onClient("sudo ip link set dev DEVICE mtu 1280"), onClient(fmt.Sprintf("ping -M do -s 1400 -c 3 %s", addr)))
}

// mtu is for a key exchange that hangs because large packets are lost.
func (d *diagnosis) mtu(ms float64, certainty report.Certainty, evidence []report.Evidence) {
	d.find("mtu-blackhole", certainty,
		fmt.Sprintf("Small packets reach %s and large ones vanish: the key exchange hangs for %s. Something on the way (often a VPN or tunnel) carries less than it says.", d.host, seconds(ms)),
		evidence, mtuRemedy(d.o.ChosenAddr().Addr()))
}

func stuckEvidence(stuck *Stuck, small string) []report.Evidence {
	var out []report.Evidence
	if stuck != nil {
		out = append(out, stuck.evidence())
	}
	if small != "" {
		out = append(out, report.Evidence{Source: fmt.Sprintf("key exchange with segments of at most %d bytes", SmallSegment), Excerpt: small})
	}
	return out
}

// evidence is the key that was shown and the lines on record.
func (h *HostKey) evidence(d *diagnosis, lines []KnownKey) []report.Evidence {
	shown := h.Type + " " + h.Fingerprint
	if c := h.Cert; c != nil {
		shown += fmt.Sprintf("; certificate of authority %s for %s, valid %s to %s", c.CA, strings.Join(c.Principals, ","), c.After, c.Before)
	}
	out := []report.Evidence{{Source: "host key of " + d.o.Chosen, Excerpt: shown}}
	if h.DNS != nil && h.DNS.Matches() {
		out = append(out, h.DNS.evidence()...)
	}
	for _, k := range lines[:min(len(lines), 4)] {
		out = append(out, report.Evidence{Source: k.File, Line: k.Line, Excerpt: k.excerpt()})
	}
	return out
}

// excerpt is a line as it stands in its file, with the key's fingerprint in the place of
// the key: an RSA key has 370 letters, which nobody compares.
func (k KnownKey) excerpt() string {
	fields := strings.Fields(k.Text)
	for i, f := range fields {
		if i > 0 && f != "" && fields[i-1] == k.Type && len(f) > len(k.Fingerprint) {
			fields[i] = k.Fingerprint
		}
	}
	return strings.Join(fields, " ")
}

// keyChanged is for a host whose key is not the one on record. The remedy never
// is to remove the record blindly.
func (d *diagnosis) keyChanged(h *HostKey, lines []KnownKey, shown string) {
	k := lines[0]
	status, impact := report.StatusFailed, report.Blocking
	if h.acceptsChanged() {
		status, impact = report.StatusWarning, report.Degrading
	}
	d.stage(report.StageHostKey, status, h.Ms, "%s is not the key on record (%s:%d)", shown, k.File, k.Line)
	why := "The machine was reinstalled, another machine has its address now, or somebody stands in between."
	if k.Type != h.Type {
		why = fmt.Sprintf("On record is a key of another type (%s), which the server no longer offers: it was reinstalled or its keys were changed, or somebody stands in between.", k.Type)
	}
	d.find("host-key-changed", report.Confirmed,
		fmt.Sprintf("%s shows another key than the one on record in %s, line %d. %s", d.host, k.File, k.Line, why),
		h.evidence(d, lines),
		&report.Remedy{Kind: report.Open, Summary: "First compare: the fingerprint that the host's console prints must be " + h.Fingerprint +
			". Only if it is the same, forget the old key; ssh then asks once about the new one.",
			Steps: []report.Step{
				onServer("for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done"),
				h.replaceKey(k),
			}})
	d.lowerImpact(impact)
}

// replaceKey forgets the key on record; done automatically, once the person has
// typed the new key's fingerprint, it puts the new key in its place.
func (h *HostKey) replaceKey(k KnownKey) report.Step {
	step := onClient(fmt.Sprintf("ssh-keygen -f %s -R %s", shquote.Path(k.File), shquote.Word(k.Name)))
	names, _, ok := strings.Cut(k.Text, " ")
	if h.Key == "" || h.Cert != nil || k.Marker != "" || !ok || strings.ContainsAny(names, "*?!") {
		return step
	}
	step.Act = &report.Action{Kind: report.ActEdit, Path: k.File, Check: report.CheckKnown, Confirm: h.Fingerprint,
		Edits: []report.LineEdit{{Line: k.Line, Old: k.Text, Op: report.LineReplace,
			New: names + " " + h.Key}},
		Opens: "the machine that shows the key " + h.Fingerprint + ", as " + k.Name}
	return step
}
