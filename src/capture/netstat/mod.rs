//! `netstat` of Linux: net-tools 1.60 to 2.10, busybox and toybox; any mix of their options, in any
//! language.
//!
//! ```text
//! Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name
//! tcp        0      0 127.0.0.1:5432          0.0.0.0:*               LISTEN      351/postgres
//! udp6       0      0 fe80::a00:27ff:fee8:546 :::*                                867/systemd-network
//! ```
//!
//! What it cannot show: the bound device, `IPV6_V6ONLY`, and all but one of the processes that hold a
//! socket. An address whose text fills its column of 23 bytes may be cut at the end (net-tools
//! `addr_do_one`, toybox `addr2str`) and may still parse, as a wrong address: it is unknown.
//!
//! A program name is whatever the process wrote into its `argv[0]`, line breaks included. net-tools
//! cuts process id and name at 19 bytes and busybox at 20, so what follows a broken name in that space
//! is a part of it, a row of its own or not. toybox cuts at 256 bytes and pads nothing: a name can
//! hold a whole row there, which no reader can tell from a real one.

mod row;
mod scope;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::Arc;

use self::row::{Host, Row, field};
use self::scope::{Asked, Evidence};
use super::{CaptureFormat, IssueKind, Line, LineRange, Transcript, netstat_bsd};
use crate::services;
use crate::snapshot::{
    Address, At, Details, Family, NameKind, Owner, Port, Socket, Text, Transport,
};
use crate::source::SourceFile;
use crate::truth::Missing;

/// The reader of netstat's tables.
#[derive(Debug)]
pub struct Netstat;

impl CaptureFormat for Netstat {
    fn name(&self) -> &'static str {
        "netstat"
    }

    fn about(&self) -> &'static str {
        "netstat of Linux: net-tools, busybox, toybox"
    }

    fn header(&self, line: &str) -> Option<&'static str> {
        if columns(line).is_some() {
            return Some("`Proto Recv-Q Send-Q` is the header of netstat");
        }
        is_section(line).then_some("`Proto RefCnt` is the header of netstat's unix sockets")
    }

    fn row(&self, line: &str) -> Option<&'static str> {
        let row = row::parse(line.as_bytes(), 0..line.len())?;
        // An SCTP row alone is too little of a sign.
        (!row.peer.is_empty())
            .then_some("a transport, two queues and two endpoints: a row of netstat")
    }

    fn programs(&self) -> &'static [&'static str] {
        &["netstat"]
    }

    fn chatter(&self, line: &str) -> bool {
        const STARTS: &[&str] = &[
            "(Not all processes could be identified",
            "will not be shown, you would have to be root",
            "(No info could be read for \"-p\"",
            "\u{FF08}",
        ];
        STARTS.iter().any(|start| line.starts_with(start))
            || line.starts_with("root ") && line.ends_with('\u{FF09}')
    }

    fn tool_error(&self, line: &str) -> bool {
        // Source: net-tools netstat.c.
        line.starts_with("warning, got bogus")
            || line.starts_with("netstat: ")
            || line.starts_with("/proc/net/") && line.contains(": ")
            || line.contains("no support for `")
    }

    fn other_output(&self, line: &str) -> Option<&'static str> {
        Some(match () {
            () if line.starts_with("Kernel Interface table") => "an interface table",
            () if line.starts_with("Iface ") => "an interface table",
            () if line.starts_with("Kernel IP routing table") => "a routing table",
            () if line.starts_with("Kernel IPv6 routing table") => "a routing table",
            () if line.starts_with("Destination ") && line.contains("Gateway") => "a routing table",
            () if line.starts_with("IPv6/IPv4 Group Memberships") => "a list of multicast groups",
            () if matches!(line, "Ip:" | "Tcp:" | "Icmp:" | "Udp:") => "protocol statistics",
            () if line.starts_with("net-tools ") => "the version of netstat",
            () => return None,
        })
    }

    fn read(&self, transcript: &mut Transcript) {
        let source = Arc::clone(transcript.source());
        Reader {
            source: &source,
            transcript,
            table: None,
            place: Place::Outside,
            heading: None,
            ignored: None,
            below: None,
            ends: false,
            apart: false,
            name: None,
            sctp: None,
        }
        .read();
    }
}

/// What the header tells of the columns behind the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Columns {
    /// `PID/Program name`, with the bytes that it holds at most.
    owner: Option<usize>,
    /// `Security Context`.
    context: bool,
    /// `Timer`, translated or not: something behind the owner.
    timer: bool,
}

/// The first two words of the header, translated ones too. Source: net-tools po/*.po; the Spanish and
/// Italian ones are those of Ubuntu's language packs, which net-tools itself does not have.
const HEADERS: &[(&str, &str)] = &[
    ("Proto", "Recv-Q"),
    ("Proto", "Recib"),
    ("Protocolo", "Recv-Q"),
    ("Proto", "CodaRic"),
    ("Proto", "P\u{159}\u{ed}ch-F"),
    ("Proto", "VvJrk"),
    ("Proto", "\u{53d7}\u{4fe1}-Q"),
    ("\u{10de}\u{10e0}\u{10dd}\u{10e2}\u{10dd}", "\u{10db}\u{10d8}\u{10e6}-Q"),
];

/// Bytes of process id and name at most: net-tools `PROGNAME_WIDTH` less its zero byte, busybox
/// `%.20s`, and toybox's buffer.
const NET_TOOLS_NAME: usize = 19;
const BUSYBOX_NAME: usize = 20;
const TOYBOX_NAME: usize = 256;

/// What is said of a line of a table that is no row.
const UNREAD: &str = "this line of netstat's table cannot be read";

/// The width of the address columns without `-W`: 22 and the colon.
const ADDRESS_WIDTH: usize = 23;

/// Reads a header; `None` where the line is none of Linux.
fn columns(line: &str) -> Option<Columns> {
    // Pages that are copied have no-break spaces for runs of blanks.
    if line.contains('\u{A0}') {
        return columns(&line.replace('\u{A0}', " "));
    }
    let line = line.trim();
    let (first, rest) = line.split_once([' ', '\t'])?;
    let second = rest.split_ascii_whitespace().next()?;
    if !HEADERS.contains(&(first, second)) {
        return None;
    }
    // `(state)` and `TCP-State` are those of the BSDs, whose addresses end in `.port`.
    if rest.contains("(state)")
        || rest.contains("TCP-State")
        || netstat_bsd::is_narrow(line)
        || netstat_bsd::is_kernel(line)
    {
        return None;
    }
    let mut columns = Columns::default();
    let mut behind = "";
    if let Some((_, after)) = rest.split_once("PID/Program ") {
        let toybox = after.starts_with("Name");
        columns.owner = Some(if toybox { TOYBOX_NAME } else { BUSYBOX_NAME });
        behind = after.get(4..).unwrap_or_default();
    }
    if let Some((_, after)) = rest.split_once("Security Context") {
        columns.context = true;
        behind = after;
    }
    columns.timer = !behind.trim().is_empty();
    Some(columns)
}

/// Whether a line is the header, or a row, of another of netstat's sections: unix sockets, Bluetooth.
fn is_section(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    match (words.next(), words.next()) {
        (Some("unix"), Some(count)) => {
            row::is_number(count.as_bytes()) && words.next() == Some("[")
        }
        (
            Some("Proto" | "\u{10de}\u{10e0}\u{10dd}\u{10e2}\u{10dd}"),
            Some(
                "RefCnt"
                | "RefCpt"
                | "CntRef"
                | "Mitu"
                | "\u{10c}\u{ed}ta\u{10d}"
                | "\u{10d1}\u{10db}\u{10d8}\u{10e1}\u{10e0}\u{10d3}\u{10dc}"
                | "Destination",
            ),
        ) => true,
        _ => false,
    }
}

/// What a heading says of the section that it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Heading {
    /// `(w/o servers)`: listeners were left out.
    without: bool,
    /// Another section than the internet sockets.
    section: bool,
    /// It names the internet, in a language that net-tools speaks.
    internet: bool,
}

/// Reads a heading, the line before a header.
///
/// The Portuguese `only servers` is translated as `without servers`, so that one tells nothing, and
/// the rows decide. Source: net-tools po/*.po.
fn heading(line: &str) -> Heading {
    const WITHOUT: &[&str] = &[
        "w/o",
        "(ohne Server)",
        "(ilma serveriteta)",
        "(sans serveurs)",
        "(utan servrar)",
        "(\u{10e1}\u{10d4}\u{10e0}\u{10d5}\u{10d4}\u{10e0}\u{10d4}\u{10d1}\u{10d8}\u{10e1} \u{10d2}\u{10d0}\u{10e0}\u{10d4}\u{10e8}\u{10d4})",
    ];
    const SECTIONS: &[&str] =
        &["UNIX", "Unix", "IPX", "AX.25", "X.25", "NET/ROM", "ROSE", "Bluetooth", "Netrom"];
    const INTERNET: &[&str] = &[
        "nternet",
        "\u{30a4}\u{30f3}\u{30bf}\u{30fc}\u{30cd}\u{30c3}\u{30c8}",
        "\u{10d8}\u{10dc}\u{10e2}\u{10d4}\u{10e0}\u{10dc}\u{10d4}\u{10e2}",
    ];
    let any = |list: &[&str]| list.iter().any(|word| line.contains(word));
    let section = any(SECTIONS);
    Heading { without: any(WITHOUT), section, internet: !section && any(INTERNET) }
}

/// The notices of net-tools about `-p` without root, as they begin in each language; each has up to
/// three lines. Source: net-tools po/*.po, netstat.c `prg_cache_load`.
fn is_notice(line: &str) -> bool {
    const STARTS: &[&str] = &[
        "(No es pot",
        "(No es poden",
        "propietat",
        "no es mostrar\u{e0}",
        "(Pro \u{201e}-p\u{201c}",
        "byl superu\u{17e}ivatelem",
        "(V\u{161}echny procesy",
        "pouze o procesech",
        "byste b\u{fd}t superu",
        "(F\u{fc}r \"-p\"",
        "(Es konnten nicht alle Prozesse",
        "nicht-eigene Prozesse",
        "(\"-p\"",
        "(M\u{f5}nesid protsesse",
        "info lugemiseks",
        "(Pas d'infos lues",
        "(Tous les processus",
        "non poss\u{e9}d\u{e9}s",
        "(\u{4e00}\u{90e8}\u{306e}",
        "\u{8868}\u{793a}\u{3055}\u{308c}",
        "(N\u{e3}o foi poss\u{ed}vel ler",
        "(Nem todos os processos",
        "de outrem n\u{e3}o",
        "(Ingen information",
        "(Alla processer",
        "visas inte",
        "(No todos los procesos",
        "no se mostrar\u{e1}n",
        "(\u{10d8}\u{10dc}\u{10e4}",
        "(\u{10e7}\u{10d5}\u{10d4}\u{10da}\u{10d0}",
        "\u{10dc}\u{10d0}\u{10e9}\u{10d5}\u{10d4}\u{10dc}\u{10d4}\u{10d1}\u{10d8}",
        "\u{ff08}\u{5e76}\u{975e}",
        "(\u{5e76}\u{975e}",
        "(\u{6ca1}\u{6709}",
    ];
    STARTS.iter().any(|start| line.starts_with(start))
}

/// Where in netstat's output the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first table, or behind a prompt. `quiet` there: after output of another kind.
    Outside,
    /// As [`Place::Outside`], in output of another kind.
    Quiet,
    /// Among the rows of internet sockets.
    Table,
    /// In the section of unix or other sockets behind them.
    Section,
}

/// A table that is being read.
#[derive(Debug, Default)]
struct Table {
    evidence: Evidence,
    columns: Columns,
    /// Its first socket.
    first: usize,
    /// A row says IPv6 in its first column: then `tcp` rows are IPv4.
    six: bool,
    /// An address is longer than a column that is cut can be: nothing is cut.
    wide: bool,
    /// Some address may be cut, some is `*`: to be looked at again at the end.
    again: bool,
    /// A row pads the owner to its full width, as net-tools does.
    padded: bool,
}

/// The owner in the row above, which may hold a line break.
#[derive(Debug, Clone, Copy)]
struct Name {
    /// How many bytes of it may still come.
    left: usize,
    /// Its row is shorter than its table's rows are: it does hold one.
    broken: bool,
    /// The rows of its table stand in columns, so a short line is none.
    aligned: bool,
    /// The socket, when the row is one of a listener.
    socket: Option<usize>,
}

/// What the rest of a row tells.
#[derive(Debug, Default)]
struct Held {
    owner: Option<Owner>,
    missing: Option<Missing>,
    /// Where process id and name stand, and how many bytes were printed there.
    at: Option<(Range<usize>, usize)>,
}

struct Reader<'a> {
    source: &'a SourceFile,
    transcript: &'a mut Transcript,
    table: Option<Table>,
    place: Place,
    heading: Option<Heading>,
    /// A run of lines that belong to nothing.
    ignored: Option<Range<usize>>,
    /// A run of lines behind the rows so far that are no part of any: what somebody wrote below the
    /// table, unless rows follow.
    below: Option<Range<usize>>,
    /// That run begins directly below a row, and may say why the table ends there.
    ends: bool,
    /// Something stands between the table and the line at work: a blank line, a mark.
    apart: bool,
    name: Option<Name>,
    /// The SCTP row above, with its first socket: further addresses of it may follow.
    sctp: Option<(Row, Option<usize>)>,
}

impl Reader<'_> {
    fn read(mut self) {
        while !self.transcript.at_end() {
            let line = self.transcript.line_at(self.transcript.position());
            if self.belongs_to_name(line) {
                self.transcript.set_position(line.next);
                continue;
            }
            // A name goes on in the very next line or not at all.
            self.name = None;
            if let Some(row) = row::parse(self.bytes(), line.start..line.end) {
                self.flush_ignored();
                self.apart = false;
                self.row(&row, line);
            } else if !self.other(line) {
                break;
            }
            self.transcript.set_position(line.next);
        }
        self.flush_ignored();
        self.end_table();
    }

    fn bytes(&self) -> &[u8] {
        self.source.text().as_bytes()
    }

    fn table(&mut self) -> &mut Table {
        if self.table.is_none() {
            self.begin_table(None);
        }
        self.table.get_or_insert_default()
    }

    /// Ends the table at work and begins one, with a header or without.
    fn begin_table(&mut self, header: Option<Columns>) {
        self.end_table();
        let asked = self.transcript.command(&Netstat).map(|(call, known)| Asked::of(call, known));
        let columns = header.unwrap_or_default();
        let heading = self.heading.take();
        self.table = Some(Table {
            wide: asked.as_ref().is_some_and(|asked| asked.wide),
            evidence: Evidence {
                header: header.is_some(),
                without: heading.is_some_and(|heading| heading.without),
                owners: columns.owner.is_some(),
                asked,
                ..Evidence::default()
            },
            columns,
            first: self.transcript.builder().snapshot().sockets().len(),
            ..Table::default()
        });
        self.place = Place::Table;
    }

    fn end_table(&mut self) {
        self.name = None;
        self.sctp = None;
        match self.below.take() {
            Some(run) if self.ends => {
                let message = "text directly below the table, which may say why it ends there";
                self.spoil(Missing::ToolError);
                self.transcript.issue(IssueKind::ToolError, run, message);
            }
            Some(run) => {
                let message = "this is no part of netstat's output";
                self.transcript.issue(IssueKind::Ignored, run, message);
            }
            None => {}
        }
        let Some(table) = self.table.take() else { return };
        if table.again {
            self.look_again(&table);
        }
        self.transcript.end_table(table.evidence.coverage());
        self.place = Place::Outside;
    }

    /// Reads addresses that only the whole table tells: which `*` are IPv4 and what is not cut.
    fn look_again(&mut self, table: &Table) {
        let ipv4 = table.six || table.evidence.asked.as_ref().is_some_and(Asked::only_ipv4);
        let source = self.source;
        let builder = self.transcript.builder();
        let mut whole = Vec::new();
        for socket in builder.sockets_mut().iter_mut().skip(table.first) {
            match socket.address {
                Address::Star if ipv4 => {
                    socket.address = Address::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
                }
                Address::Missing(Missing::AddressCut) if table.wide => {
                    socket.address =
                        match row::host(source.slice(socket.span_of(socket.address_at).range())) {
                            Host::Ip(ip) => {
                                whole.extend(socket.details);
                                Address::Ip(ip)
                            }
                            Host::Star | Host::Other => Address::Missing(Missing::AddressResolved),
                        };
                }
                Address::Ip(_)
                | Address::Dual
                | Address::Star
                | Address::Reached(_)
                | Address::Missing(_) => {}
            }
        }
        for details in whole {
            if let Some(details) = builder.details_mut(details) {
                details.address_text = None;
            }
        }
    }

    /// Takes a line that belongs to the program name above it, row or not, and says so.
    fn belongs_to_name(&mut self, line: LineRange) -> bool {
        let Some(name) = self.name else { return false };
        if closes_markup(self.source.slice(line.start..line.end).trim()) {
            self.name = None;
            return false;
        }
        let breaks = self.breaks_table(line);
        if !(name.broken || name.aligned || breaks) {
            return false;
        }
        let Some(rest) = self.rest_of_name(line, name) else { return false };
        let forged = row::parse(self.bytes(), rest.clone()).is_some();
        let text = self.source.slice(rest.clone());
        // A namespace marker is believed: taking one away would join two namespaces.
        if !(forged || breaks || name.broken && !text.starts_with("netns: ")) {
            return false;
        }
        self.take_name(line, rest, name, forged);
        true
    }

    /// Whether a line looks like a prompt or names a host, and yet a row without a header follows: the
    /// table goes on behind it, so a program name made the line.
    fn breaks_table(&self, line: LineRange) -> bool {
        let text = self.source.slice(line.start..line.end).trim();
        self.transcript.ends_table(line)
            && super::transcript::netns_marker(text).is_none()
            && self
                .transcript
                .lines_from(line.next)
                .take(3)
                .find(|next| !self.source.slice(next.start..next.end).trim().is_empty())
                .is_some_and(|next| row::parse(self.bytes(), next.start..next.end).is_some())
    }

    /// What of a line can be the rest of a broken program name.
    fn rest_of_name(&self, line: LineRange, name: Name) -> Option<Range<usize>> {
        // A row in columns is longer than any name of net-tools and busybox.
        if name.left < TOYBOX_NAME / 2 && line.end - line.start > 2 * ADDRESS_WIDTH + 40 {
            return None;
        }
        let columns = self.table.as_ref().map(|table| table.columns).unwrap_or_default();
        let end = self.owner_end(line.start, line.end, columns).0;
        (shown_len(self.bytes(), line.start..end) <= name.left).then_some(line.start..end)
    }

    /// Books a line to the program name above it.
    fn take_name(&mut self, line: LineRange, rest: Range<usize>, name: Name, forged: bool) {
        let used = shown_len(self.bytes(), rest.clone()) + 1;
        let padded = name.left < line.end - line.start;
        self.name = (!padded && name.left > used).then(|| Name { left: name.left - used, ..name });
        if let Some(socket) = name.socket {
            self.lengthen(socket, rest.clone());
        }
        if rest.is_empty() {
            return;
        }
        let (kind, message) = match forged {
            true => (
                IssueKind::ForgedRow,
                "this row is part of the process name above it, which holds a line break",
            ),
            false => (
                IssueKind::AmbiguousOwner,
                "this line is part of the process name above it, which holds a line break",
            ),
        };
        self.transcript.issue(kind, rest, message);
    }

    /// Puts a line break and a text behind the name of a socket's owner.
    fn lengthen(&mut self, socket: usize, rest: Range<usize>) {
        let builder = self.transcript.builder();
        let Some(&mut owner) = builder.owners_mut(socket).first_mut() else { return };
        let mut name = owner.name.map_or("", |name| builder.snapshot().text(name)).to_owned();
        name.push('\n');
        name.push_str(self.source.slice(rest.clone()));
        let name = Some(builder.pooled(&name));
        let at = At::new(owner.at.start as usize..rest.end);
        if let Some(owner) = builder.owners_mut(socket).first_mut() {
            owner.name = name;
            owner.at = at;
        }
        if let Some(socket) = builder.sockets_mut().get_mut(socket) {
            socket.owners_missing = Some(Missing::OwnerAmbiguous);
        }
    }

    /// Reads a row of internet sockets.
    fn row(&mut self, row: &Row, line: LineRange) {
        if self.place == Place::Section {
            // netstat prints no such row there, and a unix socket's path can hold line breaks.
            self.spoil(Missing::RowUnread);
            self.transcript.issue(
                IssueKind::ForgedRow,
                line.start..line.end,
                "this row stands among unix sockets, whose paths can hold line breaks",
            );
            return;
        }
        if let Some(run) = self.below.take() {
            // The table goes on, so they were rows of it or something is missing there.
            self.spoil(Missing::RowUnread);
            self.transcript.issue(IssueKind::RowUnread, run, UNREAD);
        }
        let transport = row.transport;
        let tail = row::tail(self.bytes(), row, line.end);
        let listens = self.listens(row, &tail);
        let host = row::host(self.source.slice(row.host.clone()));
        let family = self.family(row, host);
        let table = self.table();
        table.evidence.rows.transport(transport);
        if let Some(family) = family {
            table.evidence.rows.family(family);
        }
        table.six |= row.six;
        table.wide |= row.port.end - row.host.start > ADDRESS_WIDTH && transport != Transport::Sctp;
        if listens {
            table.evidence.listeners.transport(transport);
        }
        if !line.terminated {
            table.evidence.spoiled = Some(Missing::CutOff);
        }
        let columns = table.columns;
        let header = table.evidence.header;
        let state = tail.state.clone().and_then(|state| self.bytes().get(state));
        if state.is_some_and(|state| memchr::memchr(b':', state).is_some()) {
            self.unread(line, "an endpoint stands where the state does");
            return;
        }
        if self.is_joined(row, &tail, columns, line) {
            self.unread(line, "two rows stand on this line");
            return;
        }
        let held = self.held(&tail, columns, header, line);
        let at = held.at.clone();
        let bytes = self.source.text().as_bytes();
        let socket = match listens {
            true => self.socket(row, host, tail.user.as_ref(), held, line),
            false => None,
        };
        self.sctp = (transport == Transport::Sctp).then(|| (row.clone(), socket));
        self.name = at.and_then(|(at, used)| self.name(bytes, at, used, line, columns, socket));
    }

    /// Whether another row follows on the same line, a line feed being lost: behind an owner that is as
    /// long as the column takes no row fits into the name.
    fn is_joined(&self, row: &Row, tail: &row::Tail, columns: Columns, line: LineRange) -> bool {
        let bytes = self.bytes();
        let rest = bytes.get(row.rest..line.end).unwrap_or_default();
        if memchr::memchr(b':', rest).is_none() || columns.owner == Some(TOYBOX_NAME) {
            return false;
        }
        let owner = field(bytes, tail.rest, line.end)
            .filter(|word| row::is_owner(bytes.get(word.clone()).unwrap_or_default()));
        let from = owner.map_or(row.rest, |word| word.start);
        let end = self.owner_end(from, line.end, columns).0;
        if from > row.rest && shown_len(bytes, from..end) <= BUSYBOX_NAME {
            return false;
        }
        memchr::memchr_iter(b':', rest).take(64).any(|colon| {
            // The endpoint stands behind a transport and two queues.
            let head = rest.get(..colon).unwrap_or_default();
            ["tcp", "udp", "raw", "sctp"].iter().any(|word| {
                memchr::memmem::rfind(head, word.as_bytes())
                    .is_some_and(|at| row::parse(bytes, row.rest + at..line.end).is_some())
            })
        })
    }

    /// What may still follow of a program name.
    fn name(
        &mut self,
        bytes: &[u8],
        at: Range<usize>,
        used: usize,
        line: LineRange,
        columns: Columns,
        socket: Option<usize>,
    ) -> Option<Name> {
        let most = columns.owner.unwrap_or(BUSYBOX_NAME);
        let table = self.table();
        let padded = line.end >= at.start + BUSYBOX_NAME;
        if padded && most != TOYBOX_NAME {
            table.padded |= used < NET_TOOLS_NAME;
            return None;
        }
        let left = most.checked_sub(used + 1).filter(|&left| left > 0)?;
        let trimmed = bytes.get(line.end.wrapping_sub(1)).is_some_and(|&byte| row::is_blank(byte));
        // With -o the timer ends the row, so a row without one goes on in the next line.
        let broken = most != TOYBOX_NAME
            && (table.padded && !trimmed || columns.timer && at.end == line.end);
        let aligned = most != TOYBOX_NAME && at.start - line.start >= 60;
        Some(Name { left, broken, aligned, socket })
    }

    /// Whether the row is a listener's: a TCP socket without a peer's port whatever the state is
    /// called, a bound UDP or raw socket without a peer.
    fn listens(&self, row: &Row, tail: &row::Tail) -> bool {
        let slice = |range: &Range<usize>| self.bytes().get(range.clone()).unwrap_or_default();
        if matches!(slice(&row.port), b"*" | b"\\*") {
            return false;
        }
        let state = tail.state.as_ref().map_or(&b""[..], slice);
        match row.transport {
            Transport::Tcp => row.peerless || state == b"LISTEN",
            // Endpoints that do not listen are CLOSED; associations have a peer.
            Transport::Sctp => {
                row.peerless
                    && row::is_wildcard(slice(&row.peer))
                    && !matches!(state, b"CLOSE" | b"CLOSED" | b"ESTABLISHED")
            }
            // What is no address is a wildcard that somebody made unreadable, unless the state says
            // that the socket has a peer: 1 is `ESTABLISHED` of raw sockets.
            Transport::Udp | Transport::Udplite | Transport::Raw | Transport::Dccp => {
                let peer = slice(&row.peer);
                let unread = || row::host(self.source.slice(row.peer.clone())) == Host::Other;
                row.peerless
                    && (row::is_wildcard(peer)
                        || matches!((row.transport, state), (Transport::Raw, b"7") | (_, b""))
                            && unread())
            }
        }
    }

    /// The family of the socket: RHEL's net-tools 1.60 and busybox tell it by the addresses only.
    fn family(&self, row: &Row, host: Host) -> Option<Family> {
        if row.six {
            return Some(Family::Ipv6);
        }
        let colon = |range: &Range<usize>| {
            self.bytes().get(range.clone()).is_some_and(|text| memchr::memchr(b':', text).is_some())
        };
        match host {
            Host::Ip(IpAddr::V4(_)) => Some(Family::Ipv4),
            Host::Ip(IpAddr::V6(_)) => Some(Family::Ipv6),
            Host::Star | Host::Other if colon(&row.host) || colon(&row.peer) => Some(Family::Ipv6),
            Host::Star | Host::Other => match row::host(self.source.slice(row.peer.clone())) {
                Host::Ip(_) => Some(Family::Ipv4),
                Host::Star | Host::Other => None,
            },
        }
    }

    /// Reads the owner.
    fn held(&mut self, tail: &row::Tail, columns: Columns, header: bool, line: LineRange) -> Held {
        let mut held = Held::default();
        let bytes = self.source.text().as_bytes();
        let start = field(bytes, tail.rest, line.end).map_or(line.end, |word| word.start);
        let (end, _) = self.owner_end(start, line.end, columns);
        let text = bytes.get(start..end).unwrap_or_default();
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || text.get(digits) != Some(&b'/') {
            held.missing = Some(match (columns.owner, text) {
                (Some(_), b"" | b"-") if text == b"-" || line.terminated => Missing::OwnerHidden,
                (None, b"-") if !header => Missing::OwnerHidden,
                (Some(_), [_, ..]) if text != b"-" => Missing::OwnerAmbiguous,
                _ => Missing::OwnerNotShown,
            });
            return held;
        }
        held.missing = Some(Missing::OthersNotShown);
        let used = shown_len(bytes, start..end);
        held.at = Some((start..end, used));
        let name = start + digits + 1..end;
        let most = match columns.owner {
            Some(TOYBOX_NAME) => TOYBOX_NAME,
            _ => NET_TOOLS_NAME,
        };
        let cut = used >= most || !line.terminated;
        held.owner = Some(Owner {
            name: (!name.is_empty()).then(|| self.text(name.clone())),
            pid: number(bytes, &(start..start + digits)).and_then(|pid| u32::try_from(pid).ok()),
            fd: None,
            kind: if cut { NameKind::ArgvCut } else { NameKind::Argv },
            details: None,
            at: At::new(name),
        });
        held
    }

    /// A text of the source, with plain blanks for no-break spaces.
    fn text(&mut self, at: Range<usize>) -> Text {
        let source = self.source;
        let builder = self.transcript.builder();
        match source.slice(at.clone()) {
            text if text.contains('\u{A0}') => builder.pooled(&text.replace('\u{A0}', " ")),
            _ => builder.text(At::new(at)),
        }
    }

    /// User and inode of `-e`.
    fn user(&mut self, (user, inode): &(Range<usize>, Range<usize>)) -> Details {
        let bytes = self.source.text().as_bytes();
        let uid = number(bytes, user).and_then(|uid| u32::try_from(uid).ok());
        let name = self.transcript.builder().text(At::new(user.clone()));
        Details {
            inode: number(bytes, inode),
            uid,
            user: uid.is_none().then_some(name),
            ..Details::default()
        }
    }

    /// Where the owner ends that begins at `start`, and whether a timer stands behind it.
    fn owner_end(&self, start: usize, end: usize, columns: Columns) -> (usize, bool) {
        let bytes = self.bytes();
        let timer = match columns.timer || columns.owner.is_none() {
            true => row::timer(bytes, start, end),
            false => None,
        };
        let mut end = timer.unwrap_or(end);
        let trim = |end: usize| start + row::trimmed(bytes, start..end).len();
        end = trim(end);
        if columns.context {
            // A context has no blanks, or is `-`; both stand behind the owner.
            let text = bytes.get(start..end).unwrap_or_default();
            if let Some(blank) = text.iter().rposition(|&byte| row::is_blank(byte)) {
                end = trim(start + blank);
            }
        }
        (end, timer.is_some())
    }

    /// Adds the socket of a listener; its index, or `None` where the row cannot be read after all.
    fn socket(
        &mut self,
        row: &Row,
        host: Host,
        user: Option<&(Range<usize>, Range<usize>)>,
        held: Held,
        line: LineRange,
    ) -> Option<usize> {
        let bytes = self.source.text().as_bytes();
        let source = self.transcript.builder().source();
        let mut socket = Socket::new(row.transport, source, At::new(line.start..line.end));
        let mut details = user.map(|user| self.user(user));
        socket.address_at = At::new(row.host.clone());
        socket.port_at = At::new(row.port.clone());
        socket.owners_missing = held.missing;
        match number(bytes, &row.port).map(u16::try_from) {
            Some(Ok(port)) => socket.port = Port::Number(port),
            Some(Err(_)) => {
                self.unread(line, "the port is greater than 65535");
                return None;
            }
            None => {
                let name = self.source.slice(row.port.clone());
                socket.port = self.named_port(row, name);
                socket.port_resolved = matches!(socket.port, Port::Number(_));
                if !socket.port_resolved {
                    let text = Some(self.transcript.builder().text(socket.port_at));
                    details.get_or_insert_default().port_text = text;
                }
            }
        }
        let wide = self.table().evidence.asked.as_ref().is_some_and(|asked| asked.wide);
        let filled = row.port.end - row.host.start == ADDRESS_WIDTH;
        socket.address = match host {
            _ if filled && !wide && row.transport != Transport::Sctp => {
                Address::Missing(Missing::AddressCut)
            }
            Host::Ip(ip) => Address::Ip(ip),
            Host::Star if self.family(row, host) == Some(Family::Ipv6) => {
                Address::Ip(IpAddr::V6(Ipv6Addr::UNSPECIFIED))
            }
            Host::Star => Address::Star,
            Host::Other => Address::Missing(Missing::AddressResolved),
        };
        let again = matches!(socket.address, Address::Star | Address::Missing(Missing::AddressCut));
        self.table().again |= again;
        let netns = self.transcript.netns();
        let builder = self.transcript.builder();
        if matches!(socket.address, Address::Missing(_)) {
            let text = Some(builder.text(socket.address_at));
            details.get_or_insert_default().address_text = text;
        }
        if netns.is_some() {
            details.get_or_insert_default().netns = netns;
        }
        if let Some(details) = details {
            builder.details(&mut socket, details);
        }
        if let Some(owner) = held.owner {
            builder.owner(owner);
        }
        builder.socket(socket);
        builder.snapshot().sockets().len().checked_sub(1)
    }

    /// The port of a service name, or the protocol of a raw socket.
    fn named_port(&self, row: &Row, name: &str) -> Port {
        // `addr_do_one` cuts a name at 18 bytes where address and name do not fit.
        let cut = name.len() >= 18 && row.port.end - row.host.start == ADDRESS_WIDTH;
        let port = match row.transport {
            _ if cut => None,
            Transport::Raw => protocol(name),
            Transport::Tcp
            | Transport::Udp
            | Transport::Udplite
            | Transport::Sctp
            | Transport::Dccp => services::port(name, row.transport),
        };
        port.map_or(Port::Missing(Missing::PortName), Port::Number)
    }

    fn spoil(&mut self, reason: Missing) {
        self.table().evidence.spoiled.get_or_insert(reason);
    }

    /// Reports a line of the table that cannot be read.
    fn unread(&mut self, line: LineRange, message: &str) {
        self.spoil(Missing::RowUnread);
        // Whatever it is, it stands between a name and what else could be of it.
        self.name = None;
        let place = self.content(line);
        self.transcript.issue(IssueKind::RowUnread, place, message);
    }

    /// Range of a line without the blanks around it.
    fn content(&self, line: LineRange) -> Range<usize> {
        let text = self.source.slice(line.start..line.end);
        let start = line.start + (text.len() - text.trim_start().len());
        start..start + text.trim().len()
    }

    /// Takes a line that is no row; `false` where it belongs to another reader or host.
    fn other(&mut self, line: LineRange) -> bool {
        let text = self.source.slice(line.start..line.end);
        let trimmed = text.trim();
        if let Some(columns) = columns(trimmed) {
            self.header(columns, trimmed, line);
            return true;
        }
        if is_section(trimmed) {
            self.flush_ignored();
            self.table();
            self.place = Place::Section;
            self.name = None;
            self.heading = None;
            return true;
        }
        if self.header_below(line) || self.address_below(line) || self.owner_below(line) {
            return true;
        }
        if self.transcript.ends_table(line) {
            self.flush_ignored();
            self.end_table();
        }
        match self.transcript.line(line, Some(&Netstat)) {
            Line::Blank | Line::Chatter | Line::ToolError => self.apart = true,
            Line::Prompt | Line::Netns => {
                self.flush_ignored();
                self.end_table();
                self.heading = None;
                self.place = Place::Outside;
            }
            Line::OtherHost | Line::OtherFormat => return false,
            Line::OtherOutput => {
                self.flush_ignored();
                self.end_table();
                self.place = Place::Quiet;
            }
            Line::Unknown => self.unknown(line, trimmed),
        }
        true
    }

    /// Begins a table at its header.
    fn header(&mut self, columns: Columns, trimmed: &str, line: LineRange) {
        self.flush_ignored();
        self.apart = false;
        let heading =
            self.heading.unwrap_or(Heading { without: false, section: false, internet: false });
        if heading.section {
            // IPX sockets have the header of internet sockets.
            self.table();
            self.place = Place::Section;
            self.heading = None;
            return;
        }
        if self.place == Place::Section && !(heading.internet && trimmed.len() > 70) {
            // A path of a unix socket has 108 bytes at most: too short for a heading and this header
            // in columns and a row, long enough for less.
            self.spoil(Missing::RowUnread);
            let place = self.content(line);
            self.transcript.issue(
                IssueKind::ForgedRow,
                place,
                "this header stands among unix sockets, whose paths can hold line breaks",
            );
            return;
        }
        self.begin_table(Some(columns));
        if !line.terminated {
            self.spoil(Missing::CutOff);
        }
    }

    /// The last columns of the header above, which a terminal of 80 columns put into a line of their own.
    fn header_below(&mut self, line: LineRange) -> bool {
        const WORDS: &[&str] = &[
            "User",
            "Inode",
            "PID/Program",
            "Program",
            "name",
            "Name",
            "Timer",
            "Security",
            "Context",
        ];
        let rest = self.source.slice(line.start..line.end);
        let fits = |table: &Table| {
            table.evidence.header
                && table.columns == Columns::default()
                && table.evidence.rows == Default::default()
        };
        if !self.table.as_ref().is_some_and(fits)
            || !rest.split_whitespace().all(|word| WORDS.contains(&word))
            || rest.trim().is_empty()
        {
            return false;
        }
        let Some(whole) = columns(&format!("Proto Recv-Q {rest}")) else { return false };
        let table = self.table();
        table.columns = whole;
        table.evidence.owners = whole.owner.is_some();
        true
    }

    /// A further address of the SCTP endpoint above, indented by 20 (`sctp_eps_do_one`).
    fn address_below(&mut self, line: LineRange) -> bool {
        let Some((above, first)) = self.sctp.clone() else { return false };
        let bytes = self.source.text().as_bytes();
        let Some(word) = field(bytes, line.start, line.end) else { return false };
        if word.start - line.start < 8 {
            return false;
        }
        if !above.peer.is_empty() {
            // Those of an association stand without a port.
            return matches!(row::host(self.source.slice(word)), Host::Ip(_));
        }
        let Some((host, port)) = self.source.slice(word.clone()).rsplit_once(':') else {
            return false;
        };
        if host.is_empty() || port != self.source.slice(above.port.clone()) {
            return false;
        }
        if first.is_none() {
            return true;
        }
        let colon = word.start + host.len();
        let rest = word.end;
        let row = Row { host: word.start..colon, port: colon + 1..rest, rest, ..above };
        let header = self.table().evidence.header;
        let columns = self.table().columns;
        let host = row::host(host);
        if let Some(family) = self.family(&row, host) {
            self.table().evidence.rows.family(family);
        }
        // No state stands here, so the rest begins with the user or the owner.
        let mut tail = row::tail(bytes, &row, line.end);
        if let Some(state) = tail.state.take() {
            tail.rest = state.start;
        }
        let held = self.held(&tail, columns, header, line);
        let found = held.owner.is_some();
        let added = self.socket(&row, host, tail.user.as_ref(), held, line);
        if let (true, Some(from), Some(to)) = (found, first, added) {
            // The owner stands in the last line of an endpoint and holds all of it.
            self.sctp = None;
            let sockets = self.transcript.builder().sockets_mut();
            if let Some(&last) = sockets.get(to) {
                for socket in sockets.iter_mut().take(to).skip(from) {
                    socket.owners_start = last.owners_start;
                    socket.owners_len = last.owners_len;
                    socket.owners_missing = last.owners_missing;
                }
            }
        }
        true
    }

    /// The owner of the row above, which a terminal of 80 columns put into a line of its own.
    fn owner_below(&mut self, line: LineRange) -> bool {
        let Some(table) = &self.table else { return false };
        let columns = table.columns;
        if self.place != Place::Table
            || columns.owner.is_none()
            || self.name.is_some()
            || !line.terminated
        {
            return false;
        }
        let bytes = self.source.text().as_bytes();
        let Some(word) = field(bytes, line.start, line.end) else { return false };
        if !row::is_owner(bytes.get(word.clone()).unwrap_or_default()) {
            return false;
        }
        let (end, _) = self.owner_end(word.start, line.end, columns);
        let tail = row::Tail { rest: word.start, ..row::Tail::default() };
        let above = self.transcript.builder().snapshot().sockets();
        let Some(&socket) = above.get(table.first..).and_then(<[Socket]>::last) else {
            return false;
        };
        // Only a row that directly precedes, and that ends without an owner.
        let gap = bytes.get(socket.span().end as usize..line.start).unwrap_or_default();
        if gap.len() > 80
            || !gap.iter().all(u8::is_ascii_whitespace)
            || memchr::memchr_iter(b'\n', gap).count() != 1
            || socket.owners_missing != Some(Missing::OwnerHidden)
            || self.source.slice(socket.span().range()).trim_end().ends_with('-')
            || shown_len(bytes, word.start..end) > BUSYBOX_NAME
        {
            return false;
        }
        let held = self.held(&tail, columns, true, line);
        let Some(owner) = held.owner else { return true };
        let builder = self.transcript.builder();
        builder.owner(owner);
        builder.own_last(held.missing);
        true
    }

    /// A line that nothing explains.
    fn unknown(&mut self, line: LineRange, trimmed: &str) {
        let rowlike = row::is_rowlike(self.bytes(), line.start..line.end);
        if !rowlike && (self.before_header(line) || trimmed.starts_with("Active ")) {
            let heading = heading(trimmed);
            match heading.section {
                true if self.table.is_some() => self.place = Place::Section,
                true => {}
                // Translations call the Bluetooth section so too: the header decides.
                false if self.place == Place::Table => self.end_table(),
                false => {}
            }
            self.flush_ignored();
            self.heading = Some(heading);
            return;
        }
        let strange = self.place != Place::Table && super::lines::row(trimmed).is_some();
        match self.place {
            // No reader is told of such a row before its header, so it would be lost.
            _ if strange => self.unread(line, "this row stands outside of a table of its format"),
            Place::Section | Place::Quiet => {}
            Place::Outside if rowlike => self.unread(line, "this row of netstat cannot be read"),
            Place::Outside => {
                let place = self.content(line);
                let start = self.ignored.as_ref().map_or(place.start, |run| run.start);
                self.ignored = Some(start..place.end);
            }
            Place::Table if is_notice(trimmed) => {}
            Place::Table if !line.terminated => {
                self.spoil(Missing::CutOff);
                let place = self.content(line);
                self.transcript.issue(IssueKind::CutOff, place, "the last row is cut off");
            }
            Place::Table => {
                if let Some(name) = self.name
                    && let Some(rest) = self.rest_of_name(line, name)
                    && !(rowlike && name.left > BUSYBOX_NAME)
                {
                    self.take_name(line, rest, name, false);
                } else {
                    // What follows is no part of the name above it.
                    self.name = None;
                    self.sctp = None;
                    if row::resembles(trimmed) {
                        self.unread(line, UNREAD);
                    } else {
                        let place = self.content(line);
                        if self.below.is_none() {
                            let headed = |table: &Table| table.evidence.header;
                            self.ends = !self.apart
                                && self.table.as_ref().is_some_and(headed)
                                && self.transcript.may_end(line, &Netstat);
                        }
                        let start = self.below.as_ref().map_or(place.start, |run| run.start);
                        self.below = Some(start..place.end);
                    }
                }
            }
        }
    }

    /// Whether the next line that is not blank is a header, of whatever section.
    fn before_header(&self, line: LineRange) -> bool {
        let next = self.transcript.lines_from(line.next).take(3).find_map(|next| {
            let text = self.source.slice(next.start..next.end).trim();
            (!text.is_empty()).then_some(text)
        });
        next.is_some_and(|next| {
            columns(next).is_some() || is_section(next) && !next.starts_with("unix")
        })
    }

    /// Reports the run of lines that belong to nothing, if there is one.
    fn flush_ignored(&mut self) {
        if let Some(run) = self.ignored.take() {
            self.transcript.issue(IssueKind::Ignored, run, "this is no part of netstat's output");
        }
    }
}

/// Whether a line is what closes a table in a ticket or on a page; no process gains by such a name.
fn closes_markup(text: &str) -> bool {
    const CLOSERS: &[&str] = &["{noformat}", "{code}", "}}}", "[/code]", "[/pre]", "[/quote]"];
    CLOSERS.contains(&text)
        || text
            .strip_prefix("</")
            .and_then(|rest| rest.strip_suffix('>'))
            .is_some_and(|name| !name.is_empty() && name.bytes().all(|c| c.is_ascii_lowercase()))
}

/// The number in a range of digits.
fn number(bytes: &[u8], range: &Range<usize>) -> Option<u64> {
    let text = bytes.get(range.clone())?;
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    text.iter().try_fold(0_u64, |sum, byte| {
        byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0'))
    })
}

/// Length in bytes of what the tool printed: U+FFFD stands for one byte that was no UTF-8.
fn shown_len(bytes: &[u8], range: Range<usize>) -> usize {
    let text = bytes.get(range).unwrap_or_default();
    let lost = match text.is_ascii() {
        true => 0,
        false => memchr::memmem::find_iter(text, "\u{FFFD}").count(),
    };
    text.len() - 2 * lost
}

/// The number of an IP protocol, as `/etc/protocols` names it: raw sockets have it for a port.
/// Source: IANA Protocol Numbers; the names are those of netbase 6.4.
fn protocol(name: &str) -> Option<u16> {
    Some(match name {
        "icmp" => 1,
        "igmp" => 2,
        "ggp" => 3,
        "ipencap" => 4,
        "st" => 5,
        "tcp" => 6,
        "egp" => 8,
        "igp" => 9,
        "pup" => 12,
        "udp" => 17,
        "hmp" => 20,
        "xns-idp" => 22,
        "rdp" => 27,
        "iso-tp4" => 29,
        "dccp" => 33,
        "xtp" => 36,
        "ddp" => 37,
        "idpr-cmtp" => 38,
        "ipv6" => 41,
        "ipv6-route" => 43,
        "ipv6-frag" => 44,
        "idrp" => 45,
        "rsvp" => 46,
        "gre" => 47,
        "esp" | "ipv6-crypt" => 50,
        "ah" | "ipv6-auth" => 51,
        "skip" => 57,
        "ipv6-icmp" | "icmp6" | "icmpv6" => 58,
        "ipv6-nonxt" => 59,
        "ipv6-opts" => 60,
        "rspf" => 73,
        "vmtp" => 81,
        "eigrp" => 88,
        "ospf" | "ospfigp" => 89,
        "ax.25" => 93,
        "ipip" => 94,
        "etherip" => 97,
        "encap" => 98,
        "pim" => 103,
        "ipcomp" => 108,
        "vrrp" => 112,
        "l2tp" => 115,
        "isis" => 124,
        "sctp" => 132,
        "fc" => 133,
        "mobility-header" => 135,
        "udplite" => 136,
        "mpls-in-ip" => 137,
        "manet" => 138,
        "hip" => 139,
        "shim6" => 140,
        "wesp" => 141,
        "rohc" => 142,
        "ethernet" => 143,
        _ => return None,
    })
}
