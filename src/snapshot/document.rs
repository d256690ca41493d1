//! The JSON of a snapshot, schema `socklint/snapshot/1`.
//!
//! `list -f json` and `-f ndjson` write it, and every command reads it back with nothing lost. Keys
//! are only ever added within a schema version. Fields of [`SnapshotDocument`] and below are the
//! specification; what is `None` or empty where marked so is left out.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;

use super::{
    Address, Cell, Coverage, Device, Family, Interface, NameKind, Namespace, Owner, Port, Snapshot,
    Socket, Text,
};

use crate::safe;

/// The value of `schema`.
pub const SCHEMA: &str = "socklint/snapshot/1";

/// One snapshot.
#[derive(Debug, Serialize)]
pub struct SnapshotDocument<'a> {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The host.
    pub host: HostDocument<'a>,
    /// The evidence.
    pub source: SourceDocument<'a>,
    /// `transport/family` to `proven`, `presumed` or `absent`. TCP and UDP always stand here; a
    /// transport that does not is absent.
    pub coverage: BTreeMap<String, &'static str>,
    /// `transport/family` to the id of the reason, for what is absent for another reason than that
    /// the evidence does not show the transport. Left out when empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub coverage_missing: BTreeMap<String, &'static str>,
    /// The listeners, in the order of the evidence.
    pub sockets: Sockets<'a>,
    /// The interfaces, or `null` when the evidence does not say.
    pub interfaces: Option<Vec<InterfaceDocument<'a>>>,
    /// Network namespaces beside the first. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<NamespaceDocument<'a>>,
    /// Ports that a scan asked for, by transport: `{"tcp": "22,80,8000-8010"}`. Left out when empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub scanned: &'a BTreeMap<String, String>,
    /// Sysctls of the network, by name. Left out when empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctls: &'a BTreeMap<String, String>,
}

/// The listeners of a snapshot, each a [`SocketDocument`] that is made when it is written: 50,000 of
/// them at once would take more memory than the capture.
#[derive(Debug)]
pub struct Sockets<'a>(&'a Snapshot);

impl Serialize for Sockets<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer
            .collect_seq(self.0.sockets().iter().map(|socket| SocketDocument::new(self.0, socket)))
    }
}

/// The host of a snapshot.
#[derive(Debug, Serialize)]
pub struct HostDocument<'a> {
    /// Its name, or `null`.
    pub name: Option<&'a str>,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
    /// Its kernel. Left out when not known, as is the key below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<&'a str>,
    /// The id that it got when it was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<&'a str>,
}

/// Where a snapshot comes from.
#[derive(Debug, Serialize)]
pub struct SourceDocument<'a> {
    /// `observed`, `declared` or `external`.
    pub kind: &'static str,
    /// Name of the capture format.
    pub format: &'a str,
    /// The path as given; `-` for standard input.
    pub path: &'a str,
    /// The command that made the capture, or `null`.
    pub command: Option<&'a str>,
    /// RFC 3339 moment of the capture, or `null`.
    pub captured_at: Option<&'a str>,
    /// SHA-256 of the capture's bytes, lower-case hex.
    pub sha256: String,
    /// Effective user id of whoever captured. Left out when not known, as is the key below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Capabilities of whoever captured, of those that decide what can be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<&'a [String]>,
}

/// One listener.
#[derive(Debug, Serialize)]
pub struct SocketDocument<'a> {
    /// `tcp`, `udp`, `sctp`, `dccp`, `udplite`, `raw`; `mptcp` for a row of the MPTCP table.
    pub transport: &'static str,
    /// `listen`, or `unconn` for a bound datagram or raw socket.
    pub state: &'static str,
    /// Canonical text of the address; `*` for a dual-stack wildcard that is shown so; `null` when
    /// it is not known.
    pub address: Option<String>,
    /// What is printed where `address` is `null`. Else left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_text: Option<&'a str>,
    /// The port; the IP protocol of a raw socket; `null` when it is not known.
    pub port: Option<u16>,
    /// What is printed where that is no number. Else left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_text: Option<&'a str>,
    /// The bound device; `null` when there is none or it is not known (see `missing`).
    pub interface: Option<&'a str>,
    /// Scope of the address, or `null`.
    pub scope: Option<&'static str>,
    /// The processes that hold it: `null` when the evidence does not say, `[]` when it says that
    /// there is none.
    pub processes: Option<Vec<ProcessDocument<'a>>>,
    /// IPV6_V6ONLY. Left out when the evidence does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub v6only: Option<bool>,
    /// User id. Left out when not known, as are the keys below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// User name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<&'a str>,
    /// Inode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inode: Option<u64>,
    /// systemd unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'a str>,
    /// Container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<&'a str>,
    /// Control group path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<&'a str>,
    /// Network namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub netns: Option<&'a str>,
    /// Facts that rest on the layout or a name table: `transport`, `port`; `socket` where it may be an
    /// earlier one again, through another process. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub presumed: Vec<&'static str>,
    /// Why facts are not, or not wholly, known: `transport`, `address`, `port`, `interface`, `processes` to the
    /// id of the reason. Left out when empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub missing: BTreeMap<&'static str, &'static str>,
    /// 1-based line in the capture.
    pub line: usize,
    /// The capture of that line, where it is not `source.path`: of a host of several files. Else left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<&'a str>,
}

/// One process.
#[derive(Debug, Serialize)]
pub struct ProcessDocument<'a> {
    /// The name as printed, or `null`.
    pub name: Option<&'a str>,
    /// Process id, or `null`.
    pub pid: Option<u32>,
    /// File descriptor, or `null`.
    pub fd: Option<u32>,
    /// What the name is, where it is not the kernel's name, whole: `comm-cut`, `argv`, `argv-cut`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_kind: Option<&'static str>,
    /// Path of the executable. Left out when not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe: Option<&'a str>,
    /// Command line, arguments joined by blanks. Left out when not known, as are the keys below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmdline: Option<&'a str>,
    /// Effective user id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// User name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<&'a str>,
    /// systemd unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'a str>,
    /// Container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<&'a str>,
    /// Control group path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<&'a str>,
}

/// One interface.
#[derive(Debug, Serialize)]
pub struct InterfaceDocument<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its number. Left out when not known, as are the keys below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// Network namespace, where it is not that of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub netns: Option<&'a str>,
    /// Whether it is administratively up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up: Option<bool>,
    /// Its addresses with prefix lengths: `10.0.0.5/24`.
    pub addresses: Vec<String>,
}

/// One network namespace beside the first.
#[derive(Debug, Serialize)]
pub struct NamespaceDocument<'a> {
    /// Its name, as in `netns` of its sockets.
    pub name: &'a str,
    /// Its inode. Left out when not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inode: Option<u64>,
    /// Containers in it. Left out when empty.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub containers: &'a [String],
    /// Sysctls of the network in it. Left out when empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctls: &'a BTreeMap<String, String>,
    /// Id of the reason why its sockets could not be read. Left out when they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<&'static str>,
}

/// Names of [`NameKind`] in JSON; the whole kernel name has none.
pub const NAME_KINDS: [(NameKind, &str); 3] =
    [(NameKind::CommCut, "comm-cut"), (NameKind::Argv, "argv"), (NameKind::ArgvCut, "argv-cut")];

/// `tcp/ipv4`, the keys of `coverage`.
#[must_use]
pub fn coverage_key(transport: super::Transport, family: Family) -> String {
    format!("{}/{}", transport.name(), family.name())
}

impl<'a> SnapshotDocument<'a> {
    /// The document of a snapshot.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot) -> Self {
        Self {
            schema: SCHEMA,
            host: HostDocument {
                name: snapshot.host.name.as_deref(),
                labels: &snapshot.host.labels,
                kernel: snapshot.host.kernel.as_deref(),
                boot_id: snapshot.host.boot_id.as_deref(),
            },
            source: SourceDocument::new(snapshot),
            coverage: coverage(&snapshot.coverage),
            coverage_missing: coverage_missing(&snapshot.coverage),
            sockets: Sockets(snapshot),
            interfaces: snapshot
                .interfaces
                .as_ref()
                .map(|interfaces| interfaces.iter().map(InterfaceDocument::new).collect()),
            namespaces: snapshot.namespaces.iter().map(NamespaceDocument::new).collect(),
            scanned: &snapshot.scanned,
            sysctls: &snapshot.sysctls,
        }
    }
}

/// Writes a snapshot as one document with a line for each socket, which is the socket's `line`:
/// diagnostics and people find it there. Harmful characters are escapes, see [`safe::json`].
///
/// # Errors
///
/// What `out` says.
pub fn write(out: &mut dyn io::Write, snapshot: &Snapshot) -> io::Result<()> {
    let document = SnapshotDocument::new(snapshot);
    let mut lines = Lines { out, line: 1 };
    lines.out.write_all(b"{")?;
    lines.field("schema", &document.schema)?;
    lines.field("host", &document.host)?;
    lines.field("source", &document.source)?;
    lines.field("coverage", &document.coverage)?;
    if !document.coverage_missing.is_empty() {
        lines.field("coverage_missing", &document.coverage_missing)?;
    }
    lines.list("interfaces", document.interfaces.as_deref())?;
    if !document.namespaces.is_empty() {
        lines.list("namespaces", Some(&document.namespaces))?;
    }
    if !document.sysctls.is_empty() {
        lines.field("sysctls", document.sysctls)?;
    }
    if !document.scanned.is_empty() {
        lines.field("scanned", document.scanned)?;
    }
    lines.key("sockets")?;
    lines.out.write_all(b"[")?;
    let mut text = Vec::new();
    for (index, socket) in snapshot.sockets().iter().enumerate() {
        lines.item(index)?;
        let document = SocketDocument::on_line(snapshot, socket, lines.line);
        text.clear();
        safe::push_json(&mut text, &document)?;
        lines.out.write_all(&text)?;
    }
    lines.end()?;
    lines.out.write_all(b"\n}\n")
}

/// A document on its way, and the line that is written at present.
struct Lines<'a> {
    out: &'a mut dyn io::Write,
    line: usize,
}

impl Lines<'_> {
    fn key(&mut self, key: &str) -> io::Result<()> {
        let comma = if self.line == 1 { "" } else { "," };
        self.line += 1;
        write!(self.out, "{comma}\n  \"{key}\": ")
    }

    fn field<T: Serialize>(&mut self, key: &str, value: &T) -> io::Result<()> {
        self.key(key)?;
        safe::json(self.out, value, false)
    }

    /// An array with a line for each item, or `null`.
    fn list<T: Serialize>(&mut self, key: &str, items: Option<&[T]>) -> io::Result<()> {
        self.key(key)?;
        let Some(items) = items else { return self.out.write_all(b"null") };
        self.out.write_all(b"[")?;
        for (index, item) in items.iter().enumerate() {
            self.item(index)?;
            safe::json(self.out, item, false)?;
        }
        self.end()
    }

    fn item(&mut self, index: usize) -> io::Result<()> {
        self.line += 1;
        self.out.write_all(if index == 0 { b"\n    " } else { b",\n    " })
    }

    fn end(&mut self) -> io::Result<()> {
        self.line += 1;
        self.out.write_all(b"\n  ]")
    }
}

impl<'a> InterfaceDocument<'a> {
    fn new(interface: &'a Interface) -> Self {
        let addresses = interface.addresses.iter();
        Self {
            name: &interface.name,
            index: interface.index,
            netns: interface.netns.as_deref(),
            up: interface.up,
            addresses: addresses.map(|(address, prefix)| format!("{address}/{prefix}")).collect(),
        }
    }
}

impl<'a> NamespaceDocument<'a> {
    fn new(namespace: &'a Namespace) -> Self {
        Self {
            name: &namespace.name,
            inode: namespace.inode,
            containers: &namespace.containers,
            sysctls: &namespace.sysctls,
            missing: namespace.missing.map(crate::truth::Missing::id),
        }
    }
}

impl<'a> SourceDocument<'a> {
    /// The document of where a snapshot comes from.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot) -> Self {
        let origin = &snapshot.origin;
        let hash =
            || snapshot.sources.files().first().map(|file| file.sha256()).unwrap_or_default();
        Self {
            kind: origin.vantage.name(),
            format: &origin.format,
            path: &origin.path,
            command: origin.command.as_deref(),
            captured_at: origin.captured_at.as_deref(),
            sha256: origin.sha256.clone().unwrap_or_else(hash),
            uid: origin.uid,
            capabilities: origin.capabilities.as_deref(),
        }
    }
}

fn coverage(coverage: &Coverage) -> BTreeMap<String, &'static str> {
    let always = |transport| matches!(transport, super::Transport::Tcp | super::Transport::Udp);
    coverage
        .iter()
        .filter(|(transport, _, cell)| always(*transport) || !matches!(cell, Cell::Absent(_)))
        .map(|(transport, family, cell)| (coverage_key(transport, family), cell.name()))
        .collect()
}

fn coverage_missing(coverage: &Coverage) -> BTreeMap<String, &'static str> {
    coverage
        .iter()
        .filter_map(|(transport, family, cell)| match cell {
            Cell::Absent(crate::truth::Missing::TransportNotShown) => None,
            Cell::Absent(reason) => Some((coverage_key(transport, family), reason.id())),
            Cell::Proven | Cell::Presumed => None,
        })
        .collect()
}

impl<'a> SocketDocument<'a> {
    /// The document of one socket.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot, socket: &Socket) -> Self {
        let path = snapshot.path(socket);
        Self { path, ..Self::on_line(snapshot, socket, snapshot.line(socket)) }
    }

    fn on_line(snapshot: &'a Snapshot, socket: &Socket, line: usize) -> Self {
        let details = snapshot.details(socket);
        let text = |text: Option<Text>| text.map(|text| snapshot.text(text));
        let mut missing = BTreeMap::new();
        let address = match socket.address {
            Address::Ip(ip) => Some(crate::address::text(ip)),
            Address::Reached(ip) => {
                missing.insert("address", crate::truth::Missing::SeenFromOutside.id());
                Some(ip.to_string())
            }
            Address::Dual => Some("*".to_owned()),
            Address::Star => {
                missing.insert("address", crate::truth::Missing::AddressStar.id());
                Some("*".to_owned())
            }
            Address::Missing(reason) => {
                missing.insert("address", reason.id());
                None
            }
        };
        let port = match socket.port {
            Port::Number(port) => Some(port),
            Port::Missing(reason) => {
                missing.insert("port", reason.id());
                None
            }
        };
        if socket.transport_unknown {
            missing.insert("transport", crate::truth::Missing::TransportNotTold.id());
        }
        if let Device::Missing(reason) = socket.device {
            missing.insert("interface", reason.id());
        }
        if let Some(reason) = socket.owners_missing {
            missing.insert("processes", reason.id());
        }
        let owners = snapshot.owners(socket);
        let mut presumed = Vec::new();
        if socket.transport_inferred {
            presumed.push("transport");
        }
        if socket.port_resolved {
            presumed.push("port");
        }
        if socket.again {
            presumed.push("socket");
        }
        Self {
            transport: if socket.mptcp { "mptcp" } else { socket.transport.name() },
            state: if socket.transport.is_stream() { "listen" } else { "unconn" },
            address,
            address_text: text(details.address_text),
            port,
            port_text: text(details.port_text),
            interface: snapshot.device(socket),
            scope: socket.scope().map(crate::address::Scope::name),
            processes: (!owners.is_empty() || socket.owners_missing.is_none()).then(|| {
                owners.iter().map(|owner| ProcessDocument::new(snapshot, owner)).collect()
            }),
            v6only: socket.v6only,
            uid: details.uid,
            user: text(details.user),
            inode: details.inode,
            unit: text(details.unit),
            container: text(details.container),
            cgroup: text(details.cgroup),
            netns: text(details.netns),
            presumed,
            missing,
            line,
            path: None,
        }
    }
}

impl<'a> ProcessDocument<'a> {
    /// The document of one process.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot, owner: &Owner) -> Self {
        let details = snapshot.owner_details(owner);
        let text = |text: Option<Text>| text.map(|text| snapshot.text(text));
        Self {
            name: owner.name.map(|name| snapshot.text(name)),
            pid: owner.pid,
            fd: owner.fd,
            name_kind: NAME_KINDS
                .into_iter()
                .find(|(kind, _)| *kind == owner.kind)
                .map(|(_, name)| name),
            exe: text(details.exe),
            cmdline: text(details.cmdline),
            uid: details.uid,
            user: text(details.user),
            unit: text(details.unit),
            container: text(details.container),
            cgroup: text(details.cgroup),
        }
    }
}
