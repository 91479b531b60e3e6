package walk

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/net/dns/dnsmessage"

	"sshwhy/internal/client"
)

const (
	typeSSHFP  = dnsmessage.Type(44) // RFC 4255
	maxSSHFP   = 32
	ednsSize   = 1232 // what fits every path (DNS flag day 2020)
	sshfpLimit = 3 * time.Second
)

// wantsSSHFP is the value of VerifyHostKeyDNS where ssh asks DNS, or "".
func wantsSSHFP(c *client.Config) string {
	switch v := c.Get("verifyhostkeydns"); v {
	case "yes", "true":
		return "true"
	case "ask":
		return v
	}
	return ""
}

// askKeyDNS asks the zone about the host's keys: where ssh would, and for a key that
// is not on record or another than the one on record also of ourselves, for a moment
// only, because DNS is a second witness then.
func (w *walker) askKeyDNS(ctx context.Context, h *client.HostKey, key ssh.PublicKey) *client.KeyDNS {
	c := &w.obs.Config
	k := &client.KeyDNS{Wanted: wantsSSHFP(c), Name: strings.TrimSuffix(c.Host(), ".") + "."}
	standing, _ := h.Standing()
	_, err := netip.ParseAddr(c.Host())
	if err == nil || k.Wanted == "" && standing == client.KeyKnown { // ssh does not ask for an address either
		return nil
	}
	limit := sshfpLimit
	if k.Wanted == "" {
		limit = dnsWait
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conf := readResolvConf()
	k.TrustAD = conf.trustAD
	for _, server := range conf.servers {
		if askSSHFP(ctx, k, server); k.Code != "" {
			break
		}
	}
	compareSSHFP(k.Records, key)
	if k.Wanted == "" && len(k.Records) == 0 {
		return nil // nothing that anybody asked for
	}
	return k
}

// askSSHFP puts the question to one server.
func askSSHFP(ctx context.Context, k *client.KeyDNS, server string) {
	id := uint16(rand.Uint32())
	query, err := packSSHFP(id, k.Name)
	if err != nil {
		k.Err = client.NotAName
		return
	}
	reply, err := exchange(ctx, server, query)
	if err == nil {
		err = readSSHFP(k, id, reply)
	}
	if err != nil {
		k.Err = whyNoAnswer(err)
		return
	}
	k.Server, k.Err = server, ""
}

// packSSHFP is the question, with the wish to have it vouched for (RFC 3225, RFC
// 6840 section 5.7), as getrrsetbyname of OpenSSH has it.
func packSSHFP(id uint16, name string) ([]byte, error) {
	n, err := dnsmessage.NewName(name)
	if err != nil {
		return nil, err
	}
	var opt dnsmessage.ResourceHeader
	if err := opt.SetEDNS0(ednsSize, dnsmessage.RCodeSuccess, true); err != nil {
		return nil, err
	}
	m := dnsmessage.Message{
		Header:      dnsmessage.Header{ID: id, RecursionDesired: true, AuthenticData: true},
		Questions:   []dnsmessage.Question{{Name: n, Type: typeSSHFP, Class: dnsmessage.ClassINET}},
		Additionals: []dnsmessage.Resource{{Header: opt, Body: &dnsmessage.OPTResource{}}},
	}
	return m.Pack()
}

// readSSHFP takes the records out of a reply.
func readSSHFP(k *client.KeyDNS, id uint16, reply []byte) error {
	var p dnsmessage.Parser
	head, err := p.Start(reply)
	if err != nil || head.ID != id || !head.Response {
		return errors.New("the answer is no answer to the question")
	}
	if head.Truncated {
		return errors.New("the answer is too long for one packet")
	}
	k.Code, k.Secure = codeName(head.RCode), head.AuthenticData
	if p.SkipAllQuestions() != nil {
		return nil
	}
	for len(k.Records) < maxSSHFP {
		h, err := p.AnswerHeader()
		if err != nil {
			return nil
		}
		if h.Type != typeSSHFP {
			if p.SkipAnswer() != nil {
				return nil
			}
			continue
		}
		r, err := p.UnknownResource()
		if err != nil {
			return nil
		}
		if len(r.Data) > 2 && len(r.Data) <= 2+64 {
			k.Records = append(k.Records, client.SSHFP{Algorithm: int(r.Data[0]), Hash: int(r.Data[1]), Fingerprint: hex.EncodeToString(r.Data[2:])})
		}
	}
	return nil
}

// compareSSHFP holds the records against a key; that of a certificate is the key in it.
func compareSSHFP(records []client.SSHFP, key ssh.PublicKey) {
	blob := key.Marshal()
	one, two := sha1.Sum(blob), sha256.Sum256(blob)
	sums := map[int]string{1: hex.EncodeToString(one[:]), 2: hex.EncodeToString(two[:])}
	algorithm := map[string]int{ssh.KeyAlgoRSA: 1, "ssh-dss": 2, ssh.KeyAlgoECDSA256: 3, ssh.KeyAlgoECDSA384: 3, ssh.KeyAlgoECDSA521: 3, ssh.KeyAlgoED25519: 4}[key.Type()]
	for i := range records {
		r := &records[i]
		if sum, ok := sums[r.Hash]; ok && r.Algorithm == algorithm {
			r.Same = r.Fingerprint == sum
			r.Other = !r.Same
		}
	}
}
