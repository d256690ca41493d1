//! Reads the tables of one host and puts their sockets into the snapshot.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::Arc;

use super::ProcNet;
use super::file::{self, File, Mark};
use super::order::{Order, Votes};
use super::row::{self, Endpoint, Header, Row};
use crate::capture::command::Invocation;
use crate::capture::{IssueKind, Known, Line, LineRange, Transcript};
use crate::snapshot::{
    Address, At, Cell, Coverage, Details, Family, Port, Socket, Text, Transport,
};
use crate::source::SourceFile;
use crate::truth::Missing;

/// `TCP_LISTEN` and `TCP_CLOSE`, which is also the state of datagram sockets without a peer.
/// Source: Linux include/net/tcp_states.h.
const LISTEN: u8 = 0x0A;
const CLOSE: u8 = 0x07;
const ESTABLISHED: u8 = 0x01;

/// Reads tables from the position of `transcript` on.
pub(super) fn read(transcript: &mut Transcript) {
    let source = Arc::clone(transcript.source());
    let first =
        transcript.file().and_then(file::of_path).map(|(file, folder)| (file, folder.to_owned()));
    let mut reader = Reader {
        source: &source,
        named: None,
        listed: 0,
        by_mark: false,
        other_file: false,
        table: None,
        quiet: false,
        below: None,
        listeners: Vec::new(),
        votes: Votes::default(),
        transcript,
    };
    if let Some((file, folder)) = first {
        reader.enter(file, &folder);
    }
    reader.run();
    reader.end_table();
    reader.finish();
}

/// How the file of a table is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// By a mark, or by the command.
    Named,
    /// By the name of the capture, or by what stands in it.
    Inferred,
    Not,
}

/// What is said of a line of a table that is no row.
const UNREAD: &str = "this line of /proc/net cannot be read";

/// The table that is being read.
#[derive(Debug)]
struct Table {
    file: Option<File>,
    told: Told,
    header: Option<Header>,
    cell: Cell,
    /// A row with a state that only TCP has was seen.
    tcp: bool,
    /// Lines of it could not be read.
    spoiled: Option<Missing>,
    /// The family of its rows.
    family: Option<Family>,
    /// Its first listener.
    first: usize,
}

/// A listener, whose address waits for the byte order.
#[derive(Debug)]
struct Listener {
    transport: Transport,
    inferred: bool,
    row: Range<usize>,
    host: Range<usize>,
    port_at: Range<usize>,
    port: u16,
    address: Where,
    uid: Option<u32>,
    inode: Option<u64>,
    netns: Option<Text>,
}

#[derive(Debug)]
enum Where {
    Words(Vec<u32>),
    Ip(IpAddr),
}

struct Reader<'a> {
    source: &'a SourceFile,
    transcript: &'a mut Transcript,
    /// The file that a mark named.
    named: Option<File>,
    /// How many files of the command have been met.
    listed: usize,
    /// The table's file comes from a mark on each line.
    by_mark: bool,
    /// A mark named a file of another kind.
    other_file: bool,
    table: Option<Table>,
    /// In output of another kind.
    quiet: bool,
    /// A run of lines behind the rows so far that are no part of any: what somebody wrote below the
    /// table, unless rows follow.
    below: Option<Range<usize>>,
    listeners: Vec<Listener>,
    votes: Votes,
}

impl Reader<'_> {
    fn run(&mut self) {
        while !self.transcript.at_end() {
            let line = self.transcript.line_at(self.transcript.position());
            let Some(next) = self.line(line) else { return };
            self.transcript.set_position(next);
        }
    }

    /// Takes a line; the next one to read, or `None` where it belongs to another reader or host.
    fn line(&mut self, line: LineRange) -> Option<usize> {
        let whole = self.source.slice(line.start..line.end);
        let (named, text) = file::prefix(whole);
        let from = line.end - text.len();
        if let Some((file, folder)) = named
            && (row::header(text).is_some() || row::begins(text) || row::endpoints(text).is_some())
            && (!self.by_mark || self.named != Some(file))
        {
            self.enter(file, folder);
            self.by_mark = true;
        }
        if let Some(header) = row::header(text) {
            return Some(self.header(header, text, line));
        }
        if self.table.as_ref().is_some_and(|table| table.header == Some(Header::Other))
            || self.other_file
        {
            if let Some(Mark::Table(file, folder)) = file::mark(text) {
                self.enter(file, folder);
                return Some(line.next);
            }
            return self.section(line);
        }
        if let Some(found) = row::parse(text) {
            return Some(self.row(found, from, line));
        }
        let sctp = self.table.as_ref().is_some_and(|table| table.header == Some(Header::Sctp));
        if sctp && let Some(endpoint) = row::endpoints(text) {
            self.endpoint(&endpoint, from, line);
            return Some(line.next);
        }
        match file::mark(text) {
            Some(Mark::Table(file, folder)) => {
                self.enter(file, folder);
                return Some(line.next);
            }
            Some(Mark::Other) => {
                self.end_table();
                (self.other_file, self.named) = (true, None);
                return Some(line.next);
            }
            None => {}
        }
        if file::is_rule(text) {
            return Some(line.next);
        }
        self.other(line, text)
    }

    /// Begins the file that a mark names.
    fn enter(&mut self, file: File, folder: &str) {
        self.end_table();
        self.transcript.set_file((!folder.is_empty()).then(|| folder.to_owned()));
        self.named = Some(file);
        (self.other_file, self.by_mark, self.quiet) = (false, false, false);
    }

    /// Begins a table, with its header or without.
    fn begin(&mut self, header: Option<Header>) {
        self.end_table();
        self.quiet = false;
        let call = self.transcript.command(&ProcNet).map(|(call, known)| (call.clone(), known));
        let listed = call.as_ref().and_then(|(call, _)| {
            let files = super::files_of(call);
            let at = files.iter().skip(self.listed).position(|&file| fits(file, header))?;
            self.listed += at + 1;
            files.get(self.listed - 1).copied()
        });
        let capture = file::of_capture(self.source.name()).filter(|&file| fits(file, header));
        let (file, told) = match (self.named.take(), listed, capture) {
            (Some(file), ..) | (None, Some(file), _) => (Some(file), Told::Named),
            (None, None, Some(file)) => (Some(file), Told::Inferred),
            (None, None, None) => (None, Told::Not),
        };
        if self.by_mark {
            self.named = file;
        }
        let cell = match call {
            Some((call, known)) => asked(&call, known),
            None if header.is_none() => Cell::Absent(Missing::HeaderNotShown),
            None => Cell::Presumed,
        };
        self.table = Some(Table {
            file,
            told,
            header,
            cell,
            tcp: false,
            spoiled: None,
            family: None,
            first: self.listeners.len(),
        });
    }

    /// Begins a table at its header; the next line to read, behind the end of the header where a screen
    /// of 80 columns broke it.
    fn header(&mut self, header: Header, text: &str, line: LineRange) -> usize {
        let below = self.transcript.line_at(line.next);
        let rest = self.source.slice(below.start..below.end);
        let broken = matches!(header, Header::Inet { .. }) && row::is_header_rest(rest);
        let whole = broken.then(|| row::header(&format!("{text}{rest}"))).flatten();
        self.begin(Some(whole.unwrap_or(header)));
        if header == Header::Other {
            self.named = None;
        }
        if whole.is_some() { below.next } else { line.next }
    }

    fn end_table(&mut self) {
        if let Some(run) = self.below.take() {
            let message = "this is no part of a table of /proc/net";
            self.transcript.issue(IssueKind::Ignored, run, message);
        }
        let Some(table) = self.table.take() else { return };
        if table.header == Some(Header::Other) {
            return;
        }
        let cell = match (table.spoiled, table.cell) {
            (Some(reason), Cell::Proven | Cell::Presumed) => Cell::Absent(reason),
            (_, cell) => cell,
        };
        let mut coverage = Coverage::default();
        let known = match (table.file, table.told) {
            // A name that was only inferred proves nothing, but the states of TCP do.
            (Some(file), Told::Named) => Some((file, cell)),
            (Some(file), _) => Some((file, doubted(cell))),
            (None, _) if table.tcp => {
                table.family.map(|family| (File::Inet(Transport::Tcp, family), doubted(cell)))
            }
            (None, _) => None,
        };
        match known {
            Some((File::Inet(transport, family), cell)) => {
                for other in Family::ALL {
                    let absent = Cell::Absent(Missing::FamilyNotShown);
                    coverage.set(transport, other, if other == family { cell } else { absent });
                }
            }
            Some((File::SctpEndpoints, cell)) => {
                for family in Family::ALL {
                    coverage.set(Transport::Sctp, family, cell);
                }
            }
            // Sockets of ping are not raw ones.
            Some((File::Ping(_), _)) | None => {}
        }
        if table.tcp && table.file.is_none() {
            for listener in self.listeners.iter_mut().skip(table.first) {
                listener.inferred &= listener.transport != Transport::Tcp;
            }
        }
        self.transcript.end_table(coverage);
    }

    /// Reads a row, with the rest of it where a screen broke it; the next line to read.
    fn row(&mut self, found: Row, from: usize, line: LineRange) -> usize {
        let family = if found.local.len() == 1 { Family::Ipv4 } else { Family::Ipv6 };
        let changed = self.table.as_ref().is_none_or(|table| {
            table.header.is_none() && table.family.is_some_and(|known| known != family)
        });
        if changed {
            self.begin(None);
        }
        if let Some(run) = self.below.take() {
            // The table goes on, so they were rows of it or something is missing there.
            self.unread(run, UNREAD);
        }
        let mut next = line.next;
        let mut end = line.end;
        let mut found = found;
        let mut text = self.source.slice(from..line.end).to_owned();
        for _ in 0..3 {
            let more = self.transcript.line_at(next);
            let rest = self.source.slice(more.start..more.end);
            if found.whole && text.len() > 100
                || next >= self.source.text().len()
                || !row::is_rest(rest)
            {
                break;
            }
            text.push_str(rest);
            (next, end) = (more.next, more.end);
            if let Some(longer) = row::parse(&text) {
                found = longer;
            }
        }
        if !found.whole {
            match line.terminated {
                true => self.unread(line.start..end, "this row of /proc/net is not whole"),
                false => {
                    self.spoil(Missing::CutOff);
                    let message = "the last row is cut off";
                    self.transcript.issue(IssueKind::CutOff, line.start..end, message);
                }
            }
        }
        self.votes.look(&found.local);
        self.votes.look(&found.peer);
        let Some(table) = &mut self.table else { return next };
        table.family = Some(family);
        let only_tcp = !matches!(found.state, CLOSE | ESTABLISHED);
        table.tcp |= only_tcp;
        let peerless = found.peer.iter().all(|&word| word == 0) && found.peer_port == 0;
        let (transport, inferred) = match table.file {
            Some(file) if file.family() == Some(family) => {
                (file.transport(), table.told != Told::Named)
            }
            _ if found.state == LISTEN => (Transport::Tcp, false),
            _ => (Transport::Udp, true),
        };
        let listens = match transport {
            Transport::Tcp => found.state == LISTEN,
            Transport::Udp
            | Transport::Udplite
            | Transport::Raw
            | Transport::Sctp
            | Transport::Dccp => found.state == CLOSE && peerless,
        };
        // Another file than its name says: the state of a TCP listener stands in no other table.
        let (transport, listens) = match found.state {
            LISTEN if transport != Transport::Tcp => (Transport::Tcp, true),
            _ => (transport, listens),
        };
        if listens {
            self.listeners.push(Listener {
                transport,
                inferred: inferred && found.state != LISTEN,
                row: line.start..end.max(line.end),
                host: from + found.host.start..from + found.host.end,
                port_at: from + found.port_at.start..from + found.port_at.end,
                port: found.port,
                address: Where::Words(found.local),
                uid: found.uid,
                inode: found.inode.filter(|&inode| inode != 0),
                netns: self.transcript.netns(),
            });
        }
        next
    }

    fn endpoint(&mut self, endpoint: &Endpoint, from: usize, line: LineRange) {
        if let Some(run) = self.below.take() {
            self.unread(run, UNREAD);
        }
        if endpoint.state != LISTEN {
            return;
        }
        let at = |range: &Range<usize>| from + range.start..from + range.end;
        let port = self.source.slice(at(&endpoint.port)).parse().unwrap_or_default();
        for range in &endpoint.addresses {
            let Ok(ip) = self.source.slice(at(range)).parse::<IpAddr>() else {
                self.unread(line.start..line.end, "an address of this endpoint cannot be read");
                continue;
            };
            self.listeners.push(Listener {
                transport: Transport::Sctp,
                inferred: false,
                row: line.start..line.end,
                host: at(range),
                port_at: at(&endpoint.port),
                port,
                address: Where::Ip(ip),
                uid: endpoint.uid,
                inode: endpoint.inode,
                netns: self.transcript.netns(),
            });
        }
        if endpoint.addresses.is_empty() {
            self.unread(line.start..line.end, "this endpoint has no address");
        }
    }

    fn spoil(&mut self, reason: Missing) {
        if let Some(table) = &mut self.table {
            table.spoiled.get_or_insert(reason);
        }
    }

    fn unread(&mut self, at: Range<usize>, message: &str) {
        self.spoil(Missing::RowUnread);
        self.transcript.issue(IssueKind::RowUnread, at, message);
    }

    /// A line in a file of another kind: anything, so only what surely ends it counts.
    fn section(&mut self, line: LineRange) -> Option<usize> {
        if self.transcript.ends_table(line) {
            self.end_table();
            self.other_file = false;
            return self.other(line, "");
        }
        let text = self.source.slice(line.start..line.end);
        let foreign = crate::capture::lines::header(text).is_some();
        match foreign {
            true => None,
            false => Some(line.next),
        }
    }

    /// Takes a line that is no row; `None` where it belongs to another reader or host.
    fn other(&mut self, line: LineRange, text: &str) -> Option<usize> {
        if self.transcript.ends_table(line) {
            self.end_table();
        }
        match self.transcript.line(line, Some(&ProcNet)) {
            Line::Blank | Line::Chatter | Line::ToolError => {}
            Line::Prompt | Line::Netns => {
                self.end_table();
                self.transcript.set_file(None);
                (self.named, self.listed, self.by_mark) = (None, 0, false);
                (self.other_file, self.quiet) = (false, false);
            }
            Line::OtherHost | Line::OtherFormat => return None,
            Line::OtherOutput => {
                self.end_table();
                self.quiet = true;
            }
            Line::Unknown => {
                let ours = row::begins(text);
                match (&self.table, line.terminated) {
                    (Some(_), false) => {
                        self.spoil(Missing::CutOff);
                        let place = line.start..line.end;
                        self.transcript.issue(IssueKind::CutOff, place, "the last row is cut off");
                    }
                    (Some(_), true) if row::resembles(text) => {
                        self.unread(line.start..line.end, UNREAD);
                    }
                    (Some(_), true) => {
                        let start = self.below.as_ref().map_or(line.start, |run| run.start);
                        self.below = Some(start..line.end);
                    }
                    (None, _) if ours => {
                        self.unread(line.start..line.end, "this row of /proc/net cannot be read");
                    }
                    (None, _) if self.quiet => {}
                    (None, _) => self.transcript.ignored(line),
                }
            }
        }
        Some(line.next)
    }

    /// Puts the listeners into the snapshot, now that all addresses were seen.
    fn finish(self) {
        let order = self.votes.order();
        let builder = self.transcript.builder();
        for listener in self.listeners {
            let mut socket =
                Socket::new(listener.transport, builder.source(), At::new(listener.row.clone()));
            socket.transport_inferred = listener.inferred;
            socket.address_at = At::new(listener.host);
            socket.port_at = At::new(listener.port_at);
            socket.port = Port::Number(listener.port);
            let mut details = Details {
                uid: listener.uid,
                inode: listener.inode,
                netns: listener.netns,
                ..Details::default()
            };
            let address = match listener.address {
                Where::Ip(ip) => Some(ip),
                Where::Words(words) => address(&words, order),
            };
            socket.address = address.map_or_else(
                || {
                    details.address_text = Some(builder.text(socket.address_at));
                    Address::Missing(Missing::AddressNotShown)
                },
                Address::Ip,
            );
            builder.details(&mut socket, details);
            builder.socket(socket);
        }
    }
}

/// Whether a table of this file has such a header; one without a header fits all.
fn fits(file: File, header: Option<Header>) -> bool {
    match header {
        None => true,
        Some(Header::Sctp) => file == File::SctpEndpoints,
        Some(Header::Other) => false,
        Some(Header::Inet { six, drops }) => {
            file.family() == Some(if six { Family::Ipv6 } else { Family::Ipv4 })
                && !(drops && file.transport() == Transport::Tcp)
        }
    }
}

/// What a call shows of the files that it names.
fn asked(call: &Invocation, known: Known) -> Cell {
    let text = |arg: &&String| !arg.starts_with('-');
    let whole = match call.program.as_str() {
        "cat" => true,
        "tail" => {
            call.args.windows(2).any(|pair| matches!(pair, [n, from] if n == "-n" && from == "+1"))
                || call.args.iter().any(|arg| matches!(arg.as_str(), "-n+1" | "+1" | "--lines=+1"))
        }
        "grep" | "egrep" => {
            let plain = |arg: &String| {
                matches!(
                    arg.as_str(),
                    "-H" | "-h" | "-s" | "-E" | "--with-filename" | "-r" | "-R" | "-rH" | "-n"
                )
            };
            call.args.iter().filter(|arg| arg.starts_with('-')).all(plain)
                && call
                    .args
                    .iter()
                    .find(text)
                    .is_some_and(|pattern| matches!(pattern.as_str(), "" | "." | "^" | ".*" | "$"))
        }
        _ => false,
    };
    match (whole && call.filter.is_none() && !call.watched, known) {
        (false, _) => Cell::Absent(Missing::Filtered),
        (true, Known::Proven) => Cell::Proven,
        (true, Known::Presumed) => Cell::Presumed,
    }
}

fn doubted(cell: Cell) -> Cell {
    match cell {
        Cell::Proven => Cell::Presumed,
        cell => cell,
    }
}

/// An address of one word or four; the wildcard is the same in both orders.
fn address(words: &[u32], order: Option<Order>) -> Option<IpAddr> {
    let wildcard = words.iter().all(|&word| word == 0);
    let order = match wildcard {
        true => Order::Little,
        false => order?,
    };
    match *words {
        [word] => Some(IpAddr::V4(Ipv4Addr::from_bits(order.network(word)))),
        [a, b, c, d] => {
            let bits = [a, b, c, d]
                .into_iter()
                .fold(0_u128, |bits, word| bits << 32 | u128::from(order.network(word)));
            Some(IpAddr::V6(Ipv6Addr::from_bits(bits)))
        }
        _ => None,
    }
}
