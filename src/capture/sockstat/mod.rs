//! `sockstat` of FreeBSD 5 to 15, DragonFly BSD and NetBSD.
//!
//! ```text
//! USER     COMMAND    PID   FD PROTO  LOCAL ADDRESS         FOREIGN ADDRESS
//! www      nginx      1051  6  tcp4   *:80                  *:*
//! ?        ?          ?     ?  tcp6   *:2049                *:*
//! ```
//!
//! A row is one descriptor of one process: a socket that several processes hold has a row for each.
//! `?`, `??` since FreeBSD 15, is a socket that no process holds, such as one of the kernel. Without the column of states
//! (`-s`) TCP sockets that are bound and do not listen look like listeners. A process name is cut at
//! 10 characters and can hold blanks, so the fields are found by the shape of four of them: two
//! numbers, a protocol and an endpoint. A line that has this shape twice is not read.
//!
//! FreeBSD up to 11 or so puts a blank into `tcp4 6`, and none between columns that run over: a process id then
//! stands behind the name, `*:*` behind the address.
//! FreeBSD 15 cuts addresses with their ports at 21 characters unless `-w` widens the columns, so what is left
//! of an IPv6 address may look like an address and a port; older versions let long ones push the row.
//! Sources: FreeBSD usr.bin/sockstat/main.c (sockstat.c before 15) `display`, `displaysock`; NetBSD
//! usr.bin/sockstat/sockstat.c `print_socket`.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;
use std::ops::Range;

use super::command::Invocation;
use super::table::{self, Asked, Rows, Tables, is_number, words};
use super::{CaptureFormat, Known, LineRange, Transcript};
use crate::address::{self, HostText};
use crate::snapshot::{
    Address, At, Cell, Details, Device, Family, NameKind, Owner, OwnerDetails, Port, Socket,
    Transport,
};
use crate::truth::Missing;

/// The reader of sockstat's tables.
#[derive(Debug)]
pub struct Sockstat;

impl CaptureFormat for Sockstat {
    fn name(&self) -> &'static str {
        "sockstat"
    }

    fn about(&self) -> &'static str {
        "sockstat of FreeBSD, DragonFly BSD and NetBSD"
    }

    fn header(&self, line: &str) -> Option<&'static str> {
        is_header(line).then_some("`USER COMMAND PID FD PROTO` is the header of sockstat")
    }

    fn row(&self, line: &str) -> Option<&'static str> {
        match parse(line) {
            Parsed::Row(row) if row.kind != Kind::Other && !row.pid.is_empty() => {
                Some("process id, descriptor, protocol and endpoints: a row of sockstat")
            }
            Parsed::Row(_) | Parsed::Ambiguous | Parsed::None => None,
        }
    }

    fn programs(&self) -> &'static [&'static str] {
        &["sockstat"]
    }

    fn tool_error(&self, line: &str) -> bool {
        line.starts_with("sockstat: ")
    }

    fn cure(&self, missing: Missing) -> Option<&'static str> {
        Some(match missing {
            Missing::DeviceNotShown => "no tool of the BSDs shows it: write the rule about `bind`",
            Missing::TransportNotShown | Missing::FamilyNotShown | Missing::ListenersNotShown => {
                "capture all listeners: `sudo sockstat -46l`"
            }
            Missing::Filtered
            | Missing::HeaderNotShown
            | Missing::RowUnread
            | Missing::OwnerHidden
            | Missing::OthersNotShown => "capture the whole table, as root: `sudo sockstat -46l`",
            Missing::AddressCut | Missing::PortCut => "capture wide columns: `sudo sockstat -46lw`",
            Missing::NotProven => {
                "keep the prompt line of root, or name the command: `--command 'sudo sockstat -46l'`"
            }
            _ => return None,
        })
    }

    fn read(&self, transcript: &mut Transcript) {
        table::read(transcript, &Sockstat, asked, &mut Reader::default());
    }
}

fn is_header(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    ["USER", "COMMAND", "PID", "FD", "PROTO"].iter().all(|name| words.next() == Some(name))
}

/// Reads the arguments. Source: sockstat(1) of FreeBSD 14 and NetBSD 10.
fn asked(call: &Invocation, known: Known) -> Asked {
    let mut asked = Asked::around(call, known);
    let (mut connected, mut listening, mut local, mut other) = (false, false, false, false);
    let mut arguments = call.args.iter();
    while let Some(argument) = arguments.next() {
        let Some(cluster) = argument.strip_prefix('-') else { continue };
        for (at, letter) in cluster.char_indices() {
            if "fFjpP".contains(letter) {
                let rest = cluster.get(at + 1..).unwrap_or_default();
                let value = match rest {
                    "" => arguments.next().map_or("", String::as_str),
                    rest => rest,
                };
                match (letter, value) {
                    // Of NetBSD; FreeBSD's -f takes no value and shows the routing table.
                    ('f', "inet") => asked.sockets.family(Family::Ipv4),
                    ('f', "inet6") => asked.sockets.family(Family::Ipv6),
                    ('P', list) => {
                        other = true;
                        for name in list.split(',') {
                            match name {
                                "tcp" => asked.sockets.transport(Transport::Tcp),
                                "udp" => asked.sockets.transport(Transport::Udp),
                                "sctp" => asked.sockets.transport(Transport::Sctp),
                                _ => {}
                            }
                        }
                    }
                    _ => asked.hidden = Some(Missing::Filtered),
                }
                break;
            }
            match letter {
                '4' => asked.sockets.family(Family::Ipv4),
                '6' => asked.sockets.family(Family::Ipv6),
                'c' => connected = true,
                'l' => listening = true,
                'u' => local = true,
                'q' => asked.headless = true,
                // Nothing on or to the loopback addresses.
                'L' => asked.hidden = Some(Missing::Filtered),
                _ => {}
            }
        }
    }
    if !other && (!local || !asked.sockets.no_family()) {
        asked.or_all(&[Transport::Tcp, Transport::Udp]);
    } else if other {
        asked.or_all(&[]);
    }
    if connected && !listening {
        asked.hidden = asked.hidden.or(Some(Missing::ListenersNotShown));
    }
    if !call.root && asked.cell == Cell::Proven {
        // security.bsd.see_other_uids=0 hides the sockets of others.
        asked.cell = Cell::Presumed;
    }
    asked
}

/// What the protocol column names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ports(Transport),
    Raw(u16),
    /// Unix sockets, divert sockets.
    Other,
}

/// A row, as byte ranges of its line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    user: Range<usize>,
    command: Range<usize>,
    pid: Range<usize>,
    fd: Range<usize>,
    kind: Kind,
    /// The families of the socket; none where the column does not name them.
    four: bool,
    six: bool,
    local: Range<usize>,
    foreign: Option<Range<usize>>,
    /// Everything behind the endpoints.
    rest: usize,
}

/// The width of the address columns without `-w`, where FreeBSD 15 cuts.
const WIDTH: usize = 21;

/// Whether an endpoint may have lost its end: an IPv6 address that fills its column, with no port of five digits
/// behind it. The longest IPv4 address and port just fit. Source: FreeBSD 15 usr.bin/sockstat/main.c `display_sock`.
fn may_be_cut(endpoint: &str) -> bool {
    let whole = |port: &str| port.len() == 5 && is_number(port);
    endpoint.len() == WIDTH
        && endpoint.bytes().filter(|&byte| byte == b':').count() >= 2
        && endpoint.bytes().all(|byte| byte.is_ascii_graphic())
        && endpoint.rsplit_once(':').is_none_or(|(_, port)| !whole(port))
}

/// Whether a word can be an address with a port, whole or cut.
fn is_endpoint(word: &str) -> bool {
    split(word).is_some() || may_be_cut(word)
}

enum Parsed {
    Row(Row),
    /// The fields can be found in two places.
    Ambiguous,
    None,
}

/// Protocol and families: `tcp4`, `udp46`, `stream`; NetBSD says `tcp` and `tcp6`.
fn protocol(word: &str) -> Option<(Kind, bool, bool)> {
    let (base, four, six) = if let Some(base) = word.strip_suffix("46") {
        (base, true, true)
    } else if let Some(base) = word.strip_suffix('6') {
        (base, false, true)
    } else {
        (word.strip_suffix('4').unwrap_or(word), true, false)
    };
    let kind = match base {
        "tcp" | "toe" => Kind::Ports(Transport::Tcp),
        "udp" => Kind::Ports(Transport::Udp),
        "udplite" | "udpl" => Kind::Ports(Transport::Udplite),
        "sctp" => Kind::Ports(Transport::Sctp),
        "icmp" => Kind::Raw(if six { 58 } else { 1 }),
        "raw" => Kind::Raw(255),
        "div" | "divert" | "stream" | "dgram" | "seqpac" | "seqpack" | "seq" | "rdm" | "kernel" => {
            Kind::Other
        }
        // NetBSD: family and protocol where it has no name.
        _ if word.split('/').count() >= 2 && word.split('/').all(is_number) => Kind::Other,
        _ => return None,
    };
    Some((kind, four, six))
}

/// The character between address and port: FreeBSD's colon, NetBSD's dot.
fn split(endpoint: &str) -> Option<(&str, &str)> {
    let (host, port) = match endpoint.rsplit_once(':') {
        Some((host, port)) if !port.contains('.') => (host, port),
        _ => endpoint.rsplit_once('.')?,
    };
    let port_like = port == "*"
        || port.starts_with(|c: char| c.is_ascii_alphanumeric())
            && port.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    (!host.is_empty() && port_like).then_some((host, port))
}

/// How long the local endpoint is that runs into the foreign one: into `*:*`, or of two IPv4 addresses the first.
fn run_together(word: &str) -> Option<usize> {
    let free = |host: &str| matches!(address::parse(host).host, HostText::Ip(_) | HostText::Star);
    if let Some(local) = word.strip_suffix("*:*") {
        return split(local).filter(|(host, _)| free(host)).map(|_| local.len());
    }
    let mut parts = word.split(':');
    let (host, middle, port) = (parts.next()?, parts.next()?, parts.next()?);
    let four = |host: &str| matches!(address::parse(host).host, HostText::Ip(IpAddr::V4(_)));
    // Where the port ends is not told, and does not matter: the socket is connected.
    let digits = middle.bytes().take_while(u8::is_ascii_digit).count();
    let connected = parts.next().is_none()
        && four(host)
        && is_number(port)
        && (1..digits).any(|at| middle.get(at..).is_some_and(four));
    connected.then_some(host.len() + 2)
}

/// Takes a row apart.
fn parse(text: &str) -> Parsed {
    if !text.as_bytes().iter().any(|byte| matches!(byte, b':' | b'.' | b'/' | b'?' | b'>' | b'(')) {
        return Parsed::None;
    }
    let words = words(text);
    let word =
        |at: usize| words.get(at).and_then(|range| text.get(range.clone())).unwrap_or_default();
    let number = |at: usize| is_number(word(at)) || matches!(word(at), "?" | "??");
    let mut found = None;
    // User and command take two words at least.
    for at in 3..words.len() {
        let Some((kind, four, mut six)) = protocol(word(at)) else { continue };
        // A process id that stands behind the name without a blank.
        let glued = at >= 3 && word(at - 2).ends_with(|c: char| c.is_ascii_digit());
        let shaped = number(at - 1) && (at > 3 && number(at - 2) || glued && kind != Kind::Other);
        let mut last = at;
        if four && word(at).ends_with('4') && word(at + 1) == "6" && is_endpoint(word(at + 2)) {
            (six, last) = (true, at + 1);
        }
        let ends = kind == Kind::Other || is_endpoint(word(last + 1));
        if !(shaped && ends) {
            continue;
        }
        if found.is_some() {
            return Parsed::Ambiguous;
        }
        found = Some((at, last, kind, four, six));
    }
    let Some((at, last, kind, four, six)) = found else { return Parsed::None };
    let ranges = || -> Option<Row> {
        let end = words.get(last)?.end;
        let mut local = words.get(last + 1).cloned().unwrap_or(end..end);
        let mut foreign = words.get(last + 2).filter(|_| is_endpoint(word(last + 2))).cloned();
        if foreign.is_none() && kind != Kind::Other {
            let before = run_together(text.get(local.clone())?);
            foreign = before.map(|length| local.start + length..local.end);
            local.end = foreign.as_ref().map_or(local.end, |foreign| foreign.start);
        }
        let number = is_number(word(at - 2)) || matches!(word(at - 2), "?" | "??");
        let (command, pid) = match number && at > 3 {
            true => (words.get(1)?.start..words.get(at - 3)?.end, words.get(at - 2)?.clone()),
            // Where the name ends and the number begins is not told.
            false => (words.get(1)?.start..words.get(at - 2)?.end, end..end),
        };
        Some(Row {
            user: words.first()?.clone(),
            command,
            pid,
            fd: words.get(at - 1)?.clone(),
            kind,
            four,
            six,
            rest: foreign.as_ref().map_or(local.end, |foreign| foreign.end),
            local,
            foreign,
        })
    };
    ranges().map_or(Parsed::None, Parsed::Row)
}

#[derive(Debug, Default)]
struct Reader {
    /// A row says `4`: then `6` alone is a socket for IPv6 only.
    suffixed: bool,
    /// The first socket of the table.
    first: usize,
    /// The header has a column of states.
    states: bool,
    /// Columns that cut nothing: those of FreeBSD 14 and older, or wide ones.
    wide: bool,
    /// Sockets whose endpoint may be cut.
    cut: Vec<usize>,
    /// The SCTP listener above.
    sctp: Option<Row>,
    /// Range of the line that it stands in.
    sctp_line: Option<LineRange>,
}

impl Rows for Reader {
    fn take(&mut self, tables: &mut Tables<'_>, line: LineRange) -> bool {
        let text = tables.text(line).to_owned();
        if is_header(&text) {
            tables.close(self);
            tables.begin(true);
            self.first = tables.transcript.builder().snapshot().sockets().len();
            self.states = text.contains("STATE");
            self.wide = is_wide(&text);
            if !line.terminated {
                tables.spoil(Missing::CutOff);
            }
            return true;
        }
        match parse(&text) {
            Parsed::Row(row) => self.row(tables, row, line, &text),
            Parsed::Ambiguous => {
                tables.unread(line, "the fields of this row can be read in two ways")
            }
            Parsed::None => return self.further_address(tables, line, &text),
        }
        true
    }

    fn is_rowlike(&self, text: &str) -> bool {
        text.split_ascii_whitespace().any(|word| {
            protocol(word).is_some_and(|(kind, ..)| kind != Kind::Other)
                && word.ends_with(|c: char| c.is_ascii_digit())
        })
    }

    fn end(&mut self, tables: &mut Tables<'_>) {
        self.cut(tables);
        if self.suffixed {
            let sockets = tables.transcript.builder().sockets_mut();
            for socket in sockets.iter_mut().skip(self.first) {
                let six =
                    matches!(socket.address, Address::Ip(IpAddr::V6(ip)) if ip.is_unspecified());
                if six && matches!(socket.transport, Transport::Tcp | Transport::Udp) {
                    socket.v6only = Some(true);
                }
            }
        }
        let sockets = tables.transcript.builder().sockets_mut();
        share(sockets.get_mut(self.first..).unwrap_or_default());
        *self = Self::default();
    }
}

/// Whether a header is that of columns which cut nothing: FreeBSD sets PID and FD flush left up to 14, and `-w`
/// makes the columns as wide as what stands in them.
fn is_wide(header: &str) -> bool {
    let place = |word: &str| header.find(word);
    let columns = place("LOCAL ADDRESS").zip(place("FOREIGN ADDRESS"));
    header.contains("FD  PROTO")
        || header.starts_with("USER     COMMAND    PID   FD PROTO  LOCAL")
        || columns.is_some_and(|(local, foreign)| foreign.saturating_sub(local) > WIDTH + 1)
}

/// Rows of one endpoint are of one socket that several processes hold, or of several sockets: the tool does not
/// tell, so none of them has all its owners, and each but the first may be no socket of its own.
fn share(sockets: &mut [Socket]) {
    let endpoint = |socket: &Socket| {
        let address = match socket.address {
            Address::Ip(ip) => Some(ip),
            Address::Dual => None,
            Address::Star | Address::Reached(_) | Address::Missing(_) => return None,
        };
        match socket.port {
            Port::Number(port) if socket.transport != Transport::Raw => {
                Some((socket.transport, address, port))
            }
            Port::Number(_) | Port::Missing(_) => None,
        }
    };
    let mut first: BTreeMap<(Transport, Option<IpAddr>, u16), usize> = BTreeMap::new();
    for at in 0..sockets.len() {
        let Some(socket) = sockets.get_mut(at) else { break };
        let Some(endpoint) = endpoint(socket) else { continue };
        match first.entry(endpoint) {
            Entry::Vacant(place) => {
                place.insert(at);
            }
            Entry::Occupied(place) => {
                socket.again = true;
                socket.owners_missing = socket.owners_missing.or(Some(Missing::OthersNotShown));
                if let Some(first) = sockets.get_mut(*place.get()) {
                    first.owners_missing = first.owners_missing.or(Some(Missing::OthersNotShown));
                }
            }
        }
    }
}

/// Whether a word names the state of a TCP socket or an SCTP endpoint, and which.
/// Source: netinet/tcp_fsm.h; sockstat `sctp_conn_state`.
fn state(text: &str, rest: usize) -> Option<&str> {
    const STATES: &[&str] = &[
        "CLOSED",
        "LISTEN",
        "BOUND",
        "SYN_SENT",
        "SYN_RCVD",
        "ESTABLISHED",
        "CLOSE_WAIT",
        "FIN_WAIT_1",
        "CLOSING",
        "LAST_ACK",
        "FIN_WAIT_2",
        "TIME_WAIT",
        "COOKIE_WAIT",
        "COOKIE_ECHOED",
    ];
    let rest = text.get(rest..)?;
    rest.split_ascii_whitespace().find(|word| STATES.contains(word))
}

impl Reader {
    fn row(&mut self, tables: &mut Tables<'_>, row: Row, line: LineRange, text: &str) {
        self.sctp = None;
        let word = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
        let transport = match row.kind {
            Kind::Ports(transport) => transport,
            Kind::Raw(_) => Transport::Raw,
            Kind::Other => {
                tables.evidence();
                return;
            }
        };
        self.suffixed |= row.four
            && text.get(row.fd.end..row.local.start).is_some_and(|proto| proto.contains('4'));
        let peerless = row
            .foreign
            .as_ref()
            .map(|foreign| split(word(foreign)).is_some_and(|(_, port)| port == "*"));
        // What is cut is no wildcard.
        let bound = split(word(&row.local)).is_none_or(|(_, port)| port != "*");
        self.wide |= [Some(&row.local), row.foreign.as_ref()]
            .into_iter()
            .flatten()
            .any(|range| range.len() > WIDTH && split(word(range)).is_some());
        let evidence = tables.evidence();
        if transport != Transport::Raw && transport != Transport::Sctp {
            evidence.rows.transport(transport);
            match (row.four, row.six) {
                (true, true) if evidence.asked.is_some() => {}
                (_, true) => evidence.rows.family(Family::Ipv6),
                _ => evidence.rows.family(Family::Ipv4),
            }
        }
        let listens = match (row.kind, state(text, row.rest)) {
            (Kind::Ports(Transport::Tcp | Transport::Sctp), Some(state)) => {
                state == "LISTEN" && bound
            }
            // Nothing stands behind the address of an SCTP endpoint; a cut row has lost its peer.
            (Kind::Ports(Transport::Sctp), None) => peerless.unwrap_or(true) && bound,
            (Kind::Ports(_), _) => peerless == Some(true) && bound,
            (Kind::Raw(_) | Kind::Other, _) => peerless.unwrap_or(true),
        };
        if row.foreign.is_none() && matches!(row.kind, Kind::Ports(Transport::Tcp | Transport::Udp))
        {
            tables.unread(line, "the foreign address of this row is missing");
            return;
        }
        if !line.terminated {
            tables.spoil(Missing::CutOff);
        }
        if listens {
            if transport != Transport::Raw && transport != Transport::Sctp {
                tables.evidence().listeners.transport(transport);
            }
            self.socket(tables, &row, transport, line, line, text);
            if transport == Transport::Sctp {
                self.same_line(tables, &row, line, text);
                self.sctp = Some(row);
                self.sctp_line = Some(line);
            }
        }
    }

    /// Further addresses of an SCTP endpoint in its own line, behind `??` for each of the first columns, as
    /// FreeBSD 15 prints them.
    fn same_line(&mut self, tables: &mut Tables<'_>, row: &Row, line: LineRange, text: &str) {
        let words = words(text);
        let word = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
        for pair in words.windows(2) {
            let [before, local] = pair else { continue };
            let host = split(word(local)).map(|(host, _)| address::parse(host).host);
            if local.start > row.rest
                && word(before) == "??"
                && matches!(host, Some(HostText::Ip(_) | HostText::Star))
            {
                let row = Row { local: local.clone(), ..row.clone() };
                self.socket(tables, &row, Transport::Sctp, line, line, text);
            }
        }
    }

    /// Takes the endpoints back that may have lost their end.
    fn cut(&mut self, tables: &mut Tables<'_>) {
        let builder = tables.transcript.builder();
        for index in std::mem::take(&mut self.cut) {
            let Some(mut socket) = builder.snapshot().sockets().get(index).copied() else {
                continue;
            };
            if self.wide && matches!(socket.address, Address::Ip(_)) {
                continue;
            }
            let mut details = builder.snapshot().details(&socket);
            let at = socket.address_at.start as usize;
            socket.address = Address::Missing(Missing::AddressCut);
            socket.device = Device::Missing(Missing::DeviceNotShown);
            socket.port = Port::Missing(Missing::PortCut);
            (socket.address_at, socket.port_at) = (At::new(at..at + WIDTH), At::default());
            details.address_text = Some(builder.text(socket.address_at));
            details.port_text = None;
            builder.details(&mut socket, details);
            if let Some(place) = builder.sockets_mut().get_mut(index) {
                *place = socket;
            }
        }
    }

    /// A further address of the SCTP endpoint above, in a line of its own.
    fn further_address(&mut self, tables: &mut Tables<'_>, line: LineRange, text: &str) -> bool {
        let (Some(above), Some(above_line)) = (self.sctp.clone(), self.sctp_line) else {
            return false;
        };
        let words = words(text);
        let Some(word) = words.first().filter(|word| word.start >= 20) else { return false };
        if words.len() > 2 || split(text.get(word.clone()).unwrap_or_default()).is_none() {
            return false;
        }
        let row = Row { local: word.clone(), ..above };
        self.socket(tables, &row, Transport::Sctp, line, above_line, text);
        true
    }

    /// Adds a listener; the process stands in `owner`, which is `line` but for further addresses.
    fn socket(
        &mut self,
        tables: &mut Tables<'_>,
        row: &Row,
        transport: Transport,
        line: LineRange,
        owner: LineRange,
        text: &str,
    ) {
        let local = text.get(row.local.clone()).unwrap_or_default();
        // No port is left of what cannot be split.
        let (host, port) = split(local).unwrap_or((local, ""));
        let at = row.local.start;
        let whole = tables.evidence();
        let complete = whole.header && whole.asked.is_none_or(|asked| asked.hidden.is_none());
        let builder = tables.transcript.builder();
        let mut socket = Socket::new(transport, builder.source(), At::new(line.start..line.end));
        let mut details = Details::default();
        socket.address_at = At::new(table::within(line, &(at..at + host.len())));
        if let Kind::Raw(protocol) = row.kind {
            socket.port = Port::Number(protocol);
        } else {
            let start = row.local.end.min(at + host.len() + 1);
            socket.port_at = At::new(table::within(line, &(start..row.local.end)));
            let Some((read, resolved)) = table::port(port, transport) else {
                tables.unread(line, "the port is greater than 65535");
                return;
            };
            socket.port = read;
            socket.port_resolved = resolved;
            if matches!(read, Port::Missing(_)) {
                details.port_text = Some(builder.text(socket.port_at));
            }
        }
        if may_be_cut(local) {
            self.cut.push(builder.snapshot().sockets().len());
        }
        let parsed = address::parse(host);
        socket.address = match parsed.host {
            HostText::Star if row.four && row.six => Address::Dual,
            HostText::Star if row.six => Address::Ip(IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED)),
            HostText::Star => Address::Ip(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED)),
            HostText::Ip(ip) => Address::Ip(ip),
            HostText::Other(_) => Address::Missing(Missing::AddressResolved),
        };
        if row.four && row.six {
            socket.v6only = Some(false);
        }
        if let (Address::Ip(_), Some(zone)) = (socket.address, parsed.zone) {
            let end = socket.address_at.start as usize + host.len();
            socket.device = Device::Named(builder.text(At::new(end - zone.len()..end)));
        }
        if matches!(socket.address, Address::Missing(_)) {
            details.address_text = Some(builder.text(socket.address_at));
        }
        socket.owners_missing = self.owner(tables, row, owner, complete);
        details.netns = tables.transcript.netns();
        let builder = tables.transcript.builder();
        builder.details(&mut socket, details);
        builder.socket(socket);
    }

    /// Adds the process; why there may be others.
    fn owner(
        &self,
        tables: &mut Tables<'_>,
        row: &Row,
        line: LineRange,
        complete: bool,
    ) -> Option<Missing> {
        let source = tables.source.clone();
        let place = |range: &Range<usize>| table::within(line, range);
        let word = |range: &Range<usize>| source.slice(place(range));
        let builder = tables.transcript.builder();
        let Ok(pid) = word(&row.pid).parse() else {
            return Some(match row.pid.is_empty() {
                true => Missing::OwnerAmbiguous,
                false => Missing::OwnerHidden,
            });
        };
        let name = At::new(place(&row.command));
        let named = !matches!(word(&row.command), "?" | "??");
        // `%.10s`, or the kernel's own 19 where the tool is asked for wide columns.
        let cut = row.command.len() >= 10;
        let mut owner = Owner {
            name: named.then(|| builder.text(name)),
            pid: Some(pid),
            fd: word(&row.fd).parse().ok(),
            kind: if cut { NameKind::CommCut } else { NameKind::Comm },
            details: None,
            at: name,
        };
        let user = word(&row.user);
        let uid = is_number(user).then(|| user.parse().ok()).flatten();
        let details = OwnerDetails {
            uid,
            user: (uid.is_none() && !matches!(user, "?" | "??"))
                .then(|| builder.text(At::new(place(&row.user)))),
            ..OwnerDetails::default()
        };
        builder.owner_details(&mut owner, details);
        builder.owner(owner);
        // Every other holder has a row of its own.
        (!complete).then_some(Missing::OthersNotShown)
    }
}
