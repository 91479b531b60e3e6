package report

// Action is what a step does, as data: the same act that Step.Do describes to
// a person, in a form that one driver (internal/remedy) previews, applies and
// undoes. Checks attach it; they never carry it out. It is not part of the
// JSON contract.
//
// The set of kinds is closed. A step without an Action is for people only, and
// a remedy that has one such step among its steps is never applied
// automatically, because half a remedy is none.
//
// How checks use it:
//
//	Step{Do: "chmod 600 /etc/ssh/ssh_host_rsa_key", Undo: "chmod 644 …", Where: OnServer,
//		Act: &Action{Kind: ActMode, Path: "/etc/ssh/ssh_host_rsa_key", Mode: 0o600}}
//	Act: &Action{Kind: ActEdit, Path: "/etc/ssh/sshd_config", Check: CheckSSHD,
//		Edits: []LineEdit{{Line: 12, Old: "PermitRotLogin no", Op: LineComment}}}
//	Act: &Action{Kind: ActEdit, Path: "/etc/ssh/sshd_config", Check: CheckSSHD,
//		Edits: []LineEdit{{Line: 5, Old: "PermitRootLogin no", Op: LineReplace, New: "PermitRootLogin prohibit-password"}},
//		Opens: "root, with a key"}
//	Act: &Action{Kind: ActUnit, Unit: "ssh.service", Verb: VerbStart}
//	Act: &Action{Kind: ActUnit, Verb: VerbDaemonReload}
//	Act: &Action{Kind: ActMkdir, Path: "/run/sshd", Mode: 0o755, User: "root", Group: "root"}
//	Act: &Action{Kind: ActOwner, Path: "/home/bob/.ssh", User: "bob"}
//	Act: &Action{Kind: ActHostKeys}
//	Act: &Action{Kind: ActInstall, Packages: []string{"openssh-server"}}
//	Act: &Action{Kind: ActRemove, Path: "/etc/nologin", Opens: "every account, not only root"}
//	Act: &Action{Kind: ActFirewall, Firewall: &Opening{Manager: "ufw", Port: 22}}
//	Act: &Action{Kind: ActFirewall, Firewall: &Opening{Manager: "nft", Family: "inet", Table: "filter",
//		Chain: "input", Before: 7, File: "/etc/nftables.conf", Port: 22}}
//	Act: &Action{Kind: ActUnban, Tool: "fail2ban", Jail: "sshd", Source: "192.0.2.9"}
//	Act: &Action{Kind: ActHostsAllow, Source: "192.0.2.9"}
//	Act: &Action{Kind: ActCommand, Argv: []string{"semanage", "port", "-a", "-t", "ssh_port_t", "-p", "tcp", "2222"},
//		Inverse: []string{"semanage", "port", "-d", "-p", "tcp", "2222"}}
//
// Order within a remedy need not be that of the phases: the plan puts packages
// first, then files, then daemon-reload, then units, then firewalls and bans.
type Action struct {
	Kind ActionKind

	// Path is the file or directory acted on: absolute, and as the checks saw
	// it. Symbolic links are followed to their target by the driver.
	Path string

	// Edits are the lines to change (ActEdit), each with the text it must
	// still have. Line numbers are those of the file before any of the edits.
	Edits []LineEdit
	// Check is the program that must accept the new content before it takes
	// its place (ActEdit).
	Check Checker

	Mode  uint32 // permission bits, including 07000 (ActMode, ActMkdir, and ActEdit for a file that does not exist yet)
	User  string // owner to give, by name or number; "" leaves it (ActOwner, ActMkdir)
	Group string // group to give, by name or number; "" leaves it

	Unit string   // systemd unit with its suffix, or the service's name elsewhere (ActUnit)
	Verb UnitVerb // what to do with it
	Init string   // "" or "systemd", "openrc", "sysv", "runit"

	Packages []string // names for the machine's own package manager (ActInstall), or dpkg's (ActConfigure)
	Manager  string   // "apt", "dnf", "yum", "zypper", "pacman", "apk"; "" is found out

	Firewall *Opening // ActFirewall

	Tool   string // "fail2ban", "sshguard", "crowdsec" (ActUnban)
	Jail   string // the jail, where the tool has several
	Source string // the address let in (ActUnban, ActHostsAllow); for ActHostsAllow "" is everyone

	Argv    []string // program and arguments, run without a shell (ActCommand)
	Inverse []string // what takes it back; nil: nothing remains to be taken back

	// Opens says who may come in afterwards who could not before, in words for
	// the person who is asked for consent. Whatever the remedy's kind says, an
	// action that opens needs the consent that Open needs.
	Opens string
	// Confirm is what the person must have compared through a second channel
	// and type, a host key's fingerprint, before the action is planned. A
	// remedy with such a step may hold steps for the other side, which are how
	// to compare.
	Confirm string
	// Risk is one sentence on what could go wrong, beyond what the driver says
	// of such an action anyway. May be empty.
	Risk string
}

// ActionKind is what sort of change an action is.
type ActionKind string

// The kinds of action.
const (
	ActEdit       ActionKind = "edit"        // lines of a text file
	ActMode       ActionKind = "mode"        // permission bits of a file or directory
	ActOwner      ActionKind = "owner"       // owner and group of a file or directory
	ActMkdir      ActionKind = "mkdir"       // a directory that is missing, or its mode and owner
	ActRemove     ActionKind = "remove"      // a file or symbolic link that is in the way
	ActUnit       ActionKind = "unit"        // a unit or service
	ActHostKeys   ActionKind = "host-keys"   // ssh-keygen -A
	ActInstall    ActionKind = "install"     // packages, with the machine's package manager
	ActConfigure  ActionKind = "configure"   // packages that dpkg has unpacked and not configured
	ActFirewall   ActionKind = "firewall"    // an opening, through the manager that owns the firewall
	ActUnban      ActionKind = "unban"       // one address taken out of a ban list
	ActHostsAllow ActionKind = "hosts-allow" // a line at the head of /etc/hosts.allow
	ActCommand    ActionKind = "command"     // a known command with a known inverse
)

// LineEdit is one change to a text file. Lines are counted from 1, without
// their line end; Old is the exact text the line must still have.
type LineEdit struct {
	Line int
	Old  string
	Op   LineOp
	New  string // for LineReplace, LineBefore, LineAfter and LineAppend; may hold several lines
}

// LineOp is what happens to a line.
type LineOp string

// The line operations.
const (
	LineReplace LineOp = "replace"
	LineComment LineOp = "comment" // "# " is put before it; New is not used
	LineDelete  LineOp = "delete"
	LineBefore  LineOp = "before" // New goes before the line
	LineAfter   LineOp = "after"  // New goes after the line
	LineAppend  LineOp = "append" // New goes to the end; Line and Old are not used; the file may be missing
	LinePrepend LineOp = "prepend"
)

// Checker names a program's own check of its configuration.
type Checker string

// The checkers.
const (
	CheckNone     Checker = ""
	CheckSSHD     Checker = "sshd -t"     // as sshd itself would read it, with its includes
	CheckNft      Checker = "nft -c"      // nft -c -f FILE
	CheckIPTables Checker = "iptables"    // iptables-restore --test
	CheckIP6Table Checker = "ip6tables"   // ip6tables-restore --test
	CheckSSH      Checker = "ssh -G"      // ssh -G -F FILE
	CheckKnown    Checker = "known_hosts" // ssh-keygen -l -f FILE
)

// UnitVerb is what is done to a unit.
type UnitVerb string

// The verbs.
const (
	VerbStart        UnitVerb = "start"
	VerbStop         UnitVerb = "stop"
	VerbRestart      UnitVerb = "restart"
	VerbReload       UnitVerb = "reload" // re-reads the configuration, keeps the listener
	VerbEnable       UnitVerb = "enable"
	VerbWant         UnitVerb = "add-wants" // systemd: multi-user.target starts it at boot, by no other name
	VerbDisable      UnitVerb = "disable"
	VerbUnmask       UnitVerb = "unmask"
	VerbResetFailed  UnitVerb = "reset-failed"
	VerbDaemonReload UnitVerb = "daemon-reload" // Unit is not used
)

// Opening is a hole in a firewall for new TCP connections to one port, made
// through the manager that owns the rules, in the running rules and in the
// ones that survive a reboot.
type Opening struct {
	Manager string // "ufw", "firewalld", "nft", "iptables", "ip6tables"
	Port    int
	// Source is the address or prefix let in; "" is everyone. A plan made with
	// --client narrows an empty one to that address.
	Source string

	Zone string // firewalld: "" is the default zone

	Family string // nft: ip, ip6, inet
	Table  string // nft, iptables: "" is filter
	Chain  string // nft, iptables: the chain whose rule or policy decides, "" is INPUT
	Before int    // nft: handle of the rule that decides; 0: the rule goes to the head of the chain
	File   string // nft, iptables: the file the rules are loaded from at boot; "" where there is none

	// RunningOnly and PermanentOnly leave the other half alone
	// (firewall-not-persistent needs the permanent half only).
	RunningOnly   bool
	PermanentOnly bool
}
