package catalog

import "strings"

// Sentence is the cause's summary with what a text told put in: a part in
// brackets, which holds one name in braces, stands only where that is known, as in
//
//	Another process holds the port[ {port}], so sshd cannot listen.
func (c Cause) Sentence(known map[string]string) string {
	var b strings.Builder
	rest := c.Summary
	for rest != "" {
		i := strings.IndexByte(rest, '[')
		j := strings.IndexByte(rest, ']')
		if i < 0 || j < i {
			b.WriteString(rest)
			break
		}
		b.WriteString(rest[:i])
		if part, ok := fillPart(rest[i+1:j], known); ok {
			b.WriteString(part)
		}
		rest = rest[j+1:]
	}
	return b.String()
}

// maxValue keeps a quoted algorithm list from filling the screen.
const maxValue = 160

func fillPart(part string, known map[string]string) (string, bool) {
	i, j := strings.IndexByte(part, '{'), strings.IndexByte(part, '}')
	if i < 0 || j < i {
		return part, true
	}
	v := strings.TrimRight(strings.TrimSuffix(known[part[i+1:j]], " [preauth]"), ". ")
	if v == "" {
		return "", false
	}
	if len(v) > maxValue {
		v = strings.ToValidUTF8(v[:maxValue], "") + " …"
	}
	return part[:i] + v + part[j+1:], true
}
