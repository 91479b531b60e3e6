package render

import (
	"fmt"

	"sshwhy/internal/report"
)

// What is told behind the findings: the visitor's tries, what stands against
// calling it fine, and what would show it.

// lastEvents is how much of the visitor's story is shown without -v.
const lastEvents = 3

// timeline tells the end of the visitor's story; with -v all of it.
func (p *page) timeline(r *report.Report) {
	events := r.Timeline
	if len(events) == 0 {
		return
	}
	p.heading("What the log tells of the visitor")
	if left := len(events) - lastEvents; left > 0 && p.opt.Verbose == 0 {
		events = events[left:]
		p.item(p.dot(), fmt.Sprintf("(%d earlier lines: -v)", left))
	}
	for _, e := range events {
		p.item(p.dot(), Safe(e.At)+" "+Safe(e.Meaning)+": "+Safe(e.Excerpt))
	}
}

// next is the command that would show what was not shown.
func (p *page) next(r *report.Report) {
	if r.Next == nil {
		return
	}
	where := "here"
	if r.Next.Where == report.OnClient {
		where = "from where the visitor is"
	}
	title := "What would show it, " + where
	if r.Side == report.SideText {
		title = "What to paste next, from the " + r.Next.Where
	}
	p.heading(title)
	p.command(r.Next.Do)
}

// incomplete lists what could not be looked at; never left out.
func (p *page) incomplete(r *report.Report) {
	if len(r.Incomplete) == 0 {
		return
	}
	if r.Side == report.SideServer && r.Verdict == report.VerdictUnknown {
		p.heading("What stands against calling it fine")
	} else {
		p.heading("Could not look at")
	}
	for _, in := range r.Incomplete {
		p.item("?", Safe(in.Check)+": "+Safe(in.Reason))
	}
}
