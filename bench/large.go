//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"sshwhy/lab"
)

// The large machine: what a busy server has at most.
const (
	largeSockets   = 1000    // listening TCP sockets
	largeProcesses = 5000    // each with eight open files
	largeUnits     = 2000    // loaded by systemd, and active
	largeJournal   = 1 << 30 // bytes on disk, all of this boot
)

// prepareLarge makes the units, before the machine boots. A service without
// ExecStart= is active without a process.
var prepareLarge = fmt.Sprintf(`
cd /etc/systemd/system
mkdir -p multi-user.target.wants
for i in $(seq %d); do
	printf '[Unit]\nDescription=Load %%s\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStop=/bin/true\n' $i >large-$i.service
	ln -s ../large-$i.service multi-user.target.wants/
done
mkdir -p /var/log/journal /etc/systemd/journald.conf.d
printf '[Journal]\nStorage=persistent\nSystemMaxUse=4G\nSystemMaxFileSize=128M\nRateLimitIntervalSec=0\nSyncIntervalSec=1h\n' >/etc/systemd/journald.conf.d/large.conf
`, largeUnits)

// loadLarge starts the processes: a tenth of the sockets' number hold ten of them each.
var loadLarge = fmt.Sprintf(`
cat >/root/load.pl <<'END'
use Socket;
open $f[$_], "</dev/null" for 1..5;
for my $p (0..%d) {
	fork and next;
	for my $s (0..9) {
		socket(my $l, AF_INET, SOCK_STREAM, 0) or die; push @l, $l;
		setsockopt($l, SOL_SOCKET, SO_REUSEADDR, 1);
		bind($l, sockaddr_in(20000 + 10 * $p + $s, INADDR_ANY)) && listen($l, 16) or die $!;
	}
	sleep 1e9; exit;
}
for (1..%d) { fork or do { sleep 1e9; exit } }
sleep 1e9;
END
systemd-run -q --unit=load -p TasksMax=infinity -p LimitNPROC=infinity perl /root/load.pl
for i in $(seq 300); do
	[ "$(ss -Hltn | wc -l)" -ge %d ] && [ "$(ls -d /proc/[0-9]* | wc -l)" -ge %d ] && exit 0
	sleep 0.1
done
echo "not all of it came up" >&2; exit 1
`, largeSockets/10-1, largeProcesses-largeSockets/10, largeSockets, largeProcesses)

// large measures sshwhy server on the large machine.
func large(ctx context.Context, tools string) error {
	w, err := lab.New(ctx, "trixie", tools)
	if err != nil {
		return err
	}
	defer w.Close()
	if r := w.Prepare(ctx, prepareLarge); r.Exit != 0 {
		return fmt.Errorf("units: %v", r)
	}
	if err := w.Boot(ctx); err != nil {
		return err
	}
	if r := w.Server(ctx, loadLarge); r.Exit != 0 {
		return fmt.Errorf("processes: %v", r)
	}
	// One call may take a minute (the lab's limit), so the journal is written in parts.
	for part := range 40 {
		r := w.Server(ctx, fmt.Sprintf("bench inside journal %d", part))
		if r.Exit != 0 && r.Exit != moreToWrite {
			return fmt.Errorf("journal: %v", r)
		}
		if r.Exit == 0 {
			break
		}
	}
	r := w.Server(ctx, "journalctl --flush; journalctl --sync; bench inside large")
	fmt.Print(string(r.Stdout))
	if r.Exit != 0 {
		return fmt.Errorf("large: %v", r)
	}
	if keep := os.Getenv("SSHWHY_BENCH_KEEP"); keep != "" {
		dir, err := w.Commands()
		if err != nil {
			return err
		}
		fmt.Printf("the machine stays until %s is removed: %s/server\n", keep, dir)
		return waitGone(ctx, keep)
	}
	return nil
}

// moreToWrite is the exit status of a part of the journal that was not the last.
const moreToWrite = 9

// partEntries is how many entries one part has.
const partEntries = 100_000

// writeJournal sends a part of the journal by its native protocol
// (systemd.io/JOURNAL_NATIVE_PROTOCOL): a service's chatter, and one line in eight
// of an sshd that the Internet knocks at.
func writeJournal(part uint64) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: "/run/systemd/journal/socket", Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	// The journal notes the sender's unit itself, from its control group.
	if err := os.WriteFile("/sys/fs/cgroup/system.slice/ssh.service/cgroup.procs", fmt.Appendf(nil, "%d", os.Getpid()), 0); part%8 == 0 && err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(part, 1))
	for i := range partEntries {
		message, from := fmt.Sprintf("request %08x done in %d ms, %s", r.Uint32(), r.IntN(900), strings.Repeat("chatter ", 10+r.IntN(20))), "webapp"
		if i%8 == 0 {
			from = "sshd-session"
			message = fmt.Sprintf("Failed password for invalid user u%d from 203.0.113.%d port %d ssh2", r.IntN(5000), r.IntN(256), r.IntN(60000))
		}
		entry := fmt.Sprintf("MESSAGE=%s\nPRIORITY=6\nSYSLOG_IDENTIFIER=%s\nREQUEST_ID=%016x\n", message, from, r.Uint64())
		if _, err := conn.Write([]byte(entry)); err != nil {
			return err
		}
	}
	if journalSize() < largeJournal {
		os.Exit(moreToWrite)
	}
	return nil
}

// journalSize is what the journal's files take on disk, in bytes.
func journalSize() (sum int64) {
	files, _ := filepath.Glob("/var/log/journal/*/*.journal")
	for _, f := range files {
		var st syscall.Stat_t
		if syscall.Stat(f, &st) == nil {
			sum += st.Blocks * 512
		}
	}
	return sum
}

// waitGone waits until a file is no more.
func waitGone(ctx context.Context, file string) error {
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if _, err := os.Stat(file); err != nil {
			return nil
		}
		time.Sleep(200 * time.Millisecond)
	}
	return ctx.Err()
}
