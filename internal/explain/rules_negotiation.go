package explain

import (
	"slices"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/sshlog"
)

// Every SSH library has its own sentence for "the two lists share nothing", and
// new ones come each year. They are alike: some words that an agreement failed,
// and which of the four lists of KEXINIT it was about (RFC 4253 7.1), by name or
// by the algorithms that are printed.

// disagreements are the words that an agreement failed.
var disagreements = []string{
	"no common", "nocommon", "no matching", "no match for", "no mutual", "no compatible", "no acceptable", "no supported", "not find common", "not find a common", "not find any common",
	"couldn't agree", "could not agree", "cannot agree", "can't agree", "failed to agree", "unable to negotiate", "cannot negotiate", "can't negotiate", "could not negotiate",
	"couldn't negotiate", "failed to negotiate", "negotiation fail", "negotiation error", "negotiate failed", "could not settle on", "unable to reach a settlement",
	"algorithms do not match", "proposals do not match", "unsupported key exchange", "algorithm mismatch", "no overlap",
}

// otherAgreements are matters that are spoken of alike and are none of the four lists.
var otherAgreements = []string{"authentication method", "mutual signature", "fingerprint", "known_hosts", "known hosts", "in dns"}

// listNames are the words for the four lists, in the spelling of libraries.
var listNames = []struct{ word, cause string }{
	{"key exchange", "no-common-kex"}, {"key-exchange", "no-common-kex"}, {"key_exchange", "no-common-kex"}, {"keyexchange", "no-common-kex"}, {"kex", "no-common-kex"},
	{"host key", "no-common-host-key"}, {"hostkey", "no-common-host-key"}, {"host_key", "no-common-host-key"}, {"host-key", "no-common-host-key"},
	{"key algorithm", "no-common-host-key"}, {"kind: key", "no-common-host-key"}, {"signature algorithm", "no-common-host-key"},
	{"cipher", "no-common-cipher"}, {"encryption", "no-common-cipher"}, {"crypt", "no-common-cipher"},
	{"integrity", "no-common-mac"}, {"hmac", "no-common-mac"}, {"macs", "no-common-mac"}, {" mac", "no-common-mac"}, {"mac.", "no-common-mac"}, {"\"mac", "no-common-mac"},
}

// algorithmNames tell by how a name begins which list it is from.
var algorithmNames = []struct{ prefix, cause string }{
	{"diffie-hellman-", "no-common-kex"}, {"ecdh-sha2-", "no-common-kex"}, {"curve25519-", "no-common-kex"}, {"curve448-", "no-common-kex"}, {"sntrup", "no-common-kex"}, {"mlkem", "no-common-kex"},
	{"ssh-rsa", "no-common-host-key"}, {"ssh-dss", "no-common-host-key"}, {"ssh-ed25519", "no-common-host-key"}, {"rsa-sha2-", "no-common-host-key"}, {"ecdsa-sha2-", "no-common-host-key"}, {"sk-", "no-common-host-key"},
	{"aes", "no-common-cipher"}, {"chacha20", "no-common-cipher"}, {"3des", "no-common-cipher"}, {"arcfour", "no-common-cipher"}, {"blowfish", "no-common-cipher"}, {"cast128", "no-common-cipher"},
	{"hmac-", "no-common-mac"}, {"umac-", "no-common-mac"},
}

var noCommon = []string{"no-common-kex", "no-common-host-key", "no-common-cipher", "no-common-mac"}

// negotiation names the list that was not agreed on, where the catalogue has no
// row for the sentence or one that leaves it open.
func (rd *reading) negotiation() {
	for _, id := range noCommon {
		if c := rd.get(id); c != nil && c.certainty == report.Confirmed {
			return
		}
	}
	for i := range rd.lines {
		l := &rd.lines[i]
		if l.text == "" || l.command != "" || !rd.speaksOfSSH(l.text) {
			continue
		}
		cause := disagreement(sshlog.Lower(l.text))
		if cause == "" {
			continue
		}
		attempt := rd.attemptOf(i)
		for _, id := range append([]string{"closed-during-kex", "closed-before-banner"}, noCommon...) {
			if c := rd.get(id); c != nil && id != cause && c.attempt == attempt {
				rd.drop(id)
			}
		}
		rd.add(cause, report.Confirmed, scoreRule, i, nil)
		return
	}
	rd.disjointLists()
}

// sides are the words by which libraries label whose list is printed.
var sides = [2][]string{{"local", "ours", "our", "client", "my"}, {"remote", "theirs", "their", "server", "peer"}}

// maxListed bounds how many algorithms of a list are compared; no release has as many.
const maxListed = 64

// maxLabel bounds the words in front of a list, in bytes.
const maxLabel = 80

// A proposal is one side's list of a KEXINIT (RFC 4253 7.1) as a debug output prints it.
type proposal struct {
	of    string // the label without the word for the side
	side  int    // index into sides
	cause string // of lists of this kind that do not meet
	names []string
	line  int
}

// disjointLists compares both sides' proposals where a debug output prints them,
// and the connection is not seen to go on. Two lists are the two proposals of one
// negotiation only where the same attempt prints them with labels that differ in
// nothing but the side: "Server host key: ssh-ed25519 …" is a choice, and
// "server-sig-algs=<…>" (RFC 8308) is about the user's keys.
func (rd *reading) disjointLists() {
	type place struct {
		of, cause string
		attempt   int
	}
	seen := map[place][2]proposal{}
	for i := range rd.lines {
		p, ok := proposed(sshlog.Lower(rd.lines[i].text))
		if !ok {
			continue
		}
		p.line = i
		at := place{p.of, p.cause, rd.attemptOf(i)}
		pair := seen[at]
		pair[p.side] = p
		seen[at] = pair
		ours, theirs := pair[0].names, pair[1].names
		if len(ours) == 0 || len(theirs) == 0 || slices.ContainsFunc(ours, func(n string) bool { return slices.Contains(theirs, n) }) || rd.succeeded() {
			continue
		}
		rd.add(p.cause, report.Likely, scoreRule, pair[0].line, nil).evidence = []int{pair[0].line, pair[1].line}
	}
}

// proposed reads a line (in lower case) that is a label with the word for one side,
// a colon, and names of algorithms of one kind with commas between them, and
// nothing else.
func proposed(low string) (proposal, bool) {
	colon := strings.LastIndex(low, ": ")
	if colon < 0 {
		return proposal{}, false
	}
	label, value := low[:colon], strings.TrimSpace(low[colon+len(": "):])
	p := proposal{cause: listOfNames(value), names: strings.SplitN(value, ",", maxListed), side: -1}
	if p.cause == "" || len(label) > maxLabel || strings.ContainsAny(value, " \t=<>") {
		return proposal{}, false
	}
	var rest []string
	for _, w := range strings.FieldsFunc(label, func(r rune) bool { return strings.ContainsRune(" \t()[]", r) }) {
		side := slices.IndexFunc(sides[:], func(words []string) bool { return slices.Contains(words, strings.TrimSuffix(w, "'s")) })
		switch {
		case side < 0:
			rest = append(rest, w)
		case p.side >= 0 && p.side != side: // of both, or of neither
			return proposal{}, false
		default:
			p.side = side
		}
	}
	p.of = strings.Join(rest, " ")
	return p, p.side >= 0
}

// disagreement says which list a line's words are about, "" where it speaks of none.
func disagreement(low string) string {
	at := -1
	for _, d := range disagreements {
		if i := strings.Index(low, d); i >= 0 && (at < 0 || i < at) {
			at = i
		}
	}
	if at < 0 || slices.ContainsFunc(otherAgreements, func(w string) bool { return strings.Contains(low, w) }) {
		return ""
	}
	for _, of := range [...]string{" key exchange for ", " kex for "} { // MINA: what is being exchanged, and then for which list
		if i := strings.Index(low[at:], of); i >= 0 && i < 24 {
			at += i + len(of)
		}
	}
	if c := listOfNames(low[at:]); c != "" { // the algorithms themselves; a switch says "key algorithm" of any
		return c
	}
	const near = 120 // the name stands in the same sentence; further on are the lists
	if c := firstList(low[at:min(len(low), at+near)]); c != "" {
		return c
	}
	return firstList(low[:at])
}

// firstList is the list whose name comes first.
func firstList(low string) string {
	best, cause := len(low), ""
	for _, n := range listNames {
		if i := strings.Index(low, n.word); i >= 0 && i < best && !(n.word == "kex" && isAlgorithm(low[i:])) {
			best, cause = i, n.cause
		}
	}
	return cause
}

// isAlgorithm: "kex-strict-c-v00@openssh.com" is an entry of the list, not its name.
func isAlgorithm(s string) bool { return strings.HasPrefix(s, "kex-strict") }

// listOfNames goes by the algorithms: those of one list only.
func listOfNames(low string) string {
	var seen []string
	for _, w := range strings.FieldsFunc(low, func(r rune) bool { return strings.ContainsRune(" ,[]\"'`()“”:;=", r) }) {
		for _, a := range algorithmNames {
			if strings.HasPrefix(w, a.prefix) && len(w) > 4 && !slices.Contains(seen, a.cause) {
				seen = append(seen, a.cause)
			}
		}
	}
	if len(seen) == 1 {
		return seen[0]
	}
	return ""
}

// speaksOfSSH: the words of a disagreement are everyday words elsewhere.
func (rd *reading) speaksOfSSH(text string) bool {
	return listOfNames(sshlog.Lower(text)) != "" || firstList(sshlog.Lower(text)) != "" && (len(text) < 160 || strings.Contains(sshlog.Lower(text), "ssh"))
}
