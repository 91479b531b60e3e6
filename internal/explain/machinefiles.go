package explain

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/sshlog"
)

// Limits of what a text may show of a machine; checks compare some of it with all else.
const (
	maxPastedFiles   = 2000
	maxPastedLines   = 2000 // of sshd_config
	maxPastedSockets = 256
	maxPastedPorts   = 16 // lines of Port, and of ListenAddress: sshd listens on every pair
	maxPastedUnits   = 64
)

// file reads ls -l, namei -l and what either says of a path that is not there.
func (m *machine) file(i int, s string) bool {
	if rest, ok := strings.CutPrefix(s, "f: /"); ok {
		m.trace = "/"
		_ = rest
		return true
	}
	if strings.Contains(s, "cannot access ") && strings.HasSuffix(s, ": No such file or directory") {
		_, p, _ := strings.Cut(s, "cannot access ")
		p = m.absolute(strings.Trim(strings.TrimSuffix(p, ": No such file or directory"), "'\""))
		if p != "" && len(m.Files) < maxPastedFiles {
			m.put(i, p, nil, "", "")
		}
		return p != ""
	}
	if strings.HasSuffix(s, ":") && strings.HasPrefix(s, "/") && !strings.Contains(s, " ") {
		m.dir = path.Clean(strings.TrimSuffix(s, ":")) // of several directories
		return true
	}
	f := strings.Fields(s)
	if len(f) < 4 {
		return false
	}
	mode, kind, ok := fileModeOf(f[0])
	if !ok {
		return false
	}
	meta := &evidence.Meta{Type: kind, Mode: mode}
	if m.trace != "" && !sshlog.Digits(f[1]) { // namei: mode owner group name
		m.trace = path.Join(m.trace, f[3])
		meta.Size = 1 // it does not say, and an empty file is rare
		m.put(i, m.trace, meta, f[1], f[2])
		return true
	}
	if len(f) < 8 || !sshlog.Digits(f[1]) {
		return false
	}
	meta.Size, _ = strconv.ParseInt(f[4], 10, 64)
	name := f[len(f)-1]
	switch p := m.absolute(name); {
	case len(f) > 9 && f[len(f)-2] == "->":
	case p != "":
		m.put(i, p, meta, f[2], f[3])
	case m.dir != "" && name == ".":
		m.put(i, m.dir, meta, f[2], f[3])
	case m.dir != "" && name == "..":
		m.put(i, path.Dir(m.dir), meta, f[2], f[3])
	case m.dir != "" && !strings.Contains(name, "/"):
		m.put(i, path.Join(m.dir, name), meta, f[2], f[3])
	}
	return true
}

func (m *machine) put(i int, p string, meta *evidence.Meta, user, group string) {
	if _, known := m.Files[p]; known || len(m.Files) >= maxPastedFiles {
		return
	}
	m.Files[p] = meta
	m.owners[p] = [2]string{user, group}
	m.at["stat "+p] = i
}

// pastedUID is the number of the account in question where the text has none.
const pastedUID = 100_000

// uid is the number of the account in question.
func (m *machine) uid() int {
	if f := strings.Split(m.Passwd, ":"); len(f) == 7 {
		n, _ := strconv.Atoi(f[2])
		return n
	}
	if m.User == "root" {
		return 0
	}
	return pastedUID
}

// number gives owners numbers, once the account's is known. Only whether two are
// the same matters.
func (m *machine) number() {
	ids := map[string]int{"root": 0}
	if m.User != "" {
		ids[m.User] = m.uid()
	}
	for _, p := range slices.Sorted(maps.Keys(m.owners)) {
		for k, name := range m.owners[p] {
			n, err := strconv.Atoi(name)
			if err != nil {
				if _, ok := ids[name]; !ok {
					ids[name] = pastedUID + 1 + len(ids)
				}
				n = ids[name]
			}
			if meta := m.Files[p]; meta != nil && k == 0 {
				meta.UID = n
			} else if meta != nil {
				meta.GID = n
			}
		}
	}
}

// noAccount: getent found nobody of that name, where the next prompt or the end of the
// text follows at once.
func (m *machine) noAccount(rd *reading) {
	if m.Passwd != "" || m.User == "" {
		return
	}
	for i := range rd.lines {
		if !strings.HasSuffix(rd.lines[i].command, "getent passwd "+m.User) {
			continue
		}
		k := i + 1
		for k < len(rd.lines) && rd.lines[k].text == "" && rd.lines[k].command == "" {
			k++
		}
		if k == len(rd.lines) || rd.lines[k].command != "" {
			m.NoUser = true
			m.at["getent passwd "+m.User] = i
			return
		}
	}
}

// fileModeOf reads "drwxr-xr-x", also with a "." or "+" behind.
func fileModeOf(s string) (mode uint32, kind string, ok bool) {
	if len(s) < 10 || len(s) > 11 {
		return 0, "", false
	}
	kind, ok = map[byte]string{'-': "file", 'd': "dir"}[s[0]]
	if !ok || strings.Trim(s[1:10], "rwxsStT-") != "" {
		return 0, "", false
	}
	for k, c := range s[1:10] {
		bit := uint32(1) << (8 - k)
		switch c {
		case '-', 'S', 'T':
		default:
			mode |= bit
		}
	}
	return mode, kind, true
}
