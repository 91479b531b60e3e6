package facts

import (
	"strings"

	"sshwhy/internal/evidence"
)

// WSL is the Windows Subsystem for Linux: a machine behind Windows' firewall and,
// unless its network is mirrored, behind a port forward that only Windows knows of.
// It is looked for where systemd does not run, since there nothing starts services.
type WSL struct {
	Kernel Quote // the kernel's release, which names Microsoft; no text: not WSL
	Boot   Quote // the line of /etc/wsl.conf that starts something at boot
}

// Here reports whether the machine is one.
func (w WSL) Here() bool { return w.Kernel.Text != "" }

var (
	itemKernel  = evidence.File("/proc/sys/kernel/osrelease")
	itemWSLConf = evidence.File("/etc/wsl.conf")
)

func wantWSL(b *evidence.Bundle, _ Ask) []evidence.Item {
	if !b.Has(itemSystemd) || b.Get(itemSystemd).OK() || parseSystem(b).Init != InitNone {
		return nil
	}
	items := []evidence.Item{itemKernel}
	if parseWSL(b).Here() {
		items = append(items, itemWSLConf)
	}
	return items
}

// parseWSL knows WSL by its kernel: "5.15.167.4-microsoft-standard-WSL2", of WSL 1
// "4.4.0-19041-Microsoft".
func parseWSL(b *evidence.Bundle) WSL {
	var w WSL
	release := firstLine(b.Get(itemKernel).Data)
	if !strings.Contains(strings.ToLower(release), "microsoft") {
		return w
	}
	w.Kernel = Quote{Source: itemKernel.Path, Line: 1, Text: release}
	section := ""
	for i, line := range lines(b.Get(itemWSLConf).Data) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = strings.ToLower(line)
		}
		key, value, _ := strings.Cut(line, "=")
		if section == "[boot]" && strings.TrimSpace(strings.ToLower(key)) == "command" && strings.Contains(value, "ssh") {
			w.Boot = Quote{Source: itemWSLConf.Path, Line: i + 1, Text: clip(line)}
		}
	}
	return w
}
