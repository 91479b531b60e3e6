package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"sshwhy/internal/logs"
	"sshwhy/internal/render"
)

// pollEvery is how often a file is looked at for more; a person does not notice.
const pollEvery = 250 * time.Millisecond

// follow prints what each new line of a log means, until it is interrupted or
// standard input ends. A file is followed from its end, through rotation.
func (a *app) follow(ctx context.Context, in io.Reader, opt logs.Options) error {
	src := in
	if opt.Source != "" {
		t := &tail{ctx: ctx, path: opt.Source, f: in.(*os.File)}
		defer t.close()
		if _, err := t.f.Seek(0, io.SeekEnd); err != nil {
			return usage("-f follows a file or standard input", "cannot follow %s: %s", opt.Source, err)
		}
		src = t
	}
	br := bufio.NewReaderSize(src, 64<<10)
	for {
		line, err := br.ReadSlice('\n')
		if ev, ok := logs.Line(line); ok && a.concerns(&ev, opt) {
			if perr := a.printEvent(&ev, strings.TrimRight(string(line), "\r\n")); perr != nil {
				return perr
			}
		}
		switch {
		case err == nil, errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF), ctx.Err() != nil:
			return nil
		default:
			return err
		}
	}
}

// concerns reports whether an event is to be shown.
func (a *app) concerns(ev *logs.Event, opt logs.Options) bool {
	return (!ev.End || a.verb > 0) && (!opt.Client.IsValid() || ev.Addr == opt.Client.String())
}

func (a *app) printEvent(ev *logs.Event, line string) error {
	line = withoutSecrets(line)
	if a.json {
		return render.Line(a.Out, map[string]string{"cause": ev.Cause, "summary": ev.Summary, "address": ev.Addr, "user": ev.User, "line": line}, withoutSecrets)
	}
	name := ev.Cause
	if name == "" {
		name = "accepted"
	}
	_, err := fmt.Fprintf(a.Out, "%-22s %s\n%22s %s\n", name, safe(ev.Summary), "", safe(line))
	return err
}

// A tail reads a file that grows. When the file at its path is another one
// (rotated) or shorter than what was read (truncated), it begins anew there.
type tail struct {
	ctx  context.Context
	path string
	f    *os.File
	mine bool // f was opened here and is closed here
}

func (t *tail) Read(p []byte) (int, error) {
	for {
		n, err := t.f.Read(p)
		if n > 0 || err != nil && err != io.EOF {
			return n, err
		}
		select {
		case <-t.ctx.Done():
			return 0, io.EOF
		case <-time.After(pollEvery):
		}
		t.reopen()
	}
}

// reopen follows the path where the file there is not the one being read, or was cut.
func (t *tail) reopen() {
	now, err := os.Stat(t.path)
	if err != nil {
		return // between two files of a rotation
	}
	open, err := t.f.Stat()
	if err != nil {
		return
	}
	if os.SameFile(now, open) {
		if at, err := t.f.Seek(0, io.SeekCurrent); err == nil && now.Size() < at {
			_, _ = t.f.Seek(0, io.SeekStart) // truncated; a failure shows at the next read
		}
		return
	}
	f, err := os.Open(t.path)
	if err != nil {
		return
	}
	t.close()
	t.f, t.mine = f, true
}

func (t *tail) close() {
	if t.mine {
		t.f.Close()
	}
}
