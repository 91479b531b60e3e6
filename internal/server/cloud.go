package server

import (
	"fmt"
	"strconv"
	"strings"

	"sshwhy/internal/report"
)

// checkCloud: the machine lets the visitor in, and it runs in a cloud, whose own
// firewall cannot be seen from inside. That is the next thing to look at, and
// only where nothing on the machine itself keeps the visitor out.
func checkCloud(v *view, p *part) {
	if v.Cloud.Name == "" || v.loopbackClient() {
		return
	}
	for _, f := range p.others {
		if f.Impact == report.Blocking {
			return
		}
	}
	f := p.found("cloud-firewall", report.Note, "This machine runs in a cloud (%s), whose own firewall stands before it and cannot be seen from here: if clients time out, look there.", v.Cloud.Quote.Text)
	f.Certainty = report.Possible
	quote(f, v.Cloud.Quote)
	advise(f, "Let port "+strconv.Itoa(v.port)+" in there, for the client's address only.", v.cloudStep()...)
}

// cloudStep is the cloud's own command for an opening; capital words are to be
// filled in.
func (v *view) cloudStep() []report.Step {
	source := "CLIENT/32"
	if c := v.q.Client.Unmap().WithZone(""); c.IsValid() {
		source = fmt.Sprintf("%s/%d", c, c.BitLen())
	}
	port := strconv.Itoa(v.port)
	command := map[string]string{
		"aws":          "aws ec2 authorize-security-group-ingress --group-id GROUP --protocol tcp --port PORT --cidr SOURCE",
		"azure":        "az network nsg rule create -g RESOURCE-GROUP --nsg-name NSG -n allow-ssh --priority 1000 --source-address-prefixes SOURCE --destination-port-ranges PORT --protocol Tcp",
		"gcp":          "gcloud compute firewall-rules create allow-ssh --network=NETWORK --direction=INGRESS --action=ALLOW --rules=tcp:PORT --source-ranges=SOURCE",
		"digitalocean": `doctl compute firewall add-rules FIREWALL --inbound-rules "protocol:tcp,ports:PORT,address:SOURCE"`,
		"hetzner":      "hcloud firewall add-rule FIREWALL --direction in --protocol tcp --port PORT --source-ips SOURCE",
	}[v.Cloud.Name]
	if command == "" {
		return nil
	}
	return []report.Step{{Do: strings.NewReplacer("PORT", port, "SOURCE", source).Replace(command), Where: report.OnClient}}
}
