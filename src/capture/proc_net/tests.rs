//! Tables of /proc/net as people capture them.

use std::sync::Arc;

use crate::capture::{self, Capture, IssueKind, Options};
use crate::snapshot::{Cell, Family, Transport};
use crate::source::SourceFile;
use crate::truth::Missing;

const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const TCP6: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const UDP: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n";

fn row4(local: &str, peer: &str, state: &str) -> String {
    format!(
        "   0: {local} {peer} {state} 00000000:00000000 00:00000000 00000000   999        0 5022173 1 \
         00000000abbf3075 100 0 0 10 0\n"
    )
}

fn read_as(name: &str, text: &str, command: Option<&str>) -> Vec<Capture> {
    let options = Options { command: command.map(str::to_owned), ..Options::default() };
    capture::read(Arc::new(SourceFile::new(name, text)), &options)
}

#[track_caller]
fn read(text: &str) -> Capture {
    let mut captures = read_as("capture.txt", text, None);
    assert_eq!(captures.len(), 1, "{captures:?}");
    captures.remove(0)
}

fn sockets(capture: &Capture) -> Vec<String> {
    let snapshot = &capture.snapshot;
    let row = |socket: &crate::snapshot::Socket| {
        let inferred = if socket.transport_inferred { "?" } else { "" };
        format!("{}{inferred} {}", socket.transport.name(), snapshot.endpoint(socket))
    };
    snapshot.sockets().iter().map(row).collect()
}

fn cell(capture: &Capture, transport: Transport, family: Family) -> Cell {
    capture.snapshot.coverage.get(transport, family)
}

fn kinds(capture: &Capture) -> Vec<IssueKind> {
    capture.issues.iter().map(|issue| issue.kind).collect()
}

const ANY: &str = "00000000:0000";

#[test]
fn a_table_of_tcp_shows_one_family() {
    let text = format!(
        "{TCP}{}{}{}",
        row4("0100007F:1538", ANY, "0A"),
        row4("00000000:0016", ANY, "0A"),
        row4("0100007F:1538", "0100007F:C5D0", "01")
    );
    let capture = read(&text);
    assert_eq!(sockets(&capture), ["tcp 127.0.0.1:5432", "tcp 0.0.0.0:22"]);
    assert_eq!(kinds(&capture), []);
    let details = capture.snapshot.details(&capture.snapshot.sockets()[0]);
    assert_eq!((details.uid, details.inode), (Some(999), Some(5_022_173)));
    assert_eq!(cell(&capture, Transport::Tcp, Family::Ipv4), Cell::Presumed);
    assert_eq!(cell(&capture, Transport::Tcp, Family::Ipv6), Cell::Absent(Missing::FamilyNotShown));
    assert_eq!(
        cell(&capture, Transport::Udp, Family::Ipv4),
        Cell::Absent(Missing::TransportNotShown)
    );
}

#[test]
fn the_name_of_the_file_is_the_transport() {
    let row = row4("00000000:0035", ANY, "07");
    let body = format!("{UDP}{row}");
    for (text, expected) in [
        (body.clone(), "udp? 0.0.0.0:53"),
        (format!("==> /proc/net/udplite <==\n{body}"), "udplite 0.0.0.0:53"),
        (format!("::: udp :::\n{body}"), "udp 0.0.0.0:53"),
        (format!("::::::::::::::\n/proc/net/raw\n::::::::::::::\n{body}"), "raw 0.0.0.0:53"),
        (format!("$ cat /proc/net/raw\n{body}"), "raw 0.0.0.0:53"),
        (format!("$ cat /proc/net/{{tcp,udplite}}\n{TCP}{body}"), "udplite 0.0.0.0:53"),
        (
            body.lines().map(|line| format!("/proc/net/udplite:{line}\n")).collect(),
            "udplite 0.0.0.0:53",
        ),
    ] {
        assert_eq!(sockets(&read(&text)), [expected], "{text}");
    }
    let named = read_as("proc-net-udplite.txt", &body, None).remove(0);
    assert_eq!(sockets(&named), ["udplite? 0.0.0.0:53"]);
    let named = read_as("sos/proc/net/udplite", &body, None).remove(0);
    assert_eq!(sockets(&named), ["udplite? 0.0.0.0:53"]);
    // A file of another shape than its name says.
    let named = read_as("tcp6.txt", &body, None).remove(0);
    assert_eq!(sockets(&named), ["udp? 0.0.0.0:53"]);
}

#[test]
fn heads_of_more_stand_behind_tables_too() {
    let head = |file: &str| format!("::::::::::::::\n/proc/net/{file}\n::::::::::::::\n");
    let row = row4("00000000:0035", ANY, "07");
    let text = format!("{}{UDP}{row}{}{UDP}{}{TCP}", head("udp"), head("udplite"), head("tcp"));
    let capture = read(&text);
    assert_eq!(sockets(&capture), ["udp 0.0.0.0:53"]);
    assert!(!kinds(&capture).contains(&IssueKind::RowUnread), "{:?}", kinds(&capture));
    for transport in [Transport::Tcp, Transport::Udp, Transport::Udplite] {
        assert_eq!(cell(&capture, transport, Family::Ipv4), Cell::Presumed);
    }
}

#[test]
fn coverage_is_that_of_the_files() {
    let text = format!(
        "==> /proc/net/tcp <==\n{TCP}\n==> /proc/net/tcp6 <==\n{TCP6}\n==> /proc/net/udp <==\n{UDP}"
    );
    let capture = read(&text);
    assert_eq!(cell(&capture, Transport::Tcp, Family::Ipv4), Cell::Presumed);
    assert_eq!(cell(&capture, Transport::Tcp, Family::Ipv6), Cell::Presumed);
    assert_eq!(cell(&capture, Transport::Udp, Family::Ipv4), Cell::Presumed);
    assert_eq!(cell(&capture, Transport::Udp, Family::Ipv6), Cell::Absent(Missing::FamilyNotShown));
    let proven = read(&format!("$ tail -n +1 /proc/net/{{tcp,udp}}{{,6}}\n{text}"));
    assert_eq!(cell(&proven, Transport::Tcp, Family::Ipv4), Cell::Proven);
    for command in [
        "tail /proc/net/tcp",
        "cat /proc/net/tcp | grep 0A",
        "grep 0A /proc/net/tcp",
        "head /proc/net/tcp",
    ] {
        let capture = read(&format!("$ {command}\n{TCP}"));
        assert_eq!(
            cell(&capture, Transport::Tcp, Family::Ipv4),
            Cell::Absent(Missing::Filtered),
            "{command}"
        );
    }
    // Two namespaces, of which one shows less.
    let two = read(&format!(
        "==> a/net/tcp <==\n{TCP}==> a/net/tcp6 <==\n{TCP6}==> b/net/tcp <==\n{TCP}"
    ));
    assert_eq!(cell(&two, Transport::Tcp, Family::Ipv6), Cell::Absent(Missing::FamilyNotShown));
    // A header that several files have, and no name.
    let nameless = read(&format!("{UDP}{}", row4("00000000:0035", ANY, "07")));
    assert!(nameless.snapshot.coverage.is_absent());
    // Rows without a header.
    let headless = read(&row4("00000000:0016", ANY, "0A"));
    assert_eq!(
        cell(&headless, Transport::Tcp, Family::Ipv4),
        Cell::Absent(Missing::HeaderNotShown)
    );
}

#[test]
fn byte_order() {
    let one = |local: &str, more: &str| {
        let text = format!("{TCP}{}{more}", row4(local, ANY, "0A"));
        sockets(&read(&text)).remove(0)
    };
    assert_eq!(one("0100007F:0016", ""), "tcp 127.0.0.1:22");
    assert_eq!(one("7F000001:0016", ""), "tcp 127.0.0.1:22");
    assert_eq!(one("0A64A8C0:0016", ""), "tcp 0A64A8C0:22");
    assert_eq!(one("0A64A8C0:0016", &row4("0100007F:0017", ANY, "0A")), "tcp 192.168.100.10:22");
    assert_eq!(one("0A64A8C0:0016", &row4("7F000001:0017", ANY, "0A")), "tcp 10.100.168.192:22");
    let text = format!("{TCP}{}", row4("0A64A8C0:0016", ANY, "0A"));
    let socket = read(&text).snapshot.sockets()[0];
    assert_eq!(socket.address, crate::snapshot::Address::Missing(Missing::AddressNotShown));
}

#[test]
fn sctp_endpoints() {
    let text = " ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS\n\
                ffff88017e0a0200 ffff880299f7fa00 2   10  29   11165   200 299689357 10.0.0.102 2001:db8::70 \n\
                ffff88017e0a0300 ffff880299f7fb00 2   7   29   11166   200 299689358 10.0.0.102 \n";
    let capture = read(text);
    assert_eq!(sockets(&capture), ["sctp 10.0.0.102:11165", "sctp [2001:db8::70]:11165"]);
    assert_eq!(kinds(&capture), []);
}

#[test]
fn rows_that_cannot_be_read_take_coverage() {
    let good = row4("0100007F:0016", ANY, "0A");
    let cut = format!("{TCP}{good}   1: 0100007F:00");
    for (text, kind) in [
        (format!("{TCP}{good}   1: 0100007F:0017 00000000:0000 0A\n{good}"), IssueKind::RowUnread),
        (format!("{TCP}{good}   1: 0100007F:ZZZZ 00000000:0000 0A\n"), IssueKind::RowUnread),
        (format!("{TCP}{good}what is this\n{good}"), IssueKind::RowUnread),
        (format!("{TCP}{good}what is 0100007F\n"), IssueKind::RowUnread),
        (format!("{TCP}{good}0 0 22173 1\n"), IssueKind::RowUnread),
        (format!("{TCP}{good}1| 0100007F:0017| 00000000:0000\n"), IssueKind::RowUnread),
        (cut, IssueKind::CutOff),
    ] {
        let capture = read(&text);
        assert_eq!(kinds(&capture), [kind], "{text}");
        assert!(capture.snapshot.coverage.is_absent(), "{text}");
    }
}

#[test]
fn what_is_written_below_a_table_is_no_row_of_it() {
    let good = row4("0100007F:0016", ANY, "0A");
    for below in ["what is this\n", "</pre>\n", "\nAny idea?\n-- \nBob\n"] {
        let capture = read(&format!("{TCP}{good}{below}"));
        assert_eq!(kinds(&capture), [IssueKind::Ignored], "{below}");
        assert!(!capture.snapshot.coverage.is_absent(), "{below}");
    }
}

#[test]
fn screens_of_80_columns() {
    let broken = |text: &str| {
        text.lines().fold(String::new(), |mut all, line| {
            let mut rest = line;
            while rest.len() > 80 {
                let (head, tail) = rest.split_at(80);
                all.push_str(head);
                all.push('\n');
                rest = tail;
            }
            all.push_str(rest);
            all.push('\n');
            all
        })
    };
    let row = row4("0100007F:0016", ANY, "0A");
    let table = format!("{row}{row}");
    for text in [format!("{TCP}{}", broken(&table)), broken(&format!("{TCP}{table}"))] {
        let capture = read(&text);
        assert_eq!(sockets(&capture), ["tcp 127.0.0.1:22", "tcp 127.0.0.1:22"]);
        assert_eq!(kinds(&capture), []);
        let details = capture.snapshot.details(&capture.snapshot.sockets()[0]);
        assert_eq!(details.inode, Some(5_022_173));
    }
}

#[test]
fn other_files_between() {
    let text = format!(
        "==> /proc/net/unix <==\nNum       RefCount Protocol Flags    Type St Inode Path\n\
         0000000000000000: 00000002 00000000 00010000 0001 01 20500 /run/x\n\
         ==> /proc/net/tcp <==\n{TCP}{}",
        row4("0100007F:0016", ANY, "0A")
    );
    let capture = read(&text);
    assert_eq!(sockets(&capture), ["tcp 127.0.0.1:22"]);
    assert_eq!(kinds(&capture), []);
}
