//go:build !linux

package prove

import (
	"context"

	"sshwhy/internal/firewall"
)

// Run is not possible here.
func Run(context.Context, firewall.Sources, firewall.Packet) (Result, error) {
	return Result{}, ErrUnsupported
}
