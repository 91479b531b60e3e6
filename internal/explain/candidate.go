package explain

import (
	"slices"
	"strings"

	"sshwhy/internal/catalog"
	"sshwhy/internal/report"
)

// A candidate is a cause that the text speaks for.
type candidate struct {
	cause     string
	certainty report.Certainty
	impact    report.Impact
	fromEnd   bool // only an ending speaks for it: a cause that is named outright hides it
	score     int  // within the same certainty: higher first
	attempt   int  // where it was seen first
	evidence  []int
	caps      map[string]string
	steps     []report.Step // what mends it, where a check said so; nil: the catalogue's
	summary   string        // what a check said of it, with names and numbers; "": the catalogue's sentence
}

// Scores. They only order candidates of one impact and certainty.
const (
	scoreRule = 40 // a rule that looked at more than one line
	scoreRoot = 30 // a message that names the cause
	scoreEnd  = 10
	scoreNote = 5
)

// maxKept bounds how many lines are remembered for one cause.
const maxKept = 64

// add records that a line speaks for a cause, or strengthens what is recorded.
func (rd *reading) add(cause string, cert report.Certainty, score int, lineNo int, caps map[string]string) *candidate {
	c := rd.get(cause)
	if c == nil {
		c = &candidate{cause: cause, certainty: cert, impact: report.Blocking, attempt: rd.attemptOf(lineNo), caps: map[string]string{}}
		rd.cands = append(rd.cands, c)
	}
	if cert.Rank() < c.certainty.Rank() {
		c.certainty = cert
	}
	c.score = max(c.score, score)
	if lineNo >= 0 && len(c.evidence) < maxKept && !slices.Contains(c.evidence, lineNo) {
		c.evidence = append(c.evidence, lineNo)
	}
	for k, v := range caps {
		if _, ok := c.caps[k]; !ok && v != "" {
			c.caps[k] = v
		}
	}
	return c
}

func (rd *reading) get(cause string) *candidate {
	for _, c := range rd.cands {
		if c.cause == cause {
			return c
		}
	}
	return nil
}

// where is the first line that speaks for a candidate.
func (c *candidate) where() int {
	if len(c.evidence) == 0 {
		return -1
	}
	return slices.Min(c.evidence)
}

func (rd *reading) has(causes ...string) bool {
	return slices.ContainsFunc(causes, func(id string) bool { return rd.get(id) != nil })
}

// drop forgets a cause and returns its evidence, for another to inherit.
func (rd *reading) drop(cause string) []int {
	for i, c := range rd.cands {
		if c.cause == cause {
			rd.cands = slices.Delete(rd.cands, i, i+1)
			return c.evidence
		}
	}
	return nil
}

// attemptOf says in which attempt a line stands.
func (rd *reading) attemptOf(lineNo int) int {
	i, _ := slices.BinarySearchFunc(rd.attempts, lineNo, func(a *attempt, n int) int { return a.last - n })
	return min(i, len(rd.attempts)-1)
}

// biteOrder are the steps at which causes stop a connection, in order.
var biteOrder = []string{report.StageConfig, report.StageResolve, report.StageRoute, report.StageConnect, report.StageBanner,
	report.StageKex, report.StageHostKey, report.StageAuth, report.StageSession}

// bite is the place in biteOrder at which a cause stops a connection.
func (rd *reading) bite(cause string) int {
	if i := slices.Index(biteOrder, rd.cat.said[cause].bites); i >= 0 {
		return i
	}
	return len(biteOrder)
}

// hides says which causes are only what one sees of another, beyond what the
// pages declare: a server that does not run or a firewall is seen as a refusal or as silence.
var hides = map[string][]string{
	"connection-refused": {"service-failed", "service-stopped", "service-masked", "service-start-limit", "service-condition-unmet",
		"socket-stopped", "socket-failed", "socket-trigger-limit", "sshd-not-installed", "sshd-broken", "sshd-config-invalid",
		"host-keys-missing", "host-key-permissions", "host-key-invalid", "privsep-dir-missing", "privsep-user-missing", "port-in-use",
		"port-nondefault", "wrong-port", "listen-address-missing", "listen-loopback-only", "bind-denied-selinux", "socket-port-override",
		"firewall-ufw", "firewall-firewalld", "firewall-nftables", "firewall-iptables", "client-banned", "listen-one-family", "port-forward-broken"},
	"connection-timed-out": {"firewall-ufw", "firewall-firewalld", "firewall-nftables", "firewall-iptables", "client-banned", "interface-down",
		"route-missing", "host-unreachable", "listen-queue-full", "connect-timeout-too-short", "port-blocked-on-path"},
	"host-unreachable":        {"firewall-ufw", "firewall-firewalld", "firewall-nftables", "firewall-iptables", "interface-down"},
	"refused-by-firewall":     {"firewall-ufw", "firewall-firewalld", "firewall-nftables", "firewall-iptables", "client-banned"},
	"service-failed":          {"sshd-config-invalid", "host-keys-missing", "host-key-permissions", "host-key-invalid", "privsep-dir-missing", "privsep-user-missing", "port-in-use", "listen-address-missing", "bind-denied-selinux", "bind-no-privilege", "sshd-broken", "out-of-memory", "crypto-library-mismatch", "disk-full", "bind-denied-apparmor"},
	"service-start-limit":     {"sshd-config-invalid", "host-keys-missing", "host-key-permissions", "host-key-invalid", "privsep-dir-missing", "privsep-user-missing", "port-in-use", "listen-address-missing", "bind-denied-selinux", "sshd-broken"},
	"service-stopped":         {"sshd-config-invalid", "service-masked", "sshd-not-installed", "service-condition-unmet", "port-in-use", "host-keys-missing"},
	"host-keys-missing":       {"host-key-permissions", "host-key-invalid", "rsa-key-too-small"},
	"socket-failed":           {"port-in-use", "listen-address-missing", "bind-denied-selinux"},
	"socket-trigger-limit":    {"sshd-config-invalid", "host-keys-missing", "sshd-broken"},
	"listen-address-missing":  {"port-in-use", "bind-denied-selinux"},
	"privsep-dir-missing":     {"sshd-config-invalid"},
	"connection-dropped":      {"chroot-permissions", "session-refused", "pty-allocation-failed", "home-missing", "shell-invalid", "corrupted-mac", "password-expired", "disk-full", "out-of-memory"},
	"session-refused":         {"chroot-permissions", "shell-invalid", "home-missing", "pam-denied", "password-expired", "account-locked", "nologin-file", "too-many-keys", "forwarding-disabled", "disk-full", "out-of-memory", "pty-allocation-failed"},
	"pam-denied":              {"account-locked", "password-expired", "nologin-file", "disk-full"},
	"publickey-rejected":      {"authorized-keys-permissions", "authorized-keys-missing", "authorized-keys-selinux", "authorized-keys-command-failed", "authorized-keys-location", "user-not-allowed", "user-unknown", "root-login-disabled", "account-locked", "shell-invalid", "no-mutual-signature", "rsa-key-too-small", "identity-is-public-key", "agent-refused", "private-key-permissions", "private-key-invalid", "private-key-missing", "private-key-passphrase", "too-many-keys", "certificate-expired", "wrong-user", "host-key-changed", "pubkey-auth-disabled", "password-auth-disabled", "key-not-offered", "sshd-config-shadowed", "chroot-permissions", "home-missing", "pam-denied", "nologin-file", "crypto-policy", "client-config-misdirects"},
	"password-rejected":       {"user-unknown", "user-not-allowed", "root-login-disabled", "account-locked", "password-expired", "shell-invalid", "host-key-changed", "pam-denied", "wrong-user", "too-many-keys"},
	"too-many-keys":           {"pam-denied", "account-locked"},
	"user-unknown":            {"pam-denied", "user-not-allowed", "root-login-disabled", "shell-invalid", "account-locked"},
	"private-key-permissions": {"identity-is-public-key"},
	"private-key-invalid":     {"identity-is-public-key", "private-key-permissions", "private-key-passphrase"},
	"host-key-unknown":        {"host-key-changed", "host-key-revoked", "host-certificate-invalid"},
	"closed-before-banner":    {"max-startups", "source-penalized", "tcp-wrappers-deny", "client-banned", "not-ssh", "sshd-broken", "upgrade-unfinished", "host-keys-missing", "privsep-dir-missing", "too-many-keys", "password-rejected", "user-not-allowed", "corrupted-mac", "auth-timeout", "no-common-kex", "no-common-host-key", "no-common-cipher", "no-common-mac", "jump-host-failed", "proxy-command-failed", "out-of-memory", "pam-denied", "account-locked", "ssh1-only", "banner-timeout", "user-unknown", "crypto-policy", "sshd-config-invalid", "host-key-permissions"},
	"closed-during-kex":       {"host-key-unknown", "host-key-revoked", "no-common-kex", "no-common-host-key", "no-common-cipher", "no-common-mac", "crypto-policy", "corrupted-mac", "too-many-keys", "host-key-changed", "max-startups", "source-penalized", "tcp-wrappers-deny", "sshd-broken", "pam-denied", "user-not-allowed", "account-locked", "upgrade-unfinished", "jump-host-failed", "proxy-command-failed", "mtu-blackhole", "rsa-key-too-small", "host-keys-missing", "host-key-invalid", "host-key-permissions", "auth-timeout", "nologin-file", "out-of-memory", "not-ssh", "password-expired"},
	"banner-timeout":          {"sshd-hung", "listen-queue-full", "max-startups", "not-ssh", "jump-host-failed"},
	"not-ssh":                 {"ssh1-only", "max-startups", "source-penalized"},
	"proxy-command-failed":    {},
	"no-auth-method":          {"password-auth-disabled", "pubkey-auth-disabled", "too-many-keys", "private-key-invalid"},
	"agent-refused":           {"private-key-permissions", "private-key-passphrase"},
	"host-key-invalid":        {"host-key-permissions"},
	"client-config-invalid":   {"client-config-wrong-side", "wrong-host-name"},
	"name-not-found":          {"wrong-host-name"},
	"name-server-unreachable": {"wrong-host-name"},
	"port-in-use":             {"bind-denied-selinux", "listen-address-missing"},
	"source-penalized":        {"max-startups"},
	"max-startups":            {"source-penalized"},
}

// explained reports whether cause b is only what one sees of cause a.
func explained(a, b string) bool {
	return slices.Contains(hides[b], a) || catalog.Explains(a, b)
}

// hide takes out the candidates that another one explains. What a mere ending
// suggests yields to any cause explained by more than an ending; a cause that
// is possible only hides nothing that is likelier.
func (rd *reading) hide() {
	gone := map[string]bool{}
	for _, b := range rd.cands {
		for _, a := range rd.cands {
			if a == b || gone[a.cause] || !explained(a.cause, b.cause) || explained(b.cause, a.cause) && a.certainty.Rank() >= b.certainty.Rank() {
				continue
			}
			if a.fromEnd || a.impact == report.Note && b.impact != report.Note {
				continue
			}
			if a.certainty == report.Possible && b.certainty != report.Possible {
				continue
			}
			gone[b.cause] = true
			break
		}
	}
	for _, b := range rd.cands {
		if b.fromEnd && b.certainty == report.Possible && rd.settled(b) {
			gone[b.cause] = true
		}
	}
	rd.cands = slices.DeleteFunc(rd.cands, func(c *candidate) bool { return gone[c.cause] })
}

// settled reports whether the attempt whose ending suggests b is explained by
// a cause that the text names: then nobody needs the shortlist.
func (rd *reading) settled(b *candidate) bool {
	return slices.ContainsFunc(rd.cands, func(a *candidate) bool {
		return a.attempt == b.attempt && !a.fromEnd && a.impact == report.Blocking && a.certainty != report.Possible && rd.bite(a.cause) <= rd.bite(b.cause)
	})
}

// order sorts: what blocks first, the surer first, then by score, and among
// equals in the order in which they stand in the way.
func (rd *reading) order() {
	slices.SortStableFunc(rd.cands, func(a, b *candidate) int {
		if d := a.impact.Rank() - b.impact.Rank(); d != 0 {
			return d
		}
		if d := a.certainty.Rank() - b.certainty.Rank(); d != 0 {
			return d
		}
		if d := b.score - a.score; d != 0 {
			return d
		}
		if d := rd.bite(a.cause) - rd.bite(b.cause); d != 0 {
			return d
		}
		if d := a.where() - b.where(); d != 0 {
			return d
		}
		return strings.Compare(a.cause, b.cause)
	})
}
