package client

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// kex judges whether both sides have algorithms in common.
func (d *diagnosis) kex() {
	k := d.o.Kex
	if d.skipped(report.StageKex, k != nil) {
		return
	}
	switch {
	case k.End == EndCancelled:
		d.stage(report.StageKex, report.StatusUnknown, k.Ms, "no offer before it was stopped")
	case k.End != "":
		d.kexEnded(k)
	default:
		d.kexChosen(k)
	}
}

// kexChosen compares the lists as both sides will.
func (d *diagnosis) kexChosen(k *Kex) {
	choices := k.Negotiate()
	var words []string
	failed := false
	for _, n := range choices {
		if len(n.Client) == 0 {
			continue // our list is not known (no ssh program here)
		}
		if n.Choice == "" {
			failed = true
			d.noCommon(n)
		}
		words = append(words, n.Choice)
	}
	switch {
	case failed:
		last := d.r.Findings[len(d.r.Findings)-1]
		d.stage(report.StageKex, report.StatusFailed, k.Ms, "%s", last.Summary)
	case len(words) == 0:
		d.stage(report.StageKex, report.StatusOK, k.Ms, "the server's offer was read")
		d.incomplete("algorithms", "without an ssh program here its algorithms are not known, so the server's offer was not compared")
	default:
		d.stage(report.StageKex, report.StatusOK, k.Ms, "%s", strings.Join(slices.Compact(words), ", "))
	}
}

// noCommon is for two lists that do not meet.
func (d *diagnosis) noCommon(n Negotiated) {
	offer := slices.DeleteFunc(slices.Clone(n.Server), IsMarker)
	if d.byPolicy(n, offer) {
		return
	}
	d.find(n.cause, report.Confirmed,
		fmt.Sprintf("This ssh and %s have no %s in common: the server offers only %s.", d.host, n.what, some(offer, 3, ", ")),
		[]report.Evidence{
			{Source: "server's KEXINIT " + d.o.Chosen, Excerpt: d.offered(n.Server)},
			{Source: "ssh -G", Excerpt: n.Keyword + " " + strings.Join(n.Client, ",")},
		},
		d.algorithmRemedy(n, offer))
}

// offered is a name-list as the server sent it, and a word on what was not kept.
func (d *diagnosis) offered(names []string) string {
	text := some(names, maxListed, ",")
	if k := d.o.Kex; k != nil && k.Server != nil && k.Server.LeftOut > 0 {
		text += fmt.Sprintf("\n(and %d more names in its lists: ssh does not read that far)", k.Server.LeftOut)
	}
	return text
}

// byPolicy is for lists that would meet, did the system's crypto policy not keep
// ssh from what it has.
func (d *diagnosis) byPolicy(n Negotiated, offer []string) bool {
	line := d.o.Config.PolicyLine(n.Keyword)
	i := slices.IndexFunc(offer, func(a string) bool { return slices.Contains(d.o.Kex.Able[n.Keyword], a) })
	if line == nil || i < 0 {
		return false
	}
	d.find("crypto-policy", report.Confirmed,
		fmt.Sprintf("The crypto policy of this machine keeps ssh from the %s that %s offers and that ssh would use without it: %s.", n.what, d.host, offer[i]),
		[]report.Evidence{
			{Source: line.File, Line: line.Line, Excerpt: line.Text},
			{Source: "server's KEXINIT " + d.o.Chosen, Excerpt: d.offered(n.Server)},
			{Source: "ssh -F none -G", Excerpt: n.Keyword + " " + strings.Join(d.o.Kex.Able[n.Keyword], ",")},
		},
		advice(fmt.Sprintf("Best: update the SSH server. Until then allow its %s for this host alone, or choose another policy for the whole machine.", n.what),
			onClient("update-crypto-policies --show"), onClient(d.ssh("-o "+shquote.Word(keywordName(n.Keyword)+"=+"+offer[i])))))
	return true
}

// keywordName is a keyword as ssh_config(5) writes it.
func keywordName(keyword string) string {
	switch keyword {
	case "kexalgorithms":
		return "KexAlgorithms"
	case "hostkeyalgorithms":
		return "HostKeyAlgorithms"
	case "ciphers":
		return "Ciphers"
	default:
		return "MACs"
	}
}

// algorithmRemedy says which side to change. What the server offers is usually
// outdated, so changing it there is the better remedy.
func (d *diagnosis) algorithmRemedy(n Negotiated, offer []string) *report.Remedy {
	keyword := keywordName(n.Keyword)
	if len(offer) == 0 {
		return advice("The server's list is empty: correct "+keyword+" on the server.", onConsole())
	}
	summary := fmt.Sprintf("Best: update the SSH server, or remove a too narrow %s line on either side. Until then allow the server's algorithm for this host alone.", keyword)
	return advice(summary, onClient(d.ssh("-o "+shquote.Word(keyword+"=+"+offer[0]))), onConsole())
}

// kexEnded is for a connection that ends between the banner and the offer.
func (d *diagnosis) kexEnded(k *Kex) {
	evidence := []report.Evidence{
		{Source: "banner " + d.o.Chosen, Excerpt: d.o.Banner.Ident.Line},
		{Source: "key exchange " + d.o.Chosen, Excerpt: fmt.Sprintf("%s after %.1f ms: %s", k.End, k.Ms, k.Err)},
	}
	d.stage(report.StageKex, report.StatusFailed, k.Ms, "%s", k.Err)
	switch k.End {
	case EndProtocol:
		d.find("not-ssh", report.Likely,
			fmt.Sprintf("%s begins like an SSH server and then sends something that is not SSH.", d.host), evidence,
			advice("Look on the host what listens on this port.", onServer(fmt.Sprintf("sudo ss -tlnp 'sport = :%d'", d.r.Target.Port)), onConsole()))
	case EndTimeout:
		if k.Small == SmallPassed {
			d.mtu(k.Ms, report.Confirmed, append(evidence, stuckEvidence(k.Stuck, k.Small)...))
			return
		}
		d.find("closed-during-kex", report.Likely,
			fmt.Sprintf("%s says that it is an SSH server (%s) and then sends nothing more for %s.", d.host, clip(d.o.Banner.Ident.Software, maxName), seconds(k.Ms)),
			evidence, advice("Look on the host whether its SSH server hangs.", onConsole()))
	default:
		d.find("closed-during-kex", report.Confirmed,
			fmt.Sprintf("%s ends the connection at the start of the key exchange: %s.", d.host, k.Err), evidence,
			advice("The log of the server names its reason.", onConsole(), onServer("sudo journalctl -u ssh -u sshd -n 50")))
	}
}
