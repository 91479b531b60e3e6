package remedy

import (
	"errors"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// as makes one change with the credentials of a user: so it can do nothing
// that this user could not do, and nobody can borrow root's power by what is
// put in the way of it. The rest of the process stays what it is.
func as(uid, gid uint32, change func() error) error {
	if me := uint32(os.Geteuid()); me != 0 || uid == me {
		return change()
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		err := become(uid, gid)
		if err == nil {
			err = change()
		}
		done <- err
	}()
	return <-done
}

// become gives this thread alone a user's credentials for the file system; the
// capabilities that would override its permissions go with root's
// (capabilities(7), "Effect of user ID changes on capabilities"). The system
// calls are the bare ones, since libc and Go change all threads at once.
func become(uid, gid uint32) error {
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
		return errno
	}
	unix.SetfsgidRetGid(int(gid)) //nolint:errcheck // setfsgid(2) reports no error; asked below
	unix.SetfsuidRetUid(int(uid)) //nolint:errcheck // the same
	group, _ := unix.SetfsgidRetGid(-1)
	user, _ := unix.SetfsuidRetUid(-1)
	if user != int(uid) || group != int(gid) {
		return errors.New("the credentials of the owner cannot be taken")
	}
	return nil
}
