package explain

import (
	"strings"
	"testing"
)

// TestProbes: what programs say that only try a port, and the small tools of a client.
func TestProbes(t *testing.T) {
	for text, want := range map[string]string{
		"nc: connect to 192.0.2.10 port 22 (tcp) failed: Connection refused":                                                                                          "connection-refused",
		"nc: connectx to 192.0.2.10 port 22 (tcp) failed: Operation timed out":                                                                                        "connection-timed-out",
		"web1 [192.0.2.10] 22 (ssh) : Connection timed out":                                                                                                           "connection-timed-out",
		"Connection to 192.0.2.10 22 port [tcp/ssh] succeeded!":                                                                                                       "",
		"Trying 192.0.2.10...\ntelnet: connect to address 192.0.2.10: Connection refused\ntelnet: Unable to connect to remote host":                                   "connection-refused",
		"Trying 192.0.2.10...\nConnected to 192.0.2.10.\nEscape character is '^]'.\nSSH-2.0-OpenSSH_9.6p1":                                                            "",
		"Connecting To 192.0.2.10...Could not open connection to the host, on port 22: Connect failed":                                                                "connection-refused",
		"Nmap scan report for 192.0.2.10\nHost is up (0.0010s latency).\n\nPORT   STATE    SERVICE\n22/tcp filtered ssh":                                              "connection-timed-out",
		"PORT   STATE  SERVICE\n22/tcp closed ssh":                                                                                                                    "connection-refused",
		"PORT   STATE SERVICE VERSION\n22/tcp open  ssh     OpenSSH 9.6p1":                                                                                            "",
		"WARNING: TCP connect to (192.0.2.10 : 22) failed\n\nComputerName     : 192.0.2.10\nRemotePort       : 22\nPingSucceeded    : True\nTcpTestSucceeded : False": "connection-timed-out",
		"ComputerName     : 192.0.2.10\nRemotePort       : 22\nTcpTestSucceeded : True":                                                                               "",
		"$ ssh-add -l\nCould not open a connection to your authentication agent.":                                                                                     "agent-unreachable",
		"$ ssh-add -l\n256 SHA256:abc alice@laptop (ED25519)":                                                                                                         "",
		"$ ssh -G web1\nuser alice\nhostname 192.0.2.10\nport 2222\npasswordauthentication no\npubkeyauthentication no":                                               "",
		"$ ip route get 192.0.2.10\nRTNETLINK answers: Network is unreachable":                                                                                        "no-route",
		"$ ip route get 192.0.2.10\n192.0.2.10 via 10.0.0.1 dev eth0 src 10.0.0.5 uid 1000\n    cache":                                                                "",
		"$ getenforce\nEnforcing": "",
		`{"MESSAGE":"User bob from 192.0.2.1 not allowed because not listed in AllowUsers","SYSLOG_IDENTIFIER":"sshd","_PID":"12"}`: "user-not-allowed",
		"$ rpm -q openssh-server\npackage openssh-server is not installed":                                                          "sshd-not-installed",
	} {
		r, err := Explain(strings.NewReader(text+"\n"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if r.Verdict == "broken" {
			got = r.Findings[0].Cause
		}
		if got != want {
			t.Errorf("%q: %q, want %q (%s)", text, got, want, r.Headline)
		}
	}
}
