package explain

import (
	"encoding/binary"
	"strconv"
	"strings"

	"sshwhy/internal/report"
)

// What fails behind a login that works.

// remoteCommand: the session was there, and the shell at its other end does not know
// the command.
func (rd *reading) remoteCommand() {
	if rd.has("proxy-command-failed") {
		return
	}
	for i := range rd.hits {
		h := &rd.hits[i]
		if !strings.Contains(h.Row.Pattern.Text, "command not found") || len(h.Row.Causes) > 0 || !rd.sessionBefore(h.line) {
			continue
		}
		command := h.Get("command")
		if at := strings.LastIndex(command, ": "); at >= 0 { // "bash: line 1: docker"
			command = command[at+len(": "):]
		}
		rd.add("remote-command-failed", report.Likely, scoreRule, h.line, map[string]string{"command": command})
		return
	}
}

// sessionBefore reports whether the text shows near a line that a session was there: ssh
// says of none that was not that its connection was closed (ssh.c, mux.c).
func (rd *reading) sessionBefore(line int) bool {
	for i := max(0, line-3); i < min(len(rd.lines), line+4); i++ {
		t := rd.lines[i].text
		shared := strings.HasPrefix(t, "Shared connection to ") || strings.HasPrefix(t, "Connection to ")
		if shared && strings.HasSuffix(t, " closed.") || strings.HasPrefix(t, "Exit status 127") {
			return true
		}
	}
	n := rd.attemptOf(line)
	return n >= 0 && rd.attempts[n].reached >= stepAuthDone
}

// firstLetters: the length that sftp and scp complain about is the first four bytes
// that came (sftp-client.c, get_msg: a big-endian number), which are letters.
func (rd *reading) firstLetters() {
	for i := range rd.hits {
		h := &rd.hits[i]
		if !strings.Contains(h.Row.Pattern.Text, "Received message too long") {
			continue
		}
		n, err := strconv.ParseUint(h.Get("n"), 10, 32)
		if err != nil {
			return
		}
		letters := string(binary.BigEndian.AppendUint32(nil, uint32(n)))
		for k := range len(letters) {
			if letters[k] < ' ' && letters[k] != '\n' && letters[k] != '\r' && letters[k] != '\t' && letters[k] != 0x1b || letters[k] > '~' {
				return
			}
		}
		rd.add("shell-output-in-stream", report.Confirmed, scoreRule, h.line, map[string]string{"text": strconv.Quote(letters)})
		return
	}
}

// quietLog: LogLevel QUIET tells nobody why a login was refused (sshd_config(5)).
func (rd *reading) quietLog() {
	if s, ok := rd.tools.sshd["loglevel"]; ok && strings.EqualFold(s.value, "quiet") {
		rd.add("sshd-logs-nowhere", report.Confirmed, scoreRule, s.line, nil).impact = report.Latent
	}
}
