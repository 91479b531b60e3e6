package remedy

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// uptime is the time since the machine's boot, time in suspension included: the
// clock by which the kernel tells when a process began (proc_pid_stat(5)).
func uptime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// bootID names this boot of the machine (random(4)).
func bootID() string {
	data, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(data))
}
