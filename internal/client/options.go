package client

import "strings"

// EachOption reads options as getopt does: clusters (-4A), values in the same
// word (-p22) or in the next.
func EachOption(args []string, each func(flag byte, value string)) {
	for i := 0; i < len(args); i++ {
		word := args[i]
		if len(word) < 2 || word[0] != '-' || word == "--" {
			continue
		}
		for j := 1; j < len(word); j++ {
			if !TakesValue(word[j]) {
				each(word[j], "")
				continue
			}
			value := word[j+1:]
			if value == "" && i+1 < len(args) {
				i++
				value = args[i]
			}
			each(word[j], value)
			break
		}
	}
}

// withValue are ssh's options that take a value, from the getopt string in ssh.c.
const withValue = "BbcDEeFIiJLlmOoPpQRSWw"

// TakesValue reports whether a value follows an option of ssh.
func TakesValue(flag byte) bool { return strings.IndexByte(withValue, flag) >= 0 }
