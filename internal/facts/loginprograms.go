package facts

import (
	"path"
	"slices"
	"strings"

	"sshwhy/internal/evidence"
)

// LoginPrograms are the programs that a login of the account runs before the user
// has a say: the shell, and what sshd or the key forces in its place. None of them is
// run to find out.
type LoginPrograms struct {
	Shell  RunProgram
	Forced []ForcedCommand // ForceCommand, or else the command= of each of the keys
	// Machine is what programs of this machine are built for (the ELF head of sshd).
	Machine uint16
}

// ForcedCommand is what is run in place of what the visitor asks for.
type ForcedCommand struct {
	Text    string
	Quote   Quote
	ByKey   bool
	SFTP    bool   // internal-sftp, which is sshd itself
	Opaque  string // why the program that it runs first cannot be told; "" where it can
	Tried   []RunProgram
	Endings bool // it is false or nologin, which end every session
}

// RunProgram is one program file, as the user who is to run it meets it.
type RunProgram struct {
	Reached
	Head        Origin // of its first bytes
	ELF         *elfHead
	Script      bool       // it begins with "#!"
	Interpreter *Reached   // the interpreter of a script, or the loader of a program
	Through     []Reached  // what the interpreter env looks for, in the directories of the path
	Mount       FileSystem // where it lies; Mount "" where that is not known
	NoExec      bool
	Libraries   []Quote // those that its loader does not find
}

// headSize is how much of a program is read: more than any linker puts before its headers.
const headSize = 16 << 10

// searchPath is where a command is looked for that has no slash: what sshd and the
// distributions set, and what start files mostly add.
var searchPath = [...]string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/games", "/snap/bin"}

func (c *programReader) directories(a Account) []string {
	dirs := slices.Clone(searchPath[:])
	for _, line := range lines(c.b.Get(itemEnvironment).Data) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(strings.TrimPrefix(line, "export ")), "PATH="); ok {
			for dir := range strings.SplitSeq(strings.Trim(v, `"'`), ":") {
				if path.IsAbs(dir) && !slices.Contains(dirs, dir) && len(dirs) < maxOtherPaths {
					dirs = append(dirs, path.Clean(dir))
				}
			}
		}
	}
	return append(dirs, path.Join(a.Home, "bin"), path.Join(a.Home, ".local/bin"))
}

var itemEnvironment = evidence.File("/etc/environment").AtMost(64 << 10)

// programReader follows programs, and gathers what has to be looked at for it.
type programReader struct {
	b    *evidence.Bundle
	u    *evidence.User
	root string
	want []evidence.Item
}

func wantLoginPrograms(b *evidence.Bundle, ask Ask) []evidence.Item {
	a := parseAccount(b, ask)
	if !a.Origin.Known() || a.Rights == nil {
		return nil
	}
	c, _ := readLoginPrograms(b, ask)
	return append(c.want, itemEnvironment)
}

func parseLoginPrograms(b *evidence.Bundle, ask Ask) LoginPrograms {
	_, p := readLoginPrograms(b, ask)
	return p
}

func readLoginPrograms(b *evidence.Bundle, ask Ask) (*programReader, LoginPrograms) {
	a := parseAccount(b, ask)
	e := parseEffective(b, ask)
	c := &programReader{b: b, u: a.Rights}
	var p LoginPrograms
	if !a.Origin.Known() || a.Rights == nil {
		p.Shell.Origin = Origin{Status: evidence.Skipped, Reason: "no account was asked about, or its rights are not known"}
		return c, p
	}
	if dirs := chrootDirs(e, a); len(dirs) > 0 {
		c.root = dirs[0]
	}
	if sshd := sshdPath(b); sshd != "" {
		it := evidence.File(sshd).AtMost(64)
		c.want = append(c.want, it)
		head, _ := readELF(b.Get(it).Data, 64)
		p.Machine = head.Machine
	}
	p.Shell = c.program(a.Shell, true)
	p.Forced = c.forced(a, e, keyFiles(b, a, keyPaths(e, a)))
	return c, p
}

// program looks at one program; libraries asks its loader for what it lacks.
func (c *programReader) program(name string, libraries bool) RunProgram {
	p := RunProgram{}
	p.Reached = c.follow(name)
	if !p.Origin.Known() || p.Meta.Type != "file" {
		return p
	}
	it := evidence.File(p.Final).AtMost(headSize).AsUser(c.u)
	c.want = append(c.want, it)
	r := c.b.Get(it)
	p.Head = originOf(it, r)
	p.Mount, p.NoExec = mountOf(c.b, p.Final)
	if e, ok := readELF(r.Data, p.Meta.Size); ok {
		p.ELF = &e
		if e.Loader != "" {
			l := c.follow(e.Loader)
			p.Interpreter = &l
		}
		if libraries && c.root == "" && e.Loader != "" && c.rootsAlone(p.Final) {
			p.Libraries = c.missing(p.Final)
		}
	}
	if program, argument, ok := interpreter(r.Data); ok {
		p.Script = true
		i := c.follow(program)
		p.Interpreter = &i
		name, _, _ := strings.Cut(argument, " ")
		if path.Base(program) == "env" && name != "" && !strings.ContainsAny(name[:1], "-/") && !strings.Contains(argument, "=") {
			for _, dir := range searchPath {
				p.Through = append(p.Through, c.follow(path.Join(dir, name)))
			}
		}
	}
	return p
}

func (c *programReader) follow(name string) Reached {
	r, want := follow(c.b, c.u, c.root, name)
	c.want = append(c.want, want...)
	return r
}

// rootsAlone reports whether nobody but root can put another file in the place of
// this one: ldd runs the loader that a program names. That is asked as root, for
// what a child of the user's says of a path is the user's word.
func (c *programReader) rootsAlone(file string) bool {
	alone := true
	for _, p := range append([]string{file}, dirsAbove(file, "/")...) {
		it := evidence.Stat(p)
		c.want = append(c.want, it)
		r := c.b.Get(it)
		alone = alone && r.OK() && r.Meta != nil && r.Meta.Link == "" && r.Meta.UID == 0 && r.Meta.Mode&0o022 == 0
	}
	return alone
}

// missing are the libraries that a program of root's wants and that are not found.
func (c *programReader) missing(file string) []Quote {
	it := evidence.Command("ldd", file)
	c.want = append(c.want, it)
	r := c.b.Get(it)
	var out []Quote
	for _, line := range append(lines(r.Data), lines(r.Stderr)...) {
		if text := strings.TrimSpace(line); strings.HasSuffix(text, "=> not found") || strings.HasPrefix(text, "Error loading shared library") {
			out = append(out, Quote{Source: originOf(it, r).Source, Text: clip(text)})
		}
	}
	return out
}

// mountOf is the file system that a path without links lies on, and whether
// programs may not be executed there.
func mountOf(b *evidence.Bundle, file string) (fs FileSystem, noExec bool) {
	for i, line := range lines(b.Get(itemMounts).Data) {
		f := strings.Fields(line)
		if len(f) < 4 || f[1] != "/" && file != f[1] && !strings.HasPrefix(file, f[1]+"/") || len(f[1]) < len(fs.Mount) {
			continue
		}
		fs = FileSystem{Mount: f[1], Option: Quote{Source: itemMounts.Path, Line: i + 1, Text: clip(line)}}
		noExec = slices.Contains(strings.Split(f[3], ","), "noexec")
	}
	return fs, noExec
}
