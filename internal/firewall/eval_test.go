package firewall

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// chainJSON is an input chain in nft's JSON, of rules given as lists of statements.
func chainJSON(policy string, rules ...string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `{"nftables":[{"chain":{"family":"inet","table":"t","name":"in","handle":1,"type":"filter","hook":"input","prio":0,"policy":%q}},
{"chain":{"family":"inet","table":"t","name":"sub","handle":2}}`, policy)
	for i, r := range rules {
		chain := "in"
		if s, ok := strings.CutPrefix(r, "sub: "); ok {
			chain, r = "sub", s
		}
		fmt.Fprintf(&b, ",\n"+`{"rule":{"family":"inet","table":"t","chain":%q,"handle":%d,"expr":[%s]}}`, chain, i+10, r)
	}
	return []byte(b.String() + "]}")
}

const (
	port22  = `{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":22}}`
	accept  = `{"accept":null}`
	drop    = `{"drop":null}`
	reject  = `{"reject":{"type":"tcp reset"}}`
	limit   = `{"limit":{"rate":5,"burst":5,"per":"minute"}}`
	numgen  = `{"match":{"op":"==","left":{"numgen":{"mode":"random","mod":2,"offset":0}},"right":0}}`
	newer   = `{"match":{"op":"==","left":{"brandnew":{"key":"x"}},"right":1}}`
	newStmt = `{"brandnew":{"x":1}}`
	log     = `{"log":{"prefix":"x"}}`
)

// TestThreeValues says what becomes of rules that cannot be decided: a verdict
// stands where all ways agree, and only there.
func TestThreeValues(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy string
		rules  []string
		kind   Kind
		unsure string
	}{
		{"limit lets in some", "drop", []string{port22 + "," + limit + "," + accept}, Limited, "limit rate 5/minute"},
		{"limit of a log does not matter", "accept", []string{limit + "," + log}, Accept, ""},
		{"limited drop before accept", "accept", []string{limit + "," + drop}, Limited, "limit"},
		{"chance, and both ways accept", "accept", []string{numgen + "," + accept}, Accept, ""},
		{"chance", "accept", []string{numgen + "," + drop}, CannotTell, "numgen"},
		{"chance, both ways stopped", "drop", []string{numgen + "," + reject}, Reject, ""},
		{"unknown match", "drop", []string{newer + "," + accept}, CannotTell, "brandnew"},
		{"unknown match with another that fails", "accept", []string{`{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":23}},` + newer + "," + drop}, Accept, ""},
		{"the same, the other way round", "accept", []string{newer + `,{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":23}},` + drop}, Accept, ""},
		{"unknown statement", "accept", []string{newStmt}, CannotTell, "brandnew"},
		{"unknown statement behind the verdict", "accept", []string{port22 + "," + drop, newStmt}, Drop, ""},
		{"unknown statement in a chain that is not called", "accept", []string{"sub: " + newStmt}, Accept, ""},
		{"unknown statement in a chain that is called", "accept", []string{`{"jump":{"target":"sub"}}`, "sub: " + newStmt}, CannotTell, "brandnew"},
		{"unknown operator", "accept", []string{strings.Replace(port22, "==", "~", 1) + "," + drop}, CannotTell, "tcp dport"},
		{"unknown symbol", "accept", []string{strings.Replace(port22, "22}", `"ssh-alt"}`, 1) + "," + drop}, CannotTell, "tcp dport"},
		{"a set that is not listed", "accept", []string{strings.Replace(port22, "22}", `"@ports"}`, 1) + "," + drop}, CannotTell, "@ports"},
		{"a chain that is not listed", "accept", []string{`{"jump":{"target":"gone"}}`}, CannotTell, "chain gone"},
		{"a chain that calls itself", "accept", []string{`{"jump":{"target":"sub"}}`, `sub: {"jump":{"target":"sub"}}`}, CannotTell, ""},
		{"an element of an unknown kind", "accept", []string{strings.Replace(port22, "22}", `{"set":[23,{"newrange":[1,2]}]}}`, 1) + "," + drop}, CannotTell, "newrange"},
		{"xt that nothing resolves", "accept", []string{`{"xt":{"type":"match","name":"recent"}},` + drop}, CannotTell, "recent"},
		{"queue", "accept", []string{`{"queue":{"num":3}}`}, CannotTell, "queue"},
		{"verdict as a string", "accept", []string{`"drop"`}, Drop, ""},
		{"reject without a type", "accept", []string{`{"reject":null}`}, Reject, ""},
		{"return to the policy", "drop", []string{`{"return":null}`, accept}, Drop, ""},
		{"goto does not come back", "drop", []string{`{"goto":{"target":"sub"}}`, accept}, Drop, ""},
		{"jump comes back", "drop", []string{`{"jump":{"target":"sub"}}`, accept}, Accept, ""},
	} {
		rs, problems := Read(Sources{NftJSON: chainJSON(c.policy, c.rules...)})
		if len(problems) > 0 {
			t.Errorf("%s: %v", c.name, problems)
		}
		v := rs.Evaluate(visit("192.0.2.2", 22))
		named := ""
		for _, u := range v.Unsure {
			named += u.Why.What + " "
		}
		if v.Kind != c.kind || !strings.Contains(named, c.unsure) {
			t.Errorf("%s: %v, unsure of %q; want %v, %q", c.name, v.Kind, named, c.kind, c.unsure)
		}
	}
}

// TestFoundByTheKernel keeps what the comparison with the kernel has taught.
func TestFoundByTheKernel(t *testing.T) {
	pre := func(prio int, rules ...string) []byte {
		doc := string(chainJSON("accept", rules...))
		return []byte(strings.NewReplacer(`"input","prio":0`, fmt.Sprintf(`"prerouting","prio":%d`, prio)).Replace(doc))
	}
	ctMark := `{"mangle":{"key":{"meta":{"key":"mark"}},"value":{"ct":{"key":"mark"}}}},`
	ctVmap := `{"vmap":{"key":{"ct":{"key":"state"}},"data":{"set":[["new",{"continue":null}],["established",{"accept":null}]]}}},`
	notDNAT := `{"match":{"op":"!=","left":{"ct":{"key":"status"}},"right":"dnat"}},`
	invalid := `{"match":{"op":"in","left":{"ct":{"key":"state"}},"right":"invalid"}},`
	redirect := `{"nftables":[{"chain":{"family":"ip","table":"n","name":"pre","handle":1,"type":"nat","hook":"prerouting","prio":-100,"policy":"accept"}},
{"rule":{"family":"ip","table":"n","chain":"pre","handle":2,"expr":[{"redirect":{"port":2222}}]}},`
	for _, c := range []struct {
		name string
		data []byte
		kind Kind
	}{
		{"a mangle whose value is missing ends the rule: no connection mark before conntrack", pre(-300, ctMark+drop), Accept},
		{"there is one after it", pre(-150, ctMark+drop), Drop},
		{"continue in a verdict map goes on in the same rule", chainJSON("accept", ctVmap+drop), Drop},
		{"before conntrack the state is invalid", pre(-300, invalid+drop), Drop},
		{"after it it is new", pre(-199, invalid+drop), Accept},
		{"ct status has bits that only the kernel sees, so it is not compared as a whole",
			[]byte(redirect + strings.TrimPrefix(string(chainJSON("accept", notDNAT+drop)), `{"nftables":[`)), CannotTell},
	} {
		rs, problems := Read(Sources{NftJSON: c.data})
		if len(problems) > 0 {
			t.Errorf("%s: %v", c.name, problems)
		}
		if v := rs.Evaluate(visit("192.0.2.2", 22)); v.Kind != c.kind {
			t.Errorf("%s: %v, want %v", c.name, v.Kind, c.kind)
		}
	}
}

// TestBehind asks what else stands in the way, one obstacle after the other.
func TestBehind(t *testing.T) {
	legacy := []byte("*filter\n:INPUT DROP [0:0]\n-A INPUT -j REJECT --reject-with tcp-reset\nCOMMIT\n")
	rs, _ := Read(Sources{NftJSON: chainJSON("drop", port22+","+drop), Legacy4: legacy})
	var opened []Outcome
	for range 2 {
		v := rs.EvaluateIf(visit("192.0.2.2", 22), opened)
		if v.Kind != Drop && v.Kind != Reject || v.Rule == nil {
			t.Fatalf("%d opened: %v", len(opened), v.Kind)
		}
		opened = append(opened, v.Outcome)
	}
	if opened[0].Rule == opened[1].Rule {
		t.Error("the same obstacle twice")
	}
	if v := rs.EvaluateIf(visit("192.0.2.2", 22), opened); v.Kind != Accept {
		t.Errorf("all opened: %v", v.Kind)
	}
}

// TestBridge says that rules of a bridge count where the packet comes by one, and
// leave the verdict open where that is not known.
func TestBridge(t *testing.T) {
	data := []byte(strings.ReplaceAll(string(chainJSON("accept", port22+","+drop)), `"inet"`, `"bridge"`))
	rs, _ := Read(Sources{NftJSON: data})
	for _, c := range []struct {
		port    string
		bridged Tri
		kind    Kind
	}{{"", Maybe, CannotTell}, {"", No, Accept}, {"eth0", Yes, Drop}} {
		p := visit("192.0.2.2", 22)
		p.BridgePort, p.Bridged = c.port, c.bridged
		if v := rs.Evaluate(p); v.Kind != c.kind {
			t.Errorf("port %q, bridged %d: %v, want %v", c.port, c.bridged, v.Kind, c.kind)
		}
	}
}

// TestOwners says whose a rule is, by the names that programs give their tables,
// chains and sets.
func TestOwners(t *testing.T) {
	for _, c := range []struct {
		backend            Backend
		table, chain, rule string
		want               Owner
	}{
		{Nftables, "filter", "input", "drop", Owner{Manager: ByNftables}},
		{IptablesNft, "filter", "INPUT", "-j DROP", Owner{Manager: ByIptables}},
		{Legacy, "filter", "ufw-user-input", "-j DROP", Owner{Manager: ByUfw}},
		{IptablesNft, "filter", "ufw6-before-input", "-j DROP", Owner{Manager: ByUfw}},
		{Nftables, "firewalld", "filter_IN_public_deny", "reject", Owner{Manager: ByFirewalld, Zone: "public"}},
		{Nftables, "firewalld", "filter_IN_policy_allow-host-ipv6", "reject", Owner{Manager: ByFirewalld}},
		{Nftables, "f2b-table", "f2b-chain", "tcp dport 22 ip saddr @addr-set-sshd reject", Owner{Manager: ByFail2ban, Jail: "sshd"}},
		{Nftables, "f2b-table", "f2b-chain", "tcp dport 22 ip6 saddr @addr6-set-sshd-ddos reject", Owner{Manager: ByFail2ban, Jail: "sshd-ddos"}},
		{Legacy, "filter", "f2b-recidive", "-s 192.0.2.2/32 -j REJECT", Owner{Manager: ByFail2ban, Jail: "recidive"}},
		{Nftables, "sshguard", "blacklist", "ip saddr @attackers drop", Owner{Manager: BySshguard}},
		{Nftables, "crowdsec6", "crowdsec6-chain", "drop", Owner{Manager: ByCrowdsec}},
		{IptablesNft, "filter", "INPUT", "-m set --match-set crowdsec-blacklists src -j DROP", Owner{Manager: ByCrowdsec}},
		{IptablesNft, "nat", "DOCKER", "-p tcp -j DNAT", Owner{Manager: ByDocker}},
		{IptablesNft, "filter", "LIBVIRT_INP", "-j DROP", Owner{Manager: ByLibvirt}},
		{IptablesNft, "filter", "KUBE-FIREWALL", "-j DROP", Owner{Manager: ByKubernetes}},
	} {
		rs := newRuleset()
		o := Outcome{Chain: rs.chain(c.backend, "ip", c.table, c.chain), Rule: &Rule{Text: c.rule}}
		if got := rs.OwnerOf(&o); got != c.want {
			t.Errorf("%s %s %q: %+v, want %+v", c.table, c.chain, c.rule, got, c.want)
		}
	}
}

// TestTies says that chains of the same priority are followed in both orders: that
// the packet is stopped is sure, with what answer is not.
func TestTies(t *testing.T) {
	legacy := []byte("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j REJECT --reject-with tcp-reset\nCOMMIT\n")
	rs, _ := Read(Sources{NftJSON: chainJSON("accept", drop), Legacy4: legacy})
	v := rs.Evaluate(visit("192.0.2.2", 22))
	if v.Kind != Reject || len(v.Possible) != 2 {
		t.Errorf("%v, possible %v", v.Kind, v.Possible)
	}
	rs, _ = Read(Sources{NftJSON: chainJSON("accept", accept), Legacy4: legacy})
	if v := rs.Evaluate(visit("192.0.2.2", 22)); v.Kind != Reject || len(v.Possible) != 0 {
		t.Errorf("%v, possible %v", v.Kind, v.Possible)
	}
}

// TestNewerExpressionsNeverDecide puts an expression of a later nft in the place
// of each expression of a ruleset, one after the other: whatever stands there, the
// verdict may only be the one of before where the rule was not reached, or unknown.
func TestNewerExpressionsNeverDecide(t *testing.T) {
	rules := []string{port22 + "," + reject, `{"jump":{"target":"sub"}},` + drop, "sub: " + limit + "," + drop, accept}
	plain, _ := Read(Sources{NftJSON: chainJSON("accept", rules...)})
	for _, port := range []uint16{22, 80} {
		before := plain.Evaluate(visit("192.0.2.2", port))
		for i := range rules {
			changed := append([]string(nil), rules...)
			head := ""
			if strings.HasPrefix(changed[i], "sub: ") {
				head = "sub: "
			}
			changed[i] = head + newStmt + "," + strings.TrimPrefix(changed[i], head)
			rs, _ := Read(Sources{NftJSON: chainJSON("accept", changed...)})
			after := rs.Evaluate(visit("192.0.2.2", port))
			if after.Kind != CannotTell && after.class() != before.class() {
				t.Errorf("rule %d, port %d: %v, which was %v", i, port, after.Kind, before.Kind)
			}
		}
	}
}

// TestUnreadable says that a listing which ends early, or is none, decides nothing.
func TestUnreadable(t *testing.T) {
	whole := chainJSON("accept", port22+","+drop)
	for _, data := range [][]byte{[]byte(""), []byte("Error: syntax"), []byte(`{"nftables":[`), whole[:len(whole)-30], []byte(`{"nftables":[{"chain":{"family":1}}]}`)} {
		rs, problems := Read(Sources{NftJSON: data})
		if v := rs.Evaluate(visit("192.0.2.2", 22)); v.Kind != CannotTell || len(problems) == 0 {
			t.Errorf("%q: %v, problems %v", data, v.Kind, problems)
		}
	}
	rs, problems := Read(Sources{Legacy4: []byte("*filter\n:INPUT DROP [0:0]\n-A INPUT -j AC")})
	if v := rs.Evaluate(visit("192.0.2.2", 22)); v.Kind != CannotTell || len(problems) == 0 {
		t.Errorf("half of iptables-save: %v, %v", v.Kind, problems)
	}
}

// TestOtherPaths follows what goes out, and the answer to what came in.
func TestOtherPaths(t *testing.T) {
	out := strings.NewReplacer(`"input"`, `"output"`).Replace(string(chainJSON("drop",
		`{"match":{"op":"in","left":{"ct":{"key":"state"}},"right":["established","related"]}},`+accept,
		`{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":{"prefix":{"addr":"192.0.2.0","len":24}}}},`+accept)))
	rs, _ := Read(Sources{NftJSON: []byte(out)})
	me, you := netip.MustParseAddr("198.51.100.10"), netip.MustParseAddr("203.0.113.5")
	for _, c := range []struct {
		p    Packet
		kind Kind
	}{
		{Packet{Path: Answer, Family: IPv4, Src: me, Dst: you, Sport: 22}, Accept},
		{Packet{Path: Outgoing, Family: IPv4, Src: me, Dst: you, Dport: 22}, Drop},
		{Packet{Path: Outgoing, Family: IPv4, Src: me, Dst: netip.MustParseAddr("192.0.2.9"), Dport: 22}, Accept},
		{Packet{Path: Incoming, Family: IPv4, Src: you, Dst: me, Dport: 22}, Accept},
	} {
		if v := rs.Evaluate(c.p); v.Kind != c.kind {
			t.Errorf("path %d to %v: %v, want %v", c.p.Path, c.p.Dst, v.Kind, c.kind)
		}
	}
}

func TestSymptoms(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		with RejectWith
		f    Family
		want string
	}{
		{Drop, "", IPv4, "Connection timed out"},
		{Reject, WithReset, IPv6, "Connection refused"},
		{Reject, WithPortUnreach, IPv4, "Connection refused"},
		{Reject, WithAdminProhib, IPv4, "No route to host"},
		{Reject, WithAdminProhib, IPv6, "Permission denied"},
		{Reject, WithHostProhib, IPv4, "No route to host"},
		{Reject, WithNetUnreach, IPv6, "Network is unreachable"},
		{Reject, WithProtUnreach, IPv4, "Protocol not available"},
		{Accept, "", IPv4, ""},
	} {
		if got := Symptom(c.kind, c.with, c.f); got != c.want {
			t.Errorf("%v with %s: %q, want %q", c.kind, c.with, got, c.want)
		}
	}
}

func TestUfwTuples(t *testing.T) {
	tuples := UfwTuples(
		[]byte("### tuple ### deny tcp 22 0.0.0.0/0 any 203.0.113.0/24 in\n-A ufw-user-input -p tcp --dport 22 -s 203.0.113.0/24 -j DROP\n\n"+
			"### tuple ### allow any 53 0.0.0.0/0 any 0.0.0.0/0 in\n-A ufw-user-input -p tcp --dport 53 -j ACCEPT\n-A ufw-user-input -p udp --dport 53 -j ACCEPT\n"+
			"### tuple ### route:allow any any 0.0.0.0/0 any 0.0.0.0/0 in\n-A ufw-user-forward -j ACCEPT\n"+
			"### tuple ### reject_log any any 0.0.0.0/0 any 192.0.2.2 in_eth0\n-A ufw-user-input -s 192.0.2.2 -j REJECT\n"),
		[]byte("### tuple ### limit tcp 22 ::/0 any ::/0 in\n-A ufw6-user-input -p tcp --dport 22 -j ufw6-user-limit-accept\n"))
	for _, c := range []struct {
		n     int
		v6    bool
		title string
	}{
		{1, false, "ufw rule 1 (deny 22/tcp from 203.0.113.0/24)"},
		{3, false, "ufw rule 2 (allow 53)"},
		{4, false, "ufw rule 4 (reject log from 192.0.2.2)"},
		{1, true, "ufw rule 5 (limit 22/tcp)"},
	} {
		got, ok := UfwTupleAt(tuples, c.n, c.v6)
		if !ok || got.Title() != c.title {
			t.Errorf("line %d: %q, want %q", c.n, got.Title(), c.title)
		}
	}
	if _, ok := UfwTupleAt(tuples, 9, false); ok {
		t.Error("there is no ninth line")
	}
}
