package proc

import "golang.org/x/sys/unix"

// wait waits for the program and ends what it left in its group. It leaves the
// program a zombie meanwhile: as long as nobody has collected it, its number
// cannot be given to another process, so the kill can only hit its own.
func (p *Process) wait() error {
	for unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	p.over()
	return p.cmd.Wait()
}
