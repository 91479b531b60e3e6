package via

import (
	"bufio"
	"errors"
	"strings"
	"testing"

	"sshwhy/internal/evidence"
	"sshwhy/internal/evidence/shell"
)

// FuzzFrames: whatever the far side prints, it ends, and only items that were
// asked for get a result.
func FuzzFrames(f *testing.F) {
	f.Add("\n@n b 0\n@n m 81a0 0 0 5 1\n@n o\nYQ==\n@n .\n@n end\n")
	f.Add("motd $ @n b 1\r\n@n b 5\r\n@n .\r\n@n b -1\n@n end")
	f.Add("@n b 0\n@n o\n" + strings.Repeat("x", 3*longestLine) + "\n@n .\n@n end\n")
	f.Fuzz(func(t *testing.T, text string) {
		s := &session{nonce: "n", lines: bufio.NewReaderSize(strings.NewReader(text), longestLine)}
		round := []evidence.Item{evidence.File("/a").AtMost(10), evidence.Command("b").AtMost(10)}
		err := s.frames("end", []int{1 << 10, 1 << 10}, func(i int, sections []shell.Section) {
			r := shell.Decode(round[i].Kind, round[i].Limit(), sections, false)
			if r.Status == "" || r.Status == evidence.Skipped {
				t.Errorf("status %q", r.Status)
			}
		})
		if err != nil && !errors.Is(err, errEnded) {
			t.Error(err)
		}
	})
}
