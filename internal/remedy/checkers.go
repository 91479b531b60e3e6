package remedy

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sshwhy/internal/proc"
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
		return checkSSHD(ctx, s, path, oldText, newText)
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
	dir, err := os.MkdirTemp("", "sshwhy-check-")
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

// checkSSHD lets sshd -t read the configuration as it will be: the main file
// and what it includes are copied into a private directory, with path replaced
// by its new content and the Include lines pointing at the copies.
//
// A file that is still refused for another line than the edited ones is
// accepted where the old one was refused too: it is no worse, the server is
// not made to read it, and the next round of the fix mends the rest.
func checkSSHD(ctx context.Context, s *System, path, oldText, newText string) error {
	before, err := sshdSays(ctx, s, path, oldText)
	if err != nil {
		return err
	}
	after, err := sshdSays(ctx, s, path, newText)
	if err != nil {
		return err
	}
	if len(after) == 0 {
		return nil
	}
	if len(before) > 0 && !slices.ContainsFunc(after, func(a string) bool {
		return slices.ContainsFunc(before, func(b string) bool { return position(a) == position(b) })
	}) {
		return nil
	}
	return fmt.Errorf("sshd -t: %s", strings.Join(after, "; "))
}

// position is the part of a complaint that says where: sshd writes
// "FILE: line N: …" and "FILE line N: …".
func position(complaint string) string {
	at, rest, ok := strings.Cut(complaint, "line ")
	if !ok {
		return complaint
	}
	n := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if n < 0 {
		n = len(rest)
	}
	return strings.TrimRight(at, ": ") + ":" + rest[:n]
}

// sshdConfig is the main configuration of sshd, which names its parts.
const sshdConfig = "/etc/ssh/sshd_config"

// sshdSays returns sshd's complaints about the configuration with one file's
// content replaced; none is a valid configuration.
func sshdSays(ctx context.Context, s *System, path, text string) ([]string, error) {
	dir, err := os.MkdirTemp("", "sshwhy-check-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	sh := shadow{dir: dir, replace: path, text: text, copies: map[string]string{}}
	main := path
	if !isMain(path) {
		main = sshdConfig
	}
	trial, err := sh.copy(main, 0)
	if err != nil {
		return nil, err
	}
	sshd, err := proc.Find("sshd")
	if err != nil {
		return nil, fmt.Errorf("sshd is not installed, so its configuration cannot be checked")
	}
	r := s.ask(ctx, sshd, "-t", "-f", trial)
	if r.Code == 0 {
		return nil, nil
	}
	return sh.complaints(r.Output), nil
}

// isMain says whether a file is an sshd_config and not a part of one.
func isMain(path string) bool {
	return !strings.Contains(path, ".d/")
}

// shadow copies a configuration and what it includes.
type shadow struct {
	dir           string
	replace, text string
	copies        map[string]string // copy by original
}

// maxIncludeDepth is sshd's own limit (servconf.c, SERVCONF_MAX_DEPTH).
const maxIncludeDepth = 16

func (sh *shadow) copy(path string, depth int) (string, error) {
	if have, ok := sh.copies[path]; ok {
		return have, nil
	}
	if depth > maxIncludeDepth {
		return "", fmt.Errorf("%s: too many levels of Include", path)
	}
	text := sh.text
	real, err := filepath.EvalSymlinks(path)
	if path != sh.replace && (err != nil || real != sh.replace) {
		data, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		text = string(data)
	}
	to := filepath.Join(sh.dir, fmt.Sprintf("%03d-%s", len(sh.copies), filepath.Base(path)))
	sh.copies[path] = to
	var out bytes.Buffer
	for line := range strings.SplitAfterSeq(text, "\n") {
		if strings.EqualFold(keyword(line), "include") {
			if line, err = sh.include(line, depth); err != nil {
				return "", err
			}
		}
		out.WriteString(line)
	}
	return to, os.WriteFile(to, out.Bytes(), 0o600)
}

// include rewrites one Include line to the copies of what it names now;
// relative names are below /etc/ssh (sshd_config(5)).
func (sh *shadow) include(line string, depth int) (string, error) {
	args := strings.Fields(arguments(line))
	var names []string
	for _, glob := range args {
		glob = strings.Trim(glob, `"`)
		if strings.HasPrefix(glob, "#") {
			break
		}
		if !filepath.IsAbs(glob) {
			glob = filepath.Join("/etc/ssh", glob)
		}
		found, err := filepath.Glob(glob)
		if err != nil {
			return line, nil // sshd will say what it thinks of it
		}
		slices.Sort(found)
		for _, f := range found {
			to, err := sh.copy(f, depth+1)
			if err != nil {
				return "", err
			}
			names = append(names, to)
		}
	}
	if len(names) == 0 {
		return "# " + line, nil
	}
	return "Include " + strings.Join(names, " ") + "\n", nil
}

// artefacts are complaints of sshd -t that are not about the configuration:
// the directory that systemd makes when the service starts, and host keys,
// which have steps of their own.
var artefacts = [...]string{
	"missing privilege separation directory", "no hostkeys available", "unable to load host key",
	"could not load host key", "terminating, ", "privilege separation user", "must be owned by root and not group or world-writable",
	"@@@@", "unprotected private key file", "permissions 0", "it is required that your private key", "this private key will be ignored",
}

// complaints are the lines of sshd -t that are about the configuration, with
// the names of the originals.
func (sh *shadow) complaints(output string) []string {
	var out []string
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		low := strings.ToLower(line)
		if line == "" || slices.ContainsFunc(artefacts[:], func(a string) bool { return strings.Contains(low, a) }) {
			continue
		}
		for from, to := range sh.copies {
			line = strings.ReplaceAll(line, to, from)
		}
		out = append(out, line)
	}
	return out
}
