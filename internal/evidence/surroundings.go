package evidence

import "time"

// TimeLimit is the item's Timeout, or DefaultTimeout.
func (it Item) TimeLimit() time.Duration {
	if it.Timeout <= 0 {
		return DefaultTimeout
	}
	return it.Timeout
}

// Limit is the item's Cap in bytes, or DefaultCap.
func (it Item) Limit() int {
	if it.Cap <= 0 {
		return DefaultCap
	}
	return it.Cap
}
