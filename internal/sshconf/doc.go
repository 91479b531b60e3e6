// Package sshconf knows the language of sshd_config(5) and ssh_config(5): each
// keyword once, with its side, the kind of value it takes and which value lets
// in whom; the reader of a line that loses no byte of it; and what differs
// between two configurations as sshd itself understands them.
//
//	keyword.go   what is known of a keyword
//	table_*.go   the keywords
//	rights.go    a value as a set of rights: what wider and narrower mean
//	order_*.go   the sets of each kind of value
//	compare.go   two outputs of `sshd -T`, keyword by keyword, in words
//	line.go      a line taken apart and changed in place
//	patterns.go  the wildcards of match.c
//	respell.go   what a misspelt word was to be, where that is certain enough
//
// It must not evaluate a configuration: which value is in force, with its
// defaults and its includes, is sshd's word alone. It must not call a change
// harmless that it does not understand: a keyword or a value that is not in the
// table compares as Unknown. It reaches neither the system nor the clock.
package sshconf
