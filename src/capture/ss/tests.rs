//! Tests of the reader on small captures.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::reader::Reader;
use crate::capture::{Capture, IssueKind, Options, Severity, Transcript, read};
use crate::snapshot::{Address, Cell, Device, Family, Owner, Snapshot, Socket, Transport};
use crate::source::SourceFile;

fn capture_with(text: &str, command: Option<&str>) -> Capture {
    let options = Options { command: command.map(str::to_owned), ..Options::default() };
    let mut captures = read(Arc::new(SourceFile::new("test", text)), &options);
    assert_eq!(captures.len(), 1, "{text}");
    captures.remove(0)
}

fn capture(text: &str) -> Capture {
    capture_with(text, None)
}

/// One socket in one line: transport, endpoint, flags, owners.
fn show(snapshot: &Snapshot, socket: &Socket) -> String {
    let mut line = format!("{} {}", socket.transport.name(), snapshot.endpoint(socket));
    match socket.address {
        Address::Dual => line.push_str(" dual"),
        Address::Star => line.push_str(" star"),
        Address::Ip(_) | Address::Reached(_) => {}
        Address::Missing(kind) => line.push_str(&format!(" {}", kind.id())),
    }
    match socket.v6only {
        Some(true) => line.push_str(" v6only"),
        Some(false) => line.push_str(" both"),
        None => {}
    }
    for (flag, word) in [
        (socket.mptcp, " mptcp"),
        (socket.transport_inferred, " inferred"),
        (socket.port_resolved, " resolved"),
        (matches!(socket.device, Device::Missing(_)), " no-device"),
    ] {
        if flag {
            line.push_str(word);
        }
    }
    for owner in snapshot.owners(socket) {
        let Owner { name, pid, fd, kind, .. } = *owner;
        let name = name.map(|name| snapshot.text(name)).unwrap_or_default();
        line.push_str(&format!(" {name:?}/{}/{}/{kind:?}", pid.unwrap_or(0), fd.unwrap_or(0)));
    }
    if let Some(missing) = socket.owners_missing {
        line.push_str(&format!(" {}", missing.id()));
    }
    line
}

fn sockets(capture: &Capture) -> Vec<String> {
    capture.snapshot.sockets().iter().map(|socket| show(&capture.snapshot, socket)).collect()
}

fn kinds(capture: &Capture) -> Vec<IssueKind> {
    capture.issues.iter().map(|issue| issue.kind).collect()
}

/// Coverage in one line: what is covered, and the reasons of TCP and UDP where they are not.
fn coverage(capture: &Capture) -> String {
    let mut words = Vec::new();
    for (transport, family, cell) in capture.snapshot.coverage.iter() {
        let word = match cell {
            Cell::Proven => "proven",
            Cell::Presumed => "presumed",
            Cell::Absent(reason) if matches!(transport, Transport::Tcp | Transport::Udp) => {
                reason.id()
            }
            Cell::Absent(_) => continue,
        };
        let family = if family == Family::Ipv4 { "4" } else { "6" };
        words.push(format!("{}{family}:{word}", transport.name()));
    }
    words.join(" ")
}

const HEAD: &str = "Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:Port\n";

#[test]
fn a_new_capture() {
    let capture = capture(&format!(
        "{HEAD}\
udp   UNCONN 0      0      127.0.0.53%lo:53         0.0.0.0:*    users:((\"systemd-resolve\",pid=629,fd=6))
tcp   LISTEN 0      511          0.0.0.0:80         0.0.0.0:*    users:((\"nginx\",pid=2,fd=5),(\"nginx\",pid=1,fd=5))
tcp   LISTEN 0      128             [::]:22            [::]:*
tcp   LISTEN 0      128                *:9100             *:*
tcp   ESTAB  0      0          127.0.0.1:22       127.0.0.1:40000 users:((\"sshd\",pid=3,fd=4))
tcp   LISTEN 0      1   [::ffff:127.0.0.1]:8005           *:*
tcp   LISTEN 0      1    [fe80::10%eth0]:8006          [::]:*
mptcp LISTEN 0      1          0.0.0.0:8007         0.0.0.0:*
udp   UNCONN 0      0                *:*                  *:*
"
    ));
    assert_eq!(
        sockets(&capture),
        [
            "udp 127.0.0.53%lo:53 \"systemd-resolve\"/629/6/CommCut",
            "tcp 0.0.0.0:80 \"nginx\"/2/5/Comm \"nginx\"/1/5/Comm",
            "tcp [::]:22 v6only owner-hidden",
            "tcp *:9100 dual owner-hidden",
            "tcp [::ffff:127.0.0.1]:8005 owner-hidden",
            "tcp [fe80::10]%eth0:8006 owner-hidden",
            "tcp 0.0.0.0:8007 mptcp owner-hidden",
        ]
    );
    assert_eq!(kinds(&capture), []);
    assert_eq!(coverage(&capture), "tcp4:presumed tcp6:presumed udp4:presumed udp6:presumed");
}

#[test]
fn what_a_star_is() {
    for (rows, expected) in [
        // Only stars: nothing tells.
        (&["tcp LISTEN 0 128 *:80 *:*"][..], &["tcp *:80 star no-device owner-not-shown"][..]),
        (
            &["tcp LISTEN 0 128 *:80 *:*", "tcp LISTEN 0 128 127.0.0.1:25 0.0.0.0:*"],
            &["tcp *:80 dual owner-not-shown", "tcp 127.0.0.1:25 owner-not-shown"],
        ),
        (
            &["tcp LISTEN 0 128 *:80 *:*", "tcp LISTEN 0 128 127.0.0.1:25 *:*"],
            &[
                "tcp 0.0.0.0:80 no-device owner-not-shown",
                "tcp 127.0.0.1:25 no-device owner-not-shown",
            ],
        ),
        (
            &["tcp LISTEN 0 128 *:80 *:*", "tcp LISTEN 0 128 :::25 :::*"],
            &["tcp 0.0.0.0:80 no-device owner-not-shown", "tcp [::]:25 no-device owner-not-shown"],
        ),
        // RHEL 7: brackets do not mean v6-only.
        (
            &["tcp LISTEN 0 128 127.0.0.1:25 *:*", "tcp LISTEN 0 128 [::]:80 [::]:*"],
            &["tcp 127.0.0.1:25 owner-not-shown", "tcp [::]:80 owner-not-shown"],
        ),
        (
            &["tcp LISTEN 0 128 [::ffff:127.0.0.1]:25 [::]:*", "tcp LISTEN 0 128 *:80 *:*"],
            &["tcp [::ffff:127.0.0.1]:25 owner-not-shown", "tcp 0.0.0.0:80 owner-not-shown"],
        ),
        // 4.13: every wildcard is a star.
        (
            &[
                "tcp LISTEN 0 128 127.0.0.1:25 *:*",
                "tcp LISTEN 0 128 [::1]:25 *:*",
                "tcp LISTEN 0 1 *:80 *:*",
            ],
            &[
                "tcp 127.0.0.1:25 owner-not-shown",
                "tcp [::1]:25 owner-not-shown",
                "tcp *:80 star owner-not-shown",
            ],
        ),
        (&["tcp LISTEN 0 128 [::]:80 [::]:*"], &["tcp [::]:80 owner-not-shown"]),
        // A row's own flag needs no age.
        (
            &["tcp LISTEN 0 128 *:80 *:* ino:1 sk:2 v6only:0 <->"],
            &["tcp *:80 dual both no-device owner-not-shown"],
        ),
        (
            &["tcp LISTEN 0 128 [::]:80 [::]:* v6only:1 <->"],
            &["tcp [::]:80 v6only owner-not-shown"],
        ),
        (&["tcp LISTEN 0 128 *:80 *:* cgroup:/x <->"], &["tcp *:80 dual owner-not-shown"]),
        (&["icmp6 UNCONN 0 0 *:58 *:*"], &["raw *:58 dual no-device owner-not-shown"]),
        (
            &["udp UNCONN 0 0 *%virbr0:67 *:*", "udp UNCONN 0 0 *:67 *:*"],
            &["udp *%virbr0:67 star owner-not-shown", "udp *:67 star owner-not-shown"],
        ),
        (
            &["udp UNCONN 0 0 *:68 *:* users:((\"dhclient\",1171,6))"],
            &["udp 0.0.0.0:68 no-device \"dhclient\"/1171/6/Comm"],
        ),
    ] {
        let capture = capture(&format!("{HEAD}{}\n", rows.join("\n")));
        assert_eq!(sockets(&capture), expected, "{rows:?}");
        assert_eq!(kinds(&capture), [], "{rows:?}");
    }
    let new = capture(
        "State Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\nLISTEN 0 1 *:80 *:*\n",
    );
    assert_eq!(sockets(&new), ["tcp *:80 dual inferred owner-not-shown"]);
    let old = capture_with(&format!("{HEAD}tcp LISTEN 0 1 *:80 *:*\n"), Some("ss -lnt4 -u"));
    assert_eq!(sockets(&old), ["tcp 0.0.0.0:80 no-device owner-not-shown"]);
}

#[test]
fn shapes_of_rows() {
    for (text, expected) in [
        (
            "State Recv-Q Send-Q Local Address:Port Peer Address:Port\nLISTEN0 128 0.0.0.0:22 0.0.0.0:*\n",
            &["tcp 0.0.0.0:22 inferred owner-not-shown"][..],
        ),
        (
            "State Recv-Q Send-Q Local Address:Port Peer Address:Port\nUNCONN 0 0 0.0.0.0:68 0.0.0.0:*\n",
            &["udp 0.0.0.0:68 inferred owner-not-shown"],
        ),
        // `ss -tan` since 6.8: a bound TCP socket that does not listen.
        (
            "State Recv-Q Send-Q Local Address:Port Peer Address:Port\nUNCONN 0 0 127.0.0.1:9 0.0.0.0:*\nLISTEN 0 1 127.0.0.1:8 0.0.0.0:*\n",
            &["tcp 127.0.0.1:8 inferred owner-not-shown"],
        ),
        // `ss -w`.
        (
            "State Recv-Q Send-Q Local Address:Port Peer Address:Port\nUNCONN 0 0 0.0.0.0:89 0.0.0.0:*\nUNCONN 0 0 0.0.0.0:1 0.0.0.0:*\n",
            &["raw 0.0.0.0:89 inferred owner-not-shown", "raw 0.0.0.0:1 inferred owner-not-shown"],
        ),
        // `ss -l` of RHEL 6.
        (
            "Recv-Q Send-Q Local Address:Port Peer Address:Port\n0 128 :::ssh :::*\n0 0 *:mysql *:*\n",
            &[
                "tcp [::]:22 inferred resolved no-device owner-not-shown",
                "tcp 0.0.0.0:3306 inferred resolved no-device owner-not-shown",
            ],
        ),
        // `ss -unp state unconnected`.
        (
            "Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n0 0 0.0.0.0:68 0.0.0.0:* users:((\"a\",pid=1,fd=2))\n",
            &["udp 0.0.0.0:68 inferred \"a\"/1/2/Comm"],
        ),
        (
            "Netid State Local Address:Port Peer Address:Port\ntcp LISTEN 0.0.0.0:22 0.0.0.0:*\n",
            &["tcp 0.0.0.0:22 owner-not-shown"],
        ),
        (
            "Local Address:Port Peer Address:Port\n0.0.0.0:22 0.0.0.0:* users:((\"a\",pid=1,fd=2))\n",
            &["udp 0.0.0.0:22 inferred \"a\"/1/2/Comm"],
        ),
        (
            "Netid Recv-Q Send-Q Local Address:Port Peer Address:Port\ntcp 0 128 *:22 *:*\ntcp 0 128 :::22 :::*\n",
            &["tcp 0.0.0.0:22 no-device owner-not-shown", "tcp [::]:22 no-device owner-not-shown"],
        ),
        // iproute2 3.7 to 3.13.
        (
            "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port\ntcp UNCONN 0 0 *:68 *:*\ntcp LISTEN 0 1 127.0.0.1:25 *:*\n",
            &[
                "udp 0.0.0.0:68 no-device owner-not-shown",
                "tcp 127.0.0.1:25 no-device owner-not-shown",
            ],
        ),
        (
            "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port\ntcp UNCONN 0 0 0.0.0.0:tcp 0.0.0.0:*\ntcp UNCONN 0 0 0.0.0.0:25 0.0.0.0:*\n",
            &["raw 0.0.0.0:6 resolved owner-not-shown"],
        ),
        (
            "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port\n??? UNCONN 0 0 :::ipv6-icmp :::*\nraw UNCONN 0 0 *:255 *:*\n",
            &[
                "raw [::]:58 resolved no-device owner-not-shown",
                "raw 0.0.0.0:255 no-device owner-not-shown",
            ],
        ),
        (
            "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port\ntcp LISTEN 0 1 localhost%lo:ipp 0.0.0.0:*\ntcp LISTEN 0 1 db.example:zzz-what *:*\n",
            &[
                "tcp localhost%lo:631 address-resolved resolved owner-not-shown",
                "tcp db.example:zzz-what address-resolved owner-not-shown",
            ],
        ),
        (
            "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port\nsctp LISTEN 0 1 0.0.0.0:5000 0.0.0.0:*\n`- ESTAB 0 0 10.0.0.1:5000 10.0.0.2:6\ndccp LISTEN 0 1 0.0.0.0:1 0.0.0.0:*\n",
            &["sctp 0.0.0.0:5000 owner-not-shown", "dccp 0.0.0.0:1 owner-not-shown"],
        ),
        // Lines that belong to the row above, and CRLF.
        (
            "State Recv-Q Send-Q Local Address:Port Peer Address:Port\r\nLISTEN 0 1 0.0.0.0:1 0.0.0.0:*\r\n\t cubic cwnd:10\r\nLISTEN 0 1 *:2 *:*\r\nusers:((\"a\",pid=1,fd=2))\r\nLISTEN 0 1 *:3 *:*\r\n    ino:5 cgroup:/a v6only:1 <->\r\n",
            &[
                "tcp 0.0.0.0:1 inferred owner-hidden",
                "tcp *:2 dual inferred \"a\"/1/2/Comm",
                "tcp *:3 dual v6only inferred owner-hidden",
            ],
        ),
    ] {
        let capture = capture(text);
        assert_eq!(sockets(&capture), expected, "{text}");
        assert_eq!(kinds(&capture), [], "{text}");
    }
    let listen = "State Recv-Q Send-Q Local Address:Port Peer Address:Port\nLISTEN 0 1 0.0.0.0:1 0.0.0.0:*\n";
    for (command, expected) in [
        ("ss -ltn", "tcp 0.0.0.0:1 owner-not-shown"),
        ("ss -ltnp", "tcp 0.0.0.0:1 owner-hidden"),
        ("ss -lSn", "sctp 0.0.0.0:1 owner-not-shown"),
        ("ss -lnd", "dccp 0.0.0.0:1 owner-not-shown"),
        ("ss -lM", "tcp 0.0.0.0:1 mptcp owner-not-shown"),
    ] {
        assert_eq!(sockets(&capture_with(listen, Some(command))), [expected], "{command}");
    }
    let bound = "Recv-Q Send-Q Local Address:Port Peer Address:Port\n0 0 127.0.0.1:944 0.0.0.0:*\n";
    assert_eq!(kinds(&capture(bound)), [IssueKind::RowUnread]);
    let bound = capture_with(bound, Some("ss -tBn"));
    assert_eq!((sockets(&bound), kinds(&bound)), (vec![], vec![]));
}

#[test]
fn names_of_processes() {
    for (users, expected, issues) in [
        (
            r#"users:(("a",pid=1,fd=3",pid=354,fd=15))"#,
            r#" "a\",pid=1,fd=3"/354/15/Comm owner-ambiguous"#,
            1,
        ),
        (r#"users:(("abcdefghijklmno",pid=1,fd=3))"#, r#" "abcdefghijklmno"/1/3/CommCut"#, 0),
        ("users:((\"\u{FFFD}\",pid=1,fd=3))", " \"\u{FFFD}\"/1/3/CommCut", 0),
        (r#"users:(("",pid=1,fd=3))"#, r#" ""/1/3/CommCut"#, 0),
        (r#"users:(("(sd-pam",pid=1,fd=3))"#, r#" "(sd-pam"/1/3/CommCut"#, 0),
        ("users:((\"\ntcp LISTEN 0\",pid=7,fd=6))", " \"\\ntcp LISTEN 0\"/7/6/Comm", 0),
        ("users:((\"new\r\nline\",pid=7,fd=6))", " \"new\\nline\"/7/6/Comm", 0),
        (
            "users:((\"0 1 *:1 *:*\n\",pid=7,fd=6),\n(\"b\",pid=8,fd=9)) ino:1",
            " \"0 1 *:1 *:*\\n\"/7/6/Comm \"b\"/8/9/Comm",
            0,
        ),
        (r#"users:(("a b",pid=1,tid=2,fd=3))"#, r#" "a b"/1/3/Comm"#, 0),
        (r#"users:(("x",pid=99999999999,fd=3))"#, " owner-ambiguous", 1),
    ] {
        let text = format!(
            "{HEAD}tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* {users}\ntcp LISTEN 0 1 0.0.0.0:23 0.0.0.0:*\n"
        );
        let capture = capture(&text);
        assert_eq!(
            sockets(&capture),
            [format!("tcp 0.0.0.0:22{expected}"), "tcp 0.0.0.0:23 owner-hidden".to_owned()],
            "{text}"
        );
        assert_eq!(kinds(&capture), vec![IssueKind::AmbiguousOwner; issues], "{text}");
    }
}

#[test]
fn details_of_rows() {
    let capture = capture(&format!(
        "{HEAD}tcp LISTEN 0 1 0.0.0.0:1 0.0.0.0:* uid:102 ino:4294967297 sk:1 cgroup:/system.slice/x.service <->\n\
         tcp LISTEN 0 1 0.0.0.0:2 0.0.0.0:* ino:5 sk:2 <->\n\
         tcp LISTEN 0 1 0.0.0.0:3 0.0.0.0:*\n"
    ));
    let details: Vec<_> =
        capture.snapshot.sockets().iter().map(|socket| capture.snapshot.details(socket)).collect();
    assert_eq!((details[0].uid, details[0].inode), (Some(102), Some(4_294_967_297)));
    assert_eq!(
        details[0].cgroup.map(|text| capture.snapshot.text(text)),
        Some("/system.slice/x.service")
    );
    assert_eq!((details[1].uid, details[1].inode), (Some(0), Some(5)));
    assert_eq!((details[2].uid, details[2].inode), (None, None));
}

/// What `tmux capture-pane` gives of a screen of `width` columns.
fn fold(text: &str, width: usize) -> String {
    let mut folded = String::new();
    for line in text.lines() {
        let chars: Vec<char> = line.chars().collect();
        for chunk in chars.chunks(width) {
            folded.push_str(chunk.iter().collect::<String>().trim_end());
            folded.push('\n');
        }
    }
    folded
}

const WIDE: &str = "\
Netid State  Recv-Q Send-Q                          Local Address:Port    Peer Address:PortProcess
udp   UNCONN 0      0                              192.168.100.10:3363         0.0.0.0:*    users:((\"thorn-srv\",pid=131910,fd=13))
udp   UNCONN 0      0                                     0.0.0.0:4789         0.0.0.0:*
udp   UNCONN 0      0                               127.0.0.53%lo:53           0.0.0.0:*    users:((\"systemd-resolve\",pid=390,fd=34))
udp   UNCONN 0      0      [fd00:1ab:5:c0de:a1b2:c3d4:e5f6:1234]:6627             [::]:*    users:((\"thorn-srv\",pid=131910,fd=16))
tcp   LISTEN 0      128                                 127.0.0.1:5432         0.0.0.0:*    users:((\"postgres\",pid=351,fd=4))
tcp   LISTEN 0      4096                                  0.0.0.0:80           0.0.0.0:*    users:((\"nginx\",pid=25413,fd=21),(\"nginx\",pid=25412,fd=21),(\"nginx\",pid=25411,fd=21)) ino:1234567 sk:1001 cgroup:/system.slice/nginx.service <->
tcp   LISTEN 0      4096                                  0.0.0.0:81           0.0.0.0:*    users:((\"nginx\",pid=25413,fd=22),(\"nginx\",pid=25412,fd=22),(\"nginx\",pid=25411,fd=22)) ino:1234568 sk:1002 cgroup:/system.slice/nginx.service <->
tcp   LISTEN 0      128                                         *:18534              *:*    users:((\"java\",pid=20,fd=3)) ino:7654321 sk:1003 cgroup:/system.slice/java.service v6only:0 <->
tcp   LISTEN 0      128                                      [::]:22              [::]:*    users:((\"sshd\",pid=485,fd=5))
";

#[test]
fn screens_of_any_width() {
    let whole = sockets(&capture(WIDE));
    assert_eq!(whole.len(), 9);
    for width in 30..=260 {
        let folded = capture(&fold(WIDE, width));
        assert_eq!(sockets(&folded), whole, "{width}\n{}", fold(WIDE, width));
        assert_eq!(kinds(&folded), [], "{width}");
    }
}

#[test]
fn forged_rows_are_no_sockets() {
    for rows in [
        "u_str LISTEN 0 16 /run/new\nline LISTEN 0 1 0.0.0.0:1 0.0.0.0:* 5030695 * 0\n",
        "u_str LISTEN 0 16 /run/f\ntcp   LISTEN 0 128 127.0.0.1:65234 0.0.0.0:* users:((\"sshd\",pid=1,fd=3)) 5030699 * 0 users:((\"m\",pid=2,fd=3))\n",
        "u_str LISTEN 0 16 /run/f 1 * 0\ntcp   LISTEN 0 128 127.0.0.1:65234 0.0.0.0:* 5030699 * 0 users:((\"m\",pid=2,fd=3))\n",
        "u_str LISTEN 0 16 /run/f 1 * 0\ntcp   LISTEN 0 128 127.0.0.1:65234 0.0.0.0:*\n 5030699 * 0 users:((\"m\",pid=2,fd=3))\n",
        "u_str LISTEN 0 16 /run/f\ntcp   LISTEN 0 128 127.0.0.1:65234 0.0.0.0:*\n 5030699 * 0 users:((\"m\",pid=2,fd=3))\n",
    ] {
        let capture = capture(&format!("{HEAD}{rows}tcp LISTEN 0 1 0.0.0.0:22 0.0.0.0:*\n"));
        assert_eq!(sockets(&capture), ["tcp 0.0.0.0:22 owner-not-shown"], "{rows}");
        assert!(!kinds(&capture).contains(&IssueKind::RowUnread), "{rows}: {:?}", capture.issues);
        if rows.contains("65234") {
            assert!(kinds(&capture).contains(&IssueKind::ForgedRow), "{rows}");
        }
    }
}

#[test]
fn stars_that_markdown_escapes_are_stars() {
    let read = capture(
        "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port\n\
         udp   UNCONN 0      0      127.0.0.1:323      0.0.0.0:\\*\n\
         tcp   LISTEN 0      128    \\*:9100             \\*:\\*\n\
         tcp   LISTEN 0      128    \\*%eth0:9101        \\*:\\*\n",
    );
    let shown: Vec<String> =
        read.snapshot.sockets().iter().map(|socket| show(&read.snapshot, socket)).collect();
    assert_eq!(
        shown,
        [
            "udp 127.0.0.1:323 owner-not-shown",
            "tcp *:9100 dual owner-not-shown",
            "tcp *%eth0:9101 dual owner-not-shown"
        ]
    );
    assert_eq!(read.issues, []);
}

#[test]
fn logs_of_terminals() {
    let head = "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port\r\n";
    let row = "tcp   LISTEN 0      128            0.0.0.0:22         0.0.0.0:*\r\n";
    for (typed, before, tcp, udp) in [
        ("\u{1b}[?2004hroot@h:~# ss -tuln\r\n", "\u{1b}[?2004l\r", "proven", "proven"),
        ("\u{1b}[?2004hroot@h:~# ss -tuln\u{1b}[?2004l\r\n", "", "proven", "proven"),
        (
            "\u{1b}]0;root@h: ~\u{7}root@h:~# ss -tuln\r\n",
            "\u{1b}]3008;start=12ab;type=command\u{1b}\\",
            "proven",
            "proven",
        ),
        ("\u{1b}]133;A\u{7}root@h:~# ss -tuln\r\n", "\u{1b}]133;C\u{7}", "proven", "proven"),
        // Corrected while it was typed: `-tul` became `-tln`.
        ("root@h:~# ss -tul\u{8}\u{8}\u{1b}[Kln\r\n", "", "proven", "transport-not-shown"),
        ("root@h:~# ss -tlnu\u{8}\u{1b}[K\r\n", "", "proven", "transport-not-shown"),
        ("root@h:~# ss -u\u{8}\u{1b}[Ktln\r\n", "", "proven", "transport-not-shown"),
        ("root@h:~# ss -tlu\u{1b}[D\u{1b}[1Pn\r\n", "", "filtered", "filtered"),
    ] {
        let read = capture(&format!("{typed}{before}{head}{row}"));
        let of = |transport| match read.snapshot.coverage.get(transport, Family::Ipv4) {
            Cell::Proven => "proven",
            Cell::Presumed => "presumed",
            Cell::Absent(why) => why.id(),
        };
        assert_eq!((of(Transport::Tcp), of(Transport::Udp)), (tcp, udp), "{typed:?}");
        assert_eq!(read.issues, [], "{typed:?}");
    }
}

#[test]
fn an_unconnected_socket_has_no_peer_whatever_stands_there() {
    for (head, row) in [
        (HEAD, "udp UNCONN 0 0 10.0.0.1:68 x.x.x.x:xx\n"),
        (HEAD, "udp UNCONN 0 0 10.0.0.1:68 10.0.0.1:68\n"),
        (
            "State Recv-Q Send-Q Local Address:Port Peer Address:Port\n",
            "UNCONN 0 0 10.0.0.1:68 10.0.0.1:68\n",
        ),
    ] {
        let read = capture_with(&format!("{head}{row}"), Some("ss -uln"));
        assert_eq!(read.snapshot.sockets().len(), 1, "{row}");
    }
    // A third endpoint is none of ss: which two are those of the socket is not known.
    let text = format!("{HEAD}udp UNCONN 0 0 10.0.0.1:68 10.0.0.1:68 0.0.0.0:*\n");
    let read = capture_with(&text, Some("ss -tuln"));
    assert!(read.issues.iter().any(|issue| issue.kind == IssueKind::RowUnread));
    let cell = read.snapshot.coverage.get(Transport::Udp, Family::Ipv4);
    assert!(matches!(cell, Cell::Absent(_)), "{cell:?}");
}

#[test]
fn what_cannot_be_read_spoils() {
    use IssueKind::{CutOff, Ignored, RowUnread};
    let row = "tcp LISTEN 0 1 0.0.0.0:22 0.0.0.0:*\ntcp LISTEN 0 1 [::]:22 [::]:*\n";
    for (text, issues, tcp) in [
        (format!("{HEAD}{row}"), vec![], "presumed"),
        (
            format!("{HEAD}{row}tcp LISTEN 0 128 10.0.0.278:22 0.0.0.0:*\n"),
            vec![RowUnread],
            "row-unread",
        ),
        (
            format!("{HEAD}{row}tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"x\",pid=1\n"),
            vec![RowUnread, IssueKind::AmbiguousOwner],
            "row-unread",
        ),
        (format!("{HEAD}{row}tcp LISTEN 0 128\n"), vec![RowUnread], "row-unread"),
        (format!("{HEAD}what is this\n{row}"), vec![RowUnread], "row-unread"),
        (format!("{HEAD}{row}what is this\n"), vec![IssueKind::ToolError], "tool-error"),
        (format!("{HEAD}{row}\nwhat is this\n"), vec![Ignored], "presumed"),
        (format!("{HEAD}{row}-- what is this\n"), vec![Ignored], "presumed"),
        (format!("what is this\nand this\n{HEAD}{row}"), vec![Ignored], "presumed"),
        (format!("0.0.0.0:80 0.0.0.0:*\n{HEAD}{row}"), vec![RowUnread], "row-unread"),
        (format!("{HEAD}{row}tcp LISTEN 0 100 127"), vec![CutOff], "cut-off"),
        (
            format!("{HEAD}{row}tcp LISTEN 0 100 127.0.0.1:80 0.0.0.0:* users:((\"ng"),
            vec![CutOff, IssueKind::AmbiguousOwner],
            "cut-off",
        ),
        (format!("{HEAD}{row}tcp LISTEN 0 100 127.0.0.1:80 0.0.0.0:*"), vec![], "cut-off"),
        (format!("{HEAD}{row}tcp LISTEN 0 100 127.0.0.1:80 0.0.0.0:* ino:12"), vec![], "cut-off"),
        (format!("{HEAD}{row}$ "), vec![], "presumed"),
        (
            format!("{HEAD}{row}RTNETLINK answers: Invalid argument\n"),
            vec![IssueKind::ToolError],
            "tool-error",
        ),
        (
            format!("{HEAD}{row}$ cat notes\n10.0.0.1:80 is the old one\n"),
            vec![Ignored],
            "presumed",
        ),
    ] {
        let capture = capture(&text);
        assert_eq!(kinds(&capture), issues, "{text}");
        let cell = capture.snapshot.coverage.get(Transport::Tcp, Family::Ipv4);
        let name = match cell {
            Cell::Absent(reason) => reason.id(),
            other => other.name(),
        };
        assert_eq!(name, tcp, "{text}");
    }
    let cut = capture(&format!("{HEAD}tcp LISTEN 0 1 0.0.0.0:1 0.0.0.0:* uid:10"));
    assert_eq!(cut.snapshot.details(&cut.snapshot.sockets()[0]).uid, None);
}

#[test]
fn coverage_by_command() {
    let all = "tcp4:proven tcp6:proven udp4:proven udp6:proven";
    let none = "tcp4:transport-not-shown tcp6:transport-not-shown udp4:transport-not-shown udp6:transport-not-shown";
    let everything = format!(
        "{all} sctp4:proven sctp6:proven dccp4:proven dccp6:proven raw4:proven raw6:proven"
    );
    let absent = |reason: &str| format!("tcp4:{reason} tcp6:{reason} udp4:{reason} udp6:{reason}");
    let v4 = "tcp4:proven tcp6:family-not-shown udp4:proven udp6:family-not-shown".to_owned();
    let v6 = "tcp4:family-not-shown tcp6:proven udp4:family-not-shown udp6:proven".to_owned();
    let udp =
        "tcp4:transport-not-shown tcp6:transport-not-shown udp4:proven udp6:proven".to_owned();
    for (command, expected) in [
        ("ss -lntu", all.to_owned()),
        ("sudo ss -tulpen", all.to_owned()),
        ("ss --listening --tcp --udp --num", all.to_owned()),
        ("ss -A tcp,udp -l", all.to_owned()),
        ("ss -tua", all.to_owned()),
        ("ss -tu state all", all.to_owned()),
        ("ss -tu exclude established", all.to_owned()),
        ("ss -l", everything.clone()),
        ("ss -an", everything.clone()),
        ("ss -A inet -l", everything.clone()),
        ("ss -lntu4", v4.clone()),
        ("ss -lntu -f inet6", v6.clone()),
        // The last family counts; `-A` takes back the letters before its first use.
        ("ss -lntu46", v6.clone()),
        ("ss -64 -lntu", v4.clone()),
        ("ss -4 -6 -lntu", v6.clone()),
        ("ss -f inet -f inet6 -lntu", v6.clone()),
        ("ss -f inet6 -lntu -4", v4.clone()),
        ("ss -4 -lntu --family unix", absent("family-not-shown")),
        ("ss -lntu -0", absent("family-not-shown")),
        ("ss -lntu -A tcp,udp", all.to_owned()),
        ("ss -tM -A udp -u -ln", udp.clone()),
        ("ss -lntu -A udp", udp.clone()),
        ("ss -A udp -ltn", all.to_owned()),
        ("ss -A udp -ln -A tcp", all.to_owned()),
        ("ss -tun", absent("listeners-not-shown")),
        ("ss -tun state established", absent("listeners-not-shown")),
        ("ss -lntu | grep 22", absent("filtered")),
        ("watch ss -lntu", absent("filtered")),
        ("ss -lntu sport = :22", absent("filtered")),
        ("ss -lntu '( sport = :22 )'", absent("filtered")),
        ("ss -lntu src 10.0.0.0/8", absent("filtered")),
        ("ss -lntuK", absent("filtered")),
        ("ss -l -A 'tcp,!tcp'", absent("filtered")),
        ("ss -lntu | sort", all.to_owned()),
        ("ip -all netns exec ss -lntu", absent("host-namespace")),
        ("ip netns exec red ss -lntu", absent("host-namespace")),
        ("docker compose exec -T web ss -lntu", absent("host-namespace")),
        ("ssh db1 ss -lntu", all.to_owned()),
        ("ss -lx", none.to_owned()),
        ("ss -lnM", none.to_owned()),
    ] {
        assert_eq!(coverage(&capture_with(HEAD, Some(command))), expected, "{command}");
    }
    for (command, header, expected) in [
        (
            "ss -lt",
            true,
            "tcp4:proven tcp6:proven udp4:transport-not-shown udp6:transport-not-shown",
        ),
        (
            "ss -lt",
            false,
            "tcp4:header-not-shown tcp6:header-not-shown udp4:transport-not-shown udp6:transport-not-shown",
        ),
        (
            "ss -Hlt",
            false,
            "tcp4:proven tcp6:proven udp4:transport-not-shown udp6:transport-not-shown",
        ),
        // The rows are not those of the command.
        (
            "ss -lu",
            true,
            "tcp4:presumed tcp6:family-not-shown udp4:transport-not-shown udp6:transport-not-shown",
        ),
    ] {
        let header =
            if header { "State Recv-Q Send-Q Local Address:Port Peer Address:Port\n" } else { "" };
        let text = format!("$ {command}\n{header}LISTEN 0 1 0.0.0.0:1 0.0.0.0:*\n");
        assert_eq!(coverage(&capture(&text)), expected, "{command}");
    }
    // `ss -l` of RHEL 6 is TCP alone.
    let old = "Recv-Q Send-Q Local Address:Port Peer Address:Port\n0 128 *:22 *:*\n";
    assert_eq!(
        coverage(&capture_with(old, Some("ss -l"))),
        "tcp4:proven tcp6:proven udp4:transport-not-shown udp6:transport-not-shown"
    );
}

#[test]
fn coverage_by_rows() {
    let v4 = "tcp LISTEN 0 1 0.0.0.0:1 0.0.0.0:*\n";
    let none = "tcp4:transport-not-shown tcp6:transport-not-shown udp4:transport-not-shown udp6:transport-not-shown";
    for (text, expected) in [
        (
            format!("{HEAD}{v4}"),
            "tcp4:presumed tcp6:family-not-shown udp4:transport-not-shown udp6:transport-not-shown",
        ),
        (
            format!("{HEAD}{v4}udp UNCONN 0 0 *:5 *:*\n"),
            "tcp4:presumed tcp6:presumed udp4:presumed udp6:presumed",
        ),
        (
            v4.to_owned(),
            "tcp4:header-not-shown tcp6:header-not-shown udp4:header-not-shown udp6:header-not-shown",
        ),
        (HEAD.to_owned(), none),
        (
            format!("{HEAD}tcp ESTAB 0 0 10.0.0.1:1 10.0.0.2:2\n"),
            "tcp4:listeners-not-shown tcp6:listeners-not-shown udp4:transport-not-shown udp6:transport-not-shown",
        ),
        (format!("{HEAD}mptcp LISTEN 0 1 0.0.0.0:1 0.0.0.0:*\n"), none),
        (
            format!("{HEAD}nl UNCONN 0 0 rtnl:kernel *\nu_str LISTEN 0 1 /run/a 1 * 0\n{v4}"),
            "tcp4:presumed tcp6:family-not-shown udp4:transport-not-shown udp6:transport-not-shown",
        ),
        (
            format!("{HEAD}u_str LISTEN 0 1 /run/a 1 * 0\n{v4}"),
            "tcp4:presumed tcp6:family-not-shown udp4:transport-not-shown udp6:transport-not-shown",
        ),
    ] {
        assert_eq!(coverage(&capture(&text)), expected, "{text}");
    }
}

#[test]
fn namespaces_and_several_tables() {
    let text = format!(
        "$ ip -all netns exec ss -lntu\n\nnetns: red\n{HEAD}tcp LISTEN 0 1 *:1 *:*\n\nnetns: blue\n{HEAD}tcp LISTEN 0 1 127.0.0.1:1 0.0.0.0:*\n"
    );
    let namespaces = capture(&text);
    assert_eq!(
        sockets(&namespaces),
        ["tcp *:1 dual owner-not-shown", "tcp 127.0.0.1:1 owner-not-shown"]
    );
    let netns = |index: usize| {
        let snapshot = &namespaces.snapshot;
        snapshot
            .details(&snapshot.sockets()[index])
            .netns
            .map(|text| snapshot.text(text).to_owned())
    };
    assert_eq!((netns(0).as_deref(), netns(1).as_deref()), (Some("red"), Some("blue")));
    let nothing = "tcp4:presumed tcp6:presumed udp4:presumed udp6:presumed"
        .replace("presumed", "host-namespace");
    assert_eq!(coverage(&namespaces), nothing);

    let head = "State Recv-Q Send-Q Local Address:Port Peer Address:Port\n";
    let text = format!(
        "$ ss -ltn\n{head}LISTEN 0 1 127.0.0.1:1 0.0.0.0:*\n\n$ ss -lun\n{head}UNCONN 0 0 127.0.0.1:2 0.0.0.0:*\n"
    );
    let two = capture(&text);
    assert_eq!(
        sockets(&two),
        ["tcp 127.0.0.1:1 owner-not-shown", "udp 127.0.0.1:2 owner-not-shown"]
    );
    assert_eq!(coverage(&two), "tcp4:proven tcp6:proven udp4:proven udp6:proven");
}

#[test]
fn netlink_alone_is_no_list_of_listeners() {
    let capture =
        capture("Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n0 0 rtnl:kernel *\n");
    assert_eq!(kinds(&capture), [IssueKind::NotSockets]);
}

/// Reads a text with or without the fast reader.
pub(super) fn read_by(text: &str, fast: bool) -> Vec<Capture> {
    let source = Arc::new(SourceFile::new("test", text));
    let mut transcript = Transcript::new(Arc::clone(&source), None);
    let mut captures = Vec::new();
    while !transcript.at_end() {
        let before = transcript.position();
        Reader::new(&mut transcript, source.text(), fast).run();
        if transcript.position() == before && !transcript.host_changed() {
            transcript.ignore_line();
        }
        if transcript.host_changed() {
            captures.extend(transcript.take());
        }
    }
    captures.extend(transcript.take());
    captures
}

fn everything(capture: &Capture) -> String {
    let snapshot = &capture.snapshot;
    let details: Vec<_> =
        snapshot.sockets().iter().map(|socket| snapshot.details(socket)).collect();
    format!(
        "{:?} {:?} {details:?} {:?} {:?}",
        snapshot.sockets(),
        sockets(capture),
        capture.issues,
        snapshot.coverage
    )
}

/// Texts that the mutations below start from.
fn seeds() -> Vec<String> {
    let weird = format!(
        "$ ss -tulpn\n{HEAD}tcp LISTEN 0 128 0.0.0.0:901 0.0.0.0:* users:((\"\ntcp LISTEN 0\",pid=7597,fd=6))\n\
         tcp LISTEN 0 128 127.0.0.1:1 0.0.0.0:* users:((\"a\",pid=1,fd=3\",pid=35,fd=1))\n\
         u_str LISTEN 0 16 /run/f\ntcp LISTEN 0 1 1.1.1.1:1 0.0.0.0:* 50 * 0\nudp UNCONN 0 0 [fe80::1]%eth0:546 [::]:*\n\nnetns: x\n{HEAD}\
         tcp LISTEN 0 1 *:80 *:*\ntcp UNCONN 0 0 *:81 *:*\n\t cubic\r\nicmp6 UNCONN 0 0 *:58 *:*\n"
    );
    let old = "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port\n\
               tcp UNCONN 0 0 *:68 *:* users:((\"d\",1,6))\ntcp LISTEN 0 1 :::22 :::*\nnl UNCONN 0 0 0:0 *\n\
               Recv-Q Send-Q Local Address:Port Peer Address:Port\n0 0 *:http *:*\n0 5 10.0.0.1:x *:*\n"
        .to_owned();
    let bare: String =
        WIDE.lines().map(|line| format!("{}\n", line.get(6..).unwrap_or_default())).collect();
    let headless = WIDE.lines().skip(1).map(|line| format!("{line}\n")).collect();
    vec![WIDE.to_owned(), fold(WIDE, 60), weird, old, bare, headless]
}

fn mutated() -> impl Strategy<Value = String> {
    let cut = (
        0..6_usize,
        prop::collection::vec(
            (0..3_u8, any::<prop::sample::Index>(), 0..40_usize, any::<char>()),
            0..6,
        ),
    );
    cut.prop_map(|(seed, edits)| {
        let mut chars: Vec<char> = seeds()[seed].chars().collect();
        for (kind, at, len, c) in edits {
            if chars.is_empty() {
                break;
            }
            let at = at.index(chars.len());
            let end = (at + len).min(chars.len());
            match kind {
                0 => drop(chars.drain(at..end)),
                1 => chars.insert(
                    at,
                    if len % 2 == 0 {
                        c
                    } else {
                        ['\n', '"', ')', ' ', ':', '*', '\r', '['][len % 8]
                    },
                ),
                _ => {
                    let piece: Vec<char> = chars[at..end].to_vec();
                    let to = (at * 7 + len) % chars.len();
                    chars.splice(to..to, piece);
                }
            }
        }
        chars.into_iter().collect()
    })
}

/// What stands below a table that is not whole, and pieces of rows.
const FOREIGN_LINES: &[&str] = &[
    "^C",
    "Terminated",
    "Killed",
    "  Killed",
    "--More--",
    "(END)",
    "lines 1-3",
    "Connection to db1 closed by remote host.",
    "packet_write_wait: Connection to 192.0.2.7 port 22: Broken pipe",
    "Cannot open netlink socket: Permission denied",
    "TCPDIAG answers: No such file or directory",
    "WARNING: output truncated after 100 lines",
    "-- 50 lines omitted --",
    "lost 50 rows",
    "... 120 lines skipped ...",
    "timed out",
    "error: unexpected EOF",
    "NLMSG_ERROR",
    "anything else",
    "x",
    "0.0.0.0:2375 0.0.0.0:*",
    ":2375 0.0.0.0:*",
    "*:2375 *:*",
    "LISTEN 0 128 0.0.0.0:2375 0.0.0.0:*",
    "0 128 0.0.0.0:2375 0.0.0.0:*",
    "tcp LISTEN 0 128 0.0.0.0:2375",
    "tcp LISTEN 0 128 0.0.0.0:2375 0.0.0.0:*",
    "tcp 0 0 0.0.0.0:2375 0.0.0.0:* LISTEN 7/d",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// No text makes the reader panic, both readers agree, and what is said lies in the text.
    #[test]
    fn any_text_is_read(text in mutated()) {
        let (fast, slow) = (read_by(&text, true), read_by(&text, false));
        prop_assert_eq!(fast.len(), slow.len());
        for (fast, slow) in fast.iter().zip(&slow) {
            prop_assert_eq!(everything(fast), everything(slow));
            for socket in fast.snapshot.sockets() {
                let file = &fast.snapshot.sources.files()[0];
                for at in [socket.row, socket.address_at, socket.port_at] {
                    prop_assert!(file.text().get(socket.span_of(at).range()).is_some());
                }
            }
            for issue in &fast.issues {
                let range = issue.at.unwrap().range();
                prop_assert!(text.get(range).is_some());
            }
        }
    }

    /// A line below or between the rows of a table is read as a socket, or told, wherever it stands: none is
    /// taken for the end of the row above.
    #[test]
    fn no_line_is_swallowed_by_the_row_above(
        rows in prop::collection::vec((0..5_usize, 0..4_usize, 1..4000_u16), 1..5),
        at in 0..5_usize,
        line in prop::sample::select(FOREIGN_LINES),
    ) {
        let rows: Vec<String> = rows.into_iter().map(|(host, extra, port)| {
            let (host, peer) = [("0.0.0.0", "0.0.0.0"), ("[::]", "[::]"), ("*", "*"),
                ("127.0.0.53%lo", "0.0.0.0"), ("192.168.100.200", "0.0.0.0")][host];
            let extra = ["", " users:((\"sshd\",pid=703,fd=3))",
                " users:((\"a b\",pid=7,fd=3),(\"c\",pid=8,fd=9))",
                " users:((\"x\",pid=7,fd=3)) ino:7 sk:8 cgroup:/a.slice <->"][extra];
            format!("tcp LISTEN 0 128 {host}:{port} {peer}:*{extra}\n")
        }).collect();
        let at = at.min(rows.len() - 1);
        let text = |line: &str| {
            let (above, below) = rows.split_at(at + 1);
            format!("$ ss -lntupe\n{HEAD}{}{line}{}", above.concat(), below.concat())
        };
        let (whole, with) = (capture(&text("")), capture(&text(&format!("{line}\n"))));
        let sockets = |capture: &Capture| capture.snapshot.sockets().len();
        let told = |capture: &Capture| {
            let issue = capture.issues.iter().any(|issue| issue.kind.severity(false) > Severity::Note);
            issue && !coverage(capture).contains("proven")
        };
        prop_assert_eq!(sockets(&whole), rows.len());
        prop_assert!(!told(&whole));
        prop_assert!(sockets(&with) > rows.len() || told(&with), "{}", text(line));
    }

    /// Taking lines away makes facts unknown; it never turns them into their opposite.
    #[test]
    fn less_text_tells_less(seed in 0..2_usize, keep in prop::collection::vec(any::<bool>(), 24)) {
        let new = "Netid State Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n\
            udp UNCONN 0 0 127.0.0.1:1 0.0.0.0:*\ntcp LISTEN 0 1 *:2 *:*\ntcp LISTEN 0 1 [::]:3 [::]:*\n\
            tcp LISTEN 0 1 0.0.0.0%eth0:4 0.0.0.0:*\ntcp LISTEN 0 1 [::1]:5 [::]:*\ntcp LISTEN 0 1 [::ffff:1.2.3.4]:6 *:*\n\
            tcp LISTEN 0 1 *:7 *:* v6only:1\ntcp LISTEN 0 1 0.0.0.0:8 0.0.0.0:* users:((\"a\",pid=1,fd=2))\ntcp UNCONN 0 0 *:9 *:*\n";
        let old = "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port\n\
            tcp UNCONN 0 0 *:1 *:*\ntcp LISTEN 0 1 *:2 *:*\ntcp LISTEN 0 1 :::3 :::*\ntcp LISTEN 0 1 127.0.0.1:4 *:*\n\
            tcp LISTEN 0 1 ::1:5 :::*\ntcp LISTEN 0 1 *:6 *:* users:((\"a\",1,2))\n";
        let text = [new, old][seed];
        let kept: String = text.split_inclusive('\n').zip(&keep).filter(|(_, keep)| **keep).map(|(line, _)| line).collect();
        let facts = |text: &str| -> BTreeMap<String, Socket> {
            let captures = read_by(text, true);
            captures.iter().flat_map(|capture| {
                capture.snapshot.sockets().iter().map(|socket| (capture.snapshot.port_text(socket), *socket))
            }).collect()
        };
        let whole = facts(text);
        for (port, less) in facts(&kept) {
            let more = whole.get(&port);
            prop_assert!(more.is_some(), "{} appears in {}", port, kept);
            let more = more.unwrap();
            prop_assert!(less.address == more.address || less.address == Address::Star, "{}: {}", port, kept);
            prop_assert!(less.v6only == more.v6only || less.v6only.is_none(), "{}: {}", port, kept);
            prop_assert!(less.device == more.device || matches!(less.device, Device::Missing(_))
                || matches!(less.device, Device::Named(_)), "{}: {}", port, kept);
            prop_assert_eq!(less.transport, more.transport);
        }
    }
}
