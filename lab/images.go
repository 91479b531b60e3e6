package lab

import (
	"maps"
	"slices"
)

// Suites are the Debian releases a case may run on.
var Suites = []string{"trixie", "bookworm"}

// otherInits are the images whose process 1 is not systemd, each with the suite it is a layer over.
// In "bare" nothing starts services: process 1 is a sleep that started sshd, as in many a container.
var otherInits = map[string]string{"sysvinit": "trixie", "openrc": "trixie", "runit": "trixie", "bare": "trixie"}

// Images are all the images a case may run on.
func Images() []string {
	return append(slices.Clone(Suites), slices.Sorted(maps.Keys(otherInits))...)
}
