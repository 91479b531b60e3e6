package sshconf

import (
	"math"
	"strconv"
	"strings"
)

// number compares numbers of which the larger grants more; the words stand for
// the number they are given ("none" may be no limit).
func number(can string, words map[string]int64) rights {
	return func(a, b []string) (gained, lost []right, known bool) {
		x, knownA := numberOf(a, words)
		y, knownB := numberOf(b, words)
		return compared(can, x, y, knownA && knownB)
	}
}

// fewer compares numbers of which the smaller grants more.
func fewer(can string, words map[string]int64) rights {
	more := number(can, words)
	return func(a, b []string) (gained, lost []right, known bool) {
		lost, gained, known = more(a, b)
		return gained, lost, known
	}
}

// unlimited is the number of what has no limit.
const unlimited = math.MaxInt64

func numberOf(values []string, words map[string]int64) (int64, bool) {
	if len(values) != 1 {
		return 0, false
	}
	if n, ok := words[strings.ToLower(values[0])]; ok {
		return n, true
	}
	n, err := strconv.ParseInt(values[0], 10, 64)
	return n, err == nil && n >= 0
}

func compared(can string, x, y int64, known bool) (gained, lost []right, _ bool) {
	switch {
	case !known:
		return nil, nil, false
	case y > x:
		return []right{{can: can}}, nil, true
	case y < x:
		return nil, []right{{can: can}}, true
	}
	return nil, nil, true
}

// mask compares octal masks, whose bits take something away.
func mask(can string) rights {
	return func(a, b []string) (gained, lost []right, known bool) {
		if len(a) != 1 || len(b) != 1 {
			return nil, nil, false
		}
		x, err := strconv.ParseUint(a[0], 8, 32)
		y, err2 := strconv.ParseUint(b[0], 8, 32)
		if err != nil || err2 != nil {
			return nil, nil, false
		}
		if x&^y != 0 {
			gained = []right{{can: can}}
		}
		if y&^x != 0 {
			lost = []right{{can: can}}
		}
		return gained, lost, true
	}
}

// startups compares MaxStartups start:rate:full: the chance of rate percent
// with which connections are refused begins at start and grows up to full
// (sshd_config(5)).
func startups(a, b []string) (gained, lost []right, known bool) {
	x, knownA := numbers(a, ":")
	y, knownB := numbers(b, ":")
	if !knownA || !knownB || len(x) != 3 || len(y) != 3 {
		return nil, nil, false
	}
	x[1], y[1] = -x[1], -y[1]
	return each("hold more connections open before logging in", x, y)
}

// rekey compares RekeyLimit as sshd -T prints it: bytes and seconds, 0 for the
// cipher's own limit and for no limit of time.
func rekey(a, b []string) (gained, lost []right, known bool) {
	x, knownA := numbers(a, " ")
	y, knownB := numbers(b, " ")
	if !knownA || !knownB || len(x) != 2 || len(y) != 2 {
		return nil, nil, false
	}
	for _, n := range [][]int64{x, y} {
		for i := range n {
			if n[i] == 0 {
				n[i] = unlimited
			}
		}
	}
	return each("use one session key for longer", x, y)
}

func numbers(values []string, sep string) ([]int64, bool) {
	if len(values) != 1 {
		return nil, false
	}
	var out []int64
	for _, s := range strings.Split(values[0], sep) {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 0 {
			return nil, false
		}
		out = append(out, n)
	}
	return out, true
}

// each compares tuples of which every larger number grants more.
func each(can string, x, y []int64) (gained, lost []right, known bool) {
	for i := range x {
		switch {
		case y[i] > x[i]:
			gained = []right{{can: can}}
		case y[i] < x[i]:
			lost = []right{{can: can}}
		}
	}
	return gained, lost, true
}

// noneIs compares values of which "none" grants more than any other (all) or
// less (nothing); two others cannot be compared.
func noneIs(all bool, can string) rights {
	return func(a, b []string) (gained, lost []right, known bool) {
		x, y := strings.Join(a, " "), strings.Join(b, " ")
		switch noneA, noneB := isNone(x), isNone(y); {
		case noneA && noneB || x == y:
			return nil, nil, true
		case noneA == noneB:
			return nil, nil, false
		case noneB == all:
			return []right{{can: can}}, nil, true
		default:
			return nil, []right{{can: can}}, true
		}
	}
}

// forced compares ForceCommand. internal-sftp is none of the narrower values:
// it needs no shell, and lets accounts in whose shell ends every session.
func forced(a, b []string) (gained, lost []right, known bool) {
	for _, v := range [][]string{a, b} {
		if strings.HasPrefix(strings.Join(v, " "), "internal-sftp") {
			return nil, nil, strings.Join(a, " ") == strings.Join(b, " ")
		}
	}
	return noneIs(true, "run any command instead of the forced one")(a, b)
}

func isNone(s string) bool { return s == "" || strings.EqualFold(s, "none") }
