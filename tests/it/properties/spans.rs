//! Every span slices to the text that it claims, and every line and column reads back.

use std::net::IpAddr;

use socklint::address::{self, HostText, unmapped};
use socklint::capture::{Capture, slice};
use socklint::services;
use socklint::snapshot::{Address, At, Device, Port, Snapshot, Socket, Transport};

use crate::support::{captures, read_all};

fn text<'a>(snapshot: &'a Snapshot, socket: &Socket, at: At) -> Option<&'a str> {
    (at.len > 0).then(|| slice(snapshot, socket.span_of(at)))
}

/// What the address column says agrees with what was read of it.
fn check_address(snapshot: &Snapshot, socket: &Socket, shown: &str) {
    if matches!(socket.address, Address::Ip(_)) && is_hexadecimal(shown) {
        return check_hexadecimal(socket, shown);
    }
    let parsed = address::parse(shown);
    match (socket.address, parsed.host) {
        (Address::Ip(ip), HostText::Ip(printed)) => {
            assert_eq!(unmapped(ip), unmapped(printed), "{shown}")
        }
        // `*` of an old ss is an IPv4 wildcard.
        (Address::Ip(ip), HostText::Star) => assert!(unmapped(ip).is_unspecified(), "{shown}"),
        (Address::Dual | Address::Star, HostText::Star) => {}
        (Address::Missing(_), _) => {
            let printed = snapshot.details(socket).address_text.map(|text| snapshot.text(text));
            // The device is printed with the address and is a fact of its own.
            let bare = shown.rsplit_once('%').map_or(shown, |(bare, _)| bare);
            assert!(
                printed == Some(shown) || printed == Some(bare),
                "`{shown}` is read as {printed:?}"
            );
        }
        (found, _) => panic!("`{shown}` is read as {found:?}"),
    }
    if let (Device::Named(name), Some(zone)) = (socket.device, parsed.zone) {
        assert_eq!(snapshot.text(name), zone, "{shown}");
    }
}

/// Whether an address is one of /proc/net.
fn is_hexadecimal(shown: &str) -> bool {
    matches!(shown.len(), 8 | 32) && shown.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The addresses of /proc/net are words in the byte order of the host, which is one of two.
fn check_hexadecimal(socket: &Socket, shown: &str) {
    let word = |text: &[u8]| u32::from_str_radix(std::str::from_utf8(text).unwrap(), 16).unwrap();
    let words: Vec<u32> = shown.as_bytes().chunks(8).map(word).collect();
    let bytes =
        |order: fn(u32) -> [u8; 4]| words.iter().copied().flat_map(order).collect::<Vec<u8>>();
    let ip = |bytes: Vec<u8>| match <[u8; 16]>::try_from(bytes.clone()) {
        Ok(bytes) => IpAddr::from(bytes),
        Err(_) => IpAddr::from(<[u8; 4]>::try_from(bytes).unwrap()),
    };
    match socket.address {
        Address::Ip(found) => {
            let either = [ip(bytes(u32::to_le_bytes)), ip(bytes(u32::to_be_bytes))];
            assert!(either.contains(&found), "{shown} is read as {found}");
        }
        found => assert!(matches!(found, Address::Missing(_)), "{shown} is read as {found:?}"),
    }
}

fn check_port(snapshot: &Snapshot, socket: &Socket, shown: &str) {
    match socket.port {
        Port::Number(port)
            if text(snapshot, socket, socket.address_at).is_some_and(is_hexadecimal) =>
        {
            assert_eq!(u16::from_str_radix(shown, 16), Ok(port), "{shown}");
        }
        Port::Number(0) if shown == "*" => {}
        Port::Number(port) => match shown.parse::<u16>() {
            Ok(printed) => assert_eq!(port, printed),
            Err(_) if socket.transport == Transport::Raw => {}
            Err(_) => {
                assert!(socket.port_resolved, "`{shown}` is read as {port}");
                assert_eq!(services::port(shown, socket.transport), Some(port), "{shown}");
            }
        },
        Port::Missing(_) => {
            let printed = snapshot.details(socket).port_text.map(|text| snapshot.text(text));
            assert_eq!(printed, Some(shown));
        }
    }
}

fn packed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Whether `shown` is `name` as lsof and the kernel escape it.
fn escaped(name: &[u8], shown: &[u8]) -> bool {
    let Some((byte, name)) = name.split_first() else { return shown.is_empty() };
    let short = match byte {
        b'\n' => "\\n",
        b'\t' => "\\t",
        b'\r' => "\\r",
        8 => "\\b",
        12 => "\\f",
        b'\\' => "\\\\",
        _ => "",
    };
    let long = format!("\\x{byte:02x}");
    let rest = [short.as_bytes(), long.as_bytes(), &[*byte]]
        .into_iter()
        .find_map(|form| shown.strip_prefix(form).filter(|_| !form.is_empty()));
    rest.is_some_and(|shown| escaped(name, shown))
}

/// Checks everything that a capture says of its places.
pub(super) fn check(capture: &Capture) {
    let snapshot = &capture.snapshot;
    for socket in snapshot.sockets() {
        let file = snapshot.sources.get(socket.source).expect("a socket is of a text");
        let row = slice(snapshot, socket.span());
        assert!(!row.is_empty(), "a socket has a row");
        let row_range = socket.span().range();
        for at in [socket.address_at, socket.port_at] {
            let range = socket.span_of(at).range();
            assert!(
                range.start >= row_range.start && range.end <= row_range.end,
                "{row}: {range:?} in {row_range:?}"
            );
            assert!(
                file.text().is_char_boundary(range.start)
                    && file.text().is_char_boundary(range.end)
            );
        }
        if let Some(shown) = text(snapshot, socket, socket.address_at) {
            // A screen can break a row inside of a word.
            check_address(snapshot, socket, &packed(shown));
        }
        if let Some(shown) = text(snapshot, socket, socket.port_at) {
            check_port(snapshot, socket, &packed(shown));
        }
        for owner in snapshot.owners(socket) {
            let Some(name) = owner.name.map(|name| snapshot.text(name)) else { continue };
            if let Some(shown) = text(snapshot, socket, owner.at) {
                if escaped(name.as_bytes(), shown.as_bytes()) {
                    continue;
                }
                // A name with line breaks in it is put together again from its lines, without their
                // padding.
                let (shown, name) = (packed(shown), packed(name));
                assert!(
                    shown.starts_with(&name) || name.starts_with(&shown),
                    "`{shown}` is read as `{name}`"
                );
            }
        }
        let line = file.line(socket.span().range().start);
        assert_eq!(snapshot.line(socket), line);
        assert_eq!(file.line_range(line).start.min(row_range.start), file.line_range(line).start);
    }
    for issue in &capture.issues {
        if let Some(at) = issue.at {
            let file = snapshot.sources.get(at.source).expect("an issue is of a text");
            assert!(file.text().get(at.range()).is_some(), "{issue:?}");
        }
    }
}

#[test]
fn every_span_of_real_captures() {
    let mut sockets = 0;
    for (name, bytes) in captures() {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for capture in read_all(&text) {
            for socket in capture.snapshot.sockets() {
                assert!(
                    socket.address_at.len > 0 && socket.port_at.len > 0,
                    "{name}: a place is missing"
                );
            }
            sockets += capture.snapshot.sockets().len();
            check(&capture);
        }
    }
    assert!(sockets > 500, "{sockets}");
}

#[test]
fn a_place_reads_back_by_line_and_column() {
    for (name, bytes) in captures() {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for capture in read_all(&text) {
            let snapshot = &capture.snapshot;
            for socket in snapshot.sockets() {
                let span = socket.endpoint_span();
                let (_, place) = snapshot.sources.place(span).unwrap();
                let file = snapshot.sources.get(span.source).unwrap();
                let line = file.slice(file.line_range(place.line));
                let cut: String = line
                    .chars()
                    .skip(place.column - 1)
                    .take(place.end_column - place.column)
                    .collect();
                assert_eq!(cut, slice(snapshot, span), "{name}");
                let port = cut.rsplit(':').next().unwrap();
                let ip =
                    cut[..cut.len() - port.len() - 1].trim_matches(['[', ']']).parse::<IpAddr>();
                assert!(
                    ip.is_ok()
                        || is_hexadecimal(&cut[..cut.len() - port.len() - 1])
                        || !matches!(socket.address, Address::Ip(_))
                        || cut.contains(['%', '*']),
                    "{name}: {cut}"
                );
            }
        }
    }
}
