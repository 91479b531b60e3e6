package explain

import "testing"

// TestToUTF8: both byte orders, a character of two units, and what is cut anywhere.
func TestToUTF8(t *testing.T) {
	for in, want := range map[string]string{
		"plain \xff\xfe":                        "plain \xff\xfe",
		"\xff\xfes\x00s\x00h\x00":               "ssh",
		"\xfe\xff\x00s\x00s\x00h":               "ssh",
		"\xff\xfe\xfc\x00\x3d\xd8\x11\xdd!\x00": "ü🔑!",
		"\xfe\xff\x00\xfc\xd8\x3d\xdd\x11\x00!": "ü🔑!",
		"\xff\xfes\x00s":                        "s",
		"\xff\xfes\x00\x3d\xd8":                 "s\ufffd",
		"\xff\xfe":                              "",
		"\xff\xfe\x3d":                          "",
	} {
		if got := toUTF8([]byte(in)); got != want {
			t.Errorf("% x: %q, want %q", in, got, want)
		}
	}
}
