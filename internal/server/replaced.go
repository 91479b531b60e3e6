package server

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// checkReplaced: the file of the running server, or a library it runs with, was
// replaced under it.
func checkReplaced(v *view, p *part) {
	for _, pid := range v.listenerPIDs() {
		proc := v.Processes[pid]
		if strings.HasSuffix(proc.Program, " (deleted)") {
			f := p.found("upgrade-unfinished", report.Degrading, "The running SSH server (pid %d) is an older one than the program on disk, which was replaced under it.", pid)
			f.Certainty = report.Likely
			quote(f, facts.Quote{Source: fmt.Sprintf("/proc/%d/exe", pid), Text: proc.Program})
			mend(f, "Check the configuration and restart the service; open sessions survive that.", checkConfigStep(v), v.restart())
			return
		}
		if len(proc.Replaced) > 0 && strings.HasPrefix(proc.Name, "sshd") {
			// Each connection is served by a program that is started anew and loads
			// what is on disk, so this keeps nobody out.
			f := p.found("upgrade-unfinished", report.Note, "The running SSH server (pid %d) still uses libraries that were replaced on disk since its start (%s): what the upgrade mended in them is not in force for it.", pid, libraries(proc.Replaced))
			quote(f, proc.Replaced[:min(len(proc.Replaced), 3)]...)
			mend(f, "Check the configuration and restart the service; open sessions survive that.", checkConfigStep(v), v.restart())
			return
		}
	}
}

// libraries names the files at the ends of lines of /proc/PID/maps.
func libraries(mapped []facts.Quote) string {
	var names []string
	for _, q := range mapped {
		file := strings.TrimSuffix(q.Text, " (deleted)")
		if name := file[strings.LastIndexByte(file, '/')+1:]; len(names) < 4 && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}
