package walk

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"

	"sshwhy/internal/client"
)

// redirecting are the keywords that change where a connection goes.
var redirecting = map[string]bool{
	"hostname": true, "port": true, "user": true, "proxyjump": true, "proxycommand": true,
	"addressfamily": true, "bindaddress": true, "bindinterface": true, "hostkeyalias": true,
}

// maxConfigFile is how much of a configuration file is read for its lines.
const maxConfigFile = 4 << 20

// redirections finds, in the blocks that ssh said it applied, the lines that
// change where the connection goes. ssh names the block, not the line.
func redirections(applied []client.Applied) []client.Applied {
	var out []client.Applied
	for _, a := range applied {
		out = append(out, redirectionsIn(a)...)
	}
	return out
}

// redirectionsIn reads one block: from the line after its Host or Match line,
// or from the top of the file, to the next Host or Match line.
func redirectionsIn(a client.Applied) []client.Applied {
	f, err := os.Open(expandHome(a.File))
	if err != nil {
		return nil
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() || st.Size() > maxConfigFile {
		return nil
	}
	var out []client.Applied
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		if n <= a.Line {
			continue
		}
		text := strings.TrimSpace(lines.Text())
		keyword, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(text, "=", " ")), " ")
		if keyword == "host" || keyword == "match" {
			break
		}
		if redirecting[keyword] {
			out = append(out, client.Applied{File: a.File, Line: n, Text: text})
		}
	}
	return out
}

// expandHome replaces a leading ~/ by the home directory.
func expandHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return path
}
