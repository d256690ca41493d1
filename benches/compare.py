#!/usr/bin/env python3
"""Compares socklint, as whole processes, with what else one would take, and writes the table of docs/performance.md.

    python3 benches/compare.py [--runs 9] [--quick] [--write] [--jc VENV] [SOCKLINT]

Commands run in turn, round after round, so that a machine that slows down slows all of them; figures are medians
of CPU time (user and system, as the kernel accounts them at wait4) and ratios of those. All evidence
is made by benches/generate.py. `--write` puts the table into docs/performance.md. What is not there is skipped,
and said so. Needs Python 3, rustc (for the hello-world), grep, mawk, wc and cat; GNU time for the peak memory; jc
in the virtual environment VENV (`python3 -m venv VENV && VENV/bin/pip install jc`), or `--make-jc` makes one; root
and ss for the live rows, whose sockets this script opens itself."""
import argparse
import datetime
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile

import generate

HERE = pathlib.Path(__file__).resolve().parent
TEN = str(HERE / "ten-rules.toml")
DOC = HERE.parent / "docs/performance.md"
BEGIN, END = "<!-- table of benches/compare.py -->", "<!-- end of the table -->"
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

# What no program that reads a directory does without.
OPEN = """
use std::io::Read;
fn read(folder: &std::path::Path, buffer: &mut [u8]) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut entries: Vec<_> = entries.map(|entry| (entry.path(), entry.file_type().unwrap().is_dir())).collect();
    entries.sort();
    let mut sum = 0;
    for (path, is_dir) in entries {
        if is_dir {
            sum += read(&path, buffer);
            continue;
        }
        let mut file = std::fs::File::open(path).unwrap();
        while let Ok(read @ 1..) = file.read(buffer) {
            sum += read;
        }
    }
    sum
}
fn main() {
    println!("{}", read(std::env::args().nth(1).unwrap().as_ref(), &mut vec![0; 1 << 16]));
}
"""


def cpu(command, stdin=None):
    """CPU seconds of one run."""
    null = os.open(os.devnull, os.O_RDWR)
    first = os.open(stdin, os.O_RDONLY) if stdin else null
    pid = os.posix_spawnp(command[0], command, os.environ,
                          file_actions=[(os.POSIX_SPAWN_DUP2, first, 0), (os.POSIX_SPAWN_DUP2, null, 1),
                                        (os.POSIX_SPAWN_DUP2, null, 2)])
    os.close(null)
    if stdin:
        os.close(first)
    _, status, usage = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1, 3):
        sys.exit(f"{' '.join(command)} failed")
    return usage.ru_utime + usage.ru_stime


def peak(command):
    """Peak MiB of one run, by GNU time: what wait4 says would include this program's own pages."""
    time = shutil.which("time")
    if time is None:
        return None
    run = subprocess.run([time, "-f", "%M", *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE, text=True)
    return int(run.stderr.split()[-1]) / 1024


class Bench:
    """The runs of this call, and the rows of its table."""

    def __init__(self, args, folder):
        self.args, self.folder, self.rows = args, folder, []

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def build(self, name, text):
        """The program of a Rust text."""
        to = str(self.folder / name)
        subprocess.run(["rustc", "--edition", "2021", "-O", "-o", to, self.file(f"{name}.rs", text)], check=True)
        return to

    def check(self, *arguments):
        """The command of a check on one thread, so that CPU time is that of the work."""
        return [self.args.socklint, "check", "--jobs", "1", *map(str, arguments)]

    def times(self, commands, repeat=1, stdin=None):
        """Medians in seconds; each figure is the mean of `repeat` runs, for what is too short to time."""
        seen = {name: [] for name in commands}
        for turn in range(self.args.runs + 1):
            for name, command in commands.items():
                given = (stdin or {}).get(name)
                total = sum(cpu(command, given) for _ in range(repeat))
                if turn:
                    seen[name].append(total / repeat)
        return {name: statistics.median(values) for name, values in seen.items()}

    def row(self, what, goal, reached, met, why=""):
        """Adds a row and shows it; `met` is None where there is nothing to meet."""
        verdict = {True: "met", False: f"not met{': ' + why if why else ''}", None: why}[met]
        self.rows.append(f"| {what} | {goal} | {reached} | {verdict} |")
        print(self.rows[-1], flush=True)

    def skip(self, what, why):
        print(f"SKIPPED {what}: {why}", file=sys.stderr, flush=True)
        self.rows.append(f"| {what} | | | skipped: {why} |")


def one_capture(bench):
    text = bench.file("30.txt", generate.capture(30))
    commands = {"socklint": bench.check("-p", TEN, text), "mawk": [bench.awk, "-f", bench.rules, text],
                "hello": [bench.hello], "grep": ["grep", "-c", "LISTEN", text],
                "wc": ["wc", "-l", text], "cat": ["cat", text]}
    seconds = bench.times(commands, repeat=20)
    for name, goal in (("hello", 1.5), ("grep", 1.0), ("mawk", 1.3), ("wc", None), ("cat", None)):
        ratio = seconds["socklint"] / seconds[name]
        met = None if goal is None else ratio <= goal
        label = {"hello": "a hello-world", "grep": "`grep` for one pattern", "mawk": "`mawk`, ten rules"}.get(name, f"`{name}`")
        bench.row(f"30 listeners, ten rules, to {label}", "" if goal is None else f"{goal}x", f"{ratio:.2f}x", met,
                  "pages, arguments and policy, see below" if met is False else "")
    memory = peak(commands["socklint"])
    if memory:
        bench.row("the same, peak memory", "5 MiB", f"{memory:.1f} MiB", memory <= 5, "pages of the program, see below")


def large(bench):
    text = bench.file("20000.txt", generate.capture(20_000))
    commands = {"socklint": bench.check("-p", TEN, text), "mawk": [bench.awk, "-f", bench.rules, text],
                "wc": ["wc", "-l", text], "cat": ["cat", text], "hello": [bench.hello]}
    stdin = {}
    if bench.jc:
        bare = generate.capture(20_000).split("\n", 1)[1]
        commands["jc"], stdin["jc"] = [bench.jc, "--ss"], bench.file("bare.txt", bare)
    seconds = bench.times(commands, stdin=stdin)
    ratio = seconds["socklint"] / seconds["mawk"]
    bench.row("20,000 listeners, to `mawk`, ten rules", "0.5x", f"{ratio:.2f}x", ratio <= 0.5, "pages of text and tables, see below")
    if bench.jc:
        part = seconds["jc"] / seconds["socklint"]
        bench.row("20,000 listeners, to `jc --ss`, which judges nothing", "1/75", f"1/{part:.0f}", part >= 75, "as before")
    else:
        bench.skip("20,000 listeners, to `jc --ss`", "no jc: give `--jc VENV` or `--make-jc`")
    each = (seconds["socklint"] - seconds["hello"]) / 20_000 * 1e9
    bench.row("20,000 listeners, a listener, with reading the file", "", f"{each:.0f} ns", None)


def stream(bench):
    hosts = 500 if bench.args.quick else 10_000
    path = bench.folder / "stream.txt"
    with path.open("w") as out:
        out.writelines(generate.stream(hosts, 100))
    command = bench.check("-p", TEN, "--max-diagnostics", "5", path)
    packed = path.with_suffix(".zst")
    commands = {"plain": command, "hello": [bench.hello]}
    if shutil.which("zstd"):
        subprocess.run(["zstd", "-q", "-3", path, "-o", packed], check=True)
        commands["zst"] = bench.check("-p", TEN, "--max-diagnostics", "5", packed)
    seconds = bench.times(commands)
    for name, what, goal in (("plain", "a stream", 20), ("zst", "the same as .zst", 35)):
        if name in seconds:
            each = (seconds[name] - seconds["hello"]) / hosts * 1e6
            bench.row(f"{what} of {hosts:,} captures of 100 listeners, a capture", f"{goal} us", f"{each:.1f} us",
                      each <= goal, "three fifths is the reader, a seventh judging; see below")
        else:
            bench.skip(what, "zstd is not there")
    memory = peak(command)
    if memory:
        bench.row("the same, peak memory", "16 MiB", f"{memory:.1f} MiB", memory <= 16)
    path.unlink()


def directory(bench):
    hosts = 1_000 if bench.args.quick else 5_000
    to = bench.folder / "fleet"
    generate.folder(to, hosts, 30)
    commands = {"socklint": bench.check("-p", TEN, "--max-diagnostics", "5", to),
                "grep": ["grep", "-rc", "LISTEN", str(to)], "open": [bench.build("open", OPEN), str(to)]}
    seconds = bench.times(commands)
    bare = seconds["open"] / seconds["grep"]
    for name, what, goal, why in (
            ("open", "opening, reading and closing each", 3.0, "each host is a text of its own: see below"),
            ("grep", "`grep -rc`", 0.3, f"opening, reading and closing each alone takes {bare:.2f}x here")):
        ratio = seconds["socklint"] / seconds[name]
        bench.row(f"a directory of {hosts:,} captures of 30 listeners, to {what}", f"{goal:g}x", f"{ratio:.2f}x",
                  ratio <= goal, why)
    shutil.rmtree(to)


def policies(bench):
    empty = bench.file("1.txt", generate.capture(1))
    text = bench.file("long.txt", generate.capture(200_000))
    few = bench.file("10.toml", generate.policy(10))
    none = bench.file("10000.toml", generate.policy(10_000))
    some = bench.file("10000m.toml", generate.policy(10_000, matching=True))
    commands = {}
    for name, rules in (("few", few), ("none", none), ("some", some)):
        for what, evidence in (("load", empty), ("all", text)):
            commands[name + what] = bench.check("-p", rules, "--quiet", "--max-diagnostics", "0", evidence)
    seconds = bench.times(commands)
    a_listener = {name: seconds[name + "all"] - seconds[name + "load"] for name in ("few", "none", "some")}
    for name, goal, what in (("none", 1.2, "that do not match"), ("some", 2.2, "1.4 matches a listener and more")):
        ratio = a_listener[name] / a_listener["few"]
        bench.row(f"10,000 rules instead of 10, {what}, a listener", f"{goal}x", f"{ratio:.2f}x", ratio <= goal,
                  "the matches themselves")
    load = (seconds["noneload"] - seconds["fewload"]) * 1e3
    bench.row("loading 10,000 rules", "60 ms", f"{load:.0f} ms", load <= 60,
              "a third is reading the text, half making rules of it")
    memory = peak(commands["noneload"])
    if memory:
        bench.row("the same, peak memory", "32 MiB", f"{memory:.1f} MiB", memory <= 32,
                  "what the rules hold")


def diagnostics(bench):
    text = bench.file("2000.txt", generate.capture(2_000))
    all_wrong = bench.file("none.toml", '[[rule]]\nid = "none"\nforbid = true\nbecause = "bench"\nhelp = "stop it"\n')
    commands = {"many": bench.check("-p", all_wrong, "--max-diagnostics", "2000", text),
                "none": bench.check("-p", all_wrong, "--max-diagnostics", "1", text)}
    seconds = bench.times(commands)
    each = (seconds["many"] - seconds["none"]) / 1999 * 1e6
    bench.row("a diagnostic of the human report", "20 us", f"{each:.0f} us", each <= 20, "miette draws the snippet")


def reports(bench):
    """What each report format takes for a violation more, from 2,000 to 10,000 in one host."""
    all_wrong = bench.file("none.toml", '[[rule]]\nid = "none"\nforbid = true\nbecause = "bench"\nhelp = "stop it"\n')
    shown = subprocess.run([bench.args.socklint, "formats"], text=True, stdout=subprocess.PIPE, check=True).stdout
    of_check = shown.split("\n\n")[0].splitlines()[1:]
    formats = [line.split()[0] for line in of_check]
    commands = {}
    for name in formats:
        for count in (2_000, 10_000):
            text = bench.file(f"{count}.txt", generate.capture(count))
            commands[name, count] = bench.check("-p", all_wrong, "--max-diagnostics", "20000", "--format", name, text)
    seconds = bench.times(commands)
    each = {name: (seconds[name, 10_000] - seconds[name, 2_000]) / 8_000 * 1e6 for name in formats}
    for name in sorted(each, key=each.get):
        bench.row(f"a violation more in `{name}`, with reading and judging it", "", f"{each[name]:.1f} us", None)


def hostile(bench):
    plain, bad = generate.capture(20_000), generate.capture(20_000, hostile=True)
    commands = {"plain": bench.check("-p", TEN, bench.file("plain.txt", plain)),
                "hostile": bench.check("-p", TEN, bench.file("hostile.txt", bad)), "hello": [bench.hello]}
    seconds = bench.times(commands)
    def each(name, text):
        return (seconds[name] - seconds["hello"]) / len(text.encode())
    ratio = each("hostile", bad) / each("plain", plain)
    bench.row("hostile names in every row, a byte, to ordinary text", "5x", f"{ratio:.1f}x", ratio <= 5,
              "each such row takes the exact reader")


def live(bench):
    if os.geteuid() or not sys.platform.startswith("linux") or shutil.which("ss") is None:
        return bench.skip("live", "this needs root, Linux and ss")
    kept = []
    for number in range(500):
        kept.append(socket.socket())
        kept[-1].bind(("127.77.0.1", 20_000 + number))
        kept[-1].listen(1)
    for what, ours, theirs, goal in (("with owners", ["list", "live"], ["ss", "-lntup"], 0.5),
                                     ("without owners", ["list", "live", "--no-processes"], ["ss", "-lntu"], 0.5)):
        seconds = bench.times({"socklint": [bench.args.socklint, *ours], "ss": theirs}, repeat=3)
        ratio = seconds["socklint"] / seconds["ss"]
        bench.row(f"live {what}, {len(kept)} listeners and those that are there, to `{' '.join(theirs)}`", f"{goal}x",
                  f"{ratio:.2f}x", ratio <= goal, "few sockets; for many see below")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("socklint", nargs="?", default=str(HERE.parent / "target/release/socklint"))
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="smaller fleets")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    parser.add_argument("--jc", type=pathlib.Path, metavar="VENV", help="a virtual environment with jc in it")
    parser.add_argument("--make-jc", action="store_true", help="make one for this run")
    parser.add_argument("--only", action="append", help="a part, by the name of its function")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(args, pathlib.Path(folder))
        bench.awk = shutil.which("mawk") or shutil.which("awk")
        bench.rules = bench.file("rules.awk", AWK)
        bench.hello = bench.build("hello", 'fn main() { println!("hello"); }\n')
        if args.make_jc:
            args.jc = bench.folder / "jc"
            subprocess.run([sys.executable, "-m", "venv", args.jc], check=True)
            subprocess.run([args.jc / "bin/pip", "install", "-q", "jc"], check=True)
        bench.jc = str(args.jc / "bin/jc") if args.jc else None
        before = os.getloadavg()[0]
        for part in (one_capture, large, stream, directory, policies, diagnostics, hostile, reports, live):
            if not args.only or part.__name__ in args.only:
                part(bench)
        loads = f"{before:.1f} before, {os.getloadavg()[0]:.1f} after"
    head = ["| what | goal | reached | |", "| --- | --- | --- | --- |"]
    day = datetime.date.today().isoformat()
    foot = ["", f"Medians of {args.runs} interleaved runs, {day}, {os.cpu_count()} processors, load {loads}."]
    if args.write:
        text = DOC.read_text()
        start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
        DOC.write_text(text[:start] + "\n" + "\n".join(head + bench.rows + foot) + "\n" + text[end:])
    print("\n".join(foot))


if __name__ == "__main__":
    main()
