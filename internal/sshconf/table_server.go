package sshconf

// The facts of the tables: names, releases and Match from servconf.c and
// readconf.c of the releases 7.4 to 10.5, and of Debian's patches; what a value
// does from sshd_config(5). TestTable* hold them against real programs.

var yesNo = []string{"yes", "no"}

// server are the keywords that sshd alone has.
var server = []Keyword{
	// Where it listens.
	{Name: "ListenAddress", Side: Server, Kind: Text, Adds: true, rights: endpoints},

	// Who may log in.
	{Name: "AllowUsers", Side: Server, Kind: Patterns, InMatch: true, Adds: true, rights: allowing("AllowUsers", "")},
	{Name: "DenyUsers", Side: Server, Kind: Patterns, InMatch: true, Adds: true, rights: denying("")},
	{Name: "AllowGroups", Side: Server, Kind: Patterns, InMatch: true, Adds: true, rights: allowing("AllowGroups", "group")},
	{Name: "DenyGroups", Side: Server, Kind: Patterns, InMatch: true, Adds: true, rights: denying("group")},
	{Name: "PermitRootLogin", Side: Server, Kind: Choice, InMatch: true, Closed: "no",
		Words: []string{"yes", "no", "prohibit-password", "without-password", "forced-commands-only"}, rights: rootLogin},
	{Name: "RefuseConnection", Side: Server | Client, Kind: Flag, Since: "9.9", ClientSince: "10.1", InMatch: true, Words: yesNo, rights: noLets("connect")},
	{Name: "MaxAuthTries", Side: Server, Kind: Number, InMatch: true, rights: number("try more passwords and keys in one connection", nil)},
	{Name: "MaxSessions", Side: Server, Kind: Number, InMatch: true, rights: number("open more sessions in one connection", nil)},
	{Name: "MaxStartups", Side: Server, Kind: Text, rights: startups},
	{Name: "LoginGraceTime", Side: Server, Kind: Time, Words: []string{"none"}, rights: number("take longer to log in", map[string]int64{"0": unlimited, "none": unlimited})},
	{Name: "PerSourceMaxStartups", Side: Server, Kind: Number, Since: "8.5", Words: []string{"none"},
		rights: number("hold more connections open before logging in", map[string]int64{"none": unlimited})},
	{Name: "PerSourceNetBlockSize", Side: Server, Kind: Text, Since: "8.5"},
	{Name: "PerSourcePenalties", Side: Server, Kind: List, Since: "9.8", Adds: true},
	{Name: "PerSourcePenaltyExemptList", Side: Server, Kind: Patterns, Since: "9.8", Words: []string{"none"}, rights: subset("fail without penalty from %s", commas)},

	// By what.
	{Name: "AuthenticationMethods", Side: Server, Kind: List, InMatch: true, Words: []string{"any"}, rights: methods},
	{Name: "PermitEmptyPasswords", Side: Server, Kind: Flag, InMatch: true, Words: yesNo, Closed: "no", rights: yesLets("log in to accounts whose password is empty")},
	{Name: "UsePAM", Side: Server, Kind: Flag, Words: yesNo}, // PAM asks for more and lets in more, as its stacks say
	{Name: "PAMServiceName", Side: Server, Kind: Text, Since: "9.8", InMatch: true},
	{Name: "PubkeyAuthOptions", Side: Server, Kind: List, Since: "8.2", InMatch: true, Words: []string{"none", "touch-required", "verify-required"},
		rights: superset("log in with a security key without %s", words)},
	{Name: "AuthorizedKeysFile", Side: Server, Kind: Path, InMatch: true, Words: []string{"none"}, rights: subset("log in with the keys in %s", words)},
	{Name: "AuthorizedKeysCommand", Side: Server, Kind: Text, InMatch: true, Words: []string{"none"},
		rights: noneIs(false, "log in with the keys that AuthorizedKeysCommand prints")},
	{Name: "AuthorizedKeysCommandUser", Side: Server, Kind: Text, InMatch: true},
	{Name: "AuthorizedPrincipalsFile", Side: Server, Kind: Path, InMatch: true, Words: []string{"none"}},
	{Name: "AuthorizedPrincipalsCommand", Side: Server, Kind: Text, InMatch: true, Words: []string{"none"}},
	{Name: "AuthorizedPrincipalsCommandUser", Side: Server, Kind: Text, InMatch: true},
	{Name: "TrustedUserCAKeys", Side: Server, Kind: Path, InMatch: true, Words: []string{"none"}, rights: noneIs(false, "log in with certificates")},
	{Name: "RevokedKeys", Side: Server, Kind: Path, InMatch: true, Words: []string{"none"}, rights: superset("log in with keys that %s revokes", words)},
	{Name: "StrictModes", Side: Server, Kind: Flag, Words: yesNo, Closed: "yes", rights: noLets("log in with keys in files that others may write to")},
	{Name: "IgnoreRhosts", Side: Server, Kind: Choice, InMatch: true, Words: []string{"yes", "no", "shosts-only"}, Closed: "yes", rights: rhosts},
	{Name: "IgnoreUserKnownHosts", Side: Server, Kind: Flag, Words: yesNo, Closed: "yes", rights: noLets("vouch for hosts in their own known_hosts")},
	{Name: "HostbasedUsesNameFromPacketOnly", Side: Server, Kind: Flag, InMatch: true, Words: yesNo, rights: yesLets("log in from a host by the name it gives itself")},
	{Name: "KerberosOrLocalPasswd", Side: Server, Kind: Flag, Words: yesNo, rights: yesLets("log in with a local password where Kerberos refuses")},
	{Name: "KerberosTicketCleanup", Side: Server, Kind: Flag, Words: yesNo, rights: noLets("leave Kerberos tickets behind")},
	{Name: "KerberosGetAFSToken", Side: Server, Kind: Flag, Words: yesNo},
	{Name: "GSSAPICleanupCredentials", Side: Server, Kind: Flag, Words: yesNo, rights: noLets("leave GSSAPI credentials behind")},
	{Name: "GSSAPIStrictAcceptorCheck", Side: Server, Kind: Flag, Words: yesNo, rights: noLets("log in with a GSSAPI ticket for another service name")},
	{Name: "GSSAPIStoreCredentialsOnRekey", Side: Server, Kind: Flag, Words: yesNo, rights: yesLets("renew stored GSSAPI credentials")},
	{Name: "SecurityKeyProvider", Side: Server | Client, Kind: Text, Since: "8.2", ClientSince: "8.2", Words: []string{"internal"}},

	// What they may do.
	{Name: "AllowTcpForwarding", Side: Server, Kind: Choice, InMatch: true, Words: []string{"yes", "no", "all", "local", "remote"}, Closed: "no", rights: forwarding("TCP")},
	{Name: "AllowStreamLocalForwarding", Side: Server, Kind: Choice, InMatch: true, Words: []string{"yes", "no", "all", "local", "remote"}, Closed: "no", rights: forwarding("socket")},
	{Name: "AllowAgentForwarding", Side: Server, Kind: Flag, InMatch: true, Words: yesNo, Closed: "no", rights: yesLets("forward their agent")},
	{Name: "DisableForwarding", Side: Server, Kind: Flag, InMatch: true, Words: yesNo, Closed: "yes", rights: noLets("forward what the other settings allow")},
	{Name: "PermitOpen", Side: Server, Kind: List, InMatch: true, Words: []string{"any", "none"}, rights: only("forward connections to %s")},
	{Name: "PermitListen", Side: Server, Kind: List, Since: "7.8", InMatch: true, Words: []string{"any", "none"}, rights: only("have the server listen at %s for them")},
	{Name: "PermitTunnel", Side: Server, Kind: Choice, InMatch: true, Words: []string{"yes", "no", "point-to-point", "ethernet"}, Closed: "no", rights: tunnels},
	{Name: "PermitTTY", Side: Server, Kind: Flag, InMatch: true, Words: yesNo, rights: yesLets("have a terminal")},
	{Name: "PermitUserRC", Side: Server, Kind: Flag, InMatch: true, Words: yesNo, rights: yesLets("run ~/.ssh/rc")},
	{Name: "PermitUserEnvironment", Side: Server, Kind: Text, Words: yesNo, Closed: "no", rights: environment},
	{Name: "AcceptEnv", Side: Server, Kind: List, InMatch: true, Adds: true, Loss: LossHarmless, rights: subset("set %s in their sessions", lines)},
	{Name: "ForceCommand", Side: Server, Kind: Text, InMatch: true, Words: []string{"none"}, rights: forced},
	{Name: "ChrootDirectory", Side: Server, Kind: Path, InMatch: true, Words: []string{"none"}, rights: noneIs(true, "leave the directory that ChrootDirectory shuts them into")},
	{Name: "Subsystem", Side: Server, Kind: Text, InMatch: true, Adds: true, rights: subset("use the subsystem %s", lines)},
	{Name: "X11Forwarding", Side: Server, Kind: Flag, InMatch: true, Words: yesNo, Closed: "no", rights: yesLets("forward X11")},
	{Name: "X11UseLocalhost", Side: Server, Kind: Flag, InMatch: true, Words: yesNo, Closed: "yes", rights: noLets("reach forwarded X11 displays over the network")},
	{Name: "X11DisplayOffset", Side: Server, Kind: Number, InMatch: true, Loss: LossHarmless, rights: nobodys},
	{Name: "ExposeAuthInfo", Side: Server, Kind: Flag, Since: "7.6", InMatch: true, Words: yesNo, Closed: "no", rights: yesLets("read in their session how they logged in")},
	{Name: "ClientAliveInterval", Side: Server, Kind: Time, InMatch: true, rights: number("stay connected without a sign of life", map[string]int64{"0": unlimited})},
	{Name: "ClientAliveCountMax", Side: Server, Kind: Number, InMatch: true, rights: number("stay connected without a sign of life", map[string]int64{"0": unlimited})},
	{Name: "UnusedConnectionTimeout", Side: Server, Kind: Time, Since: "9.2", InMatch: true, Words: []string{"none"},
		rights: number("stay connected without a session", map[string]int64{"0": unlimited, "none": unlimited})},

	// The server itself.
	{Name: "HostKey", Side: Server, Kind: Path, Adds: true},
	{Name: "HostCertificate", Side: Server, Kind: Path, Adds: true},
	{Name: "HostKeyAgent", Side: Server, Kind: Path, Words: []string{"none"}},
	{Name: "ModuliFile", Side: Server, Kind: Path, Since: "8.6"},
	{Name: "RDomain", Side: Server, Kind: Text, Since: "7.7", InMatch: true},
	{Name: "SshdSessionPath", Side: Server, Kind: Path, Since: "9.8"},
	{Name: "SshdAuthPath", Side: Server, Kind: Path, Since: "10.0"},
	{Name: "UseDNS", Side: Server, Kind: Flag, Words: yesNo}, // decides about host names in Match and Allow* lines
	{Name: "PidFile", Side: Server, Kind: Path, Words: []string{"none"}, Loss: LossHarmless, rights: nobodys},
	{Name: "Banner", Side: Server, Kind: Path, InMatch: true, Words: []string{"none"}, Loss: LossHarmless, rights: nobodys},
	{Name: "DebianBanner", Side: Server, Kind: Flag, Words: yesNo, Loss: LossHarmless, rights: nobodys},
	{Name: "PrintMotd", Side: Server, Kind: Flag, Words: yesNo, Loss: LossHarmless, rights: nobodys},
	{Name: "PrintLastLog", Side: Server, Kind: Flag, Words: yesNo, Loss: LossHarmless, rights: nobodys},

	// Taken, and without effect.
	{Name: "ServerKeyBits", Side: Server, Kind: Number, Retired: true},
	{Name: "KeyRegenerationInterval", Side: Server, Kind: Time, Retired: true},
	{Name: "CheckMail", Side: Server, Kind: Flag, Retired: true},
	{Name: "UseLogin", Side: Server, Kind: Flag, Retired: true},
	{Name: "VerifyReverseMapping", Side: Server, Kind: Flag, Retired: true},
	{Name: "ReverseMappingCheck", Side: Server, Kind: Flag, Retired: true},
	{Name: "AuthorizedKeysFile2", Side: Server, Kind: Path, InMatch: true, Retired: true},
	{Name: "UsePrivilegeSeparation", Side: Server, Kind: Choice, Retired: true},
	{Name: "PAMAuthenticationViaKbdInt", Side: Server, Kind: Flag, Retired: true},

	{Name: "HostDSAKey", Side: Server, Kind: Path, Alias: "HostKey", Adds: true},
}

// rootLogin compares PermitRootLogin; without-password is the old name of
// prohibit-password, and what sshd -T prints.
var rootLogin = func() rights {
	forced := right{"root", "run the commands that keys in its authorized_keys name"}
	key := right{"root", "log in with a key"}
	password := right{"root", "log in with a password"}
	return granted(map[string][]right{
		"no": nil, "forced-commands-only": {forced},
		"prohibit-password": {key, forced}, "without-password": {key, forced}, "yes": {password, key, forced},
	})
}()

var rhosts = granted(map[string][]right{
	"yes": nil, "shosts-only": {{can: "vouch for hosts in ~/.shosts"}},
	"no": {{can: "vouch for hosts in ~/.shosts"}, {can: "vouch for hosts in ~/.rhosts"}},
})

var tunnels = granted(map[string][]right{
	"no": nil, "point-to-point": {{can: "open IP tunnels"}}, "ethernet": {{can: "open Ethernet tunnels"}},
	"yes": {{can: "open IP tunnels"}, {can: "open Ethernet tunnels"}},
})

func forwarding(what string) rights {
	local := right{can: "forward " + what + " connections from the client"}
	remote := right{can: "forward " + what + " connections to the client"}
	both := []right{local, remote}
	return granted(map[string][]right{"no": nil, "local": {local}, "remote": {remote}, "yes": both, "all": both})
}
