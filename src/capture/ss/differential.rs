//! The fast reader against the exact one, over rows that are changed in any way.
//!
//! `SOCKLINT_MUTATED_ROWS=10000000 cargo test --release --lib differential -- --nocapture` runs ten
//! million of them; without it a few thousand are run. `SOCKLINT_SEED` takes another sequence.

use super::tests::read_by;
use crate::capture::Capture;

/// How many rows are run where nothing else is asked for.
const ROWS: usize = 6_000;

/// A sequence of numbers that is the same in every run. Source: Marsaglia, Xorshift RNGs (2003).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 16) % end as u64) as usize
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

const HEADERS: &[&str] = &[
    "Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:Port Process\n",
    "Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess\n",
    "Netid  State      Recv-Q Send-Q     Local Address:Port       Peer Address:Port \n",
    "State  Recv-Q Send-Q Local Address:Port  Peer Address:Port Process\n",
    "$ ss -lntup\nNetid State  Recv-Q Send-Q Local Address:Port  Peer Address:Port Process\n",
    "# ss -lnt\nState  Recv-Q Send-Q Local Address:Port  Peer Address:Port\n",
    "",
];
const ADDRESSES: &[&str] = &[
    "0.0.0.0",
    "127.0.0.1",
    "*",
    "[::]",
    "[::1]",
    "10.0.0.7",
    "127.0.0.53%lo",
    "[fe80::1]%eth0",
    "0.0.0.0%br-0",
    "[::ffff:10.1.2.3]",
    "::",
    "192.168.100.200",
    "[2001:db8::1:2]",
    "0.0.0.00",
    "127.0.0.10",
    "256.1.1.1",
];
const PEERS: &[&str] = &["0.0.0.0:*", "[::]:*", "*:*", ":::*", "0.0.0.0:1", "*"];
const NAMES: &[&str] =
    &["nginx", "systemd-resolve", "a b", "", "x\"y", "a),(b", "caf\u{e9}", "0123456789abcdefg"];
/// What is put into rows: what readers look for, and what none expects.
const PIECES: &[&str] = &[
    "\n",
    "\r",
    "\r\n",
    " ",
    "\t",
    ":",
    "*",
    "\"",
    "(",
    ")",
    ",",
    "%",
    "[",
    "]",
    "0",
    "9",
    "-",
    "tcp ",
    "udp ",
    "u_str ",
    "LISTEN ",
    "UNCONN ",
    "ESTAB ",
    "users:((",
    "pid=",
    "fd=",
    "\u{e9}",
    "\u{0}",
    "0.0.0.0",
    "::",
    "{",
    "99999999999",
    " cgroup:/a",
    " ino:1 sk:2 <->",
    "\n\t cubic",
];

fn row(numbers: &mut Numbers, netid: bool) -> String {
    let tcp = numbers.below(3) > 0;
    let state = match numbers.below(12) {
        0 => "ESTAB",
        1 => "CLOSE-WAIT",
        _ if tcp => "LISTEN",
        _ => "UNCONN",
    };
    let mut text = match (netid, tcp) {
        (true, true) => "tcp   ".to_owned(),
        (true, false) => "udp   ".to_owned(),
        (false, _) => String::new(),
    };
    let (queue, port) = (numbers.below(3) * numbers.below(5000), numbers.below(66_000));
    let (address, peer) = (numbers.of(ADDRESSES), numbers.of(PEERS));
    let blanks = " ".repeat(1 + numbers.below(20));
    text.push_str(&format!("{state} 0      {queue}{blanks}{address}:{port}   {peer}"));
    let owners = numbers.below(4);
    for owner in 0..owners {
        let (name, pid) = (numbers.of(NAMES), numbers.below(4_000_000));
        text.push_str(if owner == 0 { "    users:(" } else { "," });
        text.push_str(&format!("(\"{name}\",pid={pid},fd={})", numbers.below(100)));
    }
    text.push_str(if owners > 0 { ")" } else { "" });
    text.push_str(numbers.of(&["\n", "\n", "\n", "\n", "\r\n", "  \n"]));
    text
}

/// Changes a row: cuts, puts in, doubles, swaps.
fn mutate(numbers: &mut Numbers, row: &mut String) {
    for _ in 0..=numbers.below(2) {
        let place = |numbers: &mut Numbers, row: &str| {
            let mut at = numbers.below(row.len() + 1);
            while !row.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (a, b) = (place(numbers, row), place(numbers, row));
        let (from, to) = (a.min(b), a.max(b).min(a.min(b) + 12).max(a.min(b)));
        let to = (from..=to).rev().find(|&at| row.is_char_boundary(at)).unwrap_or(from);
        match numbers.below(4) {
            0 => row.replace_range(from..to, ""),
            1 => row.insert_str(from, numbers.of(PIECES)),
            2 => row.replace_range(from..to, numbers.of(PIECES)),
            _ => {
                let piece = row.get(from..to).unwrap_or_default().to_owned();
                let at = place(numbers, row);
                row.insert_str(at, &piece);
            }
        }
    }
}

/// Asserts that two captures tell the same.
fn assert_same(fast: &Capture, exact: &Capture, text: &str) {
    let (a, b) = (&fast.snapshot, &exact.snapshot);
    assert_eq!(a.sockets(), b.sockets(), "{text}");
    for (one, other) in a.sockets().iter().zip(b.sockets()) {
        assert_eq!(a.details(one), b.details(other), "{text}");
        let owners = a.owners(one).iter().zip(b.owners(other));
        for (one, other) in owners {
            let known = |snapshot: &crate::snapshot::Snapshot, name: Option<_>| {
                name.map(|name| snapshot.text(name).to_owned())
            };
            assert_eq!(known(a, one.name), known(b, other.name), "{text}");
            assert_eq!(
                (one.pid, one.fd, one.kind, one.at),
                (other.pid, other.fd, other.kind, other.at)
            );
        }
    }
    assert_eq!((a.coverage, &a.host.name), (b.coverage, &b.host.name), "{text}");
    let told = |capture: &Capture| -> Vec<_> {
        capture.issues.iter().map(|issue| (issue.kind, issue.at, issue.message.clone())).collect()
    };
    assert_eq!(told(fast), told(exact), "{text}");
}

#[test]
fn mutated_rows_are_read_alike() {
    #[expect(clippy::disallowed_methods, reason = "a test is told how long to run")]
    let asked = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let wanted = asked("SOCKLINT_MUTATED_ROWS").unwrap_or(ROWS);
    let seed = asked("SOCKLINT_SEED").unwrap_or(1);
    let mut numbers = Numbers((seed as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let (mut rows, mut changed, mut sockets) = (0, 0, 0);
    while rows < wanted {
        let header = numbers.of(HEADERS);
        let netid = !header.contains("State") || header.contains("Netid");
        let mut text = header.to_owned();
        for _ in 0..1 + numbers.below(16) {
            let mut row = row(&mut numbers, netid);
            if numbers.below(3) == 0 {
                mutate(&mut numbers, &mut row);
                changed += 1;
            }
            text.push_str(&row);
            rows += 1;
        }
        let (fast, exact) = (read_by(&text, true), read_by(&text, false));
        assert_eq!(fast.len(), exact.len(), "{text}");
        for (fast, exact) in fast.iter().zip(&exact) {
            assert_same(fast, exact, &text);
            sockets += fast.snapshot.sockets().len();
        }
    }
    assert!(sockets * 10 > rows, "hardly any row is read: {sockets} of {rows}");
    if wanted != ROWS {
        eprintln!("{rows} rows, {changed} of them changed, {sockets} sockets: no difference");
    }
}
