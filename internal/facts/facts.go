// Package facts turns the raw bytes of a bundle into typed facts about one
// machine and its SSH server: one file per fact, holding both what the fact
// wants to see (evidence items) and the parser of what came back.
//
// A fact keeps where it comes from and whether it could be looked at at all
// (Origin): known, absent, denied, failed and skipped stay different values.
// The package judges nothing: whether a fact is a fault is for internal/server
// to say. It reads only the bundle, and has no clock and no system.
package facts

import (
	"net/netip"

	"sshwhy/internal/evidence"
)

// Ask is what is asked about one particular visitor. Zero fields were not asked.
type Ask struct {
	Client netip.Addr
	User   string
	Port   int
}

// Facts is everything that is known of a machine.
type Facts struct {
	Root      bool   // taken with the rights of root
	Elevate   string // what makes whoever looked root for one command: sudo, doas, su; "" where he is, or none was seen
	System    System
	Package   Package
	Program   Program
	Options   Options
	Services  []Unit // SSH service units that systemd knows, ssh.service first
	Sockets   []Unit // SSH socket units that systemd knows
	Units     Origin // whether systemd could be asked
	Generator bool   // Ubuntu's sshd-socket-generator is there
	// NotToBeRun is /etc/ssh/sshd_not_to_be_run, whose mere existence keeps
	// Debian's and Ubuntu's service from being started.
	NotToBeRun Origin
	Test       Test
	Effective  Effective
	Config     Config
	Algorithms Algorithms // of the keyword whose list sshd refuses
	HostKeys   HostKeys
	Helpers    []Helper
	Privsep    Privsep
	Listeners  Listeners
	Answer     Answer // what the listeners say when this machine asks them
	Sandbox    Sandbox
	Unloaded   []Unloaded // units of SSH that systemd could not load
	Processes  map[int]Process
	Links      Links
	Tailscale  Tailscale
	Wrappers   Wrappers
	Names      Names // of the visitor, where something goes by them
	Journal    Journal
	Script     Script
	WSL        WSL
	Behind     []Behind // what inetds and socket units of systemd serve at the ports in question
	Route      RouteTo
	ReplyPath  ReplyPath
	Traffic    TrafficControl
	IPsec      IPsec
	Firewall   Firewall
	Bans       Bans
	Account    Account
	Access     AccessFiles
	Revoked    Revoked
	Certs      Certificates
	Login      LoginPrograms
	Start      StartFiles
	PAM        PAM
	Storage    Storage
	SELinux    SELinux
	Cloud      Cloud
	Changed    Change // when the files that each login goes by were last written
}

// wants is what one fact wants to see, given what has been seen.
type wants func(b *evidence.Bundle, ask Ask) []evidence.Item

// Wants returns everything that the facts want to see, given the bundle so far.
// It may name items that the bundle already has.
func Wants(b *evidence.Bundle, ask Ask) []evidence.Item {
	all := [...]wants{
		wantSystem, wantPackage, wantProgram, wantOptions, wantUnits, wantTest, wantEffective, wantConfig, wantAlgorithms,
		wantHostKeys, wantKeyTypes, wantHelpers, wantPrivsep, wantListeners, wantAnswer, wantSandbox, wantUnloaded, wantProcesses, wantLinks, wantTailscale,
		wantWrappers, wantNames, wantJournal, wantScript, wantBehind, wantWSL, wantRoute, wantReplyPath, wantTrafficControl, wantIPsec, wantFirewall, wantBans, wantAccount, wantAccess, wantRevoked, wantCertificates, wantLoginPrograms, wantStartFiles, wantPAM, wantPAMStack, wantStorage, wantSELinux, wantDenials, wantCloud, wantElevate, wantChange,
	}
	var items []evidence.Item
	for _, want := range all {
		items = append(items, want(b, ask)...)
	}
	return items
}

// Parse reads the facts out of a bundle.
func Parse(b *evidence.Bundle, ask Ask) *Facts {
	f := &Facts{
		Root:       b.UID == 0,
		Elevate:    parseElevate(b),
		System:     parseSystem(b),
		Package:    parsePackage(b),
		Program:    parseProgram(b),
		Options:    parseOptions(b),
		Test:       parseTest(b),
		Effective:  parseEffective(b, ask),
		Config:     parseConfig(b),
		HostKeys:   parseTypedHostKeys(b),
		Helpers:    parseHelpers(b, ask),
		Privsep:    parsePrivsep(b),
		Listeners:  parseListeners(b),
		Answer:     parseAnswer(b, ask),
		Sandbox:    parseSandbox(b),
		Unloaded:   parseUnloaded(b),
		Processes:  parseProcesses(b, ask),
		Links:      parseLinks(b),
		Tailscale:  parseTailscale(b),
		Wrappers:   parseWrappers(b),
		Names:      parseNames(b, ask),
		Journal:    parseJournal(b, ask),
		Script:     parseScript(b),
		Behind:     parseBehind(b, ask),
		WSL:        parseWSL(b),
		Route:      parseRoute(b, ask),
		ReplyPath:  parseReplyPath(b, ask),
		Traffic:    parseTrafficControl(b),
		IPsec:      parseIPsec(b),
		Firewall:   parseFirewall(b, ask),
		Bans:       parseBans(b, ask),
		Account:    parseAccount(b, ask),
		Access:     parseAccess(b, ask),
		Revoked:    parseRevoked(b, ask),
		Certs:      parseCertificates(b, ask),
		Login:      parseLoginPrograms(b, ask),
		Start:      parseStartFiles(b, ask),
		PAM:        parsePAMFacts(b, ask),
		Storage:    parseStorage(b),
		SELinux:    parseMandatory(b, ask),
		Cloud:      parseCloud(b),
		Algorithms: parseAlgorithms(b),
		Changed:    parseChange(b),
	}
	f.Services, f.Sockets, f.Units = parseUnits(b)
	f.Generator = len(b.Get(itemGenerator).Matches) > 0
	f.NotToBeRun = originOf(itemNotToBeRun, b.Get(itemNotToBeRun))
	return f
}
