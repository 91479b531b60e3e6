package client

import (
	"context"
	"net"
	"strings"
	"time"

	"sshwhy/internal/sshwire"
)

// algorithmKeywords are the options of ssh_config(5) that hold our side of the
// negotiation.
var algorithmKeywords = [...]string{"kexalgorithms", "hostkeyalgorithms", "ciphers", "macs"}

// kex reads the server's offer. An SSH server sends it without being asked as
// soon as both identification strings are exchanged (RFC 4253 section 7.1).
func (w *walker) kex(ctx context.Context, conn net.Conn, reader *sshwire.Reader) bool {
	limit := w.wait(leastKex)
	defer w.tell("kex", w.obs.Chosen, limit)()
	begin := time.Now()
	_ = conn.SetDeadline(begin.Add(limit))
	k := &Kex{Client: map[string][]string{}}
	w.obs.Kex = k
	for _, keyword := range algorithmKeywords {
		if list := w.obs.Config.Get(keyword); list != "" {
			k.Client[keyword] = strings.Split(list, ",")
		}
	}
	server, _, err := reader.ReadKexInit()
	k.Ms = ms(time.Since(begin))
	switch {
	case err != nil && ctx.Err() != nil:
		k.End = endCancelled
	case err != nil:
		k.End, k.Err = endOf(err), errText(err)
	default:
		k.Server = &server
	}
	return k.Server != nil
}
