#!/usr/bin/env python3
"""Compare `socklint snapshot` with hosts whose sockets are known.

    tests/live/lab.py SOCKLINT [--lab DIR] [--seeds 1,2,...] [--scenarios full,server,...]

For each scenario a laboratory (`lab.py`, a program that opens known sockets in
private namespaces and writes down what it opened; by default in ../shared/lab)
is set up, and inside of it
  * `socklint snapshot` as root must agree with the truth in every field, in
    JSON that it reads back without loss;
  * as nobody it must state nothing wrong: what it does not see is missing with
    a reason;
  * without netlink it must agree, less the facts that /proc/net does not have;
  * `socklint check` of the snapshot and of `ss -lntuwpe` must come to the same
    verdicts, or to one that is unknown in one of them;
  * `--redact` must leave out what it says it does.

Needs root, Linux, Python 3, iproute2, setpriv. Without root or laboratory it
says that it skips and exits with 0. Python standard library only.
"""
import argparse, collections, ipaddress, json, os, shutil, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SCENARIOS = "full server weird plain empty dense nested".split()
# Sockets that the model has no transport for.
UNMODELLED = ("icmp", "icmp6")
INSIDE = r"""
cd "$1"; socklint=$2
"$socklint" snapshot --netns all --cmdline -o root.json
"$socklint" snapshot > own.json
"$socklint" snapshot --no-netlink > files.json
"$socklint" snapshot --redact > redacted.json
"$socklint" snapshot --no-processes > bare.json
"$socklint" list live -f json > list.json
setpriv --reuid 65534 --regid 65534 --clear-groups "$socklint" snapshot > nobody.json
ss -lntuwpe > ss.txt
ss -lntuwe > ss-bare.txt
setpriv --reuid 65534 --regid 65534 --clear-groups ss -lntuwpe > ss-nobody.txt
"""

faults = []


def fault(where, what):
    faults.append("%s: %s" % (where, what))
    print("  FAULT %s: %s" % (where, what))


def load(folder, name):
    with open(os.path.join(folder, name)) as f:
        return json.load(f)


def plain(text):
    """a name as JSON can hold it: what is not UTF-8 is replaced; a cut character at its end is left out"""
    raw = text.encode("utf-8", "surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError as e:
        if len(raw) >= 15 and e.end == len(raw) and e.reason == "unexpected end of data":
            raw = raw[:e.start]
        return raw.decode("utf-8", "replace")


def expected(truth, everywhere):
    """rows of the truth: transport, address, port, v6only, device, uid, namespace, processes"""
    rows = []
    for t in truth["listeners"]:
        if t["transport"] in UNMODELLED or (t.get("netns") and not everywhere):
            continue
        address = str(ipaddress.ip_address(t["addr"]))
        v6only = t["v6only"] if t["family"] == 6 else None
        processes = tuple(sorted((p["pid"], p["fd"], plain(p["name"]), p["uid"]) for p in t["processes"]))
        row = (address, t["port"], v6only, t["iface"], t["owner_uid"], t.get("netns"), processes)
        rows.append((t["transport"],) + row)
        if t["transport"] == "mptcp":
            rows.append(("tcp",) + row)
    return rows


def shown(snapshot):
    """the same of a snapshot, with the facts that are missing in each"""
    rows = []
    for s in snapshot["sockets"]:
        address = "::" if s["address"] == "*" else str(ipaddress.ip_address(s["address"]))
        processes = tuple(sorted((p["pid"], p["fd"], p["name"], p.get("uid")) for p in s["processes"] or []))
        row = (s["transport"], address, s["port"], s.get("v6only"), s["interface"], s.get("uid"), s.get("netns"), processes)
        rows.append((row, s.get("missing", {}), s))
    return rows


def compare(where, truth, snapshot, everywhere, sees, netlink=True):
    """sees: which processes, by effective uid, can be seen; None for all"""
    def key(row):
        return row[:3] + (row[6],)
    left = collections.defaultdict(list)
    for row in expected(truth, everywhere):
        left[key(row)].append(row)
    for row, missing, socket in shown(snapshot):
        for index, want in enumerate(left[key(row)]):
            by_files = not netlink or "interface" in missing
            visible = tuple(p for p in want[7] if sees is None or p[3] in sees)
            if row[7] not in (visible, () if sees is not None else visible):
                continue
            if by_files and (row[3] is not None or row[4] is not None):
                continue
            if not by_files and row[3:5] != want[3:5]:
                continue
            if row[5] != want[5]:
                continue
            if row[7] != want[7] and "processes" not in missing:
                continue
            del left[key(row)][index]
            break
        else:
            fault(where, "a socket that is not there, or other facts of it: %r, missing %r, wanted one of %r" % (row, missing, left[key(row)]))
            continue
        if socket["processes"] == [] and socket.get("inode"):
            fault(where, "`%s` is said to have no owner: %r" % (socket.get("inode"), row))
    for rows in left.values():
        for row in rows:
            fault(where, "not shown: %r" % (row,))


def covered(where, snapshot, netlink=True):
    for cell, state in snapshot["coverage"].items():
        table = cell.split("/")[0]
        if state == "absent" or netlink and table in ("tcp", "udp") and state != "proven":
            fault(where, "coverage of %s is %s" % (cell, state))


def check(socklint, evidence, *more):
    run = [socklint, "check", "-f", "json", "--host", "lab", "--policy", "builtin:baseline", *more, evidence]
    out = subprocess.run(run, capture_output=True, text=True)
    if out.returncode not in (0, 1, 3):
        return None, out.stderr
    host = json.loads(out.stdout)["hosts"][0]
    return {r["rule"]: r["verdict"] for r in host["results"]}, None


def same_verdicts(where, socklint, folder, snapshot, capture):
    ours, wrong = check(socklint, os.path.join(folder, snapshot))
    theirs, wrong2 = check(socklint, os.path.join(folder, capture), "--command", "ss -lntuwpe" if "bare" not in capture else "ss -lntuwe")
    if ours is None or theirs is None:
        # Names with line breaks can make the text of ss unreadable; nothing to compare then.
        if ours is None:
            fault(where, "the snapshot is not read: %s" % wrong)
        else:
            print("  (%s is not read: %s)" % (capture, wrong2.strip().splitlines()[0]))
        return
    decided = 0
    for rule in ours:
        if ours[rule] != theirs[rule] and "unknown" not in (ours[rule], theirs[rule]):
            fault(where, "%s: %s by the snapshot, %s by ss" % (rule, ours[rule], theirs[rule]))
        decided += ours[rule] == theirs[rule]
    print("  %s and %s: %d rules, %d with the same verdict" % (snapshot, capture, len(ours), decided))


def read_back(where, socklint, folder, name):
    out = subprocess.run([socklint, "list", "-f", "json", os.path.join(folder, name)], capture_output=True, text=True)
    if out.returncode:
        return fault(where, "not read back: %s" % out.stderr)
    back, written = json.loads(out.stdout), load(folder, name)
    # The name of the file stands in for that of a host that is not named.
    back["host"]["name"] = written["host"]["name"] or back["host"].pop("name") and None
    if back != written:
        fault(where, "reading it back loses something")
    with open(os.path.join(folder, name)) as f:
        lines = f.read().splitlines()
    for s in load(folder, name)["sockets"]:
        line = lines[s["line"] - 1].strip().rstrip(",")
        if json.loads(line)["port"] != s["port"]:
            fault(where, "the socket on port %s is not on line %d" % (s["port"], s["line"]))


def redacted(where, snapshot):
    text = json.dumps(snapshot)
    for word in ("exe", "cmdline", "user", "uid", "cgroup", "container", "kernel", "boot_id"):
        if any(word in s or any(word in p for p in s["processes"] or []) for s in snapshot["sockets"]) or word in snapshot["host"]:
            fault(where, "holds `%s`" % word)
    if snapshot["host"]["name"] is not None or snapshot["interfaces"] is not None or os.uname().nodename in text:
        fault(where, "names the host or its interfaces")


def one(a, scenario, seed):
    folder = tempfile.mkdtemp(prefix="socklint-lab-")
    os.chmod(folder, 0o755)
    try:
        binary = os.path.join(folder, "socklint")
        shutil.copy(a.socklint, binary)
        truth = os.path.join(folder, "truth.json")
        run = [sys.executable, os.path.join(a.lab, "lab.py"), "run", "--seed", str(seed), "--scenario", scenario,
               "--truth", truth, "--", "sh", "-c", INSIDE, "sh", folder, binary]
        print("%s, seed %d" % (scenario, seed), flush=True)
        done = subprocess.run(run, capture_output=True, text=True, timeout=300)
        if done.returncode or done.stderr:
            return fault(scenario, "exit %d: %s" % (done.returncode, done.stderr))
        truth = load(folder, "truth.json")
        compare("root", truth, load(folder, "root.json"), True, None)
        compare("own", truth, load(folder, "own.json"), False, None)
        compare("files", truth_without_mptcp(truth), load(folder, "files.json"), False, None, netlink=False)
        compare("nobody", truth, load(folder, "nobody.json"), False, {65534})
        for name in ("root", "own", "nobody", "bare"):
            covered(name, load(folder, name + ".json"))
        covered("files", load(folder, "files.json"), netlink=False)
        for s in load(folder, "bare.json")["sockets"]:
            if s["processes"] is not None:
                fault("bare", "looked for processes")
        for name in ("root.json", "own.json", "files.json", "redacted.json", "bare.json", "nobody.json"):
            read_back(name, binary, folder, name)
        redacted("redacted", load(folder, "redacted.json"))
        same_verdicts("verdicts", binary, folder, "own.json", "ss.txt")
        same_verdicts("verdicts", binary, folder, "bare.json", "ss-bare.txt")
        same_verdicts("verdicts", binary, folder, "nobody.json", "ss-nobody.txt")
        count = len(load(folder, "root.json")["sockets"])
        print("  %d sockets in %d namespaces" % (count, 1 + len(load(folder, "root.json").get("namespaces", []))))
    finally:
        shutil.rmtree(folder)


def truth_without_mptcp(truth):
    """MPTCP has no file in /proc/net; its sockets stand in that of TCP"""
    rows = [dict(t, transport="tcp") if t["transport"] == "mptcp" else t for t in truth["listeners"]]
    return dict(truth, listeners=rows)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("socklint")
    ap.add_argument("--lab", default=os.path.join(os.environ.get("SOCKLINT_SHARED", os.path.join(HERE, "../../../shared")), "lab"))
    ap.add_argument("--seeds", default="1,2")
    ap.add_argument("--scenarios", default=",".join(SCENARIOS))
    a = ap.parse_args()
    if os.geteuid() or sys.platform != "linux":
        print("SKIPPED: this needs root on Linux")
        return 0
    if not os.path.exists(os.path.join(a.lab, "lab.py")):
        print("SKIPPED: there is no laboratory in %s" % a.lab)
        return 0
    for scenario in a.scenarios.split(","):
        for seed in a.seeds.split(","):
            one(a, scenario, int(seed))
    print("%d faults" % len(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
