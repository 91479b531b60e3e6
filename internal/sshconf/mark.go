package sshconf

import "strings"

// byteOrderMark is what some editors put before the first line of a text in
// UTF-8. ssh and sshd take it for a part of the first word.
const byteOrderMark = "\ufeff"

// CutMark returns a line of a configuration without the byte order mark before
// it, and whether there was one.
func CutMark(line string) (string, bool) { return strings.CutPrefix(line, byteOrderMark) }

// SaysNothing reports whether a line is empty or a comment (ssh_config(5), sshd_config(5)).
func SaysNothing(line string) bool {
	said := strings.TrimSpace(line)
	return said == "" || said[0] == '#'
}
