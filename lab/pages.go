package lab

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"sshwhy/internal/catalog"
)

// Page is what pages.txt says of one page of the catalogue: the case that shows
// its cause, and what becomes of each command the page prints.
type Page struct {
	Cause    string
	Case     string // "": no case shows it
	Commands []PageCommand
	Login    bool // after all commands the login works
}

// PageCommand is one command of a page.
type PageCommand struct {
	Text   string           // as the page prints it
	Run    string           // what is typed for it: names filled in
	At     string           // server, client, client-root or router
	Prints []*regexp.Regexp // all must match what it prints; none: it must end with 0
	Not    string           // why it is not executed; "" where it is
}

// ReadPages reads pages.txt:
//
//	== CAUSE CASE      a page and the case in which its commands are executed; CASE is - where there is none
//	$ COMMAND          as the page prints it
//	= COMMAND          what is typed instead, where the page has a name to fill in
//	@ PLACE            where (default: server, or client for a page that the client's side shows)
//	> REGEXP           it prints this; without any such line it ends with 0
//	! REASON           it is not executed, for this reason
//	login              after all this the login works
func ReadPages(path string) ([]Page, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []Page
	for i, line := range strings.Split(string(data), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := pageLine(&all, line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
	}
	return all, nil
}

func pageLine(all *[]Page, line string) error {
	mark, rest, _ := strings.Cut(line, " ")
	if mark == "==" {
		f := strings.Fields(rest)
		if len(f) != 2 {
			return fmt.Errorf("want == CAUSE CASE")
		}
		*all = append(*all, Page{Cause: f[0], Case: strings.TrimPrefix(f[1], "-")})
		return nil
	}
	if len(*all) == 0 {
		return fmt.Errorf("%q stands before any page", line)
	}
	p := &(*all)[len(*all)-1]
	if mark == "$" {
		cmd := PageCommand{Text: rest, Run: strings.NewReplacer("HOST", "server").Replace(rest), At: "server"}
		if c, ok := catalog.Get(p.Cause); ok && c.Seen == "client" {
			cmd.At = "client"
		}
		p.Commands = append(p.Commands, cmd)
		return nil
	}
	if mark == "login" {
		p.Login = true
		return nil
	}
	if len(p.Commands) == 0 {
		return fmt.Errorf("%q stands before any command", line)
	}
	c := &p.Commands[len(p.Commands)-1]
	switch mark {
	case "=":
		c.Run = rest
	case "@":
		c.At = rest
	case "!":
		c.Not = rest
	case ">":
		re, err := regexp.Compile("(?m)" + rest)
		if err != nil {
			return err
		}
		c.Prints = append(c.Prints, re)
	default:
		return fmt.Errorf("no mark %q", mark)
	}
	return nil
}

// pageCommands are the commands that a page of the catalogue prints, in order.
func pageCommands(body string) (commands []string) {
	for line := range strings.Lines(body) {
		if cmd, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "    "); ok {
			commands = append(commands, cmd)
		}
	}
	return commands
}

// strays compares pages.txt with the catalogue: what is missing in either.
func strays(pages []Page) (bad []string) {
	told := map[string][]string{}
	for _, p := range pages {
		for _, c := range p.Commands {
			told[p.Cause] = append(told[p.Cause], c.Text)
			if c.Not == "" && p.Case == "" {
				bad = append(bad, fmt.Sprintf("%s: %q is to be executed, but there is no case", p.Cause, c.Text))
			}
		}
	}
	for _, c := range catalog.All() {
		have := pageCommands(c.Body)
		for _, cmd := range have {
			if !slices.Contains(told[c.ID], cmd) {
				bad = append(bad, fmt.Sprintf("%s: its page prints %q, which is not in pages.txt", c.ID, cmd))
			}
		}
		for _, cmd := range told[c.ID] {
			if !slices.Contains(have, cmd) {
				bad = append(bad, fmt.Sprintf("%s: %q in pages.txt is not on its page", c.ID, cmd))
			}
		}
		delete(told, c.ID)
	}
	for id := range told {
		bad = append(bad, fmt.Sprintf("%s is no cause", id))
	}
	slices.Sort(bad)
	return bad
}
