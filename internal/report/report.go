// Package report is the vocabulary in which sshwhy answers: the JSON contract of
// docs/output.md as Go types, and the few rules that belong to the words
// themselves (what verdict a list of findings amounts to, which exit status a
// verdict has). A step of a remedy is text for people and may carry the same
// act as data (Action), which internal/remedy applies.
//
// It must not look at anything, decide anything about a machine, or print:
// it imports nothing of ours and nothing that reaches the outside.
package report

// Schema is the version of the JSON contract. A change that is not an addition raises it.
const Schema = 1

// Report is one diagnosis: what `--json` prints, and what every renderer draws.
type Report struct {
	Schema     int          `json:"schema"`
	Tool       Tool         `json:"tool"`
	Side       Side         `json:"side"`
	Target     Target       `json:"target"`
	Verdict    Verdict      `json:"verdict"`
	Headline   string       `json:"headline"`
	Proof      *Proof       `json:"proof,omitempty"` // by what it was shown to work; nil: it was not
	More       int          `json:"more,omitempty"`  // further findings, at least as grave as the headline's
	Next       *Step        `json:"next,omitempty"`  // what would show it, where it is not shown; what splits a shortlist best
	Stages     []Stage      `json:"stages"`
	Findings   []Finding    `json:"findings"`
	Incomplete []Incomplete `json:"incomplete"`
	Timeline   []Event      `json:"timeline,omitempty"` // the visitor's tries, oldest first
	Fix        *Fix         `json:"fix,omitempty"`
	PendingFix *PendingFix  `json:"pending_fix,omitempty"`
}

// PendingFix is an earlier fix of the machine that is not the last word: it will
// be undone unless it is confirmed, nobody ever confirmed it, or it was cut short.
type PendingFix struct {
	ID    string `json:"id"`
	State string `json:"state"`           // guarded | unconfirmed | unfinished
	Until string `json:"until,omitempty"` // guarded: when it is undone, RFC 3339
}

// Proof is by what it was shown that the connection asked about works. Findings
// that are missing prove nothing.
type Proof struct {
	How string `json:"how"`          // "login of alice from 192.0.2.7"
	At  string `json:"at,omitempty"` // when, RFC 3339; "" where that is not known
}

// Event is one thing that is known of the visitor's tries.
type Event struct {
	At      string `json:"at"` // RFC 3339
	Source  string `json:"source"`
	Excerpt string `json:"excerpt"` // copied; may hold hostile bytes, which renderers escape
	Meaning string `json:"meaning"`
}

// Tool says which program made the report.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Side is where the evidence comes from.
type Side string

// The three sides of a connection's story.
const (
	SideClient Side = "client" // the walk from here to the host
	SideServer Side = "server" // the machine that is to be logged in to
	SideText   Side = "text"   // a pasted text or a log
)

// Target is whom the question is about. Zero fields were not asked or are not known.
type Target struct {
	Host    string `json:"host"`
	Address string `json:"address"`
	Port    int    `json:"port"`
	User    string `json:"user"`
}

// Verdict is the whole report in one word.
type Verdict string

// The verdicts. Only a blocking finding makes a verdict broken.
const (
	VerdictOK       Verdict = "ok"
	VerdictDegraded Verdict = "degraded"
	VerdictBroken   Verdict = "broken"
	VerdictUnknown  Verdict = "unknown"
)

// ExitCode is the exit status that belongs to the verdict: 0 ok or degraded,
// 1 broken, 3 unknown. (2 is for usage errors, which have no report.)
func (v Verdict) ExitCode() int {
	switch v {
	case VerdictOK, VerdictDegraded:
		return 0
	case VerdictBroken:
		return 1
	default:
		return 3
	}
}

// Stage is one step of the path, in the order in which a connection takes it.
type Stage struct {
	Stage  string  `json:"stage"`
	Status Status  `json:"status"`
	Detail string  `json:"detail"`
	Ms     float64 `json:"ms"` // milliseconds the step took; 0 where time says nothing
}

// Status is how a stage ended.
type Status string

// The statuses of a stage. Unknown means: could not look. It is never shown as fine.
const (
	StatusOK      Status = "ok"
	StatusWarning Status = "warning"
	StatusFailed  Status = "failed"
	StatusSkipped Status = "skipped"
	StatusUnknown Status = "unknown"
)

// The stages of the client's walk, in order.
const (
	StageConfig  = "config"
	StageResolve = "resolve"
	StageRoute   = "route"
	StageConnect = "connect"
	StageBanner  = "banner"
	StageKex     = "kex"
	StageHostKey = "hostkey"
	StageAuth    = "auth"
	StageSession = "session"
)

// The stages of the server's diagnosis, in order (StageConfig is shared).
const (
	StagePackage   = "package"
	StageService   = "service"
	StageSocket    = "socket"
	StageNetwork   = "network"
	StageFirewall  = "firewall"
	StageAccess    = "access"
	StageResources = "resources"
)

// Finding is one cause that was found, with the evidence it rests on.
type Finding struct {
	Cause     string     `json:"cause"` // id of the catalogue
	Impact    Impact     `json:"impact"`
	Certainty Certainty  `json:"certainty"`
	Summary   string     `json:"summary"` // one sentence with the actual names and numbers
	Evidence  []Evidence `json:"evidence"`
	Remedy    *Remedy    `json:"remedy,omitempty"`
	Tells     string     `json:"tells,omitempty"` // what in the output of Report.Next would speak for this cause
}

// Impact is what a finding means for the connection that was asked about.
type Impact string

// The impacts, from worst to mildest.
const (
	Blocking  Impact = "blocking"  // the connection cannot work while this stands
	Degrading Impact = "degrading" // works, but slowly, sometimes, or for some
	Latent    Impact = "latent"    // will bite later (not enabled at boot, not persistent)
	Note      Impact = "note"      // worth knowing
)

// Rank orders impacts: 0 is the worst.
func (i Impact) Rank() int {
	switch i {
	case Blocking:
		return 0
	case Degrading:
		return 1
	case Latent:
		return 2
	default:
		return 3
	}
}

// Certainty is how much the evidence proves.
type Certainty string

// The certainties, from most to least.
const (
	Confirmed Certainty = "confirmed" // observed; no other reading of the evidence
	Likely    Certainty = "likely"
	Possible  Certainty = "possible" // cannot be seen from here; listed because all else is ruled out
)

// Rank orders certainties: 0 is the strongest.
func (c Certainty) Rank() int {
	switch c {
	case Confirmed:
		return 0
	case Likely:
		return 1
	default:
		return 2
	}
}

// Evidence is a piece of what was seen, as it was seen.
type Evidence struct {
	Source  string `json:"source"`  // file path, command line, or step of the walk
	Excerpt string `json:"excerpt"` // copied, not composed; may hold hostile bytes, which renderers escape
	Line    int    `json:"line"`    // 1-based line in Source; 0 where there is none
}

// Remedy is what mends a finding.
type Remedy struct {
	Kind    RemedyKind `json:"kind"`
	Summary string     `json:"summary"`
	Steps   []Step     `json:"steps"`
}

// RemedyKind says how much consent a remedy needs.
type RemedyKind string

// The kinds of remedy.
const (
	Repair RemedyKind = "repair" // restores what the owner evidently wants, lets nobody new in
	Open   RemedyKind = "open"   // changes who may come in
	Advice RemedyKind = "advice" // never done automatically
)

// Step is one command or act of a remedy, as a person would do it by hand.
type Step struct {
	Do    string `json:"do"`
	Undo  string `json:"undo"`
	Where string `json:"where"` // "server" or "client"

	Act *Action `json:"-"` // the same act as data, for the driver of fixes; nil: for people only
}

// Where a step is to be done.
const (
	OnServer = "server"
	OnClient = "client"
)

// Incomplete is a check that could not be made, and why.
type Incomplete struct {
	Check  string `json:"check"`
	Reason string `json:"reason"`
}

// Fix says what `--fix` did; the rest of the report then describes the machine afterwards.
type Fix struct {
	ID        string       `json:"id"`
	Outcome   string       `json:"outcome"` // applied | rolled-back | nothing-to-do | refused | dry-run
	Steps     []FixStep    `json:"steps"`
	Verified  *FixVerified `json:"verified,omitempty"`
	ConfirmBy string       `json:"confirm_by,omitempty"` // RFC 3339, while a guard timer runs
	// NeedOpen are the causes that can be mended once --open consents to it.
	NeedOpen []string `json:"need_open,omitempty"`
}

// FixStep is one step of a fix and how far it came.
type FixStep struct {
	Cause string `json:"cause"`
	Do    string `json:"do"`
	State string `json:"state"` // done | undone | failed | skipped | planned | declined
	Error string `json:"error"`
}

// FixVerified is the proof that a fix worked.
type FixVerified struct {
	How string `json:"how"`
	OK  bool   `json:"ok"`
}
