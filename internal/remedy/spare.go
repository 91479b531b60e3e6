package remedy

import (
	"context"
	"fmt"
	"slices"

	"sshwhy/internal/operator"
	"sshwhy/internal/report"
)

// shutOut are the causes that keep the operator's own next login out, as a
// diagnosis for that very user and address tells them. Nothing is asked where
// the operator sits at the console, or it is not known who comes from where.
func (f *fixing) shutOut(ctx context.Context) ([]string, error) {
	if f.Operator.Way != operator.Remote || !f.Operator.From.IsValid() || f.Options.Where == report.OnClient {
		return nil, nil
	}
	r, err := f.Diagnose(ctx, Look{Changed: f.changed, As: &f.Operator})
	if err != nil {
		return nil, fmt.Errorf("whether %s can still log in: %w", f.Operator.Name(), err)
	}
	var out []string
	for _, find := range r.Findings {
		if find.Impact == report.Blocking && find.Certainty != report.Possible {
			out = append(out, find.Cause)
		}
	}
	return out, nil
}

// spared says why the fix would shut out whoever makes it.
func (f *fixing) spared(ctx context.Context) error {
	now, err := f.shutOut(ctx)
	if err != nil {
		return err
	}
	for _, cause := range now {
		if !slices.Contains(f.shut, cause) {
			return fmt.Errorf("it would shut out %s, who makes this fix: %s", f.Operator.Name(), cause)
		}
	}
	return nil
}

// Operator finds out who runs this program, and over which way in.
func Operator(ctx context.Context, s *System) operator.Session {
	return operator.Judge(operator.Look(ctx, func(ctx context.Context, argv ...string) (string, bool) {
		r := s.ask(ctx, argv...)
		return r.Output, r.Code == 0
	}))
}
