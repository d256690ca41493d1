#!/bin/sh
# Fills fuzz/corpus with what fuzzing begins with: the fixtures, the examples and fuzz/seeds.
set -eu
cd "$(dirname "$0")/.."
corpus=fuzz/corpus
mkdir -p $corpus/parse_capture $corpus/compile_policy $corpus/reader $corpus/readers $corpus/input $corpus/host
cp examples/*.txt fuzz/seeds/parse_capture/*.txt $corpus/parse_capture/
for text in tests/fixtures/captures/*/*.txt tests/fixtures/documents/*/*.txt; do
    cp "$text" "$corpus/parse_capture/$(basename "$(dirname "$text")").$(basename "$text")"
done
cp examples/*.toml policies/*.toml $corpus/compile_policy/

# Readers in the order of FORMATS in src/capture/mod.rs: the first byte of a text for `reader` names one.
formats='snapshot ss netstat-bsd netstat-windows sockstat powershell systemctl netstat lsof lsof-F proc-net ansible
    osquery nmap masscan docker lynis jc goss inspec'
number=0
for format in $formats; do
    for text in tests/fixtures/captures/$format/*.txt tests/fixtures/documents/$format/*.txt \
        fuzz/seeds/parse_capture/$format.*.txt; do
        [ -f "$text" ] || continue
        # shellcheck disable=SC2059
        { printf "\\$(printf %03o $number)"; cat "$text"; } > "$corpus/reader/$format.$(basename "$text")"
    done
    number=$((number + 1))
done
for kind in busybox toybox; do
    for text in tests/fixtures/captures/$kind/*.txt; do
        { printf '\007'; cat "$text"; } > "$corpus/reader/$kind.$(basename "$text")"
    done
done

# The same by format, for runs of one reader.
for format in $formats; do
    mkdir -p "$corpus/readers/$format"
    find $corpus/reader -maxdepth 1 -name "$format.*" -exec cp {} "$corpus/readers/$format/" ';'
done
cp $corpus/reader/busybox.* $corpus/reader/toybox.* $corpus/readers/netstat/

# Archives, compressed files, streams.
cp $corpus/parse_capture/*.txt $corpus/input/
tar -cf $corpus/input/folder.tar --format=pax fuzz/seeds/parse_capture/sock* fuzz/seeds/parse_capture/system*
tar -cf $corpus/input/gnu.tar --format=gnu -C fuzz/seeds/parse_capture sockstat.netbsd.txt
gzip -nc $corpus/input/gnu.tar > $corpus/input/gnu.tar.gz
for packer in gzip xz zstd; do
    ! command -v $packer > /dev/null || $packer -c fuzz/seeds/parse_capture/sockstat.netbsd.txt > $corpus/input/$packer
done
printf '{"host": "db1", "ss": "tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\\n"}\n{"host": "db2", "lsof-F": "p1\\n"}\n' \
    > $corpus/input/stream

# Files of one host: path, line feed, text; divided by NUL.
number=0
for first in tests/fixtures/captures/ss/*.txt; do
    number=$((number + 1))
    second=$(find tests/fixtures/captures/netstat tests/fixtures/captures/proc-net tests/fixtures/captures/lsof \
        -name '*.txt' | sort | sed -n "${number}p")
    [ -n "$second" ] || break
    {
        printf 'db1/ss.txt\n'; cat "$first"
        printf '\000db1/netstat.txt\n'; cat "$second"
        printf '\000db1/hostname\ndb1\n\000db1/passwd\nroot:x:0:0::/:/bin/sh\nwww:x:33:33::/:/bin/sh\n'
        printf '\000db1/ip_-o_addr\n1: lo    inet 127.0.0.1/8 scope host lo\n2: eth0    inet 10.0.0.5/24 scope global eth0\n'
        printf '\000db1/ps.txt\n  PID USER COMMAND\n    1 root /sbin/init\n'
    } > $corpus/host/$number
done
