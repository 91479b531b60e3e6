package server

import "sshwhy/internal/report"

// firewallStage: does a rule of this machine stop the visitor's packets?
func firewallStage() stage {
	return stage{report.StageFirewall, func(*view) string { return "" }, []check{checkFirewall}}
}

func checkFirewall(_ *view, p *part) { p.cannot("firewall", "not looked at") }
