//! Output of `ss`, `netstat` and `lsof` that `jc` made JSON of.
//!
//! ```json
//! [{"netid": "tcp", "state": "LISTEN", "recv_q": 0, "send_q": 128, "local_address": "0.0.0.0",
//!   "local_port": "22", "peer_address": "0.0.0.0", "peer_port": "*", "local_port_num": 22}]
//! ```
//!
//! What the tool printed is told, and neither the command nor the header: so coverage is presumed for what
//! rows are there of, and lsof's covers nothing. Facts are as good as those of the tool: netstat cuts
//! addresses, lsof cuts names, and `*` is of one family or both.
//! Source: jc, docs/parsers/{ss,netstat,lsof}.md.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::document::{Draft, Prompts, port_number};
use super::ss::protocol_number;
use super::tree::{Kind, Value};
use super::{Capture, CaptureFormat, Document};
use crate::services;
use crate::snapshot::{
    Address, At, Cell, Coverage, Details, Device, Family, NameKind, Owner, OwnerDetails, Port,
    Socket, Transport, Vantage,
};
use crate::truth::Missing;

/// The format `jc`.
pub struct Jc;

impl CaptureFormat for Jc {
    fn name(&self) -> &'static str {
        "jc"
    }

    fn about(&self) -> &'static str {
        "ss, netstat and lsof as JSON that jc made"
    }

    fn document(&self, document: &Document) -> Option<Vec<Capture>> {
        if !document.holds_key(&["netid", "proto", "size_off"]) {
            return None;
        }
        let values = document.json_values();
        let prompts = Prompts::of(document);
        let mut hosts: Vec<(Option<&str>, Vec<Row<'_>>)> = Vec::new();
        for (root, banner) in values {
            let host = banner.or_else(|| prompts.before(root.range().start));
            let alone = (root.kind() == Kind::Object).then_some(root);
            let rows = alone.into_iter().chain(root.items());
            let rows: Vec<_> = rows.filter_map(|row| Some((row, Tool::of(row)?))).collect();
            match hosts.last_mut() {
                Some((last, known)) if *last == host => known.extend(rows),
                _ => hosts.push((host, rows)),
            }
        }
        hosts.retain(|(_, rows)| !rows.is_empty());
        let read = |(host, rows): (Option<&str>, Vec<_>)| capture(document, host, &rows);
        let captures: Vec<Capture> = hosts.into_iter().map(read).collect();
        (!captures.is_empty()).then(|| document.finish(captures))
    }
}

/// A row, and the tool that printed it.
type Row<'a> = (Value<'a>, Tool);

/// The tool behind a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    Ss,
    Netstat,
    Lsof,
}

impl Tool {
    fn of(row: Value<'_>) -> Option<Self> {
        let has = |key| row.has(key);
        match () {
            () if has("netid") && has("state") => Some(Self::Ss),
            () if has("proto") && (has("local_address") || has("kind")) => Some(Self::Netstat),
            () if has("command") && has("type") && has("name") && has("node") => Some(Self::Lsof),
            () => None,
        }
    }
}

/// What all rows together tell.
#[derive(Default)]
struct Shown {
    /// A `0.0.0.0` in the table of ss: it is 4.14 or newer, and its `*` is of both families.
    new_ss: bool,
    /// An address that netstat would have cut.
    whole: bool,
}

/// netstat's limit of address and port. Source: net-tools, `addr_do_one`.
const NETSTAT_WIDTH: usize = 22;

/// lsof's limit of a command. Source: lsof(8), `+c`.
const LSOF_COMMAND: usize = 9;

fn capture(document: &Document, host: Option<&str>, rows: &[Row<'_>]) -> Capture {
    let mut draft = Draft::new(document, "jc", Vantage::Observed);
    draft.host(host);
    let mut shown = Shown::default();
    for (row, tool) in rows {
        let text = |key| row.get(&[key]).and_then(Value::scalar).unwrap_or_default();
        let (address, peer) = (text("local_address"), text("peer_address"));
        shown.new_ss |= *tool == Tool::Ss && (address == "0.0.0.0" || peer == "0.0.0.0");
        shown.whole |= address.len() + text("local_port").len() > NETSTAT_WIDTH;
    }
    let mut coverage = Coverage::default();
    let mut met = Vec::new();
    let mut devices: BTreeMap<Cow<'_, str>, usize> = BTreeMap::new();
    let mut sockets: Vec<Listener<'_>> = Vec::new();
    for &(row, tool) in rows {
        let read = match tool {
            Tool::Ss | Tool::Netstat => endpoint(row, tool),
            Tool::Lsof => file(row),
        };
        match read {
            Ok(Some(found)) if tool == Tool::Lsof => {
                // One socket stands once for each process and descriptor.
                let device = row.get(&["device"]).and_then(Value::scalar).unwrap_or_default();
                let next = sockets.len();
                let at =
                    if device.is_empty() { next } else { *devices.entry(device).or_insert(next) };
                match sockets.get_mut(at) {
                    Some(socket) => socket.rows.push(row),
                    None => sockets.push(Listener { tool, found, rows: vec![row] }),
                }
            }
            Ok(Some(found)) => {
                met.push((found.transport, found.family()));
                sockets.push(Listener { tool, found, rows: vec![row] });
            }
            Ok(None) => {}
            Err(why) => draft.unread(row.range(), why),
        }
    }
    for socket in &sockets {
        add(&mut draft, socket, &shown);
    }
    for transport in Transport::ALL {
        for family in Family::ALL {
            let here = met.iter().any(|&(other, _)| other == transport)
                && met.iter().any(|&(_, other)| other == Some(family));
            if here {
                coverage.set(transport, family, Cell::Presumed);
            } else if rows.iter().any(|(_, tool)| *tool == Tool::Lsof) {
                coverage.set(transport, family, Cell::Absent(Missing::PartialTool));
            }
        }
    }
    draft.capture(coverage, "rows of ss, netstat or lsof in JSON of jc")
}

/// A listener with its rows.
struct Listener<'a> {
    tool: Tool,
    found: Found<'a>,
    rows: Vec<Value<'a>>,
}

/// An endpoint that listens.
struct Found<'a> {
    transport: Transport,
    address: Cow<'a, str>,
    address_value: Value<'a>,
    port: Cow<'a, str>,
    port_value: Value<'a>,
    /// The family that the row names.
    family: Option<Family>,
}

impl Found<'_> {
    fn family(&self) -> Option<Family> {
        let six = self.address.contains(':') || self.address == "*";
        self.family.or(Some(if six { Family::Ipv6 } else { Family::Ipv4 }))
    }
}

/// A row of ss or netstat; nothing for what is no listener.
fn endpoint(row: Value<'_>, tool: Tool) -> Result<Option<Found<'_>>, &'static str> {
    let text = |key: &str| row.get(&[key]).and_then(Value::scalar).unwrap_or_default();
    let named = text(if tool == Tool::Ss { "netid" } else { "proto" });
    let bare = named.trim_end_matches(|c: char| c.is_ascii_digit());
    let state = text("state");
    let transport = match bare {
        // ss 3.7 to 3.13 writes `tcp` in UDP rows.
        "tcp" if state == "UNCONN" => Transport::Udp,
        "mptcp" => Transport::Tcp,
        "icmp" => Transport::Raw,
        "udpl" => Transport::Udplite,
        bare => match Transport::from_name(bare) {
            Some(transport) => transport,
            // Unix, netlink, packet and other sockets.
            None => return Ok(None),
        },
    };
    let peer = text(if tool == Tool::Ss { "peer_port" } else { "foreign_port" });
    let listens = match transport.is_stream() {
        true => matches!(state.as_ref(), "LISTEN" | "LISTENING"),
        false => {
            !matches!(state.as_ref(), "ESTAB" | "ESTABLISHED")
                && matches!(peer.as_ref(), "*" | "" | "0")
        }
    };
    if !listens {
        return Ok(None);
    }
    // jc splits the endpoints of transports that it knows; those of others it calls a path, as a whole.
    let path = row.get(&["path"]).filter(|_| tool == Tool::Ss && !row.has("local_address"));
    let whole = path.and_then(|path| Some((path, path.string()?)));
    let whole = whole.as_ref().and_then(|(path, text)| Some((*path, text.rsplit_once(':')?)));
    if let Some((path, (address, port))) = whole {
        let zero = port == "*" || port == "0";
        return Ok((!zero).then(|| Found {
            transport,
            address: Cow::Owned(address.to_owned()),
            address_value: path,
            port: Cow::Owned(port.to_owned()),
            port_value: path,
            family: None,
        }));
    }
    let address_value = row.get(&["local_address"]).ok_or("it has no `local_address`")?;
    let port_value = row.get(&["local_port", "local_port_num"]).ok_or("it has no `local_port`")?;
    let port = port_value.scalar().ok_or("its port is neither a number nor a name")?;
    if port == "*" || port == "0" && transport != Transport::Raw {
        return Ok(None);
    }
    let family = match (tool, named.as_ref()) {
        (Tool::Netstat, name) if name.ends_with("46") => None,
        (Tool::Netstat, name) if name.ends_with('6') => Some(Family::Ipv6),
        (Tool::Netstat, name) if name.ends_with('4') => Some(Family::Ipv4),
        _ => None,
    };
    let address = address_value.scalar().unwrap_or_default();
    Ok(Some(Found { transport, address, address_value, port, port_value, family }))
}

/// A row of lsof; nothing for what is no listener.
fn file(row: Value<'_>) -> Result<Option<Found<'_>>, &'static str> {
    let text = |key: &str| row.get(&[key]).and_then(Value::scalar).unwrap_or_default();
    let family = match text("type").as_ref() {
        "IPv4" => Family::Ipv4,
        "IPv6" => Family::Ipv6,
        _ => return Ok(None),
    };
    let told = text("name");
    let transport = match text("node").as_ref() {
        // Newer versions of jc want a number here and write nothing for the name of a protocol. A state is of
        // TCP, and UDP has none.
        "" if told.contains("(LISTEN)") => Transport::Tcp,
        "" if told.contains(':') && !told.ends_with(')') => Transport::Udp,
        "TCP" => Transport::Tcp,
        "UDP" => Transport::Udp,
        "UDPLITE" => Transport::Udplite,
        "SCTP" => Transport::Sctp,
        _ => return Ok(None),
    };
    let name_value = row.get(&["name"]).ok_or("it has no `name`")?;
    let name = name_value.scalar().ok_or("its name is no string")?;
    let listens = !name.contains("->") && (!transport.is_stream() || name.contains("(LISTEN)"));
    if !listens {
        return Ok(None);
    }
    let part = |text: &str| text.split(" (").next().unwrap_or_default().trim().to_owned();
    let name = part(&name);
    let Some((address, port)) = name.rsplit_once(':') else { return Err("it has no port") };
    if port == "*" {
        return Ok(None);
    }
    Ok(Some(Found {
        transport,
        address: Cow::Owned(address.to_owned()),
        address_value: name_value,
        port: Cow::Owned(port.to_owned()),
        port_value: name_value,
        family: Some(family),
    }))
}

fn add(draft: &mut Draft<'_>, listener: &Listener<'_>, shown: &Shown) {
    let Listener { tool, found, rows } = listener;
    let tool = *tool;
    let Some(&row) = rows.first() else { return };
    let mut socket = draft.new_socket(found.transport, row.range());
    let mut details = address(draft, &mut socket, tool, found, shown);
    port(draft, &mut socket, &mut details, found);
    let options = row.get(&["opts"]);
    let number = |key: &str| {
        let inner = options.and_then(|options| options.get(&[key]));
        row.get(&[key]).or(inner)
    };
    if tool == Tool::Ss {
        socket.device = match draft.handle(row.get(&["interface"])) {
            Some(name) => Device::Named(name),
            None if shown.new_ss => Device::None,
            None => Device::Missing(Missing::DeviceNotShown),
        };
        let v6only = number("v6only").and_then(Value::scalar);
        socket.v6only = v6only.and_then(|flag| match flag.as_ref() {
            "1" => Some(true),
            "0" => Some(false),
            _ => None,
        });
        details.uid = number("uid_number").and_then(Value::number);
        details.inode = number("inode_number").and_then(Value::number);
        details.cgroup = draft.handle(number("cgroup"));
    } else {
        details.inode = number("inode").and_then(Value::number);
        let user = row.get(&["user"]);
        match user.and_then(Value::number) {
            Some(uid) => details.uid = Some(uid),
            None if tool == Tool::Netstat => details.user = draft.handle(user),
            None => {}
        }
    }
    for &row in rows {
        socket.owners_missing = owners(draft, row, tool);
    }
    draft.socket(socket, details);
}

fn address(
    draft: &mut Draft<'_>,
    socket: &mut Socket,
    tool: Tool,
    found: &Found<'_>,
    shown: &Shown,
) -> Details {
    let at = found.address_value.range();
    let long = found.address.len() + found.port.len() >= NETSTAT_WIDTH;
    if tool == Tool::Netstat && found.address.contains(':') && long && !shown.whole {
        socket.address = Address::Missing(Missing::AddressCut);
        socket.address_at = At::new(at);
        let address_text = draft.handle(Some(found.address_value));
        return Details { address_text, ..Details::default() };
    }
    let odd = draft.address(socket, &found.address, at, Missing::AddressResolved);
    if socket.address == Address::Star {
        socket.address = match (tool, found.family) {
            (Tool::Ss, _) if shown.new_ss => Address::Dual,
            (Tool::Ss, _) => Address::Star,
            (_, Some(Family::Ipv4)) => Address::Ip(Ipv4Addr::UNSPECIFIED.into()),
            (_, Some(Family::Ipv6)) => Address::Ip(Ipv6Addr::UNSPECIFIED.into()),
            (_, None) => Address::Dual,
        };
    }
    odd.unwrap_or_default()
}

fn port(draft: &mut Draft<'_>, socket: &mut Socket, details: &mut Details, found: &Found<'_>) {
    let at = found.port_value.range();
    if let Some(number) = port_number(&found.port) {
        return Draft::port(socket, number, at);
    }
    let known = match found.transport {
        Transport::Raw => protocol_number(&found.port),
        transport => services::port(&found.port, transport),
    };
    socket.port_resolved = known.is_some();
    socket.port = known.map_or(Port::Missing(Missing::PortName), Port::Number);
    socket.port_at = At::new(at);
    if known.is_none() {
        details.port_text = Some(draft.builder.pooled(&found.port));
    }
}

/// Adds the owners that a row shows; gives why they may not be all.
fn owners(draft: &mut Draft<'_>, row: Value<'_>, tool: Tool) -> Option<Missing> {
    if tool == Tool::Ss {
        // Where the header names a column of its own for processes, they stand there.
        let options =
            row.get(&["opts", "process"]).and_then(|options| options.get(&["process_id"]));
        let Some(map) = options else { return Some(Missing::OwnerNotShown) };
        for (pid, process) in map.entries() {
            let name = process.get(&["user"]);
            let fd = process.get(&["file_descriptor"]).and_then(Value::number);
            owner(draft, name, pid.number(), fd, NameKind::Comm, None);
        }
        // One process with several descriptors is kept once.
        return None;
    }
    let (name, kind) = match tool {
        Tool::Lsof => (row.get(&["command"]), NameKind::CommCut),
        _ => (row.get(&["program_name"]), NameKind::ArgvCut),
    };
    let pid = row.get(&["pid"]).and_then(Value::number);
    if pid.is_none() && name.is_none() {
        let asked = row.has("program_name") || row.has("pid");
        return Some(if asked { Missing::OwnerHidden } else { Missing::OwnerNotShown });
    }
    let digits =
        |text: Cow<'_, str>| text.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok();
    let fd = row.get(&["fd"]).and_then(Value::scalar).and_then(digits);
    let whole = tool == Tool::Lsof
        && name.and_then(Value::scalar).is_some_and(|name| name.len() < LSOF_COMMAND);
    let kind = if whole { NameKind::Comm } else { kind };
    let user = if tool == Tool::Lsof { row.get(&["user"]) } else { None };
    owner(draft, name, pid, fd, kind, user);
    Some(Missing::OthersNotShown)
}

fn owner(
    draft: &mut Draft<'_>,
    name: Option<Value<'_>>,
    pid: Option<u32>,
    fd: Option<u32>,
    kind: NameKind,
    user: Option<Value<'_>>,
) {
    let at = name.map(Value::at).unwrap_or_default();
    let name = draft.handle(name);
    let uid = user.and_then(Value::number);
    let user = if uid.is_some() { None } else { draft.handle(user) };
    let owner = Owner { name, pid, fd, kind, details: None, at };
    draft.owner(owner, OwnerDetails { uid, user, ..OwnerDetails::default() });
}
