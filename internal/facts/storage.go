package facts

import (
	"strconv"
	"strings"
	"time"

	"sshwhy/internal/evidence"
)

// Storage is how full the file systems are that logins need, and which of them
// are read-only.
type Storage struct {
	Origin  Origin
	Systems []FileSystem
}

// FileSystem is one line of df.
type FileSystem struct {
	Mount    string
	Free     int64 // kibibytes that are left
	Total    int64
	ReadOnly bool
	Quote    Quote
	Option   Quote // the line of /proc/mounts that says read-only
}

// The directories logins write to: run-time files, logs and records, homes.
var (
	itemDF     = evidence.Command("df", "-P", "-k", "/", "/run", "/tmp", "/var/log", "/home").Within(2 * time.Second)
	itemMounts = evidence.File("/proc/mounts")
)

func wantStorage(*evidence.Bundle, Ask) []evidence.Item {
	return []evidence.Item{itemDF, itemMounts}
}

func parseStorage(b *evidence.Bundle) Storage {
	r := b.Get(itemDF)
	s := Storage{Origin: ran(itemDF, r, anyExit)} // 1: one of the directories does not exist
	options := map[string]Quote{}
	for i, line := range lines(b.Get(itemMounts).Data) {
		if f := strings.Fields(line); len(f) > 3 {
			options[f[1]] = Quote{Source: itemMounts.Path, Line: i + 1, Text: clip(line)}
		}
	}
	seen := map[string]bool{}
	for i, line := range lines(r.Data) {
		f := strings.Fields(line)
		if i == 0 || len(f) < 6 || seen[f[5]] {
			continue
		}
		seen[f[5]] = true
		fs := FileSystem{Mount: f[5], Quote: Quote{Source: s.Origin.Source, Line: i + 1, Text: clip(line)}, Option: options[f[5]]}
		fs.Total, _ = strconv.ParseInt(f[1], 10, 64)
		fs.Free, _ = strconv.ParseInt(f[3], 10, 64)
		opts := "," + nth(fs.Option.Text, 3) + ","
		fs.ReadOnly = strings.Contains(opts, ",ro,")
		s.Systems = append(s.Systems, fs)
	}
	return s
}
