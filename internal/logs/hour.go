package logs

import (
	"bytes"
	"strconv"
	"time"

	"sshwhy/internal/sshlog"
)

// A logHour counts hours: since 1970 where the log has years, and otherwise
// since the beginning of a year of 372 days (12 times 31), which is enough to
// put hours in order.
type logHour int32

// noYear is added to hours of logs without years, so that the two kinds never
// mix: it lies far beyond any real date.
const noYear logHour = 1 << 29

// hoursPerYear is the length of the year that noYear hours are counted in.
const hoursPerYear logHour = 12 * 31 * 24

// hourOf reads the time stamp at the beginning of a line; 0 where there is none.
func hourOf(line []byte) logHour {
	line = line[min(dateAt(line), len(line)):]
	if len(line) < 16 {
		return 0
	}
	if line[4] == '-' && (line[10] == 'T' || line[10] == ' ') {
		y, m, d, h := num(line[0:4]), num(line[5:7]), num(line[8:10]), num(line[11:13])
		if y < 1970 || m < 1 || m > 12 || d < 1 || d > 31 || h < 0 || h > 23 || y > 9999 {
			return 0
		}
		return logHour(days(y, m, d)*24 + h)
	}
	m := month(line)
	d, h := num(bytes.TrimLeft(line[4:6], " ")), num(line[7:9])
	if m == 0 || d < 1 || d > 31 || h < 0 || h > 23 {
		return 0
	}
	return noYear + logHour(((m-1)*31+d-1)*24+h)
}

// num reads decimal digits; -1 where there are others.
func num(b []byte) int {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// month reads Jan … Dec; 0 where it is none.
func month(b []byte) int {
	for i := 0; i+3 <= len(sshlog.Months); i += 4 {
		if sshlog.Months[i] == b[0] && sshlog.Months[i+1] == b[1] && sshlog.Months[i+2] == b[2] {
			return i/4 + 1
		}
	}
	return 0
}

// days since 1970-01-01 of a date in the Gregorian calendar.
func days(y, m, d int) int {
	return int(time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// unixStamp writes microseconds since 1970 as an ISO time stamp.
func unixStamp(us string) string {
	n, err := strconv.ParseInt(us, 10, 64)
	if err != nil {
		n = 0
	}
	return time.UnixMicro(n).UTC().Format("2006-01-02T15:04:05Z")
}
