package explain

import (
	"strings"

	"sshwhy/internal/report"
)

// What the same words mean on one system and not on another.

// windowsBind: Windows has no SELinux; it refuses a port that another program holds for
// itself, or that is reserved (WSAEACCES, "netsh int ipv4 show excludedportrange tcp").
func (rd *reading) windowsBind() {
	c := rd.get("bind-denied-selinux")
	if c == nil || !rd.isOn(report.OnServer, windows) {
		return
	}
	ev := rd.drop("bind-denied-selinux")
	p := rd.add("port-in-use", report.Likely, scoreRule, ev[0], c.caps)
	p.impact, p.fromEnd = report.Blocking, false
	p.look = "ss -tlnp; netsh int ipv4 show excludedportrange tcp"
	rd.add("bind-no-privilege", report.Possible, scoreRoot, ev[0], c.caps).look = "whoami /groups"
}

// namedPath: sshd names the one path that it minds, so that is looked at and changed, and nothing else.
func (rd *reading) namedPath() {
	c := rd.get("authorized-keys-permissions")
	if c == nil || len(c.evidence) == 0 || rd.isOn(report.OnServer, windows) {
		return
	}
	file := c.caps["file"]
	if !strings.HasPrefix(file, "/") || !safeWord(file) || !strings.Contains(rd.lines[c.where()].text, "bad ownership or modes for") {
		return
	}
	c.look = "ls -ld " + file
	c.steps = []report.Step{{Do: "sudo chmod go-w " + file, Where: report.OnServer}}
}

// keyOfAnother: EACCES is not "bad permissions": the key is closed to its own user, so
// its owner or group is to be changed and not its mode.
func (rd *reading) keyOfAnother() {
	c := rd.get("private-key-permissions")
	if c == nil || len(c.evidence) == 0 || !strings.HasSuffix(rd.lines[c.where()].text, ": Permission denied") || !safeWord(c.caps["file"]) {
		return
	}
	c.look = "ls -lL KEYFILE; id"
	c.steps = []report.Step{{Do: `sudo chown "$(id -un)" KEYFILE`, Where: report.OnClient}}
	if rd.isOn(report.OnClient, kubernetes) {
		c.steps = []report.Step{{Do: "kubectl explain pod.spec.securityContext.fsGroup", Where: report.OnClient}}
	}
}
