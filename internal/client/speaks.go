package client

import (
	"bytes"
	"strings"
)

// greeting is how another protocol begins.
type greeting struct {
	prefix string
	what   string
}

// greetings are the first bytes of protocols that stand on a wrong port. Those
// that answer only when spoken to answer our identification string.
var greetings = [...]greeting{
	{"HTTP/", "a web server (HTTP)"},
	{"<!DOCTYPE", "a web server (HTTP)"},
	{"<html", "a web server (HTTP)"},
	{"\x16\x03", "a TLS server (HTTPS or the like)"},
	{"\x15\x03", "a TLS server (HTTPS or the like)"},
	{"* OK", "a mail server (IMAP)"},
	{"* BYE", "a mail server (IMAP)"},
	{"+OK", "a mail server (POP3)"},
	{"RFB 0", "a VNC server"},
	{"@RSYNCD:", "an rsync server"},
	{"-ERR", "a Redis or POP3 server"},
	{"-DENIED", "a Redis server"},
	{"\xff\xfb", "a telnet server"},
	{"\xff\xfd", "a telnet server"},
	{"\xff\xfe", "a telnet server"},
	{"AMQP", "an AMQP message broker"},
	{"INFO {", "a NATS server"},
	{"NICK", "an IRC server"},
	{":irc", "an IRC server"},
	{IdentPrefix, "an echo service (it sends back what it gets)"},
}

// whatSpeaks names the protocol by the first bytes that came, or returns "".
func whatSpeaks(raw []byte) string {
	for _, g := range greetings {
		if bytes.HasPrefix(raw, []byte(g.prefix)) {
			return g.what
		}
	}
	text := string(raw[:min(len(raw), 200)])
	switch {
	case strings.HasPrefix(text, "220") && strings.Contains(strings.ToUpper(text), "FTP"):
		return "an FTP server"
	case strings.HasPrefix(text, "220") || strings.HasPrefix(text, "554"):
		return "a mail server (SMTP)"
	case len(raw) >= 5 && raw[2] == 0 && raw[3] == 0 && (raw[4] == 0x0a || raw[4] == 0xff):
		return "a MySQL or MariaDB server" // packet length, sequence 0, protocol 10 or an error
	case len(raw) > 5 && raw[0] == 'E' && raw[1] == 0 && raw[2] == 0:
		return "a PostgreSQL server"
	case len(raw) > 6 && bytes.HasPrefix(raw, []byte{3, 0, 0}):
		return "a remote desktop server (RDP)"
	}
	return ""
}
