package facts

import "testing"

func FuzzParseDenial(f *testing.F) {
	f.Add(`avc:  denied  { getopt } for  pid=2794 comm="sshd-auth" laddr=::1 lport=22 tcontext=system_u:system_r:sshd_t:s0-s0:c0.c1023 tclass=tcp_socket permissive=1`)
	f.Add(`apparmor="DENIED" operation="exec" class="file" profile="sshd" name="/usr/bin/userdbctl"  comm="sshd-session" requested_mask="x"`)
	f.Fuzz(func(t *testing.T, line string) {
		if d, ok := parseDenial(line); ok && (d.By == "" || d.Comm == "") {
			t.Errorf("%q: %+v", line, d)
		}
	})
}

// Records of the kernel's audit, fields as Fedora and openSUSE have them.
func TestParseDenial(t *testing.T) {
	if d, ok := parseDenial(`type=AVC msg=audit(1700000000.1:5): avc:  denied  { name_bind } for  pid=1 comm="sshd" src=2222 scontext=a:b:sshd_t:s0 tcontext=system_u:object_r:http_port_t:s0 tclass=tcp_socket permissive=0`); !ok ||
		d.Permission != "name_bind" || d.Port != 2222 || d.Target != "http_port_t" || d.Class != "tcp_socket" {
		t.Errorf("%+v", d)
	}
	for _, line := range []string{
		`avc:  denied  { getopt } for  pid=2794 comm="sshd-auth" laddr=::1 lport=22 tcontext=a:b:sshd_t:s0 tclass=tcp_socket permissive=1`,
		`avc:  denied  { read } for  pid=5 comm="httpd" name="x" tcontext=a:b:c:s0 tclass=file permissive=0`,
		`apparmor="ALLOWED" operation="open" profile="sshd" comm="sshd-session"`,
		``,
	} {
		if d, ok := parseDenial(line); ok {
			t.Errorf("%q: %+v", line, d)
		}
	}
}
