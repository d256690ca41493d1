//! One line of the table: where its fields stand.
//!
//! The layout of net-tools is `%-4s  %6ld %6ld %-23s %-23s %-11s` and then what `-e`, `-p`, `-Z` and
//! `-o` add (netstat.c `tcp_do_one`, `finish_this_one`); busybox and toybox print the same columns.
//! Fields are found by blanks, not by columns: pastes collapse blanks, `-W` widens columns.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use crate::address::{self, HostText};
use crate::snapshot::Transport;

/// A row, as byte ranges of the text that it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// The transport in the first column.
    pub(super) transport: Transport,
    /// The first column says IPv6 (`tcp6`). net-tools 1.60 of RHEL and busybox never say it.
    pub(super) six: bool,
    /// The local address, without the colon and port.
    pub(super) host: Range<usize>,
    /// The local port.
    pub(super) port: Range<usize>,
    /// The foreign address, without the colon and port; empty for an SCTP endpoint.
    pub(super) peer: Range<usize>,
    /// Whether the foreign port is `*`.
    pub(super) peerless: bool,
    /// Where the columns behind the foreign address begin.
    pub(super) rest: usize,
}

/// Where the next run of anything but blanks stands in `bytes[at..end]`.
pub(super) fn field(bytes: &[u8], at: usize, end: usize) -> Option<Range<usize>> {
    let line = bytes.get(at..end)?;
    // Columns are padded with many blanks: eight at a time first.
    let mut skip = 0;
    while line.get(skip..skip + 8) == Some(b"        ") {
        skip += 8;
    }
    let mut word = line.get(skip..)?;
    loop {
        let blanks = word.iter().position(|&byte| !is_blank(byte))?;
        word = word.get(blanks..)?;
        match word.strip_prefix(NO_BREAK) {
            Some(behind) => word = behind,
            None => break,
        }
    }
    let start = end - word.len();
    let ends = |(at, &byte): (usize, &u8)| {
        is_blank(byte) || byte == 0xC2 && word.get(at + 1) == Some(&0xA0)
    };
    let len = word.iter().enumerate().position(ends).unwrap_or(word.len());
    Some(start..start + len)
}

/// U+00A0, which stands for blanks in copied pages; no other character has its first byte and its
/// second one.
const NO_BREAK: &[u8] = &[0xC2, 0xA0];

/// What is left of `bytes[range]` without the blanks at its end.
pub(super) fn trimmed(bytes: &[u8], range: Range<usize>) -> &[u8] {
    let mut text = bytes.get(range).unwrap_or_default().trim_ascii_end();
    while let Some(shorter) = text.strip_suffix(NO_BREAK) {
        text = shorter.trim_ascii_end();
    }
    text
}

pub(super) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Whether `bytes` is one or more decimal digits.
pub(super) fn is_number(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit)
}

/// The transport of a first column, and whether it says IPv6.
///
/// Source: net-tools netstat.c (`INFO_GUTS6` names), toybox toys/net/netstat.c. `tcp4`, `tcp46` and
/// `udp46` are those of the BSDs, whose rows have another shape.
fn transport(word: &[u8]) -> Option<(Transport, bool)> {
    Some(match word {
        b"tcp" => (Transport::Tcp, false),
        b"tcp6" => (Transport::Tcp, true),
        b"udp" => (Transport::Udp, false),
        b"udp6" => (Transport::Udp, true),
        b"raw" => (Transport::Raw, false),
        b"raw6" => (Transport::Raw, true),
        b"udpl" | b"udplite" => (Transport::Udplite, false),
        b"udpl6" | b"udplite6" => (Transport::Udplite, true),
        b"sctp" => (Transport::Sctp, false),
        b"sctp6" => (Transport::Sctp, true),
        _ => return None,
    })
}

/// Whether a line begins as a row does: a transport, and a number after it or nothing.
pub(super) fn is_rowlike(bytes: &[u8], line: Range<usize>) -> bool {
    let Some(word) = field(bytes, line.start, line.end) else { return false };
    if bytes.get(word.clone()).and_then(transport).is_none() {
        return false;
    }
    field(bytes, word.end, line.end)
        .is_none_or(|next| bytes.get(next).and_then(<[u8]>::first).is_some_and(u8::is_ascii_digit))
}

/// Splits `0.0.0.0:22` at the last colon; both sides hold something.
fn endpoint(bytes: &[u8], word: Range<usize>) -> Option<(Range<usize>, Range<usize>)> {
    let colon = word.start + memchr::memrchr(b':', bytes.get(word.clone())?)?;
    (colon > word.start && colon + 1 < word.end).then_some((word.start..colon, colon + 1..word.end))
}

/// Takes a row apart; `None` where the line is none.
pub(super) fn parse(bytes: &[u8], line: Range<usize>) -> Option<Row> {
    let word = field(bytes, line.start, line.end)?;
    let (transport, six) = transport(bytes.get(word.clone())?)?;
    let mut next = field(bytes, word.end, line.end)?;
    if transport == Transport::Sctp && !is_number(bytes.get(next.clone())?) {
        // `sctp_eps_do_one`: no queues, no foreign address.
        let (host, port) = endpoint(bytes, next.clone())?;
        let rest = next.end;
        return is_port(bytes.get(port.clone())?).then_some(Row {
            transport,
            six,
            host,
            port,
            peer: rest..rest,
            peerless: true,
            rest,
        });
    }
    // The receive and the send queue; toybox and busybox print no other numbers there.
    for _ in 0..2 {
        if !is_number(bytes.get(next.clone())?) {
            return None;
        }
        next = field(bytes, next.end, line.end)?;
    }
    let (host, port) = endpoint(bytes, next.clone())?;
    let foreign = field(bytes, next.end, line.end)?;
    let (peer, peer_port) = endpoint(bytes, foreign.clone())?;
    if !is_port(bytes.get(port.clone())?) || !is_port(bytes.get(peer_port.clone())?) {
        return None;
    }
    let peerless = matches!(bytes.get(peer_port)?, b"*" | b"\\*");
    Some(Row { transport, six, host, port, peer, peerless, rest: foreign.end })
}

/// Whether a text can be a port: a number, a service name (RFC 6335 section 5.1, and the `_`, `.`,
/// `+` and `/` of older tables), or `*`. Markdown puts a backslash before the star.
fn is_port(text: &[u8]) -> bool {
    match text {
        text if is_number(text) => true,
        b"*" | b"\\*" => true,
        [first, rest @ ..] if first.is_ascii_alphanumeric() => rest.iter().all(|&byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+' | b'/' | b'*')
        }),
        _ => false,
    }
}

/// Whether a line may be a row or a piece of one, whatever stands between its columns: it begins with a
/// transport, or holds an endpoint, a state, an owner, or numbers alone.
pub(super) fn resembles(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge =
        |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'*' | b'\\' | b']' | b':' | b'x');
    let endpoint = memchr::memchr_iter(b':', bytes).any(|at| {
        at > 0
            && bytes.get(at - 1).is_some_and(edge)
            && bytes.get(at + 1).is_some_and(|byte| edge(byte) || *byte == b'/')
            || bytes
                .get(at + 1..)
                .is_some_and(|behind| behind.starts_with(b"*") || behind.starts_with(b"\\*"))
    });
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_digit()) && is_owner(word.as_bytes())
            || transport(word.as_bytes()).is_some()
    };
    let start = text.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()).as_bytes();
    let begun = [&b"tcp"[..], b"udp", b"raw", b"sctp"]
        .iter()
        .any(|name| start.get(..name.len()).is_some_and(|text| text.eq_ignore_ascii_case(name)));
    let alone = text.split_whitespace().all(|word| word == "-" || is_number(word.as_bytes()));
    endpoint
        || begun
        || alone
        || memchr::memmem::find(bytes, b"LISTEN").is_some()
        || text.split(|c: char| c.is_whitespace() || c.is_control()).any(word)
}

/// What is printed for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Host {
    /// An address in numbers.
    Ip(IpAddr),
    /// `*`, as name-resolving versions before 2.0 print the wildcard.
    Star,
    /// A name, or a cut address.
    Other,
}

/// Reads an address; `text` is what stands before the last colon.
///
/// A zone does not count: netstat reads none from /proc/net, and what busybox 1.35 prints behind the
/// `%` of raw sockets is uninitialised memory.
pub(super) fn host(text: &str) -> Host {
    match text {
        "0.0.0.0" => return Host::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        "::" | "[::]" => return Host::Ip(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        "*" | "\\*" => return Host::Star,
        _ => {}
    }
    if let Some(ip) = ipv4(text.as_bytes()) {
        return Host::Ip(IpAddr::V4(ip));
    }
    match address::parse(text) {
        address::AddressText { host: HostText::Ip(ip), .. } => Host::Ip(ip),
        _ => Host::Other,
    }
}

/// Four decimal octets without leading zeros.
fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let mut octets = [0_u8; 4];
    let mut at = 0;
    let mut digits = 0_u8;
    let mut value = 0_u16;
    for &byte in text {
        match byte {
            b'0'..=b'9' => {
                if digits > 0 && value == 0 || digits == 3 {
                    return None;
                }
                value = value * 10 + u16::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 && at < 3 => {
                *octets.get_mut(at)? = u8::try_from(value).ok()?;
                at += 1;
                digits = 0;
                value = 0;
            }
            _ => return None,
        }
    }
    (at == 3 && digits > 0).then_some(())?;
    *octets.get_mut(3)? = u8::try_from(value).ok()?;
    Some(Ipv4Addr::from(octets))
}

/// Whether the foreign address is a wildcard, in every spelling.
pub(super) fn is_wildcard(peer: &[u8]) -> bool {
    let peer = match memchr::memchr(b'%', peer) {
        Some(zone) => peer.get(..zone).unwrap_or_default(),
        None => peer,
    };
    matches!(peer, b"0.0.0.0" | b"::" | b"[::]" | b"*" | b"\\*" | b"")
}

/// What stands behind the foreign address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Tail {
    /// The state word; UDP sockets mostly have none.
    pub(super) state: Option<Range<usize>>,
    /// User and inode, of `-e`.
    pub(super) user: Option<(Range<usize>, Range<usize>)>,
    /// Where the rest begins: the owner, the security context, the timer.
    pub(super) rest: usize,
}

/// Reads state, user and inode. States and timers are translated, so shapes tell: an owner is `-` or
/// `PID/...`, a timer is a word before `(`, an inode is a number behind the user, and where two
/// numbers follow a word, that word is the state.
pub(super) fn tail(bytes: &[u8], row: &Row, end: usize) -> Tail {
    let mut tail = Tail { rest: row.rest, ..Tail::default() };
    let word = |at: usize| field(bytes, at, end);
    let slice = |range: &Range<usize>| bytes.get(range.clone()).unwrap_or_default();
    let number = |range: &Range<usize>| is_number(slice(range));
    let Some(first) = word(tail.rest) else { return tail };
    // The two shapes of nearly every row: an owner, or a state and an owner or nothing.
    if is_owner(slice(&first)) {
        return tail;
    }
    let second = word(first.end);
    if second.as_ref().is_none_or(|second| is_owner(slice(second))) {
        tail.rest = first.end;
        tail.state = Some(first);
        return tail;
    }
    let third = second.as_ref().and_then(|second| word(second.end));
    let stateless = match row.transport {
        // `%-11d` or itoa(): always there, and always a number.
        Transport::Raw => !number(&first),
        Transport::Tcp
        | Transport::Udp
        | Transport::Udplite
        | Transport::Sctp
        | Transport::Dccp => {
            is_timer(bytes, second.as_ref())
                || second.as_ref().is_some_and(number) && !third.as_ref().is_some_and(number)
        }
    };
    let user = if stateless {
        Some((first, second))
    } else {
        tail.rest = first.end;
        tail.state = Some(first);
        second.map(|second| (second, third))
    };
    if let Some((user, Some(inode))) = user
        && number(&inode)
        && !is_owner(slice(&user))
    {
        tail.rest = inode.end;
        tail.user = Some((user, inode));
    }
    tail
}

/// Whether a word begins an owner: `-` or a number and a slash.
pub(super) fn is_owner(word: &[u8]) -> bool {
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    word == b"-" || digits > 0 && word.get(digits) == Some(&b'/')
}

/// Whether a word is the second of a timer: `(0.00/0/0)`.
fn is_timer(bytes: &[u8], word: Option<&Range<usize>>) -> bool {
    let text = word.and_then(|word| bytes.get(word.clone())).unwrap_or_default();
    text.first() == Some(&b'(') && text.contains(&b'/')
}

/// Where the timer at the end of `bytes[at..end]` begins, if there is one: a word and
/// `(0.00/0/0)`. Source: net-tools netstat.c `tcp_do_one`; the word is translated.
pub(super) fn timer(bytes: &[u8], at: usize, end: usize) -> Option<usize> {
    let text = bytes.get(at..end)?;
    let text = text.trim_ascii_end();
    let inside = text.strip_suffix(b")")?;
    let open = memchr::memrchr(b'(', inside)?;
    let numbers = inside.get(open + 1..)?;
    if numbers.is_empty()
        || !numbers
            .iter()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'/' | b',' | b' '))
        || memchr::memchr_iter(b'/', numbers).count() != 2
    {
        return None;
    }
    let before = text.get(..open)?.trim_ascii_end();
    // The Estonian `off` ends in a parenthesis of its own.
    let before = before.strip_suffix(b"(").map_or(before, <[u8]>::trim_ascii_end);
    let word = before.iter().rposition(|&byte| is_blank(byte)).map_or(0, |blank| blank + 1);
    Some(at + word)
}
