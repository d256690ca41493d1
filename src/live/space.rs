//! What one network namespace holds: its listeners, which of them are all there, its interfaces and
//! its sysctls. Read by a thread that is in that namespace.

use std::collections::BTreeMap;

use rustix::io::Errno;
use rustix::net::netlink;

use super::diag::{self, Listener, TABLES, Table};
use super::netlink::{Dump, Netlink};
use super::route::{self, Link};
use super::{files, table};
use crate::snapshot::{Cell, Coverage, Family};
use crate::truth::Missing;

/// The sysctls that decide what a socket exposes. Source: Linux 6.1
/// `Documentation/networking/ip-sysctl.rst`.
const SYSCTLS: [&str; 10] = [
    "net.ipv4.conf.all.route_localnet",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.ip_forward",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_nonlocal_bind",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv6.bindv6only",
    "net.ipv6.conf.all.disable_ipv6",
    "net.ipv6.conf.all.forwarding",
    "net.ipv6.ip_nonlocal_bind",
];

/// For how many listeners room is made at once; more memory comes when it is needed.
const MOST_RESERVED: usize = 1 << 16;

/// Everything that was read of a namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Space {
    /// Its listeners, in no order.
    pub(super) listeners: Vec<Listener>,
    /// What of each transport and family is all there.
    pub(super) coverage: Coverage,
    /// Its interfaces; `None` when they cannot be read.
    pub(super) links: Option<Vec<Link>>,
    /// The sysctls that there are.
    pub(super) sysctls: BTreeMap<String, String>,
    /// Tables that netlink did not give and `/proc/net` did.
    pub(super) by_files: u32,
}

/// Reads the namespace that the calling thread is in; by netlink unless that is refused.
pub(super) fn read(with_netlink: bool) -> Space {
    let mut space = Space::default();
    let protocols = Protocols::read();
    space.listeners.reserve_exact(protocols.sockets().min(MOST_RESERVED));
    let mut netlink = with_netlink.then(|| Netlink::open(Some(netlink::SOCK_DIAG)).ok()).flatten();
    for table in &TABLES {
        let walked = netlink.as_mut().map_or([false; 2], |netlink| {
            at_once(&mut space.listeners, netlink, &protocols, table)
        });
        for (family, walked) in Family::ALL.into_iter().zip(walked) {
            let cell = match walked {
                true => Cell::Proven,
                false => one(&mut space, netlink.as_mut(), &protocols, table, family),
            };
            // A socket of MPTCP is exposed by the TCP socket beside it.
            if !table.mptcp {
                space.coverage.set(table.transport, family, cell);
            }
        }
    }
    space.links = route::links().ok();
    space.sysctls = sysctls(space.links.as_deref().unwrap_or_default());
    space
}

/// Reads TCP of both families at once, and says of which all is there. A family of which nothing came
/// though it has sockets is read by itself: whoever answers may not know this kind of request.
fn at_once(
    found: &mut Vec<Listener>,
    netlink: &mut Netlink,
    protocols: &Protocols,
    table: &Table,
) -> [bool; 2] {
    let before = found.len();
    if !table.is_tcp() || diag::read_tcp(netlink, table, found) != Dump::Whole {
        return [false; 2];
    }
    let new = found.get(before..).unwrap_or_default();
    Family::ALL.map(|family| {
        let is_of = |listener: &Listener| listener.address.is_ipv4() == (family == Family::Ipv4);
        new.iter().any(is_of) || protocols.has_none(table, family)
    })
}

/// Reads one table and says whether all of it is there.
fn one(
    space: &mut Space,
    netlink: Option<&mut Netlink>,
    protocols: &Protocols,
    table: &Table,
    family: Family,
) -> Cell {
    // The two that every host uses are read; of the others the kernel tells how many there are.
    let is_rare = !matches!(table.names, ["TCP" | "UDP", _]);
    if is_rare && protocols.has_none(table, family) {
        return Cell::Proven;
    }
    let before = space.listeners.len();
    let dump = match netlink {
        Some(netlink) => diag::read(netlink, table, family, &mut space.listeners),
        None => Dump::Failed(Errno::NOTSUP.raw_os_error()),
    };
    match dump {
        Dump::Whole => return Cell::Proven,
        Dump::Torn => return Cell::Absent(Missing::ToolError),
        // No such table since the kernel has no such protocol.
        Dump::Failed(_) if protocols.has_none(table, family) => return Cell::Proven,
        Dump::Failed(_) => space.listeners.truncate(before),
    }
    if table::read(table, family, &mut space.listeners) {
        space.by_files += 1;
        return Cell::Presumed;
    }
    space.listeners.truncate(before);
    Cell::Absent(Missing::ToolError)
}

/// The protocols of the kernel with the number of their sockets in this namespace.
#[derive(Debug, Default)]
struct Protocols(Option<BTreeMap<String, u32>>);

impl Protocols {
    fn read() -> Self {
        Self(
            files::text("/proc/thread-self/net/protocols").ok().and_then(|text| Self::parse(&text)),
        )
    }

    /// `protocol  size sockets  memory press maxhdr  slab module ...`
    fn parse(text: &str) -> Option<BTreeMap<String, u32>> {
        let mut lines = text.lines();
        let header = lines.next()?;
        let known = header.split_ascii_whitespace().nth(2) == Some("sockets");
        let rows = lines.map(|line| {
            let mut fields = line.split_ascii_whitespace();
            Some((fields.next()?.to_owned(), fields.nth(1)?.parse().ok()?))
        });
        known.then(|| rows.collect::<Option<_>>()).flatten()
    }

    /// How many sockets there are, listeners and others.
    fn sockets(&self) -> usize {
        self.0.iter().flat_map(BTreeMap::values).map(|&sockets| sockets as usize).sum()
    }

    /// Whether it is known that there is no socket of a protocol and family.
    fn has_none(&self, table: &Table, family: Family) -> bool {
        let name = table.names.get(family as usize);
        self.0.as_ref().is_some_and(|known| {
            name.is_some_and(|name| known.get(*name).is_none_or(|&sockets| sockets == 0))
        })
    }
}

/// The values of [`SYSCTLS`], and `route_localnet` of each interface on which it is set.
fn sysctls(links: &[Link]) -> BTreeMap<String, String> {
    let read = |name: &str| {
        let value = files::value(&format!("/proc/sys/{}", name.replace('.', "/")))?;
        Some((name.to_owned(), value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")))
    };
    let mut values: BTreeMap<_, _> = SYSCTLS.iter().filter_map(|name| read(name)).collect();
    for link in links {
        let path = format!("/proc/sys/net/ipv4/conf/{}/route_localnet", link.name);
        if let Some(value) = files::value(&path).filter(|value| value != "0") {
            values.insert(format!("net.ipv4.conf.{}.route_localnet", link.name), value);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in\n\
                        UDPv6     1536      0       4   NI       0   yes  kernel      y  y  y  n  y  n\n\
                        RAW       1120      2      -1   NI       0   yes  kernel      y  y  y  n  y  y\n\
                        TCP       2560      7       1   no     320   yes  kernel      y  y  y  y  y  y\n";

    #[test]
    fn what_the_kernel_has_no_socket_of() {
        let protocols = Protocols(Protocols::parse(TEXT));
        let none = |name: &str, family| {
            let table = TABLES.iter().find(|table| table.names[0] == name).unwrap();
            protocols.has_none(table, family)
        };
        assert!(!none("RAW", Family::Ipv4), "two of them");
        assert!(none("RAW", Family::Ipv6), "no such protocol");
        assert!(none("UDP", Family::Ipv6), "no socket");
        assert!(none("SCTP", Family::Ipv4));
        for text in ["", "protocol size\n", "protocol size sockets\nTCP 1\n"] {
            let protocols = Protocols(Protocols::parse(text));
            assert!(!protocols.has_none(&TABLES[0], Family::Ipv4), "{text}: nothing is known");
        }
    }
}
