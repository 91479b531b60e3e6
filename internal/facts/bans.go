package facts

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"sshwhy/internal/evidence"
)

// Bans is what the programs that ban addresses say of the visitor's. They are
// asked only where an address was asked about.
type Bans struct {
	Fail2ban Origin // whether it could be asked; Absent where it does not run
	Bans     []Ban
	// Blacklist is where sshguard keeps the addresses it blocks for good; "" for nowhere.
	Blacklist string
	DenyHosts bool // DenyHosts keeps its records on this machine
}

// Ban is one ban of the visitor's address.
type Ban struct {
	Tool  string // fail2ban, sshguard, crowdsec, denyhosts
	Jail  string // fail2ban: the jail; crowdsec: the scenario
	Since string // in the tool's own words (local time); "" where it does not say
	Until string // the same; "" where it does not say, or it never ends
	Ever  bool   // it never ends
	Quote []Quote
}

var (
	itemF2bSocket   = evidence.Stat("/run/fail2ban/fail2ban.sock")
	itemCscli       = evidence.Stat("/usr/bin/cscli")
	itemGuardConf   = evidence.File("/etc/sshguard/sshguard.conf")
	itemGuardLog    = evidence.Command("journalctl", "-q", "--no-pager", "-o", "json", "--all", "-n", "60", journalFields, "SYSLOG_IDENTIFIER=sshguard").AtMost(64 << 10)
	itemDenyHostsID = evidence.Stat("/var/lib/denyhosts")
)

// maxJails bounds how many jails are asked about one ban.
const maxJails = 4

func wantBans(b *evidence.Bundle, ask Ask) []evidence.Item {
	if !ask.Client.IsValid() {
		return nil
	}
	items := []evidence.Item{itemF2bSocket, itemCscli}
	if b.Get(itemF2bSocket).OK() { // a Python program: asked only where it can answer
		items = append(items, f2bBanned(ask))
		for _, jail := range f2bJails(b, ask) {
			items = append(items, f2bTimes(jail))
		}
	}
	if b.Get(itemCscli).OK() {
		items = append(items, cscliDecisions(ask))
	}
	if guardRules(b) {
		items = append(items, itemGuardConf, itemGuardLog)
		if file := blacklistPath(b); file != "" {
			items = append(items, evidence.File(file))
		}
	}
	if bytes.Contains(b.Get(itemDeny).Data, []byte(denyHostsMark)) {
		items = append(items, itemDenyHostsID)
	}
	return items
}

// guardRules reports whether the rules name sshguard: its sets stand there while it runs.
func guardRules(b *evidence.Bundle) bool {
	return slices.ContainsFunc([]evidence.Item{itemNftJSON, itemNftSave4, itemLegacy4, itemLegacy6}, func(rules evidence.Item) bool {
		return bytes.Contains(b.Get(rules).Data, []byte("sshguard"))
	})
}

func askedAddr(ask Ask) string { return ask.Client.Unmap().WithZone("").String() }

func f2bBanned(ask Ask) evidence.Item {
	return evidence.Command("fail2ban-client", "banned", askedAddr(ask))
}

func f2bTimes(jail string) evidence.Item {
	return evidence.Command("fail2ban-client", "get", jail, "banip", "--with-time").AtMost(256 << 10)
}

func cscliDecisions(ask Ask) evidence.Item {
	return evidence.Command("cscli", "decisions", "list", "--ip", askedAddr(ask), "-o", "json")
}

// f2bJails reads what `fail2ban-client banned ADDR` prints: [['sshd', 'recidive']].
func f2bJails(b *evidence.Bundle, ask Ask) []string {
	r := b.Get(f2bBanned(ask))
	if !r.OK() || r.Exit != 0 {
		return nil
	}
	var out []string
	for part := range strings.SplitSeq(firstLine(r.Data), ",") {
		jail := strings.Trim(part, "[]' \"")
		if plainUser(jail) && strings.Trim(jail, jailLetters) == "" && !slices.Contains(out, jail) && len(out) < maxJails {
			out = append(out, jail)
		}
	}
	return out
}

const jailLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

func parseBans(b *evidence.Bundle, ask Ask) Bans {
	if !ask.Client.IsValid() {
		return Bans{Fail2ban: Origin{Status: evidence.Skipped, Reason: "no address asked about"}}
	}
	out := Bans{Fail2ban: originOf(itemF2bSocket, b.Get(itemF2bSocket)), Blacklist: blacklistPath(b), DenyHosts: b.Get(itemDenyHostsID).OK()}
	if out.Fail2ban.Known() {
		out.Fail2ban = ran(f2bBanned(ask), b.Get(f2bBanned(ask)), exitZero)
	}
	for _, jail := range f2bJails(b, ask) {
		out.Bans = append(out.Bans, fail2banBan(b, ask, jail))
	}
	out.Bans = append(out.Bans, crowdsecBans(b, ask)...)
	out.Bans = append(out.Bans, sshguardBans(b, ask)...)
	return out
}

// fail2banBan reads the address's line of `get JAIL banip --with-time`:
// "192.0.2.2 \t2026-11-21 13:39:50 + 600 = 2026-11-21 13:49:50" (-1: for ever).
func fail2banBan(b *evidence.Bundle, ask Ask, jail string) Ban {
	banned, times := f2bBanned(ask), f2bTimes(jail)
	ban := Ban{Tool: "fail2ban", Jail: jail, Quote: []Quote{{Source: strings.Join(banned.Args, " "), Text: firstLine(b.Get(banned).Data)}}}
	for i, line := range lines(b.Get(times).Data) {
		f := strings.Fields(line)
		if len(f) < 8 || f[0] != askedAddr(ask) || f[3] != "+" || f[5] != "=" {
			continue
		}
		ban.Since, ban.Until, ban.Ever = f[1]+" "+f[2], f[6]+" "+f[7], f[4] == "-1"
		ban.Quote = append(ban.Quote, Quote{Source: strings.Join(times.Args, " "), Line: i + 1, Text: clip(line)})
	}
	return ban
}

// crowdsecBans reads `cscli decisions list -o json`: alerts, each with decisions; null for none.
func crowdsecBans(b *evidence.Bundle, ask Ask) []Ban {
	it := cscliDecisions(ask)
	r := b.Get(it)
	var alerts []struct {
		Created   string            `json:"created_at"`
		Decisions []json.RawMessage `json:"decisions"`
	}
	if !r.OK() || json.Unmarshal(r.Data, &alerts) != nil {
		return nil
	}
	var out []Ban
	for _, a := range alerts {
		for _, raw := range a.Decisions {
			var d struct{ Duration, Scenario, Type string }
			var line bytes.Buffer
			if json.Unmarshal(raw, &d) != nil || d.Type != "ban" || len(out) >= maxJails || json.Compact(&line, raw) != nil {
				continue
			}
			ban := Ban{Tool: "crowdsec", Jail: d.Scenario, Since: a.Created}
			if left, err := time.ParseDuration(d.Duration); err == nil && !b.Taken.IsZero() {
				ban.Until = b.Taken.Add(left).UTC().Format(time.DateTime) + " UTC"
			}
			ban.Quote = []Quote{{Source: strings.Join(it.Args, " "), Text: clip(line.String())}}
			out = append(out, ban)
		}
	}
	return out
}

// sshguardBans reads its log, `Blocking "192.0.2.2/32" for 120 secs (3 attacks …`
// (0 or "forever": for good), and its blacklist, TIME|SERVICE|TYPE|ADDRESS.
func sshguardBans(b *evidence.Bundle, ask Ask) []Ban {
	var out []Ban
	addr := askedAddr(ask)
	for _, e := range slices.Backward(journalEntries(b.Get(itemGuardLog).Data, "journalctl SYSLOG_IDENTIFIER=sshguard")) {
		whom, rest, ok := strings.Cut(strings.TrimPrefix(e.Message, `Blocking "`), `" `)
		if !ok || !strings.HasPrefix(e.Message, "Blocking ") || strings.TrimSuffix(strings.TrimSuffix(whom, "/32"), "/128") != addr {
			continue
		}
		ban := Ban{Tool: "sshguard", Since: time.Unix(e.Time, 0).UTC().Format(time.DateTime) + " UTC", Quote: []Quote{e.Quote}}
		if secs, err := strconv.ParseInt(nth(rest, 1), 10, 64); err == nil && secs > 0 {
			ban.Until = time.Unix(e.Time+secs, 0).UTC().Format(time.DateTime) + " UTC"
		}
		out = append(out, ban)
		break
	}
	file := blacklistPath(b)
	for i, line := range lines(b.Get(evidence.File(file)).Data) {
		f := strings.Split(line, "|")
		at, err := strconv.ParseInt(f[0], 10, 64)
		if file == "" || len(f) != 4 || err != nil || strings.TrimSuffix(strings.TrimSuffix(f[3], "/32"), "/128") != addr {
			continue
		}
		return []Ban{{Tool: "sshguard", Ever: true, Since: time.Unix(at, 0).UTC().Format(time.DateTime) + " UTC",
			Quote: []Quote{{Source: file, Line: i + 1, Text: clip(line)}}}}
	}
	return out
}

// blacklistPath is the file of BLACKLIST_FILE=THRESHOLD:PATH in sshguard.conf.
func blacklistPath(b *evidence.Bundle) string {
	file := ""
	for _, line := range lines(b.Get(itemGuardConf).Data) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "BLACKLIST_FILE="); ok {
			_, p, _ := strings.Cut(strings.Trim(v, `"'`), ":")
			if file = ""; strings.HasPrefix(p, "/") && !strings.Contains(p, "..") {
				file = p
			}
		}
	}
	return file
}

// denyHostsMark stands in the comment that DenyHosts writes above each of its
// lines: "# DenyHosts: Sat Nov 21 13:00:00 2026 | sshd: 192.0.2.2".
const denyHostsMark = "# DenyHosts: "

// ByDenyHosts returns the ban where a rule of hosts.deny was written by DenyHosts.
func (w Wrappers) ByDenyHosts(r HostsRule) (Ban, bool) {
	for _, c := range w.Deny.Comments {
		stamp, rule, ok := strings.Cut(strings.TrimPrefix(c.Text, denyHostsMark), " | ")
		if ok && strings.HasPrefix(c.Text, denyHostsMark) && c.Line == r.Quote.Line-1 && r.Quote.Source == w.Deny.Origin.Source &&
			strings.TrimSpace(rule) == r.Quote.Text {
			return Ban{Tool: "denyhosts", Since: stamp, Quote: []Quote{c}}, true
		}
	}
	return Ban{}, false
}
