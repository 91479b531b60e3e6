package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"sshwhy/internal/remedy"
)

func newKeep(a *app) *cobra.Command {
	var here bool
	cmd := &cobra.Command{
		Use:   "keep [ID]",
		Short: "Confirm a fix from a new login, so that its timer does not undo it",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id := ""
			if len(args) > 0 {
				id = args[0]
			}
			state, err := remedy.StateDir()
			if err != nil {
				return err
			}
			kept, err := remedy.Keep(cmd.Context(), &remedy.System{}, state, id, remedy.Operator(cmd.Context(), &remedy.System{}), here)
			switch {
			case errors.Is(err, remedy.ErrSameSession), errors.Is(err, remedy.ErrUnknownLogin), errors.Is(err, remedy.ErrFromHere):
				return usage("sshwhy keep --here confirms it all the same", "%s", err)
			case errors.Is(err, remedy.ErrNoGuard):
				return usage("sshwhy undo --list shows what is recorded", "%s", err)
			}
			if err != nil {
				return err
			}
			fmt.Fprintln(a.Out, "Kept: "+kept)
			return nil
		},
	}
	cmd.Flags().BoolVar(&here, "here", false, "confirm from the session the fix was made in, which proves nothing about the next login")
	return cmd
}
