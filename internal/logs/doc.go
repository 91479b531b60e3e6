// Package logs counts what a log of any size says: by cause, by address, by user,
// over time, and what it says of one visitor. It streams, in constant memory, and
// reads what logs come in: syslog, the journal's JSON and export, gzip, bzip2, zstd.
//
// The few messages that logs consist of have a fast path; the others are looked up
// in the tables of sshlog, as those of a paste are. What a text proves as a whole is
// for explain.
//
// The package only thinks: it reads an io.Reader and returns values. It must not
// open files, look at the clock or print.
package logs
