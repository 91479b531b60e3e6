package cli

import (
	"net/netip"
	"strings"

	"sshwhy/internal/evidence"
)

// supposed are machines of the usual kinds, so that a script asks at once what a
// live look would ask in its later rounds: where sshd and its helper stand, which
// firewall has rules, what starts services, and the usual home of the account
// asked about. What such a machine would not have costs nothing: the script says
// that it is not there.
func supposed(user string, client netip.Addr) []*evidence.Bundle {
	debian := kind{sshd: "/usr/sbin/sshd", session: "/usr/lib/openssh/sshd-session", init: "systemd"}
	older := kind{sshd: "/usr/sbin/sshd", init: "systemd"}
	fedora := kind{sshd: "/usr/sbin/sshd", session: "/usr/libexec/openssh/sshd-session", init: "systemd"}
	suse := kind{sshd: "/usr/sbin/sshd", session: "/usr/libexec/ssh/sshd-session", init: "systemd"}
	arch := kind{sshd: "/usr/bin/sshd", session: "/usr/lib/ssh/sshd-session", init: "systemd"}
	alpine := kind{sshd: "/usr/sbin/sshd", session: "/usr/lib/ssh/sshd-session", init: "openrc", script: "sshd", release: "ID=alpine\n"}
	openrc, runit, sysv, none := debian, debian, debian, debian
	openrc.init, openrc.script = "openrc", "ssh"
	runit.init, runit.script = "runit", "ssh"
	sysv.init, sysv.script = "sysvinit", "ssh"
	none.init, none.script = "", "ssh"
	var all []*evidence.Bundle
	for _, k := range []kind{debian, older, fedora, suse, arch, alpine, openrc, runit, sysv, none} {
		all = append(all, k.bundle(user, client))
	}
	return all
}

// kind is one kind of machine.
type kind struct {
	sshd, session string // "": there is no such helper
	init          string // systemd, openrc, runit, sysvinit; "": nothing starts services
	script        string // the service's name, where init is not systemd
	release       string // what its os-release says
}

func (k kind) bundle(user string, client netip.Addr) *evidence.Bundle {
	b := evidence.NewBundle()
	there := func(paths ...string) {
		for _, p := range paths {
			b.Put(evidence.Stat(p), evidence.Result{Status: evidence.Known, Meta: &evidence.Meta{Type: "file", Mode: 0o755}})
		}
	}
	says := func(it evidence.Item, text string) {
		b.Put(it, evidence.Result{Status: evidence.Known, Data: []byte(text)})
	}
	there(k.sshd, "/var/lib/dpkg/status")
	if k.session != "" {
		there(k.session)
	}
	says(evidence.File("/etc/os-release"), k.release)
	for _, path := range []string{"/var/log/auth.log", "/var/log/secure", "/var/log/messages"} { // where there is no journal
		b.Put(evidence.Glob(path+"*"), evidence.Result{Status: evidence.Known, Matches: []evidence.Match{{Path: path}}})
	}
	k.services(b, there, says)

	// Rules of nft and of both iptables, with sets, and a firewalld that runs.
	says(evidence.Command("nft", "-j", "list", "ruleset"), `{"nftables":[{"chain":{}},{"rule":{"expr":[{"xt":null}]}}]}`)
	says(evidence.Command("iptables-nft-save"), "-A INPUT -m set --match-set x src -j DROP\n")
	says(evidence.File("/proc/net/ip_tables_names"), "filter\n")
	says(evidence.File("/proc/net/ip6_tables_names"), "filter\n")
	says(evidence.Command("firewall-cmd", "--state"), "running\n")
	says(evidence.Command("systemctl", "show", "--property=Id,LoadState,ActiveState,UnitFileState",
		"ufw.service", "firewalld.service", "nftables.service", "netfilter-persistent.service", "iptables.service", "ip6tables.service"),
		"Id=firewalld.service\nActiveState=active\n")

	if user != "" && !strings.ContainsAny(user, ":/\n") {
		account := user + ":x:1000:1000::/home/" + user + ":/bin/bash\n"
		if user == "root" {
			account = "root:x:0:0:root:/root:/bin/bash\n"
		}
		says(evidence.Command("getent", "passwd", user), account)
		says(evidence.Command("id", "-G", user), "1000\n")
		k.logins(user, client, says)
		shell(b, &evidence.User{Name: user})
	}
	if client.IsValid() { // what bans addresses
		there("/run/fail2ban/fail2ban.sock", "/usr/bin/cscli")
		says(evidence.Command("fail2ban-client", "banned", client.Unmap().WithZone("").String()), "[['sshd']]\n")
	}
	return b
}

// logins is what leads to the files of PAM: a sshd that uses it, the files that
// Debian, Red Hat and Alpine include, and the modules that have files of their own.
func (k kind) logins(user string, client netip.Addr, says func(evidence.Item, string)) {
	spec := "user=" + user
	if addr := client.Unmap().WithZone(""); client.IsValid() {
		spec += ",host=" + addr.String() + ",addr=" + addr.String()
	}
	says(evidence.Command(k.sshd, "-T", "-C", spec), "usepam yes\nauthorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2\n")
	says(evidence.File("/etc/pam.d/sshd"), "@include common-auth\n@include common-account\nauth substack password-auth\naccount include password-auth\n"+
		"auth include base-auth\naccount include base-account\naccount required pam_access.so\nauth required pam_faillock.so\n")
}

// shell is bash where the account is to find it, with /bin as a link into /usr and as a
// directory of its own, and what starts it.
func shell(b *evidence.Bundle, u *evidence.User) {
	const loader = "/lib64/ld-linux-x86-64.so.2\x00"
	dir, file := evidence.Meta{Type: "dir", Mode: 0o755}, evidence.Meta{Type: "file", Mode: 0o755, Size: 4096}
	bin, lib := dir, dir
	bin.Link, lib.Link = "usr/bin", "usr/lib64"
	for path, m := range map[string]evidence.Meta{"/": dir, "/usr": dir, "/bin": bin, "/usr/bin": dir, "/usr/bin/bash": file,
		"/lib64": lib, "/usr/lib64": dir, "/usr/lib64/ld-linux-x86-64.so.2": {Type: "file", Mode: 0o755, Link: "../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"},
		"/usr/lib": dir, "/usr/lib/x86_64-linux-gnu": dir, "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2": file} {
		b.Put(evidence.Stat(path).AsUser(u), evidence.Result{Status: evidence.Known, Meta: &m})
		b.Put(evidence.Stat(path), evidence.Result{Status: evidence.Known, Meta: &m})
	}
	head := make([]byte, 256) // the head of a program with one part, the name of its loader (elf(5))
	copy(head, "\x7fELF\x02\x01")
	head[32], head[54], head[56] = 64, 56, 1
	head[64], head[64+8], head[64+32] = 3, 128, byte(len(loader))
	copy(head[128:], loader)
	b.Put(evidence.File("/usr/bin/bash").AsUser(u), evidence.Result{Status: evidence.Known, Data: head, Meta: &file})
}

// services is what shows how services are started.
func (k kind) services(b *evidence.Bundle, there func(...string), says func(evidence.Item, string)) {
	match := func(pattern, path string) {
		b.Put(evidence.Glob(pattern), evidence.Result{Status: evidence.Known,
			Matches: []evidence.Match{{Path: path, Meta: evidence.Meta{Type: "file", Mode: 0o755}}}})
	}
	process := func(name string) { says(evidence.File("/proc/1/comm"), name+"\n") }
	if k.script != "" {
		there("/etc/init.d/" + k.script)
	}
	switch k.init {
	case "systemd":
		there("/run/systemd/system")
	case "openrc":
		there("/run/openrc/softlevel")
	case "runit":
		process("runit")
		there("/run/runit")
		match("/etc/sv/*/run", "/etc/sv/"+k.script+"/run")
		match("/etc/service/*", "/etc/service/"+k.script)
	case "sysvinit":
		process("init")
		there("/etc/inittab")
	}
}
