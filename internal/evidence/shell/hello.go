package shell

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"sshwhy/internal/evidence"
	"sshwhy/internal/shquote"
)

// No program of POSIX connects to a port. bash does (its /dev/tcp), and reads
// bytes one by one, NUL among them. Its exit status is that of the item, or:
const notConnected = 9

// helloGrace is how much longer than the answer the program may take: each byte
// has the item's time limit, since a shell has no clock finer than a second.
const helloGrace = 2 * time.Second

// askHello asks $1:$2, waiting $3 seconds. r reads a byte into c and prints it, n
// reads a number of four. It reads what stands before the identification string,
// then packets until one of type 20 (KEXINIT), and then says $5. Lengths are
// bounded as in internal/sshwire.
const askHello = `LC_ALL=C IFS=; exec 3<>"/dev/tcp/$1/$2" || exit 9; printf "$4" >&3
r() { read -r -d "" -n 1 -t "$3" c <&3 || { [ $? -gt 128 ] && exit 2; exit 1; }; if [ "$c" ]; then printf %s "$c"; else printf "\0"; fi; printf -v d %d "'$c"; d=$((d & 255)); }
l= k=0 z=; while :; do r "$@"; k=$((k + 1)); [ $k -gt 9000 ] && exit 3; case $d in 10) case $l in SSH-*) break;; esac; [ "$z" ] && exit 3; l=;; 0) z=1;; *) l=$l$c;; esac; done
for i in 1 2 3 4 5 6 7 8; do n=0; for j in 1 2 3 4; do r "$@"; n=$((n << 8 | d)); done; if [ $n -lt 6 ] || [ $n -gt 35000 ]; then exit 3; fi
for ((j = 0; j < n; j++)); do r "$@"; [ $j = 1 ] && t=$d; done
if [ $t = 20 ]; then printf "$5" >&3; exit 0; fi; done; exit 3`

// hello is the command that asks.
func hello(at string) (args []string, ok bool) {
	a, err := netip.ParseAddrPort(at)
	if err != nil {
		return nil, false
	}
	return []string{
		"bash", "-c", strings.ReplaceAll(askHello, "\n", "; "), "sshwhy", a.Addr().String(), strconv.Itoa(int(a.Port())),
		strconv.Itoa(int(evidence.HelloLimit / time.Second)), shquote.ASCII(evidence.HelloIdent), octal(evidence.HelloBye()),
	}, true
}

// octal is bytes as a format of printf.
func octal(bytes []byte) string {
	var out strings.Builder
	for _, c := range bytes {
		fmt.Fprintf(&out, `\%03o`, c)
	}
	return out.String()
}

// helloResult makes the result of the program's.
func helloResult(r evidence.Result) evidence.Result {
	words := strings.TrimSpace(string(r.Stderr))
	switch {
	case r.Status == evidence.Absent:
		return *failed("not asked: there is no bash over there, and no other shell can connect")
	case r.Status == evidence.Failed && r.Reason == noAnswer:
		return *failed("no connection within " + evidence.HelloLimit.String())
	case !r.OK():
		return r
	case r.Exit == notConnected && strings.Contains(words, "refused"):
		return evidence.Result{Status: evidence.Absent, Reason: "connection refused", Exit: -1}
	case r.Exit == notConnected:
		if i := bytes.IndexByte(r.Stderr, '\n'); i >= 0 {
			words = string(r.Stderr[:i])
		}
		return *failed("no connection: " + words)
	case r.Exit >= evidence.HelloWhole && r.Exit <= evidence.HelloForeign:
		return evidence.HelloEnded(r.Exit, r.Data)
	}
	return *failed("the program that asks ended with status " + strconv.Itoa(r.Exit))
}
