package redact

import (
	"bytes"
)

// rule replaces one kind of secret. Regular expressions are slow on megabytes,
// so each is tried only where one of its hints (in lower case) occurs.
type rule struct {
	hints []string
	find  lazy
	group int    // the group that is the secret; what stands around it stays
	mark  string // what is put in its place
	keep  func(match [][]byte) bool
}

func (r rule) hinted(low []byte) bool {
	for _, h := range r.hints {
		if bytes.Contains(low, []byte(h)) {
			return true
		}
	}
	return false
}

func (r rule) apply(data []byte) []byte {
	var out []byte
	last := 0
	for _, m := range r.find().FindAllSubmatchIndex(data, -1) {
		from, to := m[2*r.group], m[2*r.group+1]
		if from < 0 || from == to || bytes.HasPrefix(data[from:to], []byte("<redacted:")) {
			continue
		}
		if r.keep != nil && (inPath(data, m[2]) || r.keep(groups(data, m))) {
			continue
		}
		out = append(append(out, data[last:from]...), r.mark...)
		// What follows stays on its line, so that a quote's number is right.
		out = append(out, bytes.Repeat([]byte("\n"), bytes.Count(data[from:to], []byte("\n")))...)
		last = to
	}
	if last == 0 {
		return data
	}
	return append(out, data[last:]...)
}

// inPath reports whether the name at i is the end of a path, or that of a
// function which OpenSSH's debug output names.
func inPath(data []byte, i int) bool {
	return i > 0 && data[i-1] == '/' || debugLine().Match(data[max(0, i-len("debug1: ")):i])
}

var debugLine = pattern(`debug[123]: $`)

func groups(data []byte, m []int) [][]byte {
	out := make([][]byte, len(m)/2)
	for i := range out {
		if m[2*i] >= 0 {
			out[i] = data[m[2*i]:m[2*i+1]]
		}
	}
	return out
}

// The marks. A parser that meets one knows that something was there.
const (
	markKey      = "<redacted: private key>"
	markPassword = "<redacted: password>"
	markHash     = "<redacted: password hash>"
	markToken    = "<redacted: token>"
)

const b64 = `[A-Za-z0-9+/_=-]`

// wrapped is base64 that goes on over further lines, which may be indented,
// quoted, or written with \n as in JSON.
const wrapped = b64 + `*(?:(?:[\s"'>|,]|\\[nr]){1,12}` + b64 + `{16,})*(?:(?:[\s"']|\\[nr]){1,4}` + b64 + `{1,15}={1,2})?`

// wholeRules find what goes over several lines: private keys, in the encodings
// they come in. A key whose end is missing (cut by a cap) is taken to the end.
var wholeRules = []rule{
	{hints: []string{"private"}, mark: markKey,
		find: pattern(`(?is)-{4,5}[ +]?(?:%20)?BEGIN[^-\n]{0,40}PRIVATE[^-\n]{1,12}KEY[^-\n]{0,24}-{4,5}.*?(?:-{4,5}[ +]?(?:%20)?END[^-\n]{0,40}PRIVATE[^-\n]{1,12}KEY[^-\n]{0,24}-{4,5}|\z)`)},
	{hints: []string{"private"}, mark: markKey, // the end of a key whose beginning is missing
		find: pattern(`(?i)(?:` + b64 + `{8,}(?:\s|\\[nr]){1,8})*(?:` + b64 + `{1,7}(?:\s|\\[nr]){1,8})?-{4,5}[ ]?END[^-\n]{0,40}PRIVATE[^-\n]{1,12}KEY[^-\n]{0,24}-{4,5}`)},
	{hints: []string{"private-lines"}, mark: markKey, group: 1, // PuTTY
		find: pattern(`(?is)Private-Lines:[^\n]*\n(.*?(?:Private-(?:MAC|Hash):[^\n]*|\z))`)},
	// base64 of "openssh-key-v1" and of "-----BEGIN", in the three ways it can
	// fall on groups of three bytes
	{hints: []string{"b3blbnnzac1rzxktdj", "9wzw5zc2gta2v5lxyx", "vcgvuc3nolwtlevyx", "tls0tluj", "ls0tls1crudjt", "0tls0tqkvhsu", "tls0tlujfr0lo"}, mark: markKey,
		find: pattern(`(?:b3BlbnNzaC1rZXktdj|` + b64 + `{0,4}9wZW5zc2gta2V5LXYx|` + b64 + `{0,4}vcGVuc3NoLWtleS12M|LS0tLS1CRUdJT|` + b64 + `{0,4}0tLS0tQkVHSU|` + b64 + `{0,4}tLS0tLUJFR0lO)` + wrapped)},
	// DER in base64: PKCS#1 and PKCS#8 of RSA, SEC 1 and PKCS#8 of EC, Ed25519
	{hints: []string{"mii", "mhc", "mig", "mih", "mc4", "mfm"}, mark: markKey,
		find: pattern(`(?:MII` + b64 + `{3}IB(?:AAK|AD)|MHcCAQEEI|MIG` + b64 + `AgE[AB][BM]|MIH` + b64 + `AgE[AB][BM]|MC4CAQAwBQYDK2V|MFMCAQEwBQYDK2V|MIG` + b64 + `AgEA` + b64 + `)` + wrapped)},
	{hints: []string{"openssh-key-v1\x00"}, mark: markKey, // unarmoured
		find: pattern(`(?s)openssh-key-v1\x00.*`)},
	// the same in hexadecimal, and as the array of numbers that journalctl -o json
	// makes of text with control characters
	{hints: []string{"2d2d2d2d2d424547494e", "6f70656e7373682d6b65792d7631"}, mark: markKey,
		find: pattern(`(?i)(?:2d2d2d2d2d424547494e|6f70656e7373682d6b65792d7631)[0-9a-f]*(?:\s+[0-9a-f]{8,})*`)},
	{hints: []string{"66,69,71,73,78", "66, 69, 71, 73, 78", "112,101,110,115,115,104", "112, 101, 110, 115, 115, 104"}, mark: markKey,
		find: pattern(`(?:\d{1,3}\s*,\s*)*(?:66\s*,\s*69\s*,\s*71\s*,\s*73\s*,\s*78|111\s*,\s*112\s*,\s*101\s*,\s*110\s*,\s*115\s*,\s*115\s*,\s*104\s*,\s*45)(?:\s*,\s*\d{1,3})*`)},
	{hints: []string{"\x00-"}, mark: markPassword, group: 1, // an option and its value, as /proc/PID/cmdline parts them
		find: pattern(`(?i)\x00--?[\w-]*(?:password|passwd|passphrase|pass|token|secret|api-?key|psk|credential)[\w-]*\x00([^\x00-][^\x00]*)`)},
	{hints: []string{"age-secret-key-"}, mark: markKey, find: pattern(`(?i)AGE-SECRET-KEY-[0-9A-Z-]+`)},
}

// lineRules find what stands within one line.
var lineRules = []rule{
	{hints: []string{"$"}, mark: markHash, // crypt(5), and what web software makes of it
		find: pattern(`\$(?:[1-9]|2[abxy]?|g?y|md5|sha1|apr1|[PHS]|sha256|sha512|argon2(?:id|i|d)|scrypt|bcrypt(?:-sha256)?|pbkdf2[a-z0-9-]*)\$[./A-Za-z0-9$=,+@-]{8,}`)},
	{hints: []string{"{"}, mark: markHash, group: 1, // LDAP, RFC 2307
		find: pattern(`(?i)\{(?:S?SHA(?:256|384|512)?|S?MD5|CRYPT|X-[A-Z0-9-]+|ARGON2|PBKDF2[A-Z0-9-]*)\}([A-Za-z0-9+/=.$,-]{8,})`)},
	{hints: []string{"://"}, mark: markPassword, group: 1,
		find: pattern(`(?i)[a-z][a-z0-9+.-]*://[^\s/:@"'<>]*:([^\s/"'<>]+)@`)},
	{hints: []string{"://"}, mark: markToken, group: 1,
		find: pattern(`(?i)[a-z][a-z0-9+.-]*://([a-z0-9_.~%-]{16,})(?::[^@/"']*)?@`)},
	{hints: []string{"authorization", "cookie", "x-api-key", "x-auth", "x-amz-security"}, mark: markToken, group: 1,
		find: pattern(`(?i)(?:authorization|cookie2?|x-api-key|x-auth-[a-z-]+|x-amz-security-token)\\?["']?\s*[:=]\s*\\?["']?([^\r\n"'\x00\\]+)`)},
	{hints: []string{"bearer ", "bearer\t"}, mark: markToken, group: 1,
		find: pattern(`(?i)bearer\s+([A-Za-z0-9._~+/=-]{8,})`)},
	{hints: []string{"akia", "asia", "aroa", "aida", "agpa", "abia", "acca"}, mark: markToken,
		find: pattern(`\b(?:AKIA|ASIA|AROA|AIDA|AGPA|ABIA|ACCA)[A-Z0-9]{12,}`)},
	{hints: []string{"gh", "glpat-", "glrt-", "xox", "xapp-", "aiza", "ya29.", "sk_", "rk_", "sk-", "npm_", "pypi-", "tskey-", "dop_v1_", "hvs.", "hvb.", "hvr.", "eyj", "nvapi-", "hf_", "shpat_", "sg.", "key-"}, mark: markToken,
		find: pattern(`\b(?:gh[pousr]_[\w-]{16,}|github_pat_\w{16,}|gl(?:pat|rt|dt|ft)-[\w-]{16,}|xox[a-z]-[\w-]{8,}|xapp-[\w-]{8,}|AIza[\w-]{30,}|ya29\.[\w-]{8,}|[sr]k_(?:live|test)_\w{8,}|sk-(?:proj-|ant-|svcacct-)?[A-Za-z0-9]{20,}|npm_\w{20,}|pypi-[\w-]{16,}|tskey-[\w-]{8,}|dop_v1_\w{16,}|hv[sbr]\.[\w-]{16,}|eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?|nvapi-[\w-]{16,}|hf_\w{16,}|shpat_\w{16,}|SG\.[\w-]{16,}\.[\w-]{8,}|key-[0-9a-f]{32})`)},
	{hints: []string{"login"}, mark: markPassword, group: 1, // netrc(5)
		find: pattern(`(?i)\blogin\s+\S+\s+password\s+(\S+)`)},
	{hints: []string{"sshpass"}, mark: markPassword, group: 1, find: pattern(`sshpass\s+(?:-\S+\s+)*?-p\s*\\?["']?([^\s"'\\]+)`)},
	{hints: []string{"mysql", "mariadb"}, mark: markPassword, group: 1, find: pattern(`(?:mysql|mariadb)\S*\s[^\n|;]*?-p([^\s"'\\]+)`)},
	{hints: []string{"-u", "--user", "--proxy-user"}, mark: markPassword, group: 1,
		find: pattern(`(?:\s-u|--user|--proxy-user)(?:\s+|=|)\\?["']?[\w.@%-]+:([^\s"'\\]+)`)},
	{hints: secretNames, mark: markPassword, group: 2, find: optionValue, keep: harmlessValue},
	{hints: secretNames, mark: markPassword, group: 2, find: lineValue, keep: harmlessValue},
	{hints: secretNames, mark: markPassword, group: 2, find: quotedValue, keep: harmlessValue},
	{hints: secretNames, mark: markPassword, group: 2, find: quotedPair, keep: harmlessValue},
	{hints: secretNames, mark: markPassword, group: 2, find: plainValue, keep: harmlessValue},
	{hints: []string{"?", "&"}, mark: markToken, group: 1,
		find: pattern(`(?i)[?&](?:key|sig|signature|code|auth|pass|pw|state|jwt|sid|session)=([^&\s"'#<>]+)`)},
	{hints: []string{"bindpw", "rootpw", "requirepass", "wpa-", "psk", "authkey", "community", "machine"}, mark: markPassword, group: 1,
		find: pattern(`(?i)\b(?:bindpw|rootpw|requirepass|masterauth|wpa-psk|wpa-password|wpa-passphrase|psk|authkey|rocommunity|rwcommunity)\s+(\S+)`)},
}
