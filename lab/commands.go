//go:build linux

package lab

import (
	"os"
	"path/filepath"
	"strings"
)

// Commands writes the programs server, router, client and client-root into a
// directory of the world and returns it: each runs its arguments at that place, or a
// shell where there are none. They are for people and other tools.
func (w *World) Commands() (dir string, err error) {
	dir = filepath.Join(w.dir, "bin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	tools := w.tools
	if tools == "" {
		tools = "/nonexistent"
	}
	inPlace := func(place, become string) string {
		enter := strings.Join(quoted(cleanEnv("LAB_TOOLS="+tools, "nsenter", "--net=/run/netns/"+w.netns(place),
			"unshare", "--mount", "--propagation", "private", "sh", "-ec", w.mounts()+`cd /; PATH="$LAB_TOOLS:$PATH"; unset LAB_TOOLS OLDPWD; exec "$@"`, "lab")), " ")
		return enter + " " + become
	}
	scripts := map[string]string{
		"server":      strings.Join(append(w.door(), cleanEnv("TERM=${TERM:-dumb}")...), " "),
		"router":      inPlace("router", ""),
		"client-root": inPlace("client", ""),
		"client":      inPlace("client", strings.Join(asCarol(nil), " ")),
	}
	for name, text := range scripts {
		text = "#!/bin/sh\n[ $# -gt 0 ] || set -- sh\nexec " + text + ` "$@"` + "\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// quoted puts every word between single quotes for a shell.
func quoted(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return out
}
