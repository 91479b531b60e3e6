package server

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/report"
)

// leastFree is what a login needs to write, in kibibytes, with room to spare.
const leastFree = 64

// checkStorage looks for file systems that cannot be written to.
func checkStorage(v *view, p *part) {
	if v.Storage.Origin.Unseen() {
		p.also("file systems", v.Storage.Origin.Reason)
		return
	}
	for _, fs := range v.Storage.Systems {
		switch {
		case fs.ReadOnly:
			// A root that is read-only by design (images, containers) is as common as
			// one that a disk error made so: the mount options cannot tell.
			f := p.found("disk-full", report.Note, "The file system %s is mounted read-only.", fs.Mount)
			f.Certainty = report.Possible
			quote(f, fs.Option)
			mend(f, "If it is not meant to be so, look at dmesg and check the disk, then mount it read-write.")
		case fs.Total > 0 && fs.Free < leastFree:
			f := p.found("disk-full", report.Degrading, "%s", fmt.Sprintf("The file system %s is full (%d KiB left): logins that write there fail.", fs.Mount, fs.Free))
			f.Certainty = report.Likely
			quote(f, fs.Quote)
			mend(f, "Make room on it.")
		}
	}
}

// starved are sshd's words where the kernel gave it no process, memory or
// descriptor (ENOMEM, EMFILE and ENFILE, EAGAIN of fork).
var starved = [...]string{"Cannot allocate memory", "Too many open files", "Resource temporarily unavailable"}

// checkStarved looks in the log for a server that could not start a process for
// a connection.
func checkStarved(v *view, p *part) {
	for _, e := range slices.Backward(v.Journal.Entries) {
		if v.taken-e.Time > recent {
			return
		}
		lack := slices.ContainsFunc(starved[:], func(s string) bool { return strings.Contains(e.Message, s) })
		if !lack || !strings.HasPrefix(e.Identifier, "sshd") {
			continue
		}
		f := p.found("out-of-memory", report.Degrading, "sshd could not serve a connection: %s.", strings.TrimSuffix(e.Message, "."))
		f.Certainty = report.Likely
		quote(f, e.Quote)
		mend(f, "Find out what uses up the memory, the processes or the file descriptors, and stop it.")
		return
	}
}
