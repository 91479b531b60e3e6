package local

import (
	"context"
	"io"
	"math"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"sshwhy/internal/evidence"
	"sshwhy/internal/proc"
)

// self is the program that runs, wherever its file is: nobody has to be able to
// pass the directories above it.
const self = "/proc/self/exe"

// childServes: this program can run itself as another user.
const childServes = true

// runSelf runs this program. Where the user may not execute its file (mode 0700
// in /root), a copy in memory, which nobody can write to, serves.
func runSelf(ctx context.Context, c proc.Command) proc.Result {
	keepDescriptors()
	c.Path = self
	r := proc.Run(ctx, c)
	if r.Ending != proc.NotAllowed || c.As == nil {
		return r
	}
	program, err := sealedCopy()
	if err != nil {
		return r
	}
	defer program.Close()
	c.Path = "/proc/self/fd/" + strconv.Itoa(int(program.Fd()))
	return proc.Run(ctx, c)
}

// keepDescriptors makes sure that no child inherits a descriptor: those that Go
// opens never are, but whoever started us may have left some.
func keepDescriptors() {
	const first = 3
	if unix.CloseRange(first, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return
	}
	open, _ := os.ReadDir("/proc/self/fd") // before Linux 5.11
	for _, e := range open {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd >= first {
			unix.CloseOnExec(fd)
		}
	}
}

// sealedCopy is this program in memory (memfd_create(2)).
func sealedCopy() (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate("sshwhy", flags|unix.MFD_EXEC)
	if err == unix.EINVAL { // before Linux 6.3, all of them can be executed
		fd, err = unix.MemfdCreate("sshwhy", flags)
	}
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "sshwhy")
	from, err := os.Open(self)
	if err == nil {
		_, err = io.Copy(f, from)
		from.Close()
	}
	if err == nil {
		err = unix.Fchmod(fd, 0o555)
	}
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// shut keeps the user from looking into the child through ptrace(2), from here on,
// and from what it might leave.
func shut() {
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	unix.Umask(0o077)
}

// usersEyes refuse what the kernel makes up: it is no file of a user's.
type usersEyes struct{ eyes }

func (e usersEyes) find(path string) (*place, *evidence.Meta, error) {
	p, link, err := e.eyes.find(path)
	if err != nil {
		return nil, link, err
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(p.fd, &st); err != nil {
		p.close()
		return nil, link, err
	}
	if st.Type == unix.PROC_SUPER_MAGIC || st.Type == unix.SYSFS_MAGIC {
		p.close()
		return nil, link, refusal("not looked at: it leads into /proc or /sys")
	}
	return p, link, nil
}
