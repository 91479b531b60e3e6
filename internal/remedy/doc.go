// Package remedy changes machines, and is the only package that does: it turns
// the actions that findings carry into a plan, shows it, applies it as a
// transaction, and takes it back.
//
// The promise is the transaction's: whatever happens between the first change
// and the last (a failed step, SIGKILL, a full disk, a power cut), Undo brings
// back every file, mode, owner, time and extended attribute, unit state and
// firewall rule that was there before. It rests on one rule, kept everywhere:
// what is about to change is recorded and on the disk before it changes
// (journal.go, snapshot.go), so undoing needs nothing that a crash can take.
//
// The way of a fix, in the order of the files:
//
//	plan.go      actions of a report → steps in causal order, with the consent each needs
//	judge.go     what a change of sshd's configuration does decides the consent it needs:
//	             effect.go whom it lets in, sshdjudge.go what sshd makes of it, shadow.go a copy for it to read
//	preview.go   a step as a diff or a command, its risk and its undo
//	tx.go        lock, record, apply, record; roll back where a step fails
//	act_*.go     one file per sort of action: what it touches and how it is done
//	undo.go      from the record back to the state before
//	guard.go     a timer that undoes a fix nobody confirmed, and outlives the session
//
// It must not decide what is wrong with a machine, and must not do anything
// that a person did not consent to: consent is asked for per step, by a
// function that the command line gives.
package remedy
