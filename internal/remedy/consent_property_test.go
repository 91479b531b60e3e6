//go:build linux

package remedy

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sshwhy/internal/report"
	"sshwhy/internal/sshconf"
)

// The configurations that are broken: what distributions ship, what guides to
// hardening say, and blocks as people write them. Each is one that sshd takes.
var goodConfigs = []etc{
	{mainName: debian},
	{mainName: debian + "Port 22\nPermitRootLogin no\nPasswordAuthentication no\nAllowUsers alice bob\nMaxAuthTries 3\n"},
	{mainName: `Include /etc/ssh/sshd_config.d/*.conf
Port 2222
AddressFamily inet
ListenAddress 127.0.0.1
HostKey /etc/ssh/ssh_host_ed25519_key
KexAlgorithms curve25519-sha256,diffie-hellman-group16-sha512
Ciphers chacha20-poly1305@openssh.com,aes256-gcm@openssh.com
MACs hmac-sha2-512-etm@openssh.com,hmac-sha2-256-etm@openssh.com
HostKeyAlgorithms ssh-ed25519,rsa-sha2-512
LogLevel VERBOSE
LoginGraceTime 30
PermitRootLogin prohibit-password
StrictModes yes
MaxAuthTries 3
MaxSessions 2
PubkeyAuthentication yes
AuthorizedKeysFile .ssh/authorized_keys
HostbasedAuthentication no
IgnoreRhosts yes
PasswordAuthentication no
PermitEmptyPasswords no
KbdInteractiveAuthentication no
AllowAgentForwarding no
AllowTcpForwarding no
GatewayPorts no
X11Forwarding no
X11UseLocalhost yes
PermitTTY yes
PrintMotd no
TCPKeepAlive no
PermitUserEnvironment no
Compression no
ClientAliveInterval 300
ClientAliveCountMax 2
UseDNS no
MaxStartups 10:30:60
PermitTunnel no
ChrootDirectory none
Banner /etc/issue.net
AuthenticationMethods publickey
RequiredRSASize 3072
UsePAM yes
Subsystem sftp internal-sftp -f AUTHPRIV
`},
	{mainName: `Include /etc/ssh/sshd_config.d/*.conf
UsePAM yes
PermitRootLogin no
AllowGroups sudo users
DenyUsers mallory eve
Subsystem sftp internal-sftp
Match Group users
	ChrootDirectory /srv/%u
	ForceCommand internal-sftp
	AllowTcpForwarding no
	X11Forwarding no
Match User alice Address 10.0.0.0/8
	PasswordAuthentication yes
	PermitOpen 127.0.0.1:80
Match LocalPort 2222
	AuthenticationMethods publickey,password
`, "sshd_config.d/10-site.conf": "PasswordAuthentication no\nPermitEmptyPasswords no\n"},
	{mainName: debian, "sshd_config.d/10-hard.conf": "PermitRootLogin no\nMatch User bob\nPermitTTY no\nForceCommand /bin/true\nMatch Address 192.0.2.0/24\nPermitRootLogin yes\n",
		"sshd_config.d/20-keys.conf": "PubkeyAuthOptions touch-required\nDisableForwarding yes\nRevokedKeys /etc/ssh/moduli\nPermitListen none\nPermitUserEnvironment LANG,LC_*\n"},
}

// The ways in which people break a line of it. Each gives the lines to put in
// the place of one.
var mutations = []func(r *rand.Rand, line string) []string{
	slipIn(func(l sshconf.Line) string { return l.Keyword }, func(l sshconf.Line, word string) string { return l.WithKeyword(word) }),
	slipIn(func(l sshconf.Line) string { return l.Args[len(l.Args)-1] },
		func(l sshconf.Line, word string) string { return l.WithArg(len(l.Args)-1, word) }),
	func(r *rand.Rand, line string) []string { return []string{line[:1+r.IntN(len(line)-1)]} },
	func(r *rand.Rand, line string) []string {
		at := r.IntN(len(line))
		return []string{line[:at] + `"` + line[at:]}
	},
	func(r *rand.Rand, line string) []string {
		return []string{line + pick(r, ",rot13", ",ssh-dss", " extra", "x", " no")}
	},
	func(r *rand.Rand, line string) []string {
		return []string{line, pick(r, "IdentityFile ~/.ssh/id_rsa", "StrictHostKeyChecking no", "Host *", "ForwardAgent yes", "User root", "ServerAliveInterval 5")}
	},
	func(r *rand.Rand, line string) []string {
		l, _ := sshconf.ParseLine(line)
		word := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(l.Keyword, "Permit"), "Allow"), "Deny")
		return []string{l.WithKeyword(pick(r, "Deny", "No", "Disable", "Disallow", "Only", "Un", "Allow", "Permit") + word)}
	},
	func(r *rand.Rand, line string) []string {
		return []string{line, pick(r, "PasswordLogin no", "RootLogin no", "DenyRootLogin yes", "OnlyUsers alice", "DisallowUsers bob", "Ciphers +rot13",
			"HostKeyAlgorithms +ssh-dss", "PubkeyAcceptedAlgorithms ssh-dss,ssh-ed25519", "AllowStreamLocalForwarding noo", "PermitListen nonne",
			"PubkeyAuthOptions verify-requird", "AuthorizedPrincipalsCommand /usr/local/bin/p %u", "AuthorizedKeysCommand /usr/local/bin/k %u",
			"ListenAddress nowhere.invalid", "PermitRotLogin yes", "PermitEmptyPasword yes", "MaxStartups many", "Match Usr bob", "LogLevel LOUD")}
	},
	func(r *rand.Rand, line string) []string { return []string{"Match User bob", line} },
	func(r *rand.Rand, line string) []string {
		return []string{strings.ToUpper(line[:1]) + strings.ToUpper(line[1:])}
	},
}

func pick(r *rand.Rand, words ...string) string { return words[r.IntN(len(words))] }

// slipIn makes one or two slips of the keyboard in a word of a line.
func slipIn(of func(sshconf.Line) string, put func(sshconf.Line, string) string) func(*rand.Rand, string) []string {
	return func(r *rand.Rand, line string) []string {
		l, _ := sshconf.ParseLine(line)
		word := of(l)
		for range 1 + r.IntN(2) {
			at := r.IntN(len(word))
			switch letter := string(rune('a' + r.IntN(26))); r.IntN(4) {
			case 0:
				word = word[:at] + letter + word[at:]
			case 1:
				word = word[:at] + word[at+1:]
			case 2:
				word = word[:at] + letter + word[at+1:]
			case 3:
				if at+1 < len(word) {
					word = word[:at] + word[at+1:at+2] + word[at:at+1] + word[at+2:]
				}
			}
			if word == "" {
				word = "x"
			}
		}
		return []string{put(l, word)}
	}
}

// breakage is a good configuration, broken; and that without the broken lines.
type breakage struct {
	good, broken, without etc
	what                  []string
}

// newBreakage breaks one or two lines, each so that sshd refuses the
// configuration for it alone: what it takes is what the owner wants.
func newBreakage(t *testing.T, r *rand.Rand) breakage {
	b := breakage{good: goodConfigs[r.IntN(len(goodConfigs))], broken: etc{}, without: etc{}}
	for name, text := range b.good {
		b.broken[name], b.without[name] = text, text
	}
	names := slices.Sorted(maps.Keys(b.good))
	name := names[r.IntN(len(names))]
	lines := strings.Split(strings.TrimSuffix(b.good[name], "\n"), "\n")
	chosen := r.Perm(len(lines))[:1+r.IntN(2)]
	var broken, without []string
	for i, line := range lines {
		if l, ok := sshconf.ParseLine(line); !slices.Contains(chosen, i) || !ok || len(l.Args) == 0 || l.Is("Include") {
			broken, without = append(broken, line), append(without, line)
			continue
		}
		now := mutations[r.IntN(len(mutations))](r, line)
		alone := maps.Clone(b.good)
		alone[name] = strings.Join(slices.Concat(lines[:i], now, lines[i+1:]), "\n") + "\n"
		if alone.put(t); taken() {
			broken, without = append(broken, line), append(without, line)
			continue
		}
		b.what = append(b.what, fmt.Sprintf("%s: %q → %q", name, line, now))
		broken = append(broken, now...)
		if now[0] == line {
			without = append(without, line)
		}
	}
	b.broken[name] = strings.Join(broken, "\n") + "\n"
	b.without[name] = strings.Join(without, "\n") + "\n"
	return b
}

// visitorsAsked are those whose settings are compared: named by the blocks, by
// some of their criteria, and by none.
var visitorsAsked = []string{
	"user=root,host=h,addr=10.0.0.5,laddr=127.0.0.1,lport=22", "user=root,host=h,addr=192.0.2.7,laddr=127.0.0.1,lport=2222",
	"user=alice,host=h,addr=10.0.0.5,laddr=127.0.0.1,lport=22", "user=alice,host=h,addr=203.0.113.9,laddr=127.0.0.1,lport=2222",
	"user=bob,host=h,addr=192.0.2.7,laddr=127.0.0.1,lport=22", "user=games,host=h,addr=203.0.113.9,laddr=127.0.0.1,lport=22",
}

// settings is what sshd makes of a configuration for each visitor; nil where it
// refuses it.
func settings(t *testing.T, e etc) []sshconf.Effective {
	e.put(t)
	asked := visitorsAsked[:1]
	for _, text := range e {
		if strings.Contains(strings.ToLower(text), "match") {
			asked = visitorsAsked
		}
	}
	var out []sshconf.Effective
	for _, v := range visitorsAsked {
		if len(out) < len(asked) {
			dump, err := exec.Command("/usr/sbin/sshd", "-T", "-C", v).Output()
			if err != nil {
				return nil
			}
			out = append(out, sshconf.ParseDump(dump))
			continue
		}
		out = append(out, out[0])
	}
	return out
}

// withoutHostKeys says whether sshd takes the configuration, and finds no host key where it leads.
func withoutHostKeys() bool {
	out, _ := exec.Command("/usr/sbin/sshd", "-t").CombinedOutput()
	return strings.Contains(string(out), "no hostkeys available") && !strings.Contains(string(out), "bad configuration option")
}

// TestPropertyOfConsent: whatever is broken, what is done without the consent of
// --open gives nobody more than the configuration had before it was broken, nor
// more than it has without the broken lines; and what is not done is said.
func TestPropertyOfConsent(t *testing.T) {
	needPrivateRoot(t)
	runs, _ := strconv.Atoi(os.Getenv("SSHWHY_CONSENT_RUNS"))
	seed, _ := strconv.ParseUint(os.Getenv("SSHWHY_CONSENT_SEED"), 10, 64)
	tally := map[string]int{}
	for n := uint64(0); tally["broken"] < runs; n++ {
		b := newBreakage(t, rand.New(rand.NewPCG(seed, n)))
		if len(b.what) == 0 {
			continue
		}
		tally["broken"]++
		after, left, then := mended(t, b.broken, Options{Where: report.OnServer})
		if !taken() {
			tally["left"]++
			if withoutHostKeys() {
				continue // another finding's: mended looks at the configuration alone
			}
			if len(left) == 0 || left[0].Why == "" {
				t.Errorf("%d: %q: not mended, and it is not said why\n%s", n, b.what, after)
			}
			continue
		}
		now := settings(t, after)
		if now == nil {
			tally["mended, sshd -T dies of it"]++ // 10.0 does of a Subsystem in a block that holds
			continue
		}
		tally["mended"]++
		for _, other := range []etc{b.good, b.without} {
			if v, words := wider(settings(t, other), now); words != "" {
				t.Errorf("%d: %q: mended, and for %s: %s\nthan with\n%s\nthe plan said %q and left\n%s", n, b.what, v, words, other, then, after)
			}
		}
	}
	t.Logf("seed %d: %v", seed, tally)
}

// wider is the first visitor who has more, or perhaps more, and what.
func wider(was, now []sshconf.Effective) (visitor, words string) {
	for i, v := range visitorsAsked[:min(len(was), len(now))] {
		for _, d := range sshconf.Compare(was[i], now[i]) {
			if d.Direction > sshconf.Narrower {
				return v, d.Words
			}
		}
	}
	return "", ""
}
