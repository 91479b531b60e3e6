//go:build linux

package evidencetest

import (
	"context"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"sshwhy/internal/evidence"
)

// secret is what no user of the suite may read. It stands nowhere but in files
// that are not his.
const secret = "sshwhy-secret-of-root"

// Shells are those that the suite goes through: the two that differ most, since
// every item costs a dozen processes; with SSHWHY_SHELLS=all every shell that an
// administrator may have.
func Shells() [][]string {
	if os.Getenv("SSHWHY_SHELLS") == "all" {
		return [][]string{{"dash"}, {"bash", "--posix"}, {"bash"}, {"busybox", "ash"}, {"mksh"}, {"ksh93"}}
	}
	return [][]string{{"dash"}, {"busybox", "ash"}}
}

// RunUsers is the part of the suite for items that are looked at as a user of the
// machine: with his rights, no more and no less. It needs root, and accounts that
// every system has: daemon is the user, bin another one.
func RunUsers(t *testing.T, fill Fill, except Except) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can look as somebody else")
	}
	bob, other := account(t, "daemon"), account(t, "bin")
	cases := append(userFiles(t, bob, other), userCommands(t, bob)...)
	b, err := fill(context.Background(), func(*evidence.Bundle) []evidence.Item {
		var items []evidence.Item
		for _, c := range cases {
			items = append(items, c.item)
		}
		return items
	})
	must(t, err)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if why := except[c.name]; why != "" {
				t.Skip(why)
			}
			c.check(t, b.Get(c.item))
		})
	}
	for _, key := range b.Keys() {
		r := b.Lookup(key)
		if _, as, _ := evidence.CutKey(key); as != "" && strings.Contains(string(r.Data)+string(r.Stderr), secret) {
			t.Errorf("%s shows what %s may not read", key, as)
		}
	}
}

func account(t *testing.T, name string) *evidence.User {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Skipf("there is no account %s here: %v", name, err)
	}
	out, err := exec.Command("id", "-G", name).Output()
	must(t, err)
	number := func(s string) uint32 {
		n, err := strconv.ParseUint(s, 10, 32)
		must(t, err)
		return uint32(n)
	}
	found := &evidence.User{Name: name, UID: number(u.Uid), GID: number(u.Gid)}
	for word := range strings.FieldsSeq(string(out)) {
		found.Groups = append(found.Groups, number(word))
	}
	return found
}

func userFiles(t *testing.T, bob, other *evidence.User) []testCase {
	dir := tree(t)
	home, roots := dir+"/home", dir+"/roots"
	must(t, os.Mkdir(home, 0o755))
	must(t, os.Mkdir(roots, 0o700))
	write(t, roots+"/key", secret, 0o644)
	write(t, dir+"/half", secret, 0o640)
	write(t, dir+"/open", "everyone's\n", 0o644)
	mine := func(name, content string, mode os.FileMode, u *evidence.User) string {
		p := home + "/" + name
		write(t, p, content, mode)
		must(t, os.Chown(p, int(u.UID), int(u.GID)))
		return p
	}
	link := func(name, target string) string { must(t, os.Symlink(target, home+"/"+name)); return home + "/" + name }
	// itself is the metadata of a link, not of what it leads to.
	itself := func(p string) *evidence.Meta {
		var st syscall.Stat_t
		must(t, syscall.Lstat(p, &st))
		target, err := os.Readlink(p)
		must(t, err)
		return &evidence.Meta{Type: "link", Mode: 0o777, UID: int(st.Uid), GID: int(st.Gid), Size: st.Size, MTime: lastChange(&st), Link: target}
	}
	var cases []testCase
	add := func(name string, it evidence.Item, want evidence.Result) {
		if want.Status != evidence.Known {
			want.Exit = -1
		}
		cases = append(cases, testCase{name: name, item: it.AsUser(bob), want: want})
	}
	file := func(name, p string, status evidence.Status, data string, m *evidence.Meta) {
		r := evidence.Result{Status: status, Meta: m}
		if data != "" {
			r.Data = []byte(data)
		}
		add("file: "+name, evidence.File(p), r)
	}
	of := func(p string) *evidence.Meta { m := lookMeta(t, p); return &m }
	kind := func(p, k string) *evidence.Meta { m := of(p); m.Type = k; return m }

	own := mine("own", "his own\n", 0o600, bob)
	file("his own", own, evidence.Known, "his own\n", of(own))
	odd := mine("it's $(id)\n ü", "odd\n", 0o600, bob)
	file("of an odd name", odd, evidence.Known, "odd\n", of(odd))
	theirs := mine("theirs", secret, 0o600, other)
	file("another user's", theirs, evidence.Denied, "", of(theirs))
	add("stat of another user's", evidence.Stat(theirs), evidence.Result{Status: evidence.Known, Meta: of(theirs)})
	good := link("good", "../open")
	file("a link to what he may read", good, evidence.Known, "everyone's\n", of(good))
	half := link("half", dir+"/half")
	file("a link to what he may only see", half, evidence.Denied, "", itself(half))
	key := link("key", roots+"/key")
	file("a link to what he may not reach", key, evidence.Denied, "", itself(key))
	add("stat of a link to what he may not reach", evidence.Stat(key), evidence.Result{Status: evidence.Denied, Meta: itself(key)})
	sub := link("sub", roots)
	file("below a link to what he may not reach", sub+"/key", evidence.Denied, "", nil)
	add("stat of a link to a closed directory", evidence.Stat(sub), evidence.Result{Status: evidence.Known, Meta: kind(sub, "dir")})
	add("glob", evidence.Glob(home+"/o*"), evidence.Result{Status: evidence.Known, Matches: []evidence.Match{{Path: own, Meta: *of(own)}}})
	add("glob in what he may not reach", evidence.Glob(sub+"/*"), is(evidence.Denied))
	file("a missing one", home+"/none", evidence.Absent, "", nil)

	fifo := home + "/fifo"
	must(t, syscall.Mkfifo(fifo, 0o600))
	must(t, os.Chown(fifo, int(bob.UID), int(bob.GID)))
	file("a fifo", fifo, evidence.Failed, "", kind(fifo, "fifo"))
	zero := link("zero", "/dev/zero")
	file("a link to a device", zero, evidence.Failed, "", kind(zero, "device"))
	file("a directory", home, evidence.Failed, "", kind(home, "dir"))
	for _, target := range []string{"/proc/self/environ", "/proc/1/status", "/sys/kernel/notes", "/proc/self"} {
		if _, err := os.Stat(target); err != nil {
			continue
		}
		p := link(strings.ReplaceAll(target, "/", "_"), target)
		file("a link to "+target, p, evidence.Failed, "", itself(p))
		add("stat of a link to "+target, evidence.Stat(p), evidence.Result{Status: evidence.Failed, Meta: itself(p)})
	}
	return append(cases, testCase{name: "file: by root himself", item: evidence.File(theirs),
		want: evidence.Result{Status: evidence.Known, Data: []byte(secret), Meta: of(theirs)}})
}

func userCommands(t *testing.T, bob *evidence.User) []testCase {
	words := func(numbers []uint32) string {
		var out []string
		for _, n := range numbers {
			out = append(out, strconv.Itoa(int(n)))
		}
		return strings.Join(out, " ")
	}
	cmd := func(name string, want evidence.Result, args ...string) testCase {
		return testCase{name: "command: " + name, item: evidence.Command(args...).Within(patience).AsUser(bob), want: want}
	}
	fails := evidence.Result{Status: evidence.Known, Data: []byte{}, Exit: 1}
	return []testCase{
		cmd("who it is", known(words([]uint32{bob.UID})+"\n"), "id", "-u"),
		cmd("his group", known(words([]uint32{bob.GID})+"\n"), "id", "-g"),
		cmd("his groups", known(words(bob.Groups)+"\n"), "id", "-G"),
		cmd("in a fixed environment", known("C dumb /\n"), "sh", "-c", "echo $LC_ALL $TERM $(pwd)"),
		cmd("without descriptors of ours", known(""), "sh", "-c", "for n in 3 4 5 6 7 8 9; do readlink /proc/$$/fd/$n; done; true"),
		cmd("nothing of root's is written", fails, "sh", "-c", "(: >/sshwhy-test) 2>/dev/null || exit 1"),
	}
}
