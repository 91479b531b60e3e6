package client

// Session is the first session of the login, with a command that does nothing.
type Session struct {
	Command string  `json:"command"` // what was run
	Opened  bool    `json:"opened"`  // the channel and the command were granted
	Ran     bool    `json:"ran"`     // it was really the command that ran: what it prints came
	Exit    int     `json:"exit"`    // of the command; -1 unknown
	Signal  string  `json:"signal,omitempty"`
	Output  string  `json:"output,omitempty"` // what it printed, both streams
	TTY     string  `json:"tty,omitempty"`    // TTYGiven or TTYRefused; empty if ssh would ask for none
	Shell   *Shell  `json:"shell,omitempty"`  // the account's shell, tried where the command did not run
	End     End     `json:"end,omitempty"`
	Err     string  `json:"err,omitempty"`
	Stuck   *Stuck  `json:"stuck,omitempty"`
	Fault   string  `json:"fault,omitempty"` // what ended the connection under it
	Ms      float64 `json:"ms"`
}

// Whether the server gave a terminal.
const (
	TTYGiven   = "given"
	TTYRefused = "refused"
)

// Shell is the account's shell, without a command.
type Shell struct {
	Ended  bool   `json:"ended"` // by itself, at once
	Exit   int    `json:"exit"`  // -1 unknown
	Output string `json:"output,omitempty"`
}

// Listener is a local port that -L or -D would listen on.
type Listener struct {
	Option string `json:"option"` // localforward or dynamicforward, and its value
	Errno  Errno  `json:"errno,omitempty"`
	Text   string `json:"text,omitempty"`
}

// Onward is the connection that -W asks the server for.
type Onward struct {
	Target     string `json:"target"`
	Err        string `json:"err,omitempty"`
	Prohibited bool   `json:"prohibited,omitempty"`
}
