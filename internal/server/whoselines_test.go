package server

import (
	"strings"
	"testing"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// part of a chain of which everything is as it should be but what a case says.
func metaOf(path, kind string, uid int, mode uint32) facts.HostFile {
	return facts.HostFile{Origin: facts.Origin{Status: evidence.Known}, Path: path, Meta: evidence.Meta{Type: kind, Mode: mode, UID: uid, GID: uid, Size: 100}}
}

// TestWhoseLines: who could have written the keys decides of what kind the step
// is; the keys are listed; and no command by hand follows a link as root.
func TestWhoseLines(t *testing.T) {
	const alice, mallory = 1000, 1001
	key := facts.AuthorizedKey{Type: "ssh-ed25519", Fingerprint: "SHA256:abc", Comment: "mallory@example", Quote: facts.Quote{Source: "/home/alice/.ssh/authorized_keys", Line: 3}}
	for name, c := range map[string]struct {
		file, ssh, home facts.HostFile
		private         bool
		keys            int
		unread          bool
		kind            report.RemedyKind
		opens, do, seen string
	}{
		"file written by all": {
			file: metaOf("", "file", alice, 0o666), keys: 1,
			kind: report.Open, opens: "whoever holds this key", do: "runuser -u alice -- chmod 0644 /home/alice/.ssh/authorized_keys", seen: "ssh-ed25519 SHA256:abc mallory@example"},
		"many keys": {
			file: metaOf("", "file", alice, 0o666), keys: 14,
			kind: report.Open, opens: "whoever holds these 14 keys", seen: "and 4 more keys"},
		"not read": {
			file: metaOf("", "file", alice, 0o666), unread: true,
			kind: report.Open, opens: "could not be read whole"},
		"no key at all": {
			file: metaOf("", "file", alice, 0o666),
			kind: report.Repair, do: "chmod 0644"},
		"group alone, which seems to be the user's": { // or the mask of an access control list
			file: metaOf("", "file", alice, 0o664), private: true, keys: 1,
			kind: report.Open},
		"home written by all": {
			home: metaOf("", "dir", alice, 0o777), keys: 1,
			kind: report.Open, opens: "whoever holds this key", do: "chmod 0755 /home/alice"},
		"home that is a place of many": {
			home: metaOf("", "dir", 0, 0o1777), keys: 1,
			kind: report.Advice, seen: "SHA256:abc"},
		"root's directory in the home, written by all": {
			ssh: metaOf("", "dir", 0, 0o777), keys: 1,
			kind: report.Open, opens: "whoever holds this key"},
		"root's file that alice cannot read": {
			file: metaOf("", "file", 0, 0o600), keys: 1,
			kind: report.Repair, do: `find /home/alice -maxdepth 2 -path /home/alice/.ssh/authorized_keys -type f -links 1 -execdir chown -h alice {} \;`},
		"root's file in a home that all write to": {
			file: metaOf("", "file", 0, 0o600), home: metaOf("", "dir", alice, 0o777), keys: 1,
			kind: report.Open, opens: "whoever holds this key"},
		"root's file written by all": {
			file: metaOf("", "file", 0, 0o666), keys: 1,
			kind: report.Open, do: `{} \; && runuser -u alice -- chmod 0644`},
		"mode that keeps alice out": {
			file: metaOf("", "file", alice, 0o200), keys: 1,
			kind: report.Repair, do: "chmod 0600"},
		"mallory's file": {
			file: metaOf("", "file", mallory, 0o644), keys: 1,
			kind: report.Advice, seen: "SHA256:abc"},
		"root's directory": {
			ssh: metaOf("", "dir", 0, 0o700), keys: 1,
			kind: report.Advice, do: `-path /home/alice/.ssh -type d -execdir chown -h alice`},
		"set-uid": {
			file: metaOf("", "file", alice, 0o4777), keys: 1,
			kind: report.Open, do: "chmod 0755"},
	} {
		or := func(h, other facts.HostFile, path string) facts.HostFile {
			if !h.Origin.Known() {
				h = other
			}
			h.Path = path
			return h
		}
		k := facts.KeyFile{
			File: or(c.file, metaOf("", "file", alice, 0o644), "/home/alice/.ssh/authorized_keys"),
			Above: []facts.HostFile{or(c.ssh, metaOf("", "dir", alice, 0o755), "/home/alice/.ssh"),
				or(c.home, metaOf("", "dir", alice, 0o755), "/home/alice")},
			Whole: !c.unread,
		}
		for range c.keys {
			k.Held = append(k.Held, key)
		}
		v := &view{Facts: &facts.Facts{}}
		v.Account = facts.Account{Name: "alice", UID: alice, GID: alice, Home: "/home/alice", Private: c.private}
		v.Access.Keys = []facts.KeyFile{k}
		p := &part{}
		fl := v.keyFault(k)
		if fl == nil {
			t.Errorf("%s: no fault", name)
			continue
		}
		v.keyPermissions(p, report.Blocking, k, fl)
		f := p.findings[0]
		var evidence []string
		for _, e := range f.Evidence {
			evidence = append(evidence, e.Excerpt)
		}
		first := report.Step{}
		if len(f.Remedy.Steps) > 0 {
			first = f.Remedy.Steps[0]
		}
		opens := ""
		if first.Act != nil {
			opens = first.Act.Opens
		}
		if f.Remedy.Kind != c.kind || !strings.Contains(opens, c.opens) || (opens == "") != (f.Remedy.Kind != report.Open) ||
			!strings.Contains(first.Do, c.do) || !strings.Contains(strings.Join(evidence, "\n"), c.seen) {
			t.Errorf("%s: %s, opens %q, do %q, undo %q, evidence %q", name, f.Remedy.Kind, opens, first.Do, first.Undo, evidence)
		}
	}
}
