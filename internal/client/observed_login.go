package client

// Login is one attempt to authenticate, as ssh would make it, without anything
// that needs typing.
type Login struct {
	User      string   `json:"user"`
	Allowed   []string `json:"allowed,omitempty"` // what the server offers, as its answer to the method "none"
	Ours      []string `json:"ours,omitempty"`    // what the configuration lets ssh try
	Left      []string `json:"left,omitempty"`    // what the server still offered at the end
	Keys      []Key    `json:"keys,omitempty"`    // in the order in which ssh offers them
	Unlisted  []Key    `json:"unlisted,omitempty"`
	Agent     *Agent   `json:"agent,omitempty"`
	Banner    string   `json:"banner,omitempty"` // text that the server shows before login
	Late      string   `json:"late,omitempty"`   // the part of it that came after keys were offered: about this login
	OK        bool     `json:"ok"`
	FirstMs   float64  `json:"first_ms,omitempty"` // until the server's first answer
	End       End      `json:"end,omitempty"`
	Err       string   `json:"err,omitempty"`
	Ms        float64  `json:"ms"`
	Batch     bool     `json:"batch,omitempty"`
	Nobody    bool     `json:"nobody,omitempty"`     // there is no terminal on which ssh could ask
	OnlyNamed bool     `json:"only_named,omitempty"` // IdentitiesOnly
}

// Agent is the key agent of this session.
type Agent struct {
	Socket string `json:"socket,omitempty"`
	Keys   int    `json:"keys"`
	Err    string `json:"err,omitempty"` // why it could not be asked
}

// Key is a key that ssh would offer, or could not.
type Key struct {
	File        string   `json:"file,omitempty"`  // identity file; empty if only the agent has it
	Agent       bool     `json:"agent,omitempty"` // the agent has the private key
	Named       bool     `json:"named,omitempty"` // -i or IdentityFile names it; not one of ssh's defaults
	Type        string   `json:"type,omitempty"`
	Bits        int      `json:"bits,omitempty"` // length of an RSA key
	Fingerprint string   `json:"fingerprint,omitempty"`
	Comment     string   `json:"comment,omitempty"`
	Fault       KeyFault `json:"fault,omitempty"` // why it cannot be used
	Mode        string   `json:"mode,omitempty"`  // permission bits of the file, in octal
	Detail      string   `json:"detail,omitempty"`
	Cert        *KeyCert `json:"cert,omitempty"`
	State       KeyState `json:"state,omitempty"` // how the server took it; empty if it was not offered
}

// KeyCert is what a user certificate says, and whether it held when it was looked at.
type KeyCert struct {
	Principals []string `json:"principals,omitempty"`
	After      string   `json:"after,omitempty"`   // RFC 3339; empty: without an end
	Before     string   `json:"before,omitempty"`  // RFC 3339; empty: without an end
	Fault      string   `json:"fault,omitempty"`   // why it does not hold, whoever looks
	CA         string   `json:"ca,omitempty"`      // fingerprint of the authority that signed it
	Sources    string   `json:"sources,omitempty"` // the networks it holds for (critical option source-address)
}

// KeyState is the server's answer to a key.
type KeyState string

// The answers.
const (
	KeyRejected  KeyState = "rejected"
	KeyAccepted  KeyState = "accepted" // and the login succeeded with it
	KeyPartial   KeyState = "partial"  // accepted, and the server wants another method as well
	KeyWelcome   KeyState = "welcome"  // the server would take it, but nothing could sign
	KeyBadSign   KeyState = "bad signature"
	KeyNoSign    KeyState = "no signature algorithm in common"
	KeyUndecided KeyState = "undecided" // offered last before the connection ended
)

// KeyFault is why a key cannot be used.
type KeyFault string

// The faults.
const (
	FaultMissing   KeyFault = "missing"
	FaultDenied    KeyFault = "unreadable"
	FaultMode      KeyFault = "permissions"
	FaultPublic    KeyFault = "public key"
	FaultPuTTY     KeyFault = "PuTTY format"
	FaultCRLF      KeyFault = "Windows line ends"
	FaultNewline   KeyFault = "no newline at the end"
	FaultFormat    KeyFault = "not a private key"
	FaultEncrypted KeyFault = "passphrase"
	FaultTouch     KeyFault = "needs a touch"
	FaultExcluded  KeyFault = "type not accepted here"
	FaultShort     KeyFault = "RSA key too short"
	FaultForeign   KeyFault = "type that only ssh itself knows"
)

// OwnSSH is one run of the user's own ssh, made where the library that the
// walk logs in with lacks what ssh has. It takes the place of the login, so
// that a host never sees two.
type OwnSSH struct {
	Why     string  `json:"why"`     // what the library lacks
	Command string  `json:"command"` // as it could be typed
	Exit    int     `json:"exit"`    // 255 is ssh's own failure (ssh(1), EXIT STATUS); -1: it was ended
	Said    string  `json:"said,omitempty"`
	End     End     `json:"end,omitempty"` // EndTimeout, EndCancelled or EndError; empty if it ended by itself
	Err     string  `json:"err,omitempty"`
	Ms      float64 `json:"ms"`
}
