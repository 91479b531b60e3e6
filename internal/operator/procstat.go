package operator

import (
	"strconv"
	"strings"
	"time"
)

// userHz is how many clock ticks /proc counts in a second: 100 on every
// architecture that Go's linux port knows.
const userHz = 100

// parseStat reads a line of proc_pid_stat(5): the name in parentheses may
// itself hold any byte.
func parseStat(line string) (Process, bool) {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return Process{}, false
	}
	f := strings.Fields(line[end+1:]) // from field 3, the state
	if len(f) < 20 {
		return Process{}, false
	}
	pid, err1 := strconv.Atoi(strings.TrimSpace(line[:open]))
	parent, err2 := strconv.Atoi(f[1])
	tty, err3 := strconv.ParseInt(f[4], 10, 64)
	ticks, err4 := strconv.ParseInt(f[19], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil || pid <= 0 || ticks < 0 {
		return Process{}, false
	}
	return Process{PID: pid, Parent: parent, Name: line[open+1 : end], TTY: uint64(uint32(tty)),
		Began: time.Duration(ticks) * (time.Second / userHz)}, true
}
