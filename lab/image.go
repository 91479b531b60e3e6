//go:build linux

package lab

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

//go:embed image/build.sh
var recipe []byte

// terminals is an image with terminal multiplexers and doas, a layer over a suite. No case runs
// on it; the tests of who is logged in do.
const terminals, terminalsOver = "terminals", "trixie"

//go:embed image/terminals.sh
var terminalsRecipe []byte

// buildLimit bounds the making of one image; it takes about a minute with a near mirror.
const buildLimit = 15 * time.Minute

// cacheDir is where base images are kept between runs.
func cacheDir() string {
	if d := os.Getenv("SSHWHY_LAB_CACHE"); d != "" {
		return d
	}
	return "/var/cache/sshwhy-lab"
}

// Image returns what an overlay's lowerdir= wants for a suite, the directory of its
// base image and layers over it, and builds it when this recipe has not been built
// here before. Several processes may ask at once. Progress is written to log, which may be nil.
func Image(ctx context.Context, suite string, log io.Writer) (string, error) {
	if base, ok := otherInits[suite]; ok {
		return initImage(ctx, suite, base, log)
	}
	if suite == terminals {
		base, err := Image(ctx, terminalsOver, log)
		if err != nil {
			return "", err
		}
		layer, err := cached(ctx, terminals, terminalsRecipe, base, log)
		return layer + ":" + base, err
	}
	if !slices.Contains(Suites, suite) {
		return "", fmt.Errorf("no image %q: there are %v", suite, Images())
	}
	return cached(ctx, suite, recipe, "", log)
}

// cached returns the directory that a recipe makes of a name and, for a layer, of the directory it
// is to lie over. It runs the recipe where neither it nor that directory has changed since the last time.
func cached(ctx context.Context, name string, recipe []byte, base string, log io.Writer) (string, error) {
	sum := sha256.Sum256(slices.Concat(recipe, []byte(base)))
	dir := filepath.Join(cacheDir(), name+"-"+hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(cacheDir(), 0o755); err != nil {
		return "", err
	}
	unlock, err := lockFile(dir + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil // another process built it while this one waited
	}
	if log != nil {
		fmt.Fprintf(log, "lab: building the %s image in %s (about a minute, once)\n", name, cacheDir())
	}
	ctx, cancel := context.WithTimeout(ctx, buildLimit)
	defer cancel()
	script := dir + ".build.sh" // a file and not standard input, which dpkg would read from
	if err := os.WriteFile(script, recipe, 0o700); err != nil {
		return "", err
	}
	argv := []string{script, name, dir}
	if base != "" {
		argv = []string{script, name, base, dir}
	}
	cmd := exec.CommandContext(ctx, "sh", argv...)
	ownGroup(cmd)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the %s image: %w\n%s", name, err, tail(out, 3000))
	}
	return dir, nil
}

// lockFile takes an exclusive lock on a file, which it creates, and waits for it.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}
