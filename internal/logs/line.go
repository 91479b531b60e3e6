package logs

import (
	"bytes"
)

// daemonMessage finds the message of an SSH server's line: what follows
// "sshd[12]: ", "sshd-session[12]: " or "dropbear[12]: ". stamp is the length
// of the time stamp. It looks at fixed places only, so that lines of other programs cost next to nothing.
func daemonMessage(line []byte) (stamp int, pid int, msg []byte) {
	begin := dateAt(line)
	i := begin
	switch {
	case len(line) < begin+24:
		return 0, 0, nil
	case line[begin+3] == ' ' && line[begin+9] == ':' && line[begin+12] == ':': // Nov 20 14:39:11
		i = begin + 16
	case line[begin+4] == '-' && line[begin+10] == 'T': // 2026-11-20T14:39:11…
		j := bytes.IndexByte(line[begin:], ' ')
		if j < 0 {
			return 0, 0, nil
		}
		i = begin + j + 1
	case line[begin+4] == '-' && line[begin+10] == ' ' && line[begin+13] == ':': // 2026-11-20 14:39:11 UTC
		i = begin + 20
	default:
		return 0, 0, nil
	}
	stamp = i
	rest := line[i:]
	for range 4 { // a fraction, a year, the host's name may stand between
		if len(rest) > 8 && (rest[0] == 's' && rest[1] == 's' && rest[2] == 'h' && rest[3] == 'd' || rest[0] == 'd' && bytes.HasPrefix(rest, dropbearIdent)) {
			if pid, msg = identPid(rest); msg != nil {
				return stamp, pid, msg
			}
		}
		j := bytes.IndexByte(rest, ' ')
		if j < 0 || j > 0 && rest[j-1] == ':' {
			break // the program was another one
		}
		rest = rest[j+1:]
	}
	return stamp, 0, nil
}

// dateAt is where the date begins: behind a priority (<38>) and a weekday.
func dateAt(line []byte) int {
	at := 0
	if len(line) > 6 && line[0] == '<' {
		if j := bytes.IndexByte(line[:6], '>'); j > 0 {
			at = j + 1
		}
	}
	if len(line) > at+20 && line[at+3] == ' ' && (line[at+8] == '-' || line[at+7] == ' ' && line[at+13] == ':') {
		at += 4 // Thu 2026-11-20 …, Thu Dec  5 17:43:57 2024
	}
	return at
}

var dropbearIdent = []byte("dropbear")

// identPid reads "sshd[12]: " and returns the pid and what follows.
func identPid(s []byte) (pid int, msg []byte) {
	i := 4
	for i < len(s) && i < 24 && s[i] != '[' && s[i] != ':' && s[i] != ' ' {
		i++
	}
	if i+2 >= len(s) {
		return 0, nil
	}
	if s[i] == '[' {
		for i++; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			pid = pid*10 + int(s[i]-'0')
		}
		if i < len(s) && s[i] == ']' {
			i++
		}
	}
	if i+2 > len(s) || s[i] != ':' || s[i+1] != ' ' {
		return 0, nil
	}
	return pid, s[i+2:]
}
