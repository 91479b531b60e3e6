package explain

import (
	"slices"
	"strings"
)

// shellCommands are the programs whose invocation in a paste says something,
// or whose output follows.
var shellCommands = []string{
	"ssh", "scp", "sftp", "rsync", "sshpass", "git", "ssh-add", "ssh-keygen", "ssh-copy-id", "ssh-keyscan", "autossh", "mosh",
	"sudo", "systemctl", "service", "journalctl", "ss", "netstat", "lsof", "ufw", "iptables", "ip6tables", "nft", "firewall-cmd",
	"sshd", "/usr/sbin/sshd", "dpkg", "rpm", "getenforce", "sestatus", "ausearch", "fail2ban-client", "cat", "tail", "grep", "ls",
	"nc", "ncat", "telnet", "ping", "nmap", "curl", "ip", "ansible", "ansible-playbook", "terraform", "vagrant", "docker", "eval",
	"chmod", "chown", "plink", "plink.exe", "pscp", "putty", "dbclient", "ssh.exe", "nix", "rc-service", "ps", "pgrep", "which", "whereis", "apt", "apt-get", "yum", "dnf", "echo", "semanage", "restorecon", "exit", "id", "getent", "route", "traceroute",
}

// promptCommand finds the command in a line that shows a shell prompt, or that
// is plainly a command.
func promptCommand(s string) (string, bool) {
	rest := s
	switch {
	case strings.HasPrefix(s, "$ "), strings.HasPrefix(s, "# "), strings.HasPrefix(s, "% "):
		rest = s[2:]
	case strings.HasPrefix(s, "❯ "), strings.HasPrefix(s, "➜ "), strings.HasPrefix(s, "λ "):
		rest = afterMark(s)
	case windowsPrompt(s) > 0:
		rest = strings.TrimLeft(s[windowsPrompt(s):], " ")
	default:
		for _, mark := range [...]string{"$ ", "# ", "% "} {
			if i := strings.Index(s, mark); i > 0 && i < 80 && promptLike(s[:i]) {
				rest = s[i+2:]
				break
			}
		}
	}
	rest = strings.TrimLeft(rest, " ")
	first, args, _ := strings.Cut(rest, " ")
	if strings.Contains(first, "=") && args != "" { // VAR=value command
		first, args, _ = strings.Cut(args, " ")
		rest = strings.TrimSpace(first + " " + args)
	}
	if !slices.Contains(shellCommands, first) {
		return "", false
	}
	if rest != s || commandLike(first, args) {
		return rest, true
	}
	return "", false
}

// afterMark skips a decorated prompt up to the first word that is a program.
func afterMark(s string) string {
	f := strings.Split(s, " ")
	for i := 1; i < len(f) && i < 6; i++ {
		if slices.Contains(shellCommands, f[i]) {
			return strings.Join(f[i:], " ")
		}
	}
	return s
}

// windowsPrompt is the length of "C:\Users\x>" or "PS C:\>", 0 where there is none.
func windowsPrompt(s string) int {
	t := strings.TrimPrefix(s, "PS ")
	if len(t) > 3 && t[1] == ':' && t[2] == '\\' {
		if i := strings.IndexByte(t, '>'); i > 0 && i < 200 {
			return len(s) - len(t) + i + 1
		}
	}
	return 0
}

// promptLike accepts user@host:~, [user@host ~], bash-5.1, host:~ user.
func promptLike(s string) bool {
	if strings.ContainsAny(s, "\"'();=,") || strings.Contains(s, ": ") {
		return false
	}
	return strings.Contains(s, "@") || strings.HasSuffix(s, "~") || strings.HasPrefix(s, "bash-") ||
		strings.HasPrefix(s, "sh-") || strings.Contains(s, ":~ ")
}

// commandLike tells a command that stands alone on its line from a sentence
// that begins with the same word.
func commandLike(first, args string) bool {
	if args == "" {
		return first != "which" && first != "echo" && first != "exit" && first != "ssh" && first != "git" && first != "id" && first != "service" && first != "ip"
	}
	for _, a := range strings.Split(args, " ") {
		if strings.HasPrefix(a, "-") && len(a) > 1 || strings.Contains(a, "@") && !strings.HasSuffix(a, ":") || strings.HasPrefix(a, "/") {
			return true
		}
	}
	return first == "systemctl" || first == "ufw" || first == "sudo" || first == "fail2ban-client"
}
