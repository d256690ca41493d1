//! An endpoint as a user writes it, and the snapshot of a host on which nothing else listens.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::sync::Arc;

use crate::address::{self, HostText};
use crate::policy::{nearest, suggestion};
use crate::services;
use crate::snapshot::{
    Address, At, Builder, Cell, Coverage, Details, Device, NameKind, Owner, OwnerDetails, Port,
    Snapshot, Socket, Transport,
};
use crate::source::SourceFile;
use crate::truth::Missing;

/// Where a socket would be bound.
///
/// Written `[transport/]address:port`. The transport is one of the policy language, `tcp` where none
/// is named. The address is IPv4, IPv6 in brackets, or `*` for a dual-stack wildcard, each with
/// `%device` where the socket is bound to one. The port is a number (1 to 65535; of a raw socket the
/// IP protocol, 0 to 255) or a service name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The transport.
    pub transport: Transport,
    /// Whether the text names it.
    pub transport_named: bool,
    /// The address; [`Address::Dual`] for `*`.
    pub address: Address,
    /// The device behind `%`.
    pub device: Option<String>,
    /// The port.
    pub port: u16,
}

/// Why a text is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointError {
    /// What is so, in one clause; quotes the text.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl EndpointError {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

/// Help that shows the whole grammar.
const GRAMMAR: &str = "write `tcp/0.0.0.0:5432`, `udp/[::1]:53`, `*:22` or `tcp/10.0.0.5%eth0:ssh`";

impl Endpoint {
    /// Reads an endpoint.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, with the way to write it.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let (transport, rest) = match text.split_once('/') {
            Some((name, rest)) => (Some(read_transport(name)?), rest),
            None => (None, text),
        };
        let transport_named = transport.is_some();
        let transport = transport.unwrap_or(Transport::Tcp);
        let Some((host, port)) = rest.rsplit_once(':') else {
            return Err(EndpointError::new(format!("`{text}` names no port"), GRAMMAR));
        };
        let (address, device) = read_address(host, port)?;
        let port = read_port(port, transport)?;
        Ok(Self { transport, transport_named, address, device, port })
    }
}

fn read_transport(name: &str) -> Result<Transport, EndpointError> {
    Transport::from_name(&name.to_lowercase()).ok_or_else(|| {
        let help = match name {
            "mptcp" => "MPTCP is `tcp` to a policy".to_owned(),
            "tcp4" | "tcp6" | "udp4" | "udp6" => {
                "the address tells the family: `tcp/[::]:80`".to_owned()
            }
            name if name.parse::<std::net::IpAddr>().is_ok() => {
                "an endpoint has one address, not a prefix".to_owned()
            }
            _ => suggestion(name, &Transport::ALL.map(Transport::name), "the transports"),
        };
        EndpointError::new(format!("`{name}` is no transport"), help)
    })
}

/// Reads what stands before the port; `port` is for the help only.
fn read_address(host: &str, port: &str) -> Result<(Address, Option<String>), EndpointError> {
    if host.is_empty() {
        let help =
            format!("write `*:{port}` (every address), `0.0.0.0:{port}` or `127.0.0.1:{port}`");
        return Err(EndpointError::new("the endpoint names no address", help));
    }
    let text = address::parse(host);
    let address = match text.host {
        HostText::Ip(_) if host.contains(':') && !host.starts_with('[') => {
            let help = format!("IPv6 addresses stand in brackets: `[{host}]:{port}`");
            return Err(EndpointError::new(
                format!("where the address ends in `{host}:{port}` is not clear"),
                help,
            ));
        }
        HostText::Ip(ip) => Address::Ip(ip),
        HostText::Star => Address::Dual,
        HostText::Other(name) => {
            let help = match name {
                "localhost" => format!("write `127.0.0.1:{port}` or `[::1]:{port}`"),
                "any" | "all" => format!("write `*:{port}` for every address"),
                name if name.contains(':') && !name.starts_with('[') => {
                    format!("IPv6 addresses stand in brackets: `[::1]:{port}`; {GRAMMAR}")
                }
                _ => GRAMMAR.to_owned(),
            };
            return Err(EndpointError::new(format!("`{name}` is no address"), help));
        }
    };
    Ok((address, text.zone.map(str::to_owned)))
}

fn read_port(text: &str, transport: Transport) -> Result<u16, EndpointError> {
    let number = text.parse::<u16>().ok();
    if transport == Transport::Raw {
        return number.filter(|protocol| *protocol <= 255).ok_or_else(|| {
            let help = "of a raw socket it is the number of an IP protocol, 0 to 255: ICMP is `raw/0.0.0.0:1`";
            EndpointError::new(format!("`{text}` is no IP protocol"), help)
        });
    }
    if let Some(port) = number.filter(|port| *port > 0) {
        return Ok(port);
    }
    if let Some(port) = services::port(text, transport) {
        return Ok(port);
    }
    let help = match text {
        "0" => "port 0 asks the kernel for any port: name the one that it would be".to_owned(),
        "" | "*" => "name one: a policy judges each port for itself".to_owned(),
        text if text.bytes().all(|byte| byte.is_ascii_digit()) => "ports are 1 to 65535".to_owned(),
        text => match nearest(text, services::names()) {
            Some(near) => format!("did you mean `{near}`? A number always works"),
            None => "ports are 1 to 65535, or a service name".to_owned(),
        },
    };
    Err(EndpointError::new(format!("`{text}` is no port"), help))
}

/// What is said of the socket beside its endpoint. What is not said is unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Binder {
    /// The processes that hold it.
    pub processes: Vec<String>,
    /// The path of the executable that they run.
    pub exe: Option<String>,
    /// The user's name.
    pub user: Option<String>,
    /// The user's number.
    pub uid: Option<u32>,
    /// The systemd unit.
    pub unit: Option<String>,
    /// The container.
    pub container: Option<String>,
    /// The device that it is bound to, or that owns the address.
    pub interface: Option<String>,
    /// An IPv6 wildcard that accepts no IPv4 (IPV6_V6ONLY).
    pub v6only: bool,
    /// The host.
    pub host: Option<String>,
    /// The labels of the host.
    pub labels: BTreeMap<String, String>,
}

impl Binder {
    /// A host on which one socket listens, at `endpoint`, and of which every listener is known.
    #[must_use]
    pub fn snapshot(&self, endpoint: &Endpoint) -> Snapshot {
        let mut builder = Builder::new(Arc::new(SourceFile::new("endpoint", "")));
        // An executable of no named process is that of one whose name is open.
        let names: Vec<Option<&String>> = match (self.processes.as_slice(), &self.exe) {
            ([], Some(_)) => vec![None],
            (names, _) => names.iter().map(Some).collect(),
        };
        for name in names {
            let name = name.map(|name| builder.pooled(name));
            let exe = self.exe.as_ref().map(|exe| builder.pooled(exe));
            let kind = NameKind::Comm;
            let mut owner =
                Owner { name, pid: None, fd: None, details: None, kind, at: At::default() };
            builder.owner_details(&mut owner, OwnerDetails { exe, ..OwnerDetails::default() });
            builder.owner(owner);
        }
        let mut socket = Socket::new(endpoint.transport, builder.source(), At::default());
        socket.address = endpoint.address;
        socket.port = Port::Number(endpoint.port);
        socket.v6only = match endpoint.address {
            Address::Dual => Some(self.v6only),
            Address::Ip(ip) if ip == Ipv6Addr::UNSPECIFIED => self.v6only.then_some(true),
            Address::Ip(_) | Address::Star | Address::Reached(_) | Address::Missing(_) => None,
        };
        let unsaid = self.processes.is_empty() && self.exe.is_none();
        socket.owners_missing = unsaid.then_some(Missing::OwnerNotShown);
        socket.device = match endpoint.device.as_ref().or(self.interface.as_ref()) {
            Some(device) => Device::Named(builder.pooled(device)),
            None => Device::None,
        };
        let details = Details {
            uid: self.uid,
            user: self.user.as_ref().map(|user| builder.pooled(user)),
            unit: self.unit.as_ref().map(|unit| builder.pooled(unit)),
            container: self.container.as_ref().map(|container| builder.pooled(container)),
            ..Details::default()
        };
        builder.details(&mut socket, details);
        builder.socket(socket);
        let snapshot = builder.snapshot_mut();
        snapshot.host.name.clone_from(&self.host);
        snapshot.host.labels.clone_from(&self.labels);
        snapshot.coverage = Coverage::uniform(Cell::Proven);
        builder.finish()
    }
}
