//! Published ports of containers: docker, podman, nerdctl and compose.
//!
//! ```text
//! CONTAINER ID   IMAGE   COMMAND   CREATED   STATUS   PORTS                                     NAMES
//! 1f0c9e2b7a11   nginx   "nginx"   2 d ago   Up 2 d   0.0.0.0:8080->80/tcp, [::]:8080->80/tcp   web
//! ```
//!
//! Read are `docker ps` as a table (also one of columns that were asked for) and as JSON (`--format json`),
//! `docker port`, `docker inspect`, `podman ps` and `podman inspect`, `docker compose ps`, and the API's list of
//! containers.
//!
//! These are declared: the engine was asked to publish them, by a proxy or a rule of NAT, and nothing
//! else that listens on the host is shown. Ports that are exposed only (`80/tcp`) are not published.
//! Source: docker and podman, the documents of `ps`, `inspect` and of the API.

mod ports;
mod table;

use std::ops::Range;

use super::document::{Draft, Prompts};
use super::tree::{Kind, Value};
use super::{Capture, CaptureFormat, Document, IssueKind};
use crate::snapshot::{Address, Cell, Coverage, Details, Text, Transport, Vantage};
use crate::truth::Missing;
use ports::Published;

/// The name of the format.
pub const NAME: &str = "docker";

/// The format `docker`.
pub struct Docker;

impl CaptureFormat for Docker {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "published ports: ps and inspect of docker and podman"
    }

    fn document(&self, document: &Document) -> Option<Vec<Capture>> {
        if document.holds_key(&["Ports", "PortBindings", "Publishers", "ports"]) {
            let containers: Vec<_> = containers(document).collect();
            if !containers.is_empty() {
                return Some(document.finish(captures(document, &containers)));
            }
        }
        let signs = ["PORTS", "Ports", "/tcp -> ", "/udp -> ", "/sctp -> "];
        signs.iter().any(|sign| document.holds(sign)).then(|| table::read(document)).flatten()
    }
}

/// States in which a container publishes nothing. Source: docker, `container/state.go`; podman,
/// `libpod/define/containerstate.go`.
const STOPPED: [&str; 5] = ["exited", "created", "configured", "stopped", "dead"];

/// How many sockets the ranges of one text may stand for.
const MOST: usize = 200_000;

/// A capture on its way, with the sockets that ranges may still stand for.
struct Fill<'a> {
    draft: Draft<'a>,
    left: usize,
}

impl<'a> Fill<'a> {
    fn new(document: &'a Document, host: Option<&str>) -> Self {
        let mut draft = Draft::new(document, NAME, Vantage::Declared);
        draft.host(host);
        Self { draft, left: MOST }
    }

    /// Adds the listeners of one entry.
    fn publish(&mut self, published: &Published, row: Range<usize>, container: Option<Text>) {
        let Some(transport) = Transport::from_name(&published.transport) else {
            return self.draft.unread(row, "its protocol is none that is known");
        };
        for port in published.ports.clone() {
            let Some(left) = self.left.checked_sub(1) else {
                let message = format!("there are more than {MOST} published ports");
                return self.draft.issue(IssueKind::RowUnread, row, message);
            };
            self.left = left;
            let mut socket = self.draft.new_socket(transport, row.clone());
            Draft::port(&mut socket, port, published.port_at.clone());
            let mut details = Details::default();
            match published.address.as_str() {
                // Every address; of which families depends on the engine.
                "" => socket.address = Address::Star,
                text => {
                    let at = published.address_at.clone();
                    let reason = Missing::AddressNotShown;
                    details = self.draft.address(&mut socket, text, at, reason).unwrap_or_default();
                }
            }
            details.container = container;
            self.draft.socket(socket, details);
        }
    }

    fn capture(self, detection: &str) -> Capture {
        self.draft.capture(Coverage::uniform(Cell::Absent(Missing::Declared)), detection)
    }
}

/// The containers at the top of the values, with the host that a banner names.
fn containers(document: &Document) -> impl Iterator<Item = (Value<'_>, Option<&str>)> {
    let values = document.json_values().into_iter();
    let inner = values.flat_map(|(root, host)| {
        let itself = (root.kind() == Kind::Object).then_some(root);
        itself.into_iter().chain(root.items()).map(move |value| (value, host))
    });
    inner.filter(|(value, _)| is_container(*value))
}

fn is_container(value: Value<'_>) -> bool {
    let listed =
        (value.has("Names") || value.has("names")) && (value.has("Ports") || value.has("ports"));
    let settings = value.get(&["NetworkSettings"]).is_some_and(|inner| inner.has("Ports"));
    let bindings = value.get(&["HostConfig"]).is_some_and(|inner| inner.has("PortBindings"));
    listed || settings || bindings || value.has("Publishers") && value.has("Service")
}

fn captures(document: &Document, containers: &[(Value<'_>, Option<&str>)]) -> Vec<Capture> {
    let mut hosts: Vec<(Option<&str>, Fill<'_>)> = Vec::new();
    let prompts = Prompts::of(document);
    for &(value, banner) in containers {
        let host = banner.or_else(|| prompts.before(value.range().start));
        // Banners stand before all that is of their host.
        if hosts.last().is_none_or(|(last, _)| *last != host) {
            hosts.push((host, Fill::new(document, host)));
        }
        if let Some((_, fill)) = hosts.last_mut() {
            container(fill, value);
        }
    }
    hosts.into_iter().map(|(_, fill)| fill.capture("containers in JSON")).collect()
}

fn container(fill: &mut Fill<'_>, value: Value<'_>) {
    let named = value.get(&["Name", "Names", "names"]);
    let named = named
        .and_then(|name| if name.kind() == Kind::Array { name.items().next() } else { Some(name) });
    let name = named.and_then(|name| {
        let text = name.string()?;
        Some(match text.strip_prefix('/') {
            Some(bare) => fill.draft.builder.pooled(bare),
            None => fill.draft.handle(Some(name))?,
        })
    });
    let name = name.or_else(|| fill.draft.handle(value.get(&["Id", "ID", "id"])));
    let network = value.get(&["HostConfig"]).and_then(|inner| inner.get(&["NetworkMode"]));
    if let Some(network) = network.filter(|network| network.is("host")) {
        let message = "this container has the network of the host: its ports are not told here";
        fill.draft.issue(IssueKind::Uncertain, network.range(), message);
    }
    if let Some(running) = value.get(&["State"]).and_then(|state| state.get(&["Running"]))
        && running.is("false")
    {
        let message = "this container does not run: its ports are not published";
        return fill.draft.issue(IssueKind::Ignored, running.range(), message);
    }
    // podman lists what such a container will publish when it starts.
    if let Some(state) = value.get(&["State"])
        && state
            .string()
            .is_some_and(|state| STOPPED.contains(&state.to_ascii_lowercase().as_str()))
    {
        let message = "this container does not run: its ports are not published";
        return fill.draft.issue(IssueKind::Ignored, state.range(), message);
    }
    let settings = value.get(&["NetworkSettings"]).and_then(|inner| inner.get(&["Ports"]));
    let bindings = value.get(&["HostConfig"]).and_then(|inner| inner.get(&["PortBindings"]));
    let mapped = [settings, bindings].into_iter().flatten();
    if let Some(map) = mapped.into_iter().find(|map| map.entries().next().is_some()) {
        for (key, bound) in map.entries() {
            bindings_of(fill, key, bound, name);
        }
        return;
    }
    match value.get(&["Publishers", "Ports", "ports"]) {
        Some(list) if list.kind() == Kind::Array => {
            for entry in list.items() {
                listed(fill, entry, name);
            }
        }
        Some(text) => {
            let Some(ports) = text.string() else { return };
            let start = text.range().start;
            // Offsets into a string with escapes would point elsewhere.
            let exact = text.raw() == ports;
            for entry in ports::of_text(&ports, if exact { start } else { 0 }) {
                let row = if exact { entry.row() } else { text.range() };
                match entry.parsed {
                    Ok(Some(published)) => {
                        let places = (published.address_at.clone(), published.port_at.clone());
                        let (address_at, port_at) =
                            if exact { places } else { (text.range(), text.range()) };
                        let published = Published { address_at, port_at, ..published };
                        fill.publish(&published, row, name);
                    }
                    Ok(None) => {}
                    Err(why) => fill.draft.unread(row, why),
                }
            }
        }
        None => {}
    }
}

/// `"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]`; `null` for what is exposed only.
fn bindings_of(fill: &mut Fill<'_>, key: Value<'_>, bound: Value<'_>, name: Option<Text>) {
    let transport = key.string().unwrap_or_default();
    let transport = transport.rsplit_once('/').map_or("tcp", |(_, transport)| transport).to_owned();
    for entry in bound.items() {
        let Some(port) = entry.get(&["HostPort"]).filter(|port| !port.is("")) else {
            // The engine chooses the port when the container starts.
            let message = "the port of this binding is not told";
            fill.draft.issue(IssueKind::Uncertain, entry.range(), message);
            continue;
        };
        let Some(ports) = port.scalar().and_then(|port| ports::range(&port)) else {
            fill.draft.unread(port.range(), "this is no port");
            continue;
        };
        let host = entry.get(&["HostIp"]);
        let address = host.and_then(Value::string).unwrap_or_default().into_owned();
        let address_at = host.map_or(entry.range(), Value::range);
        let port_at = port.range();
        let published =
            Published { address, address_at, ports, port_at, transport: transport.clone() };
        fill.publish(&published, entry.range(), name);
    }
}

/// One port of a list: of the API, of podman, of compose.
fn listed(fill: &mut Fill<'_>, entry: Value<'_>, name: Option<Text>) {
    let keys = ["PublicPort", "PublishedPort", "host_port", "hostPort"];
    // Without it, or with 0, the port is exposed only.
    let Some(port) = entry.get(&keys).filter(|port| !port.is("0")) else { return };
    let Some(first) = port.number::<u16>() else {
        return fill.draft.unread(port.range(), "this is no port");
    };
    let more = entry.get(&["range"]).and_then(Value::number::<u16>).unwrap_or(1).saturating_sub(1);
    let Some(last) = first.checked_add(more) else {
        return fill.draft.unread(entry.range(), "its range ends behind port 65535");
    };
    let transport = entry.get(&["Type", "Protocol", "protocol"]).and_then(Value::string);
    let host = entry.get(&["IP", "URL", "host_ip", "hostIP"]);
    let published = Published {
        address: host.and_then(Value::string).unwrap_or_default().into_owned(),
        address_at: host.map_or(entry.range(), Value::range),
        ports: first..=last,
        port_at: port.range(),
        transport: transport.unwrap_or("tcp".into()).into_owned(),
    };
    // podman joins protocols: `tcp,udp`.
    for transport in published.transport.split(',') {
        let one = Published { transport: transport.to_owned(), ..published.clone() };
        fill.publish(&one, entry.range(), name);
    }
}
