//! How old the `ss` of a capture is, by what only some versions print.
//!
//! `*:80` is the IPv4 wildcard up to iproute2 4.12 and in the 4.11 of RHEL 7, a dual-stack IPv6 one
//! since 4.14. Only positive signs count: taking rows, a header or the end of a row away can make the
//! age unknown, never change it. The widths of columns are no sign.
//! Source: iproute2, `misc/ss.c` and `lib/inet_proto.c` through its versions.

use std::net::IpAddr;

use super::row::{Host, Row};
use crate::snapshot::{Address, Device, Socket};

/// Signs of age that were met, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Signs(u8);

/// The peer of a row that has none, by how it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// `0.0.0.0:*`.
    Zero,
    /// `*:*`.
    Star,
    /// `[::]:*`.
    Bracketed,
    /// `:::*`.
    Bare,
    /// Anything else.
    Other,
}

impl Signs {
    /// Nothing tells.
    pub(super) const NONE: Self = Self(0);
    /// 4.14 or newer: `*` is a dual-stack IPv6 wildcard.
    pub(super) const NEW: Self = Self(1 | 4);
    /// Before 4.14, or RHEL 7: `*` is the IPv4 wildcard.
    pub(super) const OLD: Self = Self(2);
    /// 3.14 or newer: the bound device is printed.
    pub(super) const DEVICE: Self = Self(4);
    /// 4.13: every wildcard is `*`.
    const ALL_STARS: Self = Self(8);

    /// Both together.
    #[must_use]
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    /// What `*` stands for.
    #[must_use]
    pub(super) fn star(self) -> Address {
        match (self.has(1), self.has(2)) {
            (true, false) => Address::Dual,
            (false, true) if !self.has(8) => {
                Address::Ip(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED))
            }
            _ => Address::Star,
        }
    }

    /// Whether this is surely a new ss.
    #[must_use]
    pub(super) fn is_new(self) -> bool {
        self.has(1) && !self.has(2)
    }

    /// Whether this is surely an old ss.
    #[must_use]
    pub(super) fn is_old(self) -> bool {
        self.has(2) && !self.has(1)
    }

    /// Whether bound devices are shown.
    #[must_use]
    pub(super) fn shows_devices(self) -> bool {
        self.has(4)
    }

    /// The signs of a local address and its peer; `zoned` when a device is printed.
    #[must_use]
    pub(super) fn of_addresses(local: Host, peer: Peer, zoned: bool) -> Self {
        let zone = if zoned { Self::DEVICE } else { Self::NONE };
        let peer_sign = match peer {
            Peer::Zero => Self::NEW,
            Peer::Bare => Self::OLD,
            Peer::Bracketed => Self::DEVICE,
            Peer::Star | Peer::Other => Self::NONE,
        };
        let local_sign = match (local, peer) {
            (Host::Ip(IpAddr::V4(ip), _), _) if ip.is_unspecified() => Self::NEW,
            (Host::Ip(IpAddr::V4(_), _), Peer::Star) => Self::OLD,
            (Host::Ip(IpAddr::V6(_), false), _) => Self::OLD,
            (Host::Ip(IpAddr::V6(ip), true), Peer::Bracketed) if ip.to_ipv4_mapped().is_some() => {
                Self::OLD.and(Self::DEVICE)
            }
            (Host::Ip(IpAddr::V6(ip), true), Peer::Star) if ip.to_ipv4_mapped().is_none() => {
                Self::ALL_STARS.and(Self::DEVICE)
            }
            (Host::Ip(IpAddr::V6(_), true), _) => Self::DEVICE,
            (Host::Ip(IpAddr::V4(_), _) | Host::Star | Host::Name, _) => Self::NONE,
        };
        zone.and(peer_sign).and(local_sign)
    }

    /// The signs of a row.
    #[must_use]
    pub(super) fn of_row(text: &str, row: &Row) -> Self {
        let peer = match text.get(row.peer.host_at.start..row.peer.port.end) {
            Some("0.0.0.0:*" | "0.0.0.0:\\*") => Peer::Zero,
            Some("*:*" | "*:\\*") => Peer::Star,
            Some("[::]:*" | "[::]:\\*") => Peer::Bracketed,
            Some(":::*" | ":::\\*") => Peer::Bare,
            _ => Peer::Other,
        };
        let mut signs = Self::of_addresses(row.local.host, peer, row.local.zone.is_some());
        // `cgroup:` since 5.8; MPTCP since 5.9.
        if row.extras.cgroup.is_some() || row.netid == Some(super::row::Netid::Mptcp) {
            signs = signs.and(Self::NEW);
        }
        signs
    }

    /// Puts what the age of the capture tells into a socket that was read before it was known.
    pub(super) fn apply(self, socket: &mut Socket) {
        if socket.address == Address::Star {
            socket.address = match socket.v6only {
                // Only an IPv6 socket has the flag.
                Some(_) => Address::Dual,
                None => self.star(),
            };
        } else if self.is_new()
            && socket.v6only.is_none()
            && socket.address == Address::Ip(IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED))
        {
            socket.v6only = Some(true);
        }
        if self.shows_devices() && matches!(socket.device, Device::Missing(_)) {
            socket.device = Device::None;
        }
    }
}
