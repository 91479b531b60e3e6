#!/bin/sh
# Builds one base image: build.sh SUITE DIR
#
# DIR becomes a Debian root file system with systemd, sshd, the usual firewalls
# and two accounts (alice: key and password; bob: password only). It is the read-only lower
# layer of every machine of that suite, so nothing here may be particular to a case.
# The cache is keyed by this file's hash: a change here rebuilds the images.
set -eu
suite=$1
dir=$2

# The mirror is the one this machine's own apt uses, if that is a Debian one.
mirror=${SSHWHY_LAB_MIRROR:-$(
	apt-get indextargets --format '$(CREATED_BY)|$(LABEL)|$(COMPONENT)|$(REPO_URI)' 2>/dev/null |
		awk -F'|' '$1 == "Packages" && $2 == "Debian" && $3 == "main" { print $4; exit }'
)}
mirror=${mirror:-http://deb.debian.org/debian}
keyring=${SSHWHY_LAB_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}

# libraries and programs that a small real server has; the firewalls and fail2ban
# are installed and switched off below, so that a case can switch one on in a second.
packages="systemd systemd-sysv dbus libpam-systemd openssh-server openssh-client openssh-sftp-server
	iproute2 nftables iptables ipset ufw procps psmisc iputils-ping netcat-openbsd socat
	acl attr sudo python3 python3-systemd fail2ban sshguard firewalld busybox mksh ca-certificates"

rm -rf "$dir.part"
debootstrap --variant=minbase --keyring="$keyring" --merged-usr "$suite" "$dir.part" "$mirror"

# Nothing may start while packages are being installed, on whichever host this is.
printf '#!/bin/sh\nexit 101\n' >"$dir.part/usr/sbin/policy-rc.d"
chmod 755 "$dir.part/usr/sbin/policy-rc.d"
cp /etc/resolv.conf "$dir.part/etc/resolv.conf"
apt-config dump | grep -E '^Acquire::(http|https)::Proxy' >"$dir.part/etc/apt/apt.conf.d/99lab-proxy" || true
cat >"$dir.part/etc/dpkg/dpkg.cfg.d/lab" <<-END
	force-unsafe-io
	path-exclude=/usr/share/doc/*
	path-exclude=/usr/share/man/*
	path-exclude=/usr/share/locale/*
END
in_image() {
	unshare --mount --pid --fork --mount-proc="$dir.part/proc" \
		chroot "$dir.part" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
		LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}
in_image apt-get -qq update
# shellcheck disable=SC2086
in_image apt-get -qq -y --no-install-recommends install $packages
in_image apt-get clean

# A package source inside the image, so that a machine without any way out can install a server again, dropbear,
# a program that keeps logs where journald does not, or CrowdSec (too large to lie installed in every machine).
in_image sh -euc 'mkdir -p /srv/packages; cd /srv/packages
	for p in rsyslog busybox-syslogd socklog-run crowdsec crowdsec-firewall-bouncer; do
		apt-get -qq -y --no-install-recommends --download-only install "$p"
	done
	mv /var/cache/apt/archives/*.deb .
	apt-get -qq download openssh-server openssh-client openssh-sftp-server dropbear-bin libtomcrypt1 libtommath1
	for f in *.deb; do
		dpkg-deb -f "$f"
		echo "Filename: ./$f"; echo "Size: $(stat -c %s "$f")"; echo "SHA256: $(sha256sum "$f" | cut -d" " -f1)"; echo
	done >Packages
	rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/*
	echo "deb [trusted=yes] file:/srv/packages ./" >/etc/apt/sources.list
	apt-get -qq update'

# Off until a case wants them. Timers that only cost time in a machine that lives for seconds.
in_image systemctl disable fail2ban.service firewalld.service sshguard.service
in_image sh -c 'for u in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
	e2scrub_reap.service console-getty.service getty@tty1.service; do
		systemctl disable "$u" 2>/dev/null || true; done'
# No case has use for a systemd of each user's own, which costs as much as the login; the session has its scope without it.
in_image systemctl mask systemd-firstboot.service getty.target console-getty.service user@.service \
	dev-hugepages.mount dev-mqueue.mount sys-fs-fuse-connections.mount

# The accounts. The password of alice, bob and root is "lab".
in_image sh -c 'for u in alice bob; do useradd -m -s /bin/bash "$u"; echo "$u:lab" | chpasswd; done; echo root:lab | chpasswd'
rm -f "$dir.part/usr/sbin/policy-rc.d" "$dir.part/etc/apt/apt.conf.d/99lab-proxy" "$dir.part/etc/machine-id"
rm -f "$dir.part/var/cache/apt"/*.bin
echo 0123456789abcdef0123456789abcdef >"$dir.part/etc/machine-id"
echo server >"$dir.part/etc/hostname"
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost\n127.0.1.1 server\n' >"$dir.part/etc/hosts"
printf '# no resolver in the lab\n' >"$dir.part/etc/resolv.conf"
mkdir -p "$dir.part/opt/lab"
# A fresh machine would bring its caches up to date at every boot (systemd.unit(5), ConditionNeedsUpdate=).
touch "$dir.part/etc/.updated" "$dir.part/var/.updated"
mv "$dir.part" "$dir"
