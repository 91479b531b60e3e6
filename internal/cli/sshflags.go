package cli

import (
	"github.com/spf13/pflag"
)

// sshFlag is one option of ssh(1): it takes what ssh takes and keeps it, in the
// order typed, so that the very same options can be handed to ssh -G.
type sshFlag struct {
	name string
	kept *[]string
	bool bool
}

func (f sshFlag) String() string { return "" }
func (f sshFlag) Type() string {
	if f.bool {
		return "bool"
	}
	return "value"
}

// Set keeps the option.
func (f sshFlag) Set(v string) error {
	*f.kept = append(*f.kept, "-"+f.name)
	if !f.bool {
		*f.kept = append(*f.kept, v)
	}
	return nil
}

// The options of ssh(1), OpenSSH 10: those without and those with a value. -v
// is not among them, since it is sshwhy's own, and -V, -G, -Q and -O do not
// connect at all.
const (
	sshSwitches = "46AaCfgKkMNnqsTtXxYy"
	sshValues   = "BbcDEeFIiJLlmoPpRSWw"
)

// addSSHFlags gives a flag set ssh's own options; what is typed collects in kept.
func addSSHFlags(fs *pflag.FlagSet, kept *[]string) {
	for _, c := range sshSwitches {
		n := string(c)
		fl := fs.VarPF(sshFlag{name: n, kept: kept, bool: true}, "ssh-"+n, n, "as in ssh(1)")
		fl.NoOptDefVal = "true"
	}
	for _, c := range sshValues {
		n := string(c)
		fs.VarP(sshFlag{name: n, kept: kept}, "ssh-"+n, n, "as in ssh(1)")
	}
}

// hideSSHFlags leaves ssh's options out of the help, which names them in a sentence.
func hideSSHFlags(fs *pflag.FlagSet) {
	fs.VisitAll(func(f *pflag.Flag) {
		if _, ok := f.Value.(sshFlag); ok {
			f.Hidden = true
		}
	})
}
