package server

import "fmt"

// checkLoaded looks for units of SSH that systemd could not load: it neither starts
// them nor says of them that they failed.
func checkLoaded(v *view, p *part) {
	for _, u := range v.Unloaded {
		why := "its files hold something that makes no unit"
		if u.Link.Source != "" {
			why = fmt.Sprintf("%s is %s", u.Link.Source, u.Link.Text)
		}
		f := p.found("unit-invalid", v.keepsOut(), "systemd cannot load %s, so it never starts it: %s.", u.Name, why)
		quote(f, u.Quote("LoadState", "LoadError", "FragmentPath"))
		quote(f, u.Link)
		quoteEntries(f, v.Journal.Last(3, u.Name+": "))
		advise(f, "Mend what systemd names (systemd-analyze verify "+u.Name+"), let it read its units again, and start the service.", daemonReload(), v.start())
	}
}
