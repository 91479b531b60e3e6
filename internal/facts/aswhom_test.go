package facts

import (
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sshwhy/internal/evidence"
	"sshwhy/internal/evidence/replay"
)

// Whose is what is looked at? This is a closed list: an item that no line of it
// matches fails the test, so that nobody adds one without having thought of it.
//
// roots are paths in directories that are root's alone, or the kernel's.
var roots = regexp.MustCompile(`^(?:/|/etc|/proc|/sys|/usr|/run|/var/(?:run|lib|db|service)|/boot|/lib|/lib64|/sbin|/bin)(?:/|$)`)

// daemons are directories that the accounts of daemons may write to. Links in
// them are not followed; what reads them has a time limit.
var daemons = regexp.MustCompile(`^/var/log(?:/|$)`)

// programs are those that are run with the rights of whoever looks, each with what
// its arguments may name. No path of a user's may stand there.
var programs = regexp.MustCompile(`^(?:` + strings.Join([]string{
	// databases of root's, asked for a name or a number
	`getent (?:passwd|group) \S+`, `id -Gn? \S+`, `passwd -S \S+`, `chage -l \S+`, `faillock --user \S+`,
	`awk -F: -v \S+ \S+==\S+ .* /etc/(?:passwd|shadow)`,
	// the kernel and services, without a path
	`ip .*`, `tc .*`, `ss .*`, `nft .*`, `ip6?tables-(?:nft|legacy)-save`, `ipset save`, `systemctl .*`, `journalctl .*`, `firewall-cmd .*`,
	`fail2ban-client .*`, `cscli .*`, `tailscale .*`, `date \+%z`, `sshwhy firewall --prove`, `service \S+ status`, `rc-service \S+ status`,
	// packages
	`dpkg-query .*`, `rpm .*`, `apk .*`, `pacman .*`, `xbps-query .*`,
	// file systems, not files: asks the kernel, and is ended where that does not answer
	`df -P -k / /run /tmp /var/log /home`,
	// sshd itself, which reads its configuration as it will when it is started
	`(?:unshare --mount sh -c .* )?/usr/(?:local/)?s?bin/sshd .*`,
	// paths in roots and daemons alone
	`ldd(?: /usr/\S+)+`, `ls -l /proc/\d+/fd`, `sv status (?:/etc|/var)/service/\S+`,
	`tail -c \d+ /var/log/\S+`, `(?:z|xz|bz|zstd)?grep -a -F -e \S+ /var/log/\S+`,
}, "|") + `)$`)

// named are paths that root's configuration names, wherever they lead: the local
// look follows no link in them below a directory that is not root's alone.
func named(b *evidence.Bundle, ask Ask) map[string]bool {
	out := map[string]bool{}
	cfg := parseConfig(b)
	for _, keyword := range []string{"Include", "HostKey"} {
		for _, d := range cfg.All(keyword) {
			for _, a := range d.Args {
				out[a] = true
			}
		}
	}
	for path := range cfg.ModTimes { // what Include matched
		out[path] = true
	}
	a, e := parseAccount(b, ask), parseEffective(b, ask)
	for _, p := range append(chrootDirs(e, a), commandPaths(e)...) {
		out[p] = true
	}
	for _, r := range parsePAMFacts(b, ask).Rules {
		out[r.Arg("file")], out[r.Arg("accessfile")] = true, true
	}
	out[blacklistPath(b)] = true
	services, sockets, _ := parseUnits(b)
	for _, u := range append(services, sockets...) {
		for _, p := range u.paths() {
			out[p] = true
		}
	}
	return out
}

// users are the places of a user's files, each of which must be looked at as him.
func users(b *evidence.Bundle, ask Ask) func(path string) bool {
	a := parseAccount(b, ask)
	keys := keyPaths(parseEffective(b, ask), a)
	return func(path string) bool {
		if a.Home != "/" && a.Home != "" && (path == a.Home || strings.HasPrefix(path, a.Home+"/")) {
			return true
		}
		for _, k := range keys {
			if path == k {
				return true
			}
		}
		return false
	}
}

// judge knows of one machine whose its paths are.
type judge struct {
	user  string
	his   func(path string) bool
	named map[string]bool
}

func newJudge(b *evidence.Bundle, ask Ask) judge {
	return judge{ask.User, users(b, ask), named(b, ask)}
}

// asWhom says what is wrong with the item; "" where it is looked at by the right one.
func (j judge) asWhom(it evidence.Item) string {
	if it.As != nil {
		if it.As.Name != j.user {
			return "looked at as somebody who was not asked about"
		}
		return ""
	}
	if it.Kind == evidence.KindHello {
		return "" // a port of this machine is nobody's
	}
	if it.Kind == evidence.KindCommand {
		for _, word := range it.Args {
			if j.his(word) {
				return "root runs a program on a path of the user's"
			}
		}
		if !programs.MatchString(strings.Join(it.Args, " ")) {
			return "no line of the closed list says as whom this program is to run"
		}
		return ""
	}
	switch {
	case j.his(it.Path):
		return "root looks at a path of the user's"
	case !roots.MatchString(it.Path) && !daemons.MatchString(it.Path) && !j.named[it.Path]:
		return "no line of the closed list says whose this path is"
	}
	return ""
}

func TestEveryItemIsLookedAtByTheRightOne(t *testing.T) {
	files, _ := filepath.Glob("../server/testdata/*.json")
	if len(files) < 50 {
		t.Fatalf("only %d bundles", len(files))
	}
	base, err := replay.Open("../server/testdata/healthy-plain.json")
	if err != nil {
		t.Fatal(err)
	}
	asked, asUser := map[string]bool{}, 0
	for _, file := range files {
		b, err := replay.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range base.Keys() {
			if !b.HasKey(key) {
				b.PutKey(key, base.Lookup(key))
			}
		}
		for _, name := range []string{"", "alice", "root"} {
			ask := Ask{User: name, Client: netip.MustParseAddr("192.0.2.2")}
			all := everything(b, ask)
			j := newJudge(b, ask)
			for _, it := range all {
				asked[it.Key()] = true
				if it.As != nil {
					asUser++
				}
				if why := j.asWhom(it); why != "" {
					t.Errorf("%s: %s: %s", filepath.Base(file), it.Key(), why)
				}
			}
		}
	}
	if len(asked) < 250 || asUser == 0 {
		t.Errorf("only %d items were asked for, %d as a user", len(asked), asUser)
	}
}

// everything is what is wanted in all rounds, where an account is as usual and its
// keys lie in odd places.
func everything(b *evidence.Bundle, ask Ask) []evidence.Item {
	b.Plain = false
	home, uid := "/home/"+ask.User, "1000"
	if ask.User == "root" {
		home, uid = "/root", "0"
	}
	answer := map[string]string{
		"getent passwd " + ask.User: ask.User + ":x:" + uid + ":" + uid + "::" + home + ":/bin/bash\n",
		"id -G " + ask.User:         uid + " 27\n",
	}
	var all []evidence.Item
	_ = evidence.Manifest(func(seen *evidence.Bundle) []evidence.Item { return Wants(seen, ask) }).Rounds(b, func(round []evidence.Item) error {
		for _, it := range round {
			r := evidence.Result{Status: evidence.Absent, Reason: "not there", Exit: -1}
			line := strings.Join(it.Args, " ")
			switch text, ok := answer[line]; {
			case ok:
				r = evidence.Result{Status: evidence.Known, Data: []byte(text)}
			case strings.Contains(line, "sshd -T"):
				r = evidence.Result{Status: evidence.Known, Data: []byte("usepam yes\nchrootdirectory /srv/sftp/%u\n" +
					"authorizedkeyscommand /opt/keys/get %u\nauthorizedkeysfile .ssh/authorized_keys /mnt/nas/keys/%u\n")}
			case it.As != nil:
				r = evidence.Result{Status: evidence.Known, Meta: &evidence.Meta{Type: "file"}}
			case it.Path == "/sys/fs/selinux/enforce":
				r = evidence.Result{Status: evidence.Known, Data: []byte("1\n")}
			case it.Kind == evidence.KindFile && it.Path == "/etc/pam.d/sshd":
				r = evidence.Result{Status: evidence.Known, Data: []byte("account required pam_access.so accessfile=/srv/access\nauth required pam_listfile.so file=/srv/list\n")}
			}
			b.Put(it, r)
		}
		all = append(all, round...)
		return nil
	})
	return append(all, Wants(b, ask)...)
}

func TestTheClosedListIsClosed(t *testing.T) {
	b := evidence.NewBundle()
	ask := Ask{User: "bob"}
	u := &evidence.User{Name: "bob", UID: 1000, GID: 1000, Groups: []uint32{1000}}
	b.Put(evidence.Command("getent", "passwd", "bob"), evidence.Result{Status: evidence.Known, Data: []byte("bob:x:1000:1000::/home/bob:/bin/sh\n")})
	b.Put(evidence.Command("id", "-G", "bob"), evidence.Result{Status: evidence.Known, Data: []byte("1000\n")})
	j := newJudge(b, ask)
	for _, it := range []evidence.Item{
		evidence.File("/home/bob/.ssh/rc"), evidence.Stat("/home/bob"), evidence.File("/home/carol/.ssh/config"), evidence.File("/mnt/x"),
		evidence.Glob("/tmp/*"), evidence.Command("namei", "-l", "/home/bob/.ssh"), evidence.Command("cat", "/etc/passwd"),
		evidence.Command("getent", "passwd", "/home/bob"),
	} {
		if j.asWhom(it) == "" {
			t.Errorf("%s passes", it.Key())
		}
	}
	for _, it := range []evidence.Item{evidence.File("/home/bob/.ssh/rc").AsUser(u), evidence.Command("namei", "-l", "/home/bob/.ssh").AsUser(u), evidence.File("/etc/hosts")} {
		if why := j.asWhom(it); why != "" {
			t.Errorf("%s: %s", it.Key(), why)
		}
	}
}
