//! One line of the table: where its fields stand.
//!
//! The layouts are those of FreeBSD usr.bin/netstat/inet.c and sctp.c, macOS network_cmds
//! netstat.tproj/inet.c, OpenBSD and NetBSD usr.bin/netstat/inet.c. Fields are found by blanks, not by
//! columns: pastes collapse blanks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use crate::address::{self, HostText};
use crate::capture::table::{is_number, words};
use crate::snapshot::Transport;

/// What the first column names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Sockets with ports.
    Ports(Transport),
    /// Raw sockets of this IP protocol.
    Raw(u16),
    /// Divert sockets and what else has neither ports nor peers.
    Other,
}

/// The address families that the first column names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Families {
    /// `tcp4`, and `tcp` of OpenBSD and NetBSD.
    V4,
    /// `tcp6`.
    V6,
    /// `tcp46`: an IPv6 socket that accepts IPv4 too.
    Both,
    /// The listen queues of macOS name no protocol.
    NotShown,
}

/// A row, as byte ranges of its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) families: Families,
    /// The first column says `4` or `46`, as FreeBSD and macOS do and the others do not.
    pub(super) suffixed: bool,
    /// The address of a kernel structure stands before the protocol (`-A`).
    pub(super) pcb: bool,
    /// Local address and port.
    pub(super) local: Range<usize>,
    /// Foreign address and port; `None` in the table of listen queues.
    pub(super) foreign: Option<Range<usize>>,
    /// The state of a connection-oriented socket.
    pub(super) state: Option<Range<usize>>,
    /// Where the columns behind the state begin.
    pub(super) rest: usize,
}

/// Reads the first column: a protocol, cut to three letters by FreeBSD and macOS, and the families.
fn protocol(word: &str) -> Option<(Kind, Families, bool)> {
    let (base, families, suffixed) = if let Some(base) = word.strip_suffix("46") {
        (base, Families::Both, true)
    } else if let Some(base) = word.strip_suffix('4') {
        (base, Families::V4, true)
    } else if let Some(base) = word.strip_suffix('6') {
        (base, Families::V6, false)
    } else {
        (word, Families::V4, false)
    };
    // Numbers: IANA Protocol Numbers.
    let kind = match base {
        "tcp" | "toe" => Kind::Ports(Transport::Tcp),
        "udp" => Kind::Ports(Transport::Udp),
        "sctp" => Kind::Ports(Transport::Sctp),
        "icm" | "icmp" if families == Families::V6 => Kind::Raw(58),
        "icm" | "icmp" => Kind::Raw(1),
        "igm" | "igmp" => Kind::Raw(2),
        "ip" => Kind::Raw(255),
        "esp" => Kind::Raw(50),
        "ah" => Kind::Raw(51),
        "pim" => Kind::Raw(103),
        "ipc" | "ipcomp" => Kind::Raw(108),
        "car" | "carp" => Kind::Raw(112),
        "pfs" | "pfsync" => Kind::Raw(240),
        "div" | "divert" | "sdp" => Kind::Other,
        _ => return None,
    };
    Some((kind, families, suffixed))
}

/// Whether a word can be the address of a kernel structure.
fn is_pointer(word: &str) -> bool {
    let digits = word.strip_prefix("0x").unwrap_or(word);
    (7..=16).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a word is `0/0/128`, the lengths of a listen queue.
fn is_queue(word: &str) -> bool {
    let mut parts = word.split('/');
    let three = [parts.next(), parts.next(), parts.next()];
    three.into_iter().all(|part| part.is_some_and(is_number)) && parts.next().is_none()
}

/// Whether a word can be an address and a port joined by a dot; the end, and so the port, may be cut.
fn is_endpoint(word: &str) -> bool {
    match split(word) {
        (_, Some(port)) => {
            port.is_empty() && word.len() >= 17
                || matches!(port, "*" | "\\*")
                || port.starts_with(|c: char| c.is_ascii_alphanumeric())
                    && port.bytes().all(|byte| {
                        byte.is_ascii_alphanumeric()
                            || matches!(byte, b'-' | b'_' | b'+' | b'/' | b'*')
                    })
        }
        (host, None) => {
            host.len() >= 17
                && host.contains(':')
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'%'))
        }
    }
}

/// Address and port: what stands before and behind the last dot. No dot is left where both are cut.
pub(super) fn split(word: &str) -> (&str, Option<&str>) {
    match word.rsplit_once('.') {
        Some((host, port)) => (host, Some(port)),
        None => (word, None),
    }
}

/// Takes a row apart; `None` where the line is none.
pub(super) fn parse(text: &str) -> Option<Row> {
    let first = text.trim_start().bytes().next()?;
    if !first.is_ascii_alphanumeric() {
        return None;
    }
    let words = words(text);
    let word = |at: usize| words.get(at).and_then(|range| text.get(range.clone()));
    let place = |at: usize| words.get(at).cloned();
    // macOS puts the hash of the flow behind the pointer.
    let hash = |word: &str| word.len() <= 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let pointer = word(0).is_some_and(is_pointer) && word(1).is_some_and(hash);
    let queue = if pointer && word(2).is_some_and(is_queue) { 2 } else { 0 };
    if is_queue(word(queue)?) {
        // macOS, -L, and with -A.
        let local = place(queue + 1)
            .filter(|_| words.len() == queue + 2 && word(queue + 1).is_some_and(is_endpoint))?;
        let rest = local.end;
        return Some(Row {
            kind: Kind::Ports(Transport::Tcp),
            families: Families::NotShown,
            suffixed: false,
            pcb: queue > 0,
            local,
            foreign: None,
            state: None,
            rest,
        });
    }
    let at = (0..3).find(|&at| word(at).is_some_and(|word| protocol(word).is_some()))?;
    if at > 0 && !word(0).is_some_and(is_pointer) || at > 1 && !word(1).is_some_and(hash) {
        return None;
    }
    let (mut kind, mut families, mut suffixed) = protocol(word(at)?)?;
    let mut next = at + 1;
    if kind == Kind::Raw(255)
        && word(at) == Some("ip")
        && matches!(word(next)?, "4" | "6" | "46")
        && word(next + 3).is_some_and(is_endpoint)
    {
        // `%-3.3s%-2.2s` puts a blank into `ip 4`.
        (_, families, suffixed) = protocol(&format!("ip{}", word(next)?))?;
        next += 1;
    }
    let (local, foreign) = if is_queue(word(next)?) {
        (place(next + 1)?, None)
    } else if matches!(word(next)?, "1to1" | "1toN") {
        let foreign = place(next + 2).filter(|_| word(next + 2).is_some_and(is_endpoint));
        (
            place(next + 1)?,
            Some(foreign.unwrap_or(words.get(next + 1)?.end..words.get(next + 1)?.end)),
        )
    } else {
        // Two queues; three counters of TCP and nothing of UDP with -T; two queues and three windows of TCP with
        // -B of OpenBSD.
        let numbers = (next..next + 5).take_while(|&at| word(at).is_some_and(is_number)).count();
        let digit = word(at).is_some_and(|word| word.ends_with(['4', '6']));
        if numbers < 2 && !(numbers == 0 && digit && kind == Kind::Ports(Transport::Udp)) {
            return None;
        }
        next += numbers;
        word(next + 1).filter(|word| is_endpoint(word))?;
        (place(next)?, Some(place(next + 1)?))
    };
    text.get(local.clone()).filter(|word| is_endpoint(word))?;
    let mut rest = foreign.as_ref().map_or(local.end, |foreign| foreign.end.max(local.end));
    let behind = words.iter().find(|range| range.start >= rest).cloned();
    let behind_text = behind.as_ref().and_then(|range| text.get(range.clone())).unwrap_or_default();
    let mut state = None;
    match kind {
        Kind::Ports(Transport::Tcp | Transport::Sctp) if is_state(behind_text) => {
            rest = behind.as_ref().map_or(rest, |range| range.end);
            state = behind;
        }
        // OpenBSD: the protocol of a raw socket.
        Kind::Raw(255) if is_number(behind_text) && !suffixed => {
            kind = Kind::Raw(behind_text.parse().ok()?);
        }
        Kind::Ports(_) | Kind::Raw(_) | Kind::Other => {}
    }
    Some(Row { kind, families, suffixed, pcb: at > 0, local, foreign, state, rest })
}

/// Whether a word is the name of a TCP or SCTP state; the `*` behind it is that of T/TCP.
/// Source: netinet/tcp_fsm.h `tcpstates`, NetBSD `shorttcpstates`.
fn is_state(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.bytes().all(|byte| {
            byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'*' | b'-')
        })
}

/// What is printed for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Host<'a> {
    /// An address, with its zone.
    Ip(IpAddr, Zone<'a>),
    /// `*`.
    Star,
    /// A name, or a cut address.
    Other,
}

/// The zone of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone<'a> {
    None,
    /// `%lo0`.
    Named(&'a str),
    /// The number of an interface inside the address (KAME).
    Number(u16),
}

/// Reads an address.
pub(super) fn host(text: &str) -> Host<'_> {
    if matches!(text, "*" | "\\*") {
        return Host::Star;
    }
    let read = address::parse(text);
    let zone = read.zone.map_or(Zone::None, Zone::Named);
    match read.host {
        HostText::Star => Host::Star,
        HostText::Ip(IpAddr::V6(ip)) if zone == Zone::None => match embedded(ip) {
            Some((ip, number)) => Host::Ip(IpAddr::V6(ip), Zone::Number(number)),
            None => Host::Ip(IpAddr::V6(ip), zone),
        },
        HostText::Ip(ip) => Host::Ip(ip, zone),
        HostText::Other(_) => Host::Other,
    }
}

/// Takes the number of the interface out of the second group of a link-local address, where the
/// kernels of the KAME family keep it. Source: KAME, `in6_embedscope`; FreeBSD netinet6/scope6.c.
fn embedded(ip: Ipv6Addr) -> Option<(Ipv6Addr, u16)> {
    let mut segments = ip.segments();
    let [first, zone, ..] = &mut segments;
    let local = *first & 0xffc0 == 0xfe80 || matches!(*first & 0xff0f, 0xff01 | 0xff02);
    if !local || *zone == 0 {
        return None;
    }
    let number = std::mem::take(zone);
    Some((Ipv6Addr::from(segments), number))
}

/// The wildcard that `*` stands for.
pub(super) fn wildcard(families: Families) -> Option<IpAddr> {
    match families {
        Families::V4 => Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        Families::V6 => Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        Families::Both | Families::NotShown => None,
    }
}
