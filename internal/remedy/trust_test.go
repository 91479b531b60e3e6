package remedy

import (
	"errors"
	"strings"
	"testing"
)

const aKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBdT/C49ycsG+eP8a3kNTwofFTUxbB34O39EU+6tW6/x bob\n"

func TestAllowed(t *testing.T) {
	const bob, alice = 1000, 1001
	his := way{Holder: bob, Dir: bob}
	file := func(uid, mode uint32, w way) State {
		return State{Kind: kindFile, UID: uid, Mode: mode, Links: 1, way: w}
	}
	to := func(uid uint32) attrs { return attrs{uid: &uid} }
	mode := func(m uint32) attrs { return attrs{mode: &m} }
	dir := file(0, 0o700, his)
	dir.Kind = kindDir
	empty := dir
	empty.way = way{Alone: true}
	empty.UID = 33
	hers := dir
	hers.UID = alice
	many := State{Kind: kindDir, Mode: 0o1777, way: way{Alone: true}}
	group := State{Kind: kindDir, Mode: 0o775, GID: 33, way: way{Alone: true}}
	slip := State{Kind: kindDir, Mode: 0o777, way: way{Alone: true}}
	two := file(bob, 0o666, his)
	two.Links = 2
	for name, c := range map[string]struct {
		st    State
		a     attrs
		holds string
		names []string
		want  string // "" is allowed
	}{
		"root's keys to bob":                   {file(0, 0o600, his), to(bob), aKey + aKey, nil, ""},
		"root's keys with blank lines":         {file(0, 0o600, his), to(bob), "\n" + aKey + " \n", nil, ""},
		"root's keys with a comment":           {file(0, 0o600, his), to(bob), "# password: x\n" + aKey, nil, "does not hold lines of public keys alone"},
		"root's secret":                        {file(0, 0o600, his), to(bob), "-----BEGIN OPENSSH PRIVATE KEY-----\n", nil, "does not hold lines of public keys alone"},
		"root's empty file":                    {file(0, 0o600, his), to(bob), "", nil, "does not hold lines of public keys alone"},
		"root's keys, more than are read":      {file(0, 0o600, his), to(bob), strings.Repeat(aKey, 5001), nil, "does not hold lines of public keys alone"},
		"root's keys to alice":                 {file(0, 0o600, his), to(alice), aKey, nil, "does not lie in a directory of uid 1001"},
		"root's keys in a directory of root's": {file(0, 0o600, way{Alone: true}), to(bob), aKey, nil, "does not lie in a directory of uid 1000"},
		"alice's keys to bob":                  {file(alice, 0o600, his), to(bob), aKey, nil, "belongs to uid 1001, not to root"},
		"bob's program to root":                {file(bob, 0o755, way{Alone: true}), to(0), "#!/bin/sh\n", nil, "as root's it would be trusted"},
		"an empty .ssh to bob":                 {dir, to(bob), "", nil, ""},
		"a full one":                           {dir, to(bob), "", []string{"id_ed25519"}, "is not empty"},
		"somebody's directory to root":         {hers, to(0), "", nil, "as root's it would be trusted"},
		"an empty directory to root":           {empty, to(0), "", nil, ""},
		"a full directory to root":             {empty, to(0), "", []string{"x"}, "is not empty"},
		"a mode of bob's own":                  {file(bob, 0o666, his), mode(0o644), "", nil, ""},
		"a mode of two names":                  {two, mode(0o644), "", nil, "has 2 names"},
		"a mode of alice's":                    {file(alice, 0o666, his), mode(0o644), "", nil, "its owner is to change it"},
		"a mode of root's keys":                {file(0, 0o666, his), mode(0o644), aKey, nil, ""},
		"a mode of root's keys, opened":        {file(0, 0o600, his), mode(0o644), aKey, nil, "not opened further"},
		"a mode of root's other file":          {file(0, 0o666, his), mode(0o644), "x\n", nil, "public keys alone"},
		"a directory of many, made strict":     {many, mode(0o1755), "", nil, "for a person to decide"},
		"a group's directory, made strict":     {group, mode(0o755), "", nil, "for a person to decide"},
		"a group's directory, opened":          {group, mode(0o777), "", nil, ""},
		"a slip in a directory of root's":      {slip, mode(0o755), "", nil, ""},
		"a mode where root is alone":           {file(alice, 0o600, way{Alone: true}), mode(0o644), "", nil, ""},
	} {
		err := c.a.allowed("FILE", c.st, func() (inside, error) { return inside{[]byte(c.holds), c.names}, nil })
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	blind := errors.New("cannot look")
	if err := to(bob).allowed("FILE", file(0, 0o600, his), func() (inside, error) { return inside{}, blind }); !errors.Is(err, blind) {
		t.Errorf("unseen, and allowed: %v", err)
	}
}

func TestSafeMode(t *testing.T) {
	alone := way{Alone: true}
	for _, c := range []struct {
		kind string
		uid  uint32
		w    way
		want uint32
	}{
		{kindFile, 0, alone, 0o6755}, {kindFile, 0, way{}, 0o755}, {kindFile, 1000, alone, 0o755}, {kindFile, 1000, way{}, 0o755},
		{kindDir, 1000, way{}, 0o6755}, // on a directory they lend nothing
	} {
		if got := safeMode(State{Kind: c.kind, UID: c.uid, Mode: 0o6755}, c.w); got != c.want {
			t.Errorf("%+v: %04o", c, got)
		}
	}
}
