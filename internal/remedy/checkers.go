package remedy

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sshwhy/internal/report"
)

// checkContent asks the program that reads a file whether it accepts the new
// content, before that takes the file's place.
func checkContent(ctx context.Context, s *System, by report.Checker, path, oldText, newText string) error {
	var argv []string
	switch by {
	case report.CheckNone:
		return nil
	case report.CheckSSHD:
		return checkSSHD(ctx, path, oldText, newText)
	case report.CheckIPTables:
		return s.feed(ctx, []byte(newText), "iptables-restore", "--test").err()
	case report.CheckIP6Table:
		return s.feed(ctx, []byte(newText), "ip6tables-restore", "--test").err()
	case report.CheckNft:
		argv = []string{"nft", "-c", "-f"}
	case report.CheckSSH:
		argv = []string{"ssh", "-G", "-F"}
	case report.CheckKnown:
		argv = []string{"ssh-keygen", "-l", "-f"}
	default:
		return fmt.Errorf("unknown checker %q", by)
	}
	dir, err := os.MkdirTemp(checkDir, "sshwhy-check-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	trial := filepath.Join(dir, filepath.Base(path))
	if err := os.WriteFile(trial, []byte(newText), 0o600); err != nil {
		return err
	}
	argv = append(argv, trial)
	if by == report.CheckSSH {
		argv = append(argv, "sshwhy.invalid")
	}
	if by == report.CheckKnown && strings.TrimSpace(newText) == "" {
		return nil // ssh-keygen -l complains of an empty file, ssh does not
	}
	r := s.ask(ctx, argv...)
	r.Output = strings.ReplaceAll(r.Output, trial, path)
	return r.err()
}

// checkSSHD lets sshd read the configuration as it will be: the main file
// and what it includes are copied into a private directory, with path replaced
// by its new content and the Include lines pointing at the copies.
//
// A file that is still refused for another line than the edited ones is
// accepted where the old one was refused too: it is no worse, the server is
// not made to read it, and the next round of the fix mends the rest.
func checkSSHD(ctx context.Context, path, oldText, newText string) error {
	before, err := sshdSays(ctx, path, changes{path: &oldText})
	if err != nil {
		return err
	}
	after, err := sshdSays(ctx, path, changes{path: &newText})
	if err != nil {
		return err
	}
	edited := differing(oldText, newText)
	if len(after) == 0 || len(before) > 0 && !slices.ContainsFunc(after, func(said string) bool {
		p, placed := positionIn(said)
		return placed && p.file == realPath(path) && edited(p.line) || !placed && slices.Contains(before, said)
	}) {
		return nil
	}
	return fmt.Errorf("sshd -t: %s", strings.Join(after, "; "))
}

// differing says which lines two texts differ in; where they have not the same
// number of lines, it may be any.
func differing(a, b string) func(line int) bool {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	return func(line int) bool {
		return len(x) != len(y) || line < 1 || line > len(x) || x[line-1] != y[line-1]
	}
}

// sshdSays returns sshd's complaints about the configuration that a file is a
// part of, with changes; none is a valid configuration.
func sshdSays(ctx context.Context, path string, changed changes) ([]string, error) {
	j, err := newSSHDJudge(path, changed)
	if err != nil {
		return nil, err
	}
	defer j.close()
	sh := shadow{changed: changed}
	if err := sh.of(j.main); err != nil {
		return nil, err
	}
	a, err := j.ask(ctx, &sh)
	if err != nil || a.ok {
		return nil, err
	}
	return complaints(sh.originals(j.dir, a.said)), nil
}

// artefacts are complaints of sshd -t that are not about the configuration:
// the directory that systemd makes when the service starts, and host keys,
// which have steps of their own.
var artefacts = [...]string{
	"missing privilege separation directory", "no hostkeys available", "unable to load host key",
	"could not load host key", "terminating, ", "privilege separation user", "must be owned by root and not group or world-writable",
	"@@@@", "unprotected private key file", "permissions 0", "it is required that your private key", "this private key will be ignored",
}

// complaints are the lines of what sshd said that are about the configuration.
func complaints(said string) []string {
	var out []string
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		low := strings.ToLower(line)
		if line != "" && !slices.ContainsFunc(artefacts[:], func(a string) bool { return strings.Contains(low, a) }) {
			out = append(out, line)
		}
	}
	return out
}
