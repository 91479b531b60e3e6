// Package evidence holds what was looked at: the Item (one file, one listing or
// one command that a diagnosis wants to see) and the Bundle (the raw bytes that
// came back, with exit codes and the reason for whatever is missing).
//
// It must not look itself, nor understand what it holds: the ways of filling a
// bundle live in the packages below it (local, via, script, replay), and the
// parsers in internal/facts. So a bundle from a customer, a test fixture and the
// live machine go through the very same code.
package evidence

import (
	"slices"
	"strings"
	"time"
)

// Kind says how an item is looked at.
type Kind string

// The kinds of item.
const (
	KindFile    Kind = "file" // metadata and content of one file
	KindStat    Kind = "stat" // metadata only (private keys, directories, sockets)
	KindGlob    Kind = "glob" // the paths that match a pattern, each with its metadata
	KindCommand Kind = "cmd"  // output and exit status of a program, run without a shell
	KindHello   Kind = "ssh"  // what answers an SSH client at an address, up to its list of algorithms
)

// Limits of one item, unless it asks for others. They keep a hanging systemctl
// or a 200 MB configuration file from taking the diagnosis with them.
const (
	DefaultTimeout = 5 * time.Second
	DefaultCap     = 1 << 20 // bytes kept of a file or of each output stream
)

// Item is one thing a diagnosis wants to see.
type Item struct {
	Kind    Kind
	Path    string        // file and stat: the path; glob: the pattern (filepath.Match, absolute); hello: ADDRESS:PORT
	Args    []string      // command: program and arguments; a bare name is looked up in the usual directories
	Timeout time.Duration // 0: DefaultTimeout
	Cap     int           // 0: DefaultCap
	As      *User         // whose rights it is looked at with; nil: those of whoever looks
}

// File wants the content and metadata of a file (symbolic links are followed;
// Meta.Link tells of the first one).
func File(path string) Item { return Item{Kind: KindFile, Path: path} }

// Stat wants the metadata of a path only.
func Stat(path string) Item { return Item{Kind: KindStat, Path: path} }

// Glob wants the sorted paths that match pattern, with their metadata.
func Glob(pattern string) Item { return Item{Kind: KindGlob, Path: pattern} }

// Command wants the output of a program.
func Command(args ...string) Item { return Item{Kind: KindCommand, Args: args} }

// Within sets the item's time limit.
func (it Item) Within(d time.Duration) Item { it.Timeout = d; return it }

// AtMost sets how many bytes are kept.
func (it Item) AtMost(n int) Item { it.Cap = n; return it }

// AsUser sets whose rights the item is looked at with.
func (it Item) AsUser(u *User) Item { it.As = u; return it }

// Key identifies the item in a bundle: "file:/etc/ssh/sshd_config", "cmd:sshd -T",
// and with a user "file as bob:/home/bob/.ssh/authorized_keys".
func (it Item) Key() string {
	if it.As == nil {
		return it.plainKey()
	}
	kind, rest, _ := strings.Cut(it.plainKey(), ":")
	return kind + asMark + it.As.Name + ":" + rest
}

// plainKey is the key without the user.
func (it Item) plainKey() string {
	if it.Kind == KindCommand {
		return string(it.Kind) + ":" + strings.Join(it.Args, " ")
	}
	return string(it.Kind) + ":" + it.Path
}

// Status is what became of an item. The five are never mixed up, from here to
// the printed report: what could not be looked at is not absent, and not fine.
type Status string

// The statuses of a result.
const (
	Known   Status = "known"   // seen; for a command: it ran, whatever its exit status
	Absent  Status = "absent"  // looked, and there is no such file, program or match
	Denied  Status = "denied"  // no permission to look
	Failed  Status = "failed"  // looked, and that went wrong (I/O error, time limit)
	Skipped Status = "skipped" // not looked at (not recorded in this bundle, not asked for)
)

// Meta is the metadata of a file.
type Meta struct {
	Type  string `json:"type"`           // file | dir | link | socket | fifo | device
	Mode  uint32 `json:"mode"`           // permission bits with setuid, setgid and sticky: 0o7777
	UID   int    `json:"uid"`            // numeric owner
	GID   int    `json:"gid"`            // numeric group
	Size  int64  `json:"size"`           // bytes
	MTime int64  `json:"mtime"`          // seconds since 1970
	Link  string `json:"link,omitempty"` // target, where the path itself is a symbolic link
}

// Match is one path a glob found.
type Match struct {
	Path string `json:"path"`
	Meta Meta   `json:"meta"`
}

// Result is what came back for an item.
type Result struct {
	Status    Status
	Reason    string  // why it is not Known, or what to know about it
	Data      []byte  // file: its content; command: standard output; hello: all that was said
	Stderr    []byte  // command: standard error
	Exit      int     // command: exit status; -1 where a signal or the time limit ended it, and for all that is not Known; hello: see there
	Truncated bool    // Data or Stderr reached the cap
	Meta      *Meta   // file and stat
	Matches   []Match // glob, sorted by path
}

// OK reports whether the item was seen.
func (r Result) OK() bool { return r.Status == Known }

// Bundle is all that was seen of one machine at one time.
type Bundle struct {
	Tool  string    // version of sshwhy that filled it
	Way   string    // local, via, script
	Taken time.Time // when; a diagnosis has no other clock
	UID   int       // effective user id it was taken with; -1 where that is not known
	// Plain says that no item tells as whom it was looked at, as in bundles of older
	// versions and in what people paste: whoever asks as a user gets what there is.
	Plain bool
	items map[string]Result
}

// NewBundle returns an empty bundle.
func NewBundle() *Bundle { return &Bundle{UID: -1, items: map[string]Result{}} }

// Get returns what came back for an item; an item that nobody looked at is Skipped.
func (b *Bundle) Get(it Item) Result { return b.Lookup(b.keyOf(it)) }

// keyOf is the item's key in this bundle.
func (b *Bundle) keyOf(it Item) string {
	key := it.Key()
	if _, ok := b.items[key]; !ok && b.Plain {
		return it.plainKey()
	}
	return key
}

// Lookup is Get by key.
func (b *Bundle) Lookup(key string) Result {
	if r, ok := b.items[key]; ok {
		return r
	}
	return Result{Status: Skipped, Reason: "not recorded", Exit: -1}
}

// Has reports whether the item has been looked at.
func (b *Bundle) Has(it Item) bool { return b.HasKey(b.keyOf(it)) }

// HasKey is Has by key.
func (b *Bundle) HasKey(key string) bool { _, ok := b.items[key]; return ok }

// Put records a result.
func (b *Bundle) Put(it Item, r Result) { b.PutKey(it.Key(), r) }

// PutKey is Put by key.
func (b *Bundle) PutKey(key string, r Result) {
	if b.items == nil {
		b.items = map[string]Result{}
	}
	b.items[key] = r
}

// Keys returns the keys of all items, sorted.
func (b *Bundle) Keys() []string {
	keys := make([]string, 0, len(b.items))
	for k := range b.items {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Manifest says what to look at next, given what has been seen so far. A first
// call gets an empty bundle; the rounds end when nothing new is wanted. So the
// files that Include names, or the home of the user asked about, are found
// without the package that looks knowing about either.
type Manifest func(seen *Bundle) []Item

// MaxRounds bounds how often a manifest is asked: Include may nest 16 deep in sshd(8).
const MaxRounds = 20

// Missing returns the items that the manifest wants and the bundle lacks, each once.
func (m Manifest) Missing(b *Bundle) []Item {
	var out []Item
	asked := map[string]bool{}
	for _, it := range m(b) {
		key := it.Key()
		if !asked[key] && !b.Has(it) {
			asked[key] = true
			out = append(out, it)
		}
	}
	return out
}
