use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::capture::{Options, Severity, read};
use crate::snapshot::{Snapshot, arbitrary, document};

fn read_text(text: &str) -> Vec<Capture> {
    read(Arc::new(SourceFile::new("evidence.json", text)), &Options::default())
}

fn write(snapshot: &Snapshot, pretty: bool) -> String {
    let mut out = Vec::new();
    crate::safe::json(&mut out, &document::SnapshotDocument::new(snapshot), pretty).unwrap();
    String::from_utf8(out).unwrap()
}

/// One line for each issue: kind, what it points at, message.
fn issues(captures: &[Capture]) -> String {
    let mut lines = String::new();
    for (index, capture) in captures.iter().enumerate() {
        for issue in &capture.issues {
            let at = issue.at.map_or("", |at| capture.snapshot.sources.slice(at));
            lines += &format!("{index} {:?} <{at}> {}\n", issue.kind, issue.message);
        }
    }
    lines
}

const GOOD: &str = r#"{"schema":"socklint/snapshot/1","sockets":[{"transport":"tcp","address":"::1","port":25,"processes":[{"name":"master","pid":7,"fd":13}]}]}"#;

#[test]
fn facts_point_at_their_json_values() {
    let captures = read_text(GOOD);
    let snapshot = &captures[0].snapshot;
    assert_eq!(issues(&captures), "");
    let socket = snapshot.sockets()[0];
    let slice = |at| snapshot.sources.slice(socket.span_of(at));
    assert_eq!(slice(socket.address_at), "\"::1\"");
    assert_eq!(slice(socket.port_at), "25");
    let owner = snapshot.owners(&socket)[0];
    assert_eq!(slice(owner.at), "\"master\"");
    assert_eq!(snapshot.text(owner.name.unwrap()), "master");
    assert!(slice(socket.row).starts_with("{\"transport\"") && slice(socket.row).ends_with("}]}"));
    assert_eq!(socket.device, Device::Missing(Missing::DeviceNotShown));
    assert_eq!(snapshot.coverage, Coverage::default());
}

#[test]
fn what_is_no_snapshot_is_left_to_other_formats() {
    for text in [
        "[root@db1 ~]# ss -lntup\nNetid State\n",
        "[ root@db1 ]$ netstat -tulpn",
        "{root@db1} ss",
        "{}",
        "[]",
        "{",
        "[",
        "[{}]",
        r#"{"containers": []}"#,
        r#"[{"schema": "other/1"}, {"schema": 7}]"#,
        "\"socklint/snapshot/1\"",
        "12",
        "null",
    ] {
        let source = Arc::new(SourceFile::new("x", text));
        assert!(SnapshotDocument.document(&Document::new(source)).is_none(), "{text}");
    }
}

#[test]
fn a_bad_line_hides_no_other() {
    let cut = GOOD.get(..60).unwrap();
    let text = format!("{GOOD}\n\n{cut}\n{GOOD}\nrubbish\n{GOOD}  {GOOD}\n{{\"schema\":\n");
    let captures = read_text(&text);
    let sockets: Vec<usize> =
        captures.iter().map(|capture| capture.snapshot.sockets().len()).collect();
    assert_eq!(sockets, [1, 0, 1, 0, 1, 1, 0]);
    insta::assert_snapshot!(issues(&captures), @r#"
    1 BadJson <p> the JSON document is cut off
    3 BadJson <r> the JSON document is broken: expected value
    6 BadJson <:> the JSON document is cut off
    "#);
}

#[test]
fn broken_documents_point_at_the_place() {
    for (text, at) in [
        (r#"{"schema": "socklint/snapshot/1", "sockets": [}"#, "}"),
        ("{\"schema\":\n \"socklint/snapshot/1\",,}", ","),
        ("[{\"schema\": \"socklint/snapshot/1\"},\n\u{e9}]", "\u{e9}"),
    ] {
        let captures = read_text(text);
        assert_eq!(captures.len(), 1);
        let issue = &captures[0].issues[0];
        assert_eq!(issue.kind, IssueKind::BadJson, "{text}");
        assert_eq!(captures[0].snapshot.sources.slice(issue.at.unwrap()), at, "{text}");
        assert_eq!(captures[0].severity(true), Some(Severity::Error));
    }
}

#[test]
fn other_schemas_are_named() {
    let text = format!(
        "[{GOOD}, {{\"schema\": \"socklint/snapshot/2\"}}, {{\"schema\": \"socklint/report/1\"}}, {{}}, \
         [1], {{\"schema\": \"socklint/snapshot/1\"}}]"
    );
    insta::assert_snapshot!(issues(&read_text(&text)), @r#"
    1 BadSnapshot <"socklint/snapshot/2"> the schema is `socklint/snapshot/2`, and snapshots of `socklint/snapshot/1` are read
    2 BadSnapshot <"socklint/report/1"> the schema is `socklint/report/1`, and snapshots of `socklint/snapshot/1` are read
    3 BadSnapshot <{> this is no socklint snapshot: it has no `schema`, which is `socklint/snapshot/1`
    4 BadSnapshot <[1]> a snapshot must be an object, not `[1]`
    5 BadSnapshot <{> the snapshot has no `sockets`
    "#);
}

#[test]
fn every_wrong_value_is_reported_in_one_run() {
    let text = r#"{"schema": "socklint/snapshot/1",
        "host": {"name": 7, "labels": {"a": 1, "b": null, "c": "x", "c": "y"}},
        "source": {"kind": "guessed", "path": []},
        "coverage": {"tcp/ipv4": "proven", "tcp/ipv6": "maybe", "quic/ipv4": "proven", "udp/ipv4": "proven"},
        "coverage_missing": {"udp/ipv4": "filtered"},
        "interfaces": [{"name": "lo", "addresses": ["127.0.0.1", "10.0.0.1/33"]}, {}],
        "sockets": [
            {"transport": "quic"}, 5, {},
            {"transport": "tcp", "state": "established", "address": "[::1]", "port": 65536, "scope": "world"},
            {"transport": "udp", "state": "listen", "address": "10.0.0.1", "port": -1, "missing": {"address": "address-cut"}},
            {"transport": "tcp", "port": 80, "port": 81},
            {"transport": "tcp", "port": 1e999, "v6only": "yes", "line": 1.5, "user": "\ud800", "missing": []},
            {"transport": "tcp", "processes": [{"pid": "1"}, []], "presumed": [7]}
        ]}"#;
    let captures = read_text(text);
    assert!(captures[0].snapshot.coverage.is_absent());
    assert_eq!(captures[0].snapshot.sockets().len(), 4);
    insta::assert_snapshot!(issues(&captures));
}

#[test]
fn what_a_newer_version_adds_is_read_with_care() {
    let text = r#"{"schema": "socklint/snapshot/1", "new": {"deep": [[[]]]}, "host": {"name": null, "os": "x"},
        "coverage": {"tcp/ipv4": "absent", "quic/ipv4": "proven"}, "coverage_missing": {"tcp/ipv4": "novel"},
        "sockets": [{"transport": "tcp", "address": null, "port": null, "interface": null, "processes": null,
            "scope": "loopback", "exe": "/x", "presumed": ["address"],
            "missing": {"address": "novel", "port": "novel", "interface": "novel", "processes": "novel", "user": "novel"}},
            {"transport": "tcp", "address": "0.0.0.0", "port": 1, "scope": "loopback",
             "processes": [{"name": "x", "name_kind": "novel"}]}]}"#;
    let captures = read_text(text);
    let snapshot = &captures[0].snapshot;
    assert_eq!(captures[0].severity(false), Some(Severity::Note));
    let socket = snapshot.sockets()[0];
    assert_eq!(socket.address, Address::Missing(Missing::AddressNotShown));
    assert_eq!(socket.port, Port::Missing(Missing::PortNotShown));
    assert_eq!(socket.device, Device::Missing(Missing::DeviceNotShown));
    assert_eq!(socket.owners_missing, Some(Missing::OwnerNotShown));
    assert!(socket.transport_inferred && socket.port_resolved);
    assert_eq!(snapshot.sockets()[1].scope(), Some(Scope::Wildcard));
    assert_eq!(snapshot.owners(&snapshot.sockets()[1])[0].kind, NameKind::ArgvCut);
    insta::assert_snapshot!(issues(&captures));
}

#[test]
fn hostile_json_is_read_in_bounded_time_and_stack() {
    let deep = "[".repeat(200_000);
    let whole = deep.clone() + &"]".repeat(200_000);
    let unknown = format!(r#"{{"schema": "socklint/snapshot/1", "x": {whole}, "sockets": []}}"#);
    assert_eq!(issues(&read_text(&unknown)), "");
    for known in ["sockets", "host", "coverage", "interfaces"] {
        let text = format!(r#"{{"schema": "socklint/snapshot/1", "{known}": {whole}}}"#);
        assert_eq!(read_text(&text)[0].severity(true), Some(Severity::Error), "{known}");
    }
    assert_eq!(read_text(&format!("{{\"x\": {deep}")).len(), 1);
    // Documents that are not closed must not be read again and again to the end.
    let open = "{\"schema\":\"socklint/\",\"a\":[\n";
    assert_eq!(read_text(&open.repeat(50_000)).len(), 50_000);
    assert_eq!(read_text(&"{\"a\":[\n".repeat(50_000)).len(), 1);
}

/// Reads `text` back and compares what it would be written as.
fn check(text: &str, expected: &[String]) -> Result<(), TestCaseError> {
    let captures = read_text(text);
    prop_assert_eq!(captures.len(), expected.len());
    for (capture, expected) in captures.iter().zip(expected) {
        prop_assert_eq!(issues(std::slice::from_ref(capture)), "");
        prop_assert_eq!(&write(&capture.snapshot, false), expected);
        spans(&capture.snapshot)?;
    }
    Ok(())
}

/// Every span slices to JSON of the fact that it is of.
fn spans(snapshot: &Snapshot) -> Result<(), TestCaseError> {
    for socket in snapshot.sockets() {
        let json = |at: At| -> serde_json::Value {
            serde_json::from_str(snapshot.sources.slice(socket.span_of(at))).unwrap()
        };
        let row = json(socket.row);
        for (at, key, text) in
            [(socket.address_at, "address", "address_text"), (socket.port_at, "port", "port_text")]
        {
            let value = row.get(key).filter(|value| !value.is_null()).or(row.get(text));
            prop_assert_eq!(&json(at), value.unwrap_or(&serde_json::Value::Null));
        }
        for (owner, process) in
            snapshot.owners(socket).iter().zip(row["processes"].as_array().into_iter().flatten())
        {
            let name = if process["name"].is_null() { process } else { &process["name"] };
            prop_assert_eq!(&json(owner.at), name);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn written_snapshots_are_read_back_with_nothing_lost(
        snapshots in proptest::collection::vec(arbitrary::snapshot(), 1..4),
    ) {
        let compact: Vec<String> =
            snapshots.iter().map(|snapshot| write(snapshot, false)).collect();
        let pretty: Vec<String> = snapshots.iter().map(|snapshot| write(snapshot, true)).collect();
        for (compact, pretty) in compact.iter().zip(&pretty) {
            check(compact, std::slice::from_ref(compact))?;
            check(pretty, std::slice::from_ref(compact))?;
        }
        check(&format!("[{}]", compact.join(",")), &compact)?;
        check(&format!("[\n{}\n]\n", pretty.join(",\n")), &compact)?;
        check(&format!("{}\n", compact.join("\n\n")), &compact)?;
        check(&pretty.join("\n"), &compact)?;
    }

    #[test]
    fn mutated_documents_do_not_panic(
        snapshot in arbitrary::snapshot(),
        pretty in any::<bool>(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..8),
    ) {
        let mut bytes = write(&snapshot, pretty).into_bytes();
        for (at, byte, kind) in edits {
            let at = at.index(bytes.len().max(1)).min(bytes.len());
            match kind {
                0 if at < bytes.len() => bytes[at] = byte,
                1 => bytes.truncate(at),
                _ => bytes.insert(at, byte),
            }
        }
        read_bytes(bytes);
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(
        open in prop::sample::select(vec!["{\"", "[{", "{\"schema\":\"socklint/snapshot/1\",", ""]),
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        read_bytes([open.as_bytes(), &bytes].concat());
    }
}

/// Reads hostile bytes and looks at every span.
fn read_bytes(bytes: Vec<u8>) {
    let source = Arc::new(SourceFile::decode("x", bytes).unwrap());
    for capture in
        SnapshotDocument.document(&Document::new(Arc::clone(&source))).unwrap_or_default()
    {
        write(&capture.snapshot, false);
        for issue in &capture.issues {
            let span = issue.at.unwrap();
            assert!(source.text().get(span.range()).is_some_and(|text| !text.is_empty()));
        }
        for socket in capture.snapshot.sockets() {
            assert!(source.text().get(socket.endpoint_span().range()).is_some());
        }
    }
}
