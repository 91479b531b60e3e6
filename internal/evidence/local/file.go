package local

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"

	"sshwhy/internal/evidence"
)

// eyes find a path. What is said of it and what is read of it come from one
// descriptor, so that nobody can put something else in its place in between.
type eyes interface {
	// find opens nothing for reading and follows links as far as it may. Link is the
	// metadata of the path itself where that is a symbolic link, also beside an error.
	find(path string) (p *place, link *evidence.Meta, err error)
}

// refusal is what eyes will not look at, and why.
type refusal string

func (r refusal) Error() string { return string(r) }

// lookFile reads a file. Only regular files are read (those of /proc and /sys
// are regular): opening a FIFO would wait for a writer, and reading a device can
// have effects.
func lookFile(ctx context.Context, e eyes, it evidence.Item) evidence.Result {
	p, r := look1(e, it)
	if p == nil {
		return r
	}
	defer p.close()
	if r.Meta.Type != "file" {
		r.Status, r.Reason, r.Exit = evidence.Failed, "not a regular file but a "+r.Meta.Type, -1
		return r
	}
	f, err := p.open()
	if err != nil {
		if p.link != nil { // who may not read it learns no more than that the link is there
			r.Meta = p.link
		}
		return because(r, err)
	}
	defer f.Close()
	if limit, ok := ctx.Deadline(); ok {
		_ = f.SetReadDeadline(limit) // only for files that can wait, such as /proc/kmsg
	}
	data, err := io.ReadAll(io.LimitReader(f, int64(it.Limit())+1))
	if len(data) > it.Limit() {
		data, r.Truncated = data[:it.Limit()], true
	}
	r.Data = data
	if err != nil {
		return because(r, err)
	}
	return r
}

// lookStat reads the metadata of the path, symbolic links followed. Of a link
// that leads nowhere it is the metadata of the link itself, with status Absent.
func lookStat(e eyes, it evidence.Item) evidence.Result {
	p, r := look1(e, it)
	if p != nil {
		p.close()
	}
	return r
}

// look1 finds the item's path. The place is nil where the result is not Known.
func look1(e eyes, it evidence.Item) (*place, evidence.Result) {
	if !filepath.IsAbs(it.Path) {
		return nil, failed("not an absolute path")
	}
	p, link, err := e.find(it.Path)
	if err != nil {
		return nil, because(evidence.Result{Meta: link}, err)
	}
	p.link = link
	return p, evidence.Result{Status: evidence.Known, Meta: p.metaWith(link)}
}

// metaWith is the metadata of what was found, and of the link that led there its target.
func (p *place) metaWith(link *evidence.Meta) *evidence.Meta {
	m := p.meta
	if link != nil {
		m.Link = link.Link
	}
	return &m
}

// metaOf is the metadata of a path; beside an error that of the link, if it is one.
func metaOf(e eyes, path string) (*evidence.Meta, error) {
	p, link, err := e.find(path)
	if err != nil {
		return link, err
	}
	defer p.close()
	return p.metaWith(link), nil
}

// because turns r into what err says: not there, not allowed, or gone wrong.
func because(r evidence.Result, err error) evidence.Result {
	r.Status, r.Reason, r.Exit = statusOf(err), reasonOf(err), -1
	if r.Status == evidence.Absent && r.Meta != nil && r.Meta.Link != "" {
		r.Reason = "a symbolic link to " + r.Meta.Link + ", which does not exist"
	}
	return r
}

func statusOf(err error) evidence.Status {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return evidence.Absent
	case errors.Is(err, fs.ErrPermission):
		return evidence.Denied
	}
	return evidence.Failed
}

// reasonOf is the error's text without the call and the path, which the item names.
func reasonOf(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}

// failed is the result of what was not looked at, or went wrong.
func failed(reason string) evidence.Result {
	return evidence.Result{Status: evidence.Failed, Reason: reason, Exit: -1}
}
