package shell

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/evidence"
)

// metaOf reads the output of stat -c '%f %u %g %s %Y' ("m"), or the fields of
// ls -dn ("n"): mode, owner, group, size.
func metaOf(how, text string) (evidence.Meta, error) {
	var m evidence.Meta
	f := strings.Fields(text)
	want := map[string]int{"m": 5, "n": 4}[how]
	if len(f) != want {
		return m, fmt.Errorf("metadata %.60q", text)
	}
	if how == "m" {
		mode, err := strconv.ParseUint(f[0], 16, 32)
		if err != nil {
			return m, fmt.Errorf("mode %.20q", f[0])
		}
		m.Type, m.Mode = typeOf(uint32(mode)), uint32(mode)&0o7777
		if m.MTime, err = strconv.ParseInt(f[4], 10, 64); err != nil {
			return m, fmt.Errorf("time %.20q", f[4])
		}
	} else {
		var ok bool
		if m.Type, m.Mode, ok = lsMode(f[0]); !ok {
			return m, fmt.Errorf("mode %.20q", f[0])
		}
		if strings.HasSuffix(f[3], ",") {
			f[3] = "0" // major and minor number of a device
		}
	}
	for i, to := range []*int{&m.UID, &m.GID} {
		n, err := strconv.Atoi(f[i+1])
		if err != nil {
			return m, fmt.Errorf("owner %.20q", f[i+1])
		}
		*to = n
	}
	size, err := strconv.ParseInt(f[3], 10, 64)
	if err != nil {
		return m, fmt.Errorf("size %.20q", f[3])
	}
	m.Size = size
	return m, nil
}

// typeOf is the type in st_mode; see inode(7).
func typeOf(mode uint32) string {
	switch mode & 0o170000 {
	case 0o100000:
		return "file"
	case 0o040000:
		return "dir"
	case 0o120000:
		return "link"
	case 0o140000:
		return "socket"
	case 0o010000:
		return "fifo"
	}
	return "device"
}

// lsMode reads the ten characters that ls -l begins with; an eleventh tells of
// an access control list.
func lsMode(s string) (kind string, mode uint32, ok bool) {
	if len(s) < 10 {
		return "", 0, false
	}
	kind, ok = map[byte]string{'-': "file", 'd': "dir", 'l': "link", 's': "socket", 'p': "fifo", 'b': "device", 'c': "device"}[s[0]]
	for i, c := range []byte(s[1:10]) {
		bit := uint32(1) << (8 - i)
		switch {
		case c == '-':
		case strings.IndexByte("rwx", c) == i%3:
			mode |= bit
		case i%3 == 2 && strings.IndexByte("sStT", c) >= 0:
			mode |= 0o4000 >> (i / 3)
			if c == 's' || c == 't' {
				mode |= bit
			}
		default:
			return "", 0, false
		}
	}
	return kind, mode, ok
}

func sortMatches(m []evidence.Match) {
	slices.SortFunc(m, func(a, b evidence.Match) int { return strings.Compare(a.Path, b.Path) })
}
