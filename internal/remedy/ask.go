package remedy

import (
	"context"
	"errors"
	"fmt"
)

// Answer is what a person says to one step of a plan.
type Answer int

// The answers. What was not understood is asked again, and is none of them.
const (
	No   Answer = iota
	Yes         // this step
	All         // this step, and the rest of the plan as it was shown
	Quit        // no step of this plan
)

// ErrQuit is returned where a person ended the questions, ErrUnanswered where a
// question found no answer: a signal came, or the end of the input.
var (
	ErrQuit       = errors.New("quit at a question")
	ErrUnanswered = errors.New("a question was not answered")
)

// consented is the plan of what was consented to; nil where consent could not
// be asked for.
func (f *fixing) consented(ctx context.Context, plan *Plan) (*Plan, error) {
	if f.Yes || f.DryRun || len(plan.Steps) == 0 {
		return plan, nil
	}
	if f.Ask == nil {
		return nil, nil
	}
	if f.tx != nil && f.fix.ConfirmBy != "" { // a question that stays open must not keep the guard waiting
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.ConfirmWithin)
		defer cancel()
	}
	for _, st := range plan.Steps {
		answer, err := f.Ask(ctx, st)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%w: %w", ErrUnanswered, err)
		case answer == Quit:
			return nil, ErrQuit
		case answer == All:
			return f.without(ctx, plan)
		case answer == No: // half a remedy is none: all steps of its causes stay undone
			f.declined = append(f.declined, planned(st, "declined"))
			f.Options.Except = append(f.Options.Except, st.Causes...)
		}
	}
	return f.without(ctx, plan)
}

// without is the plan without what was declined.
func (f *fixing) without(ctx context.Context, plan *Plan) (*Plan, error) {
	if len(f.declined) == 0 {
		return plan, nil
	}
	return f.plan(ctx)
}
