package redact

import (
	"bytes"
	"slices"
	"strings"

	"sshwhy/internal/evidence"
)

// secretNames are the parts of a name that say that its value is a secret.
var secretNames = []string{
	"password", "passwd", "passphrase", "passwort", "secret", "token", "api_key", "api-key", "apikey",
	"access_key", "access-key", "accesskey", "accountkey", "private_key", "private-key", "privatekey",
	"credential", "auth_key", "auth-key", "preshared", "pre-shared", "psk", "authtok", "bindpw", "rootpw", "skey", "ikey",
	"encryption_key", "encryption-key", "signing_key", "signing-key", "session_key", "session-key", "pwd", "pass",
}

const secretName = `[\w.-]*(?:password|passwd|passphrase|passwort|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|credential|auth[_-]key|pre-?shared|psk|authtok|bindpw|rootpw|\bskey|\bikey|encryption[_-]key|signing[_-]key|session[_-]key|pwd|pass\b)[\w.-]*`

// The places of a value, each with the name as group 1 and the value as group 2.
var (
	// a setting that is a line of its own: the value goes to the end of the line
	lineValue = pattern(`(?i)^\s*(?:[-*#;]+\s*)?(?:export\s+|set\s+|declare\s+-x\s+|Environment=)?(` + secretName + `)\s*(?::=?|=>?)\s*([^\s"'{\[|>,][^\r\n\x00"]*)`)
	// "name": "value", name='value', and the same with the quotes escaped
	quotedValue = pattern(`(?i)(` + secretName + `)\\{0,3}["']?\s*(?::=?|=>?|\s)\s*\\{0,3}["']((?:[^"'\\\n]|\\[^"'])+)`)
	// "name=value with spaces", as systemd's Environment= has it
	quotedPair = pattern(`(?i)["'](` + secretName + `)=([^"'\n\x00\\]+)["'\\]`)
	// name=value among other words
	plainValue = pattern(`(?i)(` + secretName + `)\\{0,3}["']?\s*(?:=>?|:)\s*([^\s"'\\&\x00{}\[\]]+)`)
	// --name value, --name=value
	optionValue = pattern(`(?i)(?:^|[\s"'\x00])(--?[\w-]*(?:password|passwd|passphrase|pass|token|secret|api-?key|psk|credential)[\w-]*)(?:\s+|=)\\?["']?([^\s"'\\-][^\s"'\\]*)`)
)

// plainWords are values that are no secret whatever their name, so that settings
// which only deal with passwords stay readable.
var plainWords = []string{
	"yes", "no", "true", "false", "none", "null", "on", "off", "enabled", "disabled", "required", "requisite",
	"sufficient", "optional", "include", "never", "always", "prohibit-password", "without-password",
	"forced-commands-only", "for", "from", "authentication", "failure", "check", "is", "was", "has", "expired",
}

// harmlessNames are settings and fields that hold no secret though their name sounds so.
var harmlessNames = pattern(`(?i)^-{0,2}(?:.*(?:authentication|emptypasswords|passwordprompts|password-auth|common-password|passwordfile|password_file|password-file|passwd_file|keyfile|_key_path|keypath|token_?file|secret_?file|passwordexpir\w*|pwd_?change|password_?last|sp_\w+)|sshpass|.*bypass|kinit|/etc/passwd|pwd|oldpwd|credentialcache\w*|(?:load|import)credential(?:encrypted)?|tokens?ize\w*|compass|nopasswd|condition\w+|new_authtok_reqd|.*authtok_(?:err|recover_err|recovery_err|lock_busy|disable_aging|expired|type)|get_passwd|\w*askpass|mm_\w+|input_userauth_\w+|userauth_passwd|sys_auth_passwd)$`)

// nssServices are what stands behind "passwd:" in nsswitch.conf(5).
var nssServices = []string{"files", "compat", "systemd", "sss", "ldap", "nis", "nisplus", "winbind", "db", "hesiod", "altfiles", "mymachines", "extrausers", "sshwhy", "google", "oslogin", "cache_oslogin", "centrifydc", "lsass", "aad"}

// harmlessValue reports whether name and value only sound like a secret.
func harmlessValue(m [][]byte) bool {
	name := string(m[1])
	value := strings.ToLower(strings.Trim(string(bytes.TrimSpace(m[2])), `.,;)"'`))
	if slices.Contains(plainWords, value) || harmlessNames().MatchString(name) {
		return true
	}
	if strings.EqualFold(name, "passwd") && (isNSS(value) || value == "all" || strings.HasPrefix(value, "/")) {
		return true // nsswitch.conf(5), sudoers(5)
	}
	if strings.HasPrefix(value, "$(") || strings.HasPrefix(value, "${") {
		return true // a script asks for it
	}
	return value == "" || value == "*" || strings.Trim(value, "!*x") == "" && len(value) < 3
}

func isNSS(value string) bool {
	for word := range strings.FieldsSeq(value) {
		if !slices.Contains(nssServices, word) && !strings.HasPrefix(word, "[") && !strings.HasSuffix(word, "]") {
			return false
		}
	}
	return true
}

// shadowFields is the number of fields of shadow(5).
const shadowFields = 9

// shadowFile redacts the files whose lines hold a hash of any form as second
// field: shadow(5), gshadow(5), and what passwd tools keep of old passwords.
func shadowFile(key string, data []byte) []byte {
	kind, _, path := evidence.CutKey(key)
	base := strings.TrimSuffix(path[strings.LastIndex(path, "/")+1:], "-")
	switch {
	case base == "pam_radius_auth.conf":
		return eachLine(data, func(line []byte) []byte { return radiusLine().ReplaceAll(line, []byte("${1}"+markPassword)) })
	case base == "opasswd", base == "smbpasswd":
		return eachLine(data, func(line []byte) []byte {
			name, _, found := bytes.Cut(line, []byte(":"))
			if !found {
				return line
			}
			return []byte(string(name) + ":" + markHash)
		})
	case base == "shadow", base == "gshadow", base == "master.passwd",
		kind == evidence.KindCommand && strings.Contains(key, "getent") && strings.Contains(key, "shadow"):
		return eachLine(data, secondField)
	}
	return data
}

var radiusLine = pattern(`^(\s*[^#\s]\S*\s+)(\S+)`)

// accounts redacts lines of the shape of shadow(5) wherever they stand, and the
// hashes that very old passwd(5) files hold.
func accounts(data []byte) []byte {
	if bytes.Count(data, []byte(":")) < 6 {
		return data
	}
	return eachLine(data, func(line []byte) []byte {
		f := bytes.Split(line, []byte(":"))
		if len(f) < 7 || len(f) > shadowFields || !name().Match(bytes.TrimSpace(f[0])) {
			return line
		}
		switch {
		case len(f) == shadowFields && number(f[2]) && number(f[3]) && number(f[4]) && number(f[5]):
			return secondField(line)
		case len(f) == 7 && number(f[2]) && number(f[3]) && len(f[1]) >= 13:
			return secondField(line)
		}
		return line
	})
}

var name = pattern(`^[A-Za-z0-9_][A-Za-z0-9_.@$\\-]*$`)

func number(b []byte) bool { return len(bytes.Trim(b, "0123456789-")) == 0 }

// secondField keeps of the second field what locks an account ("!", "*", empty)
// and replaces what is a hash.
func secondField(line []byte) []byte {
	first, rest, found := bytes.Cut(line, []byte(":"))
	field, rest, more := bytes.Cut(rest, []byte(":"))
	if !found || bytes.HasPrefix(bytes.TrimLeft(field, "!*"), []byte("<redacted:")) {
		return line
	}
	hash := bytes.TrimLeft(field, "!*")
	if len(hash) == 0 || bytes.Equal(hash, []byte("x")) {
		return line
	}
	out := string(first) + ":" + string(field[:len(field)-len(hash)]) + markHash
	if more {
		out += ":" + string(rest)
	}
	return []byte(out)
}

// eachLine applies f to each line, without its end, which is a newline or NUL.
func eachLine(data []byte, f func([]byte) []byte) []byte {
	out := make([]byte, 0, len(data))
	for len(data) > 0 {
		line, rest := data, []byte(nil)
		if n := bytes.IndexAny(data, "\n\x00"); n >= 0 {
			line, rest = data[:n+1], data[n+1:]
		}
		body := bytes.TrimRight(line, "\r\n\x00")
		out = append(append(out, f(body)...), line[len(body):]...)
		data = rest
	}
	return out
}

// passwordBlock follows cloud-init's chpasswd section, where the lines below
// "list" are user:password without any word that says so.
type passwordBlock struct {
	inside bool
	indent int
}

var blockLine = pattern(`^(\s*-?\s*["']?([\w.@-]+):)([^\r\n]+)`)

func (p *passwordBlock) line(line []byte) []byte {
	body := bytes.TrimLeft(line, " \t")
	indent := len(line) - len(body)
	if bytes.HasPrefix(body, []byte("chpasswd")) {
		p.inside, p.indent = true, indent
		return line
	}
	if !p.inside || len(bytes.TrimSpace(body)) == 0 {
		return line
	}
	if indent <= p.indent && !bytes.HasPrefix(body, []byte("-")) {
		p.inside = false
		return line
	}
	m := blockLine().FindSubmatch(line)
	if m == nil || slices.Contains([]string{"expire", "list", "users", "name", "type"}, string(m[2])) {
		return line
	}
	return blockLine().ReplaceAll(line, []byte("${1}"+markPassword))
}

// blob is base64 too long to be a word.
var blob = pattern(`[A-Za-z0-9+/]{64,}={0,2}`)

// blobs replaces long base64 of unknown meaning: a secret in an encoding nobody
// thought of. Public keys, which begin with AAAA, are none.
func blobs(data []byte) []byte {
	if !hasRun(data, 64) {
		return data
	}
	return blob().ReplaceAllFunc(data, func(m []byte) []byte {
		if bytes.HasPrefix(m, []byte("AAAA")) || bytes.Count(m, []byte("/")) > len(m)/12 {
			return m
		}
		var upper, small, digit bool
		for _, c := range m {
			upper = upper || 'A' <= c && c <= 'Z'
			small = small || 'a' <= c && c <= 'z'
			digit = digit || '0' <= c && c <= '9'
		}
		if upper && small && digit {
			return []byte("<redacted: unknown data>")
		}
		return m
	})
}

// hasRun reports whether n letters or digits follow each other: cheap, before the regexp.
func hasRun(data []byte, n int) bool {
	run := 0
	for _, c := range data {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/' {
			if run++; run >= n {
				return true
			}
			continue
		}
		run = 0
	}
	return false
}
