//go:build unix && !linux

package proc

// wait waits for the program and ends what it left in its group. Without
// waitid(2) the number could be another's by then, in theory.
func (p *Process) wait() error {
	err := p.cmd.Wait()
	p.over()
	return err
}
