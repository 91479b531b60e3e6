#!/bin/sh
# How long `sshwhy explain` takes for a log of one gigabyte, beside grep -cE with
# ten of the same patterns: wall time, CPU time and memory, three runs each, in turn.
# Then, for a twentieth of that log, beside fail2ban-regex with its sshd filter,
# where that is installed (or FAIL2BAN names a directory that holds the unpacked
# package: usr/bin/fail2ban-regex, etc/fail2ban, usr/lib/python3/dist-packages).
# usage: bench/authlog/measure.sh [BYTES]
set -eu
cd "$(dirname "$0")/../.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
size=${1:-1073741824}
go build -o "$dir/sshwhy" ./cmd/sshwhy
go build -o "$dir/authlog" ./bench/authlog
"$dir/authlog" -size "$size" >"$dir/auth.log"
"$dir/authlog" -size $((size / 20)) >"$dir/small.log"
patterns='Failed password for |Invalid user |Connection closed by authenticating user |Disconnected from invalid user |Unable to negotiate with |Connection closed by [0-9.]+ port [0-9]+ \[preauth\]|banner exchange: Connection from |Accepted publickey for |authentication failure; logname|Received disconnect from '

# timed NAME COMMAND…: its wall time, CPU time and memory by the kernel's own
# counts, since GNU time is not everywhere.
timed() {
	name=$1
	shift
	python3 - "$name" "$@" <<'PY'
import resource, subprocess, sys, tempfile, time
start = time.time()
with tempfile.TemporaryFile() as out: # not /dev/null: grep stops at the first match there
    code = subprocess.run(sys.argv[2:], stdout=out, stderr=out).returncode
wall = time.time() - start
u = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{sys.argv[1]:<16}{wall:8.2f} s  cpu {u.ru_utime:7.2f}+{u.ru_stime:.2f} s  {u.ru_maxrss // 1024:5d} MB  exit {code}")
PY
}

cat "$dir/auth.log" >/dev/null # both find it in the page cache
echo "$(wc -c <"$dir/auth.log") bytes, $(nproc) CPUs, $(go version | cut -d' ' -f3), $(grep --version | head -1)"
for run in 1 2 3; do
	timed sshwhy "$dir/sshwhy" explain "$dir/auth.log"
	timed grep grep -cE "$patterns" "$dir/auth.log"
	LC_ALL=C timed "grep, LC_ALL=C" grep -cE "$patterns" "$dir/auth.log"
done
if [ -n "${FAIL2BAN:-}" ]; then
	export PYTHONPATH="$FAIL2BAN/usr/lib/python3/dist-packages"
	set -- python3 "$FAIL2BAN/usr/bin/fail2ban-regex" -c "$FAIL2BAN/etc/fail2ban"
elif command -v fail2ban-regex >/dev/null; then
	set -- fail2ban-regex
else
	echo "fail2ban-regex is not installed: not compared"
	exit 0
fi
echo "$(wc -c <"$dir/small.log") bytes"
for run in 1 2 3; do
	timed sshwhy "$dir/sshwhy" explain "$dir/small.log"
	timed fail2ban-regex "$@" "$dir/small.log" sshd
done
