package client

import (
	"slices"
	"strconv"
	"strings"
)

// Config is what ssh says the connection is to be.
type Config struct {
	Program string              `json:"program,omitempty"` // the ssh that was asked; empty if there is none
	Missing bool                `json:"missing,omitempty"` // it was looked for and is not there
	Version string              `json:"version,omitempty"` // its first words: OpenSSH_9.2p1 …
	Command string              `json:"command,omitempty"`
	Values  map[string][]string `json:"values,omitempty"`  // keyword in lower case → values, as `ssh -G` prints them
	Applied []Applied           `json:"applied,omitempty"` // the Host and Match blocks that were applied
	Hosts   []Applied           `json:"hosts,omitempty"`   // lines of those blocks that change where the connection goes
	Policy  []Applied           `json:"policy,omitempty"`  // lines of the system's crypto policy that are in force
	Stderr  []string            `json:"stderr,omitempty"`  // what ssh said, without its debug lines
	Failed  bool                `json:"failed,omitempty"`  // ssh refused to go on
	Hung    bool                `json:"hung,omitempty"`    // ssh did not end in its time
	Fault   string              `json:"fault,omitempty"`   // why what was typed cannot be a host
	Ms      float64             `json:"ms"`
}

// Applied is a line of a configuration file.
type Applied struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Text string `json:"text"`
}

// Get returns the first value of a keyword (in lower case), or "".
func (c *Config) Get(keyword string) string {
	if v := c.Values[keyword]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// Host is the name or address that is to be connected to.
func (c *Config) Host() string { return strings.Trim(c.Get("hostname"), "[]") }

// Port is the port that is to be connected to.
func (c *Config) Port() int {
	if p, err := strconv.Atoi(c.Get("port")); err == nil && p > 0 && p < 65536 {
		return p
	}
	return 22
}

// PolicyLine returns the line of the crypto policy that sets a keyword, or nil.
func (c *Config) PolicyLine(keyword string) *Applied {
	i := slices.IndexFunc(c.Policy, func(a Applied) bool {
		return strings.EqualFold(strings.FieldsFunc(a.Text, func(r rune) bool { return r == ' ' || r == '\t' || r == '=' })[0], keyword)
	})
	if i < 0 {
		return nil
	}
	return &c.Policy[i]
}

// line is the configuration line that sets a keyword for this connection, or nil.
// What was typed wins over every file, and then no line counts.
func (c *Config) line(keyword string) *Applied {
	for i, l := range c.Hosts {
		first, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(l.Text, "=", " ")), " ")
		if first == keyword && strings.Contains(l.Text, c.Get(keyword)) {
			return &c.Hosts[i]
		}
	}
	return nil
}

// Proxy is a command that carries the connection instead of a socket.
type Proxy struct {
	Command string `json:"command"`
	Stderr  string `json:"stderr,omitempty"`
	Exit    int    `json:"exit"` // -1 while it ran, or if it could not be started
	Err     string `json:"err,omitempty"`
}

// Jump is a jump host on the way, and the walk to it.
type Jump struct {
	Hop  string        `json:"hop"`
	Walk *Observations `json:"walk"`
}
