package client

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
)

// KeyDNS is what the host's zone says about its keys (SSHFP records, RFC 4255).
type KeyDNS struct {
	Wanted  string  `json:"wanted,omitempty"` // VerifyHostKeyDNS, where it is on: true or ask
	Name    string  `json:"name"`
	Server  string  `json:"server,omitempty"` // the name server that answered
	Code    string  `json:"code,omitempty"`   // NOERROR, NXDOMAIN …; empty if nobody answered
	Err     string  `json:"err,omitempty"`
	Secure  bool    `json:"secure,omitempty"`   // the name server vouches for the answer (DNSSEC, the AD bit)
	TrustAD bool    `json:"trust_ad,omitempty"` // resolv.conf lets the C library believe it, as ssh needs it
	Records []SSHFP `json:"records,omitempty"`
}

// SSHFP is one record, and how it compares with the key that the host showed.
type SSHFP struct {
	Algorithm   int    `json:"algorithm"` // RFC 4255, 6594, 7479: 1 RSA, 2 DSA, 3 ECDSA, 4 Ed25519
	Hash        int    `json:"hash"`      // 1 SHA-1, 2 SHA-256
	Fingerprint string `json:"fingerprint"`
	Same        bool   `json:"same,omitempty"`  // it is the key's
	Other       bool   `json:"other,omitempty"` // it is of a key of this kind, and of another one
}

const (
	typeSSHFP  = dnsmessage.Type(44) // RFC 4255
	maxSSHFP   = 32
	ednsSize   = 1232 // what fits every path (DNS flag day 2020)
	sshfpLimit = 3 * time.Second
)

// verifies is the value of VerifyHostKeyDNS where ssh asks DNS, or "".
func verifies(c *Config) string {
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
func (w *walker) askKeyDNS(ctx context.Context, h *HostKey) *KeyDNS {
	c := &w.obs.Config
	k := &KeyDNS{Wanted: verifies(c), Name: strings.TrimSuffix(c.Host(), ".") + "."}
	standing, _ := h.Standing()
	_, err := netip.ParseAddr(c.Host())
	if err == nil || h.key == nil || k.Wanted == "" && standing == KeyKnown { // ssh does not ask for an address either
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
		if k.ask(ctx, server); k.Code != "" {
			break
		}
	}
	k.compare(h.key)
	if k.Wanted == "" && len(k.Records) == 0 {
		return nil // nothing that anybody asked for
	}
	return k
}

// ask puts the question to one server.
func (k *KeyDNS) ask(ctx context.Context, server string) {
	id := uint16(rand.Uint32())
	query, err := packSSHFP(id, k.Name)
	if err != nil {
		k.Err = notAName
		return
	}
	reply, err := exchange(ctx, server, query)
	if err == nil {
		err = k.read(id, reply)
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

// read takes the records out of a reply.
func (k *KeyDNS) read(id uint16, reply []byte) error {
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
			k.Records = append(k.Records, SSHFP{Algorithm: int(r.Data[0]), Hash: int(r.Data[1]), Fingerprint: hex.EncodeToString(r.Data[2:])})
		}
	}
	return nil
}

// compare holds the records against the key; a certificate counts as the key in it.
func (k *KeyDNS) compare(key ssh.PublicKey) {
	if cert, ok := key.(*ssh.Certificate); ok {
		key = cert.Key
	}
	blob := key.Marshal()
	one, two := sha1.Sum(blob), sha256.Sum256(blob)
	sums := map[int]string{1: hex.EncodeToString(one[:]), 2: hex.EncodeToString(two[:])}
	algorithm := map[string]int{ssh.KeyAlgoRSA: 1, "ssh-dss": 2, ssh.KeyAlgoECDSA256: 3, ssh.KeyAlgoECDSA384: 3, ssh.KeyAlgoECDSA521: 3, ssh.KeyAlgoED25519: 4}[key.Type()]
	for i := range k.Records {
		r := &k.Records[i]
		if sum, ok := sums[r.Hash]; ok && r.Algorithm == algorithm {
			r.Same = r.Fingerprint == sum
			r.Other = !r.Same
		}
	}
}

// matches reports whether ssh takes the records for the key's: one is, and none of
// its kind is another's (OpenSSH dns.c, verify_host_key_dns).
func (k *KeyDNS) matches() bool {
	same := false
	for _, r := range k.Records {
		if r.Other {
			return false
		}
		same = same || r.Same
	}
	return same
}

// trusted reports whether ssh takes the key on the word of DNS alone.
func (k *KeyDNS) trusted() bool {
	return k != nil && k.Wanted == "true" && k.Secure && k.TrustAD && k.matches()
}
