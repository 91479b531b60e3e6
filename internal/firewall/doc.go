// Package firewall follows one TCP connection through a machine's firewall, as
// the kernel would, and says what becomes of it: accepted, dropped, rejected
// (and with what answer), sent elsewhere, limited, or that it cannot be told,
// naming the expression that is not known. Where the other end's address is not
// given, it answers for which addresses that is so.
//
// It reads what the programs print: `nft -j list ruleset`, iptables-save of both
// backends, `ipset save`, and the files of ufw and firewalld. Rules of nftables
// and of iptables become one model (Chain, Rule, step) and are evaluated
// together, in the order in which the kernel's hooks run them.
//
// The evaluation keeps sets of addresses instead of one address, and follows
// both branches where a match depends on time, chance or state that nobody can
// see from outside. A verdict stands only where all branches agree. An
// expression that the readers do not know is such a branch too, so that a
// ruleset of a newer nft gives "cannot tell" and never a wrong verdict.
//
// The package only thinks: it opens no file, runs nothing, has no clock.
package firewall
