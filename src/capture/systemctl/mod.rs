//! `systemctl list-sockets`: what systemd listens on for its socket units.
//!
//! ```text
//! LISTEN             UNIT            ACTIVATES
//! /run/dbus/socket   dbus.socket     dbus.service
//! [::]:22            sshd.socket     sshd.service
//!
//! 2 sockets listed.
//! Pass --all to see loaded but inactive sockets, too.
//! ```
//!
//! Sockets that programs open themselves are not there, so nothing is covered. `Listen` does not say
//! whether an address is that of a stream or of datagrams, which only `--show-types` tells; and a
//! stream may be SCTP (`SocketProtocol=`). With `--all` sockets that nobody opened are listed too. So
//! the list is of what listens only where it is known to be made without `--all`: by the command, or
//! by the last line, which `--all` leaves out. A socket whose unit has failed is still listed.
//!
//! A screen that is too narrow cuts the ends of values off (`\u{2026}`). Several units that a socket activates, as
//! with `Accept=` and open connections, stand below each other.
//! Source: systemd 257, src/systemctl/systemctl-list-units.c; systemctl(1); systemd.socket(5).

mod json;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::ops::Range;

use super::command::Invocation;
use super::table::{self, Asked, Place, Rows, Tables, words};
use super::{Capture, CaptureFormat, Document, Known, LineRange, Transcript};
use crate::address::{self, HostText};
use crate::snapshot::{Address, At, Details, Device, Port, Socket, Text, Transport, Vantage};
use crate::truth::Missing;

/// The reader of systemd's sockets.
#[derive(Debug)]
pub struct Systemctl;

impl CaptureFormat for Systemctl {
    fn name(&self) -> &'static str {
        "systemctl"
    }

    fn about(&self) -> &'static str {
        "systemctl list-sockets"
    }

    fn header(&self, line: &str) -> Option<&'static str> {
        header(line).map(|_| "`LISTEN UNIT ACTIVATES` is the header of systemctl list-sockets")
    }

    fn row(&self, line: &str) -> Option<&'static str> {
        row(line, None).map(|_| "an address and a socket unit: a row of systemctl list-sockets")
    }

    fn programs(&self) -> &'static [&'static str] {
        &["systemctl"]
    }

    fn claims(&self, call: &Invocation) -> bool {
        call.program == "systemctl" && call.args.iter().any(|word| word == "list-sockets")
    }

    fn echoes(&self, _: &Invocation) -> bool {
        true
    }

    fn chatter(&self, line: &str) -> bool {
        line.ends_with(" sockets listed.") || line.starts_with("Pass --all to see loaded but")
    }

    fn tool_error(&self, line: &str) -> bool {
        line.starts_with("Failed to list sockets")
            || line.starts_with("Failed to connect to bus")
            || line.starts_with("System has not been booted with systemd")
    }

    fn cure(&self, missing: Missing) -> Option<&'static str> {
        Some(match missing {
            Missing::TransportNotTold => {
                "list the types: `systemctl list-sockets --show-types`, or capture with `ss -lntup`"
            }
            Missing::PartialTool => {
                "add a list of all sockets: `sudo ss -lntup`; systemd knows only those that it opened"
            }
            _ => return None,
        })
    }

    fn document(&self, document: &Document) -> Option<Vec<Capture>> {
        json::read(document)
    }

    fn read(&self, transcript: &mut Transcript) {
        table::read(transcript, &Systemctl, asked, &mut Reader::default());
    }
}

/// Nothing is ever covered, whatever was asked for.
fn asked(call: &Invocation, known: Known) -> Asked {
    let mut asked = Asked::around(call, known);
    asked.or_all(&Transport::ALL);
    asked.hidden = Some(Missing::PartialTool);
    asked.headless = true;
    asked
}

/// Whether the header has a column of types; `None` where the line is none.
fn header(line: &str) -> Option<bool> {
    let mut words = line.split_ascii_whitespace();
    if words.next() != Some("LISTEN") {
        return None;
    }
    match (words.next(), words.next(), words.next()) {
        (Some("UNIT"), Some("ACTIVATES"), None) => Some(false),
        (Some("TYPE"), Some("UNIT"), Some("ACTIVATES")) => Some(true),
        _ => None,
    }
}

/// The types of sockets, and the transports that they most likely are. Source: systemd
/// src/core/dbus-socket.c, src/shared/socket-util `socket_address_type_to_string`.
const TYPES: &[(&str, Option<Transport>)] = &[
    ("Stream", Some(Transport::Tcp)),
    ("Datagram", Some(Transport::Udp)),
    ("SequentialPacket", Some(Transport::Sctp)),
    ("FIFO", None),
    ("Special", None),
    ("Netlink", None),
    ("MessageQueue", None),
    ("USBFunction", None),
];

/// A row, as byte ranges of its line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    listen: Range<usize>,
    kind: Option<Range<usize>>,
    unit: Range<usize>,
}

/// Takes a row apart: the unit is the word that ends in `.socket`, its type stands before it, and what
/// it listens on, which can hold blanks, before that. A path can end in `.socket` too, so the unit is
/// the one before the units that it activates.
fn row(text: &str, types: Option<bool>) -> Option<Row> {
    let words = words(text);
    let word =
        |at: usize| words.get(at).and_then(|range| text.get(range.clone())).unwrap_or_default();
    // Without a header a cut word may be anything.
    let is_cut = |word: &str| types.is_some() && uncut(word) != word;
    let activates = |word: &str| {
        matches!(word, "-" | "n/a") || is_cut(word) || is_service(word.trim_end_matches(','))
    };
    let is_unit = |at: usize| {
        let whole = word(at).ends_with(".socket");
        // Of a cut one only its place tells, so another column has to stand behind it.
        let cut = is_cut(word(at)) && at + 1 < words.len();
        (whole || cut) && !word(at).contains('/') && endpoint(word(at)).is_none()
    };
    let at = (1..words.len())
        .rev()
        .find(|&at| is_unit(at) && (at + 1..words.len()).all(|behind| activates(word(behind))))?;
    let known = |word: &str| TYPES.iter().any(|(name, _)| *name == word);
    let typed = at >= 2 && types != Some(false) && known(word(at - 1));
    if types == Some(true) && !typed {
        return None;
    }
    let last = if typed { at - 2 } else { at - 1 };
    Some(Row {
        listen: words.first()?.start..words.get(last)?.end,
        kind: typed.then(|| words.get(at - 1).cloned()).flatten(),
        unit: words.get(at)?.clone(),
    })
}

/// What is left of a value whose end was cut off; all of one that was not.
fn uncut(text: &str) -> &str {
    text.strip_suffix('\u{2026}').unwrap_or(text)
}

/// Whether a word is a unit that a socket activates.
fn is_service(word: &str) -> bool {
    word.ends_with(".service") && !word.contains('/')
}

/// Whether a value that was cut began as an internet address.
fn was_address(text: &str) -> bool {
    let rest = uncut(text);
    rest != text
        && (rest.starts_with('[')
            || rest.starts_with(|c: char| c.is_ascii_digit())
                && rest.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b':')))
}

/// Address, port and device of an internet socket: `0.0.0.0:80`, `[::]:22`, `[fe80::1]:22%eth0`.
/// Source: systemd src/basic/socket-util.c `sockaddr_pretty`.
struct Endpoint {
    ip: IpAddr,
    /// As ranges of the text.
    host: Range<usize>,
    port: Range<usize>,
    zone: Option<Range<usize>>,
    number: u16,
}

fn endpoint(text: &str) -> Option<Endpoint> {
    let colon = text.rfind(':')?;
    let behind = text.get(colon + 1..)?;
    let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
    let number: u16 = behind.get(..digits)?.parse().ok()?;
    let device = match behind.get(digits..)? {
        "" => None,
        rest => Some(rest.strip_prefix('%').filter(|name| !name.is_empty())?),
    };
    let host = text.get(..colon)?;
    let parsed = address::parse(host);
    let HostText::Ip(ip) = parsed.host else { return None };
    if ip.is_ipv6() && !host.starts_with('[') {
        return None;
    }
    let inside = parsed.zone.and_then(|zone| {
        let end = host.trim_end_matches(']').len();
        Some(end.checked_sub(zone.len())?..end)
    });
    let outside = device.map(|name| text.len() - name.len()..text.len());
    let port = colon + 1..colon + 1 + digits;
    Some(Endpoint { ip, host: 0..colon, port, zone: outside.or(inside), number })
}

/// Fills in what a type tells of the transport.
fn transport(socket: &mut Socket, kind: Option<&str>) {
    match TYPES.iter().find(|(name, _)| Some(*name) == kind) {
        Some((_, Some(transport))) => {
            socket.transport = *transport;
            socket.transport_inferred = true;
        }
        Some((_, None)) | None => socket.transport_unknown = true,
    }
}

/// Whether a line holds nothing but a unit in the last column: one more that the socket above activates.
fn is_further_unit(text: &str) -> bool {
    let word = text.trim();
    text.starts_with("    ")
        && !word.contains(char::is_whitespace)
        && (is_service(word) || uncut(word) != word)
        && endpoint(word).is_none()
}

#[derive(Debug, Default)]
struct Reader {
    types: Option<bool>,
    /// The last line says that inactive sockets are left out.
    active: bool,
    /// A table is known to be made without `--all`, every table so far; `None` before the first.
    all_active: Option<bool>,
}

impl Rows for Reader {
    fn take(&mut self, tables: &mut Tables<'_>, line: LineRange) -> bool {
        let text = tables.text(line).to_owned();
        if let Some(types) = header(&text) {
            tables.close(self);
            tables.begin(true);
            self.types = Some(types);
            return true;
        }
        if text.starts_with("Pass --all to see loaded but") {
            self.active = true;
            return tables.is_open();
        }
        if let Some(row) = row(&text, self.types) {
            self.row(tables, &row, line, &text);
            return true;
        }
        // Nothing is covered, so no other line of the table costs anything; but one that holds an
        // address in its first column may be a listener.
        tables.place == Place::Table
            && !tables.transcript.ends_table(line)
            && !text.trim().is_empty()
            && text
                .split_ascii_whitespace()
                .next()
                .is_none_or(|word| endpoint(word).is_none() && !was_address(word))
            && (text.starts_with(['/', '@']) || text.contains(".socket") || is_further_unit(&text))
    }

    fn is_rowlike(&self, _: &str) -> bool {
        false
    }

    fn end(&mut self, tables: &mut Tables<'_>) {
        let asked = tables.command().map(|call| {
            !call.args.iter().any(|word| {
                word == "--all"
                    || word.starts_with('-') && !word.starts_with("--") && word.contains('a')
            })
        });
        let active = self.active || asked == Some(true);
        let all = self.all_active.unwrap_or(true) && active;
        let vantage = if all { Vantage::Observed } else { Vantage::Declared };
        tables.transcript.builder().snapshot_mut().origin.vantage = vantage;
        tables.evidence().hidden = Some(Missing::PartialTool);
        *self = Self { all_active: Some(all), ..Self::default() };
    }
}

impl Reader {
    fn row(&mut self, tables: &mut Tables<'_>, row: &Row, line: LineRange, text: &str) {
        let place = |range: Range<usize>| At::new(table::within(line, &range));
        if !line.terminated {
            tables.spoil(Missing::CutOff);
        }
        tables.evidence();
        let listen = text.get(row.listen.clone()).unwrap_or_default();
        let endpoint = endpoint(listen);
        if endpoint.is_none() && !was_address(listen) {
            return;
        }
        let start = row.listen.start;
        let builder = tables.transcript.builder();
        let mut socket =
            Socket::new(Transport::Tcp, builder.source(), At::new(line.start..line.end));
        let kind = row.kind.as_ref().and_then(|kind| text.get(kind.clone()));
        transport(&mut socket, kind);
        let mut details = Details::default();
        if let Some(endpoint) = &endpoint {
            socket.address = Address::Ip(endpoint.ip);
            socket.port = Port::Number(endpoint.number);
            socket.address_at = place(start + endpoint.host.start..start + endpoint.host.end);
            socket.port_at = place(start + endpoint.port.start..start + endpoint.port.end);
        } else {
            socket.address = Address::Missing(Missing::AddressCut);
            socket.port = Port::Missing(Missing::PortCut);
            socket.address_at = place(row.listen.clone());
            details.address_text = Some(builder.text(socket.address_at));
        }
        if let Some(zone) = endpoint.and_then(|endpoint| endpoint.zone) {
            socket.device =
                Device::Named(builder.text(place(start + zone.start..start + zone.end)));
        }
        // Of a cut name nothing can be said.
        let unit = text.get(row.unit.clone()).filter(|unit| uncut(unit) == *unit);
        details.unit = unit.map(|_| -> Text { builder.text(place(row.unit.clone())) });
        builder.details(&mut socket, details);
        builder.socket(socket);
    }
}
