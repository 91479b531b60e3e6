package remedy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sshwhy/internal/report"
)

// keysDoer makes the host keys that are missing, as every distribution does.
type keysDoer struct {
	dir string // /etc/ssh; tests give ssh-keygen another root
	pre string // the root
}

func newKeysDoer() (*keysDoer, error) {
	dir, err := filepath.EvalSymlinks("/etc/ssh")
	return &keysDoer{dir: dir}, err
}

func (d *keysDoer) touches() ([]string, []string)                    { return nil, []string{d.dir} }
func (d *keysDoer) probe(context.Context, *System) map[string]string { return nil }
func (d *keysDoer) record() act                                      { return act{Kind: "host-keys", Loose: true} }

func (d *keysDoer) check(_ context.Context, s *System) error {
	if !s.has("ssh-keygen") {
		return errors.New("ssh-keygen is not installed")
	}
	return s.writable(d.dir)
}

func (d *keysDoer) do(ctx context.Context, s *System) error {
	argv := []string{"ssh-keygen", "-A"}
	if d.pre != "" {
		argv = append(argv, "-f", d.pre)
	}
	_, err := s.run(ctx, argv...)
	return err
}

// installDoer installs packages with the machine's own package manager, or
// finishes the installation of some that dpkg has unpacked.
type installDoer struct {
	manager   string
	packages  []string
	configure bool
}

// managers are the package managers, each with its commands. The install
// command must never ask.
var managers = map[string]struct{ probe, install, remove []string }{
	"apt": {[]string{"dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}${Version}\n"},
		[]string{"apt-get", "-y", "-q", "-o", "DPkg::Lock::Timeout=60", "-o", "Dpkg::Options::=--force-confold", "--no-install-recommends", "install", "--"},
		[]string{"apt-get", "-y", "-q", "-o", "DPkg::Lock::Timeout=60", "purge", "--"}},
	"dnf":    {[]string{"rpm", "-qa"}, []string{"dnf", "-y", "install", "--"}, []string{"dnf", "-y", "remove", "--"}},
	"yum":    {[]string{"rpm", "-qa"}, []string{"yum", "-y", "install", "--"}, []string{"yum", "-y", "remove", "--"}},
	"zypper": {[]string{"rpm", "-qa"}, []string{"zypper", "-n", "install", "--"}, []string{"zypper", "-n", "remove", "--"}},
	"pacman": {[]string{"pacman", "-Qq"}, []string{"pacman", "--noconfirm", "-S", "--"}, []string{"pacman", "--noconfirm", "-R", "--"}},
	"apk":    {[]string{"apk", "info"}, []string{"apk", "add", "--"}, []string{"apk", "del", "--"}},
}

// dpkgConfigure finishes the installation of the packages that follow, and of
// those alone. Nobody is there to be asked about a changed configuration file:
// the one that is there stays.
var dpkgConfigure = []string{"dpkg", "--force-confdef", "--force-confold", "--configure", "--"}

// managerOrder is the order in which the machine's package manager is looked for.
var managerOrder = [...]string{"apt", "dnf", "yum", "zypper", "pacman", "apk"}

func newInstallDoer(s *System, a report.Action) (*installDoer, error) {
	d := &installDoer{manager: a.Manager, packages: a.Packages, configure: a.Kind == report.ActConfigure}
	if d.configure {
		d.manager = "apt"
	}
	if d.manager == "apt-get" {
		d.manager = "apt"
	}
	if d.manager == "" {
		for _, m := range managerOrder {
			if s.has(managers[m].install[0]) {
				d.manager = m
				break
			}
		}
	}
	if _, ok := managers[d.manager]; !ok {
		return nil, errors.New("no package manager that sshwhy knows is on this machine")
	}
	for _, p := range d.packages {
		if p == "" || strings.HasPrefix(p, "-") || strings.ContainsAny(p, " \n\x00/") {
			return nil, fmt.Errorf("%q is no package's name", p)
		}
	}
	if len(d.packages) == 0 {
		return nil, errors.New("no package is named")
	}
	return d, nil
}

// touches: a package's scripts may write anything below /etc, whose content is
// small enough to be recorded whole.
func (d *installDoer) touches() ([]string, []string) { return nil, []string{"/etc"} }

func (d *installDoer) probe(ctx context.Context, s *System) map[string]string {
	r := s.ask(ctx, managers[d.manager].probe...)
	lines := slices.Collect(strings.Lines(r.Output))
	slices.Sort(lines)
	out := map[string]string{"packages": strings.Join(lines, "")}
	for _, u := range [...]string{"ssh.service", "ssh.socket", "sshd.service", "sshd.socket"} {
		if s.has("systemctl") {
			out[initSystemd+":"+u] = activeState(ctx, s, initSystemd, u)
		}
	}
	return out
}

func (d *installDoer) record() act { return act{Kind: "install", Manager: d.manager, Loose: true} }

func (d *installDoer) check(_ context.Context, s *System) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root")
	}
	if err := s.writable("/etc"); err != nil {
		return err
	}
	return s.writable("/var")
}

func (d *installDoer) do(ctx context.Context, s *System) error {
	if d.configure {
		_, err := s.runFor(ctx, installTime, append(slices.Clone(dpkgConfigure), d.packages...)...)
		return err
	}
	m := managers[d.manager]
	_, err := s.runFor(ctx, installTime, append(slices.Clone(m.install), d.packages...)...)
	if err != nil && d.manager == "apt" && staleIndex(err) {
		if _, uerr := s.runFor(ctx, installTime, "apt-get", "-q", "update"); uerr != nil {
			return errors.Join(err, uerr)
		}
		_, err = s.runFor(ctx, installTime, append(slices.Clone(m.install), d.packages...)...)
	}
	return err
}

// staleIndex says whether apt's own list of packages is what was missing.
func staleIndex(err error) bool {
	return strings.Contains(err.Error(), "Unable to locate package") || strings.Contains(err.Error(), "has no installation candidate") ||
		strings.Contains(err.Error(), "404 ")
}

// commandDoer runs a known command that has a known inverse.
type commandDoer struct {
	argv, inverse []string
	paths         []string // files that the command is known to change
}

// accountFiles are what the programs of shadow-utils change, with the copies
// they keep of the versions before.
var accountFiles = []string{"/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow",
	"/etc/passwd-", "/etc/shadow-", "/etc/group-", "/etc/gshadow-", "/etc/.pwd.lock"}

func newCommandDoer(a report.Action) (*commandDoer, error) {
	if len(a.Argv) == 0 {
		return nil, errors.New("no command is named")
	}
	d := &commandDoer{argv: a.Argv, inverse: a.Inverse}
	switch filepath.Base(a.Argv[0]) {
	case "usermod", "passwd", "chage", "useradd", "userdel", "adduser", "deluser", "groupadd", "gpasswd":
		d.paths, d.inverse = accountFiles, nil // the files themselves are put back
	case "mv", "cp", "ln", "rm":
		d.inverse = nil
		for _, arg := range a.Argv[1:] {
			if !filepath.IsAbs(arg) {
				continue
			}
			real, err := resolveDir(arg) // the name itself is moved, link or not
			if err != nil {
				return nil, err
			}
			d.paths = append(d.paths, real)
		}
	}
	if a.Path != "" {
		real, err := resolve(a.Path)
		if err != nil {
			return nil, err
		}
		d.paths = append(slices.Clone(d.paths), real)
	}
	for _, path := range d.paths { // a program takes paths, and follows what it finds
		if othersDecide(path) {
			return nil, fmt.Errorf("%s lies where others than root may write: no program is run on it as root", path)
		}
	}
	return d, nil
}

func (d *commandDoer) touches() ([]string, []string)                    { return d.paths, nil }
func (d *commandDoer) probe(context.Context, *System) map[string]string { return nil }

func (d *commandDoer) record() act {
	a := act{Kind: "command", Loose: true}
	if len(d.inverse) > 0 {
		a.Inverses, a.Forward = [][]string{d.inverse}, [][]string{d.argv}
	}
	return a
}

func (d *commandDoer) check(_ context.Context, s *System) error {
	for _, argv := range [][]string{d.argv, d.inverse} {
		if len(argv) > 0 && !s.has(argv[0]) {
			return fmt.Errorf("%s is not installed", argv[0])
		}
	}
	return nil
}

func (d *commandDoer) do(ctx context.Context, s *System) error {
	_, err := s.run(ctx, d.argv...)
	return err
}

// sshdCheckDoer is a remedy's "sshd -t": it changes nothing, and stops the round
// where the configuration is still refused for another line. (Plain sshd -t
// also complains of a directory that is only there while the service runs.)
type sshdCheckDoer struct{}

func isSSHDCheck(argv []string) bool {
	return len(argv) == 2 && filepath.Base(argv[0]) == "sshd" && argv[1] == "-t"
}

func (sshdCheckDoer) touches() ([]string, []string)                    { return nil, nil }
func (sshdCheckDoer) probe(context.Context, *System) map[string]string { return nil }
func (sshdCheckDoer) record() act                                      { return act{Kind: "check"} }
func (sshdCheckDoer) check(context.Context, *System) error             { return nil }

func (sshdCheckDoer) do(ctx context.Context, s *System) error {
	says, err := sshdSays(ctx, sshdConfigs[0], nil)
	if err == nil && len(says) > 0 {
		err = fmt.Errorf("%w: %s", errNotYet, strings.Join(says, "; "))
	}
	return err
}

// newUnbanDoer takes one address out of a tool's list. The inverse bans it
// again; the time that was left of the ban begins anew.
func newUnbanDoer(a report.Action) (doer, error) {
	addr, err := netip.ParseAddr(a.Source)
	if err != nil {
		return nil, fmt.Errorf("no address is named to lift the ban of: %w", err)
	}
	ip := addr.String()
	switch a.Tool {
	case "fail2ban":
		jail := a.Jail
		if jail == "" {
			jail = "sshd"
		}
		return &commandDoer{argv: []string{"fail2ban-client", "set", jail, "unbanip", ip},
			inverse: []string{"fail2ban-client", "set", jail, "banip", ip}}, nil
	case "crowdsec":
		return &commandDoer{argv: []string{"cscli", "decisions", "delete", "--ip", ip},
			inverse: []string{"cscli", "decisions", "add", "--ip", ip, "--reason", "ban put back by sshwhy undo"}}, nil
	case "sshguard":
		family := "ip"
		if addr.Is6() {
			family = "ip6"
		}
		element := []string{family, "sshguard", "attackers", "{ " + ip + " }"}
		return &commandDoer{argv: append([]string{"nft", "delete", "element"}, element...),
			inverse: append([]string{"nft", "add", "element"}, element...)}, nil
	}
	return nil, fmt.Errorf("sshwhy does not know how to lift a ban of %q", a.Tool)
}
