package local

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"sshwhy/internal/evidence"
	"sshwhy/internal/proc"
)

// What belongs to a user is looked at by a child of this program that has his
// rights and nothing of ours: no descriptors, no environment, no terminal. It
// gets the items of one round as JSON on its standard input, and answers with a
// line of JSON for each. No thread of ours touches his paths, so that one which
// never comes back (a dead mount) does not keep us from ending.
//
// The child belongs to the user, who may stop it, read it or put words into its
// mouth: what it says is his, bounded, and checked for its form.

// serveFlag is the argument that makes the program such a child. It looks like an
// option that nothing has, so that a program which does not know it refuses it.
const serveFlag = "--look-as-a-user"

// childGrace is how much longer than its slowest item a child may take: to start
// on a busy machine.
const childGrace = 2 * time.Second

// mostAnswer bounds what one child may say, in bytes.
const mostAnswer = 64 << 20

// atOnce is how many items a child looks at at once: one that hangs keeps its place.
const atOnce = 64

// question is one item, on its way to the child. Names need not be text.
type question struct {
	Kind    evidence.Kind `json:"kind"`
	Path    []byte        `json:"path"`
	Timeout time.Duration `json:"timeout"`
	Cap     int           `json:"cap"`
}

// answer is the result for the question of that number.
type answer struct {
	Number    int             `json:"number"`
	Status    evidence.Status `json:"status"`
	Reason    string          `json:"reason"`
	Data      []byte          `json:"data"`
	Truncated bool            `json:"truncated"`
	Meta      *answerMeta     `json:"meta"`
	Matches   []answerMatch   `json:"matches"`
}

type answerMeta struct {
	evidence.Meta
	Link []byte `json:"link"`
}

type answerMatch struct {
	Path []byte     `json:"path"`
	Meta answerMeta `json:"meta"`
}

// lookAs looks at the items, all of one user's and none of them a command, as that user.
func lookAs(ctx context.Context, items []evidence.Item) []evidence.Result {
	u := items[0].As
	results := make([]evidence.Result, len(items))
	if !childServes && credential(u) == nil { // nothing but ourselves can look as ourselves
		each(atOnce, len(items), func(i int) { results[i] = look(ctx, usersEyes{ownEyes()}, items[i]) })
		return results
	}
	questions := make([]question, len(items))
	room, slowest := 1<<16, time.Duration(0)
	for i, it := range items {
		results[i] = failed("could not look as " + u.Name + ": no answer came")
		questions[i] = question{it.Kind, []byte(it.Path), it.TimeLimit(), it.Limit()}
		room += answerRoom(it)
		slowest = max(slowest, it.TimeLimit())
	}
	in, err := json.Marshal(questions)
	if err != nil {
		return results
	}
	r := runSelf(ctx, proc.Command{
		Args: []string{"sshwhy", serveFlag}, As: credential(u), Env: []string{}, Stdin: in,
		Limit: slowest + childGrace, Cap: min(room, mostAnswer),
	})
	if why := notServed(r); why != "" {
		for i := range results {
			results[i] = failed("could not look as " + u.Name + ": " + why)
		}
	}
	for line := range bytes.Lines(r.Out) {
		var a answer
		if json.Unmarshal(line, &a) == nil && a.Number >= 0 && a.Number < len(items) {
			results[a.Number] = a.result(items[a.Number])
		}
	}
	return results
}

// answerRoom is how long the answer for an item may be, in bytes of JSON.
func answerRoom(it evidence.Item) int {
	const name = 8 << 10 // the longest path, in base64
	switch it.Kind {
	case evidence.KindFile:
		return 2*it.Limit() + 2*name
	case evidence.KindGlob:
		return 8 << 20
	}
	return 2 * name
}

// notServed is why a child may have left questions open; "" where it ended well.
func notServed(r proc.Result) string {
	switch {
	case r.OK():
		return ""
	case r.Ending == proc.TimedOut && r.Stuck:
		return "no answer came in time; it hangs in the kernel (a dead mount?)"
	case r.Ending == proc.TimedOut:
		return "no answer came in time"
	case r.Why != nil:
		return reasonOf(r.Why)
	case r.Ending == proc.Exited:
		return fmt.Sprintf("the program that looks ended with status %d", r.Exit)
	}
	return "the program that looks was ended"
}

// credential is what a program has to take on to be the user; nil where it need
// not, or where we could not give it: only root can become somebody else.
func credential(u *evidence.User) *proc.Credential {
	if u == nil || u.UID == 0 || os.Geteuid() != 0 {
		return nil
	}
	return &proc.Credential{UID: u.UID, GID: u.GID, Groups: slices.Clone(u.Groups)}
}

// result is what the answer says about an item, if it can be an answer to that.
func (a answer) result(it evidence.Item) evidence.Result {
	r := evidence.Result{Status: a.Status, Reason: strings.ToValidUTF8(a.Reason, "\ufffd"), Truncated: a.Truncated}
	if a.Meta != nil {
		m := a.Meta.meta()
		r.Meta = &m
	}
	if it.Kind == evidence.KindFile {
		r.Data = a.Data
	}
	if it.Kind == evidence.KindGlob {
		for _, m := range a.Matches {
			r.Matches = append(r.Matches, evidence.Match{Path: string(m.Path), Meta: m.Meta.meta()})
		}
	}
	if r.Status != evidence.Known {
		r.Exit = -1
	}
	if !sound(it, r) {
		return failed("could not look as " + it.As.Name + ": what came back makes no sense")
	}
	return r
}

func (m answerMeta) meta() evidence.Meta {
	out := m.Meta
	out.Link = string(m.Link)
	return out
}

// sound reports whether r can be what one gets by looking at the item.
func sound(it evidence.Item, r evidence.Result) bool {
	types := []string{"file", "dir", "link", "socket", "fifo", "device"}
	statuses := []evidence.Status{evidence.Known, evidence.Absent, evidence.Denied, evidence.Failed}
	switch {
	case !slices.Contains(statuses, r.Status), (r.Status == evidence.Known) != (r.Reason == ""), len(r.Reason) > 8<<10:
		return false
	case r.Meta != nil && !slices.Contains(types, r.Meta.Type), len(r.Data) > it.Limit(), len(r.Matches) > maxMatches:
		return false
	case r.Status == evidence.Known && it.Kind != evidence.KindGlob && r.Meta == nil:
		return false
	case r.Status == evidence.Known && it.Kind == evidence.KindFile && r.Meta.Type != "file":
		return false
	}
	return !slices.ContainsFunc(r.Matches, func(m evidence.Match) bool {
		ok, _ := filepath.Match(it.Path, m.Path)
		return !ok || !slices.Contains(types, m.Meta.Type)
	})
}

// Serve makes this process look as whoever it runs as, if it was started for
// that, and reports whether it was: then the caller has nothing left to do but
// end. It must be called before anything else.
func Serve() bool {
	if len(os.Args) != 2 || os.Args[1] != serveFlag {
		return false
	}
	shut()
	serve(os.Stdin, os.Stdout)
	return true
}

// serve answers the questions on in. What is malformed gets no answer.
func serve(in io.Reader, out io.Writer) {
	var questions []question
	if json.NewDecoder(in).Decode(&questions) != nil {
		return
	}
	e := usersEyes{ownEyes()}
	var writing sync.Mutex
	enc := json.NewEncoder(out)
	each(atOnce, len(questions), func(i int) {
		q := questions[i]
		it := evidence.Item{Kind: q.Kind, Path: string(q.Path), Timeout: q.Timeout, Cap: q.Cap}
		a := answerOf(i, look(context.Background(), e, it))
		writing.Lock()
		defer writing.Unlock()
		_ = enc.Encode(a) // whom would one tell
	})
}

func answerOf(i int, r evidence.Result) answer {
	meta := func(m evidence.Meta) answerMeta { return answerMeta{Meta: m, Link: []byte(m.Link)} }
	a := answer{Number: i, Status: r.Status, Reason: r.Reason, Data: r.Data, Truncated: r.Truncated}
	if r.Meta != nil {
		m := meta(*r.Meta)
		a.Meta = &m
	}
	for _, m := range r.Matches {
		a.Matches = append(a.Matches, answerMatch{[]byte(m.Path), meta(m.Meta)})
	}
	return a
}
