package explain

import (
	"slices"
	"strings"

	"sshwhy/internal/sshlog"
)

// otherSchemes are the URLs of services that are spoken to without SSH.
var otherSchemes = []string{"http://", "https://", "ldap://", "ldaps://", "postgres://", "postgresql://", "mysql://", "redis://", "amqp://", "mongodb://", "ftp://", "ws://", "wss://", "tcp://", "grpc://"}

// otherPorts are ports on which another protocol is usual (the IANA registry and the
// projects' own documentation). SSH may be moved to any of them, but then the text says ssh.
var otherPorts = map[string]bool{
	"25": true, "53": true, "80": true, "88": true, "110": true, "143": true, "389": true, "443": true, "465": true, "587": true, "636": true, "993": true, "995": true,
	"2375": true, "2376": true, "2379": true, "3000": true, "3306": true, "3389": true, "5432": true, "5672": true, "5985": true, "5986": true, "6379": true, "6443": true,
	"8080": true, "8443": true, "9090": true, "9092": true, "9200": true, "10250": true, "11211": true, "27017": true,
}

// networkCauses are what a connection of any kind may fail by.
var networkCauses = []string{"connection-refused", "connection-timed-out", "host-unreachable", "no-route", "name-not-found", "name-server-unreachable", "connection-dropped"}

// foreignConnection reports whether a failed connection is one to another service: its
// line names a URL or a port of one, and nothing of SSH.
func (rd *reading) foreignConnection(h *hit, caps map[string]string) bool {
	if !slices.Contains(networkCauses, h.Row.Causes[0].Cause) {
		return false
	}
	low := sshlog.Lower(rd.lines[h.line].body)
	if strings.Contains(low, "ssh") || strings.Contains(low, "sftp") || strings.Contains(low, "scp") || strings.Contains(low, "port 22") {
		return false
	}
	for _, s := range otherSchemes {
		if strings.Contains(low, s) {
			return true
		}
	}
	port := caps["port"]
	if _, p, ok := cutLast(strings.Trim(caps["addr"], "."), ":"); ok && port == "" {
		port = p
	}
	return otherPorts[port] && rd.askedPortOf(h.line) != portOf(port)
}

// askedPortOf is the port that the attempt of a line names in its command, 0 where it names none.
func (rd *reading) askedPortOf(line int) int {
	if n := rd.attemptOf(line); n >= 0 && n < len(rd.attempts) {
		return rd.attempts[n].port
	}
	return 0
}
