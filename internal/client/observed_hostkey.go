package client

// HostKey is the key that the host showed, and what is on record about it.
type HostKey struct {
	Type        string        `json:"type,omitempty"` // empty if the key exchange did not get that far
	Fingerprint string        `json:"fingerprint,omitempty"`
	Key         string        `json:"key,omitempty"`   // as known_hosts has it: type and base64; of a certificate the key in it
	Names       []string      `json:"names,omitempty"` // under which it was looked up
	Known       []KnownKey    `json:"known,omitempty"` // lines about the host, or about the authority that signed its certificate
	Same        []int         `json:"same,omitempty"`  // indexes in Known of lines with this very key (or authority)
	Files       []KnownFile   `json:"files,omitempty"`
	Strict      string        `json:"strict,omitempty"`    // StrictHostKeyChecking
	Batch       bool          `json:"batch,omitempty"`     // BatchMode
	Nobody      bool          `json:"nobody,omitempty"`    // there is no terminal on which ssh could ask
	Localhost   bool          `json:"localhost,omitempty"` // this machine's own, which NoHostAuthenticationForLocalhost exempts
	Command     bool          `json:"command,omitempty"`   // KnownHostsCommand may print a key that is in no file
	Elsewhere   bool          `json:"elsewhere,omitempty"` // that, or DNS may vouch for one
	Revoked     []RevokedList `json:"revoked,omitempty"`
	Cert        *HostCert     `json:"cert,omitempty"`
	Bits        int           `json:"bits,omitempty"`       // length of an RSA key
	LeastBits   int           `json:"least_bits,omitempty"` // that ssh takes (RequiredRSASize)
	Answer      Answered      `json:"answer,omitempty"`     // what the person said of an unknown key
	End         End           `json:"end,omitempty"`
	Err         string        `json:"err,omitempty"`
	Unable      bool          `json:"unable,omitempty"` // our own library lacks what ssh has
	Stuck       *Stuck        `json:"stuck,omitempty"`
	Small       string        `json:"small,omitempty"` // as in Kex
	DNS         *KeyDNS       `json:"dns,omitempty"`
	Ms          float64       `json:"ms"`
}

// HostCert is the certificate that the host showed.
type HostCert struct {
	CA         string   `json:"ca"` // fingerprint of the authority
	Principals []string `json:"principals,omitempty"`
	After      string   `json:"after,omitempty"`
	Before     string   `json:"before,omitempty"`
	Fault      string   `json:"fault,omitempty"` // why it does not hold for this host now
}

// Answered is what a person said of a host key that is not on record.
type Answered string

// The answers; empty where nobody was asked.
const (
	AnswerYes Answered = "yes"
	AnswerNo  Answered = "no"
)

// Markers of known_hosts lines (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
const (
	MarkRevoked = "@revoked"
	MarkCA      = "@cert-authority"
)

// KnownKey is a line of a known_hosts file that is about the host.
type KnownKey struct {
	File        string `json:"file"`
	Line        int    `json:"line"`
	Text        string `json:"text"`
	Marker      string `json:"marker,omitempty"`
	Name        string `json:"name"` // what was looked up and matched
	Type        string `json:"type"`
	Fingerprint string `json:"fingerprint"`
}

// KnownFile is a known_hosts file and whether it could be read.
type KnownFile struct {
	Path       string   `json:"path"`
	Err        string   `json:"err,omitempty"`         // why it could not be looked at: FileMissing or the system's words
	Denied     bool     `json:"denied,omitempty"`      // by permissions
	Kind       FileKind `json:"kind,omitempty"`        // what stands in the place of a regular file
	Global     bool     `json:"global,omitempty"`      // of GlobalKnownHostsFile: for all users of this machine
	Home       bool     `json:"home,omitempty"`        // below this user's home
	Root       bool     `json:"root,omitempty"`        // what denies it belongs to root: the file, or a directory above it
	PassedOver *Applied `json:"passed_over,omitempty"` // the first line that names the host and is none that ssh can read
}

// FileMissing is the Err of a file that is not there.
const FileMissing = "missing"

// Unread reports whether ssh may read keys there that the walk did not see.
func (f KnownFile) Unread() bool {
	switch f.Kind {
	case "":
		return f.Err != "" && f.Err != FileMissing && !f.Denied
	case KindDir, KindNull:
		return false
	default:
		return true
	}
}

// FileKind is what stands where a regular file is expected.
type FileKind string

// The kinds. A name of an open descriptor (/dev/fd/63, the shell's <(…)) leads
// somewhere else in every process; what comes out of it is ssh's.
const (
	KindDir        FileKind = "directory"
	KindNull       FileKind = "null device"
	KindDevice     FileKind = "device"
	KindPipe       FileKind = "pipe"
	KindSocket     FileKind = "socket"
	KindDescriptor FileKind = "open descriptor"
)

// NotAFile says so in a sentence.
func (k FileKind) NotAFile() string { return "it is a " + string(k) + ", not a file" }

// RevokedList is a file of revoked host keys (RevokedHostKeys), and what it says of
// the key that the host showed.
type RevokedList struct {
	Path string `json:"path"`
	Hit  bool   `json:"hit,omitempty"`  // the key is revoked
	Line int    `json:"line,omitempty"` // where, in a list of keys; 0 in a KRL
	Text string `json:"text,omitempty"` // that line, or what ssh-keygen -Q said
	Err  string `json:"err,omitempty"`  // ssh cannot read it, and so takes no key at all
	Left string `json:"left,omitempty"` // why only ssh itself can read it
}

// KeyDNS is what the host's zone says about its keys (SSHFP records, RFC 4255).
type KeyDNS struct {
	Wanted  string  `json:"wanted,omitempty"` // VerifyHostKeyDNS, where it is on: true or ask
	Name    string  `json:"name"`
	Server  string  `json:"server,omitempty"` // the name server that answered
	Code    string  `json:"code,omitempty"`   // NOERROR, NXDOMAIN …; empty if nobody answered
	Err     string  `json:"err,omitempty"`
	Secure  bool    `json:"secure,omitempty"`   // the name server vouches for the answer (DNSSEC, the AD bit)
	TrustAD bool    `json:"trust_ad,omitempty"` // resolv.conf lets the C library believe it, as ssh needs it
	Records []SSHFP `json:"records,omitempty"`
}

// SSHFP is one record, and how it compares with the key that the host showed.
type SSHFP struct {
	Algorithm   int    `json:"algorithm"` // RFC 4255, 6594, 7479: 1 RSA, 2 DSA, 3 ECDSA, 4 Ed25519
	Hash        int    `json:"hash"`      // 1 SHA-1, 2 SHA-256
	Fingerprint string `json:"fingerprint"`
	Same        bool   `json:"same,omitempty"`  // it is the key's
	Other       bool   `json:"other,omitempty"` // it is of a key of this kind, and of another one
}
