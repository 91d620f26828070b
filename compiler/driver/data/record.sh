#!/bin/sh
# Records the system calls of many everyday programs, one strace log each, and makes the default
# ranking of them:
#
#     compiler/driver/data/record.sh FOLDER
#     cargo run -p filterc-testkit --example rank -- FOLDER/*.log
#
# The second line writes ranking.tsv and arguments.tsv beside this file; what they are is said at
# their tops. Arguments are logged as raw registers. A program that is not installed is left
# out, and its log too. None of the programs in corpus/streams (cargo, git, python) is among
# them: those recordings are what the ranking is judged by.
set -u
out=${1:?usage: record.sh FOLDER}
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}" HOME="$work" LC_ALL=C.UTF-8

# record NAME COMMAND…: the calls of a command and all that it starts, 90 seconds at most.
record() {
    name=$1
    shift
    command -v "$1" >/dev/null 2>&1 || { echo "left out: $name" >&2; return; }
    timeout 90 strace -f -qq -e raw=all -e signal=none -o "$out/$name.log" "$@" \
        >/dev/null 2>&1 </dev/null
}

# What the programs work on.
mkdir tree && i=0
while [ $i -lt 200 ]; do
    seq $i $((i * 7 + 50)) >tree/file$i.txt
    i=$((i + 1))
done
seq 1 100000 | sed 's/$/ some text to sort and to search/' >big.txt
tar cf tree.tar tree
cat >main.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int argc, char **argv) { char b[64]; snprintf(b, sizeof b, "%d %s\n", argc, argv[0]); return puts(b) < 0; }
C
cat >main.cc <<'C'
#include <iostream>
#include <map>
#include <string>
int main() { std::map<std::string, int> m; m["a"] = 1; for (auto &p : m) std::cout << p.first << p.second << "\n"; }
C
cat >main.rs <<'R'
use std::io::Write;
fn main() { let mut out = std::io::stdout().lock(); for i in 0..100 { writeln!(out, "{i}").unwrap(); } }
R
cat >Main.java <<'J'
public class Main { public static void main(String[] a) { for (int i = 0; i < 100; i++) System.out.println(i); } }
J
cat >Makefile <<'M'
all: a.o b.o c.o prog
%.o: main.c
	gcc -c -o $@ main.c
prog: main.c
	gcc -o $@ main.c
clean:
	rm -f *.o prog
M
cat >script.sh <<'S'
for f in tree/file1*.txt; do
    n=$(wc -l <"$f"); m=$(expr "$n" + 1)
    case $m in *7) echo "$f" | sed 's/file/FILE/' | tr a-z A-Z ;; *) : ;; esac
    [ -f "$f" ] && basename "$f" .txt >>names.txt
done
cut -c1-3 names.txt | sort | uniq -c | head -n 5
S
cat >script.pl <<'P'
use strict; use warnings; my %h;
for my $f (glob "tree/*.txt") { open my $in, '<', $f or die; while (<$in>) { chomp; $h{$_ % 97}++; } close $in; }
open my $out, '>', 'counts.txt' or die; print $out "$_ $h{$_}\n" for sort { $a <=> $b } keys %h; close $out; unlink 'counts.txt';
P
cat >script.js <<'N'
const fs = require('fs'), http = require('http');
const server = http.createServer((q, r) => fs.readFile('tree/file9.txt', (e, d) => r.end(d))).listen(0, '127.0.0.1', () => {
  let left = 50; const one = () => http.get({ port: server.address().port, host: '127.0.0.1' }, r => { r.resume(); r.on('end', () => --left ? one() : server.close()); }); one(); });
N
cat >server.pl <<'P'
use strict; use IO::Socket::INET;
my $s = IO::Socket::INET->new(Listen => 16, LocalAddr => '127.0.0.1', LocalPort => $ARGV[0], ReuseAddr => 1) or die;
for (1 .. $ARGV[1]) { my $c = $s->accept or next; while (defined(my $l = <$c>)) { last if $l =~ /^\r?$/ } print $c "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n"; close $c; }
P
{
    echo 'create table t(a integer primary key, b text);'
    i=0
    while [ $i -lt 100 ]; do echo "insert into t values($i, 'row $i');"; i=$((i + 1)); done
    echo 'select count(*), max(b) from t; update t set b = upper(b) where a % 3 = 0; vacuum;'
} >script.sql

record dash dash script.sh
record bash bash script.sh
record ls ls -lR /usr/share/doc /etc
record find find /usr/lib /etc -type f -newer main.c
record grep grep -rc text tree big.txt
record sort sort -r -S 1M big.txt -o sorted.txt
record coreutils sh -c 'mkdir -p d/e; cp -a tree d/e; mv d/e/tree d/f; chmod -R go-w d; ln -s d g; ln d/f/file1.txt h; du -s d; touch h; stat h; cat h; wc d/f/*; md5sum d/f/*; date; id; df; uname -a; rm -r d g h'
record tar-create tar czf t.tgz tree big.txt
record tar-extract sh -c 'mkdir x; tar xf tree.tar -C x; rm -r x'
record gzip sh -c 'gzip -k big.txt; gunzip -c big.txt.gz | wc -c; rm big.txt.gz'
record xz sh -c 'xz -1 -k big.txt; xz -dc big.txt.xz; rm big.txt.xz'
record zstd sh -c 'zstd -q big.txt; zstd -qdc big.txt.zst; rm big.txt.zst'
record zip sh -c 'zip -qr t.zip tree; unzip -qd y t.zip; rm -r y t.zip'
record gcc gcc -O1 -o prog main.c
record g++ g++ -o prog main.cc
record make make -j2
record binutils sh -c 'objdump -d prog; nm prog; strip prog; readelf -a prog; ar rc l.a a.o b.o'
record rustc sh -c 'rustc main.rs -o prog-rs; ./prog-rs'
record perl perl script.pl
record awk awk '{ n[$1 % 10]++ } END { for (k in n) print k, n[k] }' big.txt
record sed sed -n 's/text/TEXT/p' big.txt
record jq sh -c 'echo "[1,2,{\"a\":3}]" | jq .'
record diff diff -r tree /etc/default
record node node script.js
record java sh -c 'javac Main.java; java -Xshare:auto Main'
record tclsh sh -c 'echo "set s 0; for {set i 0} {\$i < 1000} {incr i} {incr s \$i}; puts \$s" | tclsh'
record sqlite sh -c 'sqlite3 t.db <script.sql'
record openssl sh -c 'openssl genrsa -out k.pem 2048; openssl req -new -x509 -key k.pem -subj /CN=a -out c.pem; openssl enc -aes-128-cbc -pbkdf2 -k a -in big.txt -out e; openssl dgst -sha256 big.txt'
record ssh-keygen ssh-keygen -q -t ed25519 -N '' -f key
record ssh ssh -o BatchMode=yes -o ConnectTimeout=2 -p 9 127.0.0.1 true
record rsync sh -c 'rsync -a tree/ z/; touch tree/*1.txt; rsync -a --checksum tree/ z/; rm -r z'
record dpkg sh -c 'dpkg -l; dpkg -L coreutils; dpkg -S /bin/ls'
record apt sh -c 'apt-cache policy bash; apt-get -s install coreutils; apt-cache show perl'
record gdb gdb -q -batch -ex 'info functions main' ./prog
record vim vim -es -u NONE -c '%s/1/one/g' -c 'wq! out.txt' tree/file42.txt
record tmux sh -c 'tmux -L r new-session -d "sleep 1"; sleep 2; tmux -L r kill-server'
record file file prog main.c t.tgz big.txt
record man man -P cat sh
record ps sh -c 'ps aux; top -b -n 1; uptime; free; who'
record curl-file curl -s "file://$work/big.txt" -o copy.txt
record curl-http sh -c 'perl server.pl 18731 20 & sleep 1; for i in 1 2 3 4 5 6 7 8 9 10; do curl -s http://127.0.0.1:18731/; curl -s http://127.0.0.1:18731/ -o c; done; wait'
if command -v initdb >/dev/null && command -v psql >/dev/null; then
    chmod 755 "$work" && mkdir pg && chown nobody pg
    cp script.sql pg/script.sql
    user='setpriv --reuid nobody --clear-groups --inh-caps=-all'
    # The server of a database, and its client; both without privileges.
    record postgres $user sh -c "cd pg && HOME=$work/pg && initdb -D data -A trust && pg_ctl -D data -o '-k $work/pg -p 18732 -c listen_addresses=' -l log -w start && sed 's/vacuum;//' script.sql | psql -h $work/pg -p 18732 postgres; pg_ctl -D data stop"
fi
