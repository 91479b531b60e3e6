#!/bin/sh
# How long `sshwhy explain` takes for a log of one gigabyte, beside grep -cE with
# ten of the same patterns. Wall time, CPU time and memory, three runs each, in turn.
# usage: bench/authlog/measure.sh [BYTES]
set -eu
cd "$(dirname "$0")/../.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go build -o "$dir/sshwhy" ./cmd/sshwhy
go run ./bench/authlog -size "${1:-1073741824}" >"$dir/auth.log"
patterns='Failed password for |Invalid user |Connection closed by authenticating user |Disconnected from invalid user |Unable to negotiate with |Connection closed by [0-9.]+ port [0-9]+ \[preauth\]|banner exchange: Connection from |Accepted publickey for |authentication failure; logname|Received disconnect from '
cat "$dir/auth.log" >/dev/null # both find it in the page cache
for run in 1 2 3; do
	command time -f "sshwhy  %e s  cpu %U+%S s  %M KB" "$dir/sshwhy" explain "$dir/auth.log" >/dev/null || :
	command time -f "grep    %e s  cpu %U+%S s  %M KB" grep -cE "$patterns" "$dir/auth.log" >/dev/null
	LC_ALL=C command time -f "grep C  %e s  cpu %U+%S s  %M KB" grep -cE "$patterns" "$dir/auth.log" >/dev/null
done
