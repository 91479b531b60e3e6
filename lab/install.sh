#!/bin/sh
# Installs what the tests and the lab need on a Debian or Ubuntu host: a C
# compiler for the race detector, other shells for the scripts that must run in
# them, and what boots and breaks machines. Without root or apt it says what is
# missing and goes on: what needs it is then left out, and says so.
set -eu
packages="gcc libc6-dev git busybox ksh mksh tmux zstd netcat-openbsd iputils-ping traceroute bind9-dnsutils putty-tools moreutils
	debootstrap debian-archive-keyring systemd-container nftables iptables ipset iproute2 openssh-client util-linux gpgv"
command -v dpkg-query >/dev/null || { echo "no dpkg here: the lab is left out" >&2; exit 0; }
missing=
for p in $packages; do
	dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || missing="$missing $p"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ]; then
	echo "not installed, and installing needs root:$missing" >&2
	exit 0
fi
apt-get -qq update
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $missing
