//! `systemctl list-sockets -o json`, systemd 248 and later: an array of objects. Nothing in it tells
//! whether `--all` was given, so it counts as what was asked for.

use super::{Systemctl, endpoint, transport};
use crate::capture::document::Draft;
use crate::capture::tree::{Kind, Value};
use crate::capture::{Capture, CaptureFormat, Document};
use crate::snapshot::{Address, At, Cell, Coverage, Details, Device, Port, Transport, Vantage};
use crate::truth::Missing;

/// Reads a document; `None` where it is no list of systemd's sockets.
pub(super) fn read(document: &Document) -> Option<Vec<Capture>> {
    // Looking for JSON between other lines takes a walk over all of them.
    document.holds_key(&["activates"]).then_some(())?;
    let is_list = |value: &Value<'_>| {
        value.kind() == Kind::Array
            && value.items().next().is_some_and(|first| {
                ["listen", "unit", "activates"].iter().all(|key| first.has(key))
            })
    };
    let values = document.json_values();
    let lists = values.iter().filter(|(value, _)| is_list(value));
    let captures: Vec<Capture> =
        lists.map(|(list, host)| capture(document, *host, *list)).collect();
    (!captures.is_empty()).then(|| document.finish(captures))
}

fn capture(document: &Document, host: Option<&str>, list: Value<'_>) -> Capture {
    let mut draft = Draft::new(document, Systemctl.name(), Vantage::Declared);
    draft.host(host);
    for value in list.items() {
        let Some((listen, text)) =
            value.get(&["listen"]).and_then(|listen| Some((listen, listen.string()?)))
        else {
            draft.unread(value.range(), "it has no `listen`");
            continue;
        };
        let Some(endpoint) = endpoint(&text) else { continue };
        let mut socket = draft.new_socket(Transport::Tcp, value.range());
        let kind = value.get(&["type"]).and_then(Value::string);
        transport(&mut socket, kind.as_deref());
        socket.address = Address::Ip(endpoint.ip);
        socket.port = Port::Number(endpoint.number);
        // Escapes in the text move what stands behind them: the whole of it is the place then.
        let start = listen.range().start;
        if listen.raw() == text {
            let place =
                |range: std::ops::Range<usize>| At::new(start + range.start..start + range.end);
            socket.address_at = place(endpoint.host.clone());
            socket.port_at = place(endpoint.port.clone());
        }
        if let Some(zone) = endpoint.zone.and_then(|zone| text.get(zone)) {
            socket.device = Device::Named(draft.builder.pooled(zone));
        }
        let unit = draft.handle(value.get(&["unit"]));
        draft.socket(socket, Details { unit, ..Details::default() });
    }
    let coverage = Coverage::uniform(Cell::Absent(Missing::PartialTool));
    draft.capture(coverage, "objects with `listen`, `unit` and `activates`")
}
