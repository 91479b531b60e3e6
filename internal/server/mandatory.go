package server

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// Mandatory access control: what SELinux and AppArmor refuse sshd, by the
// kernel's own record of it.

// denials returns what one of the two refused, the newest last.
func (v *view) denials(by string) []facts.Denial {
	return slices.DeleteFunc(slices.Clone(v.SELinux.Denials), func(d facts.Denial) bool { return d.By != by })
}

// readable types are those under which sshd reads keys by the reference policy
// (ssh.te: ssh_home_t and the content of homes, also on NFS and CIFS).
var readableTypes = [...]string{"ssh_home_t", "user_home_t", "user_home_dir_t", "home_root_t", "nfs_t", "cifs_t", "admin_home_t", "etc_t", "cert_t", "sshd_key_t"}

// checkLabels looks for a key file whose SELinux label keeps sshd from reading it:
// the kernel refused it, and the label is still not what the policy wants.
func checkLabels(v *view, p *part) {
	if !v.known() || !v.SELinux.Enforcing {
		return
	}
	for _, l := range v.SELinux.Labels {
		if l.Has != "" && l.Has == l.Wanted {
			continue
		}
		base := l.Path[strings.LastIndexByte(l.Path, '/')+1:]
		i := slices.IndexFunc(v.denials("selinux"), func(d facts.Denial) bool {
			return (d.Name == base || d.Name == l.Path) && (d.Class == "file" || d.Class == "dir") && (l.Has == "" || d.Target == l.Has)
		})
		if i < 0 && (l.Has == "" || l.Wanted == "" || slices.Contains(readableTypes[:], l.Has)) {
			continue
		}
		f := p.found("authorized-keys-selinux", report.Degrading, "%s bears the SELinux label %s, under which sshd may not be able to read the keys of %s.", l.Path, l.Has, v.Account.Name)
		f.Certainty = report.Possible
		if i >= 0 {
			f.Summary = fmt.Sprintf("SELinux keeps sshd from reading the keys of %s: %s bears the label %s.", v.Account.Name, l.Path, orUnknown(l.Has))
			f.Certainty = report.Likely
			if v.keyWay() == yes && v.passwordWay() != yes || l.Has != "" && l.Wanted != "" {
				f.Impact = report.Blocking
			}
			quote(f, v.denials("selinux")[i].Quote)
		}
		quote(f, l.Quote...)
		quote(f, v.SELinux.Quote)
		top := v.SELinux.Labels[len(v.SELinux.Labels)-1].Path
		mend(f, "Give the paths the labels that the policy has for them.", do("restorecon -RFv "+shquote.Word(top), ""))
		return
	}
}

// checkAppArmor looks for what an enforced profile refused sshd.
func checkAppArmor(v *view, p *part) {
	denied := v.denials("apparmor")
	if v.SELinux.AppArmor.Text == "" || len(denied) == 0 {
		return
	}
	impact := report.Note
	last := denied[len(denied)-1]
	for _, d := range denied {
		key := strings.Contains(d.Name, "authorized_keys") || strings.Contains(d.Name, "/.ssh")
		switch {
		case !v.serving() && v.hasServer():
			impact, last = report.Blocking, d
		case key && v.known() && v.Account.Home != "" && strings.HasPrefix(d.Name, v.Account.Home+"/"):
			impact, last = report.Blocking, d
		case impact == report.Note && (key || d.Permission == "exec" || d.Permission == "capable"):
			impact, last = report.Degrading, d
		}
	}
	what := last.Permission
	if last.Name != "" {
		what += " of " + last.Name
	}
	f := p.found("bind-denied-apparmor", impact, "The AppArmor profile %s denies sshd something it asks for: %s.", last.Target, what)
	f.Certainty = report.Likely // what it was for, only sshd knows
	quote(f, last.Quote, v.SELinux.AppArmor)
	advise(f, "Let the profile only complain, see whether that was it, then allow in it what is named.", do("aa-complain /usr/sbin/sshd", "aa-enforce /usr/sbin/sshd"), v.restart())
}
