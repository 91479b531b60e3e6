// Package archtest holds the map of the rooms as a test. It has no code of its own.
package archtest
