//! Any bytes: no panic, every span in bounds, every report written.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use socklint::audit::{Summary, audit};
use socklint::capture::{self, Options, Severity as IssueSeverity};
use socklint::listing::LISTINGS;
use socklint::policy::{self, Policy};
use socklint::report::{HostReport, REPORTERS, Run};
use socklint::snapshot::Grade;
use socklint::source::SourceFile;
use socklint::style::Style;

use super::{POLICIES, cases, spans};
use crate::support::{THRESHOLD, captures, on_all_cores, policy};

/// Texts that take readers to their corners.
const SEEDS: &[&str] = &[
    "\n",
    "\r\n",
    "\t",
    " ",
    "\u{1b}[31m",
    "\u{feff}",
    "\0",
    "users:((\"",
    "users:((\"a\",pid=1,fd=3))",
    "\",pid=",
    "[::]:22",
    "[fe80::1]%eth0:",
    "*:*",
    ":::80",
    "%",
    ":",
    "tcp",
    "udp6",
    "LISTEN",
    "UNCONN",
    "0.0.0.0:65536",
    "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port\n",
    "State Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n",
    "Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name\n",
    "Active Internet connections (only servers)\n",
    "$ ss -lntup\n",
    "root@db1:~# netstat -tulpn\n",
    "COMMAND   PID     USER   FD   TYPE DEVICE SIZE/OFF NODE NAME\n",
    "sshd      605 root    7u  IPv4 5027204      0t0  TCP *:22 (LISTEN)\n",
    "p605\n",
    "csshd\0f7\0tIPv6\0PTCP\0n*:22\0TST=LISTEN\0\n",
    "lsof: WARNING: can't stat() fuse file system\n",
    "==> /proc/net/tcp6 <==\n",
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n",
    "   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   999        0 1 1\n",
    " ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS\n",
    "netns: red\n",
    "==> db2 <==\n",
    "Cannot open netlink socket: Protocol not supported\n",
    "{\"schema\": \"socklint/snapshot/1\"",
    "\u{202e}",
    "é漢🦀",
    "99999999999999999999",
    "-",
    "...",
];

/// What is done to a capture.
#[derive(Debug, Clone)]
enum Change {
    Cut(Index),
    Byte(Index, u8),
    Insert(Index, &'static str),
    DropLine(Index),
    TwiceLine(Index),
    SwapLines(Index, Index),
    Join(Index),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        any::<Index>().prop_map(Change::Cut),
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (any::<Index>(), select(SEEDS)).prop_map(|(at, seed)| Change::Insert(at, seed)),
        any::<Index>().prop_map(Change::DropLine),
        any::<Index>().prop_map(Change::TwiceLine),
        (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Change::SwapLines(a, b)),
        any::<Index>().prop_map(Change::Join),
    ]
}

fn apply(mut bytes: Vec<u8>, change: &Change) -> Vec<u8> {
    if bytes.is_empty() {
        return bytes;
    }
    let lines = |bytes: &[u8]| {
        bytes.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    match change {
        Change::Cut(at) => bytes.truncate(at.index(bytes.len())),
        Change::Byte(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Change::Insert(at, seed) => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, seed.bytes());
        }
        Change::DropLine(at) => {
            let mut lines = lines(&bytes);
            lines.remove(at.index(lines.len()));
            bytes = lines.concat();
        }
        Change::TwiceLine(at) => {
            let mut lines = lines(&bytes);
            let at = at.index(lines.len());
            lines.insert(at, lines[at].clone());
            bytes = lines.concat();
        }
        Change::SwapLines(a, b) => {
            let mut lines = lines(&bytes);
            let (a, b) = (a.index(lines.len()), b.index(lines.len()));
            lines.swap(a, b);
            bytes = lines.concat();
        }
        Change::Join(at) => {
            let at = at.index(bytes.len());
            if let Some(end) = bytes.iter().skip(at).position(|&byte| byte == b'\n') {
                bytes.remove(at + end);
            }
        }
    }
    bytes
}

fn policies() -> Vec<Policy> {
    POLICIES.iter().map(|text| policy(text)).collect()
}

/// Reads, judges, reports and lists.
fn swallow(bytes: Vec<u8>, policies: &[Policy], options: &Options, colour: bool) {
    let source = Arc::new(SourceFile::decode("cap\u{1b}ture.txt", bytes).unwrap());
    let style = Style { width: colour.then_some(60), colour };
    let captures = capture::read(source, options);
    assert!(!captures.is_empty());
    for capture in &captures {
        if capture.snapshot.origin.format != "snapshot" {
            spans::check(capture);
        }
        for listing in LISTINGS {
            let mut out = Vec::new();
            listing.write(&mut out, &[&capture.snapshot], &style).unwrap();
            harmless(&out, colour);
        }
    }
    for (index, policy) in policies.iter().enumerate() {
        let grade = if index % 2 == 0 { Grade::Presumed } else { Grade::Proven };
        let run = Run {
            policy,
            warnings: &[],
            judged_at: jiff::Timestamp::UNIX_EPOCH,
            grade,
            threshold: THRESHOLD,
            now: None,
            lenient: index % 3 == 0,
            verbose: true,
            quiet: false,
            max_diagnostics: 20,
        };
        let mut summary = Summary::default();
        let hosts: Vec<HostReport> = captures
            .iter()
            .map(|capture| {
                let broken = capture.severity(run.lenient) == Some(IssueSeverity::Error);
                let results = (!broken).then(|| audit(policy, &capture.snapshot, grade));
                if let Some(results) = &results {
                    summary.add(results, policy, capture.snapshot.sockets().len(), THRESHOLD);
                }
                HostReport {
                    snapshot: capture.snapshot.clone(),
                    issues: capture.issues.clone(),
                    detection: capture.detection.clone(),
                    results,
                }
            })
            .collect();
        for format in REPORTERS {
            // The others know neither width nor colour, and were tried without.
            if colour && format.name() != "human" {
                continue;
            }
            let mut reporter = format.reporter(style);
            let mut out = Vec::new();
            reporter.begin(&run, &mut out).unwrap();
            hosts.iter().for_each(|host| reporter.host(&run, host, &mut out).unwrap());
            reporter.finish(&run, &summary, &mut out).unwrap();
            if format.name() == "csv" {
                // Lines of RFC 4180 end so.
                out = String::from_utf8(out).unwrap().replace("\r\n", "\n").into_bytes();
            }
            harmless(&out, colour);
            if format.name() == "json" {
                serde_json::from_slice::<serde_json::Value>(&out).unwrap();
            }
        }
    }
}

/// No control but line ends, and the colours where they are wanted.
fn harmless(out: &[u8], colour: bool) {
    let text = std::str::from_utf8(out).unwrap();
    for (at, c) in text.char_indices() {
        let sgr = colour && c == '\u{1b}' && text[at..].starts_with("\u{1b}[");
        assert!(
            sgr || c == '\n' || !socklint::safe::is_harmful(c),
            "{c:?} in {}",
            &text[at.saturating_sub(80).min(at)..]
                .chars()
                .take(20)
                .collect::<String>()
                .escape_debug()
        );
    }
}

/// `--from` and `--command`.
type Given = (Option<&'static str>, Option<&'static str>);

fn given() -> impl Strategy<Value = Given> {
    let formats = [
        None,
        Some("ss"),
        Some("netstat"),
        Some("snapshot"),
        Some("lsof"),
        Some("lsof-F"),
        Some("proc-net"),
    ];
    let commands = [
        None,
        Some("ss -lntup"),
        Some("netstat -tulpn"),
        Some("ss -4ltn | grep 22"),
        Some("ls"),
        Some("sudo lsof -nP -i"),
        Some("cat /proc/net/{tcp,udp}{,6}"),
    ];
    (select(formats.to_vec()), select(commands.to_vec()))
}

fn options((from, command): Given) -> Options {
    Options {
        from: from.and_then(capture::format),
        command: command.map(str::to_owned),
        ..Options::default()
    }
}

#[test]
fn real_captures_are_swallowed_whole() {
    let policies = policies();
    on_all_cores(&captures(), |(_, bytes)| {
        swallow(bytes.clone(), &policies, &Options::default(), false);
        swallow(bytes.clone(), &policies, &Options::default(), true);
    });
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..400), given in given()) {
        swallow(bytes, &policies()[2..3], &options(given), false);
    }

    #[test]
    fn random_words_never_panic(words in vec(select(SEEDS), 0..40), given in given(), colour in any::<bool>()) {
        swallow(words.concat().into_bytes(), &policies()[2..3], &options(given), colour);
        swallow(words.join(" ").into_bytes(), &policies()[2..3], &options(given), colour);
    }

    #[test]
    fn changed_captures_never_panic(
        which in any::<Index>(),
        changes in vec(change(), 1..6),
        given in given(),
        colour in any::<bool>(),
        policy in any::<Index>(),
    ) {
        let captures = captures();
        let (_, bytes) = captures[which.index(captures.len())].clone();
        let bytes = changes.iter().fold(bytes, apply);
        let text = POLICIES[policy.index(POLICIES.len())];
        swallow(bytes, &[crate::support::policy(text)], &options(given), colour);
    }

    #[test]
    fn any_policy_text_never_panics(bytes in vec(any::<u8>(), 0..200)) {
        let file = SourceFile::decode("policy.toml", bytes).unwrap();
        let _ = policy::load(vec![Arc::new(file)]);
    }

    #[test]
    fn changed_policies_never_panic_and_errors_have_places(which in any::<Index>(), changes in vec(change(), 1..5)) {
        let text = POLICIES[which.index(POLICIES.len())];
        let bytes = changes.iter().fold(text.as_bytes().to_vec(), apply);
        let file = Arc::new(SourceFile::decode("policy.toml", bytes).unwrap());
        let loaded = policy::load(vec![file]);
        prop_assert_eq!(loaded.policy.is_none(), loaded.errors.iter().any(|error| !error.kind.is_warning()));
        for error in &loaded.errors {
            prop_assert!(!error.message.is_empty() && !error.message.contains('\n'), "{}", error.message);
            for at in error.at.into_iter().chain(error.related.iter().map(|(at, _)| *at)) {
                let file = loaded.sources.get(at.source).unwrap();
                prop_assert!(file.text().get(at.range()).is_some(), "{:?}", error);
            }
            let shown = socklint::report::policy_error(error, &loaded.sources, Style::default()).render(Style::default());
            harmless(shown.as_bytes(), false);
        }
    }
}
