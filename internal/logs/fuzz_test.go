package logs

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
)

func FuzzSummarize(f *testing.F) {
	f.Add([]byte(smallLog), true)
	f.Add([]byte("__CURSOR=x\nMESSAGE\n\x01\x00\x00\x00\x00\x00\x00\x00a\n\n"), false)
	f.Add([]byte(`{"MESSAGE":"x","SYSLOG_IDENTIFIER":"sshd"}`), false)
	f.Add([]byte("\x1f\x8b\x08\x00"), false)
	f.Fuzz(func(t *testing.T, log []byte, client bool) {
		opt := Options{}
		if client {
			opt.Client = netip.MustParseAddr("203.0.113.5")
		}
		s, err := Summarize(bytes.NewReader(log), opt)
		if err != nil || s == nil {
			return
		}
		var sum int64
		for _, c := range s.Causes {
			sum += c.Count
			if c.Count < 1 {
				t.Errorf("%s is counted %d times", c.Cause, c.Count)
			}
		}
		if r := s.Report(opt); r.Headline == "" {
			t.Error("no headline")
		}
		if s.Server > s.Lines {
			t.Error(fmt.Sprint(s.Server, " lines of the server among ", s.Lines))
		}
	})
}
