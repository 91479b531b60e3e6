package walk

import (
	"context"
	"net"
	"strings"
	"time"

	"sshwhy/internal/client"
	"sshwhy/internal/sshwire"
)

// algorithmKeywords are the options of ssh_config(5) that hold our side of the
// negotiation.
var algorithmKeywords = [...]string{"kexalgorithms", "hostkeyalgorithms", "ciphers", "macs"}

// kex reads the server's offer and goes on to the login if the lists meet. An SSH server sends it without being asked as
// soon as both identification strings are exchanged (RFC 4253 section 7.1).
func (w *walker) kex(ctx context.Context, conn net.Conn, reader *sshwire.Reader) {
	limit := w.wait(leastKex)
	done := w.report("kex", w.obs.Chosen, limit)
	begin := time.Now()
	_ = conn.SetDeadline(begin.Add(limit))
	k := &client.Kex{Client: map[string][]string{}}
	w.obs.Kex = k
	for _, keyword := range algorithmKeywords {
		if list := w.obs.Config.Get(keyword); list != "" {
			k.Client[keyword] = strings.Split(list, ",")
		}
	}
	server, wire, err := reader.ReadKexInit()
	k.Ms = ms(time.Since(begin))
	done()
	switch {
	case err != nil && ctx.Err() != nil:
		k.End = client.EndCancelled
	case err != nil:
		k.End, k.Err = endOf(err), errText(err)
		if k.End == client.EndTimeout && w.obs.Proxy == nil {
			k.Stuck = stuckBytes(conn)
			k.Small = w.smallPackets(ctx)
		}
	default:
		k.Server = &server
	}
	if k.Server == nil {
		return
	}
	if k.Incompatible() {
		w.unconfigured(ctx)
		return
	}
	if lacking := w.missingAlgorithm(); lacking != "" {
		_ = conn.Close() // the next connection takes its place
		w.obs.HostKey = w.hostKey().HostKey
		w.obs.HostKey.Unable, w.obs.HostKey.Err = true, lacking
		if !w.obs.HostKey.WouldAsk() {
			w.ownSSH(ctx, lacking)
		}
		return
	}
	w.login(ctx, conn, replay(w.obs.Banner.Ident, wire), reader)
}
