//! What a rule can pin of a socket: the facts that are known, as conditions that are surely true of it.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use crate::address::{Scope, unmapped};
use crate::snapshot::{Address, Device, NameKind, Port, Snapshot, Socket, Transport};
use crate::truth::Missing;

/// The default ephemeral range of Linux, `@ephemeral` in a policy. Source: ip(7),
/// `ip_local_port_range`.
const EPHEMERAL: std::ops::RangeInclusive<u16> = 32768..=60999;

/// Programs that hold the sockets of others: what they listen for is told by the port alone.
const HOLDERS: [&str; 8] =
    ["systemd", "init", "inetd", "xinetd", "docker-proxy", "rootlessport", "conmon", "slirp4netns"];

/// Who holds a socket, as far as a rule can say it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holder {
    /// All of these processes and no other.
    Named(BTreeSet<String>),
    /// Known to be held by no process: the kernel itself.
    Nobody,
    /// Only the user is known.
    Uid(u32),
    /// Not known.
    Unknown,
}

impl Holder {
    pub(super) fn of(snapshot: &Snapshot, socket: &Socket) -> Self {
        let owners = snapshot.owners(socket);
        let uid = || snapshot.details(socket).uid.map_or(Self::Unknown, Self::Uid);
        if socket.owners_missing.is_some() {
            return uid();
        }
        if owners.is_empty() {
            return Self::Nobody;
        }
        let name = |owner: &crate::snapshot::Owner| {
            let text = snapshot.text(owner.name?);
            Some(match owner.kind {
                NameKind::Comm | NameKind::CommCut => text.to_owned(),
                NameKind::Argv | NameKind::ArgvCut => first_word(text).to_owned(),
            })
        };
        let names: Option<BTreeSet<String>> = owners.iter().map(name).collect();
        names.map_or_else(uid, Self::Named)
    }

    /// Whether one entry can speak of all its ports: it is one service.
    fn is_one_service(&self) -> bool {
        match self {
            Self::Named(names) => !names.iter().any(|name| HOLDERS.contains(&name.as_str())),
            Self::Nobody | Self::Uid(_) | Self::Unknown => false,
        }
    }
}

/// The program in a first argument, as the condition `process` reads it; all of the text when that is
/// nothing. `sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups` changes while it runs.
fn first_word(text: &str) -> &str {
    let word = text.split([' ', '\t']).next().unwrap_or(text).trim_end_matches(':');
    let word = word.rsplit('/').next().unwrap_or(word);
    if word.is_empty() { text } else { word }
}

/// The address of a socket, as far as a rule can say it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bind {
    /// This address; the IPv4 wildcard too.
    Ip(IpAddr),
    /// The IPv6 wildcard, with whether it is for IPv6 only, where that is known.
    Wildcard6(Option<bool>),
    /// Some wildcard.
    Wildcard,
    /// Not known.
    Unknown,
}

impl Bind {
    fn of(socket: &Socket) -> Self {
        match socket.address {
            Address::Ip(ip) => match unmapped(ip) {
                IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Self::Wildcard6(socket.v6only),
                ip => Self::Ip(ip),
            },
            // Presumed as the audit presumes it.
            Address::Dual => Self::Wildcard6(Some(socket.v6only.unwrap_or(false))),
            Address::Star => Self::Wildcard,
            Address::Reached(_) | Address::Missing(_) => Self::Unknown,
        }
    }

    /// The scope, `None` where the address is not known.
    pub(super) fn scope(&self) -> Option<Scope> {
        match self {
            Self::Ip(ip) => Some(Scope::of(*ip)),
            Self::Wildcard6(_) | Self::Wildcard => Some(Scope::Wildcard),
            Self::Unknown => None,
        }
    }

    /// As `bind` has it.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Ip(ip) => Some(ip.to_string()),
            Self::Wildcard6(_) => Some(Ipv6Addr::UNSPECIFIED.to_string()),
            Self::Wildcard => Some(Scope::Wildcard.name().to_owned()),
            Self::Unknown => None,
        }
    }

    /// Whether IPv4 is accepted, where `bind` alone does not say it.
    pub(super) fn accepts_v4(&self) -> Option<bool> {
        match self {
            Self::Wildcard6(v6only) => v6only.map(|v6only| !v6only),
            Self::Ip(_) | Self::Wildcard | Self::Unknown => None,
        }
    }
}

/// What a rule can pin of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PortPin {
    /// This port.
    Number(u16),
    /// Any of the ephemeral range.
    Ephemeral,
    /// Nothing: it is not known, or is none (raw sockets; port 0).
    Nothing,
}

/// Everything that a rule can pin of a socket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pin {
    pub(super) transport: Transport,
    pub(super) port: PortPin,
    pub(super) bind: Bind,
    /// The bound device. That a socket is bound to none is not pinned: an entry for an address is one
    /// for that address on each device.
    pub(super) device: Option<String>,
}

impl Pin {
    pub(super) fn of(snapshot: &Snapshot, socket: &Socket, holder: &Holder) -> Self {
        let client = socket.transport == Transport::Udp && matches!(holder, Holder::Named(_));
        let port = match socket.port {
            Port::Number(port) if client && EPHEMERAL.contains(&port) => PortPin::Ephemeral,
            Port::Number(port) if port > 0 && socket.transport != Transport::Raw => {
                PortPin::Number(port)
            }
            Port::Number(_) | Port::Missing(_) => PortPin::Nothing,
        };
        let device = match socket.device {
            Device::Named(name) => Some(snapshot.text(name).to_owned()),
            Device::None | Device::Missing(_) => None,
        };
        Self { transport: socket.transport, port, bind: Bind::of(socket), device }
    }

    /// Whether sockets at other endpoints fit the pin too.
    fn is_loose(&self) -> bool {
        match self.port {
            PortPin::Ephemeral => false,
            PortPin::Nothing => true,
            PortPin::Number(_) => matches!(self.bind, Bind::Unknown | Bind::Wildcard),
        }
    }
}

/// What the sockets of one entry have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Service {
    pub(super) holder: Holder,
    /// The port, where the holder does not tell one service from another.
    pub(super) port: Option<PortPin>,
    /// Clients with ephemeral ports.
    pub(super) clients: bool,
    /// The number of sockets is pinned, for want of facts that tell them from others.
    pub(super) counted: bool,
}

impl Service {
    pub(super) fn of(holder: Holder, pin: &Pin, socket: &Socket) -> Self {
        // Evidence that shows owners could show another one at this endpoint.
        let hidden = match holder {
            Holder::Named(_) | Holder::Nobody => false,
            Holder::Uid(_) | Holder::Unknown => {
                socket.owners_missing != Some(Missing::OwnerNotShown)
            }
        };
        let clients = pin.port == PortPin::Ephemeral;
        let port = (!clients && !holder.is_one_service()).then_some(pin.port);
        Self { holder, port, clients, counted: hidden || pin.is_loose() }
    }
}

/// Whether a port is one that clients are given.
pub(super) fn is_ephemeral(port: PortPin) -> bool {
    matches!(port, PortPin::Number(port) if EPHEMERAL.contains(&port))
}
