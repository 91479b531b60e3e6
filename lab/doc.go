// Package lab boots real Debian machines, breaks them on purpose, and checks what
// sshwhy says about them: the tests that count.
//
// A World is one case's surroundings: three network namespaces, client – router –
// server, joined by veth pairs, IPv4 and IPv6, and a machine booted with real systemd in
// the server's namespace. A Case is a text file under cases/ that says how the world
// is broken, what ssh itself must then say, what sshwhy must find, and what
// mends it; README.md describes the format.
//
// The lab needs root and Linux. It must not touch the host beyond its own
// directories, control groups and namespaces, all named after StateDir, and it leaves none
// of them behind: what a killed run could not remove, the next run sweeps.
package lab
