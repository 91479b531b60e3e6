package walk

import (
	"strings"
)

// subsetKeywords are what is read of ssh_config(5) where no ssh program is
// installed: Host blocks with these keywords. Match and Include are not
// understood; what stands in a Match block is left out.
var subsetKeywords = map[string]bool{
	"hostname": true, "port": true, "user": true, "identityfile": true, "identitiesonly": true, "addressfamily": true,
	"bindaddress": true, "connecttimeout": true, "batchmode": true, "stricthostkeychecking": true, "userknownhostsfile": true,
	"globalknownhostsfile": true, "revokedhostkeys": true, "hostkeyalias": true, "proxyjump": true, "proxycommand": true, "identityagent": true,
}

// readSubset adds to values what a configuration file says about host. As in
// ssh, the first value of a keyword wins; set says which have one already.
func readSubset(text, host string, values map[string][]string, set map[string]bool) {
	applies := true
	for line := range strings.Lines(text) {
		keyword, value := splitOption(line)
		switch {
		case keyword == "" || keyword[0] == '#':
		case keyword == "host":
			applies = listMatch(strings.Join(strings.Fields(value), ","), host)
		case keyword == "match":
			applies = false
		case !applies || !subsetKeywords[keyword] || value == "":
		case keyword == "identityfile":
			if !set[keyword] {
				values[keyword], set[keyword] = nil, true
			}
			values[keyword] = append(values[keyword], value)
		case !set[keyword]:
			if keyword == "hostname" {
				value = strings.ReplaceAll(value, "%h", host)
			}
			values[keyword], set[keyword] = []string{value}, true
		}
	}
}

// splitOption takes "Keyword value", "Keyword=value" and quotes apart.
func splitOption(line string) (keyword, value string) {
	line = strings.TrimSpace(line)
	i := strings.IndexAny(line, " \t=")
	if i < 0 {
		return strings.ToLower(line), ""
	}
	value = strings.TrimLeft(line[i:], " \t")
	value = strings.TrimLeft(strings.TrimPrefix(value, "="), " \t")
	return strings.ToLower(line[:i]), strings.Trim(value, `"`)
}
