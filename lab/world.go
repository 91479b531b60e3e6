//go:build linux

package lab

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// StateDir holds one directory per living world.
const StateDir = "/run/sshwhy-lab"

// Limits of the steps every world takes. A boot takes half a second on an idle
// host; the bound is for machines whose boot a case has broken.
const (
	bootLimit   = 90 * time.Second
	scriptLimit = 4 * time.Minute
)

// World is three network namespaces and one machine. Its methods may be called
// one after the other, not at once; Close may be called at any time.
type World struct {
	Name  string
	suite string // the image: a Debian release, or another init (see Images)
	dir   string // StateDir/Name: a tmpfs with the overlay's upper layer and the client's files

	lock    *os.File // held while the world lives: a world without a holder is swept
	cgroup  string   // the control group of everything that runs in this world
	machine *os.File // its child for the machine
	others  *os.File // its child for what runs on the router, on the client and by exec in the machine
	leader  int      // process id of the machine's init; 0 before Boot
	nspawn  *os.Process
	died    chan struct{} // closed when nspawn has ended
	tools   string        // directory of sshwhy and the lab's own helpers, /opt/lab in the machine
	close   sync.Once

	password string // of the case: see Case.Password
}

// New makes a world whose machine is of the given suite and not booted yet.
// tools, which may be empty, is a directory of programs for all three places.
func New(ctx context.Context, suite, tools string) (*World, error) {
	image, err := Image(ctx, suite, nil)
	if err != nil {
		return nil, err
	}
	var id [4]byte
	rand.Read(id[:])
	w := &World{Name: "lab" + hex.EncodeToString(id[:]), suite: suite, tools: tools}
	w.dir = filepath.Join(StateDir, w.Name)
	if err := w.setUp(ctx, image); err != nil {
		w.Close()
		return nil, fmt.Errorf("making a world: %w", err)
	}
	return w, nil
}

// setUp takes everything a world is made of; Close gives back whatever of it exists.
func (w *World) setUp(ctx context.Context, image string) error {
	if err := os.MkdirAll(StateDir, 0o755); err != nil {
		return err
	}
	lock, err := tryLock(w.dir + ".lock")
	if err != nil {
		return err
	}
	w.lock = lock
	register(w)
	if w.cgroup, err = makeCgroup(w.Name); err != nil {
		return err
	}
	if w.machine, err = os.Open(w.cgroup + "/machine"); err != nil {
		return err
	}
	if w.others, err = os.Open(w.cgroup + "/others"); err != nil {
		return err
	}
	if err := os.Mkdir(w.dir, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("lab", w.dir, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mounting a tmpfs: %w", err)
	}
	for _, d := range []string{"upper", "work", "root"} {
		if err := os.Mkdir(filepath.Join(w.dir, d), 0o755); err != nil {
			return err
		}
	}
	layers := fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", image, w.dir, w.dir)
	if err := unix.Mount("lab", w.Root(), "overlay", 0, layers); err != nil {
		return fmt.Errorf("mounting the overlay: %w", err)
	}
	if err := w.connect(ctx); err != nil {
		return err
	}
	return w.furnishClient(ctx)
}

// Root is the machine's root directory as this host sees it.
func (w *World) Root() string { return filepath.Join(w.dir, "root") }

// Prepare runs a shell script in the machine's file system before it boots.
func (w *World) Prepare(ctx context.Context, script string) Result {
	ctx, cancel := context.WithTimeout(ctx, scriptLimit)
	defer cancel()
	return run(ctx, int(w.others.Fd()), "", append([]string{"unshare", "--mount", "--pid", "--fork",
		"--mount-proc=" + w.Root() + "/proc", "chroot", w.Root()}, cleanShell(script)...)...)
}

// Boot starts the machine and waits until its boot has ended, well or badly.
// It fails only where the machine did not come as far as a running init.
func (w *World) Boot(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bootLimit)
	defer cancel()
	console, err := os.Create(filepath.Join(w.dir, "console"))
	if err != nil {
		return err
	}
	defer console.Close()
	argv := []string{"systemd-nspawn", "-q", "-D", w.Root(), "-M", w.Name, "--hostname=server",
		"--network-namespace-path=/run/netns/" + w.netns("server"), "--register=no", "--keep-unit",
		"--console=pipe", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
		"--capability=CAP_NET_ADMIN,CAP_NET_RAW,CAP_BPF,CAP_PERFMON,CAP_SYS_PTRACE", "--system-call-filter=bpf"}
	if w.tools != "" {
		argv = append(argv, "--bind-ro="+w.tools+":/opt/lab")
	}
	argv = append(argv, w.pid1().argv...)
	path, err := lookPath(argv[0])
	if err != nil {
		return err
	}
	w.nspawn, err = os.StartProcess(path, argv, &os.ProcAttr{
		Dir:   "/",
		Env:   []string{"PATH=" + hostPath, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1"},
		Files: []*os.File{nil, console, console},
		Sys:   &syscall.SysProcAttr{Setsid: true, UseCgroupFD: true, CgroupFD: int(w.machine.Fd())},
	})
	if err != nil {
		return err
	}
	w.died = make(chan struct{})
	go func() { w.nspawn.Wait(); close(w.died) }()
	if err := w.findInit(ctx); err != nil {
		log, _ := os.ReadFile(console.Name())
		return fmt.Errorf("%w\n%s", err, tail(log, 1000))
	}
	if err := w.waitBooted(ctx); err != nil {
		return err
	}
	// nspawn mounts all of /proc/sys read-only; the network's part belongs to the machine.
	res := w.enter(ctx, "sh", "-c", "mount --bind /proc/sys/net /proc/sys/net && mount -o remount,bind,rw /proc/sys/net")
	if res.Exit != 0 {
		return fmt.Errorf("making /proc/sys/net writable: %v", res)
	}
	return nil
}

// Reboot has the machine restart itself, and boots it again on the same root:
// what a kernel does, nspawn leaves to whoever started it (its exit status 133).
func (w *World) Reboot(ctx context.Context) error {
	w.Server(ctx, "systemctl --no-block reboot")
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(bootLimit):
		return errors.New("the machine did not go down in time")
	case <-w.died:
	}
	w.leader = 0
	return w.Boot(ctx)
}

// findInit waits for nspawn's child that has become the machine's init.
func (w *World) findInit(ctx context.Context) error {
	pid := strconv.Itoa(w.nspawn.Pid)
	for {
		children, _ := os.ReadFile("/proc/" + pid + "/task/" + pid + "/children")
		for _, child := range strings.Fields(string(children)) {
			name, _ := os.ReadFile("/proc/" + child + "/comm")
			if strings.TrimSpace(string(name)) == w.pid1().name {
				w.leader, _ = strconv.Atoi(child)
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return errors.New("the machine has no init after its time limit")
		case <-w.died:
			return errors.New("systemd-nspawn ended at once")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// enter runs one command inside the machine.
func (w *World) enter(ctx context.Context, argv ...string) Result {
	full := append(w.door(), cleanEnv(argv...)...)
	return run(ctx, int(w.others.Fd()), "", full...)
}

// door is the way into the machine, without what would reach through it to the host:
// its clock is the host's, too.
func (w *World) door() []string {
	return []string{"nsenter", "-t", strconv.Itoa(w.leader), "-a", "-w",
		"setpriv", "--bounding-set=-sys_time,-sys_module", "--inh-caps=-sys_time,-sys_module"}
}

// Server runs a shell script as root inside the booted machine.
func (w *World) Server(ctx context.Context, script string) Result {
	if w.leader == 0 {
		return Result{Exit: -1, Err: errors.New("the machine is not booted")}
	}
	ctx, cancel := context.WithTimeout(ctx, scriptLimit)
	defer cancel()
	return w.enter(ctx, shell(serverHelp+script)...)
}

// serverHelp are the shell functions that scripts on the server may use.
const serverHelp = `
# settle UNIT: wait (at most 10 s) until the unit is in no state of transition
settle() {
	for _ in $(seq 100); do
		case $(systemctl show -p ActiveState --value "$1") in activating|deactivating|reloading) sleep 0.1 ;; *) break ;; esac
	done
}
# start_firewalld: start it and wait until its rules are in force, which is later than its unit says
start_firewalld() {
	systemctl start firewalld.service
	for _ in $(seq 100); do firewall-cmd -q --state && return; sleep 0.1; done
	return 1
}
`

// Close ends everything in the world and removes it. It may be called twice.
func (w *World) Close() {
	w.close.Do(func() {
		if w.machine != nil {
			w.machine.Close()
		}
		if w.others != nil {
			w.others.Close()
		}
		remove(w.Name, w.died)
		unregister(w)
		if w.lock != nil {
			os.Remove(w.lock.Name())
			w.lock.Close()
		}
	})
}
