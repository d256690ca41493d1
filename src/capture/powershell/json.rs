//! What `ConvertTo-Json` writes: an array of objects, one object, or `{"value": [...], "Count": 2}` of
//! Windows PowerShell. States are numbers unless they were made text.

use super::record::{self, Field};
use super::{PowerShell, class};
use crate::capture::document::{Draft, port_number};
use crate::capture::seen::Seen;
use crate::capture::tree::{Kind, Value};
use crate::capture::{Capture, CaptureFormat, Document};
use crate::snapshot::{
    Address, At, Cell, Family, NameKind, Owner, OwnerDetails, Transport, Vantage,
};
use crate::truth::Missing;

/// Reads a document; `None` where it holds no sockets of the cmdlets.
pub(super) fn read(document: &Document) -> Option<Vec<Capture>> {
    let text = document.text().as_bytes();
    let named = |name: &str| memchr::memmem::find(text, name.as_bytes()).is_some();
    if !(named("\"LocalAddress\"") && named("\"LocalPort\"")) {
        return None;
    }
    let mut hosts: Vec<(Option<&str>, Vec<Value<'_>>)> = Vec::new();
    let values = document.json_values();
    for (root, host) in &values {
        let sockets = root.all().filter(|value| is_socket(*value));
        match hosts.iter_mut().find(|(name, _)| name == host) {
            Some((_, list)) => list.extend(sockets),
            None => hosts.push((*host, sockets.collect())),
        }
    }
    hosts.retain(|(_, sockets)| !sockets.is_empty());
    let captures: Vec<Capture> =
        hosts.iter().map(|(host, sockets)| capture(document, *host, sockets)).collect();
    (!captures.is_empty()).then(|| document.finish(captures))
}

/// Whether a value is an object of the cmdlets, or stands in an array of such.
fn is_socket(value: Value<'_>) -> bool {
    let own = |value: Value<'_>| {
        value.kind() == Kind::Object && value.has("LocalAddress") && value.has("LocalPort")
    };
    let beside = || {
        let array = value.parent().filter(|parent| parent.kind() == Kind::Array);
        array.is_some_and(|array| array.items().next().is_some_and(own))
    };
    own(value) || beside()
}

fn capture(document: &Document, host: Option<&str>, sockets: &[Value<'_>]) -> Capture {
    let mut draft = Draft::new(document, PowerShell.name(), Vantage::Observed);
    draft.host(host);
    let (mut rows, mut listeners) = (Seen::default(), Seen::default());
    for value in sockets {
        match listener(&mut draft, *value, &mut rows) {
            Ok(Some(transport)) => listeners.transport(transport),
            Ok(None) => {}
            Err(why) => draft.unread(value.range(), why),
        }
    }
    let coverage = listeners.of_families(rows).coverage(Cell::Presumed);
    draft.capture(coverage, "objects with `LocalAddress` and `LocalPort`, as ConvertTo-Json writes")
}

/// The property that is called so, in any case.
fn get(value: Value<'_>, field: Field) -> Option<Value<'_>> {
    let mut found = value
        .entries()
        .filter(|(key, _)| key.string().is_some_and(|key| Field::of(&key) == Some(field)));
    found.find(|(_, value)| value.kind() != Kind::Null).map(|(_, value)| value)
}

/// Adds the listener that an object is; its transport, where that is told.
fn listener(
    draft: &mut Draft<'_>,
    value: Value<'_>,
    rows: &mut Seen,
) -> Result<Option<Transport>, &'static str> {
    let address = get(value, Field::LocalAddress).ok_or("it has no local address")?;
    let port = get(value, Field::LocalPort).ok_or("it has no local port")?;
    let text = address.string().ok_or("the local address is no text")?;
    let number = port.scalar().and_then(|port| port_number(&port)).ok_or("the port is none")?;
    // An endpoint of UDP that was put beside connections has none, or an empty one.
    let state =
        get(value, Field::State).and_then(Value::scalar).filter(|state| !state.trim().is_empty());
    let told = match value.get(&["CimClass"]).map(|class| class.raw()).and_then(class) {
        Some(transport) => Some(transport),
        None => get(value, Field::Protocol)
            .and_then(Value::string)
            .and_then(|name| record::protocol(&name))
            .or_else(|| state.is_some().then_some(Transport::Tcp)),
    };
    let transport = told.unwrap_or(Transport::Udp);
    let mut socket = draft.new_socket(transport, value.range());
    socket.transport_unknown = told.is_none();
    let lost = draft.address(&mut socket, &text, address.range(), Missing::AddressNotShown);
    let Address::Ip(ip) = socket.address else { return Err("the local address is none") };
    rows.family(if ip.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 });
    let remote = get(value, Field::RemotePort).and_then(Value::number::<u32>);
    let listens = match (transport, state) {
        (Transport::Udp, _) => true,
        (_, Some(state)) => state.eq_ignore_ascii_case("listen") || state == "2",
        (_, None) => remote.is_none_or(|port| port == 0),
    };
    if !listens || number == 0 {
        return Ok(None);
    }
    Draft::port(&mut socket, number, port.range());
    let pid = get(value, Field::Process).and_then(Value::number::<u32>);
    let name = get(value, Field::Name);
    let shown = draft.handle(name);
    socket.owners_missing = Some(match (pid, shown) {
        (Some(0), None) => Missing::OwnerHidden,
        (None, None) => Missing::OwnerNotShown,
        (Some(_), _) | (None, Some(_)) => Missing::OthersNotShown,
    });
    if socket.owners_missing == Some(Missing::OthersNotShown) {
        let at = name.or(get(value, Field::Process)).map_or(At::default(), Value::at);
        let details = OwnerDetails {
            exe: draft.handle(get(value, Field::Path)),
            user: draft.handle(get(value, Field::User)),
            ..OwnerDetails::default()
        };
        let kind = NameKind::Comm;
        draft.owner(Owner { name: shown, pid, fd: None, kind, details: None, at }, details);
    }
    draft.socket(socket, lost.unwrap_or_default());
    Ok(told)
}
