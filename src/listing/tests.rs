use std::sync::Arc;

use proptest::prelude::*;
use unicode_width::UnicodeWidthStr as _;

use super::*;
use crate::capture::{self, Options};
use crate::safe::is_harmful;
use crate::snapshot::arbitrary;
use crate::source::SourceFile;

const PIPE: Style = Style { width: None, colour: false };

fn screen(width: usize) -> Style {
    Style { width: Some(width), colour: false }
}

fn write(name: &str, snapshots: &[Snapshot], style: &Style) -> String {
    let mut out = Vec::new();
    let snapshots: Vec<&Snapshot> = snapshots.iter().collect();
    listing(name).unwrap().write(&mut out, &snapshots, style).unwrap();
    String::from_utf8(out).unwrap()
}

fn read(json: &str) -> Vec<Snapshot> {
    let source = Arc::new(SourceFile::new("evidence.json", json));
    let captures = capture::read(source, &Options::default());
    captures
        .into_iter()
        .map(|capture| {
            assert_eq!(capture.issues, [], "{json}");
            capture.snapshot
        })
        .collect()
}

/// What `list -f human` shows of documents.
fn human(json: &str, style: &Style) -> String {
    write("human", &read(json), style)
}

const SERVER: &str = r#"{"schema": "socklint/snapshot/1", "host": {"name": "web1", "labels": {}},
 "source": {"kind": "observed", "format": "ss", "path": "evidence/web1.txt"},
 "coverage": {"tcp/ipv4": "proven", "tcp/ipv6": "proven", "udp/ipv4": "absent", "udp/ipv6": "absent"},
 "sockets": [
  {"transport": "tcp", "address": "127.0.0.1", "port": 5432, "interface": null, "processes": [{"name": "postgres", "pid": 812, "fd": 5}], "line": 2},
  {"transport": "tcp", "address": "0.0.0.0", "port": 80, "interface": null, "processes": [
    {"name": "nginx", "pid": 901, "fd": 6}, {"name": "nginx", "pid": 902, "fd": 6}, {"name": "nginx", "pid": 903, "fd": 6}, {"name": "nginx", "pid": 900, "fd": 6}, {"name": "nginx", "pid": 900, "fd": 7}], "line": 3},
  {"transport": "tcp", "address": "*", "port": 22, "interface": null, "processes": [{"name": "sshd", "pid": 700, "fd": 3}, {"name": "systemd", "pid": 1, "fd": 88}], "line": 4},
  {"transport": "mptcp", "address": "::", "port": 22, "v6only": true, "interface": null, "processes": null, "missing": {"processes": "owner-hidden"}, "line": 5},
  {"transport": "tcp", "address": "fe80::5054:ff:fe2b:1", "port": 546, "interface": "enp0s31f6", "processes": [], "line": 6},
  {"transport": "tcp", "address": "2001:db8:1234:5678:9abc:def0:1234:5678", "port": 8443, "interface": "wg0", "processes": [{"name": "envoy", "pid": 31, "fd": 3}], "line": 7},
  {"transport": "tcp", "address": "::", "port": 111, "interface": null, "processes": [{"name": "rpcbind", "pid": 5, "fd": 3}], "missing": {"processes": "others-not-shown"}, "line": 8},
  {"transport": "tcp", "address": null, "address_text": "db.internal", "port": null, "port_text": "xyzzy", "interface": null, "processes": null, "uid": 26, "missing": {"address": "address-resolved", "port": "port-name", "processes": "owner-hidden"}, "line": 1009},
  {"transport": "tcp", "address": "192.168.1.5", "port": 445, "interface": null, "processes": null, "unit": "smbd.service", "user": "root", "container": "files", "presumed": ["port", "transport"], "missing": {"processes": "owner-hidden"}, "line": 10}
 ]}"#;

#[test]
fn most_exposed_first_on_a_screen() {
    insta::assert_snapshot!(human(SERVER, &screen(80)));
}

#[test]
fn a_narrow_screen_takes_two_lines_a_row() {
    insta::assert_snapshot!(human(SERVER, &screen(48)));
}

#[test]
fn a_wide_screen_is_not_filled() {
    assert_eq!(human(SERVER, &screen(200)).lines().next(), Some("web1 (ss, evidence/web1.txt)"));
    insta::assert_snapshot!(human(SERVER, &screen(200)));
}

#[test]
fn a_pipe_has_no_width() {
    insta::assert_snapshot!(human(SERVER, &PIPE));
}

#[test]
fn colours_change_nothing_else() {
    let colour = human(SERVER, &Style { width: Some(80), colour: true });
    insta::assert_snapshot!(colour.replace('\u{1b}', "ESC"));
    let mut plain = String::new();
    for (index, part) in colour.split('\u{1b}').enumerate() {
        plain.push_str(if index == 0 { part } else { part.split_once('m').unwrap().1 });
    }
    assert_eq!(plain, human(SERVER, &screen(80)));
}

#[test]
fn an_empty_listing_says_what_it_proves() {
    let empty = r#"{"schema": "socklint/snapshot/1", "source": {"format": "ss", "path": "-"}, "sockets": [],
        "coverage": {"tcp/ipv4": "presumed", "tcp/ipv6": "absent"}, "coverage_missing": {"tcp/ipv6": "filtered"}}"#;
    let nothing = r#"{"schema": "socklint/snapshot/1", "sockets": []}"#;
    insta::assert_snapshot!(human(&format!("{empty}\n{nothing}"), &screen(80)));
}

#[test]
fn each_network_namespace_has_its_table() {
    let text = r#"{"schema": "socklint/snapshot/1", "host": {"name": "h"}, "sockets": [
        {"transport": "udp", "address": "0.0.0.0", "port": 53, "processes": [], "netns": "blue", "line": 1},
        {"transport": "tcp", "address": "0.0.0.0", "port": 53, "processes": [], "line": 2},
        {"transport": "tcp", "address": "*", "port": 9, "processes": [], "netns": "blue", "missing": {"address": "address-star"}, "line": 3}]}"#;
    insta::assert_snapshot!(human(text, &screen(80)));
}

#[test]
fn hostile_and_wide_names_stay_in_their_cells() {
    let text = r#"{"schema": "socklint/snapshot/1", "host": {"name": "h\u001b[2J\u202e"},
        "source": {"format": "ss", "path": "a\nb/漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字"}, "sockets": [
        {"transport": "tcp", "address": "0.0.0.0", "port": 1, "interface": null, "processes": [{"name": "\u001b[31mred\u202e\n::error::x", "pid": 1, "fd": 1}], "line": 1},
        {"transport": "tcp", "address": "0.0.0.0", "port": 2, "interface": "\u0007", "processes": [{"name": "漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字", "pid": 2, "fd": 1}, {"name": "b", "pid": 3, "fd": 1}], "line": 2},
        {"transport": "tcp", "address": "0.0.0.0", "port": 3, "interface": null, "processes": [{"name": "", "pid": null, "fd": 1}, {"name": null, "pid": 7, "fd": null}], "line": 3},
        {"transport": "tcp", "address": null, "address_text": "a-very-long-host-name-that-an-attacker-chose.with.many.labels.in.it.example.org", "port": 4, "interface": null, "processes": [{"name": "x", "pid": 1}], "missing": {"address": "address-resolved"}, "line": 4}]}"#;
    let shown = human(text, &screen(80));
    assert!(!shown.chars().any(|c| is_harmful(c) && c != '\n'));
    insta::assert_snapshot!(shown);
}

#[test]
fn json_is_one_snapshot_or_an_array() {
    let one = read(SERVER);
    assert!(write("json", &one, &PIPE).starts_with("{\n  \"schema\": \"socklint/snapshot/1\",\n"));
    let two = [one[0].clone(), one[0].clone()];
    assert!(write("json", &two, &PIPE).starts_with("[\n  {\n    \"schema\""));
    assert_eq!(write("ndjson", &two, &PIPE).lines().count(), 2);
    assert_eq!(write("ndjson", &[], &PIPE), "");
}

#[test]
fn names_are_unique() {
    for (index, one) in LISTINGS.iter().enumerate() {
        assert!(LISTINGS.iter().skip(index + 1).all(|other| other.name() != one.name()));
        assert!(!one.about().is_empty());
    }
}

proptest! {
    #[test]
    fn json_outputs_are_read_back(
        snapshots in proptest::collection::vec(arbitrary::snapshot(), 1..4),
    ) {
        for name in ["json", "ndjson"] {
            let written = write(name, &snapshots, &PIPE);
            prop_assert_eq!(&write(name, &read(&written), &PIPE), &written);
        }
    }

    #[test]
    fn human_output_is_harmless_and_fits(
        snapshot in arbitrary::snapshot(),
        width in 32..140_usize,
    ) {
        let snapshot = [snapshot];
        for style in [PIPE, screen(width)] {
            let shown = write("human", &snapshot, &style);
            for line in shown.lines() {
                prop_assert!(!line.chars().any(is_harmful), "{line:?}");
                prop_assert!(!line.ends_with(' '), "{line:?}");
                prop_assert!(line.width() <= style.width.unwrap_or(usize::MAX), "{width} {line:?}");
            }
            prop_assert!(shown.contains("Coverage: "));
        }
    }
}
