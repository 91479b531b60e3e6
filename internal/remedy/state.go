package remedy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
)

// Kinds of file system objects. Other is what a fix never touches: devices,
// sockets, pipes.
const (
	kindAbsent  = "absent"
	kindFile    = "file"
	kindDir     = "dir"
	kindSymlink = "symlink"
	kindOther   = "other"
)

// State is everything about one path that undoing must bring back. The content
// itself lies in a pack beside the record; State holds its sum.
type State struct {
	Kind   string            `json:"kind"`
	Mode   uint32            `json:"mode,omitempty"` // permission bits, with 07000
	UID    uint32            `json:"uid"`
	GID    uint32            `json:"gid"`
	Links  uint64            `json:"links,omitempty"` // hard links of a file
	Size   int64             `json:"size,omitempty"`  // bytes of a file
	Mtime  int64             `json:"mtime,omitempty"` // nanoseconds since 1970
	Atime  int64             `json:"atime,omitempty"` // nanoseconds since 1970
	Xattrs map[string][]byte `json:"xattrs,omitempty"`
	Sum    string            `json:"sum,omitempty"`  // SHA-256 of a file's content, hexadecimal
	Link   string            `json:"link,omitempty"` // target of a symbolic link

	// Dev and Ino tell this object from another one that is the same to look at.
	Dev uint64 `json:"dev,omitempty"`
	Ino uint64 `json:"ino,omitempty"`

	// Pinned says why the object cannot be changed although permissions allow
	// it: the immutable or append-only flag of chattr(1).
	Pinned string `json:"-"`
	// unread says that the content is not shown or recorded: the way to it is
	// somebody's who may not read it. Of what is not root's there is no Sum, too.
	unread bool
	way    way
}

// way is who can change what a path names.
type way struct {
	// Alone says that every directory on it is the operator's alone (root's;
	// for an ordinary user also the user's own): nobody else can put another
	// object in the place of this one, or a link on the way to it.
	Alone bool
	// Holder is the owner of the first directory that is not.
	Holder uint32
	// Dir is the owner of the directory that holds the object.
	Dir uint32
}

// same says whether two states are the same to everyone who reads the file:
// all but the times, the number of links, and (for a directory) what it holds.
func (s State) same(o State) bool {
	return s.sameAttr(o) && s.Sum == o.Sum
}

// sameAttr is same for all but a file's content.
func (s State) sameAttr(o State) bool {
	if s.Kind != o.Kind {
		return false
	}
	switch s.Kind {
	case kindAbsent:
		return true
	case kindSymlink: // a link's own mode means nothing on Linux
		return s.Link == o.Link && s.UID == o.UID && s.GID == o.GID
	}
	return s.Mode == o.Mode && s.UID == o.UID && s.GID == o.GID && maps.EqualFunc(s.Xattrs, o.Xattrs, bytes.Equal)
}

// itself says whether two states are of one object, and the same: nothing has
// been put in its place, and it has no other names than before.
func (s State) itself(o State) bool {
	return s.same(o) && s.Dev == o.Dev && s.Ino == o.Ino && (s.Kind != kindFile || s.Links == o.Links && s.Size == o.Size)
}

// exact is same, and the time of last change too.
func (s State) exact(o State) bool {
	return s.same(o) && (s.Kind == kindAbsent || s.Mtime == o.Mtime)
}

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}
