package server

import "testing"

func TestTimeList(t *testing.T) {
	for list, want := range map[string]bool{
		"*": true, "sshd": true, "login|sshd": true, "!sshd": false, "!login": true, "ss*": true, "*d": true,
		"login": false, "": false, "sshd&!login": true, "*&!sshd": false, "login | sshd": true,
	} {
		if got := timeList(list, "sshd"); got != want {
			t.Errorf("%q: %v", list, got)
		}
	}
}
