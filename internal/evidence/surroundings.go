package evidence

import (
	"strings"
	"time"
)

// SearchDirs returns the directories where a program is looked up, in order, by
// every way of filling a bundle. It is fixed: what PATH holds for the one who
// runs sshwhy must neither hide /usr/sbin/sshd nor put another program first.
func SearchDirs() []string {
	return []string{
		"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
		"/run/current-system/sw/bin", // NixOS keeps its programs nowhere else
	}
}

// Environ returns the whole environment of every command. Nothing is inherited:
// messages are in English, nothing is paged or coloured.
func Environ() []string {
	return []string{
		"PATH=" + strings.Join(SearchDirs(), ":"),
		"LC_ALL=C", "LANG=C", "HOME=/", "TERM=dumb",
		"SYSTEMD_PAGER=cat", "SYSTEMD_COLORS=0", "NO_COLOR=1",
	}
}

// TimeLimit is the item's Timeout, or DefaultTimeout.
func (it Item) TimeLimit() time.Duration {
	if it.Timeout <= 0 {
		return DefaultTimeout
	}
	return it.Timeout
}

// Limit is the item's Cap in bytes, or DefaultCap.
func (it Item) Limit() int {
	if it.Cap <= 0 {
		return DefaultCap
	}
	return it.Cap
}
