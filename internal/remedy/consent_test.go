//go:build linux

package remedy

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sshwhy/internal/evidence"
	"sshwhy/internal/evidence/local"
	"sshwhy/internal/report"
	"sshwhy/internal/server"
	"sshwhy/internal/sshconf"
)

// The tests of this file break and mend /etc/ssh/sshd_config with a real sshd,
// so they run only where that is nobody's: lab/consent_test.go starts them in a
// root of their own.
func needPrivateRoot(t *testing.T) {
	t.Helper()
	if os.Getenv("SSHWHY_PRIVATE_ROOT") == "" {
		t.Skip("needs a root file system of its own: lab/consent_test.go runs it in one")
	}
}

// etc is a configuration: its files below /etc/ssh by name.
type etc map[string]string

const mainName = "sshd_config"

// put makes the machine's configuration this one.
func (e etc) put(t *testing.T) {
	t.Helper()
	old, _ := filepath.Glob("/etc/ssh/*.conf")
	more, _ := filepath.Glob("/etc/ssh/sshd_config.d/*")
	for _, f := range append(old, more...) {
		os.Remove(f)
	}
	for name, text := range e {
		if err := os.WriteFile("/etc/ssh/"+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// get reads the machine's configuration back.
func (e etc) get(t *testing.T) etc {
	t.Helper()
	now := etc{}
	for name := range e {
		text, err := os.ReadFile("/etc/ssh/" + name)
		if err != nil {
			t.Fatal(err)
		}
		now[name] = string(text)
	}
	return now
}

// diagnosed is what the diagnosis of the machine says about sshd's configuration,
// with the edits that it would make and nothing else to do. It looks at nothing
// else, which is what takes the time.
func diagnosed(t *testing.T) *report.Report {
	t.Helper()
	q := server.Query{}
	manifest := func(seen *evidence.Bundle) []evidence.Item {
		return slices.DeleteFunc(server.Manifest(q)(seen), func(it evidence.Item) bool {
			switch it.Kind {
			case evidence.KindCommand:
				return !slices.Equal(it.Args, []string{"/usr/sbin/sshd", "-t"}) && !(it.Args[0] == "ssh" && it.Args[1] == "-Q")
			case evidence.KindStat:
				return it.Path != "/usr/sbin/sshd"
			}
			return !strings.HasPrefix(it.Path, "/etc/ssh/")
		})
	}
	b, err := local.Fill(t.Context(), manifest, local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rep := server.Diagnose(b, q, "test")
	var found []report.Finding
	for _, f := range rep.Findings {
		if f.Cause != "sshd-config-invalid" {
			continue
		}
		var edits []report.Step
		for _, st := range f.Remedy.Steps {
			if st.Act != nil && st.Act.Kind == report.ActEdit {
				edits = append(edits, st)
			}
		}
		f.Remedy.Steps = edits
		found = append(found, f)
	}
	rep.Findings = found
	return rep
}

// mended is what `--fix --yes` leaves of a configuration: it plans and edits
// until nothing is left to do, and says what it left and why.
func mended(t *testing.T, broken etc, opt Options) (after etc, left []Left, then []string) {
	t.Helper()
	broken.put(t)
	s := &System{}
	for range maxRounds {
		plan, err := Make(t.Context(), s, diagnosed(t), opt)
		if err != nil {
			t.Fatal(err)
		}
		left = plan.Left
		if len(plan.Steps) == 0 {
			break
		}
		for _, st := range plan.Steps {
			file, text, _ := st.newContent()
			then = append(then, st.Effect...)
			if err := checkContent(context.Background(), s, st.act.Check, file, st.doer.(*fileDoer).oldText, *text); err != nil {
				return broken.get(t), append(left, Left{Cause: st.Causes[0], Summary: st.Do, Why: err.Error()}), then
			}
			if err := os.WriteFile(file, []byte(*text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return broken.get(t), left, then
}

// taken says whether sshd takes the configuration in its place.
func taken() bool {
	return exec.Command("/usr/sbin/sshd", "-t").Run() == nil
}

const debian = `Include /etc/ssh/sshd_config.d/*.conf
KbdInteractiveAuthentication no
UsePAM yes
X11Forwarding yes
PrintMotd no
AcceptEnv LANG LC_*
Subsystem	sftp	/usr/lib/openssh/sftp-server
`

// TestConsent: what may be written without the consent of --open. "" leaves the
// file as it is, and says why.
func TestConsent(t *testing.T) {
	needPrivateRoot(t)
	for _, c := range []struct{ line, want string }{
		// The opposite of what is meant is never written.
		{"DisablePasswordAuthentication yes", ""},
		{"DenyRootLogin yes", ""},
		{"DenyEmptyPasswords yes", ""},
		{"DisallowUsers bob", ""},
		{"OnlyUsers alice", ""},
		{"NoX11Forwarding yes", ""},
		// What a line was to keep out is not let in.
		{"PasswordLogin no", ""},
		{"RootLogin no", ""},
		{"AuthorizedPrincipalsCommand /usr/local/bin/p %u", ""},
		{`Include "/etc/ssh/hard.conf`, ""},
		{"AllowUsers", ""},
		{`DenyUsers "bob`, ""},
		{"AuthenticationMethods publickey,pasword", ""},
		{"Match Usr bob", ""},
		{"MaxAuthTries three", ""},
		{"Port 22x", ""},
		{"ListenAddress nowhere.invalid", ""},
		{"PasswordAuthentication", ""},
		{"PasswordAuthentication on", ""},
		{"UsePAM noo", "UsePAM no"}, // which the line before it puts out of force
		{"ForceCommand", ""},
		// A slip is mended where that lets nobody in …
		{"PermitRotLogin no", "PermitRootLogin no"},
		{"PasswordAuthentification no", "PasswordAuthentication no"},
		{"AlowUsers alice", "AllowUsers alice"},
		{"PubkeyAuthOptions verify-requird", "PubkeyAuthOptions verify-required"},
		{"AllowStreamLocalForwarding noo", "AllowStreamLocalForwarding no"},
		{"PermitListen nonne", "PermitListen none"},
		{"PermitRootLogin maybe", "PermitRootLogin no"},
		{"PermitEmptyPasswords # never", "PermitEmptyPasswords no # never"},
		{"AllowTcpForwarding", "AllowTcpForwarding no"},
		// … and not where it does.
		{"PermitRotLogin yes", ""},
		{"PermitEmptyPasword yes", ""},
		{"PermitUserEnviroment yes", ""},
		// What nobody needs may go.
		{"Ciphers aes256-ctr,rot13", "Ciphers aes256-ctr"},
		{"HostKeyAlgorithms ssh-ed25519,ssh-dss,rsa-sha2-256", "HostKeyAlgorithms ssh-ed25519,rsa-sha2-256"},
		{"HostKeyAlgorithms +ssh-dss", "# HostKeyAlgorithms +ssh-dss"},
		{"Ciphers rot13", ""},
		{"StrictHostKeyChecking no", "# StrictHostKeyChecking no"},
		{"IdentityFile ~/.ssh/id_rsa", "# IdentityFile ~/.ssh/id_rsa"},
		{"Host *", "# Host *"},
		{"IPQoS fast", "# IPQoS fast"},
		{"AuthorizedKeysCommand /usr/local/bin/k %u", ""},
		{"VersionAddendum", "# VersionAddendum"},
	} {
		broken := etc{mainName: debian + c.line + "\n"}
		if broken.put(t); taken() {
			continue // this release still knows what the next one dropped
		}
		after, left, then := mended(t, broken, Options{Where: report.OnServer})
		want := debian + c.line + "\n"
		if c.want != "" {
			want = debian + c.want + "\n"
		}
		if after[mainName] != want {
			t.Errorf("%s: became\n%s%q", c.line, after[mainName], then)
		}
		if c.want == "" && (len(left) == 0 || left[0].Why == "") {
			t.Errorf("%s: it is not said why nothing is done", c.line)
		}
		if c.want != "" && !taken() {
			t.Errorf("%s: sshd refuses the mended file", c.line)
		}
	}
}

// TestConsentInMatch: what stands in a Match block is worked out for those whom
// it names.
func TestConsentInMatch(t *testing.T) {
	needPrivateRoot(t)
	for _, c := range []struct{ text, want string }{
		{"Match User bob\n\tPort 2222\n", "Match User bob\n# \tPort 2222\n"},
		{"Match User bob\n\tPermitRotLogin no\n", "Match User bob\n\tPermitRootLogin no\n"},
		{"Match User bob\n\tX11Forwarding noo\n", "Match User bob\n\tX11Forwarding no\n"},
		{"PermitTTY no\nMatch User bob\n\tPermitTTYY yes\n", ""},
		{"PasswordAuthentication no\nMatch Group wheel\n\tPasswordAuthenticaton yes\n", ""},
		{"Match User bob\n\tUsePAM no\n", ""},
		{"Match User bob\nPort 22\nAllowUsers alice\n", ""},
		{"Match User bob\nPrintMotd no\nAllowUsers alice\n", ""},
		{"PermitTTY no\nMatch User bob\nPermitTTY yes\nPrintMotd no\nMatch User carol\nPermitTTY yes\n",
			"PermitTTY no\nMatch User bob\nPermitTTY yes\n# PrintMotd no\nMatch User carol\nPermitTTY yes\n"},
		{"Mach User bob\n\tPasswordAuthentication no\n", ""},
	} {
		want := c.want
		if want == "" {
			want = c.text
		}
		after, _, then := mended(t, etc{mainName: debian + c.text}, Options{Where: report.OnServer})
		if after[mainName] != debian+want {
			t.Errorf("%s became %s%q", c.text, strings.TrimPrefix(after[mainName], debian), then)
		}
	}
}

// TestOpenSaysWhom: with the consent of --open the line goes, and the plan says
// what that does.
func TestOpenSaysWhom(t *testing.T) {
	needPrivateRoot(t)
	for _, c := range []struct{ line, want, says string }{
		{"PermitRotLogin yes", "PermitRootLogin yes", "root could log in with a password"},
		{"RootLogin no", "# RootLogin no", `whoever "RootLogin no" was to keep out could come in`},
		{"Match User bob\nPermitEmptyPasword yes", "Match User bob\nPermitEmptyPasswords yes", "where Match User bob holds, everyone could log in to accounts whose password is empty"},
	} {
		after, _, then := mended(t, etc{mainName: debian + c.line + "\n"}, Options{Where: report.OnServer, Open: true})
		if after[mainName] != debian+c.want+"\n" || !strings.Contains(strings.Join(then, "\n"), c.says) {
			t.Errorf("%s: %q\n%s", c.line, then, after[mainName])
		}
		if !taken() {
			t.Errorf("%s: sshd refuses the mended file", c.line)
		}
	}
}

// TestEffect: what a change of a configuration that sshd takes does.
func TestEffect(t *testing.T) {
	needPrivateRoot(t)
	const match = debian + "PermitRootLogin no\nMatch Address 10.0.0.0/8\nPermitRootLogin yes\nMatch User bob\nForceCommand /bin/true\n"
	for _, c := range []struct {
		name, before, after string
		want                sshconf.Direction
		says                string
	}{
		{"nothing", debian, debian, sshconf.Same, ""},
		{"a banner", debian, debian + "Banner /etc/issue\n", sshconf.Same, ""},
		{"a list put in", debian, debian + "AllowUsers alice\n", sshconf.Narrower, "could no longer log in"},
		{"a list taken out", debian + "AllowUsers alice\n", debian, sshconf.Wider, "everyone whom AllowUsers keeps out could log in"},
		{"a name added", debian + "AllowUsers alice\n", debian + "AllowUsers alice bob\n", sshconf.Wider, "bob could log in"},
		{"a line behind the first", debian + "PermitRootLogin no\n", debian + "PermitRootLogin no\nPermitRootLogin yes\n", sshconf.Same, ""},
		{"the first line taken out", debian + "PermitRootLogin no\nPermitRootLogin yes\n", debian + "PermitRootLogin yes\n", sshconf.Wider, "root could log in with a password"},
		{"an address taken out", debian + "ListenAddress 127.0.0.1\n", debian, sshconf.Wider, "reach the server at 0.0.0.0:22"},
		{"a block's criteria", match, strings.Replace(match, "10.0.0.0/8", "0.0.0.0/0", 1), sshconf.Wider, "where Match Address 0.0.0.0/0 holds, root could log in with a password"},
		{"a block's line taken out", match, strings.Replace(match, "ForceCommand /bin/true\n", "", 1), sshconf.Wider, "where Match User bob holds, everyone could run any command"},
		{"a block narrowed", match, strings.Replace(match, "Login yes", "Login no", 1), sshconf.Narrower, "could no longer"},
		{"the order of blocks", debian + "Match User bob\nPermitTTY no\nMatch Group staff\nPermitTTY yes\n",
			debian + "Match Group staff\nPermitTTY yes\nMatch User bob\nPermitTTY no\n", sshconf.Wider, "where Match Group staff and Match User bob hold, everyone could have a terminal"},
		{"PAM", debian, strings.Replace(debian, "UsePAM yes", "UsePAM no", 1), sshconf.Unknown, "UsePAM would be no instead of yes"},
		{"Match all", debian + "Match all\nPermitTTY no\n", debian, sshconf.Wider, "everyone could have a terminal"},
	} {
		etc{mainName: c.before}.put(t)
		const file = "/etc/ssh/" + mainName
		j, err := newSSHDJudge(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		before, err := j.accepted(t.Context(), nil, nil)
		if err != nil {
			t.Fatal(c.name, err)
		}
		e := j.effectOf(t.Context(), before, changes{file: &c.after})
		if e.direction != c.want || !strings.Contains(strings.Join(e.words, "\n"), c.says) || (c.says == "") != (len(e.words) == 0) {
			t.Errorf("%s: %d %q", c.name, e.direction, e.words)
		}
		j.close()
	}
}
