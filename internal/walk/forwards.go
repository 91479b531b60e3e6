package walk

import (
	"context"
	"errors"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"

	"sshwhy/internal/client"
)

// maxListeners bounds how many forwardings are looked at.
const maxListeners = 16

// listeners tries the local ports of all forwardings, for a moment each.
func (w *walker) listeners() {
	c := &w.obs.Config
	for _, keyword := range []string{"localforward", "dynamicforward"} {
		for _, value := range c.Values[keyword] {
			f := strings.Fields(value)
			if len(f) == 0 || len(w.obs.Listeners) >= maxListeners {
				continue
			}
			l := client.Listener{Option: keyword + " " + value}
			if ln, err := net.Listen("tcp", localAddr(f[0])); err != nil {
				l.Errno, l.Text = errnoOf(err)
			} else {
				_ = ln.Close()
			}
			w.obs.Listeners = append(w.obs.Listeners, l)
		}
	}
}

// localAddr is [bind]:port or port, as `ssh -G` prints it. A socket path has
// neither and cannot be tried.
func localAddr(text string) string {
	if strings.Contains(text, ":") {
		return strings.TrimPrefix(text, "[*]")
	}
	return "127.0.0.1:" + text
}

// onward asks for the connection that -W names, as ssh does in place of a session.
func (w *walker) onward(ctx context.Context, login *ssh.Client) bool {
	target := ""
	client.EachOption(w.opt.Args, func(flag byte, value string) {
		if flag == 'W' {
			target = value
		}
	})
	if target == "" {
		return false
	}
	o := &client.Onward{Target: target}
	w.obs.Onward = o
	conn, err := login.DialContext(ctx, "tcp", target)
	if err == nil {
		_ = conn.Close()
		return true
	}
	o.Err = libraryText(err)
	var refused *ssh.OpenChannelError
	o.Prohibited = errors.As(err, &refused) && refused.Reason == ssh.Prohibited
	return true
}
