// Package local fills a bundle on this machine: it reads files and runs
// commands, many at once, each with its own time limit and output cap.
//
// It must not understand what it reads and must not change anything: what it
// looks at is the manifest's business, what that means is internal/facts'.
package local

import (
	"context"
	"os"
	"runtime"
	"sync"
	"time"

	"sshwhy/internal/evidence"
)

// leastWorkers is how many items are looked at at once on a small machine:
// most of them wait for systemd or the disk, not for a processor.
const leastWorkers = 8

// Options of Fill.
type Options struct {
	Tool string           // version of sshwhy, for the bundle's header
	Now  func() time.Time // nil: time.Now
}

// Fill looks at everything the manifest wants, round by round. What cannot be
// looked at is in the bundle with its reason; the error is only ever ctx's, and
// the bundle that comes with it holds what was seen until then.
//
// No process outlives the call. A goroutine can, in one case that a program has
// no means against: the kernel not returning from a read (a dead network mount).
func Fill(ctx context.Context, m evidence.Manifest, opt Options) (*evidence.Bundle, error) {
	now := opt.Now
	if now == nil {
		now = time.Now
	}
	b := evidence.NewBundle()
	b.Tool, b.Way, b.Taken, b.UID = opt.Tool, "local", now().UTC(), os.Geteuid()
	e := ownEyes()
	err := filesFirst(m).Rounds(b, func(round []evidence.Item) error {
		results := lookAtAll(ctx, e, round)
		if err := ctx.Err(); err != nil {
			for i, it := range round {
				if results[i].Status == evidence.Known {
					b.Put(it, results[i])
				}
			}
			return err
		}
		for i, it := range round {
			b.Put(it, results[i])
		}
		return nil
	})
	return b, err
}

// filesFirst asks for no program and no server as long as a file is missing: files
// take a millisecond, the others a hundred, and all those that the files call for
// can then run together.
func filesFirst(m evidence.Manifest) evidence.Manifest {
	return func(seen *evidence.Bundle) []evidence.Item {
		all := m(seen)
		var files []evidence.Item
		for _, it := range all {
			if it.Kind != evidence.KindCommand && it.Kind != evidence.KindHello && !seen.Has(it) {
				files = append(files, it)
			}
		}
		if len(files) > 0 {
			return files
		}
		return all
	}
}

// lookAtAll looks at the items of a round together: those of a user through one
// child of his, each other one by itself.
func lookAtAll(ctx context.Context, e eyes, round []evidence.Item) []evidence.Result {
	results := make([]evidence.Result, len(round))
	var jobs []func()
	users := map[string][]int{}
	for i, it := range round {
		if it.As == nil || it.Kind == evidence.KindCommand || it.Kind == evidence.KindHello {
			jobs = append(jobs, func() { results[i] = look(ctx, e, it) })
			continue
		}
		if users[it.As.Name] == nil {
			jobs = append(jobs, func() {
				numbers := users[it.As.Name]
				items := make([]evidence.Item, len(numbers))
				for k, n := range numbers {
					items[k] = round[n]
				}
				for k, r := range lookAs(ctx, items) {
					results[numbers[k]] = r
				}
			})
		}
		users[it.As.Name] = append(users[it.As.Name], i)
	}
	each(max(leastWorkers, 2*runtime.NumCPU()), len(jobs), func(i int) { jobs[i]() })
	return results
}

// each calls f with 0 to n-1, a number of them at once.
func each(workers, n int, f func(i int)) {
	next := make(chan int)
	var running sync.WaitGroup
	for range min(n, workers) {
		running.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	running.Wait()
}

// look looks at one item within its time limit.
func look(ctx context.Context, e eyes, it evidence.Item) evidence.Result {
	if ctx.Err() != nil {
		return failed("not looked at: " + ctx.Err().Error())
	}
	if it.Kind == evidence.KindCommand {
		return lookCommand(ctx, it)
	}
	ctx, cancel := context.WithTimeout(ctx, it.TimeLimit())
	defer cancel()
	switch it.Kind {
	case evidence.KindHello:
		return sayHello(ctx, it)
	case evidence.KindFile:
		return within(ctx, it, func() evidence.Result { return lookFile(ctx, e, it) })
	case evidence.KindStat:
		return within(ctx, it, func() evidence.Result { return lookStat(e, it) })
	case evidence.KindGlob:
		return within(ctx, it, func() evidence.Result { return lookGlob(ctx, e, it) })
	}
	return failed("unknown kind of item: " + string(it.Kind))
}

// within runs f and stops waiting for it when ctx ends: a system call on a dead
// network mount does not come back.
func within(ctx context.Context, it evidence.Item, f func() evidence.Result) evidence.Result {
	done := make(chan evidence.Result, 1)
	go func() { done <- f() }()
	select {
	case r := <-done:
		return r
	case <-ctx.Done():
		return failed(outOfTime(context.Cause(ctx), it))
	}
}

func outOfTime(cause error, it evidence.Item) string {
	if cause == context.DeadlineExceeded {
		return "no answer within " + it.TimeLimit().String()
	}
	return "stopped: " + cause.Error()
}
