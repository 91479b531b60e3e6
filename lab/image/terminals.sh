#!/bin/sh
# Builds one layer over a base image: terminals.sh NAME BASE DIR
#
# DIR becomes what a machine has more than BASE on which people work in terminals that outlive
# their logins, and become root in other ways than by sudo. The cache is keyed as init.sh's is.
set -eu
base=$2
dir=$3
packages="tmux screen opendoas"

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
in_image apt-get -qq -y --no-install-recommends install $packages
in_image apt-get clean
in_image sh -euc 'mv /etc/apt/lab.list /etc/apt/sources.list
	mv /etc/resolv.conf.lab /etc/resolv.conf
	rm -rf /var/lib/apt/lists/* /etc/apt/apt.conf.d/99lab-proxy /usr/sbin/policy-rc.d
	apt-get -qq update'
umount "$root"
trap - EXIT
rm -rf "$dir.work"
mv "$dir.part" "$dir"
