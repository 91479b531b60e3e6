package explain

import (
	"strings"

	"sshwhy/internal/report"
)

// A system is a kind of machine that a text shows by its own words, and how what the
// pages say for Debian is said there. The first whose sign stands in the text counts.
type system struct {
	name  string
	signs []string
	sides string // whose it may be: report.OnServer, report.OnClient; "" both
	says  []saying
}

// A saying is a command of the pages and what does the same there; "" where nothing does.
type saying struct{ has, becomes string }

// Names of systems that rules ask for.
const (
	windows    = "Windows"
	kubernetes = "Kubernetes"
)

var systems = [...]system{
	{name: windows, sides: report.OnServer, signs: []string{"sshd version OpenSSH_for_Windows", "remote software version OpenSSH_for_Windows", `ProgramData\ssh`, "__PROGRAMDATA__", "LsaLogonUser"}, says: []saying{
		{"journalctl", "Get-WinEvent -LogName OpenSSH/Operational -MaxEvents 50 | Format-List TimeCreated, Message"},
		{"ss -tlnp", "Get-NetTCPConnection -State Listen | Format-Table LocalAddress, LocalPort, OwningProcess"},
		{"systemctl restart", "Restart-Service sshd"}, {"systemctl start", "Start-Service sshd"}, {"systemctl status", "Get-Service sshd"},
		{"sshd -T", "& $env:windir\\System32\\OpenSSH\\sshd.exe -T"}, {"sshd -t", "& $env:windir\\System32\\OpenSSH\\sshd.exe -t"},
		{"ssh-keygen -A", "ssh-keygen -A"}, {"sudo ", ""}, {"getenforce", ""}, {"getent ", ""}, {"namei ", ""}, {"chmod ", ""}, {"ls -l", ""}, {"install -d", ""},
	}},
	{name: windows, sides: report.OnClient, signs: []string{"OpenSSH_for_Windows", `PS C:\`, `C:\Users\`, `C:\WINDOWS\`}, says: []saying{
		{"nc -vz", "Test-NetConnection HOST -Port PORT"}, {"chmod 600 KEYFILE", `icacls KEYFILE /inheritance:r /grant:r "$($env:USERNAME):R"`},
		{"getent ", "Resolve-DnsName HOST"}, {"ping -c 3 ", "ping -n 3 HOST"}, {"ls -l KEYFILE", "icacls KEYFILE"}, {"ip route", "Find-NetRoute -RemoteIPAddress ADDRESS"},
	}},
	{name: kubernetes, signs: []string{"kubectl ", "/etc/git-secret", "/var/run/secrets/kubernetes.io", "fsGroup", "CrashLoopBackOff"}, says: []saying{
		{"ssh-keygen -A", ""}, {"journalctl", "kubectl logs --tail=50 POD"}, {"systemctl restart", "kubectl delete pod POD"}, {"systemctl ", ""},
	}},
	{name: "OpenWrt", sides: report.OnServer, signs: []string{"OpenWrt", "authpriv.info dropbear", "authpriv.warn dropbear", "authpriv.notice dropbear", "opkg "}, says: []saying{
		{"journalctl", "logread | grep -E 'dropbear|sshd' | tail -n 50"}, {"systemctl restart", "/etc/init.d/dropbear restart"}, {"systemctl start", "/etc/init.d/dropbear start"}, {"systemctl ", "/etc/init.d/dropbear status"},
	}},
	{name: "Alpine", sides: report.OnServer, signs: []string{"rc-service", "Alpine Linux", "apk add", "* status: "}, says: []saying{
		{"journalctl", "grep sshd /var/log/messages | tail -n 50"}, {"systemctl restart", "rc-service sshd restart"}, {"systemctl start", "rc-service sshd start"}, {"systemctl ", "rc-service sshd status"},
	}},
	{name: "Docker", sides: report.OnServer, signs: []string{"docker run", "docker exec", "docker-compose", "podman run", "Dockerfile"}, says: []saying{
		{"ssh-keygen -A", "docker exec CONTAINER ssh-keygen -A"}, {"journalctl", "docker logs --tail 50 CONTAINER"}, {"systemctl restart", "docker restart CONTAINER"}, {"systemctl ", "docker ps"},
	}},
	{name: "macOS", sides: report.OnServer, signs: []string{"com.openssh.sshd", "launchctl", "systemsetup -setremotelogin"}, says: []saying{
		{"journalctl", `log show --last 10m --predicate 'process == "sshd"'`}, {"systemctl restart", "sudo launchctl kickstart -k system/com.openssh.sshd"}, {"systemctl ", "sudo launchctl list com.openssh.sshd"}, {"ss -tlnp", "sudo lsof -nP -iTCP -sTCP:LISTEN"},
	}},
	{name: "Red Hat", sides: report.OnServer, signs: []string{".el7", ".el8", ".el9", ".el10", ".fc4", "/var/log/secure", "dnf install", "yum install", "sshd.service"}, says: []saying{
		{"journalctl -u ssh -u sshd", "sudo journalctl -u sshd -n 50"}, {"systemctl restart ssh", "sudo systemctl restart sshd"}, {"systemctl start ssh", "sudo systemctl start sshd"},
	}},
}

// systemOf is the system on one side of the connection, nil where the text does not show it.
func (rd *reading) systemOf(side string) *system {
	if rd.system == nil {
		rd.system = map[string]*system{}
	}
	if s, known := rd.system[side]; known {
		return s
	}
	rd.system[side] = rd.findSystem(side)
	return rd.system[side]
}

func (rd *reading) findSystem(side string) *system {
	for i := range systems {
		s := &systems[i]
		if s.sides != "" && s.sides != side {
			continue
		}
		for k := range rd.lines {
			for _, sign := range s.signs {
				if strings.Contains(rd.lines[k].raw, sign) {
					return s
				}
			}
		}
	}
	return nil
}

// isOn reports whether one side is a system of that name.
func (rd *reading) isOn(side, name string) bool {
	s := rd.systemOf(side)
	return s != nil && s.name == name
}

// spoken says a command of a page in the words of the machine it is for; "" where
// nothing there does the same. Of several commands in a row each is said by itself.
func (rd *reading) spoken(step report.Step) string {
	s := rd.systemOf(step.Where)
	var out []string
	for _, part := range strings.Split(step.Do, "; ") {
		if s != nil {
			var chain []string
			for _, command := range strings.Split(part, " && ") {
				if command = s.say(command); command != "" {
					chain = append(chain, command)
				}
			}
			part = strings.Join(chain, " && ")
		}
		if part != "" && !(len(out) > 0 && out[len(out)-1] == part) {
			out = append(out, part)
		}
	}
	do := strings.Join(out, "; ")
	if rd.isRoot(step.Where) {
		do = strings.ReplaceAll(do, "sudo ", "")
	}
	return do
}

func (s *system) say(command string) string {
	for _, x := range s.says {
		if strings.Contains(command, x.has) {
			return x.becomes
		}
	}
	return command
}

// isRoot reports whether the text's own prompts on the server are root's, or root has no
// sudo there.
func (rd *reading) isRoot(side string) bool {
	if side != report.OnServer {
		return false
	}
	if s := rd.systemOf(side); s != nil && (s.name == "OpenWrt" || s.name == kubernetes) {
		return true
	}
	for i := range rd.lines {
		l := &rd.lines[i]
		if l.command == "" {
			continue
		}
		root := strings.HasPrefix(l.text, "# ") || strings.HasPrefix(l.text, "root@") || strings.HasPrefix(l.text, "[root@")
		server := strings.HasPrefix(l.command, "sshd") || strings.HasPrefix(l.command, "/usr/sbin/sshd") || strings.HasPrefix(l.command, "systemctl") || strings.HasPrefix(l.command, "journalctl") || strings.HasPrefix(l.command, "ss ") || strings.HasPrefix(l.command, "service ")
		if root && server {
			return true
		}
	}
	return false
}
