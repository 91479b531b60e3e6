//go:build linux

package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The addresses are the same in every world, each of which has its own namespaces. They are
// set aside for documentation (RFC 5737, RFC 3849), so none of them can be a real one.
const (
	ClientAddr4, ClientAddr6 = "192.0.2.2", "2001:db8:1::2"
	ServerAddr4, ServerAddr6 = "198.51.100.10", "2001:db8:2::10"
	ServerName               = "server"
)

// netns is the name of one of the world's namespaces: client, router or server.
func (w *World) netns(place string) string { return w.Name + "-" + place }

// connect makes the three namespaces and the way between them. Duplicate address
// detection is off, since it would keep IPv6 addresses unusable for a second.
func (w *World) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for _, place := range []string{"client", "router", "server"} {
		if res := w.host(ctx, "", "ip", "netns", "add", w.netns(place)); res.Exit != 0 {
			return fmt.Errorf("ip netns add: %v", res)
		}
		sysctls := "for f in all default; do echo 0 >/proc/sys/net/ipv6/conf/$f/accept_dad; done\n"
		if place == "router" {
			sysctls += "echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding\n"
		}
		if res := w.host(ctx, "", "nsenter", "--net=/run/netns/"+w.netns(place), "sh", "-ec", sysctls); res.Exit != 0 {
			return fmt.Errorf("sysctls of %s: %v", place, res)
		}
	}
	client, router, server := w.netns("client"), w.netns("router"), w.netns("server")
	batches := []struct{ ns, text string }{
		{client, "link add eth0 type veth peer name toclient netns " + router},
		{server, "link add eth0 type veth peer name toserver netns " + router},
		{router, `link set lo up
			link set toclient up
			link set toserver up
			addr add 192.0.2.1/24 dev toclient
			addr add 198.51.100.1/24 dev toserver
			addr add 2001:db8:1::1/64 dev toclient nodad
			addr add 2001:db8:2::1/64 dev toserver nodad`},
		{client, `link set lo up
			link set eth0 up
			addr add 192.0.2.2/24 dev eth0
			addr add 2001:db8:1::2/64 dev eth0 nodad
			route add default via 192.0.2.1
			route add default via 2001:db8:1::1`},
		{server, `link set lo up
			link set eth0 up
			addr add 198.51.100.10/24 dev eth0
			addr add 2001:db8:2::10/64 dev eth0 nodad
			route add default via 198.51.100.1
			route add default via 2001:db8:2::1`},
	}
	for _, b := range batches {
		if res := w.host(ctx, b.text+"\n", "ip", "-n", b.ns, "-batch", "-"); res.Exit != 0 {
			return fmt.Errorf("ip in %s: %v", b.ns, res)
		}
	}
	return nil
}

// host runs a command of this host for the world.
func (w *World) host(ctx context.Context, stdin string, argv ...string) Result {
	return run(ctx, int(w.others.Fd()), stdin, cleanEnv(argv...)...)
}

// Router runs a shell script as root in the router's network namespace.
func (w *World) Router(ctx context.Context, script string) Result {
	return w.inPlace(ctx, "router", "", shell(script)...)
}

// Client runs a shell script as the user carol, who has no privileges, at the client.
func (w *World) Client(ctx context.Context, script string) Result {
	return w.ClientWith(ctx, nil, script)
}

// ClientWith runs a shell script as carol with some capabilities that root has.
func (w *World) ClientWith(ctx context.Context, capabilities []string, script string) Result {
	return w.inPlace(ctx, "client", "", append(asCarol(capabilities), shell(script)...)...)
}

// asCarol is the start of a command that gives up every privilege but some capabilities.
func asCarol(capabilities []string) []string {
	keep := "-all"
	for _, c := range capabilities {
		keep += ",+" + c
	}
	return []string{"setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--bounding-set=" + keep, "--inh-caps=" + keep,
		"--ambient-caps=" + keep, "env", "HOME=/home/carol", "USER=carol", "LOGNAME=carol"}
}

// ClientRoot runs a shell script as root at the client.
func (w *World) ClientRoot(ctx context.Context, script string) Result {
	return w.inPlace(ctx, "client", "", shell(script)...)
}

// inPlace runs a command in a network namespace of the world, under a mount namespace
// in which the files of furnishClient stand in for those of this host.
func (w *World) inPlace(ctx context.Context, place, stdin string, argv ...string) Result {
	ctx, cancel := context.WithTimeout(ctx, scriptLimit)
	defer cancel()
	full := append([]string{"nsenter", "--net=/run/netns/" + w.netns(place),
		"unshare", "--mount", "--propagation", "private", "sh", "-ec", w.mounts() + `cd /; PATH="$LAB_TOOLS:$PATH"; unset LAB_TOOLS OLDPWD; exec "$@"`, "lab"}, argv...)
	if w.tools != "" {
		full = append([]string{"LAB_TOOLS=" + w.tools}, full...)
	} else {
		full = append([]string{"LAB_TOOLS=/nonexistent"}, full...)
	}
	return w.host(ctx, stdin, full...)
}

// clientFiles are the files of /etc that the client and the router see instead of the host's.
var clientFiles = map[string]string{
	"passwd":        "root:x:0:0:root:/root:/bin/sh\ncarol:x:1000:1000:Carol:/home/carol:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
	"group":         "root:x:0:\ncarol:x:1000:\nnogroup:x:65534:\n",
	"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
	"resolv.conf":   "nameserver 192.0.2.1\noptions timeout:1 attempts:2\n",
	"hosts":         "127.0.0.1 localhost\n::1 localhost\n" + ServerAddr4 + " server\n" + ServerAddr6 + " server\n",
}

// mounts is the shell text that puts the client's own files in their places.
func (w *World) mounts() string {
	var b strings.Builder
	for name := range clientFiles {
		fmt.Fprintf(&b, "[ -e /etc/%s ] && mount --bind %s/client/etc/%s /etc/%s\n", name, w.dir, name, name)
	}
	fmt.Fprintf(&b, "mount --bind %[1]s/client/home /home\nmount --bind %[1]s/client/tmp /tmp\n", w.dir)
	fmt.Fprintf(&b, "mount --bind %[1]s/client/ssh /etc/ssh\nmount --bind %[1]s/client/root /root\nmount -t sysfs lab /sys\n", w.dir)
	b.WriteString("if [ -e /root/mounts.sh ]; then . /root/mounts.sh; fi\n") // a case's own
	return b.String()
}

// furnishClient writes the files the client sees, and lets its key in at the
// machine: carol's key opens alice's account there and root's.
func (w *World) furnishClient(ctx context.Context) error {
	dir := filepath.Join(w.dir, "client")
	for name, text := range clientFiles {
		if err := writeFile(filepath.Join(dir, "etc", name), text, 0o644); err != nil {
			return err
		}
	}
	for sub, mode := range map[string]os.FileMode{"tmp": 0o777 | os.ModeSticky, "home/carol/.ssh": 0o700, "ssh/ssh_config.d": 0o755, "root/.ssh": 0o700} {
		path := filepath.Join(dir, sub)
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(path, mode); err != nil {
			return err
		}
	}
	if err := writeFile(filepath.Join(dir, "ssh", "ssh_config"), "Include /etc/ssh/ssh_config.d/*.conf\n", 0o644); err != nil {
		return err
	}
	return w.shareKeys(ctx, filepath.Join(dir, "home/carol/.ssh"))
}

// shareKeys makes the client's key and lets client and machine know each other's.
func (w *World) shareKeys(ctx context.Context, sshDir string) error {
	res := w.host(ctx, "", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "carol@client", "-f", sshDir+"/id_ed25519")
	if res.Exit != 0 {
		return fmt.Errorf("ssh-keygen: %v", res)
	}
	public, err := os.ReadFile(sshDir + "/id_ed25519.pub")
	if err != nil {
		return err
	}
	hostKeys, err := filepath.Glob(w.Root() + "/etc/ssh/ssh_host_*_key.pub")
	if err != nil {
		return err
	}
	var known strings.Builder
	for _, file := range hostKeys {
		key, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fmt.Fprintf(&known, "%s,%s,%s %s\n", ServerName, ServerAddr4, ServerAddr6, strings.Join(strings.Fields(string(key))[:2], " "))
	}
	if err := writeFile(sshDir+"/known_hosts", known.String(), 0o600); err != nil {
		return err
	}
	if res := w.host(ctx, "", "chown", "-R", "1000:1000", filepath.Dir(sshDir)); res.Exit != 0 {
		return fmt.Errorf("chown: %v", res)
	}
	script := `for h in /home/alice /root; do
		mkdir -p -m 700 $h/.ssh; echo "$1" >$h/.ssh/authorized_keys; chmod 600 $h/.ssh/authorized_keys
	done; chown -R alice:alice /home/alice/.ssh`
	res = w.host(ctx, "", append([]string{"chroot", w.Root()}, cleanEnv("sh", "-ec", script, "lab", strings.TrimSpace(string(public)))...)...)
	if res.Exit != 0 {
		return fmt.Errorf("authorized_keys: %v", res)
	}
	return nil
}

func writeFile(path, text string, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), mode)
}
