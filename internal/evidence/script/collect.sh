E=cat F=cat Z=cat U=: B=b n=0 I=@TOOL@$L
has fold && has tr && F='fold -w @WIDTH@'
has gzip && Z='gzip -c'
has cksum && U=cksum
case $D in od*) B=h;; esac
X=; i=I; echo a | sed s/A/b/I >/dev/null 2>&1 || i=
V() { X="$X;s|$1|\\1<redacted: $2>|g$3"; }
for a in password passphrase passwd= secret token api.key apikey access.key psk authtok bindpw; do
case $a in *=) b=;; *) b="[\\\\\"']\\{0,2\\} *[=:]>\\{0,1\\}";; esac
V "\\($a$b *[\\\\\"']\\{0,2\\}\\)[^] \"',;&\\\\<]\\{4,\\}" secret $i
V "\\(--[a-z-]*${a%=}[= ]\\)[^ <]\\{1,\\}" secret $i; done
V '\(://\)[^/:@ ]*:[^/@ ]\{1,\}@' password
V '\(bearer  *\)[A-Za-z0-9._~+/=-]\{8,\}' token $i
V '\(\$\)[1-9agy][a-z0-9-]\{0,9\}\$[./A-Za-z0-9$=,+-]\{8,\}' 'password hash'
for a in gh[pousr]_ glpat- xox.- AKIA hv[sb]\\. tskey- eyJ; do V "\\($a\\)[A-Za-z0-9._-]\\{12,\\}" token; done
p='PRIVATE KEY-----' v='<redacted: private key>'
X="s|-----BEGIN[A-Z ]*$p.*-----END[A-Z ]*$p|$v|g
/-----BEGIN[A-Z ]*$p/{
:k
s|.*|$v|
n
/^@$N /b
/-----END[A-Z ]*$p/!bk
s|.*|$v|
}$X"
X() { sed "$X"; }
[ "$(printf 'a\0b' | X 2>/dev/null | wc -c)" -eq 3 ] 2>/dev/null || X() { cat; }
e() { case $D in uu*) $D | sed '1d;$d';; *) $D;; esac; }
t() { if [ "$F" = cat ]; then cat; else tr -d ' \n' | $F; fi; }
y() { v=$( { "$@"; } 5>&1 | X | $Z | e | t ); i=0
for l in $v; do i=$((i+1)); echo "=$n.$i= $l"; done
set -- $(echo "$v" | $U); echo "=$n.= $i ${1:--}"; }
k() { shift; O s f "$*"; O .; }
z() { printf '%s\n%s\0' "$a" "$k"; "$@"; }
x() { n=$((n+1)) a=0 k=$j j=
case $1 in
a) a=$6;;
f) a=${4:-@CAP@}; k=${k:-file:$3};;
s) k=${k:-stat:$3};;
c) a=$4; [ "$k" ] || { k=$(shift 4; echo "cmd:$*."); k=${k%.}; };;
esac
I="$I$n $k$L"; y z "$@"; }
echo; echo "=sshwhy= begin 1 $N"; echo "=sshwhy= with $B ${Z%% *} $(id -u) $(date +%s)"
