package sshconf

// common are the keywords of both sides. rights are the server's.
var common = []Keyword{
	{Name: "Match", Side: Server | Client, Kind: Block, InMatch: true, Adds: true},
	{Name: "Include", Side: Server | Client, Kind: Block, Since: "8.2", InMatch: true, Adds: true},
	{Name: "Port", Side: Server | Client, Kind: Number, Adds: true, Loss: LossOpensGlobal, rights: nobodys}, // ListenAddress of sshd -T has it
	{Name: "AddressFamily", Side: Server | Client, Kind: Choice, Words: []string{"any", "inet", "inet6"}, rights: families},

	{Name: "PasswordAuthentication", Side: Server | Client, Kind: Flag, InMatch: true, Words: yesNo, rights: yesLets("log in with a password")},
	{Name: "KbdInteractiveAuthentication", Side: Server | Client, Kind: Flag, InMatch: true, Words: yesNo, rights: yesLets("log in with a password that the server asks for (keyboard-interactive)")},
	{Name: "PubkeyAuthentication", Side: Server | Client, Kind: Flag, InMatch: true, Words: yesNo, rights: yesLets("log in with a key")},
	{Name: "HostbasedAuthentication", Side: Server | Client, Kind: Flag, InMatch: true, Words: yesNo, Closed: "no", rights: yesLets("log in from a host that the server trusts")},
	{Name: "GSSAPIAuthentication", Side: Server | Client, Kind: Flag, InMatch: true, Words: yesNo, rights: yesLets("log in with a Kerberos ticket")},
	{Name: "GSSAPIKeyExchange", Side: Server | Client, Kind: Flag, Words: yesNo, rights: yesLets("log in with a Kerberos ticket from the key exchange on")},
	{Name: "GSSAPIDelegateCredentials", Side: Server | Client, Kind: Flag, Since: "10.3", Words: yesNo},
	{Name: "GSSAPIKexAlgorithms", Side: Server | Client, Kind: Algorithms, rights: subset("exchange keys by %s", commas)},
	{Name: "KerberosAuthentication", Side: Server | Client, Kind: Flag, InMatch: true, Words: yesNo, rights: yesLets("log in with a Kerberos password")},

	{Name: "Ciphers", Side: Server | Client, Kind: Algorithms, rights: subset("encrypt with %s", commas)},
	{Name: "MACs", Side: Server | Client, Kind: Algorithms, rights: subset("guard their packets with %s", commas)},
	{Name: "KexAlgorithms", Side: Server | Client, Kind: Algorithms, rights: subset("exchange keys by %s", commas)},
	{Name: "HostKeyAlgorithms", Side: Server | Client, Kind: Algorithms, rights: subset("take %s as the host's signature", commas)},
	{Name: "PubkeyAcceptedAlgorithms", Side: Server | Client, Kind: Algorithms, Since: "8.5", ClientSince: "8.5", InMatch: true, rights: subset("log in with keys of type %s", commas)},
	{Name: "HostbasedAcceptedAlgorithms", Side: Server | Client, Kind: Algorithms, Since: "8.5", ClientSince: "8.7", InMatch: true, rights: subset("vouch for hosts with keys of type %s", commas)},
	{Name: "CASignatureAlgorithms", Side: Server | Client, Kind: Algorithms, Since: "7.9", ClientSince: "7.9", InMatch: true, rights: subset("log in with certificates signed with %s", commas)},
	{Name: "RequiredRSASize", Side: Server | Client, Kind: Number, Since: "9.1", ClientSince: "9.1", InMatch: true, rights: fewer("use smaller RSA keys", nil)},
	{Name: "RekeyLimit", Side: Server | Client, Kind: Text, InMatch: true, Words: []string{"default", "none"}, rights: rekey},

	{Name: "GatewayPorts", Side: Server | Client, Kind: Choice, InMatch: true, Words: []string{"yes", "no", "clientspecified"}, Closed: "no", rights: gateways},
	{Name: "StreamLocalBindMask", Side: Server | Client, Kind: Number, InMatch: true, rights: mask("let others use forwarded sockets")},
	{Name: "StreamLocalBindUnlink", Side: Server | Client, Kind: Flag, InMatch: true, Words: yesNo, Closed: "no", rights: yesLets("replace sockets that are there already")},
	{Name: "ChannelTimeout", Side: Server | Client, Kind: List, Since: "9.2", ClientSince: "9.6", InMatch: true, Words: []string{"none"}, rights: noneIs(true, "keep idle channels open")},
	{Name: "SetEnv", Side: Server | Client, Kind: List, Since: "7.8", ClientSince: "7.8", InMatch: true},

	{Name: "LogLevel", Side: Server | Client, Kind: Choice, InMatch: true,
		Words: []string{"QUIET", "FATAL", "ERROR", "INFO", "VERBOSE", "DEBUG", "DEBUG1", "DEBUG2", "DEBUG3"}, rights: logged},
	{Name: "LogVerbose", Side: Server | Client, Kind: List, Since: "8.5", ClientSince: "8.5", InMatch: true, Words: []string{"none"}, rights: nobodys},
	{Name: "SyslogFacility", Side: Server | Client, Kind: Choice, ClientSince: "7.6",
		Words: []string{"DAEMON", "USER", "AUTH", "AUTHPRIV", "LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4", "LOCAL5", "LOCAL6", "LOCAL7"}, rights: nobodys},

	{Name: "Compression", Side: Server | Client, Kind: Choice, Words: []string{"yes", "no", "delayed"}, Loss: LossHarmless, rights: nobodys},
	{Name: "TCPKeepAlive", Side: Server | Client, Kind: Flag, Words: yesNo, Loss: LossHarmless, rights: nobodys},
	{Name: "IPQoS", Side: Server | Client, Kind: List, InMatch: true, Words: []string{"none"}, Loss: LossHarmless, rights: nobodys},
	{Name: "FingerprintHash", Side: Server | Client, Kind: Choice, Words: []string{"md5", "sha256"}, Loss: LossHarmless, rights: nobodys},
	{Name: "VersionAddendum", Side: Server | Client, Kind: Text, ClientSince: "10.0", Words: []string{"none"}, Loss: LossHarmless, rights: nobodys},
	{Name: "XAuthLocation", Side: Server | Client, Kind: Path},

	{Name: "ChallengeResponseAuthentication", Side: Server | Client, Kind: Flag, InMatch: true, Words: yesNo, Alias: "KbdInteractiveAuthentication"},
	{Name: "SKeyAuthentication", Side: Server | Client, Kind: Flag, InMatch: true, Words: yesNo, Alias: "KbdInteractiveAuthentication"},
	{Name: "DSAAuthentication", Side: Server | Client, Kind: Flag, Words: yesNo, Alias: "PubkeyAuthentication"},
	{Name: "PubkeyAcceptedKeyTypes", Side: Server | Client, Kind: Algorithms, InMatch: true, Alias: "PubkeyAcceptedAlgorithms"},
	{Name: "HostbasedAcceptedKeyTypes", Side: Server, Kind: Algorithms, InMatch: true, Alias: "HostbasedAcceptedAlgorithms"},
	{Name: "HostbasedKeyTypes", Side: Client, Kind: Algorithms, Alias: "HostbasedAcceptedAlgorithms"},
	{Name: "KeepAlive", Side: Server | Client, Kind: Flag, Words: yesNo, Alias: "TCPKeepAlive", Loss: LossHarmless},

	{Name: "Protocol", Side: Server | Client, Kind: Text, Retired: true},
	{Name: "RhostsAuthentication", Side: Server | Client, Kind: Flag, Retired: true},
	{Name: "RhostsRSAAuthentication", Side: Server | Client, Kind: Flag, InMatch: true, Retired: true},
	{Name: "RSAAuthentication", Side: Server | Client, Kind: Flag, InMatch: true, Retired: true},
	{Name: "KerberosTgtPassing", Side: Server | Client, Kind: Flag, Retired: true},
	{Name: "AFSTokenPassing", Side: Server | Client, Kind: Flag, Retired: true},
}

var families = granted(map[string][]right{
	"inet": {{can: "come over IPv4"}}, "inet6": {{can: "come over IPv6"}},
	"any": {{can: "come over IPv4"}, {can: "come over IPv6"}},
})

var gateways = granted(map[string][]right{
	"no":              nil,
	"clientspecified": {{can: "choose who may use the ports they forward"}},
	"yes":             {{can: "open the ports they forward to every host"}},
})

// logged compares LogLevel: what is not logged is harder to find out.
var logged = func() rights {
	levels := []string{"debug3", "debug2", "debug1", "verbose", "info", "error", "fatal", "quiet"}
	of := map[string][]right{}
	for i, level := range levels {
		for _, lost := range levels[:i] {
			of[level] = append([]right{{can: "come and go without the log's " + lost + " messages"}}, of[level]...)
		}
	}
	of["debug"], of["silent"] = of["debug1"], of["quiet"] // sshd -T calls QUIET SILENT (log.c)
	return granted(of)
}()
