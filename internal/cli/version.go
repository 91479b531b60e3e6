package cli

import "runtime/debug"

// version is what the Go tool stamped into the program: the git tag or a
// pseudo-version where it was built from a checkout, "dev" otherwise (go run).
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "dev"
	}
	return info.Main.Version
}
