// Package via fills a bundle through any command that gives a POSIX shell on the
// machine in question: "docker exec -i web1 sh", "nsenter -t 812 -a sh",
// "ssh host sh", "chroot DIR sh".
//
// The command is started once. Each round is one script on its standard input,
// answered in frames on its standard output, which stand out from whatever else
// is printed there. Nothing is written on the other machine.
//
// It must not know what a manifest wants, and must not repair anything.
package via

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"sshwhy/internal/evidence"
	"sshwhy/internal/evidence/shell"
	"sshwhy/internal/proc"
)

// DefaultLimit bounds the whole look, the time to log in included.
const DefaultLimit = 2 * time.Minute

// Options of Fill.
type Options struct {
	Tool  string           // version of sshwhy, for the bundle's header
	Now   func() time.Time // nil: the clock of the machine looked at
	Limit time.Duration    // for everything together; 0: DefaultLimit
}

// Fill looks at everything the manifest wants through the command. An error says
// that the command gave no shell, in its own words, or that the connection broke
// in the middle; then the bundle holds what came until then, and the rest of
// that round as Failed.
//
// The command is ended with its process group. Where this process has a terminal,
// the command gets it, so that it can ask for a password.
func Fill(ctx context.Context, command []string, m evidence.Manifest, opt Options) (*evidence.Bundle, error) {
	limit := opt.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	b := evidence.NewBundle()
	b.Tool, b.Way, b.Taken = opt.Tool, "via", time.Now().UTC()
	if len(command) == 0 {
		return b, errors.New("no command is given to look through")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it took longer than %v", limit))
	defer cancel()
	s, err := start(ctx, command)
	if err != nil {
		return b, err
	}
	defer s.end()
	var clock time.Time
	if b.UID, clock, err = s.greet(); err != nil {
		return b, s.explain(ctx, err)
	}
	// What is dated over there is held against the clock over there, read when the
	// look begins: this one may differ, and the way there may have taken long.
	if !clock.IsZero() {
		b.Taken = clock
	}
	if opt.Now != nil {
		b.Taken = opt.Now().UTC()
	}
	err = m.Rounds(b, func(round []evidence.Item) error {
		if err := s.look(b, round); err != nil {
			return s.explain(ctx, err)
		}
		return nil
	})
	return b, err
}

// Words gives the argument list that runs what a user typed as one --via option:
// a line for the shell, as with ssh's ProxyCommand.
func Words(line string) []string {
	if shell, flag := shellHere(); shell != "" {
		return []string{shell, flag, line}
	}
	return strings.Fields(line)
}

// nonce marks our lines: nothing that is printed by chance holds it.
func nonce() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails: crypto/rand
	return hex.EncodeToString(b)
}

// greet asks for a sign of life first, so that nothing is sent to what is no
// shell, then sends the prelude and gives the user id over there, or -1, and the time
// by the clock over there, zero where that has no date.
func (s *session) greet() (uid int, clock time.Time, err error) {
	half := len(s.nonce) / 2
	// A terminal, should there be one, must not echo what is sent later.
	s.send("stty -echo 2>/dev/null\nprintf '\\n@%s%s %s\\n' " + s.nonce[:half] + " " + s.nonce[half:] + " hi\n")
	if err := s.await("hi", nil); err != nil {
		return -1, clock, err
	}
	s.send(shell.Prelude(s.nonce, proc.SearchDirs(), true) + "O h $(id -u 2>/dev/null || echo -1) $(date +%s 2>/dev/null || echo -) $D\n")
	uid = -1
	encoder := false
	err = s.await("h", func(words []string) {
		if len(words) > 0 {
			if n, err := strconv.Atoi(words[0]); err == nil {
				uid = n
			}
		}
		if len(words) > 1 {
			if n, err := strconv.ParseInt(words[1], 10, 64); err == nil && n > 0 && n < 1<<35 {
				clock = time.Unix(n, 0).UTC()
			}
		}
		encoder = len(words) > 2
	})
	if err == nil && !encoder {
		err = errors.New("there is none of base64, openssl, uuencode or od over there, one of which is needed")
	}
	return uid, clock, err
}

// look sends one round and reads its answers: an item each, and after them what
// the shell of each user said, a frame for all that was asked as him.
func (s *session) look(b *evidence.Bundle, round []evidence.Item) error {
	var script strings.Builder
	var users []*asUser
	rooms := make([]int, len(round)) // bytes that an answer may have
	for i, it := range round {
		rooms[i] = perByte*2*(it.Limit()+1) + 1<<20 // two outputs, and names
		text, done := shell.Call(strconv.Itoa(i), it)
		switch {
		case done != nil:
			b.Put(it, *done)
		case it.As == nil:
			script.WriteString(text)
		default:
			users = take(users, it, i, text)
		}
	}
	for k, u := range users {
		id := strconv.Itoa(len(round) + k)
		rooms = append(rooms, perByte*(u.room+1))
		before, call := shell.As(u.name, u.calls, u.room, u.within)
		script.WriteString(before + "O b " + id + "; O o; " + call + " | $E; O .\n")
	}
	s.round++
	end := "end" + strconv.Itoa(s.round)
	s.send(script.String() + "O " + end + "\n")
	return s.frames(end, rooms, func(i int, sections []shell.Section) {
		if i >= len(round) {
			users[i-len(round)].read(b, s.nonce, round, sections)
			return
		}
		if it := round[i]; it.As == nil {
			b.Put(it, shell.Decode(it.Kind, it.Limit(), sections, false))
		}
	})
}

// asUser is what is asked as one user in one round.
type asUser struct {
	name    string
	numbers []int // in the round
	calls   string
	room    int
	within  time.Duration
}

func take(users []*asUser, it evidence.Item, number int, call string) []*asUser {
	at := slices.IndexFunc(users, func(u *asUser) bool { return u.name == it.As.Name })
	if at < 0 {
		at, users = len(users), append(users, &asUser{name: it.As.Name})
	}
	u := users[at]
	u.numbers, u.calls = append(u.numbers, number), u.calls+call
	u.room += shell.Room(it)
	u.within += shell.Slowest([]evidence.Item{it})
	return users
}

// read takes the answers out of what the user's shell said. What it says about
// anything else is not heard.
func (u *asUser) read(b *evidence.Bundle, nonce string, round []evidence.Item, sections []shell.Section) {
	var said []byte
	why := "no answer came"
	if len(sections) > 0 && sections[0].Head == "o" {
		var err error
		if said, err = shell.Unwrap(sections[0].Body); err != nil {
			why = "what came back was damaged: " + err.Error()
		}
	}
	for _, n := range u.numbers {
		b.Put(round[n], evidence.Result{Status: evidence.Failed, Reason: "could not look as " + u.name + ": " + why, Exit: -1})
	}
	for _, f := range shell.Frames(nonce, said) {
		for _, n := range u.numbers {
			if it := round[n]; f.Name == strconv.Itoa(n) || f.Name == shell.Refused {
				b.Put(it, shell.Decode(it.Kind, it.Limit(), f.Sections, true))
			}
		}
	}
}

// explain says in the command's own words why there was no answer.
func (s *session) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("looking through the command: %w", context.Cause(ctx))
	}
	if !errors.Is(err, errEnded) && !errors.Is(err, os.ErrClosed) {
		return err
	}
	said := strings.TrimSpace(s.complaint())
	switch {
	case said == "" && s.greeted:
		return errors.New("the command ended before everything was looked at")
	case said == "":
		return errors.New("the command gave no shell: it ended without saying anything")
	case s.greeted:
		return fmt.Errorf("the command ended before everything was looked at: %s", said)
	}
	return fmt.Errorf("the command gave no shell: %s", said)
}
