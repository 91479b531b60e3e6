package facts

import (
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/evidence"
)

// On a machine with thousands of processes `ss -p` takes a third of a second,
// since it reads the descriptors of each. There the processes that are meant to
// hold the sockets of SSH (the main process of the service, the one in the pid
// file, process 1 for a socket unit) are asked for theirs first. Only where that
// leaves a socket at a port in question without an owner, or SSH nowhere, are all
// the others asked too.

// crowd is how many threads make a machine crowded: the descriptors of fewer are
// read in some 50 ms.
const crowd = 1500

var (
	// itemLoad counts the threads: "0.20 0.18 0.12 1/80 11206" (proc_loadavg(5)).
	itemLoad = evidence.File("/proc/loadavg")
	// itemSSFew shows no owners but the inode of each socket.
	itemSSFew = evidence.Command("ss", "-Hltne")
)

func crowded(b *evidence.Bundle) bool {
	f := strings.Fields(string(b.Get(itemLoad).Data))
	if len(f) < 4 {
		return false
	}
	_, all, _ := strings.Cut(f[3], "/")
	n, err := strconv.Atoi(all)
	return err == nil && n > crowd
}

// itemFDs lists a process's descriptors: "… 3 -> socket:[13537818]".
func itemFDs(pid int) evidence.Item {
	return evidence.Command("ls", "-l", "/proc/"+strconv.Itoa(pid)+"/fd")
}

// wantFew is what is looked at in place of `ss -p`; enough is false where that
// does not do.
func wantFew(b *evidence.Bundle, ask Ask) (items []evidence.Item, enough bool) {
	if b.UID != 0 || !crowded(b) || b.Has(itemSS) {
		return nil, false
	}
	items = []evidence.Item{itemSSFew}
	if !b.Has(itemSSFew) || b.Has(itemSystemd) && b.Get(itemSystemd).OK() && !b.Has(itemUnits) || !b.Has(itemPidFile) {
		return items, true
	}
	for _, pid := range likelyOwners(b) {
		items = append(items, itemFDs(pid), evidence.File("/proc/"+strconv.Itoa(pid)+"/status").AtMost(8<<10))
	}
	for _, it := range items {
		if !b.Has(it) {
			return items, true
		}
	}
	return items, owned(b, ask)
}

// likelyOwners are the processes that are meant to hold the sockets of SSH.
func likelyOwners(b *evidence.Bundle) []int {
	pids := mainPIDs(b)
	_, sockets, _ := parseUnits(b)
	if slices.ContainsFunc(sockets, Unit.Active) && !slices.Contains(pids, 1) {
		pids = append(pids, 1)
	}
	return pids
}

// owned reports whether SSH is served, and every socket at a port in question has an owner.
func owned(b *evidence.Bundle, ask Ask) bool {
	l := parseFew(b)
	ports := interestingPorts(b, ask)
	served := false
	for _, s := range l.All {
		if slices.Contains(ports, s.Port) {
			if len(s.Owners) == 0 {
				return false
			}
			served = true
		}
	}
	return served
}

// parseFew is parseListeners from itemSSFew and the descriptors of a few processes.
func parseFew(b *evidence.Bundle) Listeners {
	r := b.Get(itemSSFew)
	l := Listeners{Origin: ran(itemSSFew, r, exitZero), Owners: true}
	if !l.Origin.Known() {
		return l
	}
	l.read(r)
	holders := map[string][]Owner{} // by inode
	for _, pid := range likelyOwners(b) {
		o := Owner{PID: pid, Name: nameOf(b, pid)}
		for _, line := range lines(b.Get(itemFDs(pid)).Data) {
			if _, rest, ok := strings.Cut(line, "-> socket:["); ok {
				inode, _, _ := strings.Cut(rest, "]")
				if !slices.Contains(holders[inode], o) {
					holders[inode] = append(holders[inode], o)
				}
			}
		}
	}
	for i, s := range l.All {
		if _, rest, ok := strings.Cut(s.Quote.Text, " ino:"); ok {
			inode, _, _ := strings.Cut(rest, " ")
			l.All[i].Owners = holders[inode]
		}
	}
	l.sort()
	return l
}

// nameOf is the name in a process's status, which is also the one that ss shows.
func nameOf(b *evidence.Bundle, pid int) string {
	for _, line := range lines(b.Get(evidence.File("/proc/" + strconv.Itoa(pid) + "/status")).Data) {
		if name, ok := strings.CutPrefix(line, "Name:"); ok {
			return strings.TrimSpace(name)
		}
	}
	return ""
}
