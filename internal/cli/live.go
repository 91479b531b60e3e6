package cli

import (
	"fmt"
	"sync"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

// liveLine is the one line on standard error that says what is being waited
// for. It is there only where a person looks on: a terminal, and no JSON.
type liveLine struct {
	mu    sync.Mutex
	a     *app
	on    bool
	drawn bool
	width int
}

func (a *app) liveLine() *liveLine {
	fd := int(a.Err.Fd())
	l := &liveLine{a: a, on: term.IsTerminal(fd) && !a.json && a.Env("TERM") != "dumb", width: 80}
	if w, _, err := term.GetSize(fd); l.on && err == nil && w > 0 {
		l.width = w
	}
	return l
}

// show replaces the line.
func (l *liveLine) show(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.on {
		return
	}
	l.drawn = true
	fmt.Fprint(l.a.Err, "\r\x1b[K"+ansi.Truncate(safe(text), l.width-1, "…"))
}

// showOne shows the first of several texts that fits the terminal as it is now.
func (l *liveLine) showOne(texts ...string) {
	if w, _, err := term.GetSize(int(l.a.Err.Fd())); err == nil && w > 0 {
		l.width = w
	}
	for _, text := range texts {
		if ansi.StringWidth(text) < l.width || text == texts[len(texts)-1] {
			l.show(text)
			return
		}
	}
}

// clear takes the line away before the report is printed.
func (l *liveLine) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.drawn {
		fmt.Fprint(l.a.Err, "\r\x1b[K")
	}
	l.on, l.drawn = false, false
}

// pause takes the line away for a while: the next show draws it again.
func (l *liveLine) pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.drawn {
		fmt.Fprint(l.a.Err, "\r\x1b[K")
	}
	l.drawn = false
}
