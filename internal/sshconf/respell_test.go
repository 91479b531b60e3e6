package sshconf

import "testing"

func TestRespell(t *testing.T) {
	for word, want := range map[string]string{
		"PermitRotLogin": "PermitRootLogin", "PasswordAuthentification": "PasswordAuthentication", "listenadress": "ListenAddress",
		"Prot": "Port", "AlowUsers": "AllowUsers", "DenyUser": "DenyUsers", "IgnorRhosts": "IgnoreRhosts", "UseDNSS": "UseDNS", "Mathc": "Match",
		// far, or the opposite
		"DenyRootLogin": "", "DisablePasswordAuthentication": "", "DenyEmptyPasswords": "", "DisallowUsers": "", "OnlyUsers": "",
		"NoX11Forwarding": "", "X11NoForwarding": "", "PermitNoTTY": "", "UnUsePAM": "", "NoUsePAM": "", "ForbidRootLogin": "",
		"PasswordLogin": "", "RootLogin": "", "Foo": "", "x": "", "": "", "PermitLogin": "", "AllowLogin": "",
	} {
		if got := Respell(Server, word); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
}

func TestRespellValue(t *testing.T) {
	for _, c := range []struct{ keyword, value, want string }{
		{"AllowStreamLocalForwarding", "noo", "no"}, {"PermitListen", "nonne", "none"}, {"PubkeyAuthOptions", "verify-requird", "verify-required"},
		{"PermitRootLogin", "prohibit-pasword", "prohibit-password"}, {"PermitRootLogin", "yess", "yes"}, {"DisableForwarding", "yo", ""}, {"PermitRootLogin", "ys", ""}, {"PasswordAuthentication", "n", "no"},
		{"PasswordAuthentication", "on", ""}, {"PasswordAuthentication", "off", ""}, {"X11Forwarding", "yesno", ""}, {"PermitRootLogin", "maybe", ""},
		{"LogLevel", "DEBUG4", ""}, {"PermitRootLogin", "password", ""}, {"PermitRootLogin", "not-password", ""},
	} {
		k, ok := Lookup(Server, c.keyword)
		if got := k.RespellValue(c.value); !ok || got != c.want {
			t.Errorf("%s %s: %q, want %q", c.keyword, c.value, got, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{
		"Prot": "Port", "PermitRotLogin": "PermitRootLogin", "PasswordAuthentification": "PasswordAuthentication",
		"listenadress": "ListenAddress", "Foo": "", "x": "", "Xyzzyplugh": "",
		"DenyEmptyPasswords": "", "DisallowUsers": "", "DenyRootLogin": "", "OnlyUsers": "", "IgnorRhosts": "IgnoreRhosts",
	} {
		if got := Nearest(Server, word); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
}

func FuzzRespell(f *testing.F) {
	f.Add("PermitRotLogin")
	f.Fuzz(func(t *testing.T, word string) {
		if got := Respell(Server, word); got != "" && Distance(word, got) > len(word)+len(got) {
			t.Fatal(got)
		}
		Nearest(Server, word)
	})
}
