//! Texts and places that once made a clean host of a host that nobody saw.

use socklint::snapshot::Grade;

use crate::support::{NETSTAT, Place, judge, policy, source};

/// A rule about TCP and one about UDP.
const BOTH: &str = r#"
[[rule]]
id = "tcp"
match = { port = 5433, transport = "tcp" }
forbid = true
[[rule]]
id = "udp"
match = { port = 53, transport = "udp" }
forbid = true
"#;
const HEADER: &str = "State Recv-Q Send-Q Local Address:Port Peer Address:Port\n";
const NETIDS: &str = "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port\n";
const TCP: &str = "LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n";
const UDP: &str = "UNCONN 0 0 0.0.0.0:68 0.0.0.0:*\n";

/// The exit code of a whole run.
fn code(text: &str) -> u8 {
    judge(&policy(BOTH), source("capture.txt", text), Grade::Presumed, false).exit_code
}

/// Two tables, each behind its command.
fn two(first: &str, second: &str) -> String {
    format!("$ {first}\n{HEADER}{TCP}$ {second}\n{HEADER}{UDP}$ \n")
}

#[test]
#[cfg(unix)]
fn a_report_never_takes_the_place_of_a_device() {
    use std::os::unix::fs::FileTypeExt;
    let place = Place::with(&[("policy.toml", BOTH), ("capture.txt", NETSTAT)]);
    let _socket = std::os::unix::net::UnixListener::bind(place.path().join("here")).unwrap();
    place.run(&["check", "-p", "policy.toml", "-o", "json=here", "capture.txt"]).expect(2);
    let kind = std::fs::metadata(place.path().join("here")).unwrap().file_type();
    assert!(kind.is_socket());

    std::os::unix::fs::symlink("report.json", place.path().join("link")).unwrap();
    place.write("report.json", "");
    place.run(&["check", "-p", "policy.toml", "-o", "json=link", "capture.txt"]).expect(0);
    assert!(place.read("report.json").starts_with('{'));
    assert!(place.path().join("link").is_symlink());
}
