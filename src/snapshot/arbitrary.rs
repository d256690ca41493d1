//! Random snapshots for property tests: every fact, every reason, hostile strings.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::{
    Address, At, Builder, Cell, Coverage, Details, Device, Family, Interface, NameKind, Namespace,
    Owner, OwnerDetails, Port, Snapshot, Socket, Text, Transport, Vantage,
};
use crate::source::SourceFile;
use crate::truth::Missing;

/// The text that snapshots are of: some strings point into it, the others are pooled.
const EVIDENCE: &str =
    "first line\nzweite Zeile ü\n\u{1b}[31mred\u{202e} \"quoted\\ \u{1F980}\nend\n";

/// Strings as they can stand in evidence.
pub(crate) fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9._-]{0,14}",
        "[a-z]{15}",
        "\\PC{0,12}",
        "[\u{0}-\u{FF}\u{200B}-\u{202E}\"\\\\/漢字🦀\u{E0001}]{0,12}",
        Just(String::new()),
        Just("nginx: worker \u{1b}[2J\u{202e}\n".to_owned()),
    ]
}

fn reason() -> impl Strategy<Value = Missing> {
    (0..Missing::ALL.len()).prop_map(|index| Missing::ALL[index])
}

fn ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(|octets| IpAddr::V4(Ipv4Addr::from(octets))),
        any::<[u8; 16]>().prop_map(|octets| IpAddr::V6(Ipv6Addr::from(octets))),
        any::<[u8; 4]>().prop_map(|octets| IpAddr::V6(Ipv4Addr::from(octets).to_ipv6_mapped())),
        Just(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        Just(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        Just(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        Just(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ]
}

fn address() -> impl Strategy<Value = Address> {
    prop_oneof![
        4 => ip().prop_map(Address::Ip),
        1 => Just(Address::Dual),
        1 => Just(Address::Star),
        1 => reason().prop_map(Address::Missing),
        1 => ip().prop_map(Address::Reached),
    ]
}

fn port() -> impl Strategy<Value = Port> {
    prop_oneof![any::<u16>().prop_map(Port::Number), reason().prop_map(Port::Missing)]
}

/// The nearest character boundary of [`EVIDENCE`] at or before an offset.
fn boundary(mut at: usize) -> usize {
    while !EVIDENCE.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// A string, or a range of [`EVIDENCE`].
#[derive(Debug, Clone)]
enum RawText {
    Pooled(String),
    Evidence(usize, usize),
}

fn text() -> impl Strategy<Value = RawText> {
    prop_oneof![
        string().prop_map(RawText::Pooled),
        (0..EVIDENCE.len(), 0..20_usize).prop_map(|(start, len)| {
            let start = boundary(start);
            let end = boundary((start + len).min(EVIDENCE.len()));
            RawText::Evidence(start, end.max(start))
        }),
    ]
}

impl RawText {
    fn add(&self, builder: &mut Builder) -> Text {
        match self {
            Self::Pooled(text) => builder.pooled(text),
            Self::Evidence(start, end) => builder.text(At::new(*start..*end)),
        }
    }
}

type RawOwner = (Option<RawText>, Option<u32>, Option<u32>, NameKind);

fn owner() -> impl Strategy<Value = RawOwner> {
    let kind = prop_oneof![
        3 => Just(NameKind::Comm),
        1 => Just(NameKind::CommCut),
        1 => Just(NameKind::Argv),
        1 => Just(NameKind::ArgvCut),
    ];
    (option::of(text()), option::of(any::<u32>()), option::of(any::<u32>()), kind)
}

#[derive(Debug, Clone)]
enum RawDevice {
    None,
    Named(RawText),
    Missing(Missing),
}

fn device() -> impl Strategy<Value = RawDevice> {
    prop_oneof![
        Just(RawDevice::None),
        text().prop_map(RawDevice::Named),
        reason().prop_map(RawDevice::Missing),
    ]
}

type RawDetails = (Vec<Option<RawText>>, Option<u32>, Option<u64>, Option<u32>);

fn details() -> impl Strategy<Value = RawDetails> {
    let texts = vec(option::weighted(0.3, text()), 8);
    let line = option::of(0..100_u32);
    (texts, option::of(any::<u32>()), option::of(any::<u64>()), line)
}

#[derive(Debug, Clone)]
struct RawSocket {
    transport: Transport,
    flags: (bool, bool, bool),
    address: Address,
    v6only: Option<bool>,
    port: Port,
    device: RawDevice,
    owners: Vec<RawOwner>,
    owners_missing: Option<Missing>,
    details: Option<RawDetails>,
    row: usize,
}

fn socket() -> impl Strategy<Value = RawSocket> {
    (
        (0..Transport::ALL.len(), any::<(bool, bool, bool)>(), address(), any::<Option<bool>>()),
        (port(), device(), vec(owner(), 0..4), option::of(reason()), option::of(details())),
        0..EVIDENCE.len(),
    )
        .prop_map(|(first, second, row)| {
            let (transport, flags, address, v6only) = first;
            let (port, device, owners, owners_missing, details) = second;
            let transport = Transport::ALL[transport];
            RawSocket {
                transport,
                flags,
                address,
                v6only,
                port,
                device,
                owners,
                owners_missing,
                details,
                row,
            }
        })
}

fn coverage() -> impl Strategy<Value = Coverage> {
    let cell =
        prop_oneof![Just(Cell::Proven), Just(Cell::Presumed), reason().prop_map(Cell::Absent),];
    vec(cell, 12).prop_map(|cells| {
        let mut coverage = Coverage::default();
        let places = Transport::ALL
            .into_iter()
            .flat_map(|transport| Family::ALL.map(|family| (transport, family)));
        for ((transport, family), cell) in places.zip(cells) {
            coverage.set(transport, family, cell);
        }
        coverage
    })
}

fn interface() -> impl Strategy<Value = Interface> {
    let address = (ip(), any::<u8>()).prop_map(|(ip, prefix)| {
        let longest = if ip.is_ipv4() { 32 } else { 128 };
        (ip, prefix.min(longest))
    });
    let more = (option::of(any::<u32>()), option::of(string()), option::of(any::<bool>()));
    (string(), more, vec(address, 0..3)).prop_map(|(name, (index, netns, up), addresses)| {
        Interface { name, index, netns, up, addresses }
    })
}

fn namespace() -> impl Strategy<Value = Namespace> {
    (string(), option::of(any::<u64>()), vec(string(), 0..3), option::of(reason())).prop_map(
        |(name, inode, containers, missing)| Namespace {
            sysctls: containers.iter().map(|key| (key.clone(), name.clone())).collect(),
            name,
            inode,
            containers,
            missing,
        },
    )
}

fn add(builder: &mut Builder, raw: RawSocket) {
    let row = At { start: u32::try_from(boundary(raw.row)).unwrap(), len: 0 };
    let mut socket = Socket::new(raw.transport, builder.source(), row);
    let (inferred, mptcp, resolved) = raw.flags;
    socket.transport_inferred = inferred;
    socket.transport_unknown = inferred && resolved;
    socket.mptcp = mptcp && raw.transport == Transport::Tcp;
    socket.port_resolved = resolved;
    socket.again = inferred && mptcp;
    socket.address = raw.address;
    socket.v6only = raw.v6only;
    socket.port = raw.port;
    socket.device = match raw.device {
        RawDevice::None => Device::None,
        RawDevice::Named(name) => Device::Named(name.add(builder)),
        RawDevice::Missing(reason) => Device::Missing(reason),
    };
    for (name, pid, fd, kind) in raw.owners {
        let name = name.map(|name| name.add(builder));
        // Some owners have an executable, with whatever name came by.
        let more = name.filter(|_| pid.is_some_and(|pid| pid % 2 == 0));
        let mut owner = Owner { name, pid, fd, kind, details: None, at: At::default() };
        let details = OwnerDetails {
            exe: more,
            cmdline: more.filter(|_| fd.is_some()),
            uid: pid.filter(|pid| pid % 3 == 0),
            user: more,
            cgroup: more.filter(|_| fd.is_none()),
            unit: more.filter(|_| fd.is_some()),
            container: more,
        };
        builder.owner_details(&mut owner, details);
        builder.owner(owner);
    }
    socket.owners_missing = raw.owners_missing;
    if let Some((texts, uid, inode, line)) = raw.details {
        let mut texts = texts.into_iter().map(|text| text.map(|text| text.add(builder)));
        let mut next = || texts.next().flatten();
        let details = Details {
            uid,
            user: next(),
            inode,
            cgroup: next(),
            unit: next(),
            container: next(),
            netns: next(),
            address_text: next(),
            port_text: next(),
            path: next(),
            line,
        };
        builder.details(&mut socket, details);
    }
    builder.socket(socket);
}

/// Any snapshot that a reader can make.
pub(crate) fn snapshot() -> impl Strategy<Value = Snapshot> {
    let host = (option::of(string()), btree_map(string(), string(), 0..3));
    let vantage =
        prop_oneof![Just(Vantage::Observed), Just(Vantage::Declared), Just(Vantage::External)];
    let strings = vec(option::of(string()), 4);
    let interfaces = (option::of(vec(interface(), 0..3)), vec(namespace(), 0..2));
    let rest = (vec(socket(), 0..8), string(), option::of(string()));
    (host, vantage, strings, coverage(), interfaces, rest).prop_map(
        |(
            (name, labels),
            vantage,
            strings,
            coverage,
            (interfaces, namespaces),
            (sockets, path, scanned),
        )| {
            let mut builder = Builder::new(Arc::new(SourceFile::new(path, EVIDENCE)));
            for socket in sockets {
                add(&mut builder, socket);
            }
            let mut snapshot = builder.finish();
            let mut strings = strings.into_iter();
            let mut next = || strings.next().flatten();
            snapshot.host.name = name;
            snapshot.host.labels = labels;
            snapshot.origin.vantage = vantage;
            snapshot.origin.format = next().unwrap_or_default();
            snapshot.origin.command = next();
            snapshot.origin.captured_at = next();
            snapshot.origin.sha256 = next();
            snapshot.host.kernel.clone_from(&snapshot.origin.command);
            snapshot.host.boot_id.clone_from(&snapshot.origin.sha256);
            snapshot.origin.uid = namespaces.first().map(|_| 1000);
            snapshot.origin.capabilities = namespaces.first().map(|space| space.containers.clone());
            snapshot.sysctls =
                namespaces.first().map(|space| space.sysctls.clone()).unwrap_or_default();
            let lost = namespaces.iter().filter_map(|space| space.missing);
            let coverage = lost.fold(coverage, Coverage::spoiled);
            snapshot.coverage = match vantage.hides() {
                Some(reason) => coverage.spoiled(reason),
                None => coverage,
            };
            snapshot.interfaces = interfaces;
            snapshot.namespaces = namespaces;
            snapshot.scanned.extend(scanned.map(|ports| ("tcp".to_owned(), ports)));
            snapshot
        },
    )
}
