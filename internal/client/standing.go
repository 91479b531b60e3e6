package client

import "slices"

// Standing is what the records say about the key.
type Standing string

// The standings.
const (
	KeyKnown          Standing = "known"
	KeyNew            Standing = "new"
	KeyChanged        Standing = "changed"
	KeyRevoked        Standing = "revoked"
	KeyBadCert        Standing = "bad certificate"
	KeyListUnreadable Standing = "list of revoked keys unreadable" // then ssh takes no key at all
)

// Standing judges the key as ssh does (hostfile.c check_hostkeys_by_key_or_type,
// sshconnect.c verify_host_key, check_host_key): a list of revoked keys comes first,
// then a revoked line, which always counts; another key under the full name is a
// change; a line without the port only ever confirms. The lines are never empty but
// for KeyNew.
func (h *HostKey) Standing() (Standing, []KnownKey) {
	for _, l := range h.Revoked {
		line := KnownKey{File: l.Path, Line: l.Line, Text: l.Text, Type: h.Type, Fingerprint: h.Fingerprint}
		switch {
		case l.Hit:
			return KeyRevoked, []KnownKey{line}
		case l.Err != "":
			line.Text = l.Err
			return KeyListUnreadable, []KnownKey{line}
		}
	}
	var same, other []KnownKey
	for i, k := range h.Known {
		isSame := slices.Contains(h.Same, i)
		switch {
		case k.Marker == MarkRevoked && isSame:
			return KeyRevoked, []KnownKey{k}
		case k.Marker == MarkCA && isSame:
			if h.Cert != nil && h.Cert.Fault != "" {
				return KeyBadCert, []KnownKey{k}
			}
			same = append(same, k)
		case k.Marker != "":
		case isSame:
			same = append(same, k)
		case k.Name == h.Names[0]:
			other = append(other, k)
		}
	}
	switch {
	case len(same) > 0:
		return KeyKnown, same
	case len(other) > 0:
		return KeyChanged, other
	default:
		return KeyNew, nil
	}
}

// tooShort reports whether the host's key is an RSA key that ssh takes for none.
func (h *HostKey) tooShort() bool { return h.Bits > 0 && h.Bits < h.LeastBits }

// UnreadFiles are the files in which ssh may find keys that the walk did not see.
func (h *HostKey) UnreadFiles() []KnownFile {
	return slices.DeleteFunc(slices.Clone(h.Files), func(f KnownFile) bool { return !f.Unread() })
}

// inList reports whether a file of RevokedHostKeys names the key.
func (h *HostKey) inList() bool {
	return slices.ContainsFunc(h.Revoked, func(l RevokedList) bool { return l.Hit })
}

// LeftToSSH says what of the judgement only ssh itself can make, or "".
func (h *HostKey) LeftToSSH() string {
	for _, l := range h.Revoked {
		if l.Left != "" {
			return "the list of revoked keys " + l.Path + " (" + l.Left + ")"
		}
	}
	if standing, _ := h.Standing(); h.Command && (standing == KeyNew || standing == KeyChanged) && !h.Accepted() {
		return "the keys that KnownHostsCommand prints"
	}
	return ""
}

// refusesNew reports whether ssh refuses an unknown key instead of asking.
func (h *HostKey) refusesNew() bool {
	switch h.Strict {
	case "no", "false", "off", "accept-new":
		return false
	case "yes", "true":
		return true
	default: // ask: nobody can answer in batch mode or without a terminal
		return h.Batch || h.Nobody
	}
}

// AcceptsNew reports whether ssh takes an unknown key without asking.
func (h *HostKey) AcceptsNew() bool { return h.acceptsChanged() || h.Strict == "accept-new" }

// acceptsChanged reports whether ssh goes on even with a changed key.
func (h *HostKey) acceptsChanged() bool {
	return h.Strict == "no" || h.Strict == "false" || h.Strict == "off"
}

// Refused reports whether the walk ends here: where ssh would end the connection, and
// where it would ask and nobody has said yes. A key that DNS vouches for is taken
// without a look at the records (sshconnect.c, verify_host_key).
func (h *HostKey) Refused() bool {
	if h.tooShort() {
		return true
	}
	standing, _ := h.Standing()
	if h.LeftToSSH() != "" {
		return true
	}
	if h.Accepted() && standing != KeyListUnreadable && !h.inList() {
		return false
	}
	switch standing {
	case KeyKnown:
		return false
	case KeyNew:
		return !h.AcceptsNew() && h.Answer != AnswerYes
	case KeyChanged:
		return !h.acceptsChanged()
	default:
		return true
	}
}

// Asks reports whether ssh would ask a person about the key.
func (h *HostKey) Asks() bool {
	standing, _ := h.Standing()
	return standing == KeyNew && h.LeftToSSH() == "" && !h.Accepted() && !h.refusesNew() && !h.AcceptsNew()
}

// WouldAsk reports whether ssh would ask about the host whatever key it shows: where
// nothing is on record, and nothing but the records could vouch for it.
func (h *HostKey) WouldAsk() bool {
	return len(h.Known) == 0 && !h.Elsewhere && !h.Accepted() && !h.refusesNew() && !h.AcceptsNew()
}

// Accepted reports whether ssh takes the key without a look at the records.
func (h *HostKey) Accepted() bool { return h.DNS.Trusted() || h.Localhost }

// Matches reports whether ssh takes the records for the key's: one is, and none of
// its kind is another's (OpenSSH dns.c, verify_host_key_dns).
func (k *KeyDNS) Matches() bool {
	same := false
	for _, r := range k.Records {
		if r.Other {
			return false
		}
		same = same || r.Same
	}
	return same
}

// Trusted reports whether ssh takes the key on the word of DNS alone.
func (k *KeyDNS) Trusted() bool {
	return k != nil && k.Wanted == "true" && k.Secure && k.TrustAD && k.Matches()
}
