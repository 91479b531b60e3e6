export PATH=@PATH@ LC_ALL=C LANG=C HOME=/ TERM=dumb SYSTEMD_PAGER=cat SYSTEMD_COLORS=0 NO_COLOR=1
unset ENV BASH_ENV CDPATH; set +m; cd /; exec 5>&1
L='
'
O() { echo; echo "@$N $*"; }
has() { for d in @DIRS@; do [ -f "$d/$1" ] && [ -x "$d/$1" ] && return; done; return 1; }
D= K=l S= H= h=
if has base64 && [ "$(printf a | base64 2>/dev/null)" = YQ== ]; then D=base64
elif has openssl; then D='openssl base64'
elif has uuencode; then D='uuencode -m x'
elif has od; then D='od -An -v -tx1'; fi
[ "$(stat -L -c %f / 2>/dev/null)" ] && K=s
has setsid && S=setsid
[ "$(timeout -s KILL 9 echo a 2>/dev/null)" = a ] && H='timeout -s KILL @READ@'
if [ "$(printf ab | head -c 1 2>/dev/null)" = a ]; then C() { $h head -c "$@"; }
else C() { $h dd bs=1 count="$1" ${2:+"if=$2"} 2>/dev/null; }; fi
W() { w=$1; s=a
while [ "$w" ]; do w=${w%/*}; [ -e "${w:-/}" ] && break; done
[ -d "${w:-/}" ] && ! [ -x "${w:-/}" ] && s=d; }
A() { if [ -e "$1" ]; then s=e; elif [ -L "$1" ]; then s=$(ls -dL "$1" 2>&1); s=${s##*: }
case $s in *ermission*) s=d;; *evels*|*loop*) s=y;; *) s=l;; esac; else W "$1"; fi; }
M() { if [ $K = s ]; then m=$(stat $1 -c '%f %u %g %s %Y' "$2" 2>/dev/null) && O m $m
else m=$(ls -dn $1 "$2" 2>/dev/null) && (set -f; set -- $m; O n "$1" "$3" "$4" "$5"); fi
[ -L "$2" ] && { O l; readlink "$2" | $E; }; }
T() { A "$1"; case $s in e) M -L "$1";; l) O s a; M '' "$1";; *) O s $s; [ -L "$1" ] && M '' "$1";; esac; }
Y() { [ "$J" ] || return
case $(readlink -f "$1" 2>/dev/null) in /proc/*|/sys/*) O s f "not looked at: it leads into /proc or /sys"
[ -L "$1" ] && M '' "$1"; s=k;; *) return 1;; esac; }
s() { O b "$1"; Y "$2" || T "$2"; O .; }
f() { O b "$1"; Y "$2" || T "$2"
if [ $s = e ] && [ -f "$2" ]; then
if [ -r "$2" ]; then O o; h=$H
r=$( { { C "${3:-@CAP@}" "$2" 2>&4 || echo "x $?" >&4; } | $E >&5; } 4>&1 ); h=
[ "$r" ] && { O z; echo "$r"; }
else [ -L "$2" ] && M '' "$2"; O s d; fi; fi; O .; }
g() { O b "$1"; shift; k= q=
for a; do case $a in
r|x|p) k=$a;;
*) A "$a"; case $k$s in
re) [ -d "$a" ] && { [ -r "$a" ] && [ -x "$a" ] || q=$a; };;
xe) [ -d "$a" ] && ! [ -x "$a" ] && q=$a;;
rd|xd) q=$a;;
pd|py|pl) [ -L "$a" ] && { O p; printf %s "$a" | $E; M '' "$a"; };;
pe) set -- "$@" "//$a";; esac;;
esac; done
while [ $# -gt 0 ]; do case $1 in //*) break;; esac; shift; done
[ $# = 0 ] || G "$@"
[ "$q" ] && { O q; printf %s "$q" | $E; }; O .; }
G() { c=$#
if [ $K = s ] && [ $c -lt 2000 ]; then m=$(stat -L -c '%f %u %g %s %Y' "$@" 2>/dev/null)
if (IFS=$L; set -f; set -- $m; [ $# = $c ]); then
O P; for a; do printf '%s\0' "${a#//}"; done | $E; O M; echo "$m"
for a; do a=${a#//}; [ -L "$a" ] && { O k; printf %s "$a" | $E; O l; readlink "$a" | $E; }; done
return; fi; fi
for a; do a=${a#//}; O p; printf %s "$a" | $E; M -L "$a"; done; }
P() { s=; case $1 in
/*) ;;
*/*) s=r; return;;
*) n=$1; set -- @DIRS@; for d; do shift; set -- "$@" "$d/$n"; done;; esac
for a; do if [ -d "$a" ]; then :
elif [ -e "$a" ]; then if [ -x "$a" ]; then s=e; p=$a; return; fi; s=d
else u=$s; W "$a"; [ $s = a ] && s=$u; fi; done
s=${s:-a}; }
B() { C "$1" || echo k >&4; }
Z() { [ $S ] && exec $S sh -c 'sleep "$1"; echo t; kill -9 -"$2"' x "$t" "$p"
u=; trap u=1 TERM; sleep "$t" 4>&- >/dev/null & z=$!; trap 'kill -9 $z; exit' TERM; [ $u ] && kill -9 $z && exit
wait $z; echo t; kill -9 "$p"; }
R() { t=$1; shift
$S "$@" </dev/null 2>&3 3>&- 4>&- 5>&- 7>&- &
p=$!
Z >&4 2>/dev/null 3>&- 5>&- 7>&- &
w=$!
wait $p; x=$?; kill -9 -$w || kill ${S:+-9} $w; kill -9 -$p; echo "x $x" >&4; }
c() { O b "$1"; t=$2 k=$3; shift 3; P "$1"
if [ $s = e ]; then shift; set -- "$p" "$@"; O o; [ "$H" ] && h="${H% *} $((t+2))"
r=$( { v=$( { { R "$t" "$@" 2>/dev/null | B "$k" | $E >&5; } 3>&1 | B "$k" | $D; } 7>&1 ); echo e; echo "$v"; } 4>&1 )
h=; O r; echo "$r"
else O s $s; fi; O .; }
E=$D
