//go:build linux

package remedy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// homeOfBob is a home with a link in it, below a directory of the operator's.
func homeOfBob(t *testing.T) (root, home string) {
	t.Helper()
	b := newBench(t)
	home = b.path("home/bob")
	for _, d := range []string{home + "/.ssh", home + "/a/b/c", b.path("etc/keys")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b.write("etc/keys/bob", bobsKey)
	for link, target := range map[string]string{
		home + "/a/link":         "b",
		home + "/.ssh/keys":      b.path("etc/keys/bob"),
		b.path("etc/to-keys"):    "keys",
		b.path("etc/keys/upped"): "../../etc/keys/bob",
		b.path("etc/home"):       home + "/.ssh",
		b.path("etc/loop"):       "loop",
		b.path("etc/nothing"):    "not-there",
	} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(home, bobsUID, bobsUID); err != nil {
			t.Fatal(err)
		}
	} else if err := os.Chmod(home, 0o777); err != nil {
		t.Fatal(err)
	}
	return b.root, home
}

func TestResolve(t *testing.T) {
	root, home := homeOfBob(t)
	for _, c := range []struct{ path, want, err string }{
		{root + "/etc/keys/bob", root + "/etc/keys/bob", ""},
		{root + "/etc/to-keys/bob", root + "/etc/keys/bob", ""},
		{root + "/etc/to-keys/upped", root + "/etc/keys/bob", ""},
		{root + "/etc/to-keys/new", root + "/etc/keys/new", ""},
		{root + "/etc/home/new", home + "/.ssh/new", ""},
		{home + "/a/b/c", home + "/a/b/c", ""},
		{home, home, ""},
		{"/", "/", ""},
		{root + "/etc/home/keys", "", home + "/.ssh/keys is a symbolic link"},
		{home + "/.ssh/keys", "", home + "/.ssh/keys is a symbolic link"},
		{home + "/a/link/c", "", home + "/a/link is a symbolic link (to b)"},
		{home + "/a/link", "", home + "/a/link is a symbolic link (to b)"},
		{root + "/etc/loop", "", "too many levels"},
		{root + "/etc/loop/x", "", "too many levels"},
		{root + "/etc/nothing", "", "is a symbolic link to nothing"},
		{root + "/etc/nowhere/x", "", "no such file"},
		{root + "/etc/keys/bob/x", "", "not a directory"},
		{home + "/a/b/none/x", "", "no such file"},
		{"etc/keys", "", "not an absolute path"},
	} {
		got, err := resolve(c.path)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("resolve(%s) = %q, %v; want %q, %q", c.path, got, err, c.want, c.err)
		}
	}
	if got, err := resolveDir(root + "/etc/to-keys/upped"); got != root+"/etc/keys/upped" || err != nil {
		t.Errorf("the last name was followed: %q, %v", got, err)
	}
	if _, err := at(root + "/etc/to-keys/bob"); !errors.Is(err, unix.ELOOP) {
		t.Errorf("a plan's path led through a link: %v", err)
	}
}

// TestWay says who decides what a path names.
func TestWay(t *testing.T) {
	root, home := homeOfBob(t)
	shared := filepath.Join(root, "shared")
	if err := os.MkdirAll(shared+"/mine", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(shared, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	for path, alone := range map[string]bool{
		root + "/etc/keys/bob": true, home: true, home + "/.ssh": false, home + "/.ssh/x": false, home + "/a/b/c": false,
		shared: true, shared + "/mine": false, shared + "/mine/x": true,
	} {
		p, err := at(path)
		if err != nil {
			t.Fatal(err)
		}
		p.close()
		if p.way.Alone != alone || othersDecide(path) == alone {
			t.Errorf("%s: %+v", path, p.way)
		}
		if os.Geteuid() == 0 && strings.HasPrefix(path, home+"/") && p.way.Holder != bobsUID {
			t.Errorf("%s is held by %d", path, p.way.Holder)
		}
	}
}

// TestBeneath has both ways down, with openat2 and without, answer the same.
func TestBeneath(t *testing.T) {
	_, home := homeOfBob(t)
	dir, err := unix.Open(home, openDir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dir)
	for _, c := range []struct {
		rest []string
		want error
	}{
		{[]string{"a"}, nil}, {[]string{"a", "b", "c"}, nil},
		{[]string{"a", "link", "c"}, unix.ELOOP}, {[]string{"a", "link"}, unix.ELOOP},
		{[]string{"none"}, unix.ENOENT}, {[]string{"none", "x"}, unix.ENOENT},
	} {
		for name, open := range map[string]func() (int, error){
			"openat2": func() (int, error) { return openat2Beneath(dir, c.rest) },
			"openat":  func() (int, error) { return openatBeneath(dir, home, c.rest) },
			"both":    func() (int, error) { return openBeneath(dir, home, c.rest) },
		} {
			fd, err := open()
			if name == "openat2" && errors.Is(err, unix.ENOSYS) {
				t.Log("this kernel has no openat2")
				continue
			}
			if err == nil {
				unix.Close(fd)
			}
			if name == "openat2" && errors.Is(err, unix.ENOTDIR) && c.want == unix.ELOOP {
				err = c.want // the same, of a last name
			}
			if !errors.Is(err, c.want) {
				t.Errorf("%s of %q: %v, want %v", name, c.rest, err, c.want)
			}
		}
	}
}

// TestAs has a change made with a user's credentials fail where that user may
// not make it, and leaves the rest of the process as it was.
func TestAs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to become somebody else")
	}
	root, _ := homeOfBob(t)
	of := root + "/etc/keys/bob"
	o, err := open(of)
	if err != nil {
		t.Fatal(err)
	}
	defer o.close()
	change := func() error { return unix.Chmod(o.self(), 0o666) }
	if err := as(bobsUID, bobsUID, change); !errors.Is(err, unix.EPERM) {
		t.Errorf("chmod of a file of root's as a user: %v", err)
	}
	if err := os.Chown(of, bobsUID, bobsUID); err != nil {
		t.Fatal(err)
	}
	if err := as(bobsUID, bobsUID, change); err != nil {
		t.Errorf("chmod of the user's own: %v", err)
	}
	if err := as(bobsUID+1, bobsUID, change); !errors.Is(err, unix.EPERM) {
		t.Errorf("chmod as another user: %v", err)
	}
	if err := change(); err != nil {
		t.Errorf("chmod as root afterwards: %v", err)
	}
}
