//go:build race

package remedy

// crashStride is how many kill points are passed over for one that is tried. A
// process takes seconds to start and end under the race detector; the plain run
// tries every point.
const crashStride = 16
