//! lsof of many kinds, with what each shows.

use std::sync::Arc;

use crate::capture::{self, Capture, IssueKind, Options};
use crate::snapshot::{Cell, Family, NameKind, Transport};
use crate::source::SourceFile;
use crate::truth::Missing;

const HEADER: &str = "COMMAND   PID     USER   FD   TYPE DEVICE SIZE/OFF NODE NAME\n";

fn read_all(text: &str) -> Vec<Capture> {
    capture::read(Arc::new(SourceFile::new("capture.txt", text)), &Options::default())
}

#[track_caller]
fn read(text: &str) -> Capture {
    let mut captures = read_all(text);
    assert_eq!(captures.len(), 1, "{captures:?}");
    captures.remove(0)
}

/// `tcp 0.0.0.0:22 sshd/605/7,sshd/606/7`, one for each socket.
fn sockets(capture: &Capture) -> Vec<String> {
    let snapshot = &capture.snapshot;
    let row = |socket| {
        let owners = snapshot.owners(socket).iter().map(|owner| {
            let name = owner.name.map_or("", |name| snapshot.text(name));
            let number = |number: Option<u32>| number.map_or_else(|| "?".into(), |n| n.to_string());
            format!("{name}/{}/{}", number(owner.pid), number(owner.fd))
        });
        let owners: Vec<String> = owners.collect();
        format!("{} {} {}", socket.transport.name(), snapshot.endpoint(socket), owners.join(","))
    };
    snapshot.sockets().iter().map(row).collect()
}

fn kinds(capture: &Capture) -> Vec<IssueKind> {
    capture.issues.iter().map(|issue| issue.kind).collect()
}

#[test]
fn processes_of_one_socket_are_its_owners() {
    let text = format!(
        "{HEADER}\
         nginx   100     root    5u  IPv4  5026      0t0  TCP *:80 (LISTEN)\n\
         nginx   100     root    6u  IPv6  5027      0t0  TCP *:80 (LISTEN)\n\
         nginx   101 www-data    5u  IPv4  5026      0t0  TCP *:80 (LISTEN)\n\
         nginx   102 www-data    5u  IPv4  5028      0t0  TCP *:80 (LISTEN)\n\
         nginx   101 www-data    9u  IPv4  5026      0t0  TCP *:80 (LISTEN)\n\
         nginx   101 www-data    9u  IPv4  5026      0t0  TCP *:80 (LISTEN)\n\
         nginx   101 www-data   10u  IPv4  5030      0t0  TCP 10.0.0.1:80->10.0.0.2:999 (ESTABLISHED)\n\
         nginx   101 www-data   11u  IPv4  5031      0t0  TCP *:81 (CLOSED)\n\
         avahi   200    avahi   11u  IPv4  5032      0t0  UDP *:5353\n\
         avahi   200    avahi   12u  IPv4  5033      0t0  UDP *:*\n"
    );
    let capture = read(&text);
    assert_eq!(
        sockets(&capture),
        [
            "tcp 0.0.0.0:80 nginx/100/5,nginx/101/5,nginx/101/9",
            "tcp [::]:80 nginx/100/6",
            "tcp 0.0.0.0:80 nginx/102/5",
            "udp 0.0.0.0:5353 avahi/200/11",
        ]
    );
    assert_eq!(kinds(&capture), []);
    let snapshot = &capture.snapshot;
    let socket = &snapshot.sockets()[0];
    // Only root sees the descriptors of root and of others.
    assert_eq!(socket.owners_missing, None);
    assert_eq!(snapshot.details(socket).inode, Some(5026));
    let users: Vec<_> = snapshot
        .owners(socket)
        .iter()
        .map(|owner| snapshot.text(snapshot.owner_details(owner).user.unwrap()))
        .collect();
    assert_eq!(users, ["root", "www-data", "www-data"]);
}

#[test]
fn absence_is_never_covered() {
    for text in [
        format!(
            "root@h:~# lsof -nP -i\n{HEADER}sshd 605 root 7u IPv4 5027204 0t0 TCP *:22 (LISTEN)\n"
        ),
        format!("# lsof -nP -i\n{HEADER}"),
        "p605\ncsshd\nf7\ntIPv4\nPTCP\nn*:22\nTST=LISTEN\n".to_owned(),
    ] {
        let capture = read(&text);
        for (_, _, cell) in capture.snapshot.coverage.iter() {
            assert_eq!(cell, Cell::Absent(Missing::PartialTool), "{text}");
        }
    }
}

#[test]
fn others_may_hold_a_socket_that_one_user_sees() {
    let row = "sshd 605 alice 7u IPv4 52 0t0 TCP *:22 (LISTEN)\n";
    let missing = |text: String| read(&text).snapshot.sockets()[0].owners_missing;
    let others = Some(Missing::OthersNotShown);
    assert_eq!(missing(format!("{HEADER}{row}")), others);
    assert_eq!(missing(format!("$ sudo lsof -nPi\n{HEADER}{row}")), None);
    assert_eq!(missing(format!("$ sudo lsof -nPi -p 605\n{HEADER}{row}")), others);
    assert_eq!(missing(format!("$ sudo lsof -nPi | grep sshd\n{row}")), others);
    assert_eq!(missing(row.replace("alice", "root")), others, "other rows may be filtered out");
}

#[test]
fn names_are_put_together_and_cut_ones_told() {
    let name = |command: &str| {
        let text = format!("{HEADER}{command} 605 root 7u IPv4 52 0t0 TCP *:22 (LISTEN)\n");
        let capture = read(&text);
        let owner = capture.snapshot.owners(&capture.snapshot.sockets()[0])[0];
        (owner.name.map(|name| capture.snapshot.text(name).to_owned()), owner.kind)
    };
    let whole = |name: &str| (Some(name.to_owned()), NameKind::Comm);
    let cut = |name: &str| (Some(name.to_owned()), NameKind::CommCut);
    assert_eq!(name("sshd"), whole("sshd"));
    assert_eq!(name("x\\x20y"), whole("x y"));
    assert_eq!(name("a\\\\b"), whole("a\\b"));
    assert_eq!(name("a\\nb"), whole("a\nb"));
    assert_eq!(name("systemd-r"), cut("systemd-r"));
    // A cut escape, and one that may be none.
    assert_eq!(name("x\\x2"), cut("x\\x2"));
    assert_eq!(name("^[[31m"), cut("^[[31m"));
    assert_eq!(name("IPv4"), whole("IPv4"));
    assert_eq!(name("1234"), whole("1234"));
    assert_eq!(name("  "), (None, NameKind::Comm));
}

#[test]
fn names_of_the_portmapper_stand_behind_ports() {
    let text = format!(
        "{HEADER}\
         rpcbind 100 root 4u IPv4 30 0t0 TCP *:111[portmapper] (LISTEN)\n\
         rpcbind 100 root 5u IPv6 31 0t0 UDP [::1]:nfs[100003]\n\
         rpcbind 100 root 6u IPv4 32 0t0 TCP 10.0.0.1:2049[nfs]->10.0.0.2:800 (ESTABLISHED)\n\
         strange 100 root 7u IPv4 33 0t0 TCP {{22}} (LISTEN)\n"
    );
    let capture = read(&text);
    assert_eq!(
        sockets(&capture),
        ["tcp 0.0.0.0:111 rpcbind/100/4", "udp [::1]:2049 rpcbind/100/5"]
    );
    assert_eq!(kinds(&capture), [IssueKind::RowUnread], "a listener is not passed over");
    let fields = "p100\ncrpcbind\nf4\ntIPv4\nPTCP\nn*:111[portmapper]\nTST=LISTEN\n";
    assert_eq!(sockets(&read(fields)), ["tcp 0.0.0.0:111 rpcbind/100/4"]);
}

#[test]
fn fields_without_a_type_are_no_sockets_unless_they_look_so() {
    let unread = read(
        "p605\nf3\nn/etc/hosts\nf4\nn*:22\nf5\nn[::1]:631\nf6\nn10.0.0.1:1->10.0.0.2:2\nf7\nn*:*\n",
    );
    assert_eq!(sockets(&unread), [] as [&str; 0]);
    assert_eq!(kinds(&unread), [IssueKind::RowUnread, IssueKind::RowUnread]);
    let files = read("p605\nf3\nn/etc/a:22\nf4\npipe\nf5\nnanon_inode:[eventfd]\n");
    assert_eq!(kinds(&files).len(), 1, "{:?}", files.issues);
    // Without `f` each set ends with its name.
    let sets = read("p605\nPTCP\nn*:22\nTST=LISTEN\nPUDP\nn*:53\n");
    assert_eq!(sockets(&sets), ["tcp *:22 /605/?", "udp *:53 /605/?"]);
    assert_eq!(kinds(&sets), []);
}

#[test]
fn all_columns_and_raw_protocols() {
    let text = "\
COMMAND PID ZONE TID TASKCMD SECURITY-CONTEXT PPID PGID USER FD TYPE FILE-ADDR FCT FILE-FLAG NODE-ID DEVICE SIZE/OFF NLINK NODE NAME
sshd 605 global 605 sshd system_u:system_r:sshd_t:s0-s0:c0.c1023 1 605 root 3u IPv4 0xffff8800 1 0x802 0xffff99 27204 0t0 1 TCP *:22 (LISTEN)
ospfd 606 global 606 ospfd system_u:system_r:x_t:s0 1 606 root 3u IPv4 0xffff8800 1 0x802 0xffff99 27205 0t0 1 OSPFIGP *:*
carp 607 global 607 carp system_u:system_r:x_t:s0 1 606 root 3u IPv4 0xffff8800 1 0x802 0xffff99 27206 0t0 1 112? *:*
";
    let capture = read(text);
    assert_eq!(kinds(&capture), []);
    assert_eq!(
        sockets(&capture),
        ["tcp 0.0.0.0:22 sshd/605/3", "raw 0.0.0.0:89 ospfd/606/3", "raw 0.0.0.0:112 carp/607/3"]
    );
}

#[test]
fn addresses_of_every_kind() {
    let address = |kind: &str, name: &str| {
        let text = format!("{HEADER}a 1 root 7u {kind} 0xd77 0t0 UDP {name}\n");
        sockets(&read(&text)).join("|").replace("udp ", "").replace(" a/1/7", "")
    };
    assert_eq!(address("IPv4", "*:53"), "0.0.0.0:53");
    assert_eq!(address("IPv6", "*:53"), "[::]:53");
    assert_eq!(address("IPv6", "127.0.0.1:53"), "127.0.0.1:53");
    assert_eq!(address("IPv6", "[fe80:5::1]:53"), "[fe80::1]%#5:53");
    assert_eq!(address("IPv6", "[fe80::1]:53"), "[fe80::1]:53");
    assert_eq!(address("IPv6", "[fe80::1%en0]:53"), "[fe80::1]%en0:53");
    assert_eq!(address("IPv6", "[2001:db8:5::1]:53"), "[2001:db8:5::1]:53");
    assert_eq!(address("IPv4", "localhost:domain"), "localhost:53");
    assert_eq!(address("IPv4", "10.0.0.1:53->10.0.0.2:53"), "");
    assert_eq!(address("IPv4", "*:*"), "");
}

#[test]
fn columns_that_options_add() {
    let header = "COMMAND PID TID TASKCMD PGID PPID USER FD TYPE DEVICE SIZE/OFF NODE NAME\n";
    let rows = "dockerd 1 10 dockerd 5 6 root 7u IPv4 52 0t0 TCP *:22 (LISTEN)\n\
                dockerd 1 11 dockerd 5 6 root 7u IPv4 52 0t0 TCP *:22 (LISTEN)\n\
                dockerd 1 10 dockerd 5 6 root cwd DIR 8,2 4096 2 /\n\
                dockerd 1 10 dockerd 5 6 root 8u unix 0xffff98e4 0t0 27489 /run/x type=STREAM\n\
                dockerd 1 10 dockerd 5 6 root 9u sock 0,9 0t0 26217 protocol: AF_VSOCK\n\
                dockerd 1 10 dockerd 5 6 root 9u sock 0,9 0t0 26217 protocol: TCP\n\
                dockerd 1 10 dockerd 5 6 root 9u sock 0,9 0t0 26218 can't identify protocol\n";
    let capture = read(&format!("{header}{rows}"));
    assert_eq!(sockets(&capture), ["tcp 0.0.0.0:22 dockerd/1/7"]);
    assert_eq!(kinds(&capture), [IssueKind::Ignored]);
    assert!(capture.issues[0].message.contains("2 sockets"), "{:?}", capture.issues);
}

#[test]
fn warnings_errors_and_other_text() {
    let row = "sshd 605 root 7u IPv4 52 0t0 TCP *:22 (LISTEN)\n";
    let text = format!(
        "lsof: WARNING: can't stat() tracefs file system /sys/kernel/debug/tracing\n      \
         Output information may be incomplete.\n{HEADER}\
         lsof: WARNING: can't stat() fuse file system /run/user/1000/doc\n{row}"
    );
    let capture = read(&text);
    assert_eq!((sockets(&capture).len(), kinds(&capture)), (1, vec![]));
    assert_eq!(
        kinds(&read(&format!("{HEADER}lsof: status error on /x: gone\n{row}"))),
        [IssueKind::ToolError]
    );
    assert_eq!(kinds(&read(&format!("{HEADER}{row}what is this\n{row}"))), [IssueKind::RowUnread]);
    assert_eq!(kinds(&read(&format!("{HEADER}{row}sshd 605 root 8u IP"))), [IssueKind::CutOff]);
    assert_eq!(
        kinds(&read(&format!("{HEADER}sshd 605 root 7u IPv4 52 0t0 TCP *:22 (LIST"))),
        [IssueKind::CutOff]
    );
}

#[test]
fn without_states_every_bound_socket_counts() {
    let row = "sshd 605 root 7u IPv4 52 0t0 TCP *:22\n";
    assert_eq!(sockets(&read(&format!("{HEADER}{row}"))).len(), 1);
    // Where others have one, it is no listener.
    let other = "sshd 605 root 8u IPv4 53 0t0 TCP *:23 (LISTEN)\n";
    assert_eq!(sockets(&read(&format!("{HEADER}{row}{other}"))), ["tcp 0.0.0.0:23 sshd/605/8"]);
}

#[test]
fn rows_that_a_screen_broke() {
    let text = format!(
        "{HEADER}sshd 605 root 7u IPv4 52 0t0 TCP 127.0.0.1:22 (LIS\nTEN)\n\
         sshd 605 root 8u IPv4 53 0t0 TCP *:23\n(LISTEN)\n\
         sshd 605 root 9u IPv4 54 0t\n0 TCP *:24 (LISTEN)\n\
         sshd 605 root 10u IPv4 55 0t0 TCP *:2\n5 (LISTEN)\n"
    );
    let capture = read(&text);
    assert_eq!(
        sockets(&capture),
        ["tcp 127.0.0.1:22 sshd/605/7", "tcp 0.0.0.0:23 sshd/605/8", "tcp 0.0.0.0:24 sshd/605/9",]
    );
    assert_eq!(kinds(&capture), [IssueKind::RowUnread]);
}

#[test]
fn several_hosts_and_prefixes() {
    let text = format!(
        "root@a:~# lsof -nPi\n{HEADER}sshd 605 root 7u IPv4 52 0t0 TCP *:22 (LISTEN)\n\
         root@b:~# lsof -nPi\n{HEADER}sshd 605 root 7u IPv4 52 0t0 TCP *:23 (LISTEN)\n"
    );
    let names: Vec<_> = read_all(&text)
        .iter()
        .map(|capture| (capture.snapshot.host.name.clone().unwrap(), sockets(capture).join("|")))
        .collect();
    assert_eq!(
        names,
        [
            ("a".to_owned(), "tcp 0.0.0.0:22 sshd/605/7".to_owned()),
            ("b".to_owned(), "tcp 0.0.0.0:23 sshd/605/7".to_owned()),
        ]
    );
    let prefixed: String = format!("{HEADER}sshd 605 root 7u IPv4 52 0t0 TCP *:22 (LISTEN)\n")
        .lines()
        .map(|line| format!("node7: {line}\r\n"))
        .collect();
    let capture = read(&prefixed);
    assert_eq!(capture.snapshot.host.name.as_deref(), Some("node7"));
    assert_eq!(sockets(&capture), ["tcp 0.0.0.0:22 sshd/605/7"]);
}

#[test]
fn fields_of_every_kind() {
    for text in [
        "p605\ng605\nR1\ncsshd\nu0\nLroot\nf7\nau\nl \ntIPv6\nd52\no0t0\nPTCP\nn*:22\nTST=LISTEN\nTQR=0\n\
         f8\ntIPv6\nd53\nPTCP\nn[::1]:22->[::1]:99\nTST=ESTABLISHED\nf9\ntREG\nn*:99\n\
         p606\ncsshd\nf7\ntIPv6\nd52\nPTCP\nn*:22\nTST=LISTEN\n",
        "p605\0csshd\0\nf7\0tIPv6\0d52\0PTCP\0n*:22\0TST=LISTEN\0\np606\0csshd\0\nf7\0tIPv6\0d52\0PTCP\0n*:22\0TST=LISTEN\0\n",
    ] {
        let capture = read(text);
        assert_eq!(sockets(&capture), ["tcp [::]:22 sshd/605/7,sshd/606/7"], "{text:?}");
        assert_eq!(kinds(&capture), [], "{text:?}");
        assert_eq!(capture.snapshot.origin.format, "lsof-F");
    }
}

#[test]
fn names_in_fields_forge_nothing() {
    let capture = read(
        "p605\nc# ss -ltn\nf7\ntIPv4\nd1\nPTCP\nn*:22\nTST=LISTEN\np606\ncp1\nf7\ntIPv4\nd2\nPUDP\nn*:23\n",
    );
    assert_eq!(sockets(&capture), ["tcp 0.0.0.0:22 # ss -ltn/605/7", "udp 0.0.0.0:23 p1/606/7"]);
    assert_eq!(kinds(&capture), []);
    let broken = read("p605\ncsshd\nf7\ntIPv4\nd1\nPTCP\nn*:22\nTST=LISTEN\nwhat is this\n");
    assert_eq!(kinds(&broken), [IssueKind::RowUnread]);
    // Without the protocol, what it is of is not known.
    assert_eq!(kinds(&read("p605\nf7\ntIPv4\nn*:22\n")), [IssueKind::RowUnread]);
}

#[test]
fn raw_sockets_and_others() {
    let text = format!(
        "{HEADER}ping 1 root 3u IPv4 0xa 0t0 ICMP *:*\nx 2 root 3u IPv6 5 0t0 UDPLITE [::1]:65084 \n"
    );
    let capture = read(&text);
    assert_eq!(sockets(&capture), ["raw 0.0.0.0:1 ping/1/3", "udplite [::1]:65084 x/2/3"]);
    assert_eq!(
        capture.snapshot.coverage.get(Transport::Raw, Family::Ipv4),
        Cell::Absent(Missing::PartialTool)
    );
}
