//! The grammar of one row: `[netid] [state] [recv-q send-q] LOCAL PEER [users:(...)] [key:value ...]`.
//!
//! Rows are split by blanks, never by columns: since iproute2 4.15 columns are as wide as their
//! content, and older ones overflow. This is the exact reader, for all that the fast one does not
//! take. Source: iproute2, `misc/ss.c`.

use std::net::IpAddr;
use std::ops::Range;

use super::header::Columns;
use super::users::{self, Scan};
use crate::address::{self, HostText};

/// A socket table, by the first column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Netid {
    /// `tcp`.
    Tcp,
    /// `udp`.
    Udp,
    /// `raw`, or `???`: ss has no name for the protocol, as for ICMPv6 before 4.14.
    Raw,
    /// `icmp6`: a raw ICMPv6 socket, since iproute2 4.14.
    Icmp6,
    /// `sctp`.
    Sctp,
    /// `dccp`.
    Dccp,
    /// `mptcp`, since iproute2 5.9.
    Mptcp,
}

/// A row of a table that holds no IP sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foreign {
    /// `u_str`, `u_dgr`, `u_seq`.
    Unix,
    /// `nl`.
    Netlink,
    /// `p_raw`, `p_dgr`.
    Packet,
    /// `v_str`, `v_dgr`, `ti_*`, `xdp`: iproute2 4.15 and newer.
    Newer,
    /// An association of the SCTP endpoint above it.
    Child,
}

/// A state, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// `LISTEN`.
    Listen,
    /// `UNCONN`.
    Unconn,
    /// Any other.
    Connected,
}

/// What stands for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Host {
    /// An address, in brackets or not.
    Ip(IpAddr, bool),
    /// `*`.
    Star,
    /// A name.
    Name,
}

/// An address with a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// The address.
    pub(super) host: Host,
    /// Where the address stands, without the device.
    pub(super) host_at: Range<usize>,
    /// Where the device stands.
    pub(super) zone: Option<Range<usize>>,
    /// Where the port stands.
    pub(super) port: Range<usize>,
}

/// The users of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Users {
    /// None are shown.
    None,
    /// From the first entry to just past the last parenthesis.
    At(Range<usize>),
    /// Text that cannot be read, from this offset on.
    Bad(usize),
}

/// Texts behind the users.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Extras {
    /// `uid:`, which is left out for root.
    pub(super) uid: Option<u32>,
    /// `ino:`.
    pub(super) inode: Option<u64>,
    /// Any text that only `-e` prints: with it, no `uid:` means root.
    pub(super) extended: bool,
    /// `v6only:`.
    pub(super) v6only: Option<bool>,
    /// The value of `cgroup:`.
    pub(super) cgroup: Option<Range<usize>>,
}

/// A row of an IP table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// The first column, if there is one.
    pub(super) netid: Option<Netid>,
    /// The state, if there is one.
    pub(super) state: Option<State>,
    /// `Send-Q`: the backlog of a listener.
    pub(super) send_queue: Option<u64>,
    /// The local end.
    pub(super) local: Endpoint,
    /// The other end.
    pub(super) peer: Endpoint,
    /// The users.
    pub(super) users: Users,
    /// What follows them.
    pub(super) extras: Extras,
}

/// What a text is as a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// A whole row of an IP table.
    Row(Box<Row>),
    /// The beginning of a row of an IP table, which ends before its peer does.
    Columns,
    /// A row whose users do not end; all entries before the offset are whole.
    OpenUsers(usize),
    /// A row of another table. Not whole when the flag is false.
    Foreign(Foreign, bool),
    /// An IP row with text that no IP row has: a piece of a path or name.
    Forged,
    /// No row.
    Not,
}

/// A blank between columns; pasted pages have no-break spaces.
pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{A0}' | '\r')
}

/// The next word from an offset on.
pub(super) fn word(text: &str, from: usize) -> Option<Range<usize>> {
    // As `is_blank`, but of bytes: U+00A0 is the two bytes C2 A0, and no other character has the first.
    let bytes = text.as_bytes();
    let blank = |at: usize| match bytes.get(at) {
        Some(b' ' | b'\t' | b'\r') => 1,
        Some(0xC2) if bytes.get(at + 1) == Some(&0xA0) => 2,
        _ => 0,
    };
    let mut start = from;
    while let len @ 1.. = blank(start) {
        start += len;
    }
    let mut end = start;
    while end < bytes.len() && blank(end) == 0 {
        end += 1;
    }
    (end > start).then_some(start..end)
}

fn words(text: &str, from: usize) -> impl Iterator<Item = (Range<usize>, &str)> {
    let mut at = from;
    std::iter::from_fn(move || {
        let range = word(text, at)?;
        at = range.end;
        Some((range.clone(), text.get(range)?))
    })
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

fn netid(word: &str) -> Option<Result<Netid, Foreign>> {
    Some(match word {
        "tcp" => Ok(Netid::Tcp),
        "udp" => Ok(Netid::Udp),
        "raw" | "???" => Ok(Netid::Raw),
        "icmp6" => Ok(Netid::Icmp6),
        "sctp" => Ok(Netid::Sctp),
        "dccp" => Ok(Netid::Dccp),
        "mptcp" => Ok(Netid::Mptcp),
        "u_str" | "u_dgr" | "u_seq" => Err(Foreign::Unix),
        "nl" => Err(Foreign::Netlink),
        "p_raw" | "p_dgr" => Err(Foreign::Packet),
        "v_str" | "v_dgr" | "ti_st" | "ti_dg" | "ti_rd" | "ti_sq" | "xdp" => Err(Foreign::Newer),
        "`-" => Err(Foreign::Child),
        _ => return None,
    })
}

/// The state that a word names. Source: iproute2, `misc/ss.c`, `sstate_name`.
pub(super) fn state(word: &str) -> Option<State> {
    Some(match word {
        "LISTEN" => State::Listen,
        "UNCONN" => State::Unconn,
        "ESTAB" | "SYN-SENT" | "SYN-RECV" | "FIN-WAIT-1" | "FIN-WAIT-2" | "TIME-WAIT"
        | "CLOSE-WAIT" | "LAST-ACK" | "CLOSING" | "UNKNOWN" | "UNDEF" => State::Connected,
        _ => return None,
    })
}

/// Reads a text as a row. `columns` are those of the table's header, if it has one.
pub(super) fn parse(text: &str, columns: Option<Columns>) -> Shape {
    let Some(first) = word(text, 0) else { return Shape::Not };
    let mut next = Some(first.clone());
    let get = |range: &Option<Range<usize>>| {
        range.clone().and_then(|range| text.get(range)).unwrap_or_default()
    };
    let table = netid(get(&next));
    if let Some(Err(foreign)) = table {
        return parse_foreign(text, first.end, foreign);
    }
    let table = table.and_then(Result::ok);
    if table.is_some() {
        next = word(text, first.end);
    }
    let state = state(get(&next));
    if state.is_some() {
        next = word(text, next.map_or(text.len(), |range| range.end));
    } else if table.is_none()
        && let Some((glued, queue)) = glued_state(get(&next))
    {
        let start = first.start + queue;
        return parse_from(text, columns, None, Some(glued), Some(start..first.end));
    }
    parse_from(text, columns, table, state, next)
}

/// A state with the queue glued to it, and where the queue begins: `LISTEN0`, as iproute2 4.15 prints
/// tables without a netid.
fn glued_state(word: &str) -> Option<(State, usize)> {
    let digits = word.len() - word.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let at = word.len() - digits;
    let found = state(word.get(..at)?).filter(|_| digits > 0);
    // `FIN-WAIT-10`: the name itself ends in a digit.
    let found = found
        .map(|state| (state, at))
        .or_else(|| state(word.get(..at + 1)?).map(|state| (state, at + 1)));
    found.filter(|&(_, at)| at < word.len())
}

/// Reads a row from its queues on.
fn parse_from(
    text: &str,
    columns: Option<Columns>,
    table: Option<Netid>,
    state: Option<State>,
    mut next: Option<Range<usize>>,
) -> Shape {
    let get = |range: &Option<Range<usize>>| {
        range.clone().and_then(|range| text.get(range)).unwrap_or_default()
    };
    let mut send_queue = None;
    let mut queues = 0;
    while queues < 2 && is_number(get(&next)) {
        send_queue = get(&next).parse().ok();
        queues += 1;
        next = word(text, next.map_or(text.len(), |range| range.end));
    }
    let bare = columns.is_some_and(|columns| !columns.netid && !columns.state && !columns.queues);
    // A row of netstat begins like a row with a netid and no state: only a header of ss tells.
    let stateless = table.is_some() && state.is_none();
    if (table.is_none() && state.is_none() && queues == 0 && !bare)
        || (stateless && columns.is_none())
        || (queues == 1 && next.is_some())
    {
        return Shape::Not;
    }
    let Some(local_at) = next else {
        return Shape::Columns;
    };
    let peer_at = word(text, local_at.end);
    let local = text.get(local_at.clone()).and_then(|word| endpoint(word, local_at.start));
    let Some(peer_at) = peer_at else {
        // A row without any sign but a bare endpoint is not begun, it is a word with a colon.
        let cut = !bare && (local.is_some() || may_be_cut(text.get(local_at).unwrap_or_default()));
        return if cut { Shape::Columns } else { Shape::Not };
    };
    let Some(local) = local else { return netlink(text, local_at, peer_at, queues) };
    let peer_text = text.get(peer_at.clone()).unwrap_or_default();
    let Some(peer) = endpoint(peer_text, peer_at.start) else {
        let last = word(text, peer_at.end).is_none();
        return match netlink(text, local_at, peer_at, queues) {
            Shape::Not if last && may_be_cut(peer_text) => Shape::Columns,
            shape => shape,
        };
    };
    if stateless
        && word(text, peer_at.end)
            .is_some_and(|word| is_netstat(text.get(word).unwrap_or_default()))
    {
        return Shape::Not;
    }
    let row = Row {
        netid: table,
        state,
        send_queue,
        local,
        peer,
        users: Users::None,
        extras: Extras::default(),
    };
    behind(text, peer_at.end, row)
}

/// What netstat prints behind the peer: a state, or a program.
fn is_netstat(word: &str) -> bool {
    word == "-"
        || state(word).is_some()
        || word.starts_with(|c: char| c.is_ascii_uppercase())
        || word.split_once('/').is_some_and(|(pid, _)| is_number(pid))
}

/// Whether a word that is no endpoint may be the beginning of one that a narrow screen broke.
fn may_be_cut(word: &str) -> bool {
    word.len() <= 80
        && word.chars().all(|c| {
            c.is_ascii_alphanumeric()
                || matches!(c, '.' | ':' | '[' | ']' | '%' | '*' | '-' | '_' | '@')
        })
}

/// A netlink row of a table without netids: `rtnl:kernel *`, `4:257551 *`.
fn netlink(text: &str, local: Range<usize>, peer: Range<usize>, queues: usize) -> Shape {
    let name = text.get(local.clone()).unwrap_or_default().split(':').next().unwrap_or_default();
    let known = is_number(name)
        || matches!(
            name,
            "rtnl"
                | "unused"
                | "fw"
                | "tcpdiag"
                | "nflog"
                | "xfrm"
                | "selinux"
                | "iscsi"
                | "audit"
                | "fiblookup"
                | "connector"
                | "nft"
                | "ip6fw"
                | "dec-rt"
                | "uevent"
                | "genl"
                | "scsi-trans"
                | "ecryptfs"
                | "rdma"
                | "crypto"
                | "smc"
        );
    if queues == 2 && known && text.get(peer) == Some("*") {
        return Shape::Foreign(Foreign::Netlink, true);
    }
    Shape::Not
}

/// Reads users and extra texts.
fn behind(text: &str, from: usize, mut row: Row) -> Shape {
    let mut at = from;
    while let Some(range) = word(text, at) {
        let value = text.get(range.clone()).unwrap_or_default();
        if value.starts_with(users::OPEN) {
            if row.users != Users::None {
                return Shape::Forged;
            }
            let start = range.start + users::OPEN.len();
            match users::scan(text, start) {
                Scan::Closed(end) => {
                    row.users = Users::At(start..end);
                    at = end;
                    continue;
                }
                Scan::Open(resume) => return Shape::OpenUsers(resume),
                Scan::Bad(bad) => {
                    row.users = Users::Bad(bad);
                    return Shape::Row(Box::new(row));
                }
            }
        }
        // The inode and the peer of a unix row whose path made this row, a third endpoint, or what is no
        // text of ss.
        let third = value.ends_with(":*") && endpoint(value, range.start).is_some();
        if value == "*" || is_number(value) || value.contains('"') || third {
            return Shape::Forged;
        }
        extra(value, range.clone(), &mut row.extras);
        at = range.end;
    }
    Shape::Row(Box::new(row))
}

fn extra(word: &str, range: Range<usize>, extras: &mut Extras) {
    let Some((key, value)) = word.split_once([':', '=']) else { return };
    match key {
        "uid" => extras.uid = value.parse().ok(),
        "ino" => {
            extras.inode = value.parse().ok();
            extras.extended = true;
        }
        "sk" => extras.extended = true,
        "v6only" => extras.v6only = Some(value == "1"),
        "cgroup" if !value.is_empty() => extras.cgroup = Some(range.end - value.len()..range.end),
        _ => {}
    }
}

/// Whether a line begins with a text that stands behind the peer: it belongs to the row above.
pub(super) fn is_extra(line: &str) -> bool {
    const KEYS: &[&str] = &[
        "uid:",
        "ino:",
        "sk:",
        "fwmark:",
        "cgroup:",
        "v6only:",
        "timer:(",
        "tos:",
        "tclass:",
        "class_id:",
        "skmem:(",
        "mem:(",
        "ino=",
        "sk=",
        "uid=",
        "unreachable:",
    ];
    let line = line.trim_start();
    let arrow = line.split(is_blank).next().unwrap_or_default();
    matches!(arrow, "<->" | "-->" | "<--" | "---") || KEYS.iter().any(|key| line.starts_with(key))
}

/// Takes `ADDRESS[%device]:PORT` apart; `start` is where the word stands.
pub(super) fn endpoint(word: &str, start: usize) -> Option<Endpoint> {
    let colon = word.rfind(':')?;
    let (text, port) = (word.get(..colon)?, word.get(colon + 1..)?);
    // Markdown puts a backslash before the star.
    if let Some(rest) = text.strip_prefix('\\').filter(|rest| rest.starts_with('*')) {
        return endpoint(word.get(1..)?, start + 1).filter(|_| !rest.is_empty());
    }
    let (port, escaped) = match port {
        "\\*" => ("*", 1),
        port => (port, 0),
    };
    if !is_port(port) {
        return None;
    }
    let parsed = address::parse(text);
    let (host, len) = match parsed.host {
        HostText::Ip(ip) => {
            let bracketed = text.starts_with('[');
            let len = match bracketed {
                true => text.rfind(']').map_or(text.len(), |end| end + 1),
                false => text.find('%').unwrap_or(text.len()),
            };
            (Host::Ip(ip, bracketed), len)
        }
        HostText::Star => (Host::Star, 1),
        HostText::Other(_) => {
            let len = text.rfind('%').unwrap_or(text.len());
            is_name(text.get(..len)?).then_some((Host::Name, len))?
        }
    };
    let zone = parsed.zone.map(|zone| match text.ends_with(']') && !text.contains("]%") {
        true => start + colon - 1 - zone.len()..start + colon - 1,
        false => start + colon - zone.len()..start + colon,
    });
    let zone = match host {
        Host::Name => {
            text.rfind('%').map(|at| start + at + 1..start + colon).filter(|zone| !zone.is_empty())
        }
        Host::Ip(..) | Host::Star => zone,
    };
    Some(Endpoint {
        host,
        host_at: start..start + len,
        zone,
        port: start + colon + 1 + escaped..start + word.len(),
    })
}

fn is_port(port: &str) -> bool {
    if is_number(port) {
        return port.parse::<u16>().is_ok();
    }
    port == "*"
        || (port.len() <= 64
            && port.bytes().any(|byte| byte.is_ascii_alphabetic())
            && port.bytes().all(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+')
            }))
}

/// A host name, as `-r` prints; what is all digits and dots is a broken address instead.
fn is_name(host: &str) -> bool {
    host.len() <= 255
        && host.bytes().any(|byte| byte.is_ascii_alphabetic())
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// Reads a row of another table; `from` is behind its netid.
fn parse_foreign(text: &str, from: usize, foreign: Foreign) -> Shape {
    let mut rest = words(text, from);
    let Some((first, value)) = rest.next() else { return Shape::Not };
    let at = match (state(value), is_number(value)) {
        (Some(_), _) => first.end,
        (None, true) => first.start,
        (None, false) => return Shape::Not,
    };
    let whole = match foreign {
        Foreign::Unix => has_unix_tail(text, at),
        Foreign::Netlink => words(text, at).any(|(_, word)| word == "*"),
        Foreign::Packet | Foreign::Newer | Foreign::Child => true,
    };
    Shape::Foreign(foreign, whole)
}

/// Whether the end of a unix row stands in a text from `from` on: the inode, and the peer's path and
/// inode, then users or extra texts or nothing. Paths may hold blanks and line breaks.
pub(super) fn has_unix_tail(text: &str, from: usize) -> bool {
    let mut last: [&str; 3] = [""; 3];
    let tail = |last: &[&str; 3]| matches!(last, [inode, peer, end] if is_number(inode) && !peer.is_empty() && is_number(end));
    for (_, word) in words(text, from) {
        if tail(&last) && (word.starts_with(users::OPEN) || is_extra(word)) {
            return true;
        }
        let [_, second, third] = last;
        last = [second, third, word];
    }
    tail(&last)
}

/// Whether a text is nothing but the end of a unix row: what follows a path that ends in a line break.
pub(super) fn is_unix_tail(text: &str) -> bool {
    let mut words = words(text, 0).map(|(_, word)| word);
    let (Some(inode), Some(_), Some(peer)) = (words.next(), words.next(), words.next()) else {
        return false;
    };
    is_number(inode)
        && is_number(peer)
        && words.next().is_none_or(|word| word.starts_with(users::OPEN) || is_extra(word))
}

/// Whether a line begins a row: its first words are those of a row in a table with these columns.
pub(super) fn starts(text: &str, columns: Option<Columns>) -> bool {
    let mut words = words(text, 0).map(|(_, word)| word);
    let Some(first) = words.next() else { return false };
    let second = words.next().unwrap_or_default();
    let stateful = |word: &str| state(word).is_some();
    let queues = is_number(second);
    if columns.is_none_or(|columns| !columns.netid) && glued_state(first).is_some() && queues {
        return true;
    }
    match columns {
        Some(Columns { netid: true, state, .. }) => {
            netid(first).is_some() && (stateful(second) || (!state && queues))
        }
        Some(Columns { state: true, queues: with, .. }) => stateful(first) && (queues || !with),
        Some(Columns { queues: true, .. }) => is_number(first) && queues,
        Some(_) => endpoint(first, 0).is_some() && endpoint(second, 0).is_some(),
        None => (netid(first).is_some() && stateful(second)) || (stateful(first) && queues),
    }
}

/// Whether a line that is no row holds something of one: an endpoint, a state, or users; whatever stands
/// between its columns. Of a row that is cut early the first words are there.
pub(super) fn resembles(text: &str) -> bool {
    let parted = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{FEFF}' | ',' | ';' | '|' | '"' | '`')
    };
    if text.contains(parted) && text.contains(|c| parted(c) && c != ' ') {
        let plain: String = text.chars().map(|c| if parted(c) { ' ' } else { c }).collect();
        return resembles(&plain);
    }
    let mut first = text.split(is_blank).filter(|word| !word.is_empty());
    let begun = match (first.next(), first.next(), first.next()) {
        (Some(word), None, _) => {
            ["LISTEN", "UNCONN", "tcp", "udp", "raw"].iter().any(|whole| whole.starts_with(word))
        }
        (Some(word), Some(second), None) => {
            netid(word).is_some()
                && ["LISTEN", "UNCONN"].iter().any(|whole| whole.starts_with(second))
        }
        _ => false,
    };
    begun
        || text == "*"
        || text.contains("users:((")
        || holds_endpoint(text)
        || words(text, 0).take(200).any(|(_, word)| state(word).is_some())
}

/// Whether a line holds an address with a port, or the end of one.
pub(super) fn holds_endpoint(text: &str) -> bool {
    text.trim_end().ends_with(":*")
        || words(text, 0)
            .take(200)
            .any(|(_, word)| endpoint(word, 0).is_some_and(|endpoint| endpoint.host != Host::Name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Row {
        match parse(text, None) {
            Shape::Row(row) => *row,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn odd_rows() {
        for (text, host, zone, port) in [
            ("tcp LISTEN 0 128 *:80 *:*", "*", None, "80"),
            ("tcp LISTEN 0 128 :::80 :::*", "::", None, "80"),
            ("tcp LISTEN 0 128 ::1:25 :::*", "::1", None, "25"),
            ("LISTEN 0 128 [::1]:25 [::]:*", "[::1]", None, "25"),
            ("LISTEN 0 128 [::ffff:10.0.0.1]:25 *:*", "[::ffff:10.0.0.1]", None, "25"),
            ("UNCONN 0 0 [fe80::1]%eth0:546 [::]:*", "[fe80::1]", Some("eth0"), "546"),
            ("UNCONN 0 0 [fe80::1%eth0]:546 [::]:*", "[fe80::1%eth0]", Some("eth0"), "546"),
            ("UNCONN 0 0 fe80::1%eth0.100:546 :::*", "fe80::1", Some("eth0.100"), "546"),
            ("udp UNCONN 0 0 *%virbr0:67 *:*", "*", Some("virbr0"), "67"),
            ("udp UNCONN 0 0 localhost%lo:domain *:*", "localhost", Some("lo"), "domain"),
            ("tcp LISTEN 0.0.0.0:22 0.0.0.0:*", "0.0.0.0", None, "22"),
            ("0 128 *:http *:*", "*", None, "http"),
            ("icmp6 UNCONN 0 0 *:ipv6-icmp *:*", "*", None, "ipv6-icmp"),
            ("??? UNCONN 0 0 :::58 :::*", "::", None, "58"),
            ("\u{a0}LISTEN\u{a0}0 128 0.0.0.0:22\u{a0}0.0.0.0:*", "0.0.0.0", None, "22"),
        ] {
            let row = row(text);
            assert_eq!(text.get(row.local.host_at.clone()), Some(host), "{text}");
            assert_eq!(row.local.zone.clone().and_then(|zone| text.get(zone)), zone, "{text}");
            assert_eq!(text.get(row.local.port.clone()), Some(port), "{text}");
        }
    }

    #[test]
    fn what_is_no_whole_row() {
        use Shape::*;
        for (text, shape) in [
            ("tcp", Not),
            ("tcp LISTEN", Columns),
            ("tcp LISTEN 0 100 127", Columns),
            ("tcp LISTEN 0 100 127.0.0.1:25", Columns),
            ("tcp LISTEN 0 100 127.0.0.1:25 0.0.0.0:", Columns),
            ("tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"ng", OpenUsers(45)),
            ("tcp LISTEN 0 128 10.0.0.278:22 0.0.0.0:*", Not),
            ("tcp LISTEN 0 128 0.0.0.0:99999 0.0.0.0:*", Not),
            (
                "tcp LISTEN 0 128 127.0.0.1:1 0.0.0.0:* users:((\"sshd\",pid=1,fd=3)) 5030699 * 0",
                Forged,
            ),
            ("tcp LISTEN 0 128 127.0.0.1:1 0.0.0.0:* 5030699 * 0", Forged),
            ("tcp        0      0 0.0.0.0:22   0.0.0.0:*     LISTEN      485/sshd", Not),
            ("udp        0      0 0.0.0.0:68   0.0.0.0:*     485/dhclient", Not),
            ("line LISTEN 0 1 0.0.0.0:1 0.0.0.0:* 5030695 * 0", Not),
            ("u_str LISTEN 0 16 /run/a b 123 * 0", Foreign(super::Foreign::Unix, true)),
            ("u_str LISTEN 0 16 /run/a", Foreign(super::Foreign::Unix, false)),
            ("nl UNCONN 0 0 rtnl:kernel *", Foreign(super::Foreign::Netlink, true)),
            ("4352 0 4:257551 *", Foreign(super::Foreign::Netlink, true)),
            ("0 0 rtnl:zinc-srv/257372 *", Foreign(super::Foreign::Netlink, true)),
            ("v_str LISTEN 0 0 *:3639976915 *:*", Foreign(super::Foreign::Newer, true)),
            ("`- ESTAB 0 0 10.0.0.1:5000 10.0.0.2:6000", Foreign(super::Foreign::Child, true)),
            ("raw data follows", Not),
            ("", Not),
        ] {
            assert_eq!(parse(text, None), shape, "{text}");
        }
    }

    #[test]
    fn extra_texts() {
        let text = "tcp LISTEN 0 1 *:80 *:* users:((\"a\",pid=1,fd=2)) uid:102 ino:40772 sk:1 cgroup:/x.slice/y v6only:0 <->";
        let row = row(text);
        assert_eq!(row.extras.uid, Some(102));
        assert_eq!(row.extras.inode, Some(40772));
        assert_eq!(row.extras.v6only, Some(false));
        assert_eq!(row.extras.cgroup.and_then(|at| text.get(at)), Some("/x.slice/y"));
        assert!(row.extras.extended);
    }
}
