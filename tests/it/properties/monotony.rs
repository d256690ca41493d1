//! Less evidence never makes a pass: taking the process column, a transport, a family, the header or an
//! end from a capture turns no `fail` or `unknown` into `pass`, and no other exit code into 0.
//!
//! What cannot hold: an end that is cut exactly behind a line feed, of a text without any mark of its end,
//! is a smaller capture like any other (`ss` of a host with fewer listeners prints the same). So is a
//! transport or a family that is taken together with the command line that asked for it. These cuts are left
//! out here.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use socklint::audit::Verdict;
use socklint::capture::Capture;
use socklint::policy::{Action, Policy};
use socklint::snapshot::{Address, Family, Grade, Transport};

use super::naive::written;
use super::{POLICIES, cases};
use crate::support::{captures, judge_read, on_all_cores, policy, read_all};

/// The worst verdict of each rule over all hosts, and the exit code. Evidence that cannot be used decides
/// nothing.
fn worst(policy: &Policy, read: &[Capture], lenient: bool) -> (BTreeMap<String, Verdict>, u8) {
    let (judged, exit_code) = judge_read(policy, read, Grade::Presumed, lenient);
    let mut verdicts: BTreeMap<String, Verdict> = BTreeMap::new();
    let rank = |verdict| match verdict {
        Verdict::Fail => 3,
        Verdict::Unknown => 2,
        Verdict::Waived | Verdict::Pass => 1,
        Verdict::NotApplicable => 0,
    };
    for results in &judged {
        let Some(results) = results else {
            for rule in &policy.rules {
                let verdict = verdicts.entry(rule.id.clone()).or_insert(Verdict::Unknown);
                *verdict = (*verdict).max(Verdict::Unknown);
            }
            continue;
        };
        for result in results {
            let verdict =
                verdicts.entry(result.rule.id(policy).to_owned()).or_insert(result.verdict);
            if rank(result.verdict) > rank(*verdict) {
                *verdict = result.verdict;
            }
        }
    }
    (verdicts, exit_code)
}

/// What a whole capture comes to by each of some policies.
struct Whole<'p> {
    judged: Vec<(&'p Policy, BTreeMap<String, Verdict>, u8)>,
}

impl<'p> Whole<'p> {
    fn new(policies: &'p [Policy], text: &str) -> Self {
        let read = read_all(text);
        let judge = |policy| {
            let (verdicts, exit_code) = worst(policy, &read, true);
            (policy, verdicts, exit_code)
        };
        Self { judged: policies.iter().map(judge).collect() }
    }

    /// Whether a smaller capture says no more than the whole one; else why not.
    fn says_as_much_as(&self, less: &str) -> Result<(), String> {
        let read = read_all(less);
        let mut each = self.judged.iter();
        each.try_for_each(|(policy, before, code)| compare(policy, before, *code, &read))
    }
}

fn compare(
    policy: &Policy,
    before: &BTreeMap<String, Verdict>,
    code: u8,
    less: &[Capture],
) -> Result<(), String> {
    // A rule that asks nothing passes wherever there is anything to read.
    let allows = |id: &str| {
        policy.rules.iter().any(|rule| rule.id == id && matches!(rule.action, Action::Allow))
    };
    for lenient in [false, true] {
        let (after, code_after) = worst(policy, less, lenient);
        for (rule, verdict) in before {
            let passes = matches!(after.get(rule), Some(Verdict::Pass)) && !allows(rule);
            if passes && matches!(verdict, Verdict::Fail | Verdict::Unknown) {
                return Err(format!(
                    "{rule} goes from {} to pass (lenient: {lenient})",
                    verdict.name()
                ));
            }
        }
        if code != 0 && code_after == 0 {
            return Err(format!("the exit code goes from {code} to 0 (lenient: {lenient})"));
        }
    }
    Ok(())
}

#[track_caller]
fn check(whole: &Whole<'_>, name: &str, what: &str, less: &str) {
    if let Err(why) = whole.says_as_much_as(less) {
        panic!("{name} without {what}: {why}\n{less}");
    }
}

fn policies() -> Vec<Policy> {
    POLICIES.iter().map(|text| policy(text)).collect()
}

fn lines(text: &str, keep: impl Fn(usize, &str) -> bool) -> String {
    text.split_inclusive('\n')
        .enumerate()
        .filter(|(index, line)| keep(index + 1, line))
        .map(|(_, line)| line)
        .collect()
}

fn first_word(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or_default()
}

fn is_header(line: &str) -> bool {
    matches!(first_word(line), "Netid" | "State" | "Recv-Q" | "Proto" | "Active")
}

/// Lines of sockets that `gone` wants away, with the lines that go on behind them.
fn without_sockets(text: &str, gone: impl Fn(Transport, Option<Family>) -> bool) -> String {
    let mut drop = Vec::new();
    for capture in read_all(text) {
        let snapshot = &capture.snapshot;
        for socket in snapshot.sockets() {
            let family = match socket.address {
                Address::Ip(ip) => Some(if ip.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 }),
                Address::Dual | Address::Star => Some(Family::Ipv6),
                Address::Reached(_) | Address::Missing(_) => None,
            };
            let file = snapshot.sources.get(socket.source).unwrap();
            let range = socket.span().range();
            let row = file.slice(range.clone());
            // netstat prints an IPv4-mapped address plainly: the transport tells the table.
            let family = if first_word(row).ends_with('6') { Some(Family::Ipv6) } else { family };
            if gone(socket.transport, family) {
                drop.extend(file.line(range.start)..=file.line(range.end));
            }
        }
    }
    lines(text, |number, line| {
        let word = first_word(line);
        let transport = Transport::from_name(word.trim_end_matches('6'));
        // Where one transport alone is listed, TCP in these captures, rows begin with the state.
        let states = [
            "ESTAB",
            "TIME-WAIT",
            "CLOSE-WAIT",
            "SYN-SENT",
            "FIN-WAIT-1",
            "FIN-WAIT-2",
            "LAST-ACK",
        ];
        let transport = transport.or(states.contains(&word).then_some(Transport::Tcp));
        // Rows of other states belong to the transport too.
        let other_state = transport.is_some_and(|transport| {
            let family = if line.contains('[') || line.contains("::") || word.ends_with('6') {
                Family::Ipv6
            } else {
                Family::Ipv4
            };
            gone(transport, Some(family))
        });
        !drop.contains(&number) && !other_state
    })
}

/// The text without `users:(...)` and `PID/Program name`.
fn without_processes(text: &str) -> String {
    let column = text.lines().find_map(|line| line.find("PID/Program").filter(|_| is_header(line)));
    let cut = |line: &str| -> String {
        if let Some(at) = line.find("users:((") {
            return line[..at].trim_end().to_owned();
        }
        match column {
            Some(column) if line.is_char_boundary(column.min(line.len())) => {
                line[..column.min(line.len())].to_owned()
            }
            _ => line.replace("Process", "").trim_end().to_owned(),
        }
    };
    text.lines().map(|line| format!("{}\n", cut(line))).collect()
}

/// Captures whose rows are what they look like.
fn honest() -> Vec<(String, String)> {
    let text = |(name, bytes)| Some((name, String::from_utf8(bytes).ok()?));
    let all = captures().into_iter().filter_map(text);
    all.filter(|(name, _): &(String, String)| !name.contains("weird")).collect()
}

/// Those of them in which one table holds several transports or families: a file of /proc/net is whole
/// without a row, so there whole files are taken away ([`without_a_file`]).
fn tables() -> Vec<(String, String)> {
    honest().into_iter().filter(|(name, _)| !name.starts_with("proc-net/")).collect()
}

#[test]
fn without_a_file() {
    let policies = policies();
    let mut files = 0;
    for (name, text) in honest().into_iter().filter(|(name, _)| name.contains("grep")) {
        let whole = Whole::new(&policies, &text);
        for file in ["tcp", "tcp6", "udp", "udp6"] {
            let mark = format!("/proc/net/{file}:");
            let less = lines(&text, |_, line| !line.starts_with(&mark));
            files += usize::from(less != text);
            check(&whole, &name, file, &less);
        }
    }
    assert!(files > 0, "no capture names the files of /proc/net");
}

#[test]
fn without_the_process_column() {
    let policies = policies();
    for (name, text) in honest() {
        let whole = Whole::new(&policies, &text);
        check(&whole, &name, "processes", &without_processes(&text));
    }
}

#[test]
fn without_a_transport() {
    let policies = policies();
    for (name, text) in tables() {
        let whole = Whole::new(&policies, &text);
        for transport in [Transport::Tcp, Transport::Udp] {
            let less = without_sockets(&text, |of, _| of == transport);
            check(&whole, &name, transport.name(), &less);
        }
    }
}

#[test]
fn without_a_family() {
    let policies = policies();
    for (name, text) in tables() {
        let whole = Whole::new(&policies, &text);
        for family in Family::ALL {
            let less = without_sockets(&text, |_, of| of == Some(family));
            check(&whole, &name, family.name(), &less);
        }
    }
}

#[test]
fn without_the_header() {
    let policies = policies();
    for (name, text) in honest() {
        let whole = Whole::new(&policies, &text);
        check(&whole, &name, "headers", &lines(&text, |_, line| !is_header(line)));
        check(&whole, &name, "the first line", &lines(&text, |number, _| number > 1));
        check(&whole, &name, "two lines", &lines(&text, |number, _| number > 2));
        check(&whole, &name, "ten lines", &lines(&text, |number, _| number > 10));
    }
}

/// Every cut of small captures, and many of the others, hostile ones too.
#[test]
fn without_an_end() {
    let policies = &policies()[3..4];
    on_all_cores(&captures(), |(name, bytes)| {
        let Ok(text) = str::from_utf8(bytes) else { return };
        let whole = Whole::new(policies, text);
        let step = if text.len() < 1500 { 1 } else { text.len() / 60 };
        let cuts = (1..text.len()).step_by(step).chain(line_cuts(text, 12));
        for cut in cuts.filter(|&cut| text.is_char_boundary(cut) && !text[..cut].ends_with('\n')) {
            check(&whole, name, &format!("what follows byte {cut}"), &text[..cut]);
        }
    });
}

/// The same on captures that may not be copied into the repository, where `SOCKLINT_SHARED` names them.
#[test]
fn captures_kept_elsewhere() {
    let Some(shared) = std::env::var_os("SOCKLINT_SHARED") else {
        eprintln!("skipped: SOCKLINT_SHARED names no folder of captures");
        return;
    };
    let policies = [policy(POLICIES[2]), policy(POLICIES[3])];
    let captures = crate::support::captures_below(std::path::Path::new(&shared));
    let wrong = on_all_cores(&captures, |(name, bytes)| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let whole = Whole::new(&policies, &text);
        let wrong = |what: &str, less: &str| {
            let said = whole.says_as_much_as(less);
            said.err().map(|why| format!("{name} without {what}: {why}"))
        };
        let mut less = vec![
            ("processes", without_processes(&text)),
            ("headers", lines(&text, |_, line| !is_header(line))),
            ("the first header", lines(&text, |number, line| number > 1 || !is_header(line))),
        ];
        let read = read_all(&text);
        // Where a command is known, rows that are gone are rows that were not there.
        let commanded = read.iter().any(|capture| capture.snapshot.origin.command.is_some());
        // Elsewhere rows of other states, headings or empty lists still tell that a table was asked for: a
        // file of /proc/net is whole without a row, see [`without_a_file`].
        let by_rows = read
            .iter()
            .all(|capture| matches!(capture.snapshot.origin.format.as_str(), "ss" | "netstat"));
        if by_rows && !commanded && !name.contains("weird") {
            less.extend([
                ("tcp", without_sockets(&text, |of, _| of == Transport::Tcp)),
                ("udp", without_sockets(&text, |of, _| of == Transport::Udp)),
                ("ipv4", without_sockets(&text, |_, of| of == Some(Family::Ipv4))),
                ("ipv6", without_sockets(&text, |_, of| of == Some(Family::Ipv6))),
            ]);
        }
        let rows = less.iter().filter_map(|(what, less)| wrong(what, less));
        // Half a dozen captures of a hundred kilobytes and more hold the same rows over and over: they are
        // cut in few places, or they alone would take as long as all others.
        let (by_size, by_line) = if text.len() < 1 << 16 { (12, 12) } else { (1, 2) };
        let cuts = (1..text.len()).step_by(1 + text.len() / by_size);
        let cuts = cuts.chain(line_cuts(&text, by_line));
        let cuts = cuts.filter(|&cut| text.is_char_boundary(cut) && !text[..cut].ends_with('\n'));
        let ends = cuts.filter_map(|cut| wrong(&format!("what follows byte {cut}"), &text[..cut]));
        rows.chain(ends).collect::<Vec<_>>()
    });
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Just before the end of some lines, which leaves a row that looks whole.
fn line_cuts(text: &str, count: usize) -> impl Iterator<Item = usize> + '_ {
    let step = 1 + text.lines().count() / count;
    text.match_indices('\n').step_by(step).map(|(at, _)| at)
}

/// A listener of a generated capture.
#[derive(Debug, Clone)]
struct Row {
    transport: &'static str,
    address: &'static str,
    port: u16,
    owner: Option<&'static str>,
}

fn row() -> impl Strategy<Value = Row> {
    let addresses = [
        "127.0.0.1",
        "0.0.0.0",
        "10.0.0.5",
        "192.168.100.10",
        "203.0.113.9",
        "::1",
        "::",
        "fe80::10",
        "2001:db8::1",
    ];
    let owners = [None, Some("sshd"), Some("nginx"), Some("postgres"), Some("java")];
    (
        select(vec!["tcp", "udp"]),
        select(addresses.to_vec()),
        select(vec![22, 23, 80, 111, 443, 546, 5432, 6379, 40000]),
        select(owners.to_vec()),
    )
        .prop_map(|(transport, address, port, owner)| Row { transport, address, port, owner })
}

fn netstat(rows: &[Row]) -> String {
    let mut text = "Active Internet connections (only servers)\nProto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name    \n".to_owned();
    for Row { transport, address, port, owner } in rows {
        let v6 = address.contains(':');
        let (proto, peer) = if v6 {
            (format!("{transport}6"), ":::*")
        } else {
            ((*transport).to_owned(), "0.0.0.0:*")
        };
        let state = if *transport == "tcp" { "LISTEN" } else { "" };
        let owner = owner.map_or("-".to_owned(), |name| format!("812/{name}"));
        let local = format!("{address}:{port}");
        writeln!(
            text,
            "{proto:<4}  {:>6} {:>6} {local:<23} {peer:<23} {state:<11} {owner:<20}",
            0, 0
        )
        .unwrap();
    }
    text
}

fn ss(rows: &[Row]) -> String {
    let mut text =
        "Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess\n".to_owned();
    for Row { transport, address, port, owner } in rows {
        let v6 = address.contains(':');
        let (local, peer) = if v6 {
            (format!("[{address}]:{port}"), "[::]:*")
        } else {
            (format!("{address}:{port}"), "0.0.0.0:*")
        };
        let state = if *transport == "tcp" { "LISTEN" } else { "UNCONN" };
        let owner =
            owner.map_or(String::new(), |name| format!("users:((\"{name}\",pid=812,fd=3))"));
        writeln!(text, "{transport:<5} {state:<6} 0      128    {local:>24} {peer:>14} {owner}")
            .unwrap();
    }
    text
}

proptest! {
    #![proptest_config(cases(120))]

    #[test]
    fn generated_captures(rows in vec(row(), 0..12), cut in any::<Index>(), written in written(), which in any::<Index>()) {
        let policies = [policy(&written.toml()), policy(POLICIES[which.index(POLICIES.len())])];
        for text in [netstat(&rows), ss(&rows)] {
            let mut less = vec![
                ("processes", without_processes(&text)),
                ("the header", lines(&text, |_, line| !is_header(line))),
                ("tcp", without_sockets(&text, |of, _| of == Transport::Tcp)),
                ("udp", without_sockets(&text, |of, _| of == Transport::Udp)),
                ("ipv4", without_sockets(&text, |_, of| of == Some(Family::Ipv4))),
                ("ipv6", without_sockets(&text, |_, of| of == Some(Family::Ipv6))),
            ];
            let cut = 1 + cut.index(text.len() - 1);
            if !text[..cut].ends_with('\n') {
                less.push(("an end", text[..cut].to_owned()));
            }
            let whole = Whole::new(&policies, &text);
            for (what, less) in less {
                if let Err(why) = whole.says_as_much_as(&less) {
                    prop_assert!(false, "without {}: {}\n{}\n{}\n{}", what, why, text, less, written.toml());
                }
            }
        }
    }

    #[test]
    fn real_captures_by_random_policies(which in any::<Index>(), cut in any::<Index>(), written in written()) {
        let captures = captures();
        let (name, bytes) = &captures[which.index(captures.len())];
        let text = String::from_utf8_lossy(bytes).into_owned();
        let policies = [policy(&written.toml())];
        let mut cut = cut.index(text.len()).max(1);
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        let mut less = Vec::new();
        if !text[..cut].ends_with('\n') {
            less.push(("an end", text[..cut].to_owned()));
        }
        if !name.contains("weird") && !name.starts_with("proc-net/") {
            less.push(("processes", without_processes(&text)));
            less.push(("headers", lines(&text, |_, line| !is_header(line))));
            less.push(("tcp", without_sockets(&text, |of, _| of == Transport::Tcp)));
            less.push(("udp", without_sockets(&text, |of, _| of == Transport::Udp)));
            less.push(("ipv6", without_sockets(&text, |_, of| of == Some(Family::Ipv6))));
        }
        let whole = Whole::new(&policies, &text);
        for (what, less) in less {
            if let Err(why) = whole.says_as_much_as(&less) {
                prop_assert!(false, "{} without {}: {}\n{}", name, what, why, written.toml());
            }
        }
    }
}
