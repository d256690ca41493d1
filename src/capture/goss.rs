//! goss: ports that a gossfile asks for, and those that `goss validate` found.
//!
//! ```yaml
//! port:
//!   tcp:22:
//!     listening: true
//!     ip:
//!     - 0.0.0.0
//! ```
//!
//! A gossfile (YAML or JSON) is what should listen: declared. The results of `goss validate -f json` are
//! what listened, of the ports that the gossfile asks about only.
//! Source: goss, docs/gossfile.md, "port"; resource/validate.go for results.

use std::borrow::Cow;
use std::net::IpAddr;

use super::document::{Draft, Prompts, port_number};
use super::tree::{Kind, Value};
use super::{Capture, CaptureFormat, Document, IssueKind, yaml};
use crate::snapshot::{Address, At, Cell, Coverage, Details, Transport, Vantage};
use crate::truth::Missing;

/// The format `goss`.
pub struct Goss;

impl CaptureFormat for Goss {
    fn name(&self) -> &'static str {
        "goss"
    }

    fn about(&self) -> &'static str {
        "gossfiles and results of goss"
    }

    fn document(&self, document: &Document) -> Option<Vec<Capture>> {
        let text = document.text();
        if !document.holds("listening") {
            return None;
        }
        let values = document.json_values();
        let prompts = Prompts::of(document);
        let captures: Vec<Capture> = values
            .iter()
            .filter_map(|&(root, banner)| {
                let host = banner.or_else(|| prompts.before(root.range().start));
                gossfile(document, root, host).or_else(|| results(document, root, host))
            })
            .collect();
        if !captures.is_empty() {
            return Some(document.finish(captures));
        }
        let tree = yaml::read(text, &["port"])?;
        let documents = tree.value(text, 0);
        let captures: Vec<Capture> =
            documents.items().filter_map(|root| gossfile(document, root, None)).collect();
        (!captures.is_empty()).then_some(captures)
    }
}

/// The transport and port of `tcp:22`, `tcp6:22`. `tcp6` names the table that is asked, whose sockets
/// may take IPv4 too.
fn resource(id: &str) -> Option<(Transport, u16)> {
    let (name, port) = id.split_once(':')?;
    let bare = name.trim_end_matches('6');
    let transport = Transport::from_name(bare).filter(|_| matches!(bare, "tcp" | "udp"))?;
    Some((transport, port_number(port)?))
}

fn gossfile(document: &Document, root: Value<'_>, host: Option<&str>) -> Option<Capture> {
    let ports = root.get(&["port"]).filter(|ports| ports.kind() == Kind::Object)?;
    ports.entries().any(|(_, port)| port.has("listening")).then_some(())?;
    let mut draft = Draft::new(document, "goss", Vantage::Declared);
    draft.host(host);
    for (id, port) in ports.entries() {
        let named = port.get(&["port"]).unwrap_or(id);
        let Some(found) = named.string().as_deref().and_then(resource) else {
            draft.unread(named.range(), "this names no port like `tcp:22`");
            continue;
        };
        let listening = port.get(&["listening"]);
        match listening.map(|listening| listening.is("true")) {
            Some(true) => listener(&mut draft, found, named, port.get(&["ip"])),
            Some(false) if listening.is_some_and(|listening| listening.is("false")) => {}
            _ => {
                let message = "whether this port listens is not told";
                draft.issue(IssueKind::Uncertain, id.range(), message);
            }
        }
    }
    let coverage = Coverage::uniform(Cell::Absent(Missing::Declared));
    Some(draft.capture(coverage, "`port` of a gossfile"))
}

/// Adds a listener for each address; one without an address where none is told.
fn listener(
    draft: &mut Draft<'_>,
    (transport, port): (Transport, u16),
    id: Value<'_>,
    addresses: Option<Value<'_>>,
) {
    let mut socket = draft.new_socket(transport, id.range());
    Draft::port(&mut socket, port, id.range());
    let items = addresses.into_iter().flat_map(|list| {
        let one = (list.kind() != Kind::Array).then_some(list);
        one.into_iter().chain(list.items())
    });
    let found: Vec<_> =
        items.filter_map(|value| Some((value.string()?.parse::<IpAddr>().ok()?, value))).collect();
    if found.is_empty() {
        draft.socket(socket, Details::default());
        return;
    }
    for (ip, value) in found {
        let mut one = socket;
        one.address = Address::Ip(ip);
        one.address_at = At::new(value.range());
        draft.socket(one, Details::default());
    }
}

/// What goss found of one port.
#[derive(Default)]
struct Outcome<'a> {
    id: Cow<'a, str>,
    value: Option<Value<'a>>,
    listens: bool,
    addresses: Option<Value<'a>>,
}

fn results(document: &Document, root: Value<'_>, host: Option<&str>) -> Option<Capture> {
    let list = root.get(&["results"]).filter(|list| list.kind() == Kind::Array)?;
    let of_port =
        |value: &Value<'_>| value.get(&["resource-type"]).is_some_and(|kind| kind.is("Port"));
    let mut ports: Vec<Outcome<'_>> = Vec::new();
    for value in list.items().filter(of_port) {
        let Some(id_value) = value.get(&["resource-id"]) else { continue };
        let id = id_value.string().unwrap_or_default();
        if ports.last().is_none_or(|last| last.id != id) {
            ports.push(Outcome { id, value: Some(id_value), ..Outcome::default() });
        }
        let Some(port) = ports.last_mut() else { continue };
        let matched = value.get(&["matcher-result"]).and_then(|inner| inner.get(&["actual"]));
        let Some(found) = matched.or_else(|| value.get(&["found"])) else { continue };
        let property = value.get(&["property"]);
        if property.is_some_and(|property| property.is("listening")) {
            let first = found.items().next().unwrap_or(found);
            port.listens = first.is("true");
        } else if property.is_some_and(|property| property.is("ip")) {
            port.addresses = Some(found);
        }
    }
    if ports.is_empty() {
        return None;
    }
    let mut draft = Draft::new(document, "goss", Vantage::Observed);
    draft.host(host);
    for port in ports {
        let Some(value) = port.value else { continue };
        match resource(&port.id) {
            Some(found) if port.listens => listener(&mut draft, found, value, port.addresses),
            Some(_) => {}
            None => draft.unread(value.range(), "this names no port like `tcp:22`"),
        }
    }
    let coverage = Coverage::uniform(Cell::Absent(Missing::PartialTool));
    Some(draft.capture(coverage, "results of goss"))
}
