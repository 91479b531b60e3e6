package facts

import (
	"slices"
	"strings"
	"time"

	"sshwhy/internal/evidence"
)

// optionKind is how an option of a key is written (sshd(8), AUTHORIZED_KEYS FILE FORMAT; auth-options.c,
// sshauthopt_parse, up to 10.2).
type optionKind int

const (
	optionSwitch optionKind = iota // stands alone
	optionToggle                   // stands alone, and may begin with no-
	optionValue                    // has a value in quotes
	optionSingle                   // that, and stands once only
)

// maxWord is how much of a word of the file stands in a sentence, in bytes.
const maxWord = 40

// keyOptionKinds are the options that sshd knows. For the sake of one that it does not
// know it passes over the whole line.
var keyOptionKinds = map[string]optionKind{
	"restrict": optionSwitch, "cert-authority": optionSwitch,
	"port-forwarding": optionToggle, "agent-forwarding": optionToggle, "x11-forwarding": optionToggle, "pty": optionToggle,
	"user-rc": optionToggle, "touch-required": optionToggle, "verify-required": optionToggle,
	"command": optionSingle, "from": optionSingle, "principals": optionSingle,
	"expiry-time": optionValue, "environment": optionValue, "permitopen": optionValue, "permitlisten": optionValue, "tunnel": optionValue,
}

// readKeyOptions takes the options of a key apart, and says why sshd does not take them, as
// the end of a sentence; "" where it does, as far as can be said here. What permitopen,
// permitlisten and tunnel may be is not judged.
func readKeyOptions(words []string) (options []KeyOption, fault string) {
	for _, word := range words {
		if word == "" {
			continue // sshd minds no comma too many
		}
		name, value, valued := strings.Cut(word, "=")
		o := KeyOption{Name: strings.ToLower(name)}
		if o.Value = value; len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
			o.Value = strings.ReplaceAll(value[1:len(value)-1], `\"`, `"`)
		}
		if fault == "" {
			fault = optionFault(o, value, valued, options)
		}
		options = append(options, o)
	}
	has := func(name string) bool {
		return slices.ContainsFunc(options, func(o KeyOption) bool { return o.Name == name })
	}
	if fault == "" && has("principals") && !has("cert-authority") { // auth2-pubkeyfile.c, auth_authorise_keyopts
		fault = "names principals, which only the key of an authority (cert-authority) may have"
	}
	return options, fault
}

// optionFault judges one option; before are those in front of it.
func optionFault(o KeyOption, value string, valued bool, before []KeyOption) string {
	kind, known := keyOptionKinds[o.Name]
	if bare, negated := strings.CutPrefix(o.Name, "no-"); !known && negated {
		kind, known = keyOptionKinds[bare]
		known = known && kind == optionToggle
	}
	shown := evidence.Excerpt(o.Name, maxWord) // its value may be a secret
	switch takesValue := kind >= optionValue; {
	case !known:
		return "has an option that sshd does not know (" + shown + ")"
	case takesValue != valued && valued:
		return "gives a value to an option that has none (" + shown + ")"
	case takesValue != valued:
		return "has an option without its value (" + shown + ")"
	case takesValue && !inQuotes(value):
		return "has an option whose value does not stand in quotes (" + shown + ")"
	case kind == optionSingle && slices.ContainsFunc(before, func(b KeyOption) bool { return b.Name == o.Name }):
		return "has the option " + o.Name + " twice"
	case o.Name == "expiry-time" && !isExpiry(o.Value):
		return "has an expiry-time that is no time"
	case o.Name == "environment" && strings.IndexByte(o.Value, '=') <= 0:
		return "has an environment that is no NAME=VALUE"
	}
	return ""
}

// inQuotes reports whether a value begins with a quote and ends with the next.
func inQuotes(value string) bool {
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return false
	}
	inner := strings.ReplaceAll(value[1:len(value)-1], `\"`, "")
	return !strings.Contains(inner, `"`) && !strings.HasSuffix(value, `\"`)
}

// isExpiry reports whether a value is a time as sshd reads it (misc.c, parse_absolute_time).
func isExpiry(value string) bool {
	text := strings.TrimSuffix(strings.ToUpper(value), "Z")
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if _, err := time.Parse(layout, text); err == nil {
			return true
		}
	}
	return false
}
