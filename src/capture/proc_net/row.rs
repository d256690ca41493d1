//! Headers and rows of the tables.

use std::ops::Range;

/// What begins a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    /// `sl local_address ...`.
    Inet {
        /// `remote_address`: IPv6.
        six: bool,
        /// `drops`: no table of TCP. That of `udp6` and `raw6` lacked it before Linux 3.9.
        drops: bool,
    },
    /// `/proc/net/sctp/eps`.
    Sctp,
    /// A table without listeners of the internet: unix, packet and netlink sockets, associations of SCTP.
    Other,
}

/// Reads a header.
pub(super) fn header(line: &str) -> Option<Header> {
    let mut words = line.split_ascii_whitespace();
    Some(match (words.next()?, words.next()?, words.next()?) {
        ("sl", "local_address", third) => {
            let six = third == "remote_address";
            if !six && third != "rem_address" {
                return None;
            }
            Header::Inet { six, drops: words.next_back() == Some("drops") }
        }
        ("ENDPT", "SOCK", "STY") => Header::Sctp,
        ("ASSOC", "SOCK", "STY")
        | ("Num", "RefCount", "Protocol")
        | ("sk", "RefCnt" | "Eth", "Type" | "Pid")
        | ("ADDR", "ASSOC_ID", _) => Header::Other,
        _ => return None,
    })
}

/// Whether a line is the end of a header that a screen of 80 columns broke.
pub(super) fn is_header_rest(line: &str) -> bool {
    const WORDS: &[&str] = &[
        "st", "tx_queue", "rx_queue", "tr", "tm->when", "retrnsmt", "uid", "timeout", "inode",
        "ref", "pointer", "drops",
    ];
    let mut words = line.split_ascii_whitespace();
    let broken = |first: &str| WORDS.iter().any(|word| word.ends_with(first));
    words.next().is_some_and(broken) && words.all(|word| WORDS.contains(&word))
}

/// Whether a line that is no row holds something of one: hexadecimal digits as addresses have them, or
/// numbers alone.
pub(super) fn resembles(line: &str) -> bool {
    let hex = |c: char| c.is_ascii_hexdigit();
    let long = line.split(|c: char| !hex(c)).any(|run| {
        run.len() >= 8 || run.len() >= 4 && run.bytes().all(|byte| byte.is_ascii_digit())
    });
    let numbers =
        line.contains(hex) && line.chars().all(|c| hex(c) || matches!(c, ' ' | '\t' | ':' | '-'));
    long || numbers || line.trim_start().starts_with(|c: char| c.is_ascii_digit())
}

/// A row of internet sockets, as ranges of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// Words of the local address.
    pub(super) local: Vec<u32>,
    pub(super) peer: Vec<u32>,
    pub(super) host: Range<usize>,
    pub(super) port_at: Range<usize>,
    pub(super) port: u16,
    pub(super) peer_port: u16,
    pub(super) state: u8,
    pub(super) uid: Option<u32>,
    pub(super) inode: Option<u64>,
    /// All columns up to the inode are there.
    pub(super) whole: bool,
}

fn words(line: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let base = line.as_ptr() as usize;
    line.split_ascii_whitespace().map(move |word| {
        let start = word.as_ptr() as usize - base;
        start..start + word.len()
    })
}

fn hexadecimal(text: &str) -> Option<u32> {
    let digits = (1..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| u32::from_str_radix(text, 16).ok()).flatten()
}

/// `0100007F:1538`: words of the address and the port.
fn endpoint(text: &str) -> Option<(Vec<u32>, u16)> {
    let (host, port) = text.split_once(':')?;
    if port.len() != 4 || !matches!(host.len(), 8 | 32) {
        return None;
    }
    let words = (0..host.len() / 8).map(|at| hexadecimal(host.get(8 * at..8 * at + 8)?));
    Some((words.collect::<Option<_>>()?, u16::try_from(hexadecimal(port)?).ok()?))
}

/// Reads a row: a number, two endpoints, a state and what follows.
pub(super) fn parse(line: &str) -> Option<Row> {
    let mut words = words(line);
    let mut next = || {
        let range = words.next()?;
        Some((line.get(range.clone())?, range))
    };
    let number = next()?.0.strip_suffix(':')?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (text, range) = next()?;
    let (local, port) = endpoint(text)?;
    let (peer, peer_port) = endpoint(next()?.0)?;
    let (state, _) = next()?;
    if state.len() != 2 || local.len() != peer.len() {
        return None;
    }
    let state = u8::try_from(hexadecimal(state)?).ok()?;
    // Queues, timer, retransmissions.
    let mut shaped = true;
    for colons in [1, 1, 0] {
        shaped &= next().is_some_and(|(word, _)| {
            word.bytes().filter(|&byte| byte == b':').count() == colons
                && word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':')
        });
    }
    let uid = next().and_then(|(word, _)| word.parse().ok());
    let timeout = next().is_some();
    let inode = next().and_then(|(word, _)| word.parse().ok());
    let whole = shaped && uid.is_some() && timeout && inode.is_some();
    let host = range.start..range.end - 5;
    Some(Row {
        local,
        peer,
        host,
        port_at: range.end - 4..range.end,
        port,
        peer_port,
        state,
        uid: uid.filter(|_| whole),
        inode: inode.filter(|_| whole),
        whole,
    })
}

/// Whether a line can be the rest of a row that a screen broke: numbers and nothing else.
pub(super) fn is_rest(line: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b' ' | b'\t' | b':' | b'-');
    !line.trim().is_empty() && line.bytes().all(plain) && parse(line).is_none() && !begins(line)
}

/// Whether a line begins as a row does: a number with a colon, and half an endpoint.
pub(super) fn begins(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    words.next().and_then(|word| word.strip_suffix(':')).is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    }) && words.next().is_some_and(|word| {
        word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':')
    })
}

/// An endpoint of SCTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// 10 while it listens.
    pub(super) state: u8,
    pub(super) port: Range<usize>,
    pub(super) uid: Option<u32>,
    pub(super) inode: Option<u64>,
    pub(super) addresses: Vec<Range<usize>>,
}

/// Reads a row of `sctp/eps`: two kernel addresses, style, state, bucket, port, user, inode, addresses.
pub(super) fn endpoints(line: &str) -> Option<Endpoint> {
    let all: Vec<Range<usize>> = words(line).collect();
    let word = |at: usize| all.get(at).and_then(|range| line.get(range.clone()));
    let pointer = |text: &str| text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !pointer(word(0)?) || !pointer(word(1)?) {
        return None;
    }
    word(5)?.parse::<u16>().ok()?;
    Some(Endpoint {
        state: word(3)?.parse().ok()?,
        port: all.get(5)?.clone(),
        uid: word(6)?.parse().ok(),
        inode: word(7)?.parse().ok(),
        addresses: all.get(8..).unwrap_or_default().to_vec(),
    })
}
