//! The model of what a host exposes: facts, where each was read, and what the evidence cannot show.
//!
//! A snapshot is plain data. Capture readers fill it through [`Builder`]; the audit, the listing and
//! the reports read it. A fact is known, or missing with the reason ([`Missing`]); "known to have no
//! owner" and "owner not shown" are different values. Strings are [`Text`] handles into the evidence
//! itself (or into a small pool, where the evidence escapes or breaks them), so that a row costs no
//! allocation.

mod adopt;
#[cfg(test)]
pub(crate) mod arbitrary;
mod builder;
pub mod cgroup;
mod coverage;
pub mod document;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

pub use adopt::Adopted;
pub use builder::Builder;
pub use coverage::{Cell, Coverage};

use crate::address::{self, Scope};
use crate::source::{SourceId, SourceMap, Span};
use crate::truth::{Missing, Truth};

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Transport {
    /// TCP; MPTCP too, see [`Socket::mptcp`].
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// DCCP.
    Dccp,
    /// UDP-Lite.
    Udplite,
    /// Raw IP sockets; their "port" is the IP protocol number.
    Raw,
}

impl Transport {
    /// All transports, in the order of the policy language.
    pub const ALL: [Self; 6] =
        [Self::Tcp, Self::Udp, Self::Sctp, Self::Dccp, Self::Udplite, Self::Raw];

    /// The name in the policy language and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Dccp => "dccp",
            Self::Udplite => "udplite",
            Self::Raw => "raw",
        }
    }

    /// The transport with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|transport| transport.name() == name)
    }

    /// Whether its listeners are in state LISTEN; the others are bound and have no peer.
    #[must_use]
    pub fn is_stream(self) -> bool {
        matches!(self, Self::Tcp | Self::Sctp | Self::Dccp)
    }
}

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// Both families.
    pub const ALL: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    /// The name in the policy language and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }

    /// The family with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name() == name)
    }
}

/// How much a verdict may rest on what is shown without proof (`--evidence`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grade {
    /// Rows and headers that a command prints count as that command's.
    #[default]
    Presumed,
    /// Only a known command, and facts that are printed as such.
    Proven,
}

/// A string of the snapshot: a range of the texts of [`Snapshot::sources`], counted as
/// [`SourceMap::base`] does, or of the pool when `start` has its highest bit set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Text {
    start: u32,
    len: u32,
}

/// A byte range in the text that a socket was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct At {
    /// First byte.
    pub start: u32,
    /// Length in bytes; 0 where the evidence does not show the thing.
    pub len: u32,
}

impl At {
    /// A place from a byte range.
    #[must_use]
    pub fn new(range: std::ops::Range<usize>) -> Self {
        Self {
            start: crate::source::to_u32(range.start),
            len: crate::source::to_u32(range.end.saturating_sub(range.start)),
        }
    }
}

/// The local address of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// An address, as printed: `::` says nothing of IPv4, see [`Socket::v6only`]; an IPv4-mapped
    /// address stays one.
    Ip(IpAddr),
    /// `*` where the source prints dual-stack IPv6 wildcards so (ss since iproute2 4.14).
    Dual,
    /// `*` of a text that does not tell whether it is the IPv4 wildcard or a dual-stack one.
    Star,
    /// Something answered at this address, seen from another machine: the socket may be bound to the
    /// address or to a wildcard, or stand behind a translation and be bound to any other.
    Reached(IpAddr),
    /// Not known. [`Details::address_text`] has what is printed.
    Missing(Missing),
}

/// The local port of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// A port, or the IP protocol of a raw socket.
    Number(u16),
    /// Not known. [`Details::port_text`] has what is printed.
    Missing(Missing),
}

/// The device that a socket is bound to (SO_BINDTODEVICE or the zone of its address).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// Known to be bound to none.
    None,
    /// This device.
    Named(Text),
    /// Not shown.
    Missing(Missing),
}

/// A process that holds a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The name as printed.
    pub name: Option<Text>,
    /// Process id.
    pub pid: Option<u32>,
    /// File descriptor.
    pub fd: Option<u32>,
    /// What the name is, which decides what a comparison with it proves.
    pub kind: NameKind,
    /// Index in the snapshot's [`OwnerDetails`].
    pub details: Option<u32>,
    /// Where the name stands.
    pub at: At,
}

/// Facts of a process that few captures show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OwnerDetails {
    /// Path of the executable.
    pub exe: Option<Text>,
    /// Command line, arguments joined by blanks.
    pub cmdline: Option<Text>,
    /// Effective user id.
    pub uid: Option<u32>,
    /// User name.
    pub user: Option<Text>,
    /// Control group path.
    pub cgroup: Option<Text>,
    /// systemd unit.
    pub unit: Option<Text>,
    /// Container, by name or id.
    pub container: Option<Text>,
}

/// What the name of a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NameKind {
    /// The kernel's name of the task, whole. Source: proc(5), `/proc/pid/comm`.
    Comm,
    /// A beginning of the kernel's name: 15 bytes long, or cut by the tool.
    CommCut,
    /// The program's first argument (or its base name), which the process can set to anything.
    Argv,
    /// A beginning of the first argument.
    ArgvCut,
}

/// Facts of a socket that few captures show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Details {
    /// Numeric user id of the socket.
    pub uid: Option<u32>,
    /// User name of the socket.
    pub user: Option<Text>,
    /// Inode of the socket.
    pub inode: Option<u64>,
    /// Control group path.
    pub cgroup: Option<Text>,
    /// systemd unit.
    pub unit: Option<Text>,
    /// Container, by name or id.
    pub container: Option<Text>,
    /// Network namespace, by name.
    pub netns: Option<Text>,
    /// What is printed where the address is not known.
    pub address_text: Option<Text>,
    /// What is printed for the port, where that is no number.
    pub port_text: Option<Text>,
    /// The line in the capture that a snapshot document was made from; else the row tells.
    pub line: Option<u32>,
    /// The name of that capture, where it is not [`Origin::path`].
    pub path: Option<Text>,
}

/// One listener: a connection-oriented socket in LISTEN, or a bound datagram or raw socket with no
/// peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Socket {
    /// The transport.
    pub transport: Transport,
    /// The transport is told by the layout only.
    pub transport_inferred: bool,
    /// The transport is not told: [`Socket::transport`] is the likeliest one and counts for nothing.
    pub transport_unknown: bool,
    /// The row is of the MPTCP table: the same exposure as the TCP row that stands beside it.
    pub mptcp: bool,
    /// The port was read from a service name.
    pub port_resolved: bool,
    /// It may be the socket of an earlier row, seen once more through another process: it counts as one that may
    /// be there, and no other socket's owners are all known either.
    pub again: bool,
    /// The local address.
    pub address: Address,
    /// IPV6_V6ONLY, where the evidence tells.
    pub v6only: Option<bool>,
    /// The local port.
    pub port: Port,
    /// The bound device.
    pub device: Device,
    /// First owner in [`Snapshot::owners`].
    pub owners_start: u32,
    /// How many owners are known.
    pub owners_len: u32,
    /// Why the known owners may not be all; `None` when they are (none at all, if none is known).
    pub owners_missing: Option<Missing>,
    /// Index in the snapshot's details.
    pub details: Option<u32>,
    /// The text that the socket was read from.
    pub source: SourceId,
    /// The whole row.
    pub row: At,
    /// The address in it, with the device where they are printed together.
    pub address_at: At,
    /// The port in it.
    pub port_at: At,
}

impl Socket {
    /// A socket of which nothing but its transport and row are known.
    #[must_use]
    pub fn new(transport: Transport, source: SourceId, row: At) -> Self {
        Self {
            transport,
            transport_inferred: false,
            transport_unknown: false,
            mptcp: false,
            port_resolved: false,
            again: false,
            address: Address::Missing(Missing::AddressNotShown),
            v6only: None,
            port: Port::Missing(Missing::PortNotShown),
            device: Device::Missing(Missing::DeviceNotShown),
            owners_start: 0,
            owners_len: 0,
            owners_missing: Some(Missing::OwnerNotShown),
            details: None,
            source,
            row,
            address_at: At::default(),
            port_at: At::default(),
        }
    }

    /// The scope of the bound address; `None` when the address is not known.
    #[must_use]
    pub fn scope(&self) -> Option<Scope> {
        match self.address {
            Address::Ip(ip) | Address::Reached(ip) => Some(Scope::of(ip)),
            Address::Dual | Address::Star => Some(Scope::Wildcard),
            Address::Missing(_) => None,
        }
    }

    /// Whether the socket accepts packets of `family`.
    ///
    /// IPv4-mapped addresses accept IPv4 only. An IPv6 wildcard accepts IPv4 too unless it is
    /// v6-only, which is unknown where the evidence does not tell. Where ss prints `*` its kernel
    /// may still have hidden the v6-only flag, so that is presumed, not proven.
    #[must_use]
    pub fn accepts(&self, family: Family, grade: Grade) -> Truth {
        let v4 = family == Family::Ipv4;
        match self.address {
            Address::Ip(ip) => match address::unmapped(ip) {
                IpAddr::V4(_) => v4.into(),
                IpAddr::V6(Ipv6Addr::UNSPECIFIED) if v4 => match self.v6only {
                    Some(v6only) => (!v6only).into(),
                    None => Truth::missing(Missing::DualStack),
                },
                IpAddr::V6(_) => (!v4).into(),
            },
            Address::Dual if v4 => match (self.v6only, grade) {
                (Some(v6only), _) => (!v6only).into(),
                (None, Grade::Presumed) => Truth::Yes,
                (None, Grade::Proven) => Truth::missing(Missing::DualStack),
            },
            Address::Dual => Truth::Yes,
            Address::Star if v4 && self.v6only != Some(true) => Truth::Yes,
            Address::Star => Truth::missing(Missing::AddressStar),
            Address::Reached(ip) if ip.is_ipv4() == v4 => Truth::Yes,
            Address::Reached(_) => Truth::missing(Missing::SeenFromOutside),
            Address::Missing(kind) => Truth::missing(kind),
        }
    }

    /// Span of the whole row.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span_of(self.row)
    }

    /// Span of a place in the text that the socket was read from; of the row where `at` is empty.
    #[must_use]
    pub fn span_of(&self, at: At) -> Span {
        let At { start, len } = if at.len == 0 { self.row } else { at };
        Span { source: self.source, start, end: start.saturating_add(len) }
    }

    /// Span of address and port together, as printed.
    #[must_use]
    pub fn endpoint_span(&self) -> Span {
        let (address, port) = (self.span_of(self.address_at), self.span_of(self.port_at));
        match (self.address_at.len, self.port_at.len) {
            (0, 0) => self.span(),
            (0, _) => port,
            (_, 0) => address,
            _ => Span {
                source: self.source,
                start: address.start.min(port.start),
                end: address.end.max(port.end),
            },
        }
    }
}

/// What kind of evidence a snapshot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Vantage {
    /// Read on the host: what listens.
    #[default]
    Observed,
    /// What was asked for.
    Declared,
    /// Seen from another machine.
    External,
}

impl Vantage {
    /// The name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Declared => "declared",
            Self::External => "external",
        }
    }

    /// Why such evidence never shows that nothing else listens; `None` when it can.
    #[must_use]
    pub fn hides(self) -> Option<Missing> {
        match self {
            Self::Observed => None,
            Self::Declared => Some(Missing::Declared),
            Self::External => Some(Missing::SeenFromOutside),
        }
    }

    /// The vantage with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Observed, Self::Declared, Self::External]
            .into_iter()
            .find(|vantage| vantage.name() == name)
    }
}

/// Where a snapshot comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// What kind of evidence it is.
    pub vantage: Vantage,
    /// Name of the capture format.
    pub format: String,
    /// The path as given; `-` for standard input.
    pub path: String,
    /// The command that made the capture, where known.
    pub command: Option<String>,
    /// RFC 3339 moment of the capture, where known.
    pub captured_at: Option<String>,
    /// SHA-256 of the bytes, where they are not at hand: a snapshot document quotes it.
    pub sha256: Option<String>,
    /// Effective user id of whoever captured, where known.
    pub uid: Option<u32>,
    /// The capabilities that whoever captured had, of those that decide what can be seen, by their
    /// names without `cap_`, capabilities(7); where known.
    pub capabilities: Option<Vec<String>>,
    /// Where it was captured, when that is inside the host and not in its own network namespace.
    pub inside: Option<Inside>,
}

/// A container or network namespace that evidence was captured in, while the host's own sockets are not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// What the command calls it: `web` of `docker exec web ss -lntup`.
    pub name: String,
    /// What is covered of its sockets; of the host nothing is.
    pub coverage: Coverage,
}

/// The host that a snapshot is of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Host {
    /// Its name, where known.
    pub name: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its kernel: system, release and machine, where known.
    pub kernel: Option<String>,
    /// The id that it got when it was started, where known. Source: random(4).
    pub boot_id: Option<String>,
}

/// A network interface with the addresses that it owns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its number, which stands for the name in some address zones. Source: if_indextoname(3).
    pub index: Option<u32>,
    /// Network namespace, by name; `None` for that of the host.
    pub netns: Option<String>,
    /// Whether it is administratively up (IFF_UP), where known.
    pub up: Option<bool>,
    /// Addresses with their prefix lengths.
    pub addresses: Vec<(IpAddr, u8)>,
}

/// A network namespace of the host beside its first one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Namespace {
    /// Its name, as the sockets in it have it in [`Details::netns`].
    pub name: String,
    /// Inode of the namespace (`net:[N]`). Source: namespaces(7).
    pub inode: Option<u64>,
    /// Containers in it, by name or id.
    pub containers: Vec<String>,
    /// Sysctls of the network in it, by name.
    pub sysctls: BTreeMap<String, String>,
    /// Why its sockets could not be read; `None` when they were.
    pub missing: Option<Missing>,
}

/// What a host exposes, as one piece of evidence shows it.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The host.
    pub host: Host,
    /// The evidence.
    pub origin: Origin,
    /// For each transport and family: are its listeners all there?
    pub coverage: Coverage,
    /// The texts that spans and strings point into.
    pub sources: SourceMap,
    /// The interfaces of the host; `None` when the evidence does not say.
    pub interfaces: Option<Vec<Interface>>,
    /// Network namespaces beside the first, where the evidence tells of them.
    pub namespaces: Vec<Namespace>,
    /// Ports that a scan asked for, by transport, as the scanner writes them: `22,80,8000-8010`.
    pub scanned: BTreeMap<String, String>,
    /// Sysctls of the network, in the first network namespace, by name: `net.ipv6.bindv6only`.
    pub sysctls: BTreeMap<String, String>,
    sockets: Vec<Socket>,
    owners: Vec<Owner>,
    details: Vec<Details>,
    owner_details: Vec<OwnerDetails>,
    pool: String,
}

impl Snapshot {
    /// The listeners, in the order of the evidence.
    #[must_use]
    pub fn sockets(&self) -> &[Socket] {
        &self.sockets
    }

    /// The known owners of a socket.
    #[must_use]
    pub fn owners(&self, socket: &Socket) -> &[Owner] {
        let start = socket.owners_start as usize;
        self.owners.get(start..start + socket.owners_len as usize).unwrap_or_default()
    }

    /// The rarer facts of a socket.
    #[must_use]
    pub fn details(&self, socket: &Socket) -> Details {
        let at = socket.details.and_then(|at| self.details.get(at as usize));
        at.copied().unwrap_or_default()
    }

    /// The rarer facts of a process.
    #[must_use]
    pub fn owner_details(&self, owner: &Owner) -> OwnerDetails {
        let at = owner.details.and_then(|at| self.owner_details.get(at as usize));
        at.copied().unwrap_or_default()
    }

    /// A string of the snapshot; not sanitised.
    #[must_use]
    pub fn text(&self, text: Text) -> &str {
        let len = text.len as usize;
        if text.start & Text::POOLED == 0 {
            self.sources.stretch(text.start, text.len)
        } else {
            let start = (text.start & !Text::POOLED) as usize;
            self.pool.get(start..start + len).unwrap_or_default()
        }
    }

    /// The name of the bound device, when it is known and there is one.
    #[must_use]
    pub fn device(&self, socket: &Socket) -> Option<&str> {
        match socket.device {
            Device::Named(name) => Some(self.text(name)),
            Device::None | Device::Missing(_) => None,
        }
    }

    /// The 1-based line of a socket in the capture that it was first read from.
    #[must_use]
    pub fn line(&self, socket: &Socket) -> usize {
        match self.details(socket).line {
            Some(line) => line as usize,
            None => self
                .sources
                .get(socket.source)
                .map_or(0, |file| file.line(socket.row.start as usize)),
        }
    }

    /// The name of the capture that [`Snapshot::line`] counts in, where that is not [`Origin::path`]: of a host
    /// of several files.
    #[must_use]
    pub fn path(&self, socket: &Socket) -> Option<&str> {
        let details = self.details(socket);
        let path = match (details.path, details.line) {
            (Some(path), _) => self.text(path),
            (None, Some(_)) => return None,
            (None, None) => self.sources.get(socket.source)?.name(),
        };
        (path != self.origin.path).then_some(path)
    }

    /// The address as people read it: canonical text, `*` as printed, or what stands in its place.
    #[must_use]
    pub fn address_text(&self, socket: &Socket) -> String {
        match socket.address {
            Address::Ip(ip) | Address::Reached(ip) => ip.to_string(),
            Address::Dual | Address::Star => "*".to_owned(),
            Address::Missing(_) => self
                .details(socket)
                .address_text
                .map_or_else(|| "?".to_owned(), |text| self.text(text).to_owned()),
        }
    }

    /// The port as people read it: a number, a name, or `?`.
    #[must_use]
    pub fn port_text(&self, socket: &Socket) -> String {
        match socket.port {
            Port::Number(port) => port.to_string(),
            Port::Missing(_) => self
                .details(socket)
                .port_text
                .map_or_else(|| "?".to_owned(), |text| self.text(text).to_owned()),
        }
    }

    /// Address, device and port: `0.0.0.0:80`, `[::1]:25`, `*:22`, `[fe80::1]%eth0:546`.
    #[must_use]
    pub fn endpoint(&self, socket: &Socket) -> String {
        let mut text = String::with_capacity(24);
        self.push_endpoint(socket, &mut text);
        text
    }

    /// Appends [`Snapshot::endpoint`] to a text.
    pub fn push_endpoint(&self, socket: &Socket, text: &mut String) {
        match socket.address {
            Address::Ip(ip) | Address::Reached(ip) => address::push_in_endpoint(text, ip),
            Address::Dual | Address::Star => text.push('*'),
            Address::Missing(_) => text.push_str(&self.address_text(socket)),
        }
        if let Some(name) = self.device(socket) {
            text.push('%');
            text.push_str(name);
        }
        text.push(':');
        match socket.port {
            Port::Number(port) => address::push_number(text, u64::from(port)),
            Port::Missing(_) => text.push_str(&self.port_text(socket)),
        }
    }
}

impl Text {
    pub(super) const POOLED: u32 = 1 << 31;
}
