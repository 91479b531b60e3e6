package facts

import (
	"testing"

	"sshwhy/internal/evidence"
)

// What ss 6.1 and 6.15 print with -Hltne, and ls of sshd's and systemd's descriptors.
const (
	fewSockets = `LISTEN 0      128          0.0.0.0:22         0.0.0.0:*     ino:13400124 sk:1 cgroup:/system.slice/ssh.service <->
LISTEN 0      16           0.0.0.0:20993      0.0.0.0:*     ino:13537818 sk:1e44 cgroup:/system.slice/load.service <->
LISTEN 0      128             [::]:22            [::]:*     ino:13400126 sk:2 cgroup:/system.slice/ssh.service v6only:1 <->
`
	fdsOfSSHD = `total 0
lr-x------ 1 root root 64 Nov 21 13:20 0 -> /dev/null
lrwx------ 1 root root 64 Nov 21 13:20 1 -> socket:[13400100]
lrwx------ 1 root root 64 Nov 21 13:20 6 -> socket:[13400124]
lrwx------ 1 root root 64 Nov 21 13:20 7 -> socket:[13400126]
`
)

// crowdedBundle is a machine with 5,000 threads after the first looks.
func crowdedBundle(fds string) *evidence.Bundle {
	b := evidence.NewBundle()
	b.UID = 0
	known := func(s string) evidence.Result { return evidence.Result{Status: evidence.Known, Data: []byte(s)} }
	b.Put(itemLoad, known("17.09 16.47 11.51 19/5315 6437\n"))
	b.Put(itemSystemd, evidence.Result{Status: evidence.Known})
	b.Put(itemUnits, known("Id=ssh.service\nLoadState=loaded\nActiveState=active\nMainPID=78\n"))
	b.Put(itemPidFile, known("78\n"))
	b.Put(itemSSFew, known(fewSockets))
	b.Put(evidence.File("/proc/78/status"), known("Name:\tsshd\nState:\tS (sleeping)\n"))
	b.Put(itemFDs(78), known(fds))
	return b
}

func TestCrowdedMachineAsksOnlyTheLikelyOwners(t *testing.T) {
	b := crowdedBundle(fdsOfSSHD)
	for _, it := range wantListeners(b, Ask{}) {
		if !b.Has(it) {
			t.Errorf("still wants %s", it.Key())
		}
	}
	l := parseListeners(b)
	if !l.Origin.Known() || !l.Owners || len(l.All) != 3 {
		t.Fatalf("%+v", l)
	}
	for _, s := range l.All {
		want := Owner{Name: "sshd", PID: 78}
		if got := len(s.Owners) == 1 && s.Owners[0] == want; got != (s.Port == 22) {
			t.Errorf("port %d: owners %v", s.Port, s.Owners)
		}
	}
}

// A socket at the port in question that is none of theirs: then everybody is asked.
func TestCrowdedMachineWithAnotherOwnerAsksAll(t *testing.T) {
	for name, b := range map[string]*evidence.Bundle{
		"not theirs":       crowdedBundle("total 0\n"),
		"one of two":       crowdedBundle("lrwx------ 1 root root 64 Nov 21 13:20 6 -> socket:[13400124]\n"),
		"another is asked": crowdedBundle(fdsOfSSHD),
	} {
		ask := Ask{}
		if name == "another is asked" {
			ask.Port = 20993
		}
		items := wantListeners(b, ask)
		if len(items) != 1 || items[0].Key() != itemSS.Key() {
			t.Errorf("%s: wants %v", name, items)
		}
	}
}

func TestWhereNobodyIsAskedInPart(t *testing.T) {
	small := crowdedBundle(fdsOfSSHD)
	small.Put(itemLoad, evidence.Result{Status: evidence.Known, Data: []byte("0.20 0.18 0.12 1/80 11206\n")})
	user := crowdedBundle(fdsOfSSHD)
	user.UID = 1000
	odd := crowdedBundle(fdsOfSSHD)
	odd.Put(itemLoad, evidence.Result{Status: evidence.Absent})
	for name, b := range map[string]*evidence.Bundle{"few processes": small, "no root": user, "no loadavg": odd} {
		if items := wantListeners(b, Ask{}); len(items) != 1 || items[0].Key() != itemSS.Key() {
			t.Errorf("%s: wants %v", name, items)
		}
	}
}
