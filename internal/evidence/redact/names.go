package redact

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"

	"sshwhy/internal/evidence"
)

// ordinaryNames say nothing about anybody: accounts and hosts that every system
// has, and words that a text would not survive losing.
const ordinaryNames = `
root daemon bin sys sync games man lp mail news uucp proxy backup list irc gnats nobody sshd ssh admin user users test guest
ubuntu debian fedora centos rocky almalinux alpine arch opensuse suse ec2-user core vagrant pi git www www-data http nginx apache mysql postgres
systemd systemd-network systemd-resolve systemd-timesync messagebus dbus polkitd chrony ntp rpc syslog adm wheel sudo
localhost localdomain local localhost4 localhost6 ip6-localhost ip6-loopback ip6-localnet ip6-mcastprefix ip6-allnodes ip6-allrouters
ip6-allhosts broadcasthost gateway _gateway router linux unix server client host invalid unknown none null all any default example
com net org edu gov int lan home internal intranet corp arpa example.com example.org example.net
deploy service operator ansible jenkins docker kernel session closed connection port from for the and with
file stat glob cmd etc usr var run proc sys dev home opt mnt srv tmp bin sbin lib conf keys yes
sshd_config ssh_config authorized_keys known_hosts`

func wordSet(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

// firstPersonal is the first user id that is given to people (login.defs(5)).
const firstPersonal = 1000

// The places that hold names: one group each.
var (
	userPlaces = []lazy{
		pattern(`(?:Invalid user|Accepted \S+ for|Failed \S+ for(?: invalid user)?|session (?:opened|closed) for user|authenticating user|invalid user|illegal user|Disconnected from user|Connection (?:closed|reset) by (?:invalid|authenticating) user|maximum authentication attempts exceeded for(?: invalid user)?|User) ([A-Za-z0-9_][A-Za-z0-9_.@$-]*)`),
		pattern(`\b(?:ruser|user|acct|USER|LOGNAME|SUDO_USER)=["']?([A-Za-z0-9_][A-Za-z0-9_.@$-]*)`),
		pattern(`(?im)^\s*(?:AllowUsers|DenyUsers|Match\s+User|User)\s+([A-Za-z0-9_][^\s*?!,]*)`),
		pattern(`/home/([A-Za-z0-9_][A-Za-z0-9_.@$-]*)`),
	}
	hostPlaces = []lazy{
		pattern(`"_HOSTNAME"\s*:\s*"([A-Za-z0-9_.-]+)"`),
		pattern(`(?m)^(?:[A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT[0-9:.+Z-]+) ([A-Za-z0-9_.-]+) \S+?(?:\[\d+\])?:`),
		pattern(`(?im)^(?:search|domain|PRETTY_HOSTNAME=|\s*Static hostname:|\s*Transient hostname:|hostname:?|fqdn:?|local-hostname:)\s*["']?([A-Za-z0-9_.-]+)`),
	}
	mailPlace  = pattern(`([A-Za-z0-9_][A-Za-z0-9_.+-]*)@([A-Za-z0-9][A-Za-z0-9.-]*[A-Za-z0-9])`)
	hostsLine  = pattern(`(?m)^[0-9a-fA-F.:]{3,}[ \t]+([^#\n]+)`)
	passwdLine = pattern(`(?m)^([A-Za-z0-9_][A-Za-z0-9_.@$-]*):[^:\n]*:(\d+):\d+:([^:\n]*):([^:\n]*):[^:\n]*$`)
)

// collectNames finds the names of people and hosts in the whole bundle first:
// they are replaced everywhere, also where nothing tells that they are names.
func (p *pseudonyms) collectNames(b *evidence.Bundle) {
	for _, key := range b.Keys() { // programs that were run keep their names
		if kind, _, args := evidence.CutKey(key); kind == evidence.KindCommand {
			program, _, _ := strings.Cut(args, " ")
			p.ordinary[program] = true
		}
	}
	for _, key := range b.Keys() {
		r := b.Lookup(key)
		switch {
		case key == "file:/etc/hostname", key == "cmd:hostname", strings.HasPrefix(key, "cmd:hostname "), key == "cmd:uname -n",
			key == "file:/proc/sys/kernel/hostname", key == "file:/etc/mailname":
			p.addHost(string(bytes.TrimSpace(r.Data)))
		case key == "file:/etc/hosts":
			for _, m := range hostsLine().FindAllSubmatch(r.Data, -1) {
				for name := range strings.FieldsSeq(string(m[1])) {
					p.addHost(name)
				}
			}
		}
		for _, data := range [][]byte{r.Data, r.Stderr, []byte(key)} {
			p.collectFrom(data)
		}
		for _, m := range r.Matches {
			p.collectFrom([]byte(m.Path))
		}
	}
}

func (p *pseudonyms) collectFrom(data []byte) {
	for _, m := range passwdLine().FindAllSubmatch(data, -1) {
		if uid, err := strconv.Atoi(string(m[2])); err == nil && uid >= firstPersonal && uid != 65534 {
			p.addUser(string(m[1]))
			for word := range strings.FieldsFuncSeq(string(m[3]), func(r rune) bool { return r == ',' || r == ' ' }) {
				p.addUser(word) // gecos: the person's name
			}
		}
	}
	for _, place := range userPlaces {
		for _, m := range place().FindAllSubmatch(data, -1) {
			p.addUser(string(m[1]))
		}
	}
	for _, place := range hostPlaces {
		for _, m := range place().FindAllSubmatch(data, -1) {
			p.addHost(string(m[1]))
		}
	}
	for _, m := range mailPlace().FindAllSubmatch(data, -1) {
		if host := string(m[2]); !strings.HasSuffix(host, "openssh.com") && !strings.HasSuffix(host, "libssh.org") && !strings.HasSuffix(host, ".service") {
			p.addUser(string(m[1]))
			p.addHost(host)
		}
	}
}

// leastName is the shortest name that is replaced: shorter ones are everywhere.
const leastName = 3

func (p *pseudonyms) add(kind, name string) {
	name = strings.ToLower(strings.Trim(name, ".-_"))
	if len(name) < leastName || p.ordinary[name] || strings.Trim(name, "0123456789.:") == "" || p.names[name] != "" {
		return
	}
	p.names[name] = kind + "-" + hex.EncodeToString(p.sum("name", name))[:6]
}

func (p *pseudonyms) addUser(name string) { p.add("user", name) }

// addHost adds the name, and each part of a longer one by itself, so that
// web1.example.com and web1 stay the same machine. Top level domains stay.
func (p *pseudonyms) addHost(name string) {
	parts := strings.Split(strings.Trim(name, "."), ".")
	if len(parts) > 1 {
		parts = parts[:len(parts)-1]
	}
	for _, part := range parts {
		if !commonLabel().MatchString(part) {
			p.add("host", part)
		}
	}
}

var commonLabel = pattern(`^(?i:co|com|net|org|www|mail|ssh|ns\d*|service|socket|target)$`)

// replaceNames replaces whole words: letters, digits, and - and _ in between.
func (p *pseudonyms) replaceNames(data []byte) []byte {
	if len(p.names) == 0 {
		return data
	}
	out := make([]byte, 0, len(data))
	for i := 0; i < len(data); {
		n := i
		for n < len(data) && nameByte(data[n]) {
			n++
		}
		if n == i {
			out = append(out, data[i])
			i++
			continue
		}
		out = append(out, p.word(data[i:n])...)
		i = n
	}
	return out
}

func nameByte(c byte) bool {
	return wordByte(c) || c == '-' || c == '.' || c == '+' || c == '$' || c >= 0x80
}

// word replaces a word, or else its parts between dots, or else those between
// dashes and the like.
func (p *pseudonyms) word(w []byte) []byte {
	if len(w) > 255 {
		return w
	}
	if r, ok := p.names[strings.ToLower(strings.Trim(string(w), ".-_"))]; ok {
		trimmed := bytes.Trim(w, ".-_")
		return bytes.Replace(w, trimmed, []byte(r), 1)
	}
	for _, sep := range []string{".", "-", "_", "+"} {
		if parts := bytes.Split(w, []byte(sep)); len(parts) > 1 {
			for i := range parts {
				if len(parts[i]) > 0 {
					parts[i] = p.word(parts[i])
				}
			}
			return bytes.Join(parts, []byte(sep))
		}
	}
	return w
}
