package facts

import (
	"slices"
	"strings"
	"testing"

	"sshwhy/internal/evidence"
)

func ranItem(b *evidence.Bundle, it evidence.Item, exit int, stdout, stderr string) {
	b.Put(it, evidence.Result{Status: evidence.Known, Exit: exit, Data: []byte(stdout), Stderr: []byte(stderr)})
}

// What rpm and pacman print was recorded from the real programs (rpm 4.18,
// pacman 6.0.2) on scratch databases with packages built for the purpose; what
// apk and xbps-query print was written after their documentation.
func TestOtherPackageDatabases(t *testing.T) {
	for _, c := range []struct {
		name           string
		item           evidence.Item
		exit           int
		stdout, stderr string
		server         string // name and version of what brings sshd
		missing        bool
		unseen         bool
	}{
		{name: "rpm: installed", item: itemRpm, exit: 3,
			stdout: "openssh-server\t9.9p1-12.fc42\nno package provides dropbear\nno package provides tinysshd\n",
			stderr: "error: file /usr/bin/sshd: No such file or directory\n",
			server: "openssh-server 9.9p1-12.fc42"},
		{name: "rpm: only openssh, which brings no server there", item: itemRpm, exit: 4,
			stdout:  "no package provides dropbear\nno package provides tinysshd\n",
			stderr:  "error: file /usr/sbin/sshd: No such file or directory\nerror: file /usr/bin/sshd: No such file or directory\n",
			missing: true},
		{name: "rpm: an sshd that no package brought", item: itemRpm, exit: 4,
			stdout:  "file /usr/sbin/sshd is not owned by any package\nno package provides dropbear\nno package provides tinysshd\n",
			stderr:  "error: file /usr/bin/sshd: No such file or directory\n",
			missing: true},
		{name: "rpm: the same package by both names of the file", item: itemRpm, exit: 2,
			stdout: "openssh-server\t9.9p1-12.fc42\nopenssh-server\t9.9p1-12.fc42\nno package provides dropbear\nno package provides tinysshd\n",
			server: "openssh-server 9.9p1-12.fc42"},
		{name: "rpm: damaged database", item: itemRpm, exit: 4,
			stdout: "file /usr/sbin/sshd is not owned by any package\n",
			stderr: "error: sqlite failure: CREATE TABLE IF NOT EXISTS 'Packages': file is not a database\nerror: cannot open Packages index using sqlite - No such file or directory (2)\nerror: cannot open Packages database in /var/lib/rpm\n",
			unseen: true},
		{name: "pacman: installed", item: itemPacman, exit: 1, stdout: "openssh 10.2p1-2\n", stderr: "error: package 'dropbear' was not found\n", server: "openssh 10.2p1-2"},
		{name: "pacman: not installed", item: itemPacman, exit: 1, stderr: "error: package 'openssh' was not found\nerror: package 'dropbear' was not found\n", missing: true},
		{name: "apk: installed", item: itemApk, exit: 1, stdout: "openssh-server-10.0_p1-r7\n", server: "openssh-server 10.0_p1-r7"},
		{name: "apk: with PAM", item: itemApk, exit: 1, stdout: "openssh-server-pam-10.0_p1-r7\n", server: "openssh-server-pam 10.0_p1-r7"},
		{name: "apk: dropbear only", item: itemApk, exit: 1, stdout: "dropbear-2025.88-r0\n"},
		{name: "apk: unreadable", item: itemApk, exit: 99, stderr: "ERROR: Unable to read database: Permission denied\n", unseen: true},
		{name: "xbps: installed", item: itemXbps, stdout: "openssh-9.9p1_1\ninstalled\n", server: "openssh 9.9p1_1"},
	} {
		b := evidence.NewBundle()
		b.Put(itemDpkgDB, evidence.Result{Status: evidence.Absent})
		for _, it := range otherDatabases {
			b.Put(it, evidence.Result{Status: evidence.Absent, Reason: "no such program"})
		}
		ranItem(b, c.item, c.exit, c.stdout, c.stderr)
		p := parsePackage(b)
		in, _ := p.Server()
		if got := strings.TrimSpace(in.Name + " " + in.Version); got != c.server {
			t.Errorf("%s: server %q, want %q", c.name, got, c.server)
		}
		if c.server != "" && (!in.Complete() || in.Quote.Text == "") {
			t.Errorf("%s: %+v", c.name, in)
		}
		if len(p.Missing) > 0 != c.missing {
			t.Errorf("%s: missing %v", c.name, p.Missing)
		}
		if p.Origin.Unseen() != c.unseen {
			t.Errorf("%s: origin %+v", c.name, p.Origin)
		}
	}
}

func TestPortage(t *testing.T) {
	b := evidence.NewBundle()
	b.Put(itemPortage, evidence.Result{Status: evidence.Known, Matches: []evidence.Match{{Path: "/var/db/pkg/net-misc/openssh-10.0_p1-r3"}}})
	if in, ok := parsePackage(b).Server(); !ok || in.Version != "10.0_p1-r3" {
		t.Errorf("%+v", in)
	}
}

// machine is a bundle of a machine whose process 1 is as given.
func machine(pid1 string, there ...evidence.Item) *evidence.Bundle {
	b := evidence.NewBundle()
	b.Put(itemSystemd, evidence.Result{Status: evidence.Absent})
	b.Put(itemPID1, evidence.Result{Status: evidence.Known, Data: []byte(pid1 + "\n")})
	for _, it := range append(there, evidence.Stat("/usr/sbin/sshd")) {
		b.Put(it, evidence.Result{Status: evidence.Known, Meta: &evidence.Meta{Type: "file"}})
	}
	return b
}

func globbed(b *evidence.Bundle, it evidence.Item, paths ...string) {
	r := evidence.Result{Status: evidence.Absent}
	for _, p := range paths {
		r.Status = evidence.Known
		r.Matches = append(r.Matches, evidence.Match{Path: p, Meta: evidence.Meta{Type: "link"}})
	}
	b.Put(it, r)
}

// What the status commands print was recorded on real machines of the lab
// (sysvinit 3.14, OpenRC 0.56, runit 2.2.0), but for "crashed", which is OpenRC's
// own word for its own kind of script (openrc-run.sh).
func TestSysVScript(t *testing.T) {
	for _, c := range []struct {
		exit    int
		said    string
		links   []string
		state   ServiceState
		enabled bool
		linked  bool
	}{
		{0, "sshd is running.", []string{"/etc/rc2.d/S01ssh", "/etc/rc2.d/S01sshguard"}, StateStarted, true, true},
		{3, "sshd is not running ... failed!", []string{"/etc/rc2.d/K01ssh", "/etc/rc3.d/K01ssh"}, StateStopped, false, true},
		{3, "sshd is not running ... failed!", []string{"/etc/rc2.d/S01sshguard"}, StateStopped, false, false},
		{4, "sshd: status unknown", []string{"/etc/rc3.d/S01ssh"}, "", false, true},
	} {
		b := machine("init", evidence.Stat("/etc/init.d/ssh"), itemInittab)
		b.Put(itemInitTable, evidence.Result{Status: evidence.Known, Data: []byte("# c\nid:2:initdefault:\n\nsi::sysinit:/etc/init.d/rcS\n")})
		globbed(b, itemRCLinks, c.links...)
		ranItem(b, lsbStatus(Script{Name: "ssh"}), c.exit, c.said+"\n", "")
		s := parseScript(b)
		if s.Name != "ssh" || s.State != c.state || s.Enabled == nil || *s.Enabled != c.enabled || s.Linked != c.linked || s.Quote.Text != c.said {
			t.Errorf("%v: %+v", c, s)
		}
	}
}

func TestOpenRCScript(t *testing.T) {
	for _, c := range []struct {
		exit   int
		said   string
		states []string
		state  ServiceState
	}{
		{0, " * status: started", []string{"/run/openrc/started/sshd"}, StateStarted},
		{3, " * status: stopped", nil, StateStopped},
		{32, " * status: crashed", []string{"/run/openrc/started/sshd"}, StateCrashed},
		{3, " * status: stopped", []string{"/run/openrc/failed/sshd"}, StateFailed},
		{0, "sshd is running.", []string{"/run/openrc/started/sshd"}, StateStarted},
		{3, "sshd is not running ... failed!", []string{"/run/openrc/started/sshd"}, StateStopped},
		{1, " * rc-service: service `sshd' does not exist", nil, ""},
	} {
		b := machine("init", evidence.Stat("/etc/init.d/sshd"), itemOpenRC)
		globbed(b, itemRunlevels, "/etc/runlevels/default/sshd")
		globbed(b, itemRCStates, c.states...)
		ranItem(b, rcStatus(Script{Name: "sshd"}), c.exit, c.said+"\n", "")
		s := parseScript(b)
		if s.Name != "sshd" || s.State != c.state || s.Enabled == nil || !*s.Enabled {
			t.Errorf("%v: %+v", c, s)
		}
	}
}

func TestRunitService(t *testing.T) {
	for _, c := range []struct {
		said    string
		linked  bool
		state   ServiceState
		enabled bool
	}{
		{"run: /etc/service/ssh: (pid 164) 6s; run: log: (pid 163) 6s", true, StateStarted, true},
		{"down: /etc/service/ssh: 1s, normally up; run: log: (pid 163) 7s", true, StateStopped, true},
		{"down: /etc/service/ssh: 0s, normally up, want up; run: log: (pid 264) 19s", true, StateFailed, true},
		{"down: /etc/service/ssh: 2s; run: log: (pid 191) 2s, want up", true, StateStopped, true},
		{"", false, StateUnseen, false},
	} {
		b := machine("runit", itemRunit)
		globbed(b, itemSVDirs, "/etc/sv/ssh/run", "/etc/sv/svlogd/run")
		globbed(b, itemSVLinks)
		if c.linked {
			globbed(b, itemSVLinks, "/etc/service/ssh")
		}
		ranItem(b, svStatus(Script{Link: "/etc/service/ssh"}), 0, c.said+"\n", "")
		s := parseScript(b)
		if s.Name != "ssh" || s.Dir != "/etc/sv/ssh" || s.State != c.state || s.Enabled == nil || *s.Enabled != c.enabled {
			t.Errorf("%v: %+v", c, s)
		}
	}
}

// A script whose program was removed does not hide the server that is there.
func TestScriptOfRemovedProgram(t *testing.T) {
	b := machine("init", itemInittab, evidence.Stat("/etc/init.d/ssh"), evidence.Stat("/etc/init.d/dropbear"), evidence.Stat("/usr/sbin/dropbear"))
	b.Put(evidence.Stat("/usr/sbin/sshd"), evidence.Result{Status: evidence.Absent})
	if s := parseScript(b); s.Name != "dropbear" {
		t.Errorf("%+v", s)
	}
}

func TestBehind(t *testing.T) {
	inetd := parseInetd("f", []byte("#ssh stream tcp nowait root /bin/false false\nssh stream tcp nowait root /usr/sbin/sshd sshd -i\n"+
		"2222 stream tcp6 nowait root /usr/sbin/tcpd /usr/sbin/dropbear -i\n192.0.2.1:ssh stream tcp nowait nobody /bin/date date\nntp dgram udp wait root x x\nbad line\n"))
	var got []string
	for _, x := range inetd {
		got = append(got, x.Program)
	}
	if !slices.Equal(got, []string{"sshd", "dropbear", "date"}) || inetd[0].Quote.Line != 2 || inetd[1].Port != 2222 || !inetd[1].SSH() || inetd[2].Port != 22 || inetd[2].SSH() {
		t.Errorf("%+v", inetd)
	}
	x := parseXinetd("f", []byte("# c\nservice ssh\n{\n\tsocket_type = stream\n\tserver = /usr/sbin/sshd\n\tserver_args += -i\n\tdisable = no\n}\nservice other\n{\n\tport = 22\n\tserver = /bin/cat\n\tdisable = yes\n}\n"))
	if len(x) != 1 || x[0].Port != 22 || !x[0].SSH() || x[0].Quote.Line != 5 {
		t.Errorf("%+v", x)
	}
	// Recorded on a machine of the lab (systemd 257).
	s := parseListSockets("c", []byte("/run/dbus/system_bus_socket dbus.socket dbus.service\n[::]:22 date.socket\n[::]:2222 dropbear.socket dropbear@0.service\nkobject-uevent 1 systemd-udevd-kernel.socket systemd-udevd.service\n"))
	if len(s) != 2 || s[0].Unit != "date.socket" || s[0].SSH() || s[1].Port != 2222 || !s[1].SSH() {
		t.Errorf("%+v", s)
	}
}

func TestContainerOf(t *testing.T) {
	id := "3f2a1b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708"
	for line, want := range map[string]string{
		"0::/system.slice/docker-" + id + ".scope":                                          "docker container 3f2a1b4c5d6e",
		"12:memory:/docker/" + id:                                                           "docker container 3f2a1b4c5d6e",
		"0::/machine.slice/libpod-" + id + ".scope/container":                               "podman container 3f2a1b4c5d6e",
		"0::/machine.slice/libpod-conmon-" + id + ".scope":                                  "",
		"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + id + ".scope":            "containerd container 3f2a1b4c5d6e",
		"0::/lxc.payload.web1/system.slice/ssh.service":                                     "lxc container web1",
		"0::/machine.slice/machine-deb12.scope":                                             "machine deb12",
		"0::/system.slice/ssh.service":                                                      "",
		"0::/user.slice/user-1000.slice/session-3.scope":                                    "",
		"0::/system.slice/docker.service":                                                   "",
		"0::/system.slice/system-machine\\x2dlearning.slice/machine-learning@train.service": "",
	} {
		if got := containerOf(line); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// FuzzOtherWorlds gives hostile bytes to the parsers of this file's facts.
func FuzzOtherWorlds(f *testing.F) {
	f.Add([]byte("openssh\t1\n"), "/etc/rc2.d/S01ssh", 3)
	f.Add([]byte("ssh stream tcp nowait root /usr/sbin/tcpd\nservice ssh\n{\nserver=\n}\n"), "/etc/service/ssh", -1)
	f.Add([]byte("down: x; run: log"), "S", 0)
	f.Fuzz(func(t *testing.T, data []byte, p string, exit int) {
		for _, pid1 := range []string{"init", "runit", "sleep"} {
			for _, extra := range []evidence.Item{itemInittab, itemOpenRC, itemRunit} {
				b := machine(pid1, extra, evidence.Stat("/etc/init.d/ssh"))
				for _, it := range []evidence.Item{itemRunlevels, itemRCStates, itemRCLinks, itemSVLinks, itemSVVoid, itemXinetd, itemPortage} {
					globbed(b, it, p)
				}
				globbed(b, itemSVDirs, "/etc/sv/ssh/run", p)
				for _, it := range append(otherDatabases, itemInetd, itemListSockets, itemInitTable, itemSoftlevel, lsbStatus(Script{Name: "ssh"}), rcStatus(Script{Name: "ssh"}), evidence.File(p)) {
					ranItem(b, it, exit, string(data), string(data))
				}
				parseScript(b)
				parsePackage(b)
				parseBehind(b, Ask{})
				wantScript(b, Ask{})
			}
		}
		containerOf(p)
	})
}
