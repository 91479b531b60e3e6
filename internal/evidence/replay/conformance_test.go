//go:build linux

package replay

import (
	"bytes"
	"context"
	"os"
	"testing"

	"sshwhy/internal/evidence"
	"sshwhy/internal/evidence/evidencetest"
	"sshwhy/internal/evidence/local"
)

// throughAFile looks at this machine, and gives what a file keeps of that.
func throughAFile(ctx context.Context, m evidence.Manifest) (*evidence.Bundle, error) {
	b, err := local.Fill(ctx, m, local.Options{})
	if err != nil {
		return nil, err
	}
	var file bytes.Buffer
	if err := Write(&file, b); err != nil {
		return nil, err
	}
	return Read(&file)
}

func TestConformance(t *testing.T) { evidencetest.Run(t, throughAFile, nil) }

// The children that look as a user are this very program.
func TestMain(m *testing.M) {
	if local.Serve() {
		return
	}
	os.Exit(m.Run())
}

func TestUsers(t *testing.T) { evidencetest.RunUsers(t, throughAFile, nil) }

func TestDenied(t *testing.T) {
	if evidencetest.AsNobody(t) {
		evidencetest.RunDenied(t, throughAFile)
	}
}
