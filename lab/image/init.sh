#!/bin/sh
# Builds one layer over a base image: init.sh INIT BASE DIR
#
# DIR becomes what a machine with another init than systemd (sysvinit, openrc, runit; as Debian packages
# them) has more and less than BASE. Layered over BASE it is the lower layer of every such machine. Like
# build.sh, it holds nothing particular to a case, and the cache is keyed by the hash of both.
set -eu
init=$1
base=$2
dir=$3

case $init in
sysvinit) packages="sysvinit-core sysv-rc runit- openrc-" ;;
openrc) packages="sysvinit-core openrc" ;;
runit) packages="runit-init runit openrc- sysvinit-core- sysv-rc" ;;
*) echo "init.sh: no init $init" >&2; exit 2 ;;
esac
# What else may own the port: other servers of SSH, and the two inetds, each with what it depends on.
offline="dropbear tinysshd openbsd-inetd xinetd"

mirror=${SSHWHY_LAB_MIRROR:-$(
	apt-get indextargets --format '$(CREATED_BY)|$(LABEL)|$(COMPONENT)|$(REPO_URI)' 2>/dev/null |
		awk -F'|' '$1 == "Packages" && $2 == "Debian" && $3 == "main" { print $4; exit }'
)}
mirror=${mirror:-http://deb.debian.org/debian}

umount -l "$dir.work/root" 2>/dev/null || true # of a build that was killed
rm -rf "$dir.part" "$dir.work"
mkdir -p "$dir.part" "$dir.work/work" "$dir.work/root"
root=$dir.work/root
mount -t overlay lab -o "lowerdir=$base,upperdir=$dir.part,workdir=$dir.work/work" "$root"
trap 'umount "$root"' EXIT
in_image() {
	unshare --mount --pid --fork --mount-proc="$root/proc" \
		chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
		LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
cp "$root/etc/apt/sources.list" "$root/etc/apt/lab.list"
cp "$root/etc/resolv.conf" "$root/etc/resolv.conf.lab"
cp /etc/resolv.conf "$root/etc/resolv.conf"
suite=$(. "$root/etc/os-release" && echo "$VERSION_CODENAME")
echo "deb $mirror $suite main" >"$root/etc/apt/sources.list"
apt-config dump | grep -E '^Acquire::(http|https)::Proxy' >"$root/etc/apt/apt.conf.d/99lab-proxy" || true
in_image apt-get -qq update
# shellcheck disable=SC2086
in_image apt-get -qq -y --no-install-recommends --allow-remove-essential --purge install $packages systemd-sysv- systemd- fail2ban- sshguard- ufw- firewalld-
in_image apt-get -qq -y --purge autoremove
in_image sh -euc "for p in $offline; do apt-get -qq -y --no-install-recommends --download-only install \$p; done
	mv /var/cache/apt/archives/*.deb /srv/packages/"
in_image apt-get clean
in_image sh -euc 'cd /srv/packages
	for f in *.deb; do
		dpkg-deb -f "$f"
		echo "Filename: ./$f"; echo "Size: $(stat -c %s "$f")"; echo "SHA256: $(sha256sum "$f" | cut -d" " -f1)"; echo
	done >Packages
	mv /etc/apt/lab.list /etc/apt/sources.list
	mv /etc/resolv.conf.lab /etc/resolv.conf
	rm -rf /var/lib/apt/lists/* /etc/apt/apt.conf.d/99lab-proxy /usr/sbin/policy-rc.d
	apt-get -qq update'

# No machine of the lab has hardware, disks to check or terminals; what looks for them only costs time.
for f in "$root"/etc/rcS.d/S*; do
	case $f in *hostname.sh | *bootmisc.sh | *mountkernfs.sh) ;; *) rm -f "$f" ;; esac
done
for f in "$root"/etc/runlevels/sysinit/* "$root"/etc/runlevels/boot/*; do
	case $f in *hostname.sh | *bootmisc.sh | *mountkernfs.sh | *cgroups) ;; *) rm -f "$f" ;; esac
done
if [ -f "$root/etc/inittab" ]; then
	sed -i '/getty/d' "$root/etc/inittab"
	# The last entry, run when the scripts of the runlevel have ended: how the lab knows that the boot is over.
	echo 'lb:2345:once:/bin/touch /run/lab-booted' >>"$root/etc/inittab"
fi
# What installing openssh-server does where runit was there first (dh_runit's postinst script).
[ ! -d "$root/etc/runit/runsvdir/default" ] || ln -s /etc/sv/ssh "$root/etc/runit/runsvdir/default/ssh"
rm -rf "$root"/etc/runit/runsvdir/*/getty-* "$root"/etc/sv/getty-*
umount "$root"
trap - EXIT
rm -rf "$dir.work"
mv "$dir.part" "$dir"
