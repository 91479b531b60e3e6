package facts

import (
	"strconv"
	"strings"

	"sshwhy/internal/evidence"
)

// Unit is what systemd says of one unit (systemctl show).
type Unit struct {
	Origin Origin
	Name   string            // Id: the real name, where the one asked for is an alias
	Props  map[string]string // as printed
	raw    map[string]string // property → the line it was printed on
	Files  []UnitFile        // the fragment and the drop-ins, in the order in which systemd reads them
}

// UnitFile is the text of a unit file or drop-in.
type UnitFile struct {
	Path  string
	Lines []string
	MTime int64 // seconds since 1970; 0: not known
}

// unitNames are the names SSH servers have: ssh on Debian and Ubuntu, sshd elsewhere.
var unitNames = []string{"ssh.service", "sshd.service", "ssh.socket", "sshd.socket"}

// dropbear has its own unit; it is looked at only where it is installed.
const dropbearUnit = "dropbear.service"

// unitProps are the properties a diagnosis needs (org.freedesktop.systemd1(5)).
const unitProps = "Id,Names,LoadState,LoadError,ActiveState,SubState,Result,UnitFileState,FragmentPath,DropInPaths," +
	"NeedDaemonReload,ConditionResult,ConditionTimestampMonotonic,StateChangeTimestampMonotonic,WantedBy,RequiredBy," +
	"TriggeredBy,Triggers,MainPID,ControlGroup,ExecMainPID,ExecMainCode,ExecMainStatus,NRestarts,StartLimitBurst,RuntimeDirectory,RuntimeDirectoryMode," +
	"Listen,Accept,BindIPv6Only,FreeBind,NAccepted,NConnections,NRefused"

// itemUnits asks for all units in one process: a systemctl costs some 10 ms.
var itemUnits = evidence.Command("systemctl", "show", "--no-pager", "-p", unitProps,
	unitNames[0], unitNames[1], unitNames[2], unitNames[3], dropbearUnit)

// itemGenerator is Ubuntu's generator, which makes ssh.socket listen where
// sshd_config says (24.04 and later).
var itemGenerator = evidence.Glob("/usr/lib/systemd/system-generators/sshd-socket-generator")

var itemNotToBeRun = evidence.Stat("/etc/ssh/sshd_not_to_be_run")

func wantUnits(b *evidence.Bundle, _ Ask) []evidence.Item {
	if b.Has(itemSystemd) && !b.Get(itemSystemd).OK() {
		return nil // systemctl would only say that systemd does not run here
	}
	items := []evidence.Item{itemUnits, itemGenerator, itemNotToBeRun}
	services, sockets, _ := parseUnits(b)
	for _, u := range append(services, sockets...) {
		for _, p := range u.paths() {
			items = append(items, evidence.File(p))
		}
	}
	return items
}

// maxDropIns bounds how many files of one unit are read.
const maxDropIns = 32

func (u Unit) paths() []string {
	var out []string
	if p := u.Props["FragmentPath"]; strings.HasPrefix(p, "/") && p != "/dev/null" {
		out = append(out, p)
	}
	for _, p := range strings.Fields(u.Props["DropInPaths"]) {
		if strings.HasPrefix(p, "/") && len(out) < maxDropIns {
			out = append(out, p)
		}
	}
	return out
}

// parseUnits reads the units that exist (loaded, masked, or with a file that
// does not load). A unit that was asked for by two names is given once.
func parseUnits(b *evidence.Bundle) (services, sockets []Unit, o Origin) {
	r := b.Get(itemUnits)
	if st := b.Get(itemSystemd); !b.Has(itemUnits) && b.Has(itemSystemd) {
		r = evidence.Result{Status: st.Status, Reason: "systemd is not running here"}
	}
	o = ran(itemUnits, r, exitZero)
	if !o.Known() {
		return nil, nil, o
	}
	seen := map[string]bool{}
	for _, block := range strings.Split(string(r.Data), "\n\n") {
		u := parseUnit(b, block, o)
		if u.Name == "" || seen[u.Name] || u.LoadState() == "not-found" {
			continue
		}
		seen[u.Name] = true
		if strings.HasSuffix(u.Name, ".socket") {
			sockets = append(sockets, u)
		} else {
			services = append(services, u)
		}
	}
	return services, sockets, o
}

func parseUnit(b *evidence.Bundle, block string, o Origin) Unit {
	u := Unit{Origin: o, Props: map[string]string{}, raw: map[string]string{}}
	for line := range strings.Lines(block) {
		line = strings.TrimRight(line, "\r\n")
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		if old, again := u.Props[key]; again { // Listen= stands once per address
			u.Props[key], u.raw[key] = old+"\n"+value, u.raw[key]+"\n"+line
			continue
		}
		u.Props[key], u.raw[key] = value, line
	}
	u.Name = u.Props["Id"]
	u.Origin.Source = "systemctl show " + u.Name
	for _, p := range u.paths() {
		if r := b.Get(evidence.File(p)); r.OK() {
			f := UnitFile{Path: p, Lines: lines(r.Data)}
			if r.Meta != nil {
				f.MTime = r.Meta.MTime
			}
			u.Files = append(u.Files, f)
		}
	}
	return u
}

// The properties that are asked for most.

// LoadState is loaded, not-found, masked, bad-setting or error.
func (u Unit) LoadState() string { return u.Props["LoadState"] }

// Active reports whether the unit is active (also while it reloads).
func (u Unit) Active() bool {
	return u.Props["ActiveState"] == "active" || u.Props["ActiveState"] == "reloading" || u.Props["ActiveState"] == "refreshing"
}

// Failed reports whether the unit failed, or fails and is started again and again.
func (u Unit) Failed() bool { return u.Props["ActiveState"] == "failed" || u.Retried() }

// Retried reports whether systemd is starting the unit again after a failure:
// it waits for the next try (since systemd 254 in two steps), or is in it.
// NRestarts counts the tries since somebody last started it.
func (u Unit) Retried() bool {
	return u.Props["ActiveState"] == "activating" && (strings.HasPrefix(u.Props["SubState"], "auto-restart") || u.Int("NRestarts") > 0)
}

// Moving reports whether the unit is on its way up or down.
func (u Unit) Moving() bool {
	return u.Props["ActiveState"] == "activating" || u.Props["ActiveState"] == "deactivating"
}

// Doing is the setting whose commands a unit on its way runs now (the states
// of systemd's service.c); "" where it is none's.
func (u Unit) Doing() string {
	switch s := u.Props["SubState"]; s {
	case "condition":
		return "ExecCondition"
	case "start-pre":
		return "ExecStartPre"
	case "start":
		return "ExecStart"
	case "start-post":
		return "ExecStartPost"
	case "stop":
		return "ExecStop"
	case "stop-post":
		return "ExecStopPost"
	}
	return ""
}

// Masked reports whether the unit is masked.
func (u Unit) Masked() bool {
	return u.LoadState() == "masked" || strings.HasPrefix(u.Props["UnitFileState"], "masked")
}

// Enabled reports whether something starts the unit at boot.
func (u Unit) Enabled() bool {
	switch u.Props["UnitFileState"] {
	case "enabled", "static", "generated", "alias", "linked":
		return u.Props["UnitFileState"] != "static" && u.Props["UnitFileState"] != "linked" || u.wanted()
	}
	return u.Props["UnitFileState"] != "enabled-runtime" && u.wanted()
}

// wanted reports whether other units pull this one in.
func (u Unit) wanted() bool { return u.Props["WantedBy"] != "" || u.Props["RequiredBy"] != "" }

// Int returns a numeric property; 0 where there is none.
func (u Unit) Int(prop string) int {
	n, _ := strconv.Atoi(u.Props[prop])
	return n
}

// Quote returns the lines of the named properties as systemctl printed them.
func (u Unit) Quote(props ...string) Quote {
	var out []string
	for _, p := range props {
		if line, ok := u.raw[p]; ok {
			out = append(out, line)
		}
	}
	return Quote{Source: u.Origin.Source, Text: clip(strings.Join(out, "\n"))}
}

// Setting returns the lines of the unit's files that set one of the keys, in the order read.
func (u Unit) Setting(keys ...string) []Quote {
	var out []Quote
	for _, f := range u.Files {
		for i, line := range f.Lines {
			key, _, ok := strings.Cut(strings.TrimSpace(line), "=")
			for _, k := range keys {
				if ok && strings.TrimSpace(key) == k {
					out = append(out, Quote{Source: f.Path, Line: i + 1, Text: clip(line)})
				}
			}
		}
	}
	return out
}

// SetSince is when the file was written that a line of Setting stands in; 0: not known.
func (u Unit) SetSince(line Quote) int64 {
	for _, f := range u.Files {
		if f.Path == line.Source {
			return f.MTime
		}
	}
	return 0
}

// Listens returns the stream addresses a socket unit listens on: the property
// Listen, "0.0.0.0:22 (Stream)" or "[::]:22 (Stream)".
func (u Unit) Listens() []Endpoint {
	var out []Endpoint
	for line := range strings.Lines(u.Props["Listen"]) {
		addr, kind, _ := strings.Cut(strings.TrimSpace(line), " ")
		if kind != "(Stream)" {
			continue
		}
		if e, ok := parseEndpoint(addr); ok {
			// systemd prints a bare port as [::]:22; whether that takes IPv4 in, too,
			// is BindIPv6Only's word (default: the kernel's, which is both).
			e.Dual = e.Addr.Is6() && e.Addr.IsUnspecified() && u.Props["BindIPv6Only"] != "ipv6-only"
			out = append(out, e)
		}
	}
	return out
}
