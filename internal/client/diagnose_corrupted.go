package client

import (
	"fmt"
	"strings"

	"sshwhy/internal/report"
)

// corrupted reports whether an error of the connection says that a packet came
// damaged: the library's words for a check value that does not fit, for each kind
// of cipher, and OpenSSH's in its DISCONNECT. A damaged length reads as another
// error and is not taken for it, since a faulty server makes the same.
func corrupted(err string) bool {
	for _, words := range []string{"MAC failure", "cipher: message authentication failed", "Corrupted MAC on input", "message authentication code incorrect"} {
		if strings.Contains(err, words) {
			return true
		}
	}
	return false
}

// corruptedMAC is for a connection that ended because a packet from the server failed its
// integrity check, in whichever step.
func (d *diagnosis) corruptedMAC() {
	o, err, when := d.o, "", ""
	switch {
	case o.HostKey != nil && corrupted(o.HostKey.Err):
		err, when = o.HostKey.Err, "during the key exchange"
	case o.Login != nil && corrupted(o.Login.Err):
		err, when = o.Login.Err, "during the login"
	case o.Session != nil && corrupted(o.Session.Fault):
		err, when = o.Session.Fault, "in the session"
	default:
		return
	}
	d.find("corrupted-mac", report.Confirmed,
		fmt.Sprintf("A packet from %s arrived damaged %s: its check value does not fit. Something on the way or in one of the two machines changes data.", d.host, when),
		[]report.Evidence{{Source: "connection " + o.Chosen, Excerpt: err}},
		advice("Try from another network, and with another cipher. If it stays, switch off the offloading of the network cards on both sides, one after the other.",
			onClient(d.ssh("-c aes128-ctr -m hmac-sha2-256")), onServer("sudo ethtool -K DEVICE rx off tx off tso off gso off gro off")))
}
