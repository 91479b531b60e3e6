package server

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sshwhy/internal/catalog"
	"sshwhy/internal/facts"
	"sshwhy/internal/firewall"
	"sshwhy/internal/report"
)

// home is the stage of this side in which a cause of another stage is looked for.
var home = map[string]string{
	report.StageConnect: report.StageSocket, report.StageBanner: report.StageAccess, report.StageKex: report.StageAccess,
	report.StageHostKey: report.StageAccess, report.StageAuth: report.StageAccess, report.StageSession: report.StageAccess,
	report.StageResources: report.StageAccess,
}

// toldOnly are causes of this side that only a text tells so far: no check looks for them on
// a machine yet.
var toldOnly = []string{"other-server-policy", "sftp-server-missing", "shell-output-in-stream", "sshd-lacks-privilege", "sshd-logs-nowhere"}

// TestEveryCauseHasACheck: what the catalogue says is seen from the server is looked
// for there, in the stage that its page names; and nothing else is.
func TestEveryCauseHasACheck(t *testing.T) {
	checked := map[string][]string{} // cause → stages
	for _, st := range stages() {
		for _, c := range slices.Concat(st.checks, st.after) {
			for _, id := range c.causes {
				checked[id] = append(checked[id], st.name)
				if page, ok := catalog.Get(id); !ok || page.Seen == "client" {
					t.Errorf("the stage %s looks for %s, which has no page or is seen from the client alone", st.name, id)
				}
			}
		}
	}
	for _, page := range catalog.All() {
		if page.Seen == "client" {
			continue
		}
		if slices.Contains(toldOnly, page.ID) {
			if len(checked[page.ID]) > 0 {
				t.Errorf("%s is looked for by now", page.ID)
			}
			continue
		}
		stage := page.Stage
		if home[stage] != "" {
			stage = home[stage]
		}
		if !slices.Contains(checked[page.ID], stage) {
			t.Errorf("%s: no check of the stage %s looks for it (%v do)", page.ID, stage, checked[page.ID])
		}
	}
}

// TestChecksReportWhatTheyDeclare runs each check on each recorded machine.
func TestChecksReportWhatTheyDeclare(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	fired := 0
	for _, file := range files {
		b := recorded(t, strings.TrimSuffix(filepath.Base(file), ".json"))
		for _, q := range []Query{{}, user("alice"), user("root"), {User: "alice", Client: client("192.0.2.2").Client}, {Port: 2222}} {
			v := newView(facts.Parse(b, q.ask()), b, q)
			for _, st := range stages() {
				p := part{stage: st.name}
				for i, c := range slices.Concat(st.checks, st.after) {
					before := len(p.findings)
					c.run(v, &p)
					for _, f := range p.findings[before:] {
						fired++
						if !slices.Contains(c.causes, f.Cause) {
							t.Errorf("%s: check %d of the stage %s reports %s, which it does not declare", file, i, st.name, f.Cause)
						}
					}
				}
			}
		}
	}
	if fired < 100 {
		t.Errorf("only %d findings were looked at", fired)
	}
}

// TestChecksDeclareWhatTheyMayReport reads the code: of all that a check may call,
// no place names a cause that the check does not declare.
func TestChecksDeclareWhatTheyMayReport(t *testing.T) {
	code := readCode(t)
	seen := 0
	for name, declared := range code.checks {
		for _, id := range code.mayReport(name) {
			seen++
			if !slices.Contains(declared, id) {
				t.Errorf("%s may report %s, and does not declare it", name, id)
			}
		}
	}
	if len(code.checks) < 40 || seen < 80 {
		t.Errorf("only %d checks and %d causes were read", len(code.checks), seen)
	}
}

// source is the code of this package as far as it says what a check may report.
type source struct {
	checks map[string][]string        // function of a check → causes declared for it
	named  map[string]map[string]bool // function or variable → causes it names where one is reported; dynamic: one that it was given
	values map[string]map[string]bool // function or variable → causes it puts into a value, which somebody else may report
	uses   map[string]map[string]bool // function or variable → others that it mentions
	fields map[string][]string        // struct type → its fields in order
}

// dynamic stands for a cause that is reported out of a value.
const dynamic = "?"

func (s *source) mayReport(name string) []string {
	var out, values []string
	seen := map[string]bool{}
	for queue := []string{name}; len(queue) > 0; queue = queue[1:] {
		if seen[queue[0]] {
			continue
		}
		seen[queue[0]] = true
		for id := range s.named[queue[0]] {
			out = append(out, id)
		}
		for id := range s.values[queue[0]] {
			values = append(values, id)
		}
		for other := range s.uses[queue[0]] {
			queue = append(queue, other)
		}
	}
	if slices.Contains(out, dynamic) {
		out = append(out, values...)
	}
	out = slices.DeleteFunc(out, func(id string) bool { return id == dynamic })
	slices.Sort(out)
	return slices.Compact(out)
}

func readCode(t *testing.T) *source {
	t.Helper()
	s := &source{map[string][]string{}, map[string]map[string]bool{}, map[string]map[string]bool{}, map[string]map[string]bool{}, map[string][]string{}}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var decls []ast.Decl
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		decls = append(decls, f.Decls...)
	}
	for _, d := range decls {
		ast.Inspect(d, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				s.fields[spec.Name.Name] = fieldNames(spec.Type)
			}
			return true
		})
	}
	for _, d := range decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				name = "." + name
			}
			s.read(name, d)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok {
					s.read(v.Names[0].Name, v)
				}
			}
		}
	}
	return s
}

func fieldNames(e ast.Expr) []string {
	st, ok := e.(*ast.StructType)
	if !ok {
		return nil
	}
	var out []string
	for _, f := range st.Fields.List {
		for _, n := range f.Names {
			out = append(out, n.Name)
		}
	}
	return out
}

// read takes what one function or variable names and mentions.
func (s *source) read(name string, node ast.Node) {
	if s.named[name] == nil {
		s.named[name], s.values[name], s.uses[name] = map[string]bool{}, map[string]bool{}, map[string]bool{}
	}
	into := func(set map[string]bool) func(ast.Expr) {
		return func(e ast.Expr) {
			lit, ok := e.(*ast.BasicLit)
			if !ok {
				set[dynamic] = true
			} else if id, err := strconv.Unquote(lit.Value); err == nil && id != "" {
				set[id] = true
			}
		}
	}
	report, value := into(s.named[name]), into(s.values[name])
	ast.Inspect(node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			s.uses[name][n.Name] = true
		case *ast.SelectorExpr:
			s.uses[name]["."+n.Sel.Name] = true
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && strings.EqualFold(key.Name, "cause") {
				value(n.Value)
			}
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				switch {
				case len(n.Rhs) != len(n.Lhs):
				case isFindings(left):
					report(n.Rhs[i])
				case isCause(left):
					value(n.Rhs[i])
				}
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "found" && len(n.Args) > 2 {
				report(n.Args[0])
			}
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Cause" { // firewall.Owner.Cause
				for _, id := range ownersCauses() {
					s.values[name][id] = true
				}
			}
		case *ast.CompositeLit:
			s.composite(n, value)
		}
		return true
	})
}

// composite reads the values of structs without keys, and the lists of checks.
func (s *source) composite(n *ast.CompositeLit, value func(ast.Expr)) {
	positional := func(lit *ast.CompositeLit, fields []string) {
		for i, e := range lit.Elts {
			if i < len(fields) && strings.EqualFold(fields[i], "cause") {
				value(e)
			}
		}
	}
	switch typ := n.Type.(type) {
	case *ast.Ident:
		positional(n, s.fields[typ.Name])
	case *ast.ArrayType:
		of, _ := typ.Elt.(*ast.Ident)
		for _, e := range n.Elts {
			lit, ok := e.(*ast.CompositeLit)
			switch {
			case !ok:
			case of != nil && of.Name == "check":
				s.declare(lit)
			case of != nil:
				positional(lit, s.fields[of.Name])
			default:
				positional(lit, fieldNames(typ.Elt))
			}
		}
	}
}

// declare takes one check's causes and function.
func (s *source) declare(lit *ast.CompositeLit) {
	fn, ok := lit.Elts[1].(*ast.Ident)
	if !ok {
		return
	}
	s.checks[fn.Name] = append(s.checks[fn.Name], "")
	if list, ok := lit.Elts[0].(*ast.CompositeLit); ok {
		for _, e := range list.Elts {
			if id, err := strconv.Unquote(e.(*ast.BasicLit).Value); err == nil {
				s.checks[fn.Name] = append(s.checks[fn.Name], id)
			}
		}
	}
}

// isFindings reports whether an expression is the cause of a finding, f.Cause.
func isFindings(e ast.Expr) bool {
	sel, ok := e.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "Cause"
}

// isCause reports whether an expression is what holds a cause until it is reported.
func isCause(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return strings.EqualFold(e.Name, "cause")
	case *ast.SelectorExpr:
		return strings.EqualFold(e.Sel.Name, "cause")
	}
	return false
}

// ownersCauses are what firewall.Owner.Cause may return.
func ownersCauses() []string {
	var out []string
	for _, m := range []string{
		firewall.ByUfw, firewall.ByFirewalld, firewall.ByFail2ban, firewall.BySshguard, firewall.ByCrowdsec, firewall.ByDocker,
		firewall.ByLibvirt, firewall.ByKubernetes, firewall.ByNftables, firewall.ByIptables,
	} {
		for _, b := range []firewall.Backend{firewall.Nftables, firewall.IptablesNft, firewall.Legacy} {
			out = append(out, firewall.Owner{Manager: m}.Cause(&firewall.Chain{Backend: b}))
		}
	}
	return out
}
