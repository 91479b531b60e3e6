package walk

import (
	"bytes"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"sshwhy/internal/client"
)

// agentLimit bounds every word of the agent. It may ask its user before it
// signs, and a user who is not asked twice needs some seconds.
const agentLimit = 10 * time.Second

// openAgent asks the agent that the configuration names (IdentityAgent), or the
// one of the environment, for its keys. Both results are nil if there is none.
func openAgent(c *client.Config) (*client.Agent, []identity, func()) {
	socket := c.Get("identityagent")
	switch {
	case socket == "none":
		return nil, nil, func() {}
	case socket == "" || socket == "SSH_AUTH_SOCK":
		socket = os.Getenv("SSH_AUTH_SOCK")
	case strings.HasPrefix(socket, "$"):
		socket = os.Getenv(strings.Trim(socket, "${}"))
	}
	if socket == "" {
		return nil, nil, func() {}
	}
	a := &client.Agent{Socket: expandTokens(socket, c)}
	conn, err := net.DialTimeout("unix", a.Socket, agentLimit)
	if err != nil {
		_, a.Err = errnoOf(err)
		return a, nil, func() {}
	}
	_ = conn.SetDeadline(time.Now().Add(agentLimit))
	asked := agent.NewClient(conn)
	signers, err := asked.Signers()
	if err != nil {
		a.Err = err.Error()
	}
	listed, _ := asked.List()
	var keys []identity
	for i, s := range signers {
		k := identity{Key: client.Key{Agent: true}, signer: patient{s, conn}, public: s.PublicKey()}
		if i < len(listed) {
			k.Comment = listed[i].Comment
		}
		if cert, ok := k.public.(*ssh.Certificate); ok {
			k.Cert = judgeCert(cert)
		}
		if strings.HasPrefix(k.public.Type(), "sk-") {
			k.Fault = client.FaultTouch
		}
		k.describe()
		keys = append(keys, k)
	}
	a.Keys = len(keys)
	return a, keys, func() { _ = conn.Close() }
}

// patient gives the agent a fresh time limit for every signature.
type patient struct {
	ssh.Signer
	conn net.Conn
}

func (p patient) SignWithAlgorithm(rand randReader, data []byte, algorithm string) (*ssh.Signature, error) {
	_ = p.conn.SetDeadline(time.Now().Add(agentLimit))
	s, ok := p.Signer.(ssh.AlgorithmSigner)
	if !ok {
		return nil, errors.New("the agent's key cannot sign with " + algorithm)
	}
	return s.SignWithAlgorithm(rand, data, algorithm)
}

// offerOrder puts the keys in the order in which ssh offers them (sshconnect2.c:
// pubkey_prepare): certificates, keys of the agent that the configuration
// names, other keys of the agent unless IdentitiesOnly, then files.
func offerOrder(files, fromAgent []identity, identitiesOnly bool) []identity {
	var certs, both, agents, rest []identity
	used := map[int]bool{}
	for _, f := range files {
		i := slices.IndexFunc(fromAgent, func(a identity) bool { return sameKey(a, f) })
		switch {
		case i >= 0:
			a := fromAgent[i]
			used[i] = true
			a.File, a.Named = f.File, f.Named
			both = append(both, a)
		case f.Cert != nil:
			certs = append(certs, f)
		default:
			rest = append(rest, f)
		}
	}
	for i, a := range fromAgent {
		if !used[i] && (!identitiesOnly || a.Cert != nil) {
			agents = append(agents, a)
		}
	}
	return slices.Concat(certs, both, agents, rest)
}

func sameKey(a, b identity) bool {
	return a.public != nil && b.public != nil && bytes.Equal(a.public.Marshal(), b.public.Marshal())
}
