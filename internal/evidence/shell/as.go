package shell

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"

	"sshwhy/internal/evidence"
)

// What a shell over there sees as a user comes out of a shell of that user's, who
// may put any words into its mouth. So its output never stands beside ours as it
// is: whoever calls As wraps it, and reads out of it answers to its own questions
// and nothing else.

// asGrace is how much longer than its items the shell of a user may take.
const asGrace = 10 * time.Second

// As is the shell text that runs calls, made by Call without a user, as the user,
// and prints their frames with contents as they are (raw), at most room bytes.
// Where nobody over there can become the user, one frame named Refused says why.
// The lines in before have to stand in front; call is one command.
func As(user, calls string, room int, within time.Duration) (before, call string) {
	q := quoter{name: "w"}
	call = "a " + q.word(user) + " " + strconv.Itoa(room) + " " + strconv.Itoa(int(math.Ceil((within + asGrace).Seconds())))
	call += " " + q.word(calls)
	return q.before.String(), call
}

// Refused is the name of the frame that answers all the calls of As.
const Refused = "-"

// Room is how many bytes the raw frame of an item can take.
func Room(it evidence.Item) int {
	const names = 32 << 10
	switch it.Kind {
	case evidence.KindGlob:
		return 4 << 20
	case evidence.KindCommand:
		return 3*it.Limit() + names
	}
	return it.Limit() + names
}

// Frame is the answer to one call.
type Frame struct {
	Name     string
	Sections []Section
}

// Frames reads raw frames out of what a shell printed: a line with the nonce
// parts them.
func Frames(nonce string, data []byte) []Frame {
	var frames []Frame
	for i, part := range bytes.Split(data, []byte("\n@"+nonce+" ")) {
		if i == 0 {
			continue // before the first frame
		}
		words, body, _ := bytes.Cut(part, []byte("\n"))
		head := strings.TrimSpace(string(words))
		if name, ok := strings.CutPrefix(head, "b "); ok {
			frames = append(frames, Frame{Name: name})
			continue
		}
		if len(frames) == 0 {
			frames = append(frames, Frame{}) // an answer that does not say to what
		}
		last := &frames[len(frames)-1]
		last.Sections = append(last.Sections, Section{Head: head, Body: body})
	}
	return frames
}

// Unwrap gives back the bytes that the far side's encoder wrote.
func Unwrap(body []byte) ([]byte, error) { return decode(body) }
