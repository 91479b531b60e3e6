//go:build linux

package lab

import (
	"strings"
	"testing"
)

// TestUsersTricks has root mend what a user has laid out for it: a link, a
// directory, a third user's file, a set-uid program. Nothing of root's or of
// another user's is changed or given away, and nobody gets in unasked.
func TestUsersTricks(t *testing.T) {
	t.Parallel()
	tools := setUpFixes(t)
	const (
		aKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBdT/C49ycsG+eP8a3kNTwofFTUxbB34O39EU+6tW6/x mallory@example"
		bob  = "runuser -u bob -- sh -euc "
	)
	ctx, w := bootTrixie(t, tools, 2*caseLimit)
	must := func(t *testing.T, script string) Result {
		t.Helper()
		res := w.Server(ctx, "set -eu\n"+script)
		if res.Exit != 0 {
			t.Fatal(res)
		}
		return res
	}
	must(t, `mkdir -p -m 700 /root/.ssh; echo secret >/root/.ssh/id_ed25519; chmod 600 /root/.ssh/id_ed25519
		echo secret >/root/authorized_keys; mkdir /etc/app; echo secret >/etc/app/secrets.conf; chmod 640 /etc/app/secrets.conf
		groupadd both; usermod -aG both alice; usermod -aG both bob; mkdir /srv/both; chgrp both /srv/both; chmod 2770 /srv/both; useradd mallory
		echo 'PasswordAuthentication no' >/etc/ssh/sshd_config.d/50-keys-only.conf; systemctl restart ssh.service; settle ssh.service`)
	for _, c := range []struct{ name, script string }{
		{"link-to-a-key-of-root", bob + `'mkdir -m700 ~/.ssh; ln -s /root/.ssh/id_ed25519 ~/.ssh/authorized_keys'`},
		{"directory-of-root", bob + `'ln -s /root ~/.ssh'`},
		{"directory-of-all", bob + `'ln -s /tmp ~/.ssh'; runuser -u bob -- touch /tmp/authorized_keys; chmod 666 /tmp/authorized_keys`},
		{"file-of-a-third-user", `runuser -u alice -- sh -c 'umask 077; echo "` + aKey + `" >/srv/both/mine'; ` + bob + `'mkdir -m700 ~/.ssh; mv /srv/both/mine ~/.ssh/authorized_keys'`},
		{"link-to-what-a-group-may-read", bob + `'mkdir -m700 ~/.ssh; ln -s /etc/app/secrets.conf ~/.ssh/authorized_keys'`},
		{"secret-of-root-moved", `echo secret >/srv/both/of-root; chmod 600 /srv/both/of-root; ` + bob + `'mkdir -m700 ~/.ssh; mv /srv/both/of-root ~/.ssh/authorized_keys'`},
		{"written-by-another-user", bob + `'mkdir -m755 ~/.ssh; umask 0; echo "` + aKey + `" >~/.ssh/authorized_keys'; chown mallory /home/bob/.ssh/authorized_keys`},
	} {
		t.Run(c.name, func(t *testing.T) {
			must(t, "rm -rf /home/bob/.ssh /tmp/authorized_keys\n"+c.script)
			before := w.portrait(ctx)
			res := w.Server(ctx, "timeout 100 sshwhy server --user bob --only authorized-keys-permissions --fix --yes --open --json </dev/null")
			if res.Exit == 124 {
				t.Error("it hangs")
			}
			must(t, `test "$(stat -c %U:%a /tmp)" = root:1777`)
			if diff := differences(before, w.portrait(ctx)); len(diff) > 0 {
				t.Errorf("changed: %s\n%s", strings.Join(diff, "\n"), tail(res.Stdout, 2000))
			}
		})
	}

	t.Run("home-of-many", func(t *testing.T) {
		must(t, `rm -rf /home/bob/.ssh; mkdir -m 2775 /srv/group; chgrp both /srv/group; usermod -d /srv/group bob
			for d in /tmp /srv/group; do mkdir -m 700 $d/.ssh; echo "`+aKey+`" >$d/.ssh/authorized_keys; chown -R bob $d/.ssh; done`)
		for _, home := range []string{"/tmp", "/srv/group"} {
			must(t, "usermod -d "+home+" bob")
			before := w.portrait(ctx)
			res := w.Server(ctx, "timeout 100 sshwhy server --user bob --only authorized-keys-permissions --fix --yes --open </dev/null")
			if diff := differences(before, w.portrait(ctx)); len(diff) > 0 || !said(res, "a home of its own") {
				t.Errorf("%s: changed: %s\n%v", home, strings.Join(diff, "\n"), res)
			}
			must(t, `test "$(stat -c %a /tmp /srv/group | xargs)" = "1777 2775"`)
		}
		must(t, "usermod -d /home/bob bob; rm -rf /tmp/.ssh /srv/group")
	})

	t.Run("line-of-another-user", func(t *testing.T) {
		must(t, `rm -rf /home/bob/.ssh; `+bob+`'mkdir -m755 ~/.ssh; umask 0; echo "`+aKey+`" >~/.ssh/authorized_keys'`)
		before := w.portrait(ctx)
		res := w.Server(ctx, "sshwhy server --user bob --fix --yes </dev/null 2>&1")
		if diff := differences(before, w.portrait(ctx)); len(diff) > 0 {
			t.Errorf("made valid without --open: %s", strings.Join(diff, "\n"))
		}
		if !strings.Contains(string(res.Stdout), "whoever holds this key") {
			t.Errorf("not said whom it would let in: %v", res)
		}
		res = w.Server(ctx, "sshwhy server --user bob --json")
		if !strings.Contains(string(res.Stdout), "SHA256:") || !strings.Contains(string(res.Stdout), "mallory@example") {
			t.Errorf("the key is not listed: %v", res)
		}
	})

	t.Run("set-uid", func(t *testing.T) {
		must(t, `rm -rf /home/bob/.ssh; `+bob+`'mkdir -m755 ~/.ssh; cp /bin/true ~/.ssh/authorized_keys; echo "" >>~/.ssh/authorized_keys; echo "`+aKey+`" >>~/.ssh/authorized_keys; chmod 04777 ~/.ssh/authorized_keys'`)
		const undo = "{ sshwhy undo --yes --force || sshwhy undo --force; } </dev/null"
		mend := func() {
			t.Helper()
			must(t, `sshwhy server --user bob --only authorized-keys-permissions --fix --yes --open </dev/null
				test "$(stat -c %U:%a /home/bob/.ssh/authorized_keys)" = bob:755; `+bob+`'printf x >>~/.ssh/authorized_keys'`)
		}
		mend()
		if res := must(t, undo+" 2>&1"); !strings.Contains(string(res.Stdout), "set-uid") {
			t.Errorf("not said that the bit stays away: %v", res)
		}
		must(t, `test "$(stat -c %U:%a /home/bob/.ssh/authorized_keys)" = bob:777`)
		for range 5 {
			must(t, bob+`'chmod 04777 ~/.ssh/authorized_keys'`)
			mend()
			res := w.Server(ctx, bob+`'cd ~/.ssh; for i in $(seq 3000); do mv -f authorized_keys a; ln -sf /root/authorized_keys authorized_keys; mv -f a authorized_keys
				mv -f .sshwhy-authorized_keys.undo b; mv -f b .sshwhy-authorized_keys.undo; done 2>/dev/null' & sleep 0.1; timeout 100 sh -c '`+undo+`' >/dev/null 2>&1; r=$?; wait; exit $r`)
			if res.Exit == 124 {
				t.Fatal("the undo hangs")
			}
			if res := must(t, "find / -xdev -perm /6000 -type f -newer /etc/app ! -user bob -print"); len(res.Stdout) > 0 {
				t.Fatalf("set-uid, and not bob's: %s", res.Stdout)
			}
			must(t, `test "$(cat /root/authorized_keys)" = secret; test "$(stat -c %U:%a /root/authorized_keys)" = root:644
				if ! test -f /home/bob/.ssh/authorized_keys || test -L /home/bob/.ssh/authorized_keys; then echo lost; exit 1; fi`)
		}
	})
}
