//go:build race

package cuttest

// stride is how many lines are passed over for one that is taken. Under the race
// detector everything is ten times slower, and the plain run takes them all.
const stride = 16
