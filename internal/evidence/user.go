package evidence

import "strings"

// User is a user of the machine, as its name service knows him: the rights that
// sshd takes on before it touches his files (auth2-pubkeyfile.c, temporarily_use_uid).
// A way of looking that cannot take them on does not look.
type User struct {
	Name     string   // of getent passwd; it holds no colon and no blank, and does not begin with "-"
	UID, GID uint32   // numbers on the machine looked at
	Groups   []uint32 // all of them (id -G), the primary one among them
}

// asMark stands in a key between the kind and the user's name.
const asMark = " as "

// CutKey takes a key apart: the kind, the user it was looked at as ("": whoever
// looked), and the path or command line.
func CutKey(key string) (kind Kind, user, rest string) {
	head, rest, _ := strings.Cut(key, ":")
	name, user, _ := strings.Cut(head, asMark)
	return Kind(name), user, rest
}

// Settle says of a bundle that is read back whether its items tell as whom they
// were looked at: where not one does, it is Plain.
func (b *Bundle) Settle() {
	b.Plain = true
	for key := range b.items {
		if _, user, _ := CutKey(key); user != "" {
			b.Plain = false
			return
		}
	}
}
