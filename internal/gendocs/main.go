// Command gendocs writes the man pages and the shell completions into dist/,
// docs/causes.md from the catalogue, and new causes into the list of ids that are
// promised. It runs when a release is built, so
// that the program itself need not carry the generator.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"sshwhy/internal/catalog"
	"sshwhy/internal/cli"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run() error {
	root := cli.Command()
	if err := man(root, "dist/man"); err != nil {
		return err
	}
	if err := completions(root, "dist/completions"); err != nil {
		return err
	}
	if err := os.WriteFile("docs/causes.md", causes(), 0o644); err != nil {
		return err
	}
	ids, err := os.ReadFile(promised)
	if err != nil {
		return err
	}
	return os.WriteFile(promised, promise(ids), 0o644)
}

func man(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	// A fixed date keeps the pages the same from one build to the next.
	date := time.Unix(0, 0).UTC()
	return doc.GenManTree(root, &doc.GenManHeader{Title: "SSHWHY", Section: "1", Source: "sshwhy", Manual: "sshwhy", Date: &date}, dir)
}

func completions(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, gen := range map[string]func(*bytes.Buffer) error{
		"sshwhy.bash": func(b *bytes.Buffer) error { return root.GenBashCompletionV2(b, true) },
		"_sshwhy":     func(b *bytes.Buffer) error { return root.GenZshCompletion(b) },
		"sshwhy.fish": func(b *bytes.Buffer) error { return root.GenFishCompletion(b, true) },
		"sshwhy.ps1":  func(b *bytes.Buffer) error { return root.GenPowerShellCompletionWithDesc(b) },
	} {
		var b bytes.Buffer
		if err := gen(&b); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// causes is the catalogue as one page.
func causes() []byte {
	var b bytes.Buffer
	b.WriteString("# The causes sshwhy can name\n\nMade from `internal/catalog/causes` by `make docs`; `sshwhy causes ID` prints one page.\n")
	stage := ""
	for _, c := range catalog.All() {
		if c.Stage != stage {
			stage = c.Stage
			fmt.Fprintf(&b, "\n## Stage %s\n", stage)
		}
		fmt.Fprintf(&b, "\n### %s\n\n*%s* Seen from: %s. Remedy: %s.\n\n", c.ID, strings.TrimSuffix(c.Title, ".")+".", c.Seen, c.Remedy)
		b.WriteString(strings.ReplaceAll(c.Body, "## ", "#### "))
	}
	return b.Bytes()
}

// promised is the list of ids that no release may lose. TestPromise of the
// catalogue reads it.
const promised = "internal/catalog/testdata/ids.txt"

// promise adds the ids it lacks to the list. It takes none out.
func promise(list []byte) []byte {
	head, ids, _ := strings.Cut(string(list), "\n")
	all := strings.Fields(ids)
	for _, c := range catalog.All() {
		all = append(all, c.ID)
	}
	slices.Sort(all)
	return []byte(head + "\n" + strings.Join(slices.Compact(all), "\n") + "\n")
}
