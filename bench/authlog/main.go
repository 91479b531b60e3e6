// Command authlog writes an auth.log of any size as an SSH server on the open
// Internet writes it, for measuring `sshwhy explain` against grep (see explain.sh beside it).
// The same size and seed give the same bytes.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

func main() {
	size := flag.Int64("size", 1<<30, "bytes to write")
	seed := flag.Uint64("seed", 1, "of the random numbers")
	flag.Parse()
	w := bufio.NewWriterSize(os.Stdout, 1<<20)
	if err := write(w, *size, rand.New(rand.NewPCG(*seed, 2))); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	if err := w.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

var names = []string{"root", "admin", "test", "ubuntu", "oracle", "postgres", "git", "deploy", "ftpuser", "pi", "user", "guest"}

// write makes connections one after another until the size is reached.
func write(w *bufio.Writer, size int64, r *rand.Rand) error {
	now := time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)
	written := int64(0)
	line := func(program string, pid int, format string, args ...any) error {
		n, err := fmt.Fprintf(w, "%s web1 %s[%d]: %s\n", now.Format("Jan _2 15:04:05"), program, pid, fmt.Sprintf(format, args...))
		written += int64(n)
		return err
	}
	for pid := 1000; written < size; pid = 1000 + (pid-999)%60000 {
		now = now.Add(time.Duration(r.IntN(4)) * time.Second)
		if err := connection(line, pid, r); err != nil {
			return err
		}
	}
	return nil
}

// connection writes what one visitor leaves in the log.
func connection(line func(string, int, string, ...any) error, pid int, r *rand.Rand) error {
	// a few addresses come again and again, most come seldom
	addr := fmt.Sprintf("203.0.113.%d", r.IntN(40))
	if r.IntN(3) == 0 {
		addr = fmt.Sprintf("198.%d.%d.%d", 18+r.IntN(2), r.IntN(256), r.IntN(256))
	}
	user, port := names[r.IntN(len(names))], 1024+r.IntN(60000)
	var err error
	say := func(format string, args ...any) {
		if err == nil {
			err = line("sshd", pid, format, args...)
		}
	}
	switch r.IntN(12) {
	case 0, 1, 2, 3:
		say("Invalid user %s from %s port %d", user, addr, port)
		say("pam_unix(sshd:auth): check pass; user unknown")
		say("pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=%s ", addr)
		say("Failed password for invalid user %s from %s port %d ssh2", user, addr, port)
		say("Received disconnect from %s port %d:11: Bye Bye [preauth]", addr, port)
		say("Disconnected from invalid user %s %s port %d [preauth]", user, addr, port)
	case 4, 5, 6:
		say("pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=%s  user=root", addr)
		say("Failed password for root from %s port %d ssh2", addr, port)
		say("Connection closed by authenticating user root %s port %d [preauth]", addr, port)
	case 7:
		say("Unable to negotiate with %s port %d: no matching key exchange method found. Their offer: diffie-hellman-group14-sha1,diffie-hellman-group1-sha1 [preauth]", addr, port)
	case 8:
		say("Connection closed by %s port %d [preauth]", addr, port)
	case 9:
		say("banner exchange: Connection from %s port %d: invalid format", addr, port)
	case 10:
		say("Accepted publickey for deploy from 192.0.2.7 port %d ssh2: ED25519 SHA256:AwGtcYAnApBCg60EiTcThAh/XMIrPaa1fblBnR14ZG8", port)
		say("pam_unix(sshd:session): session opened for user deploy(uid=1001) by (uid=0)")
		say("Disconnected from user deploy 192.0.2.7 port %d", port)
		say("pam_unix(sshd:session): session closed for user deploy")
	default:
		if err == nil {
			err = line("CRON", pid, "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)")
		}
		if err == nil {
			err = line("CRON", pid, "pam_unix(cron:session): session closed for user root")
		}
	}
	return err
}
