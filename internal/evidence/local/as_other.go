//go:build !linux

package local

import (
	"context"
	"errors"

	"sshwhy/internal/proc"
)

const childServes = false

// runSelf is not done here: there is no way to run this very program as another
// user that does not go by a path.
func runSelf(context.Context, proc.Command) proc.Result {
	return proc.Result{Exit: -1, Why: errors.New("this system has no way to do that")}
}

func keepDescriptors() {}

func shut() {}

type usersEyes struct{ eyes }
