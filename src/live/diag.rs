//! Listeners from the kernel's socket tables (`NETLINK_SOCK_DIAG`).
//!
//! An answer is a `struct inet_diag_msg` of 72 bytes with attributes behind it. The kernel sends
//! `INET_DIAG_SKV6ONLY` for IPv6 sockets that listen or are not connected, and
//! `INET_DIAG_CGROUP_ID` always, where it has them (Linux 4.14 and 5.8).
//!
//! Sources: sock_diag(7), linux-manual 6.03; Linux 6.1 `include/uapi/linux/inet_diag.h`,
//! `net/ipv4/inet_diag.c`, `net/ipv4/raw_diag.c`, `net/sctp/diag.c`, `net/mptcp/mptcp_diag.c`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::netlink::{Dump, Netlink};
use super::wire::{array, attributes, push_attribute, u16_at, u32_at, u64_at};
use crate::snapshot::{Family, Transport};

/// `SOCK_DIAG_BY_FAMILY`.
const BY_FAMILY: u16 = 20;
/// `TCPDIAG_GETSOCK`, the first kind of request, for TCP of both families.
const GET_TCP: u16 = 18;
/// Length of `struct inet_diag_msg`.
const FIXED: usize = 72;
/// `INET_DIAG_REQ_PROTOCOL`, for protocols that do not fit into a byte.
const REQ_PROTOCOL: u16 = 3;
/// `INET_DIAG_SKV6ONLY`.
const V6ONLY: u16 = 11;
/// `INET_DIAG_LOCALS`: every address of an SCTP endpoint, each a `struct sockaddr_storage`.
const LOCALS: u16 = 14;
/// `INET_DIAG_CGROUP_ID`.
const CGROUP_ID: u16 = 21;
/// Length of `struct sockaddr_storage`.
const STORAGE: usize = 128;
/// The states `TCP_CLOSE`, which is that of datagram sockets without a peer, and `TCP_LISTEN`.
const CLOSE: u32 = 7;
const LISTEN: u32 = 10;

/// A table of sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Table {
    /// Whose sockets they are.
    pub(super) transport: Transport,
    /// MPTCP sockets, whose TCP twins stand in the TCP table.
    pub(super) mptcp: bool,
    /// The number of the IP protocol.
    protocol: u16,
    /// How `/proc/net/protocols` calls the protocol, for IPv4 and IPv6.
    pub(super) names: [&'static str; 2],
    /// The files in `/proc/net`, for IPv4 and IPv6.
    pub(super) files: Option<[&'static str; 2]>,
}

/// Every table, TCP first.
pub(super) const TABLES: [Table; 7] = [
    Table::new(Transport::Tcp, false, 6, ["TCP", "TCPv6"], Some(["tcp", "tcp6"])),
    Table::new(Transport::Tcp, true, 262, ["MPTCP", "MPTCPv6"], None),
    Table::new(Transport::Udp, false, 17, ["UDP", "UDPv6"], Some(["udp", "udp6"])),
    Table::new(Transport::Sctp, false, 132, ["SCTP", "SCTPv6"], Some(["sctp/eps", "sctp/eps"])),
    Table::new(Transport::Dccp, false, 33, ["DCCP", "DCCPv6"], None),
    Table::new(
        Transport::Udplite,
        false,
        136,
        ["UDP-Lite", "UDPLITEv6"],
        Some(["udplite", "udplite6"]),
    ),
    Table::new(Transport::Raw, false, 255, ["RAW", "RAWv6"], Some(["raw", "raw6"])),
];

impl Table {
    const fn new(
        transport: Transport,
        mptcp: bool,
        protocol: u16,
        names: [&'static str; 2],
        files: Option<[&'static str; 2]>,
    ) -> Self {
        Self { transport, mptcp, protocol, names, files }
    }

    /// Whether it is that of TCP, and not of MPTCP.
    pub(super) fn is_tcp(&self) -> bool {
        self.transport == Transport::Tcp && !self.mptcp
    }
}

/// One listener, as the kernel tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listener {
    /// The transport.
    pub(super) transport: Transport,
    /// It stands in the MPTCP table.
    pub(super) mptcp: bool,
    /// The local address.
    pub(super) address: IpAddr,
    /// The local port; the IP protocol of a raw socket.
    pub(super) port: u16,
    /// `IPV6_V6ONLY` of an IPv6 socket, where the kernel tells.
    pub(super) v6only: Option<bool>,
    /// Index of the bound device, 0 for none; `None` where that is not told.
    pub(super) device: Option<u32>,
    /// User id of the socket.
    pub(super) uid: u32,
    /// Inode of the socket; 0 when no file refers to it.
    pub(super) inode: u32,
    /// Control group in which the socket was made, where the kernel tells.
    pub(super) cgroup: Option<u64>,
    /// Connections, or bytes, that wait to be taken.
    pub(super) waiting: u32,
    /// How many connections may wait, of a socket that takes connections.
    pub(super) backlog: u32,
}

/// Reads one table of one family; listeners are appended.
pub(super) fn read(
    netlink: &mut Netlink,
    table: &Table,
    family: Family,
    found: &mut Vec<Listener>,
) -> Dump {
    let before = found.len();
    netlink.dump(
        BY_FAMILY,
        &request(table, family),
        found,
        |found, kind, body| {
            if kind == BY_FAMILY {
                listeners(table, body, found);
            }
        },
        |found| found.truncate(before),
    )
}

/// Reads the TCP listeners of both families in one walk over their table; listeners are appended. The kernel
/// keeps both in one hash table, and its first kind of request asks for no family. What comes of it is as good
/// as both tables when it is [`Dump::Whole`]; else nothing is appended.
pub(super) fn read_tcp(netlink: &mut Netlink, table: &Table, found: &mut Vec<Listener>) -> Dump {
    let before = found.len();
    let dump = netlink.dump(
        GET_TCP,
        &request_tcp(),
        found,
        |found, kind, body| {
            if kind == GET_TCP {
                listeners(table, body, found);
            }
        },
        |found| found.truncate(before),
    );
    if dump != Dump::Whole {
        found.truncate(before);
    }
    dump
}

/// `struct inet_diag_req`: family, prefix lengths, extensions, `struct inet_diag_sockid`, states, tables.
fn request_tcp() -> Vec<u8> {
    let mut body = vec![0; 52];
    body.extend((1_u32 << LISTEN).to_ne_bytes());
    body.resize(60, 0);
    body
}

/// `struct inet_diag_req_v2`: family, protocol, extensions, padding, states, `struct
/// inet_diag_sockid`. No extensions: what is wanted comes without asking.
fn request(table: &Table, family: Family) -> Vec<u8> {
    let [_, low] = table.protocol.to_be_bytes();
    let state = if table.transport.is_stream() { LISTEN } else { CLOSE };
    let mut body = vec![family_number(family), low, 0, 0];
    body.extend((1_u32 << state).to_ne_bytes());
    body.resize(56, 0);
    if table.protocol > 255 {
        push_attribute(&mut body, REQ_PROTOCOL, &u32::from(table.protocol).to_ne_bytes());
    }
    body
}

/// `AF_INET`, `AF_INET6`.
fn family_number(family: Family) -> u8 {
    match family {
        Family::Ipv4 => 2,
        Family::Ipv6 => 10,
    }
}

/// Reads one answer: one listener, or one for each address of an SCTP endpoint that has several.
pub(super) fn listeners(table: &Table, body: &[u8], found: &mut Vec<Listener>) {
    let Some(mut listener) = listener(table, body) else { return };
    let mut locals = None;
    for (kind, value) in attributes(body.get(FIXED..).unwrap_or_default()) {
        match kind {
            V6ONLY => listener.v6only = value.first().map(|&only| only != 0),
            CGROUP_ID => listener.cgroup = u64_at(value, 0),
            LOCALS => locals = Some(value),
            _ => {}
        }
    }
    if listener.address.is_ipv4() {
        listener.v6only = None;
    }
    let addresses = locals.into_iter().flat_map(|bytes| bytes.chunks_exact(STORAGE));
    let before = found.len();
    found.extend(addresses.filter_map(storage).map(|address| Listener { address, ..listener }));
    if found.len() == before {
        found.push(listener);
    }
}

/// `struct inet_diag_msg`: family, state, timer, retransmissions; `struct inet_diag_sockid` (ports and
/// addresses in network order, device, cookie); expiry, queues, uid, inode.
fn listener(table: &Table, body: &[u8]) -> Option<Listener> {
    let address = match body.first()? {
        2 => IpAddr::V4(Ipv4Addr::from(array::<4>(body, 8)?)),
        10 => IpAddr::V6(Ipv6Addr::from(array::<16>(body, 8)?)),
        _ => return None,
    };
    Some(Listener {
        transport: table.transport,
        mptcp: table.mptcp,
        address,
        port: u16::from_be_bytes(array(body, 4)?),
        v6only: None,
        device: Some(u32_at(body, 40)?),
        waiting: u32_at(body, 56)?,
        backlog: u32_at(body, 60)?,
        uid: u32_at(body, 64)?,
        inode: u32_at(body, 68)?,
        cgroup: None,
    })
}

/// The address in a `struct sockaddr_storage`.
fn storage(bytes: &[u8]) -> Option<IpAddr> {
    match u16_at(bytes, 0)? {
        2 => Some(IpAddr::V4(Ipv4Addr::from(array::<4>(bytes, 4)?))),
        10 => Some(IpAddr::V6(Ipv6Addr::from(array::<16>(bytes, 8)?))),
        _ => None,
    }
}
