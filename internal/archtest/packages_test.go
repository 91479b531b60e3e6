package archtest

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "sshwhy/"

// pkg is a package of ours: all files but the tests, for whatever system they are.
type pkg struct {
	name  string // without the module's
	files []*ast.File
}

// imports are the packages that any of the files imports.
func (p *pkg) imports() []string {
	var out []string
	for _, f := range p.files {
		for _, spec := range f.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			out = append(out, path)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// packages are all packages of the module.
func packages(t *testing.T) []*pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,IgnoredGoFiles", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []*pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var listed struct {
			ImportPath, Dir         string
			GoFiles, IgnoredGoFiles []string
		}
		if err := dec.Decode(&listed); err != nil {
			t.Fatal(err)
		}
		p := &pkg{name: strings.TrimPrefix(listed.ImportPath, module)}
		for _, name := range slices.Concat(listed.GoFiles, listed.IgnoredGoFiles) {
			if !strings.HasSuffix(name, "_test.go") {
				p.files = append(p.files, parse(t, filepath.Join(listed.Dir, name), nil))
			}
		}
		all = append(all, p)
	}
	return all
}

// parse reads one file; source is its text, or nil.
func parse(t *testing.T, path string, source any) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// used are the names that a file uses of a package that it imports. A package that is
// imported without its name uses ".".
func used(f *ast.File, path string) []string {
	name := ""
	for _, spec := range f.Imports {
		if p, _ := strconv.Unquote(spec.Path.Value); p != path {
			continue
		}
		if name = path[strings.LastIndex(path, "/")+1:]; spec.Name != nil {
			name = spec.Name.Name
		}
	}
	switch name {
	case "":
		return nil
	case ".":
		return []string{"."}
	}
	var out []string
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == name && x.Obj == nil { // no variable of that name
				out = append(out, s.Sel.Name)
			}
		}
		return true
	})
	return out
}
