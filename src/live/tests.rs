//! Messages as Linux 6.18 sent them, on a machine whose lowest byte comes first; and this host itself.

use std::net::IpAddr;

use super::diag::{self, Listener, TABLES};
use super::holders::{Ask, Holders};
use super::netlink::{Dump, Netlink};
use super::wire::{self, Message};
use super::*;
use crate::snapshot::{Address, Cell, Device, Family, Port, Transport};
use crate::truth::Missing;

/// Listeners on 127.0.0.1:5432 with a backlog of 244, and on 0.0.0.0%lo:80.
const TCP4: &str = "7c0000001400020007000000ce5f0000020a0000153800007f000001000000000000000000000000\
    0000000000000000000000000000000000000000d8a60000000000000000000000000000f40000000000000014700b00\
    050008000000000008000f00000000000c001500010000000000000006001600520000007c0000001400020007000000\
    ce5f0000020a000000500000000000000000000000000000000000000000000000000000000000000000000001000000\
    d9a60000000000000000000000000000800000000000000015700b00050008000000000008000f00000000000c001500\
    01000000000000000600160052000000";

/// Listeners on [::]:8080 that take IPv4 too, and on [::]:22 that do not.
const TCP6: &str = "840000001400020007000000ce5f00000a0a00001f900000000000000000000000000000000000000000\
    000000000000000000000000000000000000daa60000000000000000000000000000800000000000000017700b000500\
    08000000000005000b000000000008000f00000000000c00150001000000000000000600160012000000840000001400\
    020007000000ce5f00000a0a000000160000000000000000000000000000000000000000000000000000000000000000\
    000000000000dba60000000000000000000000000000800000000000000016700b00050008000000000005000b000100\
    000008000f00000000000c00150001000000000000000600160012000000";

/// The end of a table that the kernel does not have: `ENOENT` inside of `NLMSG_DONE`.
const SCTP: &str = "140000000300020007000000ce5f0000feffffff";

fn bytes(hex: &str) -> Vec<u8> {
    let hex: String = hex.split_whitespace().collect();
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    hex.as_bytes().chunks(2).map(byte).collect()
}

fn listeners(table: usize, bytes: &[u8]) -> Vec<Listener> {
    let (mut found, mut interrupted) = (Vec::new(), false);
    let _ = wire::messages(bytes, 7, &mut interrupted, |message| {
        if let Message::Entry(20, body) = message {
            diag::listeners(&TABLES[table], body, &mut found);
        }
    });
    found
}

#[test]
#[cfg(target_endian = "little")]
fn listeners_of_the_kernel() {
    let base = Listener {
        transport: Transport::Tcp,
        mptcp: false,
        address: "127.0.0.1".parse().unwrap(),
        port: 5432,
        v6only: None,
        device: Some(0),
        uid: 0,
        inode: 749_588,
        cgroup: Some(1),
        waiting: 0,
        backlog: 244,
    };
    let any: IpAddr = "0.0.0.0".parse().unwrap();
    assert_eq!(
        listeners(0, &bytes(TCP4)),
        [
            base,
            Listener {
                address: any,
                port: 80,
                device: Some(1),
                inode: 749_589,
                backlog: 128,
                ..base
            }
        ]
    );
    let six = Listener { address: "::".parse().unwrap(), backlog: 128, ..base };
    assert_eq!(
        listeners(0, &bytes(TCP6)),
        [
            Listener { port: 8080, v6only: Some(false), inode: 749_591, ..six },
            Listener { port: 22, v6only: Some(true), inode: 749_590, ..six },
        ]
    );
}

#[test]
#[cfg(target_endian = "little")]
fn a_table_that_is_not_there_is_no_empty_table() {
    let (mut seen, mut interrupted) = (Vec::new(), false);
    let sctp = bytes(SCTP);
    wire::messages(&sctp, 7, &mut interrupted, |message| seen.push(message)).unwrap();
    assert_eq!(seen, [Message::Done(2)]);
}

#[test]
#[cfg(target_endian = "little")]
fn an_endpoint_of_sctp_has_all_of_its_addresses() {
    let mut message = bytes(TCP4);
    message.truncate(0x7c);
    let mut body = message.split_off(16);
    let mut locals = vec![0; 256];
    locals[..8].copy_from_slice(&[2, 0, 0x15, 0x38, 10, 0, 0, 1]);
    locals[128] = 10;
    locals[128 + 8 + 15] = 1;
    wire::push_attribute(&mut body, 14, &locals);
    let mut found = Vec::new();
    diag::listeners(&TABLES[3], &body, &mut found);
    let addresses: Vec<String> = found.iter().map(|l| l.address.to_string()).collect();
    assert_eq!(addresses, ["10.0.0.1", "::1"]);
}

#[test]
fn cut_and_changed_messages_are_no_reason_to_panic() {
    for good in [bytes(TCP4), bytes(TCP6)] {
        for len in 0..good.len() {
            let _ = listeners(0, &good[..len]);
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0xff;
            let _ = listeners(0, &bad);
        }
    }
}

#[test]
fn names_of_namespaces() {
    assert_eq!(Netns::from_text("all"), Some(Netns::All));
    assert_eq!(Netns::from_text("1"), Some(Netns::Pid(1)));
    assert_eq!(Netns::from_text("red"), Some(Netns::Name("red".to_owned())));
    for bad in ["", "../x", ".."] {
        assert_eq!(Netns::from_text(bad), None, "{bad}");
    }
    for text in ["all", "current", "7", "red"] {
        assert_eq!(Netns::from_text(text).unwrap().to_string(), text);
    }
}

/// A capture of this host that holds a listener of this test.
fn here(options: Options, wanted: Wanted) -> (u16, Capture) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let live = Live::read(options, Some("2026-11-22T00:00:00Z".to_owned())).unwrap();
    (listener.local_addr().unwrap().port(), live.capture(wanted))
}

const ALL: Wanted = Wanted {
    processes: true,
    groups: false,
    details: true,
    cmdline: true,
    brief: false,
    redact: false,
};

#[test]
fn this_test_is_seen_by_netlink_and_by_files() {
    for netlink in [true, false] {
        let (port, capture) = here(Options { netlink, ..Options::default() }, ALL);
        let snapshot = &capture.snapshot;
        let socket = snapshot
            .sockets()
            .iter()
            .find(|socket| socket.port == Port::Number(port))
            .unwrap_or_else(|| panic!("{port} is not in {:?}", snapshot.sockets()));
        assert_eq!(socket.address, Address::Ip("127.0.0.1".parse().unwrap()));
        // Sandboxes refuse netlink: then the files are all there is.
        let by_netlink = capture.detection.ends_with("by netlink");
        let cell = snapshot.coverage.get(Transport::Tcp, Family::Ipv4);
        assert_eq!(cell, if by_netlink { Cell::Proven } else { Cell::Presumed });
        let device =
            if by_netlink { Device::None } else { Device::Missing(Missing::DeviceNotShown) };
        assert_eq!(socket.device, device);
        let owners = snapshot.owners(socket);
        assert_eq!(owners.len(), 1);
        assert_eq!(owners[0].pid, Some(std::process::id()));
        let details = snapshot.owner_details(&owners[0]);
        let exe = std::env::current_exe().unwrap();
        assert_eq!(details.exe.map(|exe| snapshot.text(exe)), exe.to_str());
        let cmdline = details.cmdline.map(|line| snapshot.text(line)).unwrap_or_default();
        assert!(cmdline.contains("socklint"), "{cmdline}");
        assert_eq!(details.uid, Some(rustix::process::geteuid().as_raw()));
        let row = snapshot.sources.slice(socket.span());
        assert!(row.starts_with("tcp   LISTEN 0"), "{row}");
        assert_eq!(snapshot.sources.slice(socket.endpoint_span()), format!("127.0.0.1:{port}"));
        assert!(!snapshot.sources.slice(socket.span_of(owners[0].at)).contains('"'), "{row}");
    }
}

#[test]
fn tcp_of_both_families_at_once_is_both_tables() {
    let open = |address: &str| std::net::TcpListener::bind(address);
    let own = [open("127.0.0.1:0"), open("[::1]:0"), open("[::]:0")];
    let ports: Vec<u16> =
        own.iter().flatten().map(|own| own.local_addr().unwrap().port()).collect();
    // Sandboxes refuse netlink.
    let Ok(mut netlink) = Netlink::open(Some(rustix::net::netlink::SOCK_DIAG)) else { return };
    let (mut once, mut each) = (Vec::new(), Vec::new());
    assert_eq!(diag::read_tcp(&mut netlink, &TABLES[0], &mut once), Dump::Whole);
    for family in Family::ALL {
        assert_eq!(diag::read(&mut netlink, &TABLES[0], family, &mut each), Dump::Whole);
    }
    // Others come and go meanwhile.
    for listeners in [&mut once, &mut each] {
        listeners.retain(|listener| ports.contains(&listener.port));
        listeners.sort_by_key(|listener| listener.inode);
    }
    assert_eq!(once.len(), ports.len());
    assert_eq!(once, each);
}

#[test]
fn processes_are_looked_for_when_they_are_wanted() {
    let (port, capture) = here(Options::default(), Wanted::default());
    let snapshot = &capture.snapshot;
    let socket = snapshot.sockets().iter().find(|socket| socket.port == Port::Number(port));
    let socket = socket.unwrap();
    assert!(snapshot.owners(socket).is_empty());
    assert_eq!(socket.owners_missing, Some(Missing::OwnerNotShown));
}

#[test]
fn control_groups_need_processes_only_where_the_kernel_does_not_tell() {
    let (port, capture) = here(Options::default(), Wanted { groups: true, ..Wanted::default() });
    let snapshot = &capture.snapshot;
    let named = |socket: &crate::snapshot::Socket| snapshot.details(socket).cgroup.is_some();
    let searched = |socket: &crate::snapshot::Socket| {
        !snapshot.owners(socket).is_empty() || socket.owners_missing != Some(Missing::OwnerNotShown)
    };
    let told = snapshot.sockets().iter().all(|socket| named(socket) && !searched(socket));
    assert!(told || snapshot.sockets().iter().all(searched));
    let socket = snapshot.sockets().iter().find(|socket| socket.port == Port::Number(port));
    assert!(told || !snapshot.owners(socket.unwrap()).is_empty());
}

#[test]
fn a_brief_capture_has_the_lines_of_a_whole_one() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let live = Live::read(Options::default(), None).unwrap();
    let (brief, whole) = (Wanted { brief: true, ..ALL }, ALL);
    let [brief, whole] = [brief, whole].map(|wanted| live.capture(wanted).snapshot);
    assert!(!whole.sockets().is_empty());
    assert_eq!(brief.sockets().len(), whole.sockets().len());
    for (one, other) in brief.sockets().iter().zip(whole.sockets()) {
        assert_eq!(brief.line(one), whole.line(other));
        assert_eq!((one.address, one.port), (other.address, other.port));
        assert_eq!(brief.owners(one).len(), whole.owners(other).len());
        let kept = crate::snapshot::Details { inode: None, ..whole.details(other) };
        let [brief, whole] = [(&brief, brief.details(one)), (&whole, kept)].map(|(of, details)| {
            let text =
                |text: Option<crate::snapshot::Text>| text.map(|text| of.text(text).to_owned());
            (
                details.uid,
                details.inode,
                text(details.user),
                text(details.cgroup),
                text(details.unit),
            )
        });
        assert_eq!(brief, whole);
    }
    drop(listener);
}

#[test]
fn what_is_redacted_is_not_there() {
    let redact = Wanted { redact: true, ..ALL };
    let (port, capture) = here(Options::default(), redact);
    let snapshot = &capture.snapshot;
    assert_eq!(snapshot.host, crate::snapshot::Host::default());
    assert!(snapshot.interfaces.is_none());
    let socket = snapshot.sockets().iter().find(|socket| socket.port == Port::Number(port));
    let socket = socket.unwrap();
    let details = snapshot.details(socket);
    assert_eq!((details.uid, details.user, details.cgroup, details.container), Default::default());
    for owner in snapshot.owners(socket) {
        let unit = snapshot.owner_details(owner).unit;
        let kept = crate::snapshot::OwnerDetails { unit, ..Default::default() };
        assert_eq!(snapshot.owner_details(owner), kept);
    }
}

#[test]
fn a_socket_that_is_gone_has_no_holder() {
    let ask = Ask { details: true, cmdline: false };
    let holders = Holders::find([0, u32::MAX].into_iter(), ask).unwrap();
    assert!(holders.processes.is_empty());
    assert!(holders.of(0).is_empty() && holders.of(u32::MAX).is_empty());
}

#[test]
fn a_namespace_that_is_not_there_is_an_error() {
    let options = Options { netns: Netns::Name("no-such".to_owned()), netlink: true };
    let fault = Live::read(options, None).unwrap_err();
    assert!(
        matches!(fault, Fault::Namespace { fault, .. } if fault.kind() == std::io::ErrorKind::NotFound)
    );
}
