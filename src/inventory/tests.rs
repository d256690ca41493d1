use std::sync::Arc;

use proptest::prelude::*;
use unicode_width::UnicodeWidthStr as _;

use super::*;
use crate::capture::{self, Options};
use crate::safe::is_harmful;
use crate::snapshot::arbitrary;
use crate::source::SourceFile;

const PIPE: Style = Style { width: None, colour: false };

const EVIDENCE: &str = "\
Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port Process
tcp   LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"sshd\",pid=700,fd=3))
tcp   LISTEN 0 511 *:80 *:* users:((\"nginx\",pid=901,fd=6),(\"nginx\",pid=900,fd=6))
tcp   LISTEN 0 244 0.0.0.0:5432 0.0.0.0:* users:((\"postgres\",pid=812,fd=5))
tcp   LISTEN 0 244 127.0.0.1:5433 0.0.0.0:* users:((\"postgres\",pid=813,fd=5))
tcp   LISTEN 0 1   0.0.0.0:6379 0.0.0.0:*
udp   UNCONN 0 0   0.0.0.0:41641 0.0.0.0:* users:((\"=cmd|x\",pid=33,fd=6))
";

const POLICY: &str = r#"
[policy]
name = "db-hosts"

[[rule]]
id = "ssh"
match = { port = 22, transport = "tcp" }
allow = true
because = "administration, by VPN | console"
owner = "ops"
approved_by = "ciso"
review_by = 2026-01-31

[[rule]]
id = "web"
match = { port = [80, 443], process = "nginx" }
allow = true
because = "public site"
owner = "web team"
review_by = 2027-06-30

[[rule]]
id = "loopback-db"
match = { port = [5432, 5433], transport = "tcp" }
require = { bind = "loopback" }
because = "the pooler is on the same host"

[[rule]]
id = "cache"
match = { port = 6379, process = "redis-server" }
allow = true

[[rule]]
id = "old-smtp"
match = { port = 25, transport = "tcp" }
allow = true
because = "mail"

[[rule]]
id = "no-telnet"
match = { port = 23 }
forbid = true

[[waiver]]
rule = "loopback-db"
match = { port = 5432 }
reason = "migration"
owner = "dba"
expires = 2027-01-31
"#;

fn policy(text: &str) -> Policy {
    let loaded = crate::policy::load(vec![Arc::new(SourceFile::new("db.toml", text))]);
    assert_eq!(loaded.errors, []);
    loaded.policy.unwrap()
}

fn read(text: &str) -> Vec<Snapshot> {
    let captures = capture::read(Arc::new(SourceFile::new("db1.txt", text)), &Options::default());
    captures.into_iter().map(|capture| capture.snapshot).collect()
}

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn write(name: &str, policy: &Policy, snapshots: &[Snapshot], style: &Style) -> String {
    let mut inventory = Inventory::new(policy, now());
    snapshots.iter().for_each(|snapshot| inventory.add(snapshot));
    let mut out = Vec::new();
    register(name).unwrap().write(&mut out, &inventory, style).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn human() {
    insta::assert_snapshot!(write("human", &policy(POLICY), &read(EVIDENCE), &PIPE));
}

#[test]
fn human_on_screens() {
    let shown = |width| {
        write(
            "human",
            &policy(POLICY),
            &read(EVIDENCE),
            &Style { width: Some(width), colour: false },
        )
    };
    insta::assert_snapshot!(format!("{}\n=====\n\n{}", shown(80), shown(40)));
}

#[test]
fn markdown() {
    insta::assert_snapshot!(write("markdown", &policy(POLICY), &read(EVIDENCE), &PIPE));
}

#[test]
fn csv() {
    let text = write("csv", &policy(POLICY), &read(EVIDENCE), &PIPE);
    assert!(text.lines().count() == text.matches("\r\n").count());
    insta::assert_snapshot!(text.replace("\r\n", "\n"));
}

#[test]
fn json() {
    insta::assert_snapshot!(write("json", &policy(POLICY), &read(EVIDENCE), &PIPE));
}

#[test]
fn what_is_not_covered_is_not_unseen() {
    let tcp = "State Recv-Q Send-Q Local Address:Port Peer Address:Port\nLISTEN 0 128 0.0.0.0:22 0.0.0.0:*\nLISTEN 0 128 [::]:22 [::]:*\n";
    let policy = policy(
        "rule = [{ id = \"dns\", match = { port = 53, transport = \"udp\" }, allow = true }, { id = \"ntp\", match = { port = 123, transport = \"tcp\" }, expect = { min = 1 } }]\n",
    );
    let snapshots = read(tcp);
    let mut inventory = Inventory::new(&policy, now());
    inventory.add(&snapshots[0]);
    let states: Vec<&str> = inventory.hosts[0].unseen.iter().map(Unseen::state).collect();
    assert_eq!(states, ["not-covered", "unseen"]);
    assert!(!inventory.hosts[0].uncovered.is_empty());
    assert_eq!(inventory.counts().listed, [0, 0, 2]);
}

#[test]
fn names_are_unique() {
    for (index, one) in REGISTERS.iter().enumerate() {
        assert!(REGISTERS.iter().skip(index + 1).all(|other| other.name() != one.name()));
        assert!(!one.about().is_empty());
    }
}

/// The rows of a text of CSV, unquoted.
fn parse(text: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for line in text.split_terminator("\r\n") {
        let mut row = vec![String::new()];
        let mut quoted = false;
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' if quoted && chars.peek() == Some(&'"') => {
                    row.last_mut().unwrap().extend(chars.next())
                }
                '"' => quoted = !quoted,
                ',' if !quoted => row.push(String::new()),
                c => row.last_mut().unwrap().push(c),
            }
        }
        assert!(!quoted, "{line}");
        rows.push(row);
    }
    rows
}

proptest! {
    #[test]
    fn every_listener_is_there_once_and_counts_add_up(
        snapshots in proptest::collection::vec(arbitrary::snapshot(), 1..3),
        width in 32..140_usize,
    ) {
        let policy = policy(POLICY);
        let mut inventory = Inventory::new(&policy, now());
        snapshots.iter().for_each(|snapshot| inventory.add(snapshot));
        let total: usize = snapshots.iter().map(|snapshot| snapshot.sockets().len()).sum();
        let counts = inventory.counts();
        prop_assert_eq!(counts.listeners, total);
        prop_assert_eq!(counts.listed.iter().sum::<usize>(), total);
        prop_assert_eq!(counts.standings.iter().sum::<usize>(), total);

        let csv = write("csv", &policy, &snapshots, &PIPE);
        let rows = parse(&csv);
        prop_assert_eq!(rows.len(), 1 + total + counts.unseen);
        for row in &rows {
            prop_assert_eq!(row.len(), rows[0].len());
            for cell in row {
                prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t']), "{cell:?}");
            }
        }
        let json = write("json", &policy, &snapshots, &PIPE);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let listeners = json["hosts"].as_array().unwrap().iter();
        prop_assert_eq!(listeners.map(|host| host["listeners"].as_array().unwrap().len()).sum::<usize>(), total);

        for name in ["human", "markdown", "csv", "json"] {
            for style in [PIPE, Style { width: Some(width), colour: false }] {
                let shown = write(name, &policy, &snapshots, &style);
                for line in shown.lines() {
                    prop_assert!(!line.chars().any(is_harmful), "{line:?}");
                    if name == "human" {
                        prop_assert!(line.width() <= style.width.unwrap_or(usize::MAX), "{width} {line:?}");
                        prop_assert!(!line.ends_with(' '), "{line:?}");
                    }
                }
            }
        }
    }
}
