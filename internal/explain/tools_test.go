package explain

import (
	"net/netip"
	"strings"
	"testing"
)

// TestTools: outputs of tools as people paste them, alone or beside an error.
func TestTools(t *testing.T) {
	for _, c := range []struct{ name, text, want, client string }{
		{name: "systemctl: inactive", want: "service-stopped", text: `
$ systemctl status ssh
○ ssh.service - OpenBSD Secure Shell server
     Loaded: loaded (/usr/lib/systemd/system/ssh.service; disabled; preset: enabled)
     Active: inactive (dead)`},
		{name: "systemctl: inactive, and started by its socket", want: "", text: `
○ ssh.service - OpenBSD Secure Shell server
     Loaded: loaded (/usr/lib/systemd/system/ssh.service; disabled; preset: enabled)
     Active: inactive (dead)
TriggeredBy: ● ssh.socket`},
		{name: "systemctl: failed, with the reason in the journal", want: "sshd-config-invalid", text: `
× ssh.service - OpenBSD Secure Shell server
     Loaded: loaded (/lib/systemd/system/ssh.service; enabled; vendor preset: enabled)
     Active: failed (Result: exit-code) since Thu 2026-11-20 10:00:00 UTC; 5s ago
Nov 20 10:00:00 web1 sshd[991]: /etc/ssh/sshd_config line 14: Badly formatted port number.
Nov 20 10:00:00 web1 systemd[1]: ssh.service: Control process exited, code=exited, status=255/EXCEPTION`},
		{name: "systemctl: masked", want: "service-masked", text: `
○ ssh.service
     Loaded: masked (Reason: Unit ssh.service is masked.)
     Active: inactive (dead)`},
		{name: "systemctl: another service failed", want: "", text: `
× nginx.service - A high performance web server
     Loaded: loaded (/lib/systemd/system/nginx.service; enabled; preset: enabled)
     Active: failed (Result: exit-code) since Thu 2026-11-20 10:00:00 UTC; 5s ago`},
		{name: "ss: loopback only", want: "listen-loopback-only", text: `
State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process
LISTEN 0      128    127.0.0.1:22       0.0.0.0:*         users:(("sshd",pid=812,fd=3))
LISTEN 0      128    0.0.0.0:80         0.0.0.0:*         users:(("nginx",pid=900,fd=6))`},
		{name: "ss: another port", want: "port-nondefault", text: `
State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process
LISTEN 0      128    0.0.0.0:2222       0.0.0.0:*         users:(("sshd",pid=812,fd=3))
ssh: connect to host web1 port 22: Connection refused`},
		{name: "ss: all is well", want: "", text: `
State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process
LISTEN 0      128    0.0.0.0:22         0.0.0.0:*         users:(("sshd",pid=812,fd=3))
LISTEN 0      128    [::]:22            [::]:*            users:(("sshd",pid=812,fd=4))`},
		{name: "ss: nothing found", want: "service-stopped", text: `
root@web1:~# ss -tlnp | grep :22
root@web1:~# ` + "\nroot@web1:~# exit\nroot@web1:~# ls -l"},
		{name: "ps: only the search itself", want: "service-stopped", text: `
root@web1:~# ps aux | grep sshd
root       801  0.0  0.0   6332  2044 pts/0    S+   10:00   0:00 grep sshd
root@web1:~# ls -l`},
		{name: "ufw: deny by default", want: "firewall-ufw", text: `
Status: active
Logging: on (low)
Default: deny (incoming), allow (outgoing), disabled (routed)
New profiles: skip

To                         Action      From
--                         ------      ----
80/tcp                     ALLOW IN    Anywhere
443/tcp                    ALLOW IN    Anywhere`},
		{name: "ufw: allowed", want: "", text: `
Status: active
Default: deny (incoming), allow (outgoing), disabled (routed)

To                         Action      From
--                         ------      ----
22/tcp (OpenSSH)           ALLOW IN    Anywhere
OpenSSH                    ALLOW IN    Anywhere`},
		{name: "ufw: a deny rule first", want: "firewall-ufw", text: `
Status: active

To                         Action      From
--                         ------      ----
22/tcp                     DENY        Anywhere
22/tcp                     ALLOW       Anywhere`},
		{name: "ufw: inactive", want: "", text: "Status: inactive"},
		{name: "firewalld: no ssh", want: "firewall-firewalld", text: `
public (active)
  target: default
  interfaces: eth0
  services: cockpit dhcpv6-client
  ports: 8080/tcp`},
		{name: "firewalld: a port", want: "", text: `
public (active)
  target: default
  interfaces: eth0
  services: cockpit dhcpv6-client
  ports: 22/tcp 8080/tcp`},
		{name: "iptables -S: policy", want: "firewall-iptables", text: `
-P INPUT DROP
-P FORWARD DROP
-P OUTPUT ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT`},
		{name: "iptables -S: open", want: "", text: `
-P INPUT DROP
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -j REJECT --reject-with icmp-host-prohibited`},
		{name: "iptables -L: reject at the end", want: "firewall-iptables", text: `
Chain INPUT (policy ACCEPT)
target     prot opt source               destination
ACCEPT     all  --  anywhere             anywhere             state RELATED,ESTABLISHED
ACCEPT     icmp --  anywhere             anywhere
REJECT     all  --  anywhere             anywhere             reject-with icmp-host-prohibited`},
		{name: "iptables -L: open", want: "", text: `
Chain INPUT (policy ACCEPT)
target     prot opt source               destination
ACCEPT     tcp  --  anywhere             anywhere             tcp dpt:ssh
REJECT     all  --  anywhere             anywhere             reject-with icmp-host-prohibited`},
		{name: "nft: policy drop", want: "firewall-nftables", text: `
table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		iif "lo" accept
		tcp dport { 80, 443 } accept
	}
}`},
		{name: "nft: open", want: "", text: `
table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		tcp dport { 22, 80, 443 } accept
	}
}`},
		{name: "dpkg: removed", want: "sshd-not-installed", text: `
$ dpkg -l | grep openssh
ii  openssh-client   1:9.6p1-3ubuntu13   amd64   secure shell (SSH) client
rc  openssh-server   1:9.6p1-3ubuntu13   amd64   secure shell (SSH) server`},
		{name: "dpkg: half configured", want: "sshd-broken", text: "iF  openssh-server   1:9.6p1-3ubuntu13   amd64   secure shell (SSH) server"},
		{name: "dpkg: installed", want: "", text: "ii  openssh-server   1:9.6p1-3ubuntu13   amd64   secure shell (SSH) server"},
		{name: "ausearch: the port", want: "bind-denied-selinux", text: `type=AVC msg=audit(1700000000.123:456): avc:  denied  { name_bind } for  pid=1234 comm="sshd" src=2222 scontext=system_u:system_r:sshd_t:s0-s0:c0.c1023 tcontext=system_u:object_r:unreserved_port_t:s0 tclass=tcp_socket permissive=0`},
		{name: "ausearch: the keys", want: "authorized-keys-selinux", text: `type=AVC msg=audit(1700000000.123:456): avc:  denied  { read } for  pid=1234 comm="sshd" name="authorized_keys" dev="dm-0" ino=99 scontext=system_u:system_r:sshd_t:s0-s0:c0.c1023 tcontext=unconfined_u:object_r:default_t:s0 tclass=file permissive=0`},
		{name: "ausearch: another program", want: "", text: `type=AVC msg=audit(1700000000.123:456): avc:  denied  { read } for  pid=1234 comm="httpd" name="x" scontext=system_u:system_r:httpd_t:s0 tclass=file`},
		{name: "fail2ban: banned", want: "client-banned", client: "203.0.113.7", text: `
Status for the jail: sshd
` + "`- Actions\n   |- Currently banned: 2\n   `- Banned IP list:   198.51.100.3 203.0.113.7"},
		{name: "fail2ban: others are banned", want: "", client: "203.0.113.8", text: `
Status for the jail: sshd
` + "   `- Banned IP list:   198.51.100.3 203.0.113.7"},
		{name: "sshd -T: passwords off", want: "password-auth-disabled", text: `
# sshd -T | grep auth
passwordauthentication no
pubkeyauthentication yes
alice@web1: Permission denied (publickey).`},
		{name: "sshd_config: root", want: "root-login-disabled", text: `
PermitRootLogin no
root@web1: Permission denied (publickey,password).`},
		{name: "sshd_config: AllowUsers", want: "user-not-allowed", text: `
AllowUsers deploy ops
alice@web1: Permission denied (publickey).`},
		{name: "ls: a home open to the group", want: "authorized-keys-permissions", text: `
drwxrwxr-x 2 alice alice 4096 Nov 20 10:00 .ssh
alice@web1: Permission denied (publickey).`},
		{name: "hosts.deny", want: "tcp-wrappers-deny", text: `
$ cat /etc/hosts.deny
sshd: ALL
kex_exchange_identification: Connection closed by remote host`},
	} {
		opt := Options{}
		if c.client != "" {
			opt.Client = netip.MustParseAddr(c.client)
		}
		r, err := Explain(strings.NewReader(c.text+"\n"), opt)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if len(r.Findings) > 0 && r.Verdict == "broken" {
			got = r.Findings[0].Cause
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q (%s)", c.name, got, c.want, r.Headline)
		}
	}
}
