//! Report data of Lynis (`lynis-report.dat`).
//!
//! ```text
//! network_listen[]=raw,ss,v1|tcp|0.0.0.0:22|sshd|
//! network_listen_port[]=0.0.0.0:22|tcp|sshd|
//! ```
//!
//! The first is of Lynis 3, the second of versions before it. Names are those of the tool that Lynis
//! ran, cut at their first blank; process ids are gone. Where Lynis 2 had no netstat it wrote the
//! address alone, with sockets that are connected: such a line tells no transport. On FreeBSD and NetBSD the
//! protocol stands first (`tcp4|*:22|sshd|`), and on macOS the `*` of an address is gone (`:22|TCP|sshd|`).
//! Source: Lynis, include/tests_networking, test NETW-3012, of 2.7 and 3.0.

use super::document::{Draft, Line, port_number};
use super::{Capture, CaptureFormat, Document, IssueKind};
use crate::services;
use crate::snapshot::{
    Address, At, Cell, Coverage, Details, Family, NameKind, Owner, OwnerDetails, Transport, Vantage,
};
use crate::truth::Missing;

/// The format `lynis`.
pub struct Lynis;

/// Keys of the lines, newest first.
const KEYS: [&str; 2] = ["network_listen[]=", "network_listen_port[]="];

impl CaptureFormat for Lynis {
    fn name(&self) -> &'static str {
        "lynis"
    }

    fn about(&self) -> &'static str {
        "report data of Lynis"
    }

    fn document(&self, document: &Document) -> Option<Vec<Capture>> {
        let ours = |(_, line): Line<'_>| {
            line.starts_with("# Lynis Report")
                || line.starts_with("lynis_version=")
                || KEYS.iter().any(|key| line.starts_with(key))
        };
        if !document.holds("ynis") && !document.holds("network_listen")
            || !document.lines().any(ours)
        {
            return None;
        }
        Some(vec![capture(document)])
    }
}

fn capture(document: &Document) -> Capture {
    let mut draft = Draft::new(document, "lynis", Vantage::Observed);
    let (mut finished, mut any) = (false, false);
    let mut met: Vec<Transport> = Vec::new();
    for (at, line) in document.lines() {
        if let Some(host) = line.strip_prefix("hostname=") {
            draft.host(Some(host));
        }
        finished |= line.trim_end() == "finish=true";
        let value = KEYS.iter().find_map(|key| Some((key.len(), line.strip_prefix(key)?)));
        if let Some((skip, value)) = value {
            any = true;
            met.extend(row(&mut draft, (at + skip, value.trim_end())));
        }
    }
    if !any {
        let end = document.text().lines().next().map_or(0, |line| line.trim_end().len());
        let message = "the report of Lynis lists no listeners";
        draft.issue(IssueKind::NotSockets, 0..end, message);
    }
    let mut coverage = Coverage::default();
    for transport in [Transport::Tcp, Transport::Udp] {
        for family in Family::ALL {
            let cell = match (finished, met.contains(&transport)) {
                (false, _) => Cell::Absent(Missing::CutOff),
                (true, true) => Cell::Presumed,
                (true, false) => Cell::Absent(Missing::TransportNotShown),
            };
            coverage.set(transport, family, cell);
        }
    }
    draft.capture(coverage, "`network_listen` of a report of Lynis")
}

/// The transport of `tcp`, `udp6`, `TCP`.
fn protocol(name: &str) -> Option<Transport> {
    let bare = name.to_ascii_lowercase();
    Transport::from_name(bare.trim_end_matches(|c: char| c.is_ascii_digit()))
}

/// Adds the listener of a line and gives its transport.
fn row(draft: &mut Draft<'_>, (at, value): Line<'_>) -> Option<Transport> {
    let row = at..at + value.len();
    let fields: Vec<&str> = value.split('|').collect();
    let place = |part: &str| {
        let start = (part.as_ptr() as usize).saturating_sub(value.as_ptr() as usize);
        at + start..at + start + part.len()
    };
    let (endpoint, transport, names) = match fields.as_slice() {
        [kind, transport, endpoint, rest @ ..] if kind.starts_with("raw,") => {
            (*endpoint, Some(*transport), rest.first().copied())
        }
        // The columns of sockstat stand in this order.
        [transport, endpoint, rest @ ..] if protocol(transport).is_some() => {
            (*endpoint, Some(*transport), rest.first().copied())
        }
        [endpoint, transport, rest @ ..] if !transport.is_empty() => {
            (*endpoint, Some(*transport), rest.first().copied())
        }
        [endpoint, ..] => (*endpoint, None, None),
        [] => return None,
    };
    let Some(transport) = transport else {
        let message =
            "the report does not tell the transport of this socket, nor whether it listens";
        draft.issue(IssueKind::Uncertain, row, message);
        return None;
    };
    let six = transport.ends_with('6') && !transport.ends_with("46");
    let Some(known) = protocol(transport) else {
        draft.unread(row, "its protocol is none that is known");
        return None;
    };
    // OpenBSD and NetBSD write a dot before the port.
    let Some((address, port)) = endpoint.rsplit_once([':', '.']) else {
        draft.unread(row, "it has no port");
        return None;
    };
    let Some(number) = port_number(port).or_else(|| services::port(port, known)) else {
        if port == "*" {
            return None;
        }
        draft.unread(row, "its port is no number up to 65535");
        return None;
    };
    let mut socket = draft.new_socket(known, row);
    Draft::port(&mut socket, number, place(port));
    socket.port_resolved = port_number(port).is_none();
    let shown = if address.is_empty() { "*" } else { address };
    let mut details = draft
        .address(&mut socket, shown, place(address), Missing::AddressNotShown)
        .unwrap_or_default();
    let netstat = !value.starts_with("raw,");
    if socket.address == Address::Star && six {
        socket.address = Address::Ip(std::net::Ipv6Addr::UNSPECIFIED.into());
    }
    if socket.address == Address::Star && transport.ends_with('4') {
        socket.address = Address::Ip(std::net::Ipv4Addr::UNSPECIFIED.into());
    }
    // netstat cuts what is longer than 22 characters: it may look like another address.
    if netstat && address.contains(':') && address.len() + port.len() >= 22 {
        socket.address = Address::Missing(Missing::AddressCut);
        let address_text = Some(draft.slice(place(address)));
        details = Details { address_text, ..Details::default() };
    }
    let names = names.unwrap_or_default();
    let mut shown = false;
    for name in names.split(',').filter(|name| !matches!(*name, "" | "-" | "?")) {
        shown = true;
        let range = place(name);
        let text = draft.slice(range.clone());
        let at = At::new(range);
        let kind = NameKind::ArgvCut;
        let owner = Owner { name: Some(text), pid: None, fd: None, kind, details: None, at };
        draft.owner(owner, OwnerDetails::default());
    }
    socket.owners_missing =
        Some(if shown { Missing::OthersNotShown } else { Missing::OwnerHidden });
    draft.socket(socket, details);
    Some(known)
}
