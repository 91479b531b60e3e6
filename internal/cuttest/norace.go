//go:build !race

package cuttest

const stride = 1
