#!/usr/bin/env python3
"""Writes evidence and policies for the benchmarks: the same arguments give the same bytes, anywhere.

    python3 benches/generate.py host --listeners 30
    python3 benches/generate.py stream --hosts 2000 --listeners 100
    python3 benches/generate.py policy --rules 10000 [--matching]
    python3 benches/generate.py folder --hosts 2000 --listeners 100 --to FOLDER

Nothing here is random: what varies, varies with the number of the row and of the host. Needs Python 3."""
import argparse
import pathlib
import sys

NAMES = ["nginx", "postgres", "java", "node_exporter", "systemd-resolve", "sshd", "redis-server"]
# What some rule of ten-rules.toml asks about: one row in 700 has one of them, and the first row of each host.
PORTS = [80, 5432, 8080, 9100, 53, 22, 6379, 443, 3306, 111]
HEADER = "Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:Port Process"
# Text of evidence that is made to trouble a reader: names that hold rows, quotes and line breaks of escapes.
HOSTILE = ['a)b', '"quoted"', 'x,pid=1,fd=2', '(sd-pam)', 'users:((', 'caf\u00e9', 'fd=3),("sh', "tcp LISTEN 0 1"]


def row(number, host, name):
    """One row in the manner of `ss -lntup` (iproute2 6.x); few violate a rule, as on a real host."""
    netid, state = ("udp", "UNCONN") if number % 4 == 0 else ("tcp", "LISTEN")
    private = f"10.{host % 250}.{number // 250 % 250}.{number % 250}"
    address, peer = [("0.0.0.0", "0.0.0.0:*"), ("127.0.0.1", "0.0.0.0:*"), ("[::]", "[::]:*"), ("*", "*:*"),
                     (private, "0.0.0.0:*"), ("127.0.0.53%lo", "0.0.0.0:*"),
                     (f"[fe80::{number % 65536:x}]%eth0", "[::]:*")][number % 7]
    spread = number + host * 31
    port = PORTS[spread // 7 % 10] if number % 700 == 0 else 10_000 + spread * 7 % 50_000
    users = ",".join(f'("{name}",pid={1000 + number + worker},fd={3 + number % 20})'
                     for worker in range(4 if number % 50 == 7 else 1))
    return (f"{netid:<5} {state:<6} 0      {128 + number % 4 * 128:<6} {address:>20}:{port:<5} {peer:>12}    "
            f"users:({users})")


def capture(listeners, host=0, hostile=False):
    """The capture of one host."""
    names = HOSTILE if hostile else NAMES
    rows = [row(number, host, names[number % len(names)]) for number in range(listeners)]
    return "\n".join(["$ ss -lntup", HEADER, *rows]) + "\n"


def stream(hosts, listeners):
    """The captures of many hosts in one text, as head(1) and tail(1) print files one after the other."""
    for host in range(hosts):
        yield ("\n" if host else "") + f"==> host{host:06}.txt <==\n" + capture(listeners, host)


def policy(rules, matching=False):
    """A policy: of 20 rules 17 name a port, one a list, one a range and one a process that no host runs.

    The ports are ones that no row has; `matching` makes them such that a row is matched by 1.2 rules in the
    mean when there are 10,000 of them. Nearly every row meets them, and no two require the same."""
    text = []
    for number in range(rules):
        # Rows have 10,000 to 59,999, each seventh of which is used before any comes again.
        low = 10_000 + number * 31 % 50_000 if matching else 1_000 + number * 31 % 5_000
        match = ['process = "batch-%05d*"' % number, "port = [%d, %d, %d, %d]" % (low, low + 1, low + 7, low + 9),
                 'port = "%d-%d"' % (low, low + (99 if matching else 9))]
        match = match[number % 20] if number % 20 < len(match) else "port = %d" % low
        if number % 2:
            require = 'process = ["nginx", "postgres*", "java", "node_*", "systemd-*", "sshd", "redis-*", "svc-%05d"]' % number
        else:
            require = ('bind = ["loopback", "private", "0.0.0.0", "::", "fe80::/10", "172.16.%d.%d/32"]'
                       % (number >> 8 & 255, number & 255))
        text.append(f'[[rule]]\nid = "r{number:05}"\nseverity = "error"\nsummary = "bench rule {number}"\n'
                    f"match = {{ {match} }}\nrequire = {{ {require} }}\n")
    return "\n".join(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["host", "stream", "policy", "folder"])
    parser.add_argument("--listeners", type=int, default=30)
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--rules", type=int, default=10)
    parser.add_argument("--matching", action="store_true")
    parser.add_argument("--hostile", action="store_true")
    parser.add_argument("--to", type=pathlib.Path)
    args = parser.parse_args()
    if args.what == "host":
        sys.stdout.write(capture(args.listeners, 0, args.hostile))
    elif args.what == "policy":
        sys.stdout.write(policy(args.rules, args.matching))
    elif args.what == "stream":
        sys.stdout.writelines(stream(args.hosts, args.listeners))
    else:
        folder(args.to, args.hosts, args.listeners)


def folder(to, hosts, listeners):
    """A directory with a file for each host, a hundred in each folder."""
    for host in range(hosts):
        place = to / f"site{host // 100:04}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"host{host:06}.txt").write_text(capture(listeners, host))


if __name__ == "__main__":
    main()
