package explain

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sshwhy/internal/report"
)

// The samples are real output of real OpenSSH, each folder one fault that was
// produced on purpose. What a text alone can tell is less than what was done:
// "Permission denied" has one wording for many faults.

// unspecific is what "Permission denied (publickey,password)" leaves open.
const unspecific = "publickey-rejected key-not-offered"

// clientSays maps a fault to the causes that the client's own words allow as
// the first; "none": the client says nothing of it. A missing entry is a fault of the test.
var clientSays = map[string]string{
	"L_privport_bad": "forward-bind-failed", "agent_dead": "connection-refused", "auth_pubkey_disabled": unspecific,
	"bind_if": "client-config-misdirects", "cert_exp": "none", "cert_future": "none", "cert_princ": "none",
	"cfg_L_bad": "client-config-invalid", "cfg_badcipher": "client-config-invalid", "cfg_badnum": "client-config-invalid",
	"cfg_badval": "client-config-invalid", "cfg_cipher_cli": "client-config-invalid", "cfg_dash_o_val": "client-config-invalid",
	"cfg_deprec": "connection-refused", "cfg_dssplus": "client-config-invalid connection-refused", "cfg_extra": "client-config-invalid",
	"cfg_incloop": "connection-refused", "cfg_mac_cli": "client-config-invalid", "cfg_missing": "client-config-invalid", "cfg_noargs": "none",
	"cfg_quote": "client-config-invalid", "cfg_refuse": "client-config-misdirects client-config-invalid", "connection_attempts": "connection-refused",
	"dns_emptylabel": "wrong-host-name", "dns_nxdomain": "name-not-found", "fake_badban": "not-ssh", "fake_banner_hang": "none",
	"fake_banner_rst": "closed-before-banner", "fake_close": "closed-before-banner", "fake_garbage_long": "not-ssh closed-before-banner",
	"fake_http": "closed-before-banner", "fake_manylines": "not-ssh closed-before-banner", "fake_nul": "not-ssh closed-before-banner", "fake_oldsrv_nokex": "closed-before-banner",
	"fake_penalty": "closed-before-banner", "fake_rst": "closed-before-banner", "fake_smtp": "closed-before-banner", "fake_ssh1": "ssh1-only",
	"hk_changed": "host-key-changed", "hk_changed_nostrict": "host-key-changed", "hk_ipdiffers": unspecific, "hk_othertype": "host-key-changed host-key-unknown",
	"hk_revokedfile": "host-key-revoked", "hk_unknown_batch": "host-key-unknown", "hk_unwritable": "known-hosts-permissions",
	"kex_cipher_mismatch": "no-common-cipher", "key_crlf": "private-key-invalid", "key_dir": "private-key-permissions", "key_mismatch": "private-key-invalid",
	"key_missing": "private-key-missing", "key_open": "private-key-permissions", "key_passphrase_batch": unspecific, "key_pubaspriv": "private-key-invalid",
	"key_rsa1024": unspecific + " private-key-invalid rsa-key-too-small", "mux_nocheck": "connection-sharing", "mux_stale": "connection-sharing", "proxy_jump_dns": "name-not-found jump-host-failed",
	"proxy_jump_refused": "connection-refused jump-host-failed", "proxy_notfound_sh": "proxy-command-failed", "reqrsasize": "rsa-key-too-small client-config-invalid",
	"session_exit3": "none", "tcp_badport": "client-config-invalid", "tcp_mcast": "no-route", "tcp_port0": "client-config-invalid",
	"tcp_refused_localhost": "connection-refused", "tcp_timeout": "connection-refused", "tun": "forwarding-disabled session-refused",
}

// pairSays is the same for both ends of one connection: client | server.
var pairSays = map[string][2]string{
	"akc_fail": {unspecific, "authorized-keys-command-failed"}, "akc_unsafe": {unspecific, "authorized-keys-command-failed"},
	"allowgroups": {unspecific, "user-not-allowed"}, "allowusers": {unspecific, "user-not-allowed"},
	"denygroups": {unspecific, "user-not-allowed"}, "denyusers": {unspecific, "user-not-allowed"},
	"authmethods": {"pubkey-auth-disabled", "publickey-rejected"}, "badkey": {unspecific, "publickey-rejected"},
	"badperm_home": {unspecific, "authorized-keys-permissions"}, "chroot_bad": {"connection-dropped", "chroot-permissions"},
	"chroot_missing": {"connection-dropped", "chroot-permissions"}, "disablefwd_r": {"forward-bind-failed", "none"},
	"expired_acct": {"account-locked", "account-locked"}, "forced_sftp": {"session-refused", "session-refused"},
	"invalid_user": {unspecific, "user-unknown"}, "jump_refused": {"client-config-misdirects", "none"},
	"lfwd_busy": {"forward-bind-failed", "none"}, "lfwd_busy_warn": {"forward-bind-failed", "none"}, "locked": {"none", "none"},
	"maxsessions0": {"session-refused", "session-refused"}, "nocipher": {"no-common-cipher", "no-common-cipher"},
	"nohome": {unspecific, "publickey-rejected"}, "nohostkey": {"no-common-host-key", "no-common-host-key"},
	"nokex": {"no-common-kex", "no-common-kex"}, "nologinshell": {"shell-invalid", "none"}, "nomac": {"no-common-mac", "no-common-mac"},
	"nomutualsig": {unspecific, "publickey-rejected no-mutual-signature"}, "noshell": {unspecific, "shell-invalid"}, "ok": {"none", "none"},
	"persource1": {"closed-before-banner", "max-startups"}, "pubkeyalgs": {unspecific, "no-mutual-signature"},
	"pw_expired": {"password-expired", "password-expired"}, "refuseconn": {"closed-before-banner", "user-not-allowed"},
	"revoked_userkey": {unspecific, "publickey-rejected"}, "rfwd_busy": {"forward-bind-failed", "forward-bind-failed"},
	"rfwd_busy_warn": {"forward-bind-failed", "forward-bind-failed"}, "rootforced": {"connection-dropped", "root-login-disabled"},
	"rootno": {unspecific, "root-login-disabled"}, "subsystem": {"sftp-server-missing", "session-refused"},
	"toomany": {"too-many-keys", "too-many-keys"}, "tty_nopty": {"pty-allocation-failed", "none"},
	"w_prohib": {"forwarding-disabled", "forwarding-disabled"}, "w_refused": {"jump-host-failed port-forward-broken", "port-forward-broken"},
	"w_unknownhost": {"jump-host-failed port-forward-broken", "port-forward-broken"}, "x11_fail": {"forwarding-disabled", "none"},
}

// verboseSays is what `ssh -v` says, where it is more than the last line alone, or
// where there is no other sample. notty: keys and an empty password, without a terminal.
var verboseSays = map[string]string{
	"subsystem":   "session-refused",
	"authmethods": "no-auth-method", "nokey": unspecific, "nologin": "pam-denied", "nomutualsig": "no-mutual-signature",
	"notty": "password-rejected " + unspecific, "persource1": "source-penalized", "refuseconn": "auth-timeout",
	"rootno": "private-key-passphrase",
}

// serverSays is what the server's start or log says.
var serverSays = map[string]string{
	"badident": "not-ssh", "bind_inuse": "port-in-use", "cfg_akc_nouser": "sshd-config-invalid", "cfg_authmethods": "sshd-config-invalid",
	"cfg_match_notallowed": "sshd-config-invalid", "cfg_deprecated": "none", "cfg_dsa": "none client-config-invalid", "cfg_include_missing": "none",
	"direct_sshd-auth": "sshd-broken", "gracetime": "none closed-before-banner auth-timeout", "hk_cert_bad": "host-certificate-invalid", "hk_one_missing": "host-keys-missing",
	"hk_passphrase": "host-key-invalid", "hk_small": "rsa-key-too-small", "http_probe": "not-ssh", "libexec_missing": "upgrade-unfinished",
	"maxstartups": "max-startups", "nmap_probe": "closed-before-banner", "penalty_authfail": "source-penalized", "penalty_noauth": "source-penalized",
	"privsep_badmode": "privsep-dir-missing", "privsep_user_missing": "privsep-user-missing", "relpath": "sshd-broken",
	"server_alive_timeout": "connection-dropped", "ssh1_probe": "ssh1-only",
}

func explainFile(t *testing.T, file string) *report.Report {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := Explain(f, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func check(t *testing.T, file, want string) {
	t.Helper()
	r := explainFile(t, file)
	got := "none"
	if len(r.Findings) > 0 {
		got = r.Findings[0].Cause
	}
	if !slices.Contains(strings.Fields(want), got) {
		t.Errorf("%s: first cause %s, want %s", file, got, want)
	}
	for _, f := range r.Findings {
		if len(f.Evidence) == 0 || f.Summary == "" {
			t.Errorf("%s: %s has no evidence or no summary", file, f.Cause)
		}
	}
}

func TestSamples(t *testing.T) {
	each := func(pattern string, f func(file, fault string)) {
		files, _ := filepath.Glob("testdata/openssh/" + pattern)
		if len(files) == 0 {
			t.Fatalf("no samples %s", pattern)
		}
		for _, file := range files {
			f(file, filepath.Base(filepath.Dir(file)))
		}
	}
	each("client/*/*.txt", func(file, fault string) {
		if want, ok := clientSays[fault]; ok {
			check(t, file, want)
		} else {
			t.Errorf("nothing is expected of %s", file)
		}
	})
	each("pair/*/*.client.txt", func(file, fault string) { check(t, file, pairSays[fault][0]) })
	each("pair/*/*.server.txt", func(file, fault string) { check(t, file, pairSays[fault][1]) })
	each("pair/*/*.client-v*.txt", func(file, fault string) {
		want, ok := verboseSays[fault]
		if !ok {
			want = pairSays[fault][0]
		}
		check(t, file, want)
		noFalseLists(t, file, want)
	})
	each("server/*/*.txt", func(file, fault string) {
		if want, ok := serverSays[fault]; ok {
			check(t, file, want)
		}
	})
}

// noFalseLists: where a host's key came, four lists were agreed on.
func noFalseLists(t *testing.T, file, want string) {
	t.Helper()
	for _, f := range explainFile(t, file).Findings {
		if slices.Contains(noCommon, f.Cause) && f.Cause != want {
			t.Errorf("%s: %s (%s)", file, f.Cause, f.Certainty)
		}
	}
}

// TestSuccess: a connection that works is no failure, in any version's words.
func TestSuccess(t *testing.T) {
	files, _ := filepath.Glob("testdata/openssh/ok/*.txt")
	if len(files) == 0 {
		t.Fatal("no samples")
	}
	for _, f := range files {
		r := explainFile(t, f)
		if r.Verdict != report.VerdictOK || len(r.Findings) > 0 {
			t.Errorf("%s: verdict %s, %d findings", f, r.Verdict, len(r.Findings))
		}
		for _, s := range r.Stages {
			if s.Status != report.StatusOK {
				t.Errorf("%s: stage %s is %s", f, s.Stage, s.Status)
			}
		}
	}
}
