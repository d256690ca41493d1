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

fn check_port(snapshot: &Snapshot, socket: &Socket, shown: &str) {
    match socket.port {
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
                        || !matches!(socket.address, Address::Ip(_))
                        || cut.contains(['%', '*']),
                    "{name}: {cut}"
                );
            }
        }
    }
}
