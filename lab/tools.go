//go:build linux

package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// toolsAge is how old a directory of tools must be to be an earlier run's.
const toolsAge = 12 * time.Hour

// BuildTools builds what the machines are given under /opt/lab: sshwhy itself,
// where it has a main program yet, and labpeer, the lab's odd servers. module is the
// directory of the module. The caller removes the directory.
func BuildTools(ctx context.Context, module string) (dir string, err error) {
	if err := os.MkdirAll(StateDir, 0o755); err != nil {
		return "", err
	}
	sweepTools()
	if dir, err = os.MkdirTemp(StateDir, "tools-"); err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	for name, pkg := range map[string]string{"sshwhy": mainPackage(), "labpeer": "./lab/cmd/labpeer"} {
		if _, err := os.Stat(filepath.Join(module, pkg)); err != nil {
			continue
		}
		cmd := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, name), pkg)
		cmd.Dir = module
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			os.RemoveAll(dir)
			return "", fmt.Errorf("building %s: %w\n%s", pkg, err, tail(out, 3000))
		}
	}
	return dir, nil
}

// sweepTools removes the directories of runs that were killed.
func sweepTools() {
	old, _ := filepath.Glob(StateDir + "/tools-*")
	for _, d := range old {
		if info, err := os.Stat(d); err == nil && time.Since(info.ModTime()) > toolsAge {
			os.RemoveAll(d)
		}
	}
}

// HasSSHWhy tells whether the tools contain a sshwhy to test.
func HasSSHWhy(tools string) bool {
	_, err := os.Stat(filepath.Join(tools, "sshwhy"))
	return err == nil
}

func mainPackage() string {
	if m := os.Getenv("SSHWHY_LAB_MAIN"); m != "" {
		return m
	}
	return "./cmd/sshwhy"
}
