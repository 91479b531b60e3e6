package catalog_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sshwhy/internal/catalog"
	"sshwhy/lab"
)

// A cause is written in few places, and this is the list of them. The test names,
// for each cause that any of them speaks of, the files that are still to be touched.
// CONTRIBUTING.md ("A new cause") tells the same steps in words.

// places is where each cause is named.
type places struct {
	finds map[string]map[string]bool // server, client, text → causes that code there, or a message's row, names
	cases map[string]string          // cause → a case of the lab that shows it, or why there is none
	text  map[string]string          // file → what it holds: lists that are made or kept for every page
}

func TestNewCause(t *testing.T) {
	if err := catalog.Load(); err != nil {
		t.Fatalf("internal/catalog/causes: a page cannot be read: %v", err)
	}
	p := readPlaces(t)
	named := map[string]bool{}
	for _, c := range catalog.All() {
		named[c.ID] = true
	}
	for id := range p.cases {
		named[id] = true
	}
	for _, side := range p.finds {
		for id := range side {
			named[id] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(named)) {
		for _, todo := range p.lacks(id) {
			t.Errorf("%s: %s", id, todo)
		}
	}
}

// lacks says what is still to be done for a cause, by file.
func (p *places) lacks(id string) (todo []string) {
	page, ok := catalog.Get(id)
	if !ok {
		return []string{"write its page, internal/catalog/causes/" + id + ".md (or correct the id)"}
	}
	for _, lack := range page.Lacks() {
		todo = append(todo, "internal/catalog/causes/"+id+".md: "+lack)
	}
	sides := []string{page.Seen}
	if page.Seen == "both" {
		sides = []string{"client", "server"}
	}
	if !slices.ContainsFunc(append(sides, "text"), func(s string) bool { return p.finds[s][id] }) {
		todo = append(todo, "no check finds it: add one to the file of its step in internal/"+strings.Join(sides, " or internal/")+
			"; where only text tells of it, a row with its message in internal/sshlog/messages")
	}
	if p.cases[id] == "" {
		todo = append(todo, "no machine shows it: add lab/cases/"+id+".txt, or to lab/without-case.txt a line with the reason")
	}
	if !strings.Contains(p.text["lab/pages.txt"], "\n== "+id+" ") {
		todo = append(todo, "nobody types what its page says: tell in lab/pages.txt what each command prints there")
	}
	if !strings.Contains(p.text["docs/causes.md"], "\n### "+id+"\n") || !strings.Contains(p.text["internal/catalog/testdata/ids.txt"], "\n"+id+"\n") {
		todo = append(todo, "the lists made from the pages lack it: run make docs")
	}
	return todo
}

func readPlaces(t *testing.T) *places {
	t.Helper()
	p := &places{finds: map[string]map[string]bool{}, cases: map[string]string{}, text: map[string]string{}}
	for dir, side := range map[string]string{"server": "server", "client": "client", "explain": "text"} {
		p.finds[side] = map[string]bool{}
		readCode(t, "../"+dir, p.finds[side])
	}
	readRows(t, p.finds["text"])
	cases, err := lab.ReadCases("../../lab/cases")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		for _, id := range c.Causes() {
			p.cases[id] = c.Name
		}
	}
	for _, file := range []string{"lab/pages.txt", "lab/without-case.txt", "docs/causes.md", "internal/catalog/testdata/ids.txt"} {
		data, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		p.text[file] = "\n" + string(data)
	}
	for line := range strings.Lines(p.text["lab/without-case.txt"]) {
		if id, reason, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && !strings.HasPrefix(id, "#") {
			p.cases[id] = reason
		}
	}
	return p
}

// finders are the functions that add a cause to what was found.
var finders = []string{"found", "find", "keyFault", "add"}

// anID is what ids look like.
var anID = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)

// readCode adds the causes that the code of a package names: any string that is the id
// of a page, and any word in a place where a cause has to stand.
func readCode(t *testing.T, dir string, into map[string]bool) {
	t.Helper()
	add := func(e ast.Expr, must bool) {
		lit, ok := e.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return
		}
		id, err := strconv.Unquote(lit.Value)
		if err != nil {
			t.Fatal(err)
		}
		if _, page := catalog.Get(id); page || must && anID.MatchString(id) {
			into[id] = true
		}
	}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				add(n, false)
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && strings.EqualFold(key.Name, "cause") {
					add(n.Value, true)
				}
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.SelectorExpr); ok && slices.Contains(finders, f.Sel.Name) && len(n.Args) > 2 {
					add(n.Args[0], true)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// readRows adds the causes that the tables of messages name.
func readRows(t *testing.T, into map[string]bool) {
	t.Helper()
	files, err := filepath.Glob("../sshlog/messages/*.tsv")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tables of messages: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			f := strings.Split(strings.TrimRight(line, "\n"), "\t")
			if strings.HasPrefix(line, "#") || len(f) != 5 {
				continue
			}
			for _, id := range strings.Fields(f[3]) {
				if id = strings.TrimRight(id, "!?"); id != "-" && id != "@config" {
					into[id] = true
				}
			}
		}
	}
}
