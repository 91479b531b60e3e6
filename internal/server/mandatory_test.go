package server

import (
	"strings"
	"testing"

	"sshwhy/internal/evidence"
	"sshwhy/internal/report"
)

// No machine of the lab has SELinux or AppArmor: these bundles are the documented
// Fedora machine with what its tools and its kernel print in the case, written
// after semanage-port(8), matchpathcon(8), and records of the kernel's audit
// from Fedora and openSUSE (fields as there, names changed).

const (
	avcBind = `AVC avc:  denied  { name_bind } for  pid=812 comm="sshd" src=2222 scontext=system_u:system_r:sshd_t:s0-s0:c0.c1023 tcontext=system_u:object_r:unreserved_port_t:s0 tclass=tcp_socket permissive=0`
	avcRead = `AVC avc:  denied  { read } for  pid=2794 comm="sshd-session" name="authorized_keys" dev="dm-0" ino=262 scontext=system_u:system_r:sshd_session_t:s0-s0:c0.c1023 tcontext=unconfined_u:object_r:var_t:s0 tclass=file permissive=0`
	armor   = `AVC apparmor="DENIED" operation="open" class="file" profile="sshd" name="/home/alice/.ssh/authorized_keys" pid=77 comm="sshd-session" requested_mask="r" denied_mask="r" fsuid=1000 ouid=0 FSUID="alice" OUID="root"`
)

// documented is the machine as its bundle has it, with other answers in place of some.
func documented(t *testing.T, name string, answers map[string]string) *evidence.Bundle {
	t.Helper()
	b := recorded(t, "documented-"+name)
	for _, key := range b.Keys() {
		for have, data := range answers {
			if strings.HasPrefix(key, have) {
				r := b.Lookup(key)
				r.Status, r.Exit, r.Data, r.Reason = evidence.Known, 0, []byte(data), ""
				b.PutKey(key, r)
			}
		}
	}
	return b
}

func entry(identifier, message string) string {
	message = strings.ReplaceAll(message, `"`, `\"`)
	return `{"SYSLOG_IDENTIFIER":"` + identifier + `","UNIT":"sshd.service","PRIORITY":"3","MESSAGE":"` + message + `"}` + "\n"
}

// fill looks the items up among answers by the beginning of their keys, whoever
// they are looked at as.
func fill(b *evidence.Bundle, q Query, answers map[string]string) {
	_ = Manifest(q).Rounds(b, func(round []evidence.Item) error {
		for _, it := range round {
			b.Put(it, evidence.Result{Status: evidence.Absent, Reason: "not there", Exit: -1})
			kind, _, rest := evidence.CutKey(it.Key())
			for have, data := range answers {
				if strings.HasPrefix(string(kind)+":"+rest, have) {
					b.Put(it, evidence.Result{Status: evidence.Known, Data: []byte(data), Meta: &evidence.Meta{Type: "file", Mode: 0o600, Size: 80, UID: 1000, GID: 1000}})
				}
			}
		}
		return nil
	})
}

func cause(rep *report.Report, id string) *report.Finding {
	for i := range rep.Findings {
		if rep.Findings[i].Cause == id {
			return &rep.Findings[i]
		}
	}
	return nil
}

func TestBindDeniedBySELinux(t *testing.T) {
	for label, verb := range map[string]string{"unreserved_port_t": "semanage port -a -t", "http_cache_port_t": "semanage port -m -t"} {
		b := documented(t, "fedora-healthy", map[string]string{
			"file:/sys/fs/selinux/enforce": "1\n",
			"cmd:/usr/sbin/sshd -T":        "port 2222\nlistenaddress 0.0.0.0:2222\nlistenaddress [::]:2222\nusepam yes\n",
			"cmd:journalctl": entry("systemd", "Starting sshd.service - OpenSSH server daemon...") +
				entry("sshd", "error: Bind to port 2222 on 0.0.0.0 failed: Permission denied."),
		})
		fill(b, Query{}, map[string]string{"cmd:journalctl": entry("audit", strings.Replace(avcBind, "unreserved_port_t", label, 1))})
		f := cause(Diagnose(b, Query{}, "test"), "bind-denied-selinux")
		if f == nil {
			t.Fatalf("%s: not found", label)
		}
		if f.Certainty != report.Confirmed || !strings.HasPrefix(f.Remedy.Steps[0].Do, verb) || !strings.Contains(f.Evidence[1].Excerpt, "name_bind") {
			t.Errorf("%s: %+v %+v", label, f, f.Remedy)
		}
	}
}

func selinuxUser(label string) map[string]string {
	return map[string]string{
		"cmd:getent passwd alice":               "alice:x:1000:1000::/home/alice:/bin/bash\n",
		"stat:/home/alice/.ssh/authorized_keys": "", "stat:/home/alice": "", "stat:/bin/bash": "",
		"cmd:journalctl":   entry("audit", avcRead),
		"cmd:ls -dZ":       "unconfined_u:object_r:" + label + ":s0 /home/alice/.ssh/authorized_keys\nunconfined_u:object_r:ssh_home_t:s0 /home/alice/.ssh\nunconfined_u:object_r:user_home_dir_t:s0 /home/alice\n",
		"cmd:matchpathcon": "/home/alice/.ssh/authorized_keys\tunconfined_u:object_r:ssh_home_t:s0\n/home/alice/.ssh\tunconfined_u:object_r:ssh_home_t:s0\n/home/alice\tunconfined_u:object_r:user_home_dir_t:s0\n",
	}
}

func TestKeysDeniedBySELinux(t *testing.T) {
	for label, want := range map[string]bool{"var_t": true, "ssh_home_t": false} {
		b := documented(t, "fedora-healthy", map[string]string{"file:/sys/fs/selinux/enforce": "1\n"})
		q := user("alice")
		fill(b, q, selinuxUser(label))
		f := cause(Diagnose(b, q, "test"), "authorized-keys-selinux")
		if (f != nil) != want {
			t.Fatalf("%s: %+v", label, f)
		}
		if f != nil && (f.Impact != report.Blocking || len(f.Evidence) < 4 || f.Remedy.Steps[0].Do != "restorecon -RFv /home/alice") {
			t.Errorf("%+v %+v", f, f.Remedy)
		}
	}
}

func TestDeniedByAppArmor(t *testing.T) {
	for profiles, want := range map[string]bool{"sshd (enforce)\nnscd (complain)\n": true, "sshd (complain)\n": false, "/usr/bin/man (enforce)\n": false} {
		b := documented(t, "opensuse-healthy", map[string]string{"file:/sys/kernel/security/apparmor/profiles": profiles})
		fill(b, Query{}, map[string]string{"cmd:journalctl": entry("kernel", armor)})
		f := cause(Diagnose(b, Query{}, "test"), "bind-denied-apparmor")
		if (f != nil) != want || f != nil && f.Impact != report.Degrading {
			t.Errorf("%q: %+v", profiles, f)
		}
	}
}
