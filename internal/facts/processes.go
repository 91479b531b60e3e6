package facts

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/evidence"
)

// Process is what /proc says of one process.
type Process struct {
	PID     int
	Name    string
	Command string
	State   string // first letter of the State line: R S D T t Z X I
	UID     int    // the effective one, whose rights it has; -1 where it is not known
	Program string // where /proc/PID/exe points; " (deleted)" behind it where the file was replaced
	Unit    string // the systemd unit in its control group; "" where there is none
	// Container names the container in its control group: "docker container 3f2a1b4c5d6e".
	Container string
	Started   float64
	Replaced  []Quote // libraries it runs with whose files were replaced on disk
	Quote     Quote   // its State line
	Cgroup    Quote
}

// maxProcesses bounds how many processes are looked at: those that hold the
// ports in question and those that systemd calls the SSH service.
const maxProcesses = 16

// clockTick is USER_HZ, in which /proc/PID/stat counts; it is 100 on every
// architecture Go runs Linux on.
const clockTick = 100

var itemPidFile = evidence.File("/run/sshd.pid")

func wantProcesses(b *evidence.Bundle, ask Ask) []evidence.Item {
	items := []evidence.Item{itemPidFile}
	for _, pid := range interestingPIDs(b, ask) {
		dir := "/proc/" + strconv.Itoa(pid) + "/"
		for _, name := range []string{"status", "stat", "cmdline", "cgroup"} {
			items = append(items, evidence.File(dir+name).AtMost(8<<10))
		}
		items = append(items, evidence.Stat(dir+"exe"), processMaps(dir))
	}
	return items
}

// mainPIDs are the processes that the units, or sshd's own pid file, name as the server.
func mainPIDs(b *evidence.Bundle) []int {
	var pids []int
	add := func(pid int) {
		if pid > 0 && !slices.Contains(pids, pid) && len(pids) < maxProcesses {
			pids = append(pids, pid)
		}
	}
	services, _, _ := parseUnits(b)
	for _, u := range services {
		add(u.Int("MainPID"))
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b.Get(itemPidFile).Data)))
	add(pid)
	return pids
}

func interestingPIDs(b *evidence.Bundle, ask Ask) []int {
	var pids []int
	add := func(pid int) {
		if pid > 1 && !slices.Contains(pids, pid) && len(pids) < maxProcesses {
			pids = append(pids, pid)
		}
	}
	for _, pid := range mainPIDs(b) {
		add(pid)
	}
	ports, listeners := interestingPorts(b, ask), parseListeners(b).All
	asked := func(l Listener) bool { return slices.Contains(ports, l.Port) }
	named := func(l Listener) bool { return l.OwnedBy(SSHPrograms...) } // anybody may give his processes such a name
	for _, of := range []func(Listener) bool{asked, named} {
		for _, l := range listeners {
			if !of(l) {
				continue
			}
			for _, o := range l.Owners {
				add(o.PID)
			}
		}
	}
	return pids
}

// interestingPorts are those at which SSH is asked for or is to be.
func interestingPorts(b *evidence.Bundle, ask Ask) []int {
	ports := []int{22, ask.Port}
	for _, e := range append(parseConfig(b).Endpoints(), parseEffective(b, Ask{}).Endpoints()...) {
		ports = append(ports, e.Port)
	}
	return ports
}

// SSHPrograms are the names of programs that serve SSH.
var SSHPrograms = []string{"sshd", "dropbear", "tinysshd", "sshd-session"}

func parseProcesses(b *evidence.Bundle, ask Ask) map[int]Process {
	out := map[int]Process{}
	for _, pid := range interestingPIDs(b, ask) {
		if p, ok := parseProcess(b, pid); ok {
			out[pid] = p
		}
	}
	return out
}

// processMaps shows which files a program runs with; only root may read it.
func processMaps(dir string) evidence.Item { return evidence.File(dir + "maps").AtMost(64 << 10) }

// replaced returns a line for each library that is mapped and no longer what its
// path leads to: "… r-xp … /usr/lib/x86_64-linux-gnu/libcrypto.so.3 (deleted)" (proc(5)).
func replaced(b *evidence.Bundle, dir string) (out []Quote) {
	seen := map[string]bool{}
	for i, line := range lines(b.Get(processMaps(dir)).Data) {
		at := strings.IndexByte(line, '/')
		if at < 0 || !strings.HasSuffix(line, " (deleted)") || !strings.Contains(path.Base(line[at:]), ".so") || seen[line[at:]] {
			continue
		}
		seen[line[at:]] = true
		out = append(out, Quote{Source: dir + "maps", Line: i + 1, Text: clip(line)})
	}
	return out
}

func parseProcess(b *evidence.Bundle, pid int) (Process, bool) {
	dir := "/proc/" + strconv.Itoa(pid) + "/"
	status := b.Get(evidence.File(dir + "status"))
	if !status.OK() {
		return Process{}, false
	}
	p := Process{PID: pid, UID: -1}
	if m := b.Get(evidence.Stat(dir + "exe")).Meta; m != nil {
		p.Program = m.Link
	}
	for i, line := range lines(status.Data) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch key {
		case "Name":
			p.Name = value
		case "Uid": // real, effective, saved, of the file system
			if uid, err := strconv.Atoi(nth(value, 1)); err == nil {
				p.UID = uid
			}
		case "State":
			p.State = value[:min(1, len(value))]
			p.Quote = Quote{Source: dir + "status", Line: i + 1, Text: clip(line)}
		}
	}
	p.Replaced = replaced(b, dir)
	p.Command = strings.TrimRight(strings.ReplaceAll(string(b.Get(evidence.File(dir+"cmdline")).Data), "\x00", " "), " ")
	stat := string(b.Get(evidence.File(dir + "stat")).Data)
	// The name in parentheses may hold anything; starttime is the 20th field after it (proc(5), field 22).
	if f := strings.Fields(stat[strings.LastIndex(stat, ")")+1:]); len(f) > 19 {
		ticks, _ := strconv.ParseFloat(f[19], 64)
		p.Started = ticks / clockTick
	}
	for i, line := range lines(b.Get(evidence.File(dir + "cgroup")).Data) {
		if c := containerOf(line); c != "" {
			p.Container = c
			p.Cgroup = Quote{Source: dir + "cgroup", Line: i + 1, Text: clip(line)}
		}
		if unit := unitOf(line); unit != "" {
			p.Unit = unit
			p.Cgroup = Quote{Source: dir + "cgroup", Line: i + 1, Text: clip(line)}
		}
	}
	return p, true
}

// unitOf is the unit whose control group a line of /proc/PID/cgroup names: the
// first unit on the way, as systemd has it (cg_path_get_unit). What is below was
// delegated, to a user's own manager or a container, and bears whatever name
// they like.
func unitOf(line string) string {
	for name := range strings.SplitSeq(line, "/") {
		if strings.HasSuffix(name, ".service") || strings.HasSuffix(name, ".scope") || strings.HasSuffix(name, ".socket") {
			return name
		}
	}
	return ""
}
