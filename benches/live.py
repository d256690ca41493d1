#!/usr/bin/env python3
"""Compare reading the live host with ss(8), which shows the same.

    benches/live.py SOCKLINT [--listeners 10000] [--processes 300] [--connections 0] [--rounds 7]

Opens listeners on addresses of 127.0.0.0/8 in so many processes, in a private
network and process namespace, runs each command in turn, and prints medians of
CPU time (user and system) and peak memory, with the ratio to ss. Needs root,
Linux, Python 3 and iproute2; Python standard library only.
"""
import argparse, os, resource, signal, socket, statistics, subprocess, sys, time

# What is compared: name, socklint's arguments, the command of ss.
PAIRS = [
    ("list, with owners", ["list", "live"], ["ss", "-Hlntup"]),
    ("snapshot, with owners", ["snapshot"], ["ss", "-Hlntup"]),
    ("check, with owners", ["check", "live"], ["ss", "-Hlntup"]),
    ("list, without owners", ["list", "live", "--no-processes"], ["ss", "-Hlntu"]),
    ("snapshot, without owners", ["snapshot", "--no-processes"], ["ss", "-Hlntu"]),
    ("check of 1 rule, without owners", ["check", "live", "--no-processes", "--rule", "telnet"], ["ss", "-Hlntu"]),
]


def hold(number, count, connections, ready, go):
    """open listeners and connections; wait until the parent ends"""
    kept = []
    for i in range(count):
        s = socket.socket()
        s.bind(("127.%d.%d.%d" % (1 + number // 200, number % 200, 1 + i // 50000), 10000 + (number * 7919 + i) % 50000))
        s.listen(16)
        kept.append(s)
    for _ in range(connections // 2):
        client = socket.socket()
        client.connect(kept[0].getsockname())
        kept.append(client)
        kept.append(kept[0].accept()[0])
    os.write(ready, b"k")
    os.read(go, 1)
    os._exit(0)


def measure(argv):
    """CPU seconds of one run"""
    with open(os.devnull, "w") as null:
        child = subprocess.Popen(argv, stdout=null, stderr=null, stdin=null)
        _, _, usage = os.wait4(child.pid, 0)
        child.returncode = 0
    return usage.ru_utime + usage.ru_stime


def peak(argv):
    """peak memory in KiB of one run, by GNU time where it is there; the memory of this program would count for its children"""
    time = "/usr/bin/time"
    if not os.path.exists(time):
        return None
    out = subprocess.run([time, "-f", "%M", *argv], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    return int(out.stderr.split()[-1])


def inside(a):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    per = -(-a.listeners // a.processes)
    resource.setrlimit(resource.RLIMIT_NOFILE, (per + a.connections + 100,) * 2)
    ready_r, ready_w = os.pipe()
    go_r, go_w = os.pipe()
    left = a.listeners
    for number in range(a.processes):
        count = min(per, left)
        left -= count
        if os.fork() == 0:
            os.close(go_w)
            hold(number, max(count, 1 if a.connections else count), a.connections, ready_w, go_r)
    for _ in range(a.processes):
        os.read(ready_r, 1)
    print("%d listeners in %d processes, %d connections in each; medians of %d" % (a.listeners, a.processes, a.connections, a.rounds))
    print("%-34s %10s %10s %7s %10s" % ("", "socklint", "ss", "ratio", "memory"))
    for name, arguments, ss in PAIRS:
        ours, theirs = [], []
        for _ in range(a.rounds):
            theirs.append(measure(ss))
            ours.append(measure([a.socklint] + arguments))
        memory = peak([a.socklint] + arguments)
        m, n = statistics.median(ours), statistics.median(theirs)
        shown = "%6.1f MiB" % (memory / 1024) if memory else "?"
        print("%-34s %7.1f ms %7.1f ms %6.2fx %10s" % (name, m * 1e3, n * 1e3, m / n, shown), flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("socklint")
    ap.add_argument("--listeners", type=int, default=10000)
    ap.add_argument("--processes", type=int, default=300)
    ap.add_argument("--connections", type=int, default=0)
    ap.add_argument("--rounds", type=int, default=7)
    ap.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    a = ap.parse_args()
    if os.geteuid() or sys.platform != "linux":
        print("SKIPPED: this needs root on Linux")
        return 0
    if a.inside:
        inside(a)
        os.kill(0, signal.SIGKILL)
    run = ["unshare", "-n", "-p", "-m", "--fork", "--kill-child", "--mount-proc", sys.executable, os.path.abspath(__file__), "--inside"]
    subprocess.run(run + sys.argv[1:], start_new_session=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
