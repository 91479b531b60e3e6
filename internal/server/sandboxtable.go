package server

import (
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"sshwhy/internal/facts"
)

// sandboxTable says what the properties of units that fence a service in mean for
// SSH (systemd.exec(5), systemd.resource-control(5), systemd.socket(5)). What
// stands neither here nor in unitState nor in addressFilters, and is set, is told
// as not known.
var sandboxTable = []setting{
	{"ProtectHome", protectHome},
	{"InaccessiblePaths InaccessibleDirectories TemporaryFileSystem", hiddenPaths},
	{"NoExecPaths", noExecPaths},
	{"ProtectSystem", protectSystem},
	{"ReadOnlyPaths ReadOnlyDirectories", readOnlyPaths},
	{"PrivateUsers PrivateUsersEx", privateUsers},
	{"PrivateNetwork NetworkNamespacePath", otherNetwork},
	{"User DynamicUser", otherUser},
	{"CapabilityBoundingSet", capabilities},
	{"SystemCallFilter", systemCalls},
	{"RestrictAddressFamilies", addressFamilies},
	{"DevicePolicy", devicePolicy},
	{"LimitNOFILE LimitNOFILESoft", fewer(64, 16, "open files")},
	{"LimitNPROC LimitNPROCSoft", fewer(256, 4, "processes of one user")},
	{"LimitAS LimitASSoft LimitDATA LimitDATASoft", fewer(256<<20, 16<<20, "bytes of memory for a process")},
	{"LimitFSIZE LimitFSIZESoft", fewer(16<<20, 1, "bytes in a file")},
	{"LimitCPU LimitCPUSoft", fewer(3600, 1, "seconds of a processor")},
	{"LimitSTACK LimitSTACKSoft", fewer(1<<20, 64<<10, "bytes of stack")},
	{"TasksMax", tasksMax},
	{"MemoryMax MemoryLimit MemoryHigh StartupMemoryMax StartupMemoryHigh", memoryMax},
	{"CPUQuotaPerSecUSec", cpuQuota},
	{"MaxConnections", maxConnections},
	{"MaxConnectionsPerSource", maxPerSource},
	{"BindToDevice", bindToDevice},
	{"IPTTL", notSet("-1", "sets how far the server's packets get")},
	{"Mark", notSet("-1", "marks the server's packets, by which routes and filters may treat them differently")},
	{"RuntimeMaxUSec", tell("ends the server after that time")},
	{"SecureBits", tell("changes what root may do in the server's processes")},
	{"RootDirectory RootImage RootEphemeral RootHash RootHashPath RootHashSignature RootVerity", tell("gives the server another root directory: its files are not those that were looked at")},
	{"BindPaths BindReadOnlyPaths MountImages ExtensionImages ExtensionDirectories", tell("puts other files into the places of some: what the server sees there was not looked at")},
	{"RestrictFileSystems", tell("keeps the server's processes from kinds of file systems")},
	{"PrivatePIDs PrivateBPF UserNamespacePath IPCNamespacePath JoinsNamespaceOf", tell("puts the server into another namespace")},
	{"AppArmorProfile SELinuxContext SmackProcessLabel", tell("puts the server under other rules of mandatory access control")},
	{"PAMName", tell("has PAM decide over the start of the server itself")},
	{"StandardInput", standardInput},
}

// tell is for what is not simulated: where it is set, the machine is not called fine.
func tell(words string) func(*view, *facts.Unit, string) harm {
	return func(*view, *facts.Unit, string) harm { return unclear("%s", words) }
}

// notSet is tell with a value of its own for "not set".
func notSet(off, words string) func(*view, *facts.Unit, string) harm {
	return func(_ *view, _ *facts.Unit, value string) harm {
		if value == off {
			return harm{}
		}
		return unclear("%s", words)
	}
}

func protectHome(v *view, _ *facts.Unit, value string) harm {
	if v.known() && !slices.ContainsFunc([]string{"/home/", "/root/", "/run/user/"}, func(dir string) bool { return strings.HasPrefix(v.Account.Home+"/", dir) }) {
		return harm{}
	}
	switch value {
	case "read-only":
		return harm{} // logins work; nobody can write at home
	case "yes":
		return stops("hides /home, /root and /run/user from the server: it finds no keys there, and sessions no home")
	}
	return stops("shows the server an empty /home, /root and /run/user: it finds no keys there, and sessions no home")
}

// pathOf takes a path out of a list: "-" and "+" may stand before it, ":" and
// options behind it (systemd.exec(5)).
func pathOf(word string) string {
	word, _, _ = strings.Cut(strings.TrimLeft(word, "-+"), ":")
	return path.Clean(word)
}

// loginPaths are what the server and the session of the account asked about read
// and write at: without an account, where most people's are.
func (v *view) loginPaths() (whose []string, everyone []string) {
	everyone = []string{"/etc/ssh", "/etc/pam.d", "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/nsswitch.conf", "/usr", "/dev/pts", "/dev/null", "/proc", v.sshd()}
	if !v.known() {
		return []string{"/home", "/root"}, everyone
	}
	whose = []string{v.Account.Home, v.Account.Shell}
	for _, k := range v.Effective.Fields("authorizedkeysfile") {
		k = strings.NewReplacer("%h", v.Account.Home, "%u", v.Account.Name, "%%", "%").Replace(k)
		if !strings.HasPrefix(k, "/") {
			k = v.Account.Home + "/" + k
		}
		whose = append(whose, k)
	}
	return whose, everyone
}

// below reports whether a path is a directory or in it.
func below(name, dir string) bool {
	return name == dir || dir == "/" || strings.HasPrefix(name, dir+"/")
}

// unrelated are directories that neither a login nor sshd looks into.
var unrelated = []string{"/boot", "/efi", "/srv", "/media", "/sys", "/lost+found", "/usr/src", "/usr/games", "/var/spool", "/var/www", "/var/cache"}

func hiddenPaths(v *view, _ *facts.Unit, value string) harm {
	whose, everyone := v.loginPaths()
	for word := range strings.FieldsSeq(value) {
		dir := pathOf(word)
		covers := func(name string) bool { return name != "" && below(name, dir) }
		switch {
		case slices.ContainsFunc(everyone, covers):
			return stops("hides %s from the server, which needs it", dir)
		case slices.ContainsFunc(whose, covers) && v.known():
			return stops("hides %s from the server, which looks there for %s", dir, v.Account.Name)
		case slices.ContainsFunc(whose, covers):
			return stops("hides %s from the server, where it looks for keys and homes", dir)
		case slices.ContainsFunc([]string{"/home", "/root"}, func(home string) bool { return below(dir, home) }) && !v.known():
			return hurts("hides %s from the server: whose keys or home that is is shut out", dir)
		case slices.ContainsFunc(whose, func(name string) bool { return below(dir, name) }):
			return unclear("hides %s, which belongs to the account, from the server", dir)
		case slices.ContainsFunc(unrelated, func(u string) bool { return below(dir, u) }):
		case v.known() && below(dir, "/home"):
		default:
			return unclear("hides %s from the server", dir)
		}
	}
	return harm{}
}

func noExecPaths(v *view, u *facts.Unit, value string) harm {
	exec := strings.Fields(u.Props["ExecPaths"])
	for word := range strings.FieldsSeq(value) {
		dir := pathOf(word)
		allowed := func(name string) bool {
			return slices.ContainsFunc(exec, func(e string) bool { return below(name, pathOf(e)) && below(pathOf(e), dir) })
		}
		switch {
		case v.known() && below(v.Account.Shell, dir) && !allowed(v.Account.Shell):
			return stops("keeps the shell of %s (%s) from being executed", v.Account.Name, v.Account.Shell)
		case v.known() && !below("/usr", dir) && !below(v.Account.Shell, dir):
		default:
			return unclear("keeps programs below %s from being executed", dir)
		}
	}
	return harm{}
}

// protectSystem makes /usr and /etc read-only, or ("strict") all but /dev, /proc
// and /sys: a login writes nothing that it cannot do without.
func protectSystem(*view, *facts.Unit, string) harm { return harm{} }

// readOnlyPaths: the same.
func readOnlyPaths(*view, *facts.Unit, string) harm { return harm{} }

func privateUsers(_ *view, _ *facts.Unit, _ string) harm {
	return stops("gives the server a set of users of its own, in which it cannot become those who log in")
}

func otherNetwork(v *view, _ *facts.Unit, _ string) harm {
	if v.Sandbox.Foreign.Source != "" && !v.serving() {
		return harm{} // checkOtherNetwork says it, with what the kernel shows
	}
	if v.socketActive() {
		return harm{} // systemd listens, in the machine's own network
	}
	return unclear("gives the server a network of its own, as soon as it is started again")
}

func otherUser(v *view, u *facts.Unit, value string) harm {
	switch {
	case value == "root":
		return harm{}
	case u.Props["DynamicUser"] == "yes" || v.known() && v.Account.Name != value:
		return stops("lets the server run without root's rights: it can become nobody else")
	}
	return unclear("lets the server run without root's rights: only %s can log in", value)
}

// vital are the capabilities without which no connection is served: to lock the
// part that talks to strangers in, and to become the user (capabilities(7)).
var vital = []string{"cap_sys_chroot", "cap_setuid", "cap_setgid"}

// useful are those that some logins need: other users' files, ports below 1024,
// terminals, audit, limits.
var useful = []string{"cap_net_bind_service", "cap_dac_override", "cap_dac_read_search", "cap_chown", "cap_fowner", "cap_fsetid", "cap_kill",
	"cap_audit_write", "cap_audit_control", "cap_sys_resource"}

func capabilities(_ *view, _ *facts.Unit, value string) harm {
	has := strings.Fields(value)
	lacks := func(c string) bool { return !slices.Contains(has, c) }
	if i := slices.IndexFunc(vital, lacks); i >= 0 {
		return stops("leaves the server without %s, which every login needs", strings.ToUpper(vital[i]))
	}
	if i := slices.IndexFunc(useful, lacks); i >= 0 {
		return unclear("leaves the server without %s", strings.ToUpper(useful[i]))
	}
	return harm{}
}

// neededCalls are system calls that every login makes: its sandbox, its
// processes, its change to the user. One by which another can stand in is not among them.
var neededCalls = []string{"chroot", "setgroups", "setresuid", "setresgid", "socketpair", "execve", "bind", "listen", "ioctl", "fcntl", "prctl", "setsid", "kill"}

func systemCalls(v *view, u *facts.Unit, value string) harm {
	deny := strings.HasPrefix(value, "~")
	names := strings.Fields(strings.TrimPrefix(value, "~"))
	for _, call := range neededCalls {
		if slices.Contains(names, call) == deny {
			return stopsEarly("keeps the server from the system call %s", call)
		}
	}
	return unclear("keeps system calls from the server; whether a login makes one of them is not known")
}

func addressFamilies(v *view, _ *facts.Unit, value string) harm {
	deny := strings.HasPrefix(value, "~")
	names := strings.Fields(strings.TrimPrefix(value, "~"))
	for _, f := range []string{"AF_UNIX", "AF_INET", "AF_INET6"} {
		if slices.Contains(names, f) != deny {
			continue
		}
		switch {
		case f == "AF_UNIX":
			return stopsEarly("keeps the server from AF_UNIX, by which its own processes talk")
		case v.q.Client.IsValid() && v.q.Client.Unmap().Is4() == (f == "AF_INET"):
			return stops("keeps the server from %s, by which %s comes", f, v.q.Client)
		case !v.q.Client.IsValid() && slices.ContainsFunc(v.Links.Outer(), func(a netip.Addr) bool { return a.Is4() == (f == "AF_INET") }):
			return hurts("keeps the server from %s, in which this machine has addresses", f)
		}
	}
	return harm{}
}

func devicePolicy(_ *view, _ *facts.Unit, value string) harm {
	if value == "strict" {
		return unclear("keeps the server from devices, terminals among them, that DeviceAllow does not name")
	}
	return harm{} // closed: /dev/null, /dev/ptmx and the like stay
}

// fewer judges a limit: from least on nobody notices it, and below fatal nobody
// gets in.
func fewer(least, fatal int, what string) func(*view, *facts.Unit, string) harm {
	return func(_ *view, _ *facts.Unit, value string) harm {
		n, err := strconv.ParseUint(value, 10, 64)
		switch {
		case err != nil:
			return unclear("is a limit that could not be read")
		case n < uint64(fatal):
			return stopsEarly("allows the server %d %s, fewer than a login needs", n, what)
		case n < uint64(least):
			return unclear("allows the server only %d %s", n, what)
		}
		return harm{}
	}
}

// loginTasks is how many processes sshd makes of a connection until the session
// has a group of its own, with some to spare.
const loginTasks = 4

func tasksMax(_ *view, u *facts.Unit, value string) harm {
	limit, err := strconv.Atoi(value)
	current, unknown := strconv.Atoi(u.Props["TasksCurrent"])
	switch {
	case err != nil:
		return harm{} // infinity, in whatever words
	case limit < loginTasks, unknown == nil && limit-current < loginTasks:
		return stopsEarly("leaves no room for the processes of one more connection")
	case limit < 10*loginTasks && unknown != nil:
		return unclear("leaves room for few connections")
	}
	return harm{}
}

// A connection of sshd takes some 10 MiB while it logs in.
const (
	leastMemory = 16 << 20
	someMemory  = 64 << 20
)

func memoryMax(_ *view, u *facts.Unit, value string) harm {
	limit, err := strconv.ParseInt(value, 10, 64)
	current, unknown := strconv.ParseInt(u.Props["MemoryCurrent"], 10, 64)
	switch {
	case err != nil || limit >= 1<<62:
		return harm{}
	case limit < leastMemory:
		return stopsEarly("leaves the server less memory than one login takes")
	case unknown == nil && limit-current < leastMemory, limit < someMemory:
		return unclear("leaves the server little memory")
	}
	return harm{}
}

// leastShare is the part of a processor below which a login takes so long that
// clients give up (0.5 s of a processor at the most usual settings).
const leastShare = 20 * time.Millisecond

func cpuQuota(_ *view, _ *facts.Unit, value string) harm {
	share, err := time.ParseDuration(strings.ReplaceAll(strings.ReplaceAll(value, " ", ""), "min", "m"))
	switch {
	case err != nil:
		return unclear("is a share of the processor that could not be read")
	case share < leastShare:
		return hurts("leaves the server %v of processor time in a second: every login takes long, and clients give up", share)
	case share < 5*leastShare:
		return unclear("leaves the server little of the processor")
	}
	return harm{}
}

// perConnection is whether the socket unit starts a server for each connection:
// only then systemd counts them.
func perConnection(u *facts.Unit) bool { return u.Socket() && u.Props["Accept"] == "yes" }

func maxConnections(_ *view, u *facts.Unit, value string) harm {
	limit, err := strconv.Atoi(value)
	if !perConnection(u) || err != nil {
		return harm{}
	}
	if u.Int("NConnections") >= limit {
		return stops("is reached: %d connections are open, and systemd closes every new one", u.Int("NConnections"))
	}
	return harm{}
}

func maxPerSource(_ *view, u *facts.Unit, value string) harm {
	limit, err := strconv.Atoi(value)
	if !perConnection(u) || err != nil || u.Int("NConnections") < limit {
		return harm{}
	}
	return unclear("may be reached: %d connections are open, from whatever addresses", u.Int("NConnections"))
}

func bindToDevice(v *view, u *facts.Unit, value string) harm {
	if !u.Active() {
		return unclear("lets it listen on that interface only")
	}
	return harm{} // the listener itself shows it: checkLoopback, checkDevice
}

func standardInput(_ *view, u *facts.Unit, value string) harm {
	if value == "null" || value == "socket" && !u.Socket() {
		return harm{}
	}
	return unclear("gives the server another standard input")
}
