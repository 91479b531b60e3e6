package facts

import (
	"strings"

	"sshwhy/internal/evidence"
)

// wantKeyTypes reads the public halves of the host keys, which say of which type
// they are, where the configuration takes only some types.
func wantKeyTypes(b *evidence.Bundle, _ Ask) []evidence.Item {
	if len(parseConfig(b).All("HostKeyAlgorithms")) == 0 {
		return nil
	}
	var items []evidence.Item
	for _, k := range parseHostKeys(b).Keys {
		if k.Origin.Known() {
			items = append(items, evidence.File(k.Path+".pub").AtMost(16<<10))
		}
	}
	return items
}

// readTypes adds the types of the keys: what the public half says, or else the name
// that ssh-keygen gives the file.
func (h *HostKeys) readTypes(b *evidence.Bundle) {
	for i, k := range h.Keys {
		if keys, _ := ParseAuthorizedKeys(k.Path+".pub", b.Get(evidence.File(k.Path+".pub")).Data); len(keys) == 1 {
			h.Keys[i].Type = keys[0].Type
			continue
		}
		for name, typ := range map[string]string{"_rsa_key": "ssh-rsa", "_ed25519_key": "ssh-ed25519", "_ecdsa_key": "ecdsa-sha2-nistp256"} {
			if strings.HasPrefix(k.Path, "/etc/ssh/ssh_host") && strings.HasSuffix(k.Path, name) {
				h.Keys[i].Type = typ
			}
		}
	}
}
