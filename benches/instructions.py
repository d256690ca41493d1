#!/usr/bin/env python3
"""Counts the instructions of four fixed cases with valgrind, and compares them with those that are kept.

    python3 benches/instructions.py [SOCKLINT]              compare; 1 when one is more than 5 % above
    python3 benches/instructions.py --update [SOCKLINT]     write benches/instructions.txt anew

Instructions do not depend on what else the machine does, so a slow-down shows where a clock would not tell.
They do depend on the compiler and on the C library: update the file, in a commit of its own, when the toolchain
moves. The evidence is made by benches/generate.py. Needs Python 3, valgrind and a release build with
`CARGO_PROFILE_RELEASE_STRIP=none` where the profile is to name functions (`--profile CASE`)."""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import generate

HERE = pathlib.Path(__file__).resolve().parent
KEPT = HERE / "instructions.txt"
TEN = HERE / "ten-rules.toml"


def cases(folder):
    """Each case with its arguments; the files are made."""
    def file(name, text):
        (folder / name).write_text(text)
        return str(folder / name)
    return {
        "30-listeners": ["-p", str(TEN), file("30.txt", generate.capture(30))],
        "20000-listeners": ["-p", str(TEN), file("20000.txt", generate.capture(20_000))],
        "10000-rules": ["-p", file("rules.toml", generate.policy(10_000)), file("100.txt", generate.capture(100))],
        "2000-captures": ["-p", str(TEN), file("stream.txt", "".join(generate.stream(2_000, 100)))],
    }


def count(socklint, arguments, out):
    """Instructions of one run on one thread; what it says goes nowhere."""
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", socklint, "check", "--jobs", "1",
               "--max-diagnostics", "5", *arguments]
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    run = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE, text=True)
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode not in (0, 1, 3) or found is None:
        sys.exit(f"{' '.join(command)} failed ({run.returncode}):\n{run.stderr[-2000:]}")
    return int(found[1])


def kept():
    """The instructions of each case, as they were when the file was written."""
    if not KEPT.exists():
        return {}
    lines = [line.split() for line in KEPT.read_text().splitlines() if line and not line.startswith("#")]
    return {name: int(number) for name, number in lines}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("socklint", nargs="?", default=str(HERE.parent / "target/release/socklint"))
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--tolerance", type=float, default=5.0, help="per cent")
    parser.add_argument("--only", help="one case")
    parser.add_argument("--profile", type=pathlib.Path, help="keep callgrind's output, for callgrind_annotate")
    args = parser.parse_args()
    before, after, worse = kept(), {}, []
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments in cases(pathlib.Path(folder)).items():
            if args.only not in (None, name):
                continue
            after[name] = count(args.socklint, arguments, args.profile or os.devnull)
            change = "new" if name not in before else f"{(after[name] / before[name] - 1) * 100:+.2f} %"
            print(f"{name:<16} {after[name]:>14,} {change}", flush=True)
            if name in before and after[name] > before[name] * (1 + args.tolerance / 100):
                worse.append(name)
    if args.update:
        head = ("# Instructions of fixed cases on x86-64 Linux, by benches/instructions.py; `--update` writes this.\n")
        KEPT.write_text(head + "".join(f"{name} {number}\n" for name, number in {**before, **after}.items()))
    elif worse:
        sys.exit(f"more than {args.tolerance} % slower: {', '.join(worse)}; look at the profile, or update the file "
                 "and say why")


if __name__ == "__main__":
    main()
