#!/bin/sh
# Installs what the lab needs on a Debian or Ubuntu host. Needs root.
set -eu
packages="debootstrap debian-archive-keyring systemd-container nftables iptables ipset iproute2 openssh-client util-linux gpgv"
missing=
for p in $packages; do
	dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || missing="$missing $p"
done
[ -z "$missing" ] && exit 0
apt-get -qq update
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $missing
