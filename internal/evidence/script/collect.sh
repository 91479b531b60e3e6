E=cat F=cat Z=cat U=: B=b n=0 I=@TOOL@$L
has fold && has tr && F='fold -w @WIDTH@'
has gzip && Z='gzip -c'
has cksum && U=cksum
case $D in od*) B=h;; esac
e() { case $D in uu*) $D | sed '1d;$d';; *) $D;; esac; }
t() { if [ "$F" = cat ]; then cat; else tr -d ' \n' | $F; fi; }
y() { v=$( { "$@"; } 5>&1 | $Z | e | t ); i=0
for l in $v; do i=$((i+1)); echo "=$n.$i= $l"; done
set -- $(echo "$v" | $U); echo "=$n.= $i ${1:--}"; }
k() { shift; O s f "$*"; O .; }
z() { printf '%s\n%s\0' "$a" "$k"; "$@"; }
x() { n=$((n+1)) a=0 k=$j j=
case $1 in
f) a=${4:-@CAP@}; k=${k:-file:$3};;
s) k=${k:-stat:$3};;
c) a=$4; [ "$k" ] || { k=$(shift 4; echo "cmd:$*."); k=${k%.}; };;
esac
I="$I$n $k$L"; y z "$@"; }
echo; echo "=sshwhy= begin 1 $N"; echo "=sshwhy= with $B ${Z%% *} $(id -u) $(date +%s)"
