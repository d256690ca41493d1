//! What tests of readers share: captures of texts, and what was read in a line each.

use std::sync::Arc;

use super::{Capture, IssueKind, Options, format, read};
use crate::snapshot::{Address, Cell, Family, NameKind, Port, Socket, Transport};
use crate::source::SourceFile;

/// Reads a text with `--command`.
pub(super) fn captures(text: &str, command: Option<&str>) -> Vec<Capture> {
    let options = Options { command: command.map(str::to_owned), ..Options::default() };
    read(Arc::new(SourceFile::new("test", text)), &options)
}

/// Reads the text of one host.
pub(super) fn capture(text: &str) -> Capture {
    let mut all = captures(text, None);
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

/// Reads a text with `--from`.
pub(super) fn captured_from(text: &str, from: &str) -> Capture {
    let options = Options { from: format(from), ..Options::default() };
    let mut all = read(Arc::new(SourceFile::new("test", text)), &options);
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

/// One line a socket: transport, endpoint, what is missing, owners.
pub(super) fn sockets(capture: &Capture) -> Vec<String> {
    capture.snapshot.sockets().iter().map(|socket| line(capture, socket)).collect()
}

fn line(capture: &Capture, socket: &Socket) -> String {
    let snapshot = &capture.snapshot;
    let mut line = format!("{} {}", socket.transport.name(), snapshot.endpoint(socket));
    if let Address::Missing(why) = socket.address {
        line += &format!(" {}", why.id());
    }
    if let Port::Missing(why) = socket.port {
        line += &format!(" {}", why.id());
    }
    if socket.port_resolved {
        line += " resolved";
    }
    if socket.transport_unknown {
        line += " untold";
    }
    if socket.transport_inferred {
        line += " inferred";
    }
    match socket.v6only {
        Some(true) => line += " v6only",
        Some(false) => line += " dual",
        None => {}
    }
    if let Some(unit) = snapshot.details(socket).unit {
        line += &format!(" unit={}", snapshot.text(unit));
    }
    for owner in snapshot.owners(socket) {
        let name = owner.name.map_or("", |name| snapshot.text(name));
        let cut = if owner.kind == NameKind::CommCut { "~" } else { "" };
        line +=
            &format!(" {name}{cut}/{}", owner.pid.map_or("?".to_owned(), |pid| pid.to_string()));
        let details = snapshot.owner_details(owner);
        if let Some(user) = details.user {
            line += &format!("@{}", snapshot.text(user));
        }
        if let Some(uid) = details.uid {
            line += &format!("@{uid}");
        }
        if let Some(exe) = details.exe {
            line += &format!(" {}", snapshot.text(exe));
        }
    }
    line
}

/// Kinds and lines of the issues.
pub(super) fn issues(capture: &Capture) -> Vec<(IssueKind, usize)> {
    let place = |issue: &super::CaptureIssue| {
        issue
            .at
            .and_then(|at| capture.snapshot.sources.place(at))
            .map_or(0, |(_, place)| place.line)
    };
    capture.issues.iter().map(|issue| (issue.kind, place(issue))).collect()
}

/// What is covered: `P`roven, `p`resumed; `tcp4p6p` is TCP of both families, presumed.
pub(super) fn coverage(capture: &Capture) -> String {
    let mut words = Vec::new();
    for transport in Transport::ALL {
        let mut word = String::new();
        for (family, digit) in [(Family::Ipv4, '4'), (Family::Ipv6, '6')] {
            match capture.snapshot.coverage.get(transport, family) {
                Cell::Proven => word.extend([digit, 'P']),
                Cell::Presumed => word.extend([digit, 'p']),
                Cell::Absent(_) => {}
            }
        }
        if !word.is_empty() {
            words.push(format!("{}{word}", transport.name()));
        }
    }
    words.join(" ")
}

/// Why a cell is absent.
pub(super) fn why(capture: &Capture, transport: Transport, family: Family) -> &'static str {
    match capture.snapshot.coverage.get(transport, family) {
        Cell::Absent(reason) => reason.id(),
        cell @ (Cell::Proven | Cell::Presumed) => panic!("{cell:?}"),
    }
}

/// Whether the places of every socket lie in its row and slice to what they claim.
pub(super) fn check_places(capture: &Capture) {
    let snapshot = &capture.snapshot;
    for socket in snapshot.sockets() {
        let row = socket.span();
        for at in [socket.address_at, socket.port_at] {
            let span = socket.span_of(at);
            assert!(span.start >= row.start && span.end <= row.end, "{span:?} in {row:?}");
        }
        if let (Port::Number(port), false) = (socket.port, socket.port_resolved)
            && socket.port_at.len > 0
        {
            assert_eq!(snapshot.sources.slice(socket.span_of(socket.port_at)).parse(), Ok(port));
        }
        for owner in snapshot.owners(socket) {
            if let Some(name) = owner.name {
                assert_eq!(
                    snapshot.sources.slice(socket.span_of(owner.at)),
                    snapshot.text(name),
                    "an owner's place"
                );
            }
        }
    }
}
