//! Interfaces and their addresses (`NETLINK_ROUTE`).
//!
//! Sources: rtnetlink(7), linux-manual 6.03; Linux 6.1 `include/uapi/linux/if_link.h`,
//! `if_addr.h`, `if.h`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustix::io::Errno;

use super::netlink::{Dump, Netlink};
use super::wire::{array, attributes, push_attribute, u32_at};

/// Message types: a link, a question for links, an address, a question for addresses.
const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const GET_ADDRESS: u16 = 22;
/// The attribute of a link that holds its name.
const IFLA_IFNAME: u16 = 3;
/// The attribute of a question that leaves counters out, `RTEXT_FILTER_SKIP_STATS`.
const IFLA_EXT_MASK: u16 = 29;
const SKIP_STATS: u32 = 1 << 3;
/// Attributes of an address: the peer's on a point-to-point link, else the own one; the own one.
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
/// Lengths of `struct ifinfomsg` and `struct ifaddrmsg`.
const LINK: usize = 16;
const ADDRESS: usize = 8;

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// Its index in its namespace.
    pub(super) index: u32,
    /// Its name; names are bytes without `/` and blanks, and need not be UTF-8.
    pub(super) name: String,
    /// `IFF_*` of netdevice(7).
    pub(super) flags: u32,
    /// Its own addresses with their prefix lengths.
    pub(super) addresses: Vec<(IpAddr, u8)>,
}

/// Every interface of the namespace, by index.
///
/// # Errors
///
/// What netlink says, as a number of errno(3). A table that keeps changing is `EAGAIN`.
pub(super) fn links() -> Result<Vec<Link>, i32> {
    let mut netlink = Netlink::open(None).map_err(Errno::raw_os_error)?;
    let mut links = Vec::new();
    let each = |links: &mut Vec<Link>, kind, body: &[u8]| {
        links.extend((kind == NEW_LINK).then(|| link(body)).flatten());
    };
    let mut body = vec![0; LINK];
    push_attribute(&mut body, IFLA_EXT_MASK, &SKIP_STATS.to_ne_bytes());
    whole(netlink.dump(GET_LINK, &body, &mut links, each, Vec::clear))?;
    links.sort_by_key(|link| link.index);
    let mut addresses = Vec::new();
    let each = |found: &mut Vec<(u32, IpAddr, u8)>, kind, body: &[u8]| {
        found.extend((kind == NEW_ADDRESS).then(|| address(body)).flatten());
    };
    whole(netlink.dump(GET_ADDRESS, &[0; ADDRESS], &mut addresses, each, Vec::clear))?;
    for (index, address, prefix) in addresses {
        if let Ok(at) = links.binary_search_by_key(&index, |link| link.index)
            && let Some(link) = links.get_mut(at)
        {
            link.addresses.push((address, prefix));
        }
    }
    Ok(links)
}

fn whole(dump: Dump) -> Result<(), i32> {
    match dump {
        Dump::Whole => Ok(()),
        Dump::Torn => Err(Errno::AGAIN.raw_os_error()),
        Dump::Failed(code) => Err(code),
    }
}

/// `struct ifinfomsg`: family, padding, type, index, flags, change.
fn link(body: &[u8]) -> Option<Link> {
    let (index, flags) = (u32_at(body, 4)?, u32_at(body, 8)?);
    let mut link = Link { index, name: String::new(), flags, addresses: Vec::new() };
    for (kind, value) in attributes(body.get(LINK..)?) {
        if kind == IFLA_IFNAME {
            let name = value.strip_suffix(b"\0").unwrap_or(value);
            link.name = String::from_utf8_lossy(name).into_owned();
        }
    }
    Some(link)
}

/// `struct ifaddrmsg`: family, prefix length, flags, scope, index.
fn address(body: &[u8]) -> Option<(u32, IpAddr, u8)> {
    let (family, prefix, index) = (*body.first()?, *body.get(1)?, u32_at(body, 4)?);
    let (mut own, mut peer) = (None, None);
    for (kind, value) in attributes(body.get(ADDRESS..)?) {
        let read = || match family {
            2 => Some(IpAddr::V4(Ipv4Addr::from(array::<4>(value, 0)?))),
            10 => Some(IpAddr::V6(Ipv6Addr::from(array::<16>(value, 0)?))),
            _ => None,
        };
        match kind {
            IFA_LOCAL => own = read(),
            IFA_ADDRESS => peer = read(),
            _ => {}
        }
    }
    Some((index, own.or(peer)?, prefix))
}
