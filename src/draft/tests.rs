use proptest::prelude::*;

use super::*;
use crate::audit::RuleResult;
use crate::capture::{self, Options};
use crate::snapshot::{Coverage as Cells, arbitrary};

fn read(text: &str) -> Vec<Snapshot> {
    let captures = capture::read(Arc::new(SourceFile::new("db1.txt", text)), &Options::default());
    captures.into_iter().map(|capture| capture.snapshot).collect()
}

fn judge(text: &str, snapshot: &Snapshot) -> Vec<RuleResult> {
    let loaded = policy::load(vec![Arc::new(SourceFile::new("draft.toml", text))]);
    assert_eq!(loaded.errors, [], "{text}");
    audit(&loaded.policy.unwrap(), snapshot, Grade::Presumed)
}

const HEADER: &str = "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n";

const SERVER: &str = "\
tcp   LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"sshd\",pid=700,fd=3))
tcp   LISTEN 0 128 [::]:22 [::]:* users:((\"sshd\",pid=700,fd=4))
tcp   LISTEN 0 511 *:80 *:* users:((\"nginx\",pid=901,fd=6),(\"nginx\",pid=900,fd=6))
tcp   LISTEN 0 511 *:443 *:* users:((\"nginx\",pid=901,fd=7),(\"nginx\",pid=900,fd=7))
tcp   LISTEN 0 244 127.0.0.1:5432 0.0.0.0:* users:((\"postgres\",pid=812,fd=5))
tcp   LISTEN 0 244 [::1]:5432 [::]:* users:((\"postgres\",pid=812,fd=6))
tcp   LISTEN 0 10  192.168.1.5:53 0.0.0.0:* users:((\"named\",pid=13,fd=5))
udp   UNCONN 0 0   192.168.1.5:53 0.0.0.0:* users:((\"named\",pid=13,fd=6))
udp   UNCONN 0 0   127.0.0.53%lo:53 0.0.0.0:* users:((\"systemd-resolve\",pid=14,fd=6))
udp   UNCONN 0 0   0.0.0.0:41641 0.0.0.0:* users:((\"chromium\",pid=33,fd=6))
udp   UNCONN 0 0   0.0.0.0:51000 0.0.0.0:* users:((\"chromium\",pid=33,fd=7))
udp   UNCONN 0 0   0.0.0.0:51820 0.0.0.0:*
tcp   LISTEN 0 128 127.0.0.1:9090 0.0.0.0:* users:((\"systemd\",pid=1,fd=9))
tcp   LISTEN 0 128 127.0.0.1:631 0.0.0.0:* users:((\"systemd\",pid=1,fd=8))
";

#[test]
fn a_server() {
    let snapshots = read(&format!("{HEADER}{SERVER}"));
    let draft = draft(&snapshots.iter().collect::<Vec<_>>());
    insta::assert_snapshot!(draft.text);
    assert_eq!(draft.verdict, Verdict::Pass);
}

#[test]
fn tcp_only_and_no_owners() {
    let text = "State Recv-Q Send-Q Local Address:Port Peer Address:Port\n\
                LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\nLISTEN 0 128 *:80 *:*\n";
    let snapshots = read(text);
    let draft = draft(&snapshots.iter().collect::<Vec<_>>());
    insta::assert_snapshot!(draft.text);
    assert_eq!(draft.verdict, Verdict::Pass);
}

#[test]
fn hostile_names() {
    let name = "}\u{1b}[2J\u{202e}*\"\\";
    let text =
        format!("{HEADER}tcp LISTEN 0 1 0.0.0.0:1 0.0.0.0:* users:((\"{name}\",pid=1,fd=3))\n");
    let snapshots = read(&text);
    let draft = draft(&snapshots.iter().collect::<Vec<_>>());
    assert!(draft.text.lines().all(|line| !line.chars().any(crate::safe::is_harmful)));
    insta::assert_snapshot!(draft.text);
}

#[test]
fn each_added_listener_is_rejected() {
    let evidence = format!("{HEADER}{SERVER}");
    let snapshots = read(&evidence);
    let draft = draft(&snapshots.iter().collect::<Vec<_>>());
    for row in [
        "tcp LISTEN 0 1 0.0.0.0:23 0.0.0.0:* users:((\"sshd\",pid=700,fd=3))",
        "tcp LISTEN 0 1 0.0.0.0:5432 0.0.0.0:* users:((\"postgres\",pid=812,fd=5))",
        "tcp LISTEN 0 1 *:22 *:* users:((\"sshd\",pid=700,fd=3))",
        "tcp LISTEN 0 1 [::]:80 [::]:* users:((\"nginx\",pid=900,fd=3))",
        "tcp LISTEN 0 1 0.0.0.0:22 0.0.0.0:* users:((\"evil\",pid=7,fd=3))",
        "tcp LISTEN 0 1 0.0.0.0:22 0.0.0.0:*",
        "udp UNCONN 0 0 0.0.0.0:80 0.0.0.0:* users:((\"nginx\",pid=900,fd=3))",
        "udp UNCONN 0 0 127.0.0.53%eth0:53 0.0.0.0:* users:((\"systemd-resolve\",pid=14,fd=6))",
        "udp UNCONN 0 0 192.168.1.5:51001 0.0.0.0:* users:((\"chromium\",pid=33,fd=7))",
        "udp UNCONN 0 0 0.0.0.0:51821 0.0.0.0:*",
        "tcp LISTEN 0 1 127.0.0.1:5433 0.0.0.0:* users:((\"systemd\",pid=1,fd=9))",
    ] {
        let more = read(&format!("{evidence}{row}\n"));
        let results = judge(&draft.text, &more[0]);
        assert_eq!(more[0].sockets().len(), snapshots[0].sockets().len() + 1, "{row}");
        assert!(results.iter().any(|result| result.verdict != Verdict::Pass), "{row}");
    }
}

proptest! {
    #[test]
    fn a_draft_loads_and_its_evidence_passes(
        mut snapshots in proptest::collection::vec(arbitrary::snapshot(), 1..3),
        full in any::<bool>(),
    ) {
        if full {
            for snapshot in &mut snapshots {
                snapshot.coverage = Cells::uniform(Cell::Presumed);
            }
        }
        let draft = draft(&snapshots.iter().collect::<Vec<_>>());
        let coverage = Coverage::of(&snapshots.iter().collect::<Vec<_>>());
        let decided = coverage.is_whole() || !coverage.is_nothing();
        prop_assert!(draft.text.lines().all(|line| !line.chars().any(crate::safe::is_harmful)));
        for snapshot in &snapshots {
            for result in judge(&draft.text, snapshot) {
                let passes = result.verdict == Verdict::Pass;
                prop_assert!(passes || !decided && result.verdict == Verdict::Unknown, "{result:?}\n{}", draft.text);
            }
        }
    }
}
