package client

import (
	"fmt"
	"strings"

	"sshwhy/internal/report"
)

// banner judges what the peer said first.
func (d *diagnosis) banner() {
	b := d.o.Banner
	if d.skipped(report.StageBanner, b != nil) {
		return
	}
	switch {
	case b.End == EndCancelled:
		d.stage(report.StageBanner, report.StatusUnknown, b.Ms, "nothing came before it was stopped")
	case b.Echoes():
		d.notSSH(b)
	case b.End == "" && b.Ident.SSH2():
		d.stage(report.StageBanner, report.StatusOK, b.Ms, "%s", b.Ident.Line)
	case b.End == "":
		d.stage(report.StageBanner, report.StatusFailed, b.Ms, "%s: protocol %s", b.Ident.Line, b.Ident.Protocol)
		d.find("ssh1-only", report.Confirmed,
			fmt.Sprintf("%s speaks only the old SSH protocol %s, which today's ssh does not.", d.host, b.Ident.Protocol),
			d.bannerEvidence(), advice("Have the SSH server on that machine replaced or set to protocol 2; protocol 1 is broken beyond repair.", onConsole()))
	case whatSpeaks(b.Ident.Raw) != "" || d.tlsAnswer() != "" || b.End == EndProtocol:
		d.notSSH(b)
	case b.End == EndTimeout && len(b.Ident.Before) > 0 && !startsLikeSSH(b.Ident.Before[0]):
		d.notSSH(b)
	case b.End == EndTimeout:
		d.noBanner(b)
	default:
		d.closedEarly(b)
	}
}

// notSSH is for a port on which something else answers.
func (d *diagnosis) notSSH(b *Banner) {
	what := whatSpeaks(b.Ident.Raw)
	if what == "" {
		what = d.tlsAnswer()
	}
	if what == "" {
		what = "something that is not SSH"
	}
	port := d.r.Target.Port
	d.stage(report.StageBanner, report.StatusFailed, b.Ms, "%s", what)
	d.find("not-ssh", report.Confirmed, fmt.Sprintf("On port %d of %s answers %s, not an SSH server.", port, d.host, what),
		d.bannerEvidence(), advice("Use the port on which SSH really listens, or look on the host what holds this one.",
			onServer(fmt.Sprintf("sudo ss -tlnp 'sport = :%d'", port)), onConsole()))
}

// noBanner is for a connection that is accepted and then hears nothing.
func (d *diagnosis) noBanner(b *Banner) {
	d.stage(report.StageBanner, report.StatusFailed, b.Ms, "connected, but not a word in %s", seconds(b.Ms))
	d.find("banner-timeout", report.Confirmed,
		fmt.Sprintf("%s accepts the connection and then says nothing for %s: its SSH server hangs or is stopped, the machine is overloaded, or a proxy in between has nobody to pass it to.",
			d.host, seconds(b.Ms)),
		d.bannerEvidence(), advice("Look on the host whether its SSH server still runs, and restart it.", onConsole()))
}

// closedEarly is for a connection that ends before the banner.
func (d *diagnosis) closedEarly(b *Banner) {
	how := map[End]string{EndReset: "resets", EndClosed: "closes"}[b.End]
	if how == "" {
		how = "breaks"
	}
	said := strings.Join(b.Ident.Before, " ")
	d.stage(report.StageBanner, report.StatusFailed, b.Ms, "the peer %s the connection after %.0f ms %s", how, b.Ms, said)
	summary := fmt.Sprintf("%s accepts the connection and %s it before it says who it is: its SSH server turns this machine away or dies at once.", d.host, how)
	switch {
	case strings.Contains(said, "Exceeded MaxStartups"):
		summary = fmt.Sprintf("%s turns this connection away because too many others are waiting to log in (MaxStartups).", d.host)
	case strings.Contains(said, "Not allowed at this time"):
		summary = fmt.Sprintf("%s does not let this machine in at this time: too many connections are waiting to log in (MaxStartups), or it punishes this address for earlier failures (PerSourcePenalties).", d.host)
	case b.Ms >= 4900 && b.Ms < 5600:
		summary = fmt.Sprintf("%s accepts the connection and %s it after 5 seconds without a word, as TCP wrappers do: /etc/hosts.deny there probably keeps this machine out.", d.host, how)
	}
	d.find("closed-before-banner", report.Confirmed, summary, d.bannerEvidence(),
		advice("Wait a minute and try once more; if it stays, look on the host (its log names the reason).", onConsole()))
}

// bannerEvidence is what came, as it came.
func (d *diagnosis) bannerEvidence() []report.Evidence {
	b := d.o.Banner
	text := string(b.Ident.Raw[:min(len(b.Ident.Raw), 256)])
	if b.End != "" {
		text = strings.TrimSuffix(text+"\n"+fmt.Sprintf("%s after %.1f ms, %d bytes received", b.End, b.Ms, b.Ident.Bytes), "\n")
	}
	out := []report.Evidence{{Source: "banner " + d.o.Chosen, Excerpt: strings.TrimPrefix(text, "\n")}}
	if s := d.o.Second; s != nil {
		out = append(out, report.Evidence{Source: "TLS hello to " + d.o.Chosen,
			Excerpt: fmt.Sprintf("%q %s after %.1f ms", s.Ident.Raw[:min(len(s.Ident.Raw), 64)], s.End, s.Ms)})
	}
	return out
}

func (d *diagnosis) tlsAnswer() string {
	if d.o.Second == nil {
		return ""
	}
	return whatSpeaks(d.o.Second.Ident.Raw)
}

// startsLikeSSH reports whether a line that did not end yet may become an
// identification string.
func startsLikeSSH(line string) bool {
	const start = "SSH-"
	return strings.HasPrefix(line, start) || strings.HasPrefix(start, line)
}
