#!/usr/bin/env python3
"""Whole-process comparison: socklint against mawk doing ten rules, and against a hello-world.

    python3 benches/compare.py [--runs 15] [SOCKLINT]

Commands run in turn, round after round, so that a machine that slows down slows all of them; the
figures are medians of CPU time (user and system, as the kernel accounts them at wait4) and ratios of
those. Prints the table of docs/performance.md. Needs Python 3, rustc and
mawk (or awk); GNU time for the peak memory."""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
NAMES = ["nginx", "postgres", "java", "node_exporter", "systemd-resolve", "sshd", "redis-server"]
PORTS = [80, 5432, 8080, 9100, 53, 22, 6379, 443, 3306, 111]
# The ten rules of ten-rules.toml, as somebody would write them in awk for this one layout.
AWK = r"""
function local_ip(a) { return a ~ /^127\./ || a == "[::1]" }
function private_ip(a) { return a ~ /^10\./ || a ~ /^192\.168\./ || a ~ /^172\.(1[6-9]|2[0-9]|3[01])\./ }
$2 == "LISTEN" || $2 == "UNCONN" {
  n = match($5, /:[^:]*$/); a = substr($5, 1, n - 1); p = substr($5, n + 1) + 0
  if (p == 5432 && $1 == "tcp" && !local_ip(a)) v++
  if (p == 23) v++
  if (p == 6379 && !local_ip(a) && !private_ip(a)) v++
  if (p == 3306 && !local_ip(a) && a !~ /^10\./) v++
  if (p == 2375) v++
  if ((p == 2379 || p == 2380) && !local_ip(a)) v++
  if (p == 22 && $7 ~ /"sshd"/) ssh++
  if ($7 ~ /"javaw"/) v++
  if (p >= 6000 && p <= 6063 && !local_ip(a)) v++
  if (p == 111 && !local_ip(a)) v++
}
END { if (!ssh) v++; print v + 0 }
"""


def capture(listeners):
    """A capture in the manner of `ss -lntup`; few rows violate a rule, as on a real host."""
    rows = ["$ ss -lntup", "Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:Port Process"]
    for row in range(listeners):
        netid, state = ("udp", "UNCONN") if row % 4 == 0 else ("tcp", "LISTEN")
        address, peer = [("0.0.0.0", "0.0.0.0:*"), ("127.0.0.1", "0.0.0.0:*"), ("[::]", "[::]:*"), ("*", "*:*"),
                         (f"10.{row // 250 % 250}.{row % 250}.7", "0.0.0.0:*")][row % 5]
        port = PORTS[row // 700 % 10] if row % 700 == 0 else 10000 + row * 7 % 50000
        name = NAMES[row % 7]
        rows.append(f"{netid:<5} {state:<6} 0      {128 + row % 4 * 128:<6} {address:>20}:{port:<5} {peer:>12}    "
                    f'users:(("{name}",pid={1000 + row},fd={3 + row % 20}))')
    return "\n".join(rows) + "\n"


def peak(command):
    """Peak MiB of one run, by GNU time: what wait4 says would include this program's own pages."""
    time = shutil.which("time")
    if time is None:
        return "-"
    run = subprocess.run([time, "-f", "%M", *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    return f"{int(run.stderr.split()[-1]) / 1024:.1f} MiB"


def cpu(command):
    """CPU seconds of one run."""
    null = os.open(os.devnull, os.O_RDWR)
    pid = os.posix_spawnp(command[0], command, os.environ,
                          file_actions=[(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)])
    os.close(null)
    _, status, usage = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1, 3):
        sys.exit(f"{' '.join(command)} failed")
    return usage.ru_utime + usage.ru_stime


def compare(commands, runs, repeat):
    """Medians of `runs` rounds; each figure is the sum of `repeat` runs, for what is too short to time."""
    times = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            total = 0.0
            for _ in range(repeat):
                total += cpu(command)
            if turn:
                times[name].append(total / repeat)
    return {name: statistics.median(values) for name, values in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("socklint", nargs="?", default=str(HERE.parent / "target/release/socklint"))
    parser.add_argument("--runs", type=int, default=15)
    args = parser.parse_args()
    awk = shutil.which("mawk") or shutil.which("awk")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "rules.awk").write_text(AWK)
        (folder / "hello.rs").write_text('fn main() { println!("hello"); }\n')
        subprocess.run(["rustc", "-O", "-o", folder / "hello", folder / "hello.rs"], check=True)
        print("| listeners | capture | socklint / mawk, CPU | socklint / hello-world, CPU | peak | ns a listener |")
        print("| --- | --- | --- | --- | --- | --- |")
        for listeners, repeat in ((30, 20), (2_000, 10), (50_000, 1)):
            text = folder / f"host-{listeners}.txt"
            text.write_text(capture(listeners))
            commands = {
                "socklint": [args.socklint, "check", "-p", str(HERE / "ten-rules.toml"), str(text)],
                "mawk": [awk, "-f", str(folder / "rules.awk"), str(text)],
                "hello": [str(folder / "hello")],
            }
            seconds = compare(commands, args.runs, repeat)
            size = text.stat().st_size / 2**20
            per = (seconds["socklint"] - seconds["hello"]) / listeners * 1e9
            print(f"| {listeners:,} | {size:.2f} MiB | {seconds['socklint'] / seconds['mawk']:.2f} | "
                  f"{seconds['socklint'] / seconds['hello']:.2f} | {peak(commands['socklint'])} | {per:.0f} |")


if __name__ == "__main__":
    main()
