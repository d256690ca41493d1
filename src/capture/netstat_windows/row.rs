//! One line of the table: where its fields stand.

use std::ops::Range;

use crate::address::{self, AddressText, HostText};
use crate::capture::table::{is_number, words};
use crate::snapshot::Transport;

/// A row, as byte ranges of its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) transport: Transport,
    /// The local address, without the colon and port.
    pub(super) host: Range<usize>,
    /// The local port.
    pub(super) port: Range<usize>,
    /// The foreign address.
    pub(super) peer: Range<usize>,
    /// The foreign port is 0 (TCP) or `*`.
    pub(super) peerless: bool,
    /// The words of the state; empty for UDP.
    pub(super) state: Range<usize>,
    /// The process id.
    pub(super) pid: Option<Range<usize>>,
}

/// The transport of a first column, which is translated nowhere.
fn transport(word: &str) -> Option<Transport> {
    match word {
        "TCP" | "TCPv6" => Some(Transport::Tcp),
        "UDP" | "UDPv6" => Some(Transport::Udp),
        _ => None,
    }
}

/// Whether a line begins as a row does.
pub(super) fn is_rowlike(text: &str) -> bool {
    text.split_ascii_whitespace().next().is_some_and(|word| transport(word).is_some())
}

/// Splits at the last colon.
fn endpoint(word: &str) -> Option<(&str, &str)> {
    let (host, port) = word.rsplit_once(':')?;
    let port_like = port == "*"
        || port.starts_with(|c: char| c.is_ascii_alphanumeric())
            && port.bytes().all(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+' | b'/')
            });
    (!host.is_empty() && port_like).then_some((host, port))
}

/// Takes a row apart; `None` where the line is none.
pub(super) fn parse(text: &str) -> Option<Row> {
    if !is_rowlike(text) {
        return None;
    }
    let words = words(text);
    let word = |at: usize| words.get(at).and_then(|range| text.get(range.clone()));
    let transport = transport(word(0)?)?;
    let (local, foreign) = (words.get(1)?, words.get(2)?);
    let (host, port) = endpoint(word(1)?)?;
    let (_, peer_port) = endpoint(word(2)?)?;
    if is_number(port) && port.len() > 5 {
        return None;
    }
    let tail = words.get(3..).unwrap_or_default();
    let slice = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
    let pid = tail.iter().position(|range| is_number(slice(range)));
    let state = match (transport, tail.first()) {
        (Transport::Tcp, Some(first)) if pid != Some(0) => {
            let last = match pid {
                Some(at) => tail.get(at.wrapping_sub(1)),
                None => tail.last(),
            };
            first.start..last.map_or(first.end, |last| last.end)
        }
        _ => foreign.end..foreign.end,
    };
    let colon = local.start + host.len();
    Some(Row {
        transport,
        host: local.start..colon,
        port: colon + 1..local.end,
        peer: foreign.clone(),
        peerless: matches!(peer_port, "0" | "*"),
        state,
        pid: pid.and_then(|at| tail.get(at).cloned()),
    })
}

/// Reads an address; a name is none.
pub(super) fn host(text: &str) -> AddressText<'_> {
    let read = address::parse(text);
    match read.host {
        // Windows prints no `*` for an address of its own.
        HostText::Star => AddressText { host: HostText::Other(text), zone: None },
        HostText::Ip(_) | HostText::Other(_) => read,
    }
}

/// Whether a state means that the socket is bound and does not listen, which `-q` shows.
///
/// Words of `BOUND` in the languages of Windows that translate it; the others keep the English one.
pub(super) fn is_bound(state: &str) -> bool {
    const BOUND: &[&str] = &["BOUND", "GEBUNDEN", "LI\u{c9}", "ENLAZADO", "VINCULADO", "BUNDET"];
    let state = state.trim();
    let word = state.split_ascii_whitespace().next().unwrap_or_default();
    BOUND.iter().any(|bound| word.eq_ignore_ascii_case(bound) || word.to_uppercase() == *bound)
}
