package explain

import (
	"sshwhy/internal/report"
)

// Where a text does not decide, one more output would. A question is a command that
// only looks, and what its output holds where a cause is the one (the words are those
// of OpenSSH's sources, of ip(8), nc(1) and systemctl(1)).
type question struct {
	do    string
	where string
	shows map[string]string // cause → what speaks for it
}

// questions are in the order in which they are preferred: what can be asked at the
// client, without anyone else, comes first.
var questions = [...]question{
	{"ssh -v USER@HOST", report.OnClient, map[string]string{
		"key-not-offered":          `no line "Offering public key" names the key that is meant`,
		"publickey-rejected":       `"Offering public key" names the right key, and "Authentications that can continue" follows at once`,
		"wrong-user":               `"Authenticating to … as" shows another name than is meant`,
		"password-auth-disabled":   `"Authentications that can continue" holds neither password nor keyboard-interactive`,
		"pubkey-auth-disabled":     `"Authentications that can continue" does not hold publickey`,
		"no-auth-method":           `"No more authentication methods to try", with no method of the server's list tried`,
		"password-rejected":        `"Next authentication method: password" (or keyboard-interactive), and "Permission denied, please try again"`,
		"private-key-passphrase":   `"Server accepts key", and then no signature: "read_passphrase" or an empty answer`,
		"agent-refused":            `"sign_and_send_pubkey: signing failed … agent refused operation"`,
		"private-key-permissions":  `"bad permissions" for the key`,
		"private-key-missing":      `"no such identity" for the key`,
		"private-key-invalid":      `"invalid format" or "error in libcrypto" for the key`,
		"pam-denied":               `"Server accepts key" or a password sent, and then the connection is closed`,
		"session-refused":          `"Authenticated to", and then the end`,
		"connection-dropped":       `"Entering interactive session", and the end only later`,
		"closed-before-banner":     `nothing from the server after "Local version string"`,
		"closed-during-kex":        `"Remote protocol version", and the end before "Server host key"`,
		"banner-timeout":           `it stays at "Local version string"`,
		"mtu-blackhole":            `it stays at "expecting SSH2_MSG_KEX…"`,
		"no-common-kex":            `"kex: algorithm: (no match)"`,
		"no-common-host-key":       `"kex: host key algorithm: (no match)"`,
		"no-common-cipher":         `"cipher: (no match)"`,
		"no-common-mac":            `"MAC: (no match)"`,
		"host-key-changed":         `"Offending … key in", with file and line`,
		"host-key-unknown":         `"hostkeys_find_by_key_hostfile" or the question about the key's fingerprint, and no "Offending"`,
		"jump-host-failed":         `the lines of the jump host's own connection end first`,
		"proxy-command-failed":     `"Executing proxy command", and an error of that program`,
		"forwarding-disabled":      `"administratively prohibited"`,
		"forward-bind-failed":      `"remote forward failure", or "Address already in use"`,
		"no-usable-address-family": `every "Connecting to" shows an address with colons`,
		"no-route":                 `"Connecting to" shows an address with dots`,
		"client-config-misdirects": `"Connecting to" shows another host or port than was meant`,
		"wrong-host-name":          `"Could not resolve hostname" shows a name with something attached`,
		"name-not-found":           `"Could not resolve hostname" shows the name as it is meant`,
		"local-proxy-answers":      `"Connecting to" shows an address of 198.18.0.0/15 or of this machine`,
	}},
	{"nc -vz -w 5 HOST PORT; ping -c 3 HOST", report.OnClient, map[string]string{
		"host-unreachable":         `no answer to the ping either`,
		"refused-by-firewall":      `the ping is answered, and the port is not`,
		"connection-refused":       `"Connection refused", and the ping is answered`,
		"connection-timed-out":     `no answer to either`,
		"cloud-firewall":           `no answer to either, while the machine's console shows that it runs`,
		"local-network-permission": `both work in Apple's own Terminal`,
		"machine-not-ready":        `refused or silent now, and "succeeded" some minutes later`,
		"port-blocked-on-path":     `the ping is answered, or port 443 of the same host is`,
	}},
	{"sudo journalctl -u ssh -u sshd -n 50", report.OnServer, map[string]string{
		"publickey-rejected":          `"Failed publickey for" the right user, and no reason above it`,
		"authorized-keys-permissions": `"Authentication refused: bad ownership or modes"`,
		"wrong-user":                  `"Invalid user", or a line for another account than the key is for`,
		"user-unknown":                `"Invalid user"`,
		"user-not-allowed":            `"not allowed because"`,
		"root-login-disabled":         `"ROOT LOGIN REFUSED", or "Failed password for root" with PermitRootLogin in force`,
		"password-rejected":           `"Failed password for" the right user`,
		"pam-denied":                  `"Access denied … by PAM account configuration", or a line of a pam_ module`,
		"account-locked":              `"account is locked" or "has expired"`,
		"auth-timeout":                `"Timeout before authentication"`,
		"max-startups":                `"beginning MaxStartups throttling", or "drop connection"`,
		"source-penalized":            `"penalty" with the client's address`,
		"tcp-wrappers-deny":           `"refused connect from"`,
		"client-banned":               `nothing at all from that address any more`,
		"too-many-keys":               `"Too many authentication failures"`,
		"session-refused":             `"session opened", and the end in the same second`,
		"shell-invalid":               `"shell … does not exist" or "is not executable"`,
		"out-of-memory":               `"fork" or "Cannot allocate memory"`,
		"sshd-broken":                 `"terminated by signal", or an error of the loader`,
		"upgrade-unfinished":          `"does not exist or is not executable", or "rexec"`,
		"service-failed":              `another line above "Failed with result"`,
		"login-slow":                  `seconds between "Accepted" and "session opened"`,
		"sshd-config-invalid":         `"sshd_config: line" and a number`,
		"host-keys-missing":           `"no hostkeys available"`,
		"host-key-invalid":            `"Unable to load host key … invalid format"`,
		"host-key-permissions":        `"UNPROTECTED PRIVATE KEY FILE"`,
		"sshd-lacks-privilege":        `"Operation not permitted" from chroot, setgroups or audit`,
		"port-in-use":                 `"Address already in use"`,
		"disk-full":                   `"No space left on device"`,
	}},
	{"id; sudo ss -tlnp; getenforce", report.OnServer, map[string]string{
		"bind-denied-selinux": `"Enforcing", and nothing else at the port`,
		"bind-no-privilege":   `no uid=0`,
		"port-in-use":         `another program at the port`,
	}},
}

// next is the question that splits a shortlist best: the one whose outputs differ for
// the most of its causes. nil where none splits it.
func (rd *reading) next(causes []string) *question {
	best, most := -1, 1
	for i := range questions {
		answers := map[string]bool{}
		for _, c := range causes {
			if s := questions[i].shows[c]; s != "" {
				answers[s] = true
			}
		}
		if len(answers) > most {
			best, most = i, len(answers)
		}
	}
	if best < 0 {
		return nil
	}
	return &questions[best]
}

// ask puts into the report what to paste next, and with each cause of the shortlist
// what would speak for it.
func (rd *reading) ask(r *report.Report) {
	var causes []string
	for _, f := range r.Findings {
		if f.Impact == report.Blocking || f.Impact == report.Degrading {
			causes = append(causes, f.Cause)
		}
	}
	if len(causes) == 0 || r.Findings[0].Certainty == report.Confirmed {
		return
	}
	q := rd.next(causes)
	if q == nil {
		return
	}
	for i := range r.Findings {
		r.Findings[i].Tells = q.shows[r.Findings[i].Cause]
	}
	step := report.Step{Do: q.do, Where: q.where}
	if step.Do = rd.concrete(rd.spoken(step), rd.cands[0]); step.Do != "" {
		r.Next = &step
	}
}
