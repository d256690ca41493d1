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

/// The captures of the lab, where they are at hand: name and text.
fn lab() -> Vec<(String, String)> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test of real captures, where they are at hand"
    )]
    let folder = std::env::var_os("SOCKLINT_SHARED");
    let Some(folder) = folder else {
        eprintln!("SOCKLINT_SHARED is not set: no draft is made of real captures");
        return Vec::new();
    };
    let mut lab = Vec::new();
    for entry in std::fs::read_dir(std::path::Path::new(&folder).join("captures-lab")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            #[expect(clippy::disallowed_methods, reason = "a test of real captures")]
            let text =
                std::fs::read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            lab.push((path.display().to_string(), text.unwrap()));
        }
    }
    lab.sort();
    lab
}

/// What can be read of a capture without an error.
fn usable(text: &str) -> Option<Vec<Snapshot>> {
    let captures = capture::read(Arc::new(SourceFile::new("lab.txt", text)), &Options::default());
    let whole =
        captures.iter().all(|capture| capture.severity(false) != Some(capture::Severity::Error));
    whole.then(|| captures.into_iter().map(|capture| capture.snapshot).collect())
}

fn passes(text: &str, snapshots: &[Snapshot]) -> bool {
    let mut results = snapshots.iter().flat_map(|snapshot| judge(text, snapshot));
    results.all(|result| result.verdict == Verdict::Pass)
}

#[test]
fn the_lab_passes_its_own_drafts_and_nothing_more() {
    let (mut drafts, mut rejected) = (0, 0);
    for (name, text) in lab() {
        let Some(snapshots) = usable(&text) else { continue };
        let refs: Vec<&Snapshot> = snapshots.iter().collect();
        let draft = draft(&refs);
        drafts += 1;
        let coverage = Coverage::of(&refs);
        let decided = !coverage.is_nothing();
        assert_eq!(passes(&draft.text, &snapshots), decided, "{name}\n{}", draft.text);
        assert_ne!(draft.verdict, Verdict::Fail, "{name}");
        let [snapshot] = snapshots.as_slice() else { continue };
        let count = snapshot.sockets().len();
        for socket in snapshot.sockets().iter().step_by((count / 2).max(1)) {
            if coverage.get(socket.transport) != Covered::Whole {
                continue;
            }
            for more in added(&text, snapshot, socket) {
                // An added row that is not read as one listener more proves nothing.
                let Some(snapshots) = usable(&more) else { continue };
                if snapshots.len() != 1 || snapshots[0].sockets().len() != count + 1 {
                    continue;
                }
                rejected += 1;
                assert!(!passes(&draft.text, &snapshots), "{name}\n{}\n{more}", draft.text);
            }
        }
    }
    eprintln!("{drafts} drafts of real captures; {rejected} added listeners rejected");
}

/// The text with the row of a socket once more: at another port, at another address, of another
/// process.
fn added(text: &str, snapshot: &Snapshot, socket: &crate::snapshot::Socket) -> Vec<String> {
    let slice = |range: std::ops::Range<usize>| text.get(range).unwrap();
    let row = socket.span().range();
    let end = slice(row.end..text.len()).find('\n').map_or(text.len(), |at| row.end + at);
    let start = slice(0..row.start).rfind('\n').map_or(0, |at| at + 1);
    let mut places = vec![(socket.port_at, "7")];
    if socket.scope().is_some() {
        let v6 = slice(row.clone()).contains("tcp6") || slice(row).contains('[');
        places.push((socket.address_at, if v6 { "[2001:db8::7]" } else { "198.51.100.7" }));
    }
    if let [first, ..] = snapshot.owners(socket) {
        places.push((first.at, "evil"));
    }
    let mut texts = Vec::new();
    for (at, new) in places {
        let at = at.start as usize..(at.start + at.len) as usize;
        if at.is_empty() || at.start < start || at.end > end {
            continue;
        }
        let line = format!("{}{new}{}", slice(start..at.start), slice(at.end..end));
        texts.push(format!("{}\n{line}{}", slice(0..end), slice(end..text.len())));
    }
    texts
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
            // No entry decides anything of a socket whose transport is not told.
            let told = snapshot.sockets().iter().all(|socket| !socket.transport_unknown);
            for result in judge(&draft.text, snapshot) {
                let passes = result.verdict == Verdict::Pass;
                prop_assert!(passes || !(decided && told) && result.verdict == Verdict::Unknown, "{result:?}\n{}", draft.text);
            }
        }
    }
}
