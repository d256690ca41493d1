//! `netstat` of macOS, FreeBSD, OpenBSD, NetBSD and DragonFly BSD.
//!
//! ```text
//! Active Internet connections (including servers)
//! Proto Recv-Q Send-Q Local Address          Foreign Address        (state)
//! tcp4       0      0 127.0.0.1.5432         *.*                    LISTEN
//! udp46      0      0 *.5353                 *.*
//! ```
//!
//! Address and port are joined by a dot. Without `-a` listeners are left out, in whole (TCP) or in
//! part (UDP). An address is cut at 16 characters (at 12 with `-A` and names), then address and port
//! together at the width of the column, 18 characters with `-A` and 22 without: so an IPv6 address of
//! 16 characters may be cut, and with `-A` a port. Wide tables (`-W`, of macOS `-l`) are not cut.
//! Sources: FreeBSD usr.bin/netstat/inet.c `protopr`, `inetprint`; macOS network_cmds
//! netstat.tproj/inet.c; OpenBSD and NetBSD usr.bin/netstat/inet.c.
//!
//! `tcp46` is a socket for both families. Where IPv4 sockets are called `tcp4`, a `tcp6` wildcard
//! takes IPv6 only: the kernel's flags say so (`inp_vflag`). OpenBSD and NetBSD print none of that. A plain
//! `tcp` beside `tcp4`, as AIX prints it, may take either.
//!
//! Raw sockets stand in the table for the protocols that netstat knows, so they prove presence only.

mod header;
mod row;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use self::header::{Columns, Heading, Owners};
use self::row::{Families, Host, Kind, Row, Zone};
use super::command::Invocation;
use super::table::{self, Asked, Place, Rows, Tables, is_number, words};
use super::{CaptureFormat, Known, LineRange, Transcript};
use crate::snapshot::{
    Address, At, Details, Device, Family, NameKind, Owner, Port, Socket, Transport,
};
use crate::truth::Missing;

pub(super) use self::header::{is_kernel, is_narrow};

/// The reader of the BSDs' netstat.
#[derive(Debug)]
pub struct NetstatBsd;

impl CaptureFormat for NetstatBsd {
    fn name(&self) -> &'static str {
        "netstat-bsd"
    }

    fn about(&self) -> &'static str {
        "netstat of macOS, FreeBSD, OpenBSD, NetBSD"
    }

    fn header(&self, line: &str) -> Option<&'static str> {
        if header::columns(line).is_some() {
            return Some("`(state)` or narrower columns: a header of the BSDs' netstat");
        }
        // `(only servers)` is a heading of Linux too.
        let ours = match header::heading(line)? {
            Heading::Internet { servers } => servers && line.contains("(including servers)"),
            Heading::Queues => true,
            Heading::Section => false,
        };
        ours.then_some("a heading of the BSDs' netstat")
    }

    fn row(&self, line: &str) -> Option<&'static str> {
        let row = row::parse(line)?;
        let numbers = row.families != Families::NotShown && row.foreign.is_some();
        numbers.then_some("a protocol and two endpoints joined by dots: a row of the BSDs' netstat")
    }

    fn programs(&self) -> &'static [&'static str] {
        &["netstat"]
    }

    fn tool_error(&self, line: &str) -> bool {
        // Source: FreeBSD usr.bin/netstat, err(3) and warn(3).
        line.starts_with("netstat: ") || line == "???"
    }

    fn other_output(&self, line: &str) -> Option<&'static str> {
        Some(match () {
            () if line == "Routing tables" => "a routing table",
            () if line.starts_with("Name ") && line.contains("Mtu") => "an interface table",
            () if matches!(line, "tcp:" | "udp:" | "ip:" | "icmp:" | "ip6:") => {
                "protocol statistics"
            }
            () if line.contains("mbufs in use") => "memory statistics",
            () => return None,
        })
    }

    fn cure(&self, missing: Missing) -> Option<&'static str> {
        Some(match missing {
            Missing::DeviceNotShown => {
                "no tool of the BSDs and of macOS shows it: write the rule about `bind`"
            }
            Missing::TransportNotShown | Missing::FamilyNotShown | Missing::ListenersNotShown => {
                "capture all sockets: `netstat -an`"
            }
            Missing::Filtered
            | Missing::HeaderNotShown
            | Missing::RowUnread
            | Missing::AddressResolved
            | Missing::PortName
            | Missing::PortResolved => "capture the whole table, in numbers: `netstat -an`",
            Missing::AddressCut | Missing::PortCut => {
                "capture wide columns: `netstat -anW` on FreeBSD, `netstat -anl` on macOS, without `-A`"
            }
            Missing::OwnerNotShown | Missing::OwnerHidden | Missing::OthersNotShown => {
                "capture the owners too: `sudo lsof -nP -i` on macOS, `sudo sockstat -46l` on FreeBSD, \
                 `sudo fstat` elsewhere"
            }
            Missing::NotProven => {
                "keep the prompt line of root, or name the command: `--command 'sudo netstat -an'`"
            }
            Missing::PartialTool => "capture all sockets, in numbers: `netstat -an`",
            _ => return None,
        })
    }

    fn read(&self, transcript: &mut Transcript) {
        table::read(transcript, &NetstatBsd, asked, &mut Reader::default());
    }
}

/// Reads the arguments. Letters that mean different things on different systems (`-l`, `-P`) are left
/// to the heading. Sources: netstat(1) of FreeBSD 14, macOS 15, OpenBSD 7.6, NetBSD 10.
fn asked(call: &Invocation, known: Known) -> Asked {
    let mut asked = Asked::around(call, known);
    let mut listeners = false;
    let mut other = false;
    let mut arguments = call.args.iter();
    while let Some(argument) = arguments.next() {
        let Some(cluster) = argument.strip_prefix('-') else { continue };
        for (at, letter) in cluster.char_indices() {
            if "fpIwMNj".contains(letter) {
                let rest = cluster.get(at + 1..).unwrap_or_default();
                let value = match rest {
                    "" => arguments.next().map_or("", String::as_str),
                    rest => rest,
                };
                match (letter, value) {
                    ('f', "inet") => asked.sockets.family(Family::Ipv4),
                    ('f', "inet6") => asked.sockets.family(Family::Ipv6),
                    ('p', "tcp") => asked.sockets.transport(Transport::Tcp),
                    ('p', "udp") => asked.sockets.transport(Transport::Udp),
                    ('p' | 'f' | 'I', _) => other = true,
                    // A kernel that is not the running one.
                    ('M' | 'N', _) => asked.hidden = Some(Missing::PartialTool),
                    // FreeBSD: only what a jail sees.
                    ('j', _) => asked.hidden = Some(Missing::Filtered),
                    _ => {}
                }
                break;
            }
            match letter {
                // OpenBSD: only sockets of that routing table. FreeBSD's -T takes no value.
                'T' if is_number(cluster.get(at + 1..).unwrap_or_default())
                    || at + 1 == cluster.len()
                        && arguments.as_slice().first().is_some_and(|next| is_number(next)) =>
                {
                    asked.hidden = Some(Missing::Filtered);
                    break;
                }
                'a' | 'l' => listeners = true,
                '4' => asked.sockets.family(Family::Ipv4),
                '6' => asked.sockets.family(Family::Ipv6),
                // Only sockets whose queue has room: `listen(fd, 0)` is not among them.
                'L' => {
                    listeners = true;
                    asked.hidden = asked.hidden.or(Some(Missing::PartialTool));
                }
                'r' | 'i' | 's' | 'm' | 'g' | 'B' | 'Q' => other = true,
                _ => {}
            }
        }
    }
    if !other {
        asked.or_all(&[Transport::Tcp, Transport::Udp]);
    }
    if !listeners {
        asked.hidden = asked.hidden.or(Some(Missing::ListenersNotShown));
    }
    asked
}

/// What a table showed so far that its end needs.
#[derive(Debug, Default)]
struct Reader {
    columns: Columns,
    /// The heading above that no header followed yet.
    pending: Option<Heading>,
    /// The heading of the table.
    heading: Option<Heading>,
    /// A row says `tcp4` or `tcp46`.
    suffixed: bool,
    /// A row begins with the address of a kernel structure.
    pcb: bool,
    /// An address is longer than those that are cut, or its column wider than what they are cut to.
    wide: bool,
    /// Sockets whose port is the name of a service, which may be cut.
    named: Vec<usize>,
    /// Sockets whose address or port may be cut.
    cut: Vec<usize>,
    /// Wildcards of rows that name no family.
    bare: Vec<usize>,
    /// The first socket of the table.
    first: usize,
    /// The SCTP listener above: transport, families, port and where its line ends.
    sctp: Option<(Row, usize)>,
}

/// The most characters of an address in a table that is not wide.
const HOST_WIDTH: usize = 16;

impl Rows for Reader {
    fn take(&mut self, tables: &mut Tables<'_>, line: LineRange) -> bool {
        let text = tables.text(line).to_owned();
        if let Some(row) = row::parse(&text) {
            // macOS names no protocol in the rows of its listen queues.
            if row.families != Families::NotShown || self.columns.queues {
                self.row(tables, &row, line, &text);
                return true;
            }
        }
        if self.further_address(tables, line, &text) {
            return true;
        }
        self.sctp = None;
        if let Some(heading) = header::heading(&text) {
            return self.heading(tables, heading, line);
        }
        if let Some(columns) = header::columns(&text) {
            self.header(tables, columns, line);
            return true;
        }
        // A listen queue of a local socket.
        if self.columns.queues && text.split_ascii_whitespace().next() == Some("unix") {
            return true;
        }
        // Sockets came or went while they were listed: the list is of one moment before.
        tables.place != Place::Outside && is_notice(&text)
    }

    fn is_rowlike(&self, text: &str) -> bool {
        let mut words = text.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        let second = words.next().unwrap_or_default();
        ["tcp", "udp"].iter().any(|name| {
            let suffix = first.strip_prefix(name);
            suffix.is_some_and(|rest| matches!(rest, "4" | "6" | "46"))
        }) && (second.is_empty() || is_number(second))
    }

    fn end(&mut self, tables: &mut Tables<'_>) {
        // Without the heading only a TCP listener shows that listeners are there.
        let evidence = tables.evidence();
        if evidence.asked.is_none()
            && self.heading.is_none()
            && !evidence.listeners.has(Transport::Tcp)
        {
            evidence.hidden = evidence.hidden.or(Some(Missing::ListenersNotShown));
        }
        self.look_again(tables);
        *self = Self::default();
    }
}

/// Whether a line says that sockets came or went, and nothing else: macOS ends one of the three without a
/// line feed, so that a row can stand behind it. Source: netstat.tproj/inet.c `protopr`.
fn is_notice(text: &str) -> bool {
    let rest =
        text.strip_prefix("Some ").and_then(|rest| rest.split_once(" sockets may have been "));
    let what = rest.map(|(_, what)| what.trim_end().trim_end_matches('.'));
    matches!(what, Some("deleted" | "created" | "created or deleted"))
}

impl Reader {
    /// A heading ends the table before it. `false` leaves it to others.
    fn heading(&mut self, tables: &mut Tables<'_>, heading: Heading, line: LineRange) -> bool {
        if heading == Heading::Section {
            if tables.is_open() {
                tables.place = Place::Section;
            }
            return true;
        }
        let header = tables.next(line, 1).map(|next| (next, tables.text(next).to_owned()));
        let columns = header.as_ref().and_then(|(_, text)| header::columns(text));
        if columns.is_none()
            && !matches!(heading, Heading::Internet { servers: true } | Heading::Queues)
        {
            // Linux has this heading too; its own reader takes it where its header follows.
            return tables.place == Place::Table;
        }
        let length = header.map_or(0, |(next, _)| next.end - line.start);
        if tables.place == Place::Section && length <= 108 {
            // A path of a unix socket has 104 bytes at most: too short for a heading and a header.
            tables.forged(
                line,
                "this heading stands among unix sockets, whose paths can hold line breaks",
            );
            return true;
        }
        tables.close(self);
        self.pending = Some(heading);
        true
    }

    fn header(&mut self, tables: &mut Tables<'_>, columns: Columns, line: LineRange) {
        let heading = self.pending.take();
        if tables.place == Place::Section && heading.is_none() {
            tables.forged(
                line,
                "this header stands among unix sockets, whose paths can hold line breaks",
            );
            return;
        }
        tables.close(self);
        tables.begin(true);
        self.columns = columns;
        self.heading = heading;
        self.first = tables.transcript.builder().snapshot().sockets().len();
        let root = tables.command().is_some_and(|call| call.root);
        let evidence = tables.evidence();
        if let Some(asked) = &mut evidence.asked
            && columns.freebsd
            && !root
            && asked.cell == crate::snapshot::Cell::Proven
        {
            // security.bsd.see_other_uids=0 hides the sockets of others.
            asked.cell = crate::snapshot::Cell::Presumed;
        }
        match heading {
            Some(Heading::Internet { servers: false }) => {
                evidence.hidden = Some(Missing::ListenersNotShown);
            }
            Some(Heading::Queues) => evidence.hidden = Some(Missing::PartialTool),
            Some(Heading::Internet { servers: true } | Heading::Section) | None => {}
        }
        if columns.queues {
            evidence.hidden = Some(Missing::PartialTool);
        }
        if !line.terminated {
            tables.spoil(Missing::CutOff);
        }
    }

    fn row(&mut self, tables: &mut Tables<'_>, row: &Row, line: LineRange, text: &str) {
        if tables.place == Place::Section {
            tables.forged(
                line,
                "this row stands among unix sockets, whose paths can hold line breaks",
            );
            return;
        }
        self.suffixed |= row.suffixed;
        self.pcb |= row.pcb;
        let local = text.get(row.local.clone()).unwrap_or_default();
        let (host, port) = row::split(local);
        self.wide |= port.is_some() && host.len() > HOST_WIDTH && row::host(host) != Host::Other;
        // macOS 26 sets wide columns in the header of -v, and narrow ones below it that cut.
        self.wide |=
            row.foreign.as_ref().is_some_and(|foreign| foreign.start - row.local.start > 30);
        let evidence = tables.evidence();
        let transport = match row.kind {
            Kind::Ports(transport) => transport,
            Kind::Raw(_) => Transport::Raw,
            Kind::Other => return,
        };
        if is_covered(transport) {
            evidence.rows.transport(transport);
            match row.families {
                Families::V4 => evidence.rows.family(Family::Ipv4),
                Families::V6 => evidence.rows.family(Family::Ipv6),
                // `-f inet` shows it too, so it tells of no family that was asked for.
                Families::Both if evidence.asked.is_some() => {}
                Families::Both => evidence.rows.family(Family::Ipv6),
                Families::NotShown => {}
            }
        }
        let listens = listens(row, text, port);
        if listens && is_covered(transport) {
            evidence.listeners.transport(transport);
        }
        if !line.terminated {
            tables.spoil(Missing::CutOff);
        }
        self.sctp = None;
        if listens {
            let added = self.socket(tables, row, transport, line, text);
            if added && transport == Transport::Sctp {
                self.sctp = Some((row.clone(), line.next));
            }
        }
    }

    /// A further address of the SCTP endpoint above, in a line of its own.
    /// Source: FreeBSD usr.bin/netstat/sctp.c `sctp_process_inpcb`.
    fn further_address(&mut self, tables: &mut Tables<'_>, line: LineRange, text: &str) -> bool {
        let Some((above, next)) = self.sctp.clone() else { return false };
        let words = words(text);
        let Some(word) = words.first().filter(|word| word.start >= 8 && line.start >= next) else {
            return false;
        };
        let endpoint = text.get(word.clone()).unwrap_or_default();
        if row::split(endpoint).1.is_none() || words.len() > 2 {
            return false;
        }
        let row = Row { local: word.clone(), rest: word.end, ..above };
        if self.socket(tables, &row, Transport::Sctp, line, text) {
            self.sctp = Some((row, line.next));
        }
        true
    }

    /// Adds a listener; `false` where the row cannot be read after all.
    fn socket(
        &mut self,
        tables: &mut Tables<'_>,
        row: &Row,
        transport: Transport,
        line: LineRange,
        text: &str,
    ) -> bool {
        let place = |range: Range<usize>| At::new(table::within(line, &range));
        let local = text.get(row.local.clone()).unwrap_or_default();
        let (host_text, port_text) = row::split(local);
        let dot = row.local.start + host_text.len();
        let builder = tables.transcript.builder();
        let index = builder.snapshot().sockets().len();
        let mut socket = Socket::new(transport, builder.source(), At::new(line.start..line.end));
        let mut details = Details::default();
        socket.address_at = place(row.local.start..dot);
        let families = row.families;
        socket.port = match (row.kind, port_text) {
            (Kind::Raw(protocol), _) => Port::Number(protocol),
            (_, None | Some("")) => Port::Missing(Missing::PortCut),
            (_, Some(port)) => {
                socket.port_at = place(dot + 1..row.local.end);
                let Some((read, resolved)) = table::port(port, transport) else {
                    tables.unread(line, "the port is greater than 65535");
                    return false;
                };
                socket.port_resolved = resolved;
                if matches!(read, Port::Missing(_)) {
                    details.port_text = Some(builder.text(socket.port_at));
                }
                read
            }
        };
        socket.address = match row::host(host_text) {
            Host::Star if families == Families::Both => Address::Dual,
            Host::Star => row::wildcard(families).map_or(Address::Star, Address::Ip),
            Host::Ip(ip, zone) => {
                socket.device = match zone {
                    Zone::Named(name) => {
                        let end = row.local.start + host_text.len();
                        Device::Named(builder.text(place(end - name.len()..end)))
                    }
                    Zone::Number(number) => Device::Named(builder.pooled(&format!("#{number}"))),
                    Zone::None => socket.device,
                };
                Address::Ip(ip)
            }
            Host::Other if host_text.contains(':') => Address::Missing(Missing::AddressCut),
            Host::Other => Address::Missing(Missing::AddressResolved),
        };
        if families == Families::Both {
            socket.v6only = Some(false);
        }
        if matches!(socket.address, Address::Missing(_)) {
            details.address_text = Some(builder.text(socket.address_at));
        }
        if self.may_be_cut(row, host_text, port_text, local) {
            self.cut.push(index);
        }
        if socket.port_resolved {
            self.named.push(index);
        }
        if matches!(row.kind, Kind::Ports(_)) && families == Families::V4 && !row.suffixed {
            self.bare.push(index);
        }
        let owner = owner(text, row, self.columns);
        socket.owners_missing = Some(match &owner {
            Some(Some(_)) => Missing::OthersNotShown,
            Some(None) => Missing::OwnerHidden,
            None if self.columns.owners != Owners::None => Missing::OwnerAmbiguous,
            None => Missing::OwnerNotShown,
        });
        if let Some(Some((pid, name))) = owner {
            let at = place(name.clone());
            let long = name.len() >= 15;
            let named = (!name.is_empty()).then(|| builder.text(at));
            builder.owner(Owner {
                name: named,
                pid: Some(pid),
                fd: None,
                kind: if long { NameKind::CommCut } else { NameKind::Comm },
                details: None,
                at: if name.is_empty() { At::default() } else { at },
            });
        }
        details.netns = tables.transcript.netns();
        let builder = tables.transcript.builder();
        builder.details(&mut socket, details);
        builder.socket(socket);
        true
    }

    /// Whether a local endpoint fills its column, so that its end may be lost.
    fn may_be_cut(&self, row: &Row, host: &str, port: Option<&str>, local: &str) -> bool {
        let named = port.is_some_and(|port| !is_number(port) && port != "*");
        let most = if self.pcb && named { 12 } else { HOST_WIDTH };
        let width = self.width(row.pcb);
        let whole = port.is_some_and(|port| is_number(port) && port.len() == 5);
        host.len() == most && host.contains(':') || local.len() >= width && !whole
    }

    /// How many characters an address and its port have at most, in a table that is not wide.
    fn width(&self, pcb: bool) -> usize {
        self.columns.width.filter(|&width| width <= 30).unwrap_or(if pcb { 18 } else { 22 })
    }

    /// Sets what may be cut, and what only the whole table tells.
    fn look_again(&mut self, tables: &mut Tables<'_>) {
        let wide = self.wide;
        let width = self.width(self.pcb);
        let source = tables.source.clone();
        let builder = tables.transcript.builder();
        for index in std::mem::take(&mut self.cut).into_iter().filter(|_| !wide) {
            let Some(mut socket) = builder.snapshot().sockets().get(index).copied() else {
                continue;
            };
            let host = source.slice(socket.span_of(socket.address_at).range());
            let port = source.slice(socket.span_of(socket.port_at).range());
            let whole = is_number(port) && port.len() == 5;
            let mut details = builder.snapshot().details(&socket);
            if host.contains(':') && host.len() >= 12 {
                socket.address = Address::Missing(Missing::AddressCut);
                socket.device = Device::Missing(Missing::DeviceNotShown);
                details.address_text = Some(builder.text(socket.address_at));
            }
            if host.len() + 1 + port.len() >= width && !whole && socket.port_at.len > 0 {
                socket.port = Port::Missing(Missing::PortCut);
                socket.port_resolved = false;
                details.port_text = Some(builder.text(socket.port_at));
            }
            builder.details(&mut socket, details);
            if let Some(place) = builder.sockets_mut().get_mut(index) {
                *place = socket;
            }
        }
        // OpenBSD and NetBSD keep 8 characters of a service, so what fills them may be the beginning of another.
        // The others keep 15, and no name is longer (RFC 6335, 5.1).
        let named = std::mem::take(&mut self.named);
        for index in named.into_iter().filter(|_| !self.suffixed) {
            let Some(mut socket) = builder.snapshot().sockets().get(index).copied() else {
                continue;
            };
            if socket.port_at.len != 8 || !socket.port_resolved {
                continue;
            }
            let mut details = builder.snapshot().details(&socket);
            (socket.port, socket.port_resolved) = (Port::Missing(Missing::PortCut), false);
            details.port_text = Some(builder.text(socket.port_at));
            builder.details(&mut socket, details);
            if let Some(place) = builder.sockets_mut().get_mut(index) {
                *place = socket;
            }
        }
        let bare = std::mem::take(&mut self.bare);
        if !self.suffixed {
            return;
        }
        // AIX: `tcp` beside `tcp4` and `tcp6` is a socket of both, whose `*` may be that of either.
        let four = Address::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        for index in bare {
            if let Some(socket) = builder.sockets_mut().get_mut(index)
                && socket.address == four
            {
                socket.address = Address::Star;
            }
        }
        let six = Address::Ip(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        for socket in builder.sockets_mut().iter_mut().skip(self.first) {
            if socket.address == six && matches!(socket.transport, Transport::Tcp | Transport::Udp)
            {
                socket.v6only = Some(true);
            }
        }
    }
}

/// Whether netstat lists every listener of a transport: of raw sockets only those whose protocol it
/// knows, of SCTP only where the kernel has it.
fn is_covered(transport: Transport) -> bool {
    matches!(transport, Transport::Tcp | Transport::Udp)
}

/// Whether the row is a listener's: TCP and SCTP in state LISTEN, or with no foreign address where the
/// table has no states; a bound UDP socket and a raw socket without a peer.
fn listens(row: &Row, text: &str, port: Option<&str>) -> bool {
    let slice = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
    let peerless =
        row.foreign.as_ref().is_none_or(|foreign| matches!(slice(foreign), "*.*" | "\\*.\\*" | ""));
    let bound = port.is_none_or(|port| !matches!(port, "*" | "\\*"));
    match row.kind {
        Kind::Ports(Transport::Tcp | Transport::Sctp) => match &row.state {
            Some(state) => slice(state).trim_end_matches('*') == "LISTEN" && bound,
            None => peerless && bound,
        },
        Kind::Ports(_) => peerless && bound,
        Kind::Raw(_) => peerless,
        Kind::Other => false,
    }
}

/// The process of macOS, by its number and the range of its name in the line (empty where only the
/// number is shown): `None` where the columns are not there or cannot be read, `Some(None)` where the
/// number is 0.
///
/// Both name the process that used the socket last. The name stands in 16 characters and can hold
/// blanks; what follows it holds no colon, so the last one ends it.
/// Source: macOS 26 netstat, `netstat -anv`.
fn owner(text: &str, row: &Row, columns: Columns) -> Option<Option<(u32, Range<usize>)>> {
    let tail = text.get(row.rest..)?;
    let words = words(tail);
    let sizes = if columns.bytes { 4 } else { 2 };
    let numbers =
        words.iter().take(sizes).all(|range| tail.get(range.clone()).is_some_and(is_number));
    let last = words.get(sizes.checked_sub(1)?)?;
    let found = match columns.owners {
        Owners::None => return None,
        _ if !numbers => return None,
        Owners::Pid if !tail.contains(':') => {
            let pid = tail.get(words.get(sizes)?.clone())?.parse().ok()?;
            (pid, row.rest..row.rest)
        }
        Owners::Pid | Owners::Process => {
            let colon = tail.rfind(':')?;
            let digits = tail.get(colon + 1..)?.split_ascii_whitespace().next()?;
            if !is_number(digits) || !tail.get(colon + 1..)?.starts_with(digits) {
                return None;
            }
            // The name is padded on its left.
            let name = tail.get(last.end..colon)?;
            let start = last.end + (name.len() - name.trim_start().len());
            (digits.parse().ok()?, row.rest + start..row.rest + colon)
        }
    };
    Some((found.0 > 0).then_some(found))
}
