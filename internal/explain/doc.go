// Package explain reads a text that somebody pasted and names what it proves: an
// error line, the output of ssh -v, journal lines, the output of the usual tools,
// in any mixture. It reads a paste as a whole and ranks causes; a log that is too
// long for that is counted by logs.
//
// It works on English text by necessity, because text is all there is; everything
// else in the project goes by errno and exit codes first.
//
// The package only thinks: it reads an io.Reader and returns values. It must
// not open files, run programs, look at the clock or print.
package explain
