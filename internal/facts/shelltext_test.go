package facts

import (
	"fmt"
	"strings"
	"testing"
)

// debianBashrc is the head of /etc/skel/.bashrc, debianProfile what /etc/profile does.
const (
	debianBashrc = `# ~/.bashrc: executed by bash(1) for non-login shells.

# If not running interactively, don't do anything
case $- in
    *i*) ;;
      *) return;;
esac

HISTCONTROL=ignoreboth
[ -x /usr/bin/lesspipe ] && eval "$(SHELL=/bin/sh lesspipe)"
case "$TERM" in
    xterm-color|*-256color) color_prompt=yes;;
esac
if [ -n "$force_color_prompt" ]; then
    if [ -x /usr/bin/tput ] && tput setaf 1 >&/dev/null; then
	color_prompt=yes
    else
	color_prompt=
    fi
fi
alias ll='ls -alF'
alias alert='notify-send --urgency=low "$(history|tail -n1|sed -e '\''s/^\s*[0-9]\+\s*//;s/[;&|]\s*alert$//'\'')"'
`
	debianProfile = `if [ "$(id -u)" -eq 0 ]; then
  PATH="/usr/local/sbin:/usr/local/bin"
fi
if [ -d /etc/profile.d ]; then
  for i in /etc/profile.d/*.sh; do
    if [ -r $i ]; then
      . $i
    fi
  done
  unset i
fi
`
)

func TestTopCommands(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"plain", "echo a\nexit 1\n", "1 echo a|2 exit 1"},
		{"a condition", "if true; then exit; fi\nexec zsh", "2 exec zsh"},
		{"a list", "[ -x /bin/fish ] && exec fish\ntrue || exit\nexit | cat\nexit 2", "4 exit 2"},
		{"a function", "leave() { exit; }\nstay () {\nexit\n}\nfunction go {\nexit\n}\necho x", "8 echo x"},
		{"a subshell", "(exit 1)\n{ exit 2; }\n$(exit 3)\necho `exit 4`", "3 $(exit 3)|4 echo `exit 4`"},
		{"a loop", "while true; do exit; done\nfor x in a b; do exit; done", ""},
		{"quotes", "echo 'exit\nexit' # exit\n\"exit\"\n\\exit", "1 echo 'exit\nexit'|3 \"exit\"|4 \\exit"},
		{"a here-document", "cat <<EOF\nexit\nEOF\nexit 3", "1 cat <<EOF|4 exit 3"},
		{"a line that goes on", "echo \\\nexit\nexit 2>&1", "1 echo exit|3 exit 2>&1"},
		{"in the background", "sleep infinity &\nwait", "1 sleep infinity|2 wait"},
		{"not understood", "if true\nexit 1", ""},
		{"Debian's .bashrc", debianBashrc + "exit", ""},
		{"Debian's profile", debianProfile + "exit", "12 exit"},
	} {
		var got []string
		for _, cmd := range topCommands(c.text) {
			if w := strings.Join(cmd.words, " "); !strings.Contains(c.name, "Debian") || w == "exit" {
				got = append(got, fmt.Sprintf("%d %s", cmd.line, w))
			}
		}
		want := c.want
		if c.name == "Debian's .bashrc" {
			want = fmt.Sprintf("%d exit", strings.Count(debianBashrc, "\n")+1)
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%s: %q, want %q", c.name, strings.Join(got, "|"), want)
		}
	}
}

func FuzzTopCommands(f *testing.F) {
	f.Add(debianBashrc + debianProfile)
	f.Add("a(){ b;}\ncase x in (y) exit;; esac\ncat <<'E'\nE\n$(a ${b})")
	f.Fuzz(func(t *testing.T, text string) {
		for _, cmd := range topCommands(text) {
			if len(cmd.words) == 0 || cmd.line < 1 || cmd.line > strings.Count(text, "\n")+1 {
				t.Errorf("%+v", cmd)
			}
		}
		word, rest := shellWord(text)
		if len(word)+len(rest) > len(text) {
			t.Errorf("%q and %q of %q", word, rest, text)
		}
	})
}

func TestShellWord(t *testing.T) {
	for text, want := range map[string]string{
		"/usr/local/bin/menu --all": "/usr/local/bin/menu", "'/opt/my menu' x": "/opt/my menu", `"/opt/menu"`: "/opt/menu",
		"X=1 /bin/true": "", "$HOME/menu": "", "a'b'": "", "exec /bin/x": "exec", "/bin/a;b": "/bin/a", "": "", "'open": "",
	} {
		if got, _ := shellWord(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
