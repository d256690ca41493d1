//! What a report says reads back from the texts that it points into, and its names of violations stay.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use super::{POLICIES, cases};
use crate::support::{Place, captures};

/// The lines of a text as reports count them: a carriage return before the line feed is no column.
fn cut(text: &str, place: &Value) -> String {
    let number = |key: &str| place[key].as_u64().map(|number| number as usize);
    let (line, column, end_column) =
        (number("line").unwrap(), number("column").unwrap(), number("end_column").unwrap());
    let end_line = number("end_line").unwrap_or(line);
    let lines: Vec<&str> = text.split('\n').collect();
    let mut found = String::new();
    for (index, row) in lines[line - 1..end_line].iter().enumerate() {
        let from = if index == 0 { column - 1 } else { 0 };
        let to = if index == end_line - line { end_column - 1 } else { row.chars().count() };
        assert!(from <= to && to <= row.chars().count(), "{place} in {row:?}");
        found.extend(row.chars().skip(from).take(to - from));
        if index < end_line - line {
            found.push('\n');
        }
    }
    found
}

/// Keys that a violation can point at.
const KEYS: [&str; 14] = [
    "require",
    "forbid",
    "expect",
    "unlisted",
    "bind",
    "process",
    "port",
    "family",
    "transport",
    "interface",
    "user",
    "host",
    "not",
    "any",
];

#[test]
fn places_of_reports_read_back() {
    let here = Place::new();
    for (index, policy) in POLICIES.iter().enumerate() {
        here.write(&format!("p{index}.toml"), policy);
    }
    let mut violations = 0;
    for (name, bytes) in captures() {
        let Ok(text) = String::from_utf8(bytes) else { continue };
        here.write("capture.txt", &text);
        for (index, policy) in POLICIES.iter().enumerate() {
            let path = format!("p{index}.toml");
            let run = here.run(&["check", "--lenient", "-f", "json", "-p", &path, "capture.txt"]);
            let report = run.json();
            assert_eq!(report["schema"], "socklint/report/1");
            assert_eq!(report["summary"]["exit_code"], run.code);
            let results = report["hosts"][0]["results"].as_array().cloned().unwrap_or_default();
            counts(&report, &results);
            for violation in
                results.iter().flat_map(|result| result["violations"].as_array().unwrap())
            {
                violations += 1;
                violated(&name, &text, policy, violation);
            }
        }
    }
    assert!(violations > 300, "{violations}");
}

/// The summary counts what the results say.
fn counts(report: &Value, results: &[Value]) {
    for (verdict, key) in [
        ("pass", "pass"),
        ("fail", "fail"),
        ("unknown", "unknown"),
        ("waived", "waived"),
        ("not-applicable", "not_applicable"),
    ] {
        let count = results.iter().filter(|result| result["verdict"] == verdict).count();
        assert_eq!(report["summary"][key], count, "{verdict}");
    }
    for result in results {
        let unknown = result["verdict"] == "unknown";
        assert_eq!(result["reason"].is_string(), unknown, "{result}");
        assert!(!unknown || !result["missing"].as_array().unwrap().is_empty(), "{result}");
        let fails = !result["violations"].as_array().unwrap().is_empty();
        assert_eq!(result["verdict"] == "fail", fails, "{result}");
    }
}

/// The evidence shows what the message names, and the policy's place begins with a key.
fn violated(name: &str, text: &str, policy: &str, violation: &Value) {
    let key = cut(policy, &violation["policy"]);
    assert!(KEYS.iter().any(|known| key.starts_with(known)), "{name}: {key}");
    let socket = &violation["socket"];
    if socket.is_null() {
        assert!(violation["evidence"].is_null());
        return;
    }
    let shown = cut(text, &violation["evidence"]);
    assert!(!shown.is_empty());
    let line = socket["line"].as_u64().unwrap() as usize - 1;
    // A socket of `lsof -F` takes a line for each field.
    let height = if name.starts_with("lsof-F") { 16 } else { 1 };
    let row: Vec<&str> = text.split('\n').skip(line).take(height).collect();
    let row = row.join("\n");
    if let Some(port) = socket["port"].as_u64().filter(|_| socket["presumed"].is_null()) {
        // The kernel prints ports in hexadecimal.
        let shown = match name.starts_with("proc-net") {
            true => format!("{port:04X}"),
            false => port.to_string(),
        };
        assert!(row.contains(&shown), "{name}: {port} in {row}");
        assert!(violation["message"].as_str().unwrap().contains(&port.to_string()), "{violation}");
    }
    // The mark is on the endpoint, or on the owner that is at fault.
    let on_endpoint = shown.contains(':')
        || socket["port"].as_u64().is_some_and(|port| shown == port.to_string());
    let bare =
        |text: &str| text.trim_matches(['[', ']']).split('%').next().unwrap_or_default().to_owned();
    let on_address = socket["address"].as_str().is_some_and(|address| {
        let ip = |text: &str| text.parse().ok().map(socklint::address::unmapped);
        bare(&shown) == address || ip(&bare(&shown)).is_some_and(|shown| Some(shown) == ip(address))
    }) || socket["address_text"] == shown
        || socket["address_text"] == bare(&shown)
        || shown.starts_with('*')
        || name.starts_with("proc-net")
            && matches!(shown.len(), 8 | 32)
            && shown.bytes().all(|byte| byte.is_ascii_hexdigit());
    let owners = socket["processes"].as_array().cloned().unwrap_or_default();
    let on_owner = owners.iter().any(|owner| {
        owner["name"].as_str().is_some_and(|name| !name.is_empty() && shown.contains(name))
    });
    let on_row = row.trim_end().starts_with(shown.trim_end()) || shown.contains('\n');
    assert!(on_endpoint || on_address || on_owner || on_row, "{name}: `{shown}` of {socket}");
}

/// A listener: address and port, owner and its process id.
type Row = (&'static str, u16, &'static str, u32);

fn capture(rows: &[Row], pids: u32) -> String {
    let mut text =
        "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n".to_owned();
    for (address, port, owner, pid) in rows {
        let peer = if address.starts_with('[') { "[::]:*" } else { "0.0.0.0:*" };
        writeln!(
            text,
            "tcp   LISTEN 0      128    {address}:{port} {peer} users:((\"{owner}\",pid={},fd=3))",
            pid + pids
        )
        .unwrap();
    }
    text
}

fn fingerprints(text: &str, policy: &str) -> BTreeMap<String, u32> {
    let here = Place::with(&[("capture.txt", text), ("policy.toml", policy)]);
    let run = here.run(&["check", "-f", "json", "-p", "policy.toml", "capture.txt"]);
    let mut found = BTreeMap::new();
    for result in run.json()["hosts"][0]["results"].as_array().unwrap() {
        for violation in result["violations"].as_array().unwrap() {
            *found.entry(violation["fingerprint"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
    }
    found
}

proptest! {
    #![proptest_config(cases(12))]

    /// Rows in another order and other process ids: the same violations by name, each name once.
    #[test]
    fn fingerprints_stay(
        rows in proptest::collection::vec((
            select(vec!["0.0.0.0", "127.0.0.1", "10.0.0.5", "[::1]", "[2001:db8::1]"]),
            select(vec![22_u16, 23, 80, 5432, 6379]),
            select(vec!["sshd", "nginx", "postgres"]),
            1..9000_u32,
        ), 1..12).prop_shuffle_twice(),
        pids in 0..9000_u32,
    ) {
        let (rows, other) = rows;
        for policy in &POLICIES[2..4] {
            let before = fingerprints(&capture(&rows, 0), policy);
            // The n-th of equal endpoints is named by its number, so process rules may mark another of them.
            prop_assert_eq!(&before, &fingerprints(&capture(&other, pids), policy));
            prop_assert!(before.values().all(|count| *count == 1), "{:?}", before);
        }
    }
}

/// A list and the same in another order.
trait ShuffleTwice: Strategy + Sized {
    fn prop_shuffle_twice(self) -> BoxedStrategy<(Vec<Row>, Vec<Row>)>;
}

impl<S: Strategy<Value = Vec<Row>> + 'static> ShuffleTwice for S {
    fn prop_shuffle_twice(self) -> BoxedStrategy<(Vec<Row>, Vec<Row>)> {
        self.prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())).boxed()
    }
}
