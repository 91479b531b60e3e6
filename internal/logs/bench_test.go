package logs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// busyLog makes a log as a server on the open Internet writes it.
func busyLog(lines int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	for i := range lines {
		at := fmt.Sprintf("Jan %2d %02d:%02d:%02d web1 sshd[%d]: ", 1+i/500_000, i/20_000%24, i/400%60, i/7%60, 1000+i/3%60000)
		addr := fmt.Sprintf("203.0.113.%d", r.IntN(250))
		switch i % 3 {
		case 0:
			fmt.Fprintf(&b, "%spam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=%s  user=root\n", at, addr)
		case 1:
			fmt.Fprintf(&b, "%sFailed password for root from %s port %d ssh2\n", at, addr, 1024+r.IntN(60000))
		default:
			fmt.Fprintf(&b, "%sConnection closed by authenticating user root %s port %d [preauth]\n", at, addr, 1024+r.IntN(60000))
		}
	}
	return b.Bytes()
}

// BenchmarkSummarize measures what a log costs; the comparison with grep on a
// gigabyte is bench/authlog/measure.sh.
func BenchmarkSummarize(b *testing.B) {
	log := busyLog(200_000)
	b.SetBytes(int64(len(log)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Summarize(bytes.NewReader(log), Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
