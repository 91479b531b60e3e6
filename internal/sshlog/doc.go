// Package sshlog holds what sshd, ssh and the programs around them say: the tables
// of their messages, each with the causes it speaks for (messages/*.tsv), and the
// reader of what terminals, chats and logs put around a message.
//
// It says what a line says, and no more: what a whole text proves is for explain,
// how often a log says it for logs. It must not look at anything. Its patterns are
// plain text with captures (see pattern.go), so that no input takes more than
// linear time.
package sshlog
