package evidence

import (
	"net/netip"
	"time"
)

// HelloLimit is how long the answer to a greeting may take, the connection
// included. An sshd on the same machine answers within milliseconds.
const HelloLimit = 2 * time.Second

// helloCap bounds what is kept of an answer, in bytes: the list of algorithms of
// an OpenSSH has about a thousand.
const helloCap = 64 << 10

// Hello wants to know what answers an SSH client at an address of the machine
// looked at: it connects, says who it is, reads up to the list of algorithms
// (KEXINIT, RFC 4253 section 7.1), and takes leave with DISCONNECT and HelloWords,
// so that the log of an sshd names it. It begins no login.
//
// Where somebody takes the connection the result is Known, with all that was said
// in Data and its end in Exit; where nobody does, Absent.
func Hello(at netip.AddrPort) Item {
	return Item{Kind: KindHello, Path: at.String(), Timeout: HelloLimit, Cap: helloCap}
}

// How an answer to a greeting ended: the Exit of a KindHello that is Known.
const (
	HelloWhole   = 0 // the list of algorithms came
	HelloClosed  = 1 // the other side ended the connection before that
	HelloSilent  = 2 // nothing more came within the time limit
	HelloForeign = 3 // what came cannot be from an SSH server
)

// helloEnds are the Reasons for these.
var helloEnds = [...]string{
	HelloWhole: "", HelloClosed: "the other side ended the connection",
	HelloSilent: "nothing more came within " + HelloLimit.String(), HelloForeign: "that is not SSH",
}

// HelloEnded is the result of a greeting that somebody answered.
func HelloEnded(exit int, said []byte) Result {
	r := Result{Status: Known, Reason: helloEnds[exit], Data: said, Exit: exit}
	if len(said) > helloCap {
		r.Data, r.Truncated = said[:helloCap], true
	}
	return r
}

// What is said to the other side: who asks, and why he leaves.
const (
	HelloIdent = "SSH-2.0-sshwhy\r\n"
	HelloWords = "sshwhy asked whether this server answers"
)

// HelloBye is the DISCONNECT packet that takes leave (RFC 4253 sections 6 and
// 11.1): reason 11, BY_APPLICATION, which sshd logs without calling it an error.
func HelloBye() []byte {
	body := append([]byte{1, 0, 0, 0, 11, 0, 0, 0, byte(len(HelloWords))}, HelloWords...)
	body = append(body, 0, 0, 0, 0) // no language tag
	padding := 8 - (4+1+len(body))%8
	if padding < 4 { // at least four, and the whole a multiple of eight
		padding += 8
	}
	packet := append([]byte{0, 0, 0, byte(1 + len(body) + padding), byte(padding)}, body...)
	return append(packet, make([]byte, padding)...)
}
