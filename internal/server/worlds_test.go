package server

import (
	"strings"
	"testing"

	"sshwhy/internal/evidence"
	"sshwhy/internal/report"
)

// machine builds a bundle by hand. No such machine was seen: these follow the
// documentation of the distributions named.
func machine(files map[string]string, stats []string, commands map[string]evidence.Result) *evidence.Bundle {
	b := evidence.NewBundle()
	b.UID = 0
	for _, it := range Manifest(Query{})(b) {
		b.Put(it, evidence.Result{Status: evidence.Absent, Reason: "no such file or directory", Exit: -1})
	}
	for path, text := range files {
		b.Put(evidence.File(path), evidence.Result{Status: evidence.Known, Data: []byte(text), Meta: &evidence.Meta{Type: "file", Mode: 0o644}})
	}
	for _, path := range stats {
		b.Put(evidence.Stat(path), evidence.Result{Status: evidence.Known, Meta: &evidence.Meta{Type: "file", Mode: 0o755}})
	}
	for cmd, r := range commands {
		r.Status = evidence.Known
		b.Put(evidence.Command(strings.Fields(cmd)...), r)
	}
	return b
}

const oneInterface = `[{"ifname":"eth0","flags":["UP","LOWER_UP"],"operstate":"UP","addr_info":[{"local":"192.0.2.1","prefixlen":24,"scope":"global"}]}]`

// TestOtherInits: the start command is in the machine's own language.
func TestOtherInits(t *testing.T) {
	for _, c := range []struct{ name, release, mark, script, want string }{
		{"Alpine", "ID=alpine\n", "/run/openrc/softlevel", "/etc/init.d/sshd", "rc-service sshd start"},
		{"Gentoo", "ID=gentoo\n", "/run/openrc/softlevel", "/etc/init.d/sshd", "rc-service sshd start"},
		{"Devuan", "ID=devuan\nID_LIKE=debian\n", "/etc/inittab", "/etc/init.d/ssh", "service ssh start"},
		{"a container", "ID=debian\n", "/etc/hostname", "/etc/init.d/ssh", "service ssh start"},
	} {
		b := machine(map[string]string{"/etc/os-release": c.release, "/proc/1/comm": "init\n"},
			[]string{c.mark, c.script, "/usr/sbin/sshd"},
			map[string]evidence.Result{"ss -Hltnp": {}, "ip -j addr": {Data: []byte(oneInterface)}, "/usr/sbin/sshd -t": {}})
		rep := Diagnose(b, Query{}, "test")
		if len(rep.Findings) == 0 || rep.Findings[0].Cause != "service-stopped" || rep.Findings[0].Remedy.Steps[0].Do != c.want {
			t.Errorf("%s: %s %+v", c.name, rep.Headline, rep.Findings)
		}
	}
}

// TestInstallsInTheMachinesLanguage: nothing is installed, and each world has its tool.
func TestInstallsInTheMachinesLanguage(t *testing.T) {
	for release, want := range map[string]string{
		"ID=ubuntu\nID_LIKE=debian\n":                    "apt-get install -y openssh-server",
		"ID=fedora\n":                                    "dnf install -y openssh-server",
		"ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n": "dnf install -y openssh-server",
		"ID=opensuse-leap\nID_LIKE=\"suse opensuse\"\n":  "zypper --non-interactive install openssh-server",
		"ID=arch\n":   "pacman -S --noconfirm openssh",
		"ID=alpine\n": "apk add openssh-server",
		"ID=void\n":   "xbps-install -y openssh",
	} {
		b := machine(map[string]string{"/etc/os-release": release}, nil,
			map[string]evidence.Result{"ss -Hltnp": {}, "ip -j addr": {Data: []byte(oneInterface)}})
		rep := Diagnose(b, Query{}, "test")
		f := rep.Findings[0]
		if f.Cause != "sshd-not-installed" || f.Remedy.Steps[0].Do != want || f.Remedy.Steps[0].Act.Kind != report.ActInstall {
			t.Errorf("%s: %s %+v", release, f.Cause, f.Remedy)
		}
	}
}

// TestCloudIsNamedWhereAllIsWell: and never beside a fault of the machine's own.
func TestCloudIsNamedWhereAllIsWell(t *testing.T) {
	b := recorded(t, "healthy-plain")
	b.Put(evidence.File("/sys/class/dmi/id/sys_vendor"), evidence.Result{Status: evidence.Known, Data: []byte("Amazon EC2\n")})
	rep := Diagnose(b, client("192.0.2.2"), "test")
	if len(rep.Findings) != 1 || rep.Findings[0].Cause != "cloud-firewall" || rep.Findings[0].Impact != report.Note ||
		!strings.Contains(rep.Findings[0].Remedy.Steps[0].Do, "--cidr 192.0.2.2/32") {
		t.Errorf("%+v", rep.Findings)
	}
	b = recorded(t, "service-stopped")
	b.Put(evidence.File("/sys/class/dmi/id/sys_vendor"), evidence.Result{Status: evidence.Known, Data: []byte("Amazon EC2\n")})
	for _, f := range Diagnose(b, Query{}, "test").Findings {
		if f.Cause == "cloud-firewall" {
			t.Error("the cloud is named while the service is stopped")
		}
	}
}
