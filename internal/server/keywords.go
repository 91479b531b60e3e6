package server

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/sshconf"
)

// What a login passes of sshd_config: every keyword once. Either a check evaluates
// it, or it keeps nobody out, or it is not simulated and then, where it is set to
// something that could keep the visitor out, it stands against "fine". A keyword
// that a newer release prints and that is in none of the tables is not known, and
// not fine.

// evaluated are the keywords that a check reads, with its name (TestKeywords finds it).
var evaluated = map[string]string{
	"Port": "checkListenMissing", "ListenAddress": "checkListenMissing", "AddressFamily": "checkFamily",
	"AllowUsers": "checkLists", "DenyUsers": "checkLists", "AllowGroups": "checkLists", "DenyGroups": "checkLists",
	"PermitRootLogin": "checkRootLogin", "RefuseConnection": "checkRefused", "MaxSessions": "checkRefused",
	"MaxStartups": "checkDropped", "PerSourceMaxStartups": "checkDropped", "PerSourceNetBlockSize": "checkDropped",
	"PerSourcePenalties": "checkDropped", "PerSourcePenaltyExemptList": "checkDropped",
	"AuthenticationMethods": "checkMethods", "PasswordAuthentication": "checkPasswordOff", "KbdInteractiveAuthentication": "checkPasswordOff",
	"PermitEmptyPasswords": "checkPasswordOff", "PubkeyAuthentication": "checkKeys", "AuthorizedKeysFile": "checkKeys", "StrictModes": "checkKeys",
	"PubkeyAcceptedAlgorithms": "checkKeys", "RequiredRSASize": "checkKeysRefused", "RevokedKeys": "checkRevoked",
	"UsePAM": "checkPAMStacks", "PAMServiceName": "checkPAMStacks",
	"TrustedUserCAKeys": "checkCertificates", "AuthorizedPrincipalsFile": "checkCertificates", "AuthorizedPrincipalsCommandUser": "checkCertificates",
	"CASignatureAlgorithms": "checkCertificates",
	"ForceCommand":          "checkForcedCommand", "ChrootDirectory": "checkChroot", "PermitUserRC": "checkStartFiles",
	"Ciphers": "checkProposals", "MACs": "checkProposals", "KexAlgorithms": "checkProposals", "HostKeyAlgorithms": "checkHostKeyAlgorithms",
	"HostKey": "checkHostKeys", "HostCertificate": "checkHostKeyAlgorithms",
	"SshdSessionPath": "checkHelpers", "SshdAuthPath": "checkHelpers",
	"UseDNS": "checkLists", "LogLevel": "checkLogged",
}

// harmless are the keywords that keep nobody from logging in, whatever they say:
// they open further ways, or rule what a session may do.
var harmless = strings.Fields(`HostbasedAuthentication HostbasedAcceptedAlgorithms HostbasedUsesNameFromPacketOnly IgnoreRhosts IgnoreUserKnownHosts
	GSSAPIAuthentication GSSAPIKeyExchange GSSAPIDelegateCredentials GSSAPIKexAlgorithms GSSAPICleanupCredentials GSSAPIStrictAcceptorCheck
	GSSAPIStoreCredentialsOnRekey KerberosAuthentication KerberosOrLocalPasswd KerberosTicketCleanup KerberosGetAFSToken
	AllowTcpForwarding AllowStreamLocalForwarding AllowAgentForwarding DisableForwarding PermitOpen PermitListen PermitTunnel GatewayPorts
	StreamLocalBindMask StreamLocalBindUnlink X11Forwarding X11UseLocalhost X11DisplayOffset XAuthLocation AcceptEnv ExposeAuthInfo
	ClientAliveInterval ClientAliveCountMax RekeyLimit Compression TCPKeepAlive IPQoS FingerprintHash VersionAddendum DebianBanner Banner
	PidFile PrintMotd PrintLastLog LogVerbose SyslogFacility ModuliFile UnusedConnectionTimeout`)

// unsimulated are the keywords whose effect is not worked out: each says why its
// value may keep the visitor out, "" where it cannot.
var unsimulated = map[string]func(v *view, value string) string{
	"AuthorizedKeysCommand": func(v *view, value string) string {
		if value == "none" || v.keysByFile() == yes || v.commandFault() != nil {
			return ""
		}
		return "the keys that it prints were not asked for"
	},
	"AuthorizedKeysCommandUser": func(*view, string) string { return "" }, // sshd refuses the configuration without it
	"AuthorizedPrincipalsCommand": func(v *view, value string) string {
		if value == "none" || v.Certs.CA == "" || v.keysByFile() == yes || v.principalsCommandFault() != "" {
			return ""
		}
		return "the names that it prints were not asked for"
	},
	"PubkeyAuthOptions":   func(v *view, value string) string { return ofSecurityKeys(v, value == "none") },
	"SecurityKeyProvider": func(v *view, value string) string { return ofSecurityKeys(v, value == "internal") },
	"MaxAuthTries": func(_ *view, value string) string {
		return when(value == "1", "who tries one wrong key or password first is turned away")
	},
	"LoginGraceTime": func(_ *view, value string) string {
		return when(len(value) == 1 && value != "0", "that may be too short for a login")
	},
	"PermitTTY": func(v *view, value string) string {
		return when(value == "no" && len(v.Login.Forced) == 0, "a login gets no terminal; a command works")
	},
	"PermitUserEnvironment": func(_ *view, value string) string {
		return when(value != "no", "what the user's own environment does to the login was not tried")
	},
	"SetEnv": func(v *view, _ string) string {
		for _, q := range v.Effective.Quote("setenv") {
			for _, w := range strings.Fields(q.Text)[1:] {
				name, _, _ := strings.Cut(strings.TrimLeft(w, `"`), "=")
				if strings.HasPrefix(name, "LD_") || slices.Contains([]string{"PATH", "HOME", "SHELL", "ENV", "BASH_ENV"}, name) {
					return "what " + name + " does to the login was not tried"
				}
			}
		}
		return ""
	},
	"ChannelTimeout": func(_ *view, value string) string {
		return when(strings.Contains(value, "session") || strings.Contains(value, "*") || strings.Contains(value, "global"), "an idle session is closed")
	},
	"Subsystem": func(*view, string) string { return "" }, // of sftp alone
	"RDomain": func(_ *view, value string) string {
		return when(value != "" && value != "none", "whether that routing domain exists was not looked at")
	},
	"HostKeyAgent": func(_ *view, value string) string {
		return when(value != "" && value != "none", "whether the agent that holds the host keys answers was not tried")
	},
}

func when(holds bool, reason string) string {
	if holds {
		return reason
	}
	return ""
}

// ofSecurityKeys: a setting that is about keys on hardware.
func ofSecurityKeys(v *view, fine bool) string {
	for _, k := range v.Access.Keys {
		if slices.ContainsFunc(k.Held, func(key facts.AuthorizedKey) bool { return strings.HasPrefix(key.Type, "sk-") }) {
			return when(!fine, "whether the visitor's security key does what it asks for cannot be seen here")
		}
	}
	return ""
}

// checkKeywords goes through all that sshd says of its configuration for the visitor.
func checkKeywords(v *view, p *part) {
	if !v.known() || !v.Effective.Origin.Known() {
		return
	}
	for _, why := range v.Effective.Unsure {
		p.also("settings for "+v.Account.Name, why)
	}
	for _, word := range slices.Sorted(maps.Keys(v.Effective.Values)) {
		k, known := sshconf.Lookup(sshconf.Server, word)
		name := k.Canonical()
		_, isEvaluated := evaluated[name]
		doubt, isUnsimulated := unsimulated[name]
		switch {
		case isEvaluated, slices.Contains(harmless, name), k.Retired:
		case isUnsimulated:
			if why := doubt(v, v.Effective.Value(word)); why != "" {
				p.also("setting "+name, fmt.Sprintf("%s: %s", excerpt(v.Effective.Quote(word)[0].Text), why))
			}
		case !known:
			p.cannot("setting "+word, fmt.Sprintf("this release of sshd has a setting that is not known here: %s", excerpt(v.Effective.Quote(word)[0].Text)))
		default:
			p.cannot("setting "+name, "what it does to a login is not known here")
		}
	}
}
