//! One object: its properties, and the listener that they are.

use std::ops::Range;

use super::{Span, Told};
use crate::address::{self, HostText};
use crate::capture::LineRange;
use crate::capture::table::{Tables, is_number};
use crate::snapshot::{
    Address, At, Details, Device, Family, NameKind, Owner, OwnerDetails, Port, Socket, Transport,
};
use crate::source::SourceFile;
use crate::truth::Missing;

/// A property that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::capture) enum Field {
    LocalAddress,
    LocalPort,
    RemoteAddress,
    RemotePort,
    State,
    AppliedSetting,
    Process,
    Name,
    Path,
    User,
    Class,
    Protocol,
}

impl Field {
    /// The property of this name, or the name that people give to columns of processes.
    pub(in crate::capture) fn of(name: &str) -> Option<Self> {
        const NAMES: &[(&str, Field)] = &[
            ("LocalAddress", Field::LocalAddress),
            ("LocalPort", Field::LocalPort),
            ("RemoteAddress", Field::RemoteAddress),
            ("RemotePort", Field::RemotePort),
            ("State", Field::State),
            ("AppliedSetting", Field::AppliedSetting),
            ("OwningProcess", Field::Process),
            ("ProcessId", Field::Process),
            ("PID", Field::Process),
            ("ProcessName", Field::Name),
            ("Process", Field::Name),
            ("OwningProcessName", Field::Name),
            ("Path", Field::Path),
            ("ProcessPath", Field::Path),
            ("ExecutablePath", Field::Path),
            ("UserName", Field::User),
            ("User", Field::User),
            ("CimClass", Field::Class),
            ("Protocol", Field::Protocol),
            ("Proto", Field::Protocol),
            ("Transport", Field::Protocol),
        ];
        let name = name.trim();
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, field)| *field)
    }
}

/// The properties of one object, as ranges of the text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::capture) struct Record {
    fields: [Option<Span>; 12],
    /// Where the object stands.
    pub(in crate::capture) start: usize,
    pub(in crate::capture) end: usize,
    /// A line feed stands behind it.
    pub(in crate::capture) terminated: bool,
}

impl Record {
    pub(in crate::capture) fn new(line: LineRange) -> Self {
        Self { start: line.start, end: line.end, terminated: line.terminated, ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.end == 0
    }

    pub(super) fn has(&self, field: Field) -> bool {
        self.get(field).is_some()
    }

    pub(in crate::capture) fn set(&mut self, field: Field, range: Span) {
        if let Some(place) = self.fields.get_mut(field as usize) {
            *place = Some(range);
        }
    }

    /// Puts a further word behind what a property has.
    pub(super) fn extend(&mut self, field: Field, range: Span) {
        let start = self.get(field).map_or(range.start, |before| before.start);
        self.set(field, start..range.end);
    }

    pub(super) fn get(&self, field: Field) -> Option<&Span> {
        self.fields.get(field as usize).and_then(Option::as_ref)
    }

    pub(super) fn text<'s>(&self, source: &'s SourceFile, field: Field) -> Option<&'s str> {
        self.get(field).map(|range| source.slice(range.clone())).filter(|text| !text.is_empty())
    }

    /// Whether address and port can be such.
    pub(super) fn is_plausible(&self, text: &str, line: LineRange) -> bool {
        let word = |field| {
            let range = self.get(field)?;
            text.get(range.start.checked_sub(line.start)?..range.end.checked_sub(line.start)?)
        };
        let address = word(Field::LocalAddress).is_some_and(|word| {
            matches!(address::parse(word).host, HostText::Ip(_)) || uncut(word).is_some()
        });
        let port = word(Field::LocalPort)
            .is_some_and(|word| is_number(uncut(word).unwrap_or(word)) || uncut(word) == Some(""));
        address && port
    }
}

/// What is left of a value that was cut; `None` where it was not.
fn uncut(text: &str) -> Option<&str> {
    text.strip_suffix("...").or_else(|| text.strip_suffix('\u{2026}'))
}

/// The cells of a line of CSV, without their quotes; `None` where a quote is left open. A doubled quote
/// stays doubled. Source: RFC 4180.
pub(super) fn cells(line: &str, delimiter: u8) -> Option<Vec<Range<usize>>> {
    let bytes = line.as_bytes();
    let mut cells = Vec::new();
    let mut at = 0;
    loop {
        if bytes.get(at) == Some(&b'"') {
            let mut end = at + 1;
            loop {
                end += memchr::memchr(b'"', bytes.get(end..)?)?;
                if bytes.get(end + 1) != Some(&b'"') {
                    break;
                }
                end += 2;
            }
            cells.push(at + 1..end);
            at = end + 1;
        } else {
            let rest = bytes.get(at..)?;
            let len = memchr::memchr(delimiter, rest).unwrap_or(rest.len());
            cells.push(at..at + len);
            at += len;
        }
        match bytes.get(at) {
            None => return Some(cells),
            Some(byte) if *byte == delimiter => at += 1,
            Some(_) => return None,
        }
    }
}

/// The transport that a column of protocols names, which whoever puts both cmdlets together adds.
pub(super) fn protocol(text: &str) -> Option<Transport> {
    match text.get(..3)? {
        name if name.eq_ignore_ascii_case("TCP") => Some(Transport::Tcp),
        name if name.eq_ignore_ascii_case("UDP") => Some(Transport::Udp),
        _ => None,
    }
}

/// Whether the state is that of a listener: `Listen`, its number, or a beginning of it that was cut.
/// `Bound` is none. Source: MSFT_NetTCPConnection, `State`.
fn listens(record: &Record, source: &SourceFile, transport: Transport) -> bool {
    if transport == Transport::Udp {
        return true;
    }
    match record.text(source, Field::State) {
        Some(state) => match uncut(state) {
            Some(beginning) => "Listen".starts_with(beginning),
            None => state.eq_ignore_ascii_case("Listen") || state == "2",
        },
        None if record.has(Field::State) => false,
        None => record.text(source, Field::RemotePort).is_none_or(|port| port == "0"),
    }
}

/// Adds the listener that an object is; reports one that cannot be read.
pub(in crate::capture) fn add(
    tables: &mut Tables<'_>,
    record: &Record,
    transport: Transport,
    told: Told,
    line: LineRange,
) {
    let source = tables.source.clone();
    let text = |field| record.text(&source, field);
    let at = |field| record.get(field).map_or(At::default(), |range| At::new(range.clone()));
    let (Some(address), Some(port)) = (text(Field::LocalAddress), text(Field::LocalPort)) else {
        tables.unread(line, "this object has no local address and port");
        return;
    };
    let parsed = address::parse(address);
    let evidence = tables.evidence();
    if told != Told::No {
        evidence.rows.transport(transport);
    }
    if let HostText::Ip(ip) = parsed.host {
        evidence.rows.family(if ip.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 });
    }
    if !record.terminated {
        tables.spoil(Missing::CutOff);
    }
    if !listens(record, &source, transport) || port == "0" {
        return;
    }
    if told != Told::No {
        tables.evidence().listeners.transport(transport);
    }
    let builder = tables.transcript.builder();
    let mut socket = Socket::new(transport, builder.source(), At::new(record.start..record.end));
    let mut details = Details::default();
    (socket.address_at, socket.port_at) = (at(Field::LocalAddress), at(Field::LocalPort));
    socket.transport_inferred = told == Told::Inferred;
    socket.transport_unknown = told == Told::No;
    socket.port = match port.parse() {
        Ok(port) => Port::Number(port),
        Err(_) if uncut(port).is_some() => {
            details.port_text = Some(builder.text(socket.port_at));
            Port::Missing(Missing::PortCut)
        }
        Err(_) => {
            tables.unread(line, "the local port of this object is no port");
            return;
        }
    };
    socket.address = match parsed.host {
        HostText::Ip(ip) => Address::Ip(ip),
        HostText::Star | HostText::Other(_) if uncut(address).is_some() => {
            Address::Missing(Missing::AddressCut)
        }
        HostText::Star | HostText::Other(_) => {
            tables.unread(line, "the local address of this object is no address");
            return;
        }
    };
    let builder = tables.transcript.builder();
    if matches!(socket.address, Address::Missing(_)) {
        details.address_text = Some(builder.text(socket.address_at));
    } else if let Some(zone) = parsed.zone.filter(|zone| *zone != "0") {
        let end = socket.address_at.start as usize + address.trim_end_matches(']').len();
        socket.device = Device::Named(builder.text(At::new(end - zone.len()..end)));
    }
    socket.owners_missing = owner(tables, record, &source);
    details.netns = tables.transcript.netns();
    let builder = tables.transcript.builder();
    builder.details(&mut socket, details);
    builder.socket(socket);
}

/// Adds the owner; why there may be others.
fn owner(tables: &mut Tables<'_>, record: &Record, source: &SourceFile) -> Option<Missing> {
    let builder = tables.transcript.builder();
    let range = |field| record.get(field).cloned().filter(|range| !range.is_empty());
    let pid = record.text(source, Field::Process).and_then(|pid| pid.parse::<u32>().ok());
    let name = range(Field::Name);
    if pid == Some(0) || pid.is_none() && name.is_none() {
        let asked = record.has(Field::Process);
        return Some(if asked { Missing::OwnerHidden } else { Missing::OwnerNotShown });
    }
    let cut = record.text(source, Field::Name).is_some_and(|name| uncut(name).is_some());
    let shown = name.map(|name| match uncut(source.slice(name.clone())) {
        Some(beginning) => name.start..name.start + beginning.len(),
        None => name,
    });
    let at = shown.clone().or_else(|| range(Field::Process)).map_or(At::default(), At::new);
    let mut owner = Owner {
        name: shown.map(|name| builder.text(At::new(name))),
        pid,
        fd: None,
        kind: if cut { NameKind::CommCut } else { NameKind::Comm },
        details: None,
        at,
    };
    let whole = |field| {
        range(field).filter(|range| uncut(source.slice(range.clone())).is_none()).map(At::new)
    };
    let details = OwnerDetails {
        exe: whole(Field::Path).map(|at| builder.text(at)),
        user: whole(Field::User).map(|at| builder.text(at)),
        ..OwnerDetails::default()
    };
    builder.owner_details(&mut owner, details);
    builder.owner(owner);
    Some(Missing::OthersNotShown)
}

#[cfg(test)]
mod tests {
    use super::cells;

    #[test]
    fn cells_of_csv() {
        let of = |line: &str| {
            cells(line, b',').map(|cells| {
                cells.into_iter().map(|cell| line.get(cell).unwrap().to_owned()).collect::<Vec<_>>()
            })
        };
        assert_eq!(
            of("a,\"b,c\",,\"\""),
            Some(vec!["a".into(), "b,c".into(), "".into(), "".into()])
        );
        assert_eq!(of("\"a\"\"b\",c"), Some(vec!["a\"\"b".into(), "c".into()]));
        assert_eq!(of("\"a"), None);
        assert_eq!(of("\"a\"b,c"), None);
        assert_eq!(of(""), Some(vec!["".into()]));
    }
}
