package facts

import (
	"encoding/base64"
	"strings"
	"testing"

	"sshwhy/internal/evidence"
)

// Key revocation lists that ssh-keygen -k made: testEd by key, by SHA-1 and by SHA-256.
var testKRLs = map[string]string{
	"key":     "U1NIS1JMCgAAAAABAAAAAAAAAAAAAAAAaw3GpgAAAAAAAAAAAAAAAAAAAAACAAAANwAAADMAAAALc3NoLWVkMjU1MTkAAAAgiHQerYpfFAUmD9nPTLzKvYMX412mIcQmgWl2Q5MkEik=",
	"SHA-1":   "U1NIS1JMCgAAAAABAAAAAAAAAAAAAAAAaw3GpgAAAAAAAAAAAAAAAAAAAAADAAAAGAAAABRLay/gP4Dw2BKNmbRoTWQceW4j4g==",
	"SHA-256": "U1NIS1JMCgAAAAABAAAAAAAAAAAAAAAAaw3GpwAAAAAAAAAAAAAAAAAAAAAFAAAAJAAAACDQdNOk0bvipc9sVrcvJGXw+r1GlULhLWdmRdB5QfX9Cw==",
}

// revokedOf reads a list as RevokedKeys would name it.
func revokedOf(r evidence.Result) Revoked {
	ask := Ask{User: "alice"}
	b := evidence.NewBundle()
	b.Put(evidence.Stat("/usr/sbin/sshd"), evidence.Result{Status: evidence.Known, Meta: &evidence.Meta{Type: "file"}})
	b.Put(sshdCommand(b, "-T"), evidence.Result{Status: evidence.Known, Data: []byte("revokedkeys /etc/ssh/krl\n")})
	b.Put(evidence.File("/etc/ssh/krl"), r)
	return parseRevoked(b, ask)
}

func known(text string) evidence.Result {
	return evidence.Result{Status: evidence.Known, Data: []byte(text), Meta: &evidence.Meta{Type: "file"}}
}

func TestRevoked(t *testing.T) {
	ed, _ := readKeyLine(testEd)
	rsa, _ := readKeyLine(testRSA)
	for _, c := range []struct {
		name, text   string
		useless      string
		ed, rsa, all bool
	}{
		{"empty", "", "", false, false, true},
		{"a list", "# gone\n\n  " + testEd + "\n", "", true, false, true},
		{"rubbish", "rubbish\n", "line 1 of it is no public key", false, false, false},
		{"a line with options", testRSA + "\nno-pty " + testEd + "\n", "line 2 of it is no public key", false, true, false},
		{"a KRL that says nothing", krlMagic, "it is a key revocation list of a format that is not known", false, false, false},
	} {
		r := revokedOf(known(c.text))
		_, byEd := r.Revokes(ed)
		_, byRSA := r.Revokes(rsa)
		if r.Useless != c.useless || byEd != c.ed || byRSA != c.rsa || r.Whole != c.all {
			t.Errorf("%s: %q, %v, %v, whole %v", c.name, r.Useless, byEd, byRSA, r.Whole)
		}
	}
	for name, text := range testKRLs {
		raw, _ := base64.StdEncoding.DecodeString(text)
		r := revokedOf(known(string(raw)))
		_, byEd := r.Revokes(ed)
		_, byRSA := r.Revokes(rsa)
		if r.Useless != "" || !byEd || byRSA || !r.Whole {
			t.Errorf("by %s: %q, %v, %v, whole %v", name, r.Useless, byEd, byRSA, r.Whole)
		}
		if cut := revokedOf(known(string(raw[:len(raw)-3]))); cut.Useless == "" {
			t.Errorf("by %s, cut short: nothing is said against it", name)
		}
	}
	if r := revokedOf(evidence.Result{Status: evidence.Absent}); r.Useless != "it does not exist" {
		t.Errorf("absent: %+v", r)
	}
	if r := revokedOf(evidence.Result{Status: evidence.Denied}); r.Useless != "" || r.Whole {
		t.Errorf("what could not be read is said to be %q", r.Useless)
	}
}

func FuzzRevoked(f *testing.F) {
	for _, text := range testKRLs {
		raw, _ := base64.StdEncoding.DecodeString(text)
		f.Add(raw)
	}
	f.Add([]byte(testEd + "\nx"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := revokedOf(known(string(data)))
		ed, _ := readKeyLine(testEd)
		r.Revokes(ed)
		if r.Useless != "" && r.Whole {
			t.Errorf("useless and understood: %+v", r)
		}
		if strings.ContainsRune(r.Useless, '\n') {
			t.Errorf("%q", r.Useless)
		}
	})
}
