//go:build !race

package remedy

const crashStride = 1
