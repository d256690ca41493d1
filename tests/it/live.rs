//! The live host from end to end, as whoever runs the tests. What root sees is compared with known hosts
//! by `tests/live/lab.py`.

use std::net::{TcpListener, UdpSocket};

use serde_json::Value;

use crate::support::Place;

/// A listener on loopback and its port.
fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

fn socket<'a>(snapshot: &'a Value, transport: &str, port: u16) -> &'a Value {
    let sockets = snapshot["sockets"].as_array().expect("sockets");
    let of = |socket: &&Value| socket["port"] == port && socket["transport"] == transport;
    sockets.iter().find(of).unwrap_or_else(|| panic!("no {transport} {port} in {snapshot:#}"))
}

fn forbid(place: &Place, port: u16) {
    let rule = format!("[[rule]]\nid = \"closed\"\nmatch = {{ port = {port} }}\nforbid = true\n");
    place.write("policy.toml", &rule);
}

#[test]
fn a_snapshot_is_evidence_and_says_where_each_socket_stands() {
    let (_kept, port) = listener();
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let udp_port = udp.local_addr().expect("an address").port();
    let place = Place::with(&[]);
    place.run(&["snapshot", "-o", "host.json", "--host", "db1", "--label", "env=test"]).expect(0);
    let text = place.read("host.json");
    let snapshot: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(snapshot["host"]["name"], "db1");
    assert_eq!(snapshot["host"]["labels"]["env"], "test");
    socket(&snapshot, "udp", udp_port);
    let tcp = socket(&snapshot, "tcp", port);
    assert_eq!(tcp["address"], "127.0.0.1");
    assert_eq!(tcp["processes"][0]["pid"], std::process::id());
    assert!(tcp["processes"][0].get("cmdline").is_none());
    let line = usize::try_from(tcp["line"].as_u64().expect("a line")).expect("a line");
    let own = text.lines().nth(line - 1).expect("the line").trim().trim_end_matches(',');
    assert_eq!(&serde_json::from_str::<Value>(own).expect("a socket"), tcp);
    forbid(&place, port);
    let out = place.run(&["check", "-p", "policy.toml", "host.json"]).expect(1).out;
    assert!(out.contains(&format!("host.json:{line}:")), "{out}");
    let back = place.run(&["list", "-f", "json", "host.json"]).expect(0).json();
    assert_eq!(back, snapshot, "nothing is lost");
}

#[test]
fn a_violation_shows_the_row_and_its_owner_though_no_rule_asks_for_owners() {
    let (_kept, port) = listener();
    let place = Place::with(&[]);
    forbid(&place, port);
    let out = place.run(&["check", "live", "-p", "policy.toml"]).expect(1).out;
    assert!(out.contains(&format!("127.0.0.1:{port}")), "{out}");
    assert!(out.contains(&format!(",pid={}", std::process::id())), "{out}");
    let out = place.run(&["check", "live", "--no-processes", "-p", "policy.toml"]).expect(1).out;
    assert!(!out.contains(",pid="), "{out}");
    forbid(&place, 1);
    place.run(&["check", "live", "-p", "policy.toml"]).expect(0);
}

#[test]
fn every_command_takes_the_live_host() {
    let (_kept, port) = listener();
    let place = Place::with(&[]);
    let out = place.run(&["list", "live"]).expect(0).out;
    assert!(out.contains(&format!("127.0.0.1:{port}")), "{out}");
    socket(&place.run(&["list", "live", "-f", "json"]).expect(0).json(), "tcp", port);
    place.run(&["init", "live", "-o", "draft.toml"]).expect(0);
    assert!(place.read("draft.toml").contains(&port.to_string()));
    let out = place.run(&["inventory", "live", "-f", "csv"]).expect(0).out;
    assert!(out.contains(&port.to_string()), "{out}");
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let place = Place::with(&[]);
    for arguments in [
        ["list", "live", "--netns", "no-such-namespace"].as_slice(),
        &["snapshot", "--netns", "4194304"],
        &["snapshot", "-o", "host.json", "--netns", "no-such-namespace"],
    ] {
        let outcome = place.run(arguments).expect(2).says(&["socklint::cli::live"]);
        assert_eq!(outcome.out, "");
    }
    place.run(&["list", "live", "--netns", "../x"]).expect(2).says(&["is no network namespace"]);
    place.run(&["list", "live", "--from", "ss"]).expect(2).says(&["`--from` and `--command`"]);
    assert!(place.names().is_empty(), "{:?}", place.names());
}

#[test]
fn a_file_of_that_name_is_read_by_its_path() {
    let place = Place::with(&[(
        "live",
        "$ ss -ltn\nState  Recv-Q Send-Q Local Address:Port Peer Address:Port\nLISTEN 0      128          0.0.0.0:22        0.0.0.0:*\n",
    )]);
    let out = place.run(&["list", "./live"]).expect(0).out;
    assert!(out.contains("0.0.0.0:22") && out.contains("1 listener:"), "{out}");
}
