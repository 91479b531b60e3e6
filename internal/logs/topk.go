package logs

import (
	"cmp"
	"slices"
)

// maxKeys bounds how many addresses or names are counted at once. A log full of
// guesses has more of them than memory; those seldom seen are let go first.
const maxKeys = 8192

// A tally counts keys in bounded memory. Where more keys come than it may
// hold, the half that was seen least is let go: what their counts were is
// remembered as a sum, and the counts of keys that come again afterwards are lower bounds.
type tally struct {
	n       map[string]*int64 // pointers, so that counting a known key copies no key
	dropped int64             // counts of keys let go
	lossy   bool
}

func newTally() *tally { return &tally{n: make(map[string]*int64, 256)} }

// add counts a key. The lookup copies nothing; only a new key is kept.
func (t *tally) add(key []byte, n int64) {
	if len(key) == 0 || len(key) > 256 {
		t.dropped += n
		return
	}
	if v, ok := t.n[string(key)]; ok {
		*v += n
		return
	}
	if len(t.n) >= maxKeys {
		t.shrink()
	}
	v := new(int64) // not &n: that would cost an allocation for every call
	*v = n
	t.n[string(key)] = v
}

// shrink lets the smaller half go: of keys seen equally often those that come
// last by name, so that the same log gives the same figures each time.
func (t *tally) shrink() {
	keys := make([]string, 0, len(t.n))
	for k := range t.n {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(*t.n[b], *t.n[a]), cmp.Compare(a, b)) })
	for _, k := range keys[min(len(keys), maxKeys/2):] {
		t.dropped += *t.n[k]
		delete(t.n, k)
	}
	t.lossy = true
}

// merge adds another tally.
func (t *tally) merge(o *tally) {
	keys := make([]string, 0, len(o.n))
	for k := range o.n {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		t.add([]byte(k), *o.n[k])
	}
	t.dropped += o.dropped
	t.lossy = t.lossy || o.lossy
}

// A Count is a name and how often it was seen.
type Count struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// A Ranking is the most frequent of something, and what it leaves out.
type Ranking struct {
	Top    []Count `json:"top"`
	Others int64   `json:"others"` // counts of all that are not in Top
	Kinds  int64   `json:"kinds"`  // how many different ones were seen, at least
	Exact  bool    `json:"exact"`  // false: more were seen than could be counted; counts are lower bounds
}

// rank returns the k most frequent keys.
func (t *tally) rank(k int) Ranking {
	all := make([]Count, 0, len(t.n))
	for name, n := range t.n {
		all = append(all, Count{name, *n})
	}
	slices.SortFunc(all, func(a, b Count) int {
		if a.Count != b.Count {
			return cmp.Compare(b.Count, a.Count)
		}
		return cmp.Compare(a.Name, b.Name)
	})
	r := Ranking{Kinds: int64(len(all)), Exact: !t.lossy, Others: t.dropped}
	for _, c := range all[min(k, len(all)):] {
		r.Others += c.Count
	}
	r.Top = all[:min(k, len(all))]
	return r
}
