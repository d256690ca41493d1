//! Walks a transcript and reads the tables of ss in it.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use super::coverage::{self, Asked, Seen};
use super::fast::{self, Fast};
use super::header::{self, Columns, Match};
use super::logical::Logical;
use super::row::{self, Endpoint, Foreign, Host, Netid, Row, Shape, State, Users};
use super::signs::Signs;
use super::users::{self, Scan};
use super::{Ss, protocols};
use crate::capture::netstat::Netstat;
use crate::capture::{CaptureFormat, IssueKind, Known, Line, LineRange, Transcript};
use crate::services;
use crate::snapshot::{
    Address, At, Builder, Details, Device, Family, NameKind, Owner, Port, Socket, Text, Transport,
};
use crate::truth::Missing;

/// Lines that one row may take before its peer is there.
const COLUMN_LINES: usize = 12;
/// Lines that the users of a row may take without a whole entry among them.
const ENTRY_LINES: usize = 20;
/// Lines of extra texts behind a row that a narrow screen broke.
const EXTRA_LINES: usize = 64;
/// The longest path of a unix socket and what ss prints behind it: unix(7), `sun_path`.
const UNIX_PATH: usize = 160;
/// Rows that room is made for at once.
const MOST_RESERVED: usize = 1 << 20;
/// Lines that are looked at for the width of the screen.
const WIDTH_LINES: usize = 4096;

/// One table: a header with its rows, or rows without one.
#[derive(Debug, Default)]
struct Table {
    columns: Option<Columns>,
    asked: Option<Asked>,
    /// Start of the first row.
    start: usize,
    /// Index of the first socket.
    first_socket: usize,
    seen: Seen,
    /// A row shows users.
    users: bool,
    /// A row shows none.
    hidden: bool,
    spoiled: Option<Missing>,
    /// The longest line in characters, and whether several are as long.
    width: Option<(usize, bool)>,
    /// A row of this table was broken by a narrow screen.
    wrapped: bool,
    /// Rows that only the rest of the table decides: their start and end.
    deferred: Vec<(LineRange, Logical<'static>)>,
}

/// Unknown lines that follow each other.
#[derive(Debug)]
struct Unknown {
    at: Range<usize>,
    /// The first of them that resembles a row.
    row: Option<Range<usize>>,
    count: usize,
    /// They begin directly below a table, and may say why it ends there.
    ends: bool,
}

/// Reads the tables of one transcript.
pub(super) struct Reader<'t, 'a> {
    transcript: &'t mut Transcript,
    text: &'a str,
    /// Whether clean rows may take the short way; else all take the exact one.
    fast: bool,
    rows: fast::Rows<'a>,
    table: Option<Table>,
    /// Signs of age since the last prompt or header.
    signs: Signs,
    /// First socket that the signs are for.
    section: usize,
    /// What follows is the output of another command.
    foreign: bool,
    unknown: Option<Unknown>,
    /// Something stands between the table and the line at work: a blank line, a mark.
    apart: bool,
    /// A row outside of tables could not be read: the next table is spoiled.
    spoiled: Option<Missing>,
    /// Up to here a row may be part of a unix path.
    unix_guard: usize,
    netns: Option<Text>,
    /// Whether rows of other tables, and whether rows of IP tables, were read.
    kinds: (Seen, bool),
    /// Start of the first row that is none of an IP table.
    first_foreign: Option<Range<usize>>,
}

/// What a row is to a list of listeners.
enum Verdict {
    /// A listener.
    Listener { transport: Transport, inferred: bool, mptcp: bool },
    /// Not one: connected, or not bound.
    Skip,
    /// The rest of the table decides.
    Defer,
    /// It cannot be told.
    Unread(&'static str),
}

impl<'t, 'a> Reader<'t, 'a> {
    pub(super) fn new(transcript: &'t mut Transcript, text: &'a str, fast: bool) -> Self {
        let section = transcript.builder().snapshot().sockets().len();
        // A clean row has some 80 bytes and more; what is reserved and not used costs nothing.
        let rest = text.len().saturating_sub(transcript.position());
        transcript.builder().reserve((rest / 80).min(MOST_RESERVED));
        let netns = transcript.netns();
        let fast = fast && transcript.prefix().is_empty();
        Self {
            transcript,
            text,
            fast,
            rows: fast::Rows::new(text.as_bytes()),
            table: None,
            signs: Signs::NONE,
            section,
            foreign: false,
            unknown: None,
            apart: false,
            spoiled: None,
            unix_guard: 0,
            netns,
            kinds: (Seen::default(), false),
            first_foreign: None,
        }
    }

    /// Reads until the text ends or another format or host begins.
    pub(super) fn run(mut self) {
        while !self.transcript.at_end() {
            if self.fast && self.fast_rows() {
                continue;
            }
            let line = self.transcript.line_at(self.transcript.position());
            if !self.line(line) {
                break;
            }
        }
        self.end_table();
        self.end_section();
        self.refuse();
    }

    fn content(&self, line: LineRange) -> &'a str {
        self.text.get(line.start..line.end).unwrap_or_default()
    }

    // ---- clean rows ------------------------------------------------------------------------------

    /// Reads clean rows from the position on; false when there is none.
    fn fast_rows(&mut self) -> bool {
        let start = self.transcript.position();
        let Some(table) = &mut self.table else { return false };
        // A headerless table has rows of any shape; those of a header must have its columns.
        let netid =
            table.columns.is_none_or(|columns| columns.netid && columns.state && columns.queues);
        let bare =
            table.columns.is_none_or(|columns| !columns.netid && columns.state && columns.queues);
        if table.wrapped || start < self.unix_guard || self.unknown.is_some() {
            return false;
        }
        let asks = |transport| {
            netid
                && table.asked.as_ref().is_none_or(|asked| {
                    asked.only_family().is_none() && asked.allows(transport, false)
                })
        };
        let (tcp, udp) = (asks(Transport::Tcp), asks(Transport::Udp));
        // Only without a command: what one says of the transport is for the exact reader to weigh.
        let bare = bare && table.asked.is_none();
        let builder = self.transcript.builder();
        let mut at = start;
        let mut signs = self.signs;
        while let Some(found) = self.rows.row(at, builder) {
            let transport = match (found.tcp, found.listen) {
                (Some(true), true) if tcp => Transport::Tcp,
                (Some(false), false) if udp => Transport::Udp,
                (None, true) if bare => Transport::Tcp,
                _ => {
                    builder.forget_owners();
                    break;
                }
            };
            commit(&found, transport, table, &mut signs, self.netns, builder);
            at = found.next;
        }
        self.signs = signs;
        self.kinds.1 |= at > start;
        self.apart &= at == start;
        self.transcript.set_position(at);
        at > start
    }

    // ---- lines -----------------------------------------------------------------------------------

    /// Reads what begins at a line, and moves behind it; false when it is not ours.
    fn line(&mut self, line: LineRange) -> bool {
        let text = self.content(line);
        if text.trim().is_empty() {
            self.apart = true;
            self.transcript.set_position(line.next);
            return true;
        }
        let apart = std::mem::take(&mut self.apart);
        if let Some((columns, next)) = self.header(line) {
            self.flush_unknown(false);
            self.begin_table(Some(columns), next);
            if let (true, Some(table)) = (next > line.next, &mut self.table) {
                table.wrapped = true;
            }
            self.foreign = false;
            self.transcript.set_position(next);
            if !self.terminated(next) {
                self.spoil(Missing::CutOff);
            }
            return true;
        }
        let columns = self.table.as_ref().and_then(|table| table.columns);
        match row::parse(text, columns) {
            Shape::Not => self.other(line, apart),
            // The words of a table's row end too early: a row only if they begin as one.
            Shape::Columns if !row::starts(text, columns) && line.terminated => {
                self.other(line, apart)
            }
            shape => {
                self.row(line, shape);
                true
            }
        }
    }

    /// Whether the text before `next` ends in a line feed.
    fn terminated(&self, next: usize) -> bool {
        self.text.get(..next).is_some_and(|text| text.ends_with('\n'))
    }

    /// A header at a line, with the start of the line behind it.
    fn header(&mut self, line: LineRange) -> Option<(Columns, usize)> {
        let mut text = self.content(line).to_owned();
        let mut next = line.next;
        let mut found = None;
        for _ in 0..COLUMN_LINES {
            match header::matches(&text) {
                Match::Whole(columns) => {
                    found = Some((columns, next));
                    if columns.process || next >= self.text.len() {
                        break;
                    }
                }
                Match::Begun => {}
                Match::No => break,
            }
            if next >= self.text.len() {
                break;
            }
            let more = self.transcript.line_at(next);
            text.push_str(self.content(more));
            next = more.next;
        }
        found
    }

    /// A line that is no header and no row.
    fn other(&mut self, line: LineRange, apart: bool) -> bool {
        let text = self.content(line);
        let ours = self.table.is_some() && !self.foreign;
        if line.start < self.unix_guard
            && self.transcript.ends_table(line)
            && let Some(end) = self.path_end(line.next)
        {
            self.forged(line);
            self.transcript.set_position(end);
            return true;
        }
        if self.transcript.ends_table(line) {
            self.flush_unknown(false);
            self.end_table();
        } else if ours
            && text.starts_with([' ', '\t', '\u{A0}'])
            && !row::resembles(text)
            && !self.transcript.breaks(line)
            && self.unknown.is_none()
        {
            // `-i`, `-m`, packet rings, BPF: they belong to the row above.
            self.transcript.set_position(line.next);
            if !line.terminated {
                self.spoil(Missing::CutOff);
            }
            return true;
        }
        match self.transcript.line(line, Some(&Ss)) {
            Line::Blank | Line::Chatter | Line::ToolError => self.apart = true,
            Line::Prompt => {
                self.end_table();
                self.end_section();
                let ours = self.transcript.command(&Ss).is_some();
                self.foreign = self.transcript.typed() && !ours;
            }
            Line::Netns => {
                self.end_table();
                self.netns = self.transcript.netns();
                self.foreign = false;
            }
            Line::OtherHost | Line::OtherFormat => {
                self.flush_unknown(false);
                return false;
            }
            Line::OtherOutput => {
                self.end_table();
                self.end_section();
                self.foreign = true;
            }
            Line::Unknown => self.unknown_line(line, apart),
        }
        self.transcript.set_position(line.next);
        true
    }

    fn unknown_line(&mut self, line: LineRange, apart: bool) {
        let text = self.content(line);
        let tail = row::is_unix_tail(text);
        let resembles = match self.foreign {
            true => Netstat.row(text).is_some(),
            false => !tail && row::resembles(text),
        };
        let row = resembles.then_some(line.start..line.end);
        if !line.terminated && self.table.is_some() && !self.foreign {
            self.transcript.issue(
                IssueKind::CutOff,
                line.start..line.end,
                "the text ends inside a row",
            );
            self.spoil(Missing::CutOff);
            return;
        }
        match &mut self.unknown {
            Some(unknown) => {
                unknown.at.end = line.end;
                unknown.row = unknown.row.take().or(row);
                unknown.count += 1;
            }
            None => {
                // Without a header nothing is proven by its end.
                let headed = self.table.as_ref().is_some_and(|table| table.columns.is_some());
                let ends = headed && !self.foreign && !apart && self.transcript.may_end(line, &Ss);
                self.unknown = Some(Unknown { at: line.start..line.end, row, count: 1, ends });
            }
        }
    }

    /// Reports the unknown lines so far; `inside` when a row of the same table follows them.
    fn flush_unknown(&mut self, inside: bool) {
        let Some(unknown) = self.unknown.take() else { return };
        let ours = self.table.is_some() && !self.foreign;
        match unknown.row {
            Some(row) => {
                self.transcript.issue(
                    IssueKind::RowUnread,
                    row,
                    "this is not a row that can be read",
                );
                self.spoil(Missing::RowUnread);
            }
            None if inside && ours => {
                self.transcript.issue(
                    IssueKind::RowUnread,
                    unknown.at,
                    "this is not a row that can be read",
                );
                self.spoil(Missing::RowUnread);
            }
            None if ours && unknown.ends => {
                self.transcript.issue(
                    IssueKind::ToolError,
                    unknown.at,
                    "text directly below the table, which may say why it ends there",
                );
                self.spoil(Missing::ToolError);
            }
            None => {
                let message = match unknown.count {
                    1 => "a line that belongs to no table".to_owned(),
                    count => format!("{count} lines that belong to no table"),
                };
                self.transcript.issue(IssueKind::Ignored, unknown.at, message);
            }
        }
    }

    fn spoil(&mut self, reason: Missing) {
        match &mut self.table {
            Some(table) => table.spoiled = table.spoiled.or(Some(reason)),
            None => self.spoiled = self.spoiled.or(Some(reason)),
        }
    }

    // ---- tables ----------------------------------------------------------------------------------

    fn begin_table(&mut self, columns: Option<Columns>, start: usize) {
        let netns = self.netns.is_some();
        let had = self.table.is_some();
        self.end_table();
        // Namespaces of one `ip -all netns exec` are shown by one ss, other tables perhaps not.
        if had || !netns {
            self.end_section();
        }
        if columns.is_some_and(|columns| columns.process) {
            self.signs = self.signs.and(Signs::NEW);
        }
        let calls = self.transcript.commands(&Ss);
        let mut calls = calls.into_iter().filter(|(call, _)| coverage::prints_rows(call));
        let asked = match (calls.next(), calls.next()) {
            (Some((call, known)), None) => Some(Asked::new(call, known)),
            // Which of several calls printed this table is not told.
            _ => None,
        };
        self.table = Some(Table {
            columns,
            asked,
            start,
            first_socket: self.transcript.builder().snapshot().sockets().len(),
            spoiled: self.spoiled.take(),
            ..Table::default()
        });
    }

    /// Ends the table at work, if there is one: what only its rows together tell, and its coverage.
    fn end_table(&mut self) {
        self.flush_unknown(false);
        self.decide_deferred();
        let Some(table) = self.table.take() else { return };
        let asked_users = table.asked.as_ref().is_some_and(|asked| asked.processes);
        let family =
            table.asked.as_ref().and_then(Asked::only_family).filter(|_| !table.seen.contradiction);
        let sockets = self.transcript.builder().sockets_mut();
        if let Some(sockets) = sockets.get_mut(table.first_socket..) {
            if table.hidden && (table.users || asked_users) {
                for socket in sockets.iter_mut() {
                    if socket.owners_missing == Some(Missing::OwnerNotShown) {
                        socket.owners_missing = Some(Missing::OwnerHidden);
                    }
                }
            }
            if let Some(family) = family.filter(|_| table.seen.star) {
                for socket in sockets.iter_mut().filter(|socket| socket.address == Address::Star) {
                    socket.address = match family {
                        Family::Ipv4 => Address::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
                        Family::Ipv6 => Address::Dual,
                    };
                }
            }
        }
        let star = match self.signs.star() {
            Address::Dual => Some(Family::Ipv6),
            Address::Ip(_) => Some(Family::Ipv4),
            Address::Star | Address::Reached(_) | Address::Missing(_) => None,
        };
        let coverage = table.seen.coverage(table.asked.as_ref(), table.columns, star.or(family));
        let coverage = match table.spoiled {
            Some(reason) => coverage.spoiled(reason),
            None => coverage,
        };
        self.transcript.end_table(coverage);
    }

    /// Puts what the age of ss tells into the sockets since the last section.
    fn end_section(&mut self) {
        let signs = self.signs;
        let sockets = self.transcript.builder().sockets_mut();
        let len = sockets.len();
        if let Some(sockets) = sockets.get_mut(self.section..) {
            for socket in sockets {
                signs.apply(socket);
            }
        }
        self.section = len;
        self.signs = Signs::NONE;
    }

    /// A text of nothing but link-layer and netlink sockets is no list of listeners.
    fn refuse(&mut self) {
        let (seen, ip) = self.kinds;
        if ip || seen.unix || !(seen.netlink || seen.other) {
            return;
        }
        if let Some(at) = self.first_foreign.take() {
            let message = "this lists netlink or packet sockets only, not listeners";
            self.transcript.issue(IssueKind::NotSockets, at, message);
        }
    }

    // ---- rows ------------------------------------------------------------------------------------

    /// Reads the row that begins at a line, and moves behind it.
    fn row(&mut self, line: LineRange, shape: Shape) {
        let columns = self.table.as_ref().and_then(|table| table.columns);
        // A row without the columns of the header is of another table, whose header is lost.
        let strange = self.table.is_none() || (columns.is_some() && !fits(&shape, columns));
        self.flush_unknown(!strange);
        if strange {
            self.begin_table(None, line.start);
        }
        self.foreign = false;
        if let Shape::Foreign(foreign, whole) = shape {
            self.foreign_row(line, foreign, whole);
            return;
        }
        self.kinds.1 = true;
        let logical = self.join(line, &shape);
        self.transcript.set_position(logical.last.next);
        let columns = self.table.as_ref().and_then(|table| table.columns);
        match row::parse(logical.text(), columns) {
            Shape::Row(row) => {
                if line.start < self.unix_guard
                    && let Some(end) = self.unix_tail(logical.last.next)
                {
                    self.forged(line);
                    self.transcript.set_position(end);
                    return;
                }
                if !logical.last.terminated {
                    self.spoil(Missing::CutOff);
                }
                self.emit(*row, &logical, false);
            }
            Shape::Forged if row::has_unix_tail(logical.text(), 0) => self.forged(line),
            Shape::Columns | Shape::OpenUsers(_) if !logical.last.terminated => {
                let at = line.start..logical.last.end;
                self.transcript.issue(IssueKind::CutOff, at, "the text ends inside a row");
                self.spoil(Missing::CutOff);
                self.rescue(&logical);
            }
            Shape::Columns
            | Shape::OpenUsers(_)
            | Shape::Foreign(..)
            | Shape::Forged
            | Shape::Not => {
                self.unread(line.start..logical.last.end, "this row cannot be read");
                self.rescue(&logical);
            }
        }
    }

    /// A row whose users do not end still shows a socket.
    fn rescue(&mut self, logical: &Logical<'_>) {
        let text = logical.text();
        let Some(at) = text.find(users::OPEN) else { return };
        let columns = self.table.as_ref().and_then(|table| table.columns);
        let head = text.get(..at).unwrap_or_default();
        if let Shape::Row(mut row) = row::parse(head, columns) {
            row.users = Users::Bad(at);
            self.emit(*row, logical, false);
        }
    }

    fn unread(&mut self, at: Range<usize>, message: &'static str) {
        self.transcript.issue(IssueKind::RowUnread, at, message);
        self.spoil(Missing::RowUnread);
    }

    fn forged(&mut self, line: LineRange) {
        let message = "the path of a unix socket holds a line break: no such socket exists";
        self.transcript.issue(IssueKind::ForgedRow, line.start..line.end, message);
    }

    /// Where the line ends that holds the end of a unix row, if one follows within the length of a path.
    fn unix_tail(&self, from: usize) -> Option<usize> {
        let mut at = from;
        while at < self.text.len() && at < from + UNIX_PATH {
            let line = self.transcript.line_at(at);
            let text = self.content(line);
            if row::is_unix_tail(text) {
                return Some(line.next);
            }
            if text.starts_with("u_") {
                return None;
            }
            at = line.next;
        }
        None
    }

    /// As [`Self::unix_tail`], for a path that goes on behind its line break.
    fn path_end(&self, from: usize) -> Option<usize> {
        let mut at = from;
        while at < self.text.len() && at < from + UNIX_PATH {
            let line = self.transcript.line_at(at);
            let text = self.content(line);
            if row::is_unix_tail(text) {
                return Some(line.next);
            }
            if text.starts_with("u_")
                || !matches!(header::matches(text), Match::No)
                || matches!(row::parse(text, None), Shape::Foreign(_, true) | Shape::Row(_))
            {
                return None;
            }
            if row::has_unix_tail(text, 0) {
                return Some(line.next);
            }
            at = line.next;
        }
        None
    }

    /// Passes by a row of another table with the lines that belong to it.
    fn foreign_row(&mut self, line: LineRange, foreign: Foreign, whole: bool) {
        if let Some(table) = &mut self.table {
            table.seen.foreign(foreign);
        }
        if foreign == Foreign::Newer {
            self.signs = self.signs.and(Signs::NEW);
        }
        self.kinds.0.foreign(foreign);
        self.first_foreign.get_or_insert(line.start..line.end);
        let mut last = line;
        if !whole {
            let mut logical = Logical::new(self.content(line), line);
            let limit = line.end + UNIX_PATH;
            let mut forged = Vec::new();
            while logical.last.next < self.text.len() && logical.last.next < limit {
                let next = self.transcript.line_at(logical.last.next);
                let text = self.content(next);
                if matches!(
                    row::parse(text, None),
                    Shape::Row(_) | Shape::Forged | Shape::OpenUsers(_)
                ) {
                    forged.push(next);
                }
                let separator = if self.is_full(logical.last) { "" } else { " " };
                logical.push(separator, text, next);
                if matches!(row::parse(logical.text(), None), Shape::Foreign(_, true)) {
                    last = next;
                    break;
                }
            }
            if last.next == logical.last.next {
                for line in forged {
                    self.forged(line);
                }
            }
        }
        if foreign == Foreign::Unix {
            self.unix_guard = last.next + UNIX_PATH;
        }
        // Users and extra texts that a narrow screen broke off.
        for _ in 0..EXTRA_LINES {
            if last.next >= self.text.len() {
                break;
            }
            let next = self.transcript.line_at(last.next);
            let text = self.content(next);
            let wrapped = self.table.as_ref().is_some_and(|table| table.wrapped)
                && self.is_full(last)
                && !self.content(last).trim_end().ends_with("))")
                && !self.transcript.breaks(next);
            let ours = text.trim_start().starts_with(users::OPEN)
                || row::is_extra(text)
                || (wrapped && !self.begins(next));
            if !ours {
                break;
            }
            last = next;
        }
        if !last.terminated {
            self.spoil(Missing::CutOff);
        }
        self.transcript.set_position(last.next);
    }

    // ---- broken rows -----------------------------------------------------------------------------

    /// The row that begins at a line, with all the lines that belong to it.
    fn join(&mut self, line: LineRange, shape: &Shape) -> Logical<'a> {
        let first = Logical::new(self.content(line), line);
        let mut logical = first.clone();
        if *shape == Shape::Columns {
            let by_width = self.join_columns(&first, None);
            let joined = by_width
                .or_else(|| self.join_columns(&first, Some(" ")))
                .or_else(|| self.join_columns(&first, Some("")));
            match joined {
                Some(joined) => logical = joined,
                None => return first,
            }
        }
        let columns = self.table.as_ref().and_then(|table| table.columns);
        if let Shape::OpenUsers(resume) = row::parse(logical.text(), columns) {
            match self.join_users(&logical, resume) {
                Ok(joined) => logical = joined,
                Err(joined) => return joined,
            }
        }
        self.join_extras(logical)
    }

    /// Adds lines until local address and peer are there; `None` when they never are.
    fn join_columns(
        &mut self,
        first: &Logical<'a>,
        separator: Option<&str>,
    ) -> Option<Logical<'a>> {
        let columns = self.table.as_ref().and_then(|table| table.columns);
        let mut logical = first.clone();
        while logical.lines() < COLUMN_LINES && logical.last.next < self.text.len() {
            let next = self.transcript.line_at(logical.last.next);
            let text = self.content(next);
            if self.begins(next) {
                return None;
            }
            let glue = match separator {
                Some(separator) => separator,
                None if self.is_full(logical.last) => "",
                None => " ",
            };
            logical.push(glue, text, next);
            match row::parse(logical.text(), columns) {
                Shape::Columns => {}
                Shape::Row(_) | Shape::OpenUsers(_) | Shape::Forged => {
                    if let Some(table) = &mut self.table {
                        table.wrapped = true;
                    }
                    return Some(logical);
                }
                Shape::Foreign(..) | Shape::Not => return None,
            }
        }
        None
    }

    /// Adds lines until the users end; else what belongs to them without doubt.
    fn join_users(
        &mut self,
        from: &Logical<'a>,
        resume: usize,
    ) -> Result<Logical<'a>, Logical<'a>> {
        let mut logical = from.clone();
        let mut sure = logical.mark();
        let mut resume = resume;
        let mut since = 0;
        while logical.last.next < self.text.len() && since < ENTRY_LINES {
            let next = self.transcript.line_at(logical.last.next);
            let inside = users::inside_name(logical.text(), resume);
            let separator = if inside && !self.is_full(logical.last) { "\n" } else { "" };
            let text = self.content(next);
            let text = if inside { text } else { text.trim_start() };
            let line = LineRange { start: next.end - text.len(), ..next };
            logical.push(separator, text, line);
            since += 1;
            match users::scan(logical.text(), resume) {
                Scan::Closed(end) => {
                    let readable =
                        users::entries(logical.text(), resume, end).all(|entry| entry.is_some());
                    if readable {
                        return Ok(logical);
                    }
                    break;
                }
                Scan::Open(whole) => {
                    if whole > resume {
                        let readable = users::entries(logical.text(), resume, whole)
                            .all(|entry| entry.is_some());
                        if !readable {
                            break;
                        }
                        resume = whole;
                        since = 0;
                        sure = logical.mark();
                    }
                }
                Scan::Bad(_) => break,
            }
        }
        // The text ends inside the users: all of it belongs to them.
        if logical.last.next < self.text.len() || logical.last.terminated {
            logical.back_to(sure);
        }
        Err(logical)
    }

    /// Adds lines of users and extra texts behind a whole row.
    fn join_extras(&mut self, mut logical: Logical<'a>) -> Logical<'a> {
        let columns = self.table.as_ref().and_then(|table| table.columns);
        for _ in 0..EXTRA_LINES {
            if logical.last.next >= self.text.len() {
                break;
            }
            let next = self.transcript.line_at(logical.last.next);
            let text = self.content(next);
            let trimmed = text.trim_start();
            let named = trimmed.starts_with(users::OPEN) || row::is_extra(text);
            let known = self.table.as_ref().is_some_and(|table| table.wrapped);
            // Behind its peer or its users a row is whole: what begins as a row does is one, if a bad one.
            let whole = logical.text().trim_end().ends_with([')', '*']);
            let rest = self.text.as_bytes().get(next.start..).unwrap_or_default();
            let cut = is_cut(logical.text(), text) && !(whole && fast::stands_alone(rest));
            // Of users that are closed nothing is left, and no text behind the peer holds an address.
            let ended = logical.text().trim_end().ends_with("))") || row::holds_endpoint(text);
            let wrapped = !trimmed.is_empty()
                && !ended
                && (known || cut)
                && self.content(logical.last).chars().count() == self.width().0
                && !self.begins(next);
            if (!named && !wrapped) || self.transcript.breaks(next) {
                break;
            }
            let mut longer = logical.clone();
            let glue = if wrapped && !named && !text.starts_with(' ') { "" } else { " " };
            longer.push(glue, text, next);
            match row::parse(longer.text(), columns) {
                Shape::Row(_) => {
                    logical = longer;
                    if let (true, Some(table)) = (wrapped, &mut self.table) {
                        table.wrapped = true;
                    }
                }
                Shape::OpenUsers(resume) => match self.join_users(&longer, resume) {
                    Ok(joined) => logical = joined,
                    Err(joined) => return joined,
                },
                Shape::Columns | Shape::Foreign(..) | Shape::Forged | Shape::Not => break,
            }
        }
        logical
    }

    /// Whether a line begins something of its own.
    fn begins(&self, line: LineRange) -> bool {
        let text = self.content(line);
        let columns = self.table.as_ref().and_then(|table| table.columns);
        row::starts(text, columns)
            || !matches!(header::matches(text), Match::No)
            || self.transcript.ends_table(line)
    }

    /// Whether a line fills the screen that the table was copied from.
    fn is_full(&mut self, line: LineRange) -> bool {
        let (width, several) = self.width();
        let chars = self.content(line).chars().count();
        chars == width && (several || self.table.as_ref().is_some_and(|table| table.wrapped))
    }

    /// The longest line of the table in characters, and whether several are as long.
    fn width(&mut self) -> (usize, bool) {
        let Some(table) = &self.table else { return (0, false) };
        if let Some(width) = table.width {
            return width;
        }
        let mut found = (0, false);
        for (index, line) in self.transcript.lines_from(table.start).take(WIDTH_LINES).enumerate() {
            let text = self.content(line);
            let ends =
                !matches!(header::matches(text), Match::No) || self.transcript.ends_table(line);
            if index > 0 && ends {
                break;
            }
            let chars = text.chars().count();
            if chars > found.0 {
                found = (chars, false);
            } else if chars == found.0 {
                found.1 = true;
            }
        }
        if let Some(table) = &mut self.table {
            table.width = Some(found);
        }
        found
    }

    // ---- sockets ---------------------------------------------------------------------------------

    /// Reads a whole row; `decided` when all rows of its table are known.
    fn emit(&mut self, row: Row, logical: &Logical<'_>, decided: bool) {
        let text = logical.text();
        if !decided {
            self.signs = self.signs.and(Signs::of_row(text, &row));
        }
        let Some(table) = &mut self.table else { return };
        let verdict = verdict(&row, text, table, self.signs, decided);
        let (transport, inferred, mptcp) = match verdict {
            Verdict::Listener { transport, inferred, mptcp } => (transport, inferred, mptcp),
            Verdict::Skip => {
                if let (Some(transport), false) = (row.netid.map(transport_of), decided) {
                    table.seen.any.add(transport);
                }
                family(&mut table.seen, row.local.host);
                return;
            }
            Verdict::Defer => {
                let owned = logical.clone().into_owned();
                table.deferred.push((logical.last, owned));
                return;
            }
            Verdict::Unread(message) => {
                let at = logical.row();
                self.unread(at.start as usize..(at.start + at.len) as usize, message);
                return;
            }
        };
        if mptcp {
            family(&mut table.seen, row.local.host);
        } else {
            see(&mut table.seen, row.local.host, transport);
        }
        if let Some(asked) = &table.asked
            && !asked.allows(transport, mptcp)
            && row.netid != Some(Netid::Tcp)
        {
            table.seen.contradiction = true;
        }
        if port_text(text, &row.local) == "*" {
            return;
        }
        let builder = self.transcript.builder();
        let mut socket = Socket::new(transport, builder.source(), logical.row());
        socket.transport_inferred = inferred;
        socket.mptcp = mptcp;
        let mut details = Details { netns: self.netns, ..Details::default() };
        place(&mut socket, &mut details, &row, logical, builder);
        let extras = &row.extras;
        // A last text without a line feed may be cut.
        let whole = |at: &Range<usize>| logical.last.terminated || at.end < text.len();
        let cut = !logical.last.terminated;
        if !cut {
            socket.v6only = extras.v6only;
            details.uid = extras.uid.or(extras.extended.then_some(0));
            details.inode = extras.inode;
        }
        details.cgroup =
            extras.cgroup.as_ref().filter(|at| whole(at)).map(|at| logical.string(at, builder));
        // A raw ICMPv6 socket is an IPv6 one, whatever the age.
        if row.netid == Some(Netid::Icmp6) && socket.address == Address::Star {
            socket.address = Address::Dual;
        }
        let owners = owners(&row.users, logical, builder);
        match owners.shown {
            true => {
                socket.owners_missing = owners.ambiguous.then_some(Missing::OwnerAmbiguous);
                table.users = true;
            }
            false => table.hidden = true,
        }
        self.signs = self.signs.and(owners.signs);
        builder.details(&mut socket, details);
        builder.socket(socket);
        if owners.endless {
            let at = logical.row();
            self.unread(
                at.start as usize..(at.start + at.len) as usize,
                "a process name here is longer than any: two rows may stand here",
            );
        }
        if let Some(at) = owners.issue {
            let message = "the name of a process can be read in more than one way";
            let at = at.start as usize..(at.start + at.len) as usize;
            self.transcript.issue(IssueKind::AmbiguousOwner, at, message);
        }
    }

    /// Reads the rows that only the whole table decides.
    fn decide_deferred(&mut self) {
        let Some(table) = &mut self.table else { return };
        let deferred = std::mem::take(&mut table.deferred);
        if deferred.is_empty() {
            return;
        }
        let (columns, first) = (table.columns, table.first_socket);
        for (_, logical) in deferred {
            if let Shape::Row(row) = row::parse(logical.text(), columns) {
                self.emit(*row, &logical, true);
            }
        }
        let sockets = self.transcript.builder().sockets_mut();
        if let Some(sockets) = sockets.get_mut(first..) {
            sockets.sort_by_key(|socket| socket.row.start);
        }
    }
}

/// Adds a clean row that begins at `start`.
#[inline]
fn commit(
    found: &Fast,
    transport: Transport,
    table: &mut Table,
    signs: &mut Signs,
    netns: Option<Text>,
    builder: &mut Builder,
) {
    *signs = signs.and(Signs::of_addresses(found.host, found.peer, found.zone.is_some()));
    if found.users {
        *signs = signs.and(Signs::DEVICE);
        table.users = true;
    } else {
        table.hidden = true;
    }
    see(&mut table.seen, found.host, transport);
    let mut socket = Socket::new(transport, builder.source(), found.at);
    socket.address = match found.host {
        Host::Ip(ip, _) => Address::Ip(ip),
        Host::Star | Host::Name => Address::Star,
    };
    socket.port = Port::Number(found.port);
    if found.tcp.is_none() {
        socket.transport_inferred = true;
        table.seen.stream = true;
    }
    if let Some(zone) = found.zone {
        socket.device = Device::Named(builder.text(zone));
    }
    socket.address_at = found.address_at;
    socket.port_at = found.port_at;
    if found.users {
        socket.owners_missing = None;
    }
    if netns.is_some() {
        builder.details(&mut socket, Details { netns, ..Details::default() });
    }
    builder.socket(socket);
}

/// Whether a line break stands inside a text behind the peer: the last word of a line and the first of the
/// next are one, and nothing but such texts follows.
fn is_cut(line: &str, next: &str) -> bool {
    let last = line.rsplit(row::is_blank).next().unwrap_or_default();
    let mut words = next.split(row::is_blank);
    let first = words.next().unwrap_or_default();
    if first.is_empty() || last.is_empty() {
        return false;
    }
    let glued = format!("{last}{first}");
    // Users that are open already were joined before.
    let users = glued.starts_with(users::OPEN) && last.len() < users::OPEN.len();
    users || (row::is_extra(&glued) && words.all(|word| word.is_empty() || row::is_extra(word)))
}

/// Whether a row has the columns of the header.
fn fits(shape: &Shape, columns: Option<Columns>) -> bool {
    let (Shape::Row(row), Some(columns)) = (shape, columns) else { return true };
    row.netid.is_some() == columns.netid && row.state.is_some() == columns.state
        // `ss -tul` before iproute2 3.7 names a state and prints none.
        || (row.netid.is_some() && columns.netid && row.state.is_none())
}

fn transport_of(netid: Netid) -> Transport {
    match netid {
        Netid::Tcp | Netid::Mptcp => Transport::Tcp,
        Netid::Udp => Transport::Udp,
        Netid::Raw | Netid::Icmp6 => Transport::Raw,
        Netid::Sctp => Transport::Sctp,
        Netid::Dccp => Transport::Dccp,
    }
}

fn family(seen: &mut Seen, host: Host) {
    match host {
        Host::Ip(IpAddr::V4(_), _) => seen.ipv4 = true,
        Host::Ip(IpAddr::V6(_), _) => seen.ipv6 = true,
        Host::Star => seen.star = true,
        Host::Name => {}
    }
}

fn see(seen: &mut Seen, host: Host, transport: Transport) {
    seen.listeners.add(transport);
    seen.any.add(transport);
    family(seen, host);
}

fn port_text<'a>(text: &'a str, endpoint: &Endpoint) -> &'a str {
    text.get(endpoint.port.clone()).unwrap_or_default()
}

/// What a row is; `decided` when all rows of its table are known.
fn verdict(row: &Row, text: &str, table: &mut Table, signs: Signs, decided: bool) -> Verdict {
    let known = |transport| Verdict::Listener { transport, inferred: false, mptcp: false };
    let free = port_text(text, &row.peer) == "*";
    let port = port_text(text, &row.local);
    let only = table.asked.as_ref().filter(|_| !table.seen.contradiction);
    let only = only.and_then(|asked| Some((asked.only_transport()?, asked)));
    match (row.netid, row.state) {
        (_, Some(State::Connected)) => {
            table.seen.stream |= row.netid.is_none();
            Verdict::Skip
        }
        (Some(Netid::Mptcp), Some(State::Listen)) => {
            Verdict::Listener { transport: Transport::Tcp, inferred: false, mptcp: true }
        }
        (Some(netid @ (Netid::Tcp | Netid::Sctp | Netid::Dccp)), Some(State::Listen)) => {
            known(transport_of(netid))
        }
        (Some(Netid::Udp), Some(State::Unconn)) if port == "udp" => known(Transport::Raw),
        (Some(netid @ (Netid::Udp | Netid::Raw | Netid::Icmp6)), Some(State::Unconn)) => {
            known(transport_of(netid))
        }
        // iproute2 3.7 to 3.13 call UDP rows `tcp`. A new ss shows raw sockets for protocol 6 so, and
        // since 6.8 TCP sockets that are bound and do not listen.
        (Some(Netid::Tcp), Some(State::Unconn)) => {
            match (decided, signs.is_old(), signs.is_new()) {
                (false, ..) => Verdict::Defer,
                (_, true, _) => known(Transport::Udp),
                (_, _, true) if matches!(port, "tcp" | "6") => known(Transport::Raw),
                (_, _, true) => Verdict::Skip,
                _ => Verdict::Unread(
                    "`tcp UNCONN` is a UDP socket in old captures and no listener in new ones",
                ),
            }
        }
        (Some(_), Some(State::Listen | State::Unconn)) => Verdict::Skip,
        (Some(netid), None) => match free {
            true => Verdict::Listener {
                transport: transport_of(netid),
                inferred: false,
                mptcp: netid == Netid::Mptcp,
            },
            false => Verdict::Skip,
        },
        (None, state) => {
            // Whatever stands for the peer, the state says that there is none.
            if !free && state.is_none() {
                return Verdict::Skip;
            }
            if let Some(((transport, mptcp), asked)) = only {
                let right = match state {
                    // `-B`, `state established`: no listener has such a row.
                    None if asked.leaves_out(transport) => return Verdict::Skip,
                    Some(State::Listen) => transport.is_stream(),
                    Some(State::Unconn) => !transport.is_stream(),
                    Some(State::Connected) | None => true,
                };
                if right {
                    let inferred = asked.known != Known::Proven;
                    return Verdict::Listener { transport, inferred, mptcp };
                }
                if state == Some(State::Unconn) {
                    return Verdict::Skip;
                }
            }
            nameless(row, port, table, signs, decided)
        }
    }
}

/// What a row without a netid is, when no command tells.
fn nameless(row: &Row, port: &str, table: &mut Table, signs: Signs, decided: bool) -> Verdict {
    let inferred = |transport| Verdict::Listener { transport, inferred: true, mptcp: false };
    let low = port.parse::<u16>().map_or_else(
        |_| protocols::number(port).is_some() && services::port(port, Transport::Udp).is_none(),
        |port| port <= 255,
    );
    let rawest = matches!(port, "1" | "58" | "255" | "icmp" | "ipv6-icmp");
    match row.state {
        Some(State::Listen) => {
            table.seen.stream = true;
            inferred(Transport::Tcp)
        }
        Some(State::Unconn) if !decided => {
            table.seen.above_protocols |= !low;
            table.seen.protocols |= rawest;
            Verdict::Defer
        }
        // One table has one transport: beside rows of TCP this one is bound and does not listen.
        Some(State::Unconn) if table.seen.stream => Verdict::Skip,
        // Every port is a protocol, and one is rarely a port.
        Some(State::Unconn) if table.seen.protocols && !table.seen.above_protocols => {
            inferred(Transport::Raw)
        }
        Some(State::Unconn) => inferred(Transport::Udp),
        Some(State::Connected) => Verdict::Skip,
        None if row.send_queue.is_some_and(|backlog| backlog > 0) => {
            table.seen.stream = true;
            inferred(Transport::Tcp)
        }
        None if !decided => {
            table.seen.users_shown |= row.users != Users::None;
            Verdict::Defer
        }
        None if table.seen.stream => inferred(Transport::Tcp),
        // No backlog anywhere: `ss -u state unconnected`, or TCP sockets that do not listen (`-B`, 6.8).
        None if table.seen.users_shown || signs.is_old() => inferred(Transport::Udp),
        None => Verdict::Unread(
            "neither the transport nor the state of this row is told: name the command with `--command`",
        ),
    }
}

/// Fills in address, device and port.
fn place(
    socket: &mut Socket,
    details: &mut Details,
    row: &Row,
    logical: &Logical<'_>,
    builder: &mut Builder,
) {
    let local = &row.local;
    let text = logical.text();
    socket.address = match local.host {
        Host::Ip(ip, _) => Address::Ip(ip),
        Host::Star => Address::Star,
        Host::Name => {
            details.address_text = Some(logical.string(&local.host_at, builder));
            Address::Missing(Missing::AddressResolved)
        }
    };
    if let Some(zone) = &local.zone {
        socket.device = Device::Named(logical.string(zone, builder));
    }
    let port = port_text(text, local);
    socket.port = match port.parse::<u16>() {
        Ok(number) => Port::Number(number),
        Err(_) => {
            details.port_text = Some(logical.string(&local.port, builder));
            let number = match socket.transport {
                Transport::Raw => protocols::number(port),
                transport => services::port(port, transport),
            };
            socket.port_resolved = number.is_some();
            number.map_or(Port::Missing(Missing::PortName), Port::Number)
        }
    };
    let address_end =
        local.zone.as_ref().map_or(local.host_at.end, |zone| zone.end.max(local.host_at.end));
    socket.address_at = logical.at(&(local.host_at.start..address_end));
    socket.port_at = logical.at(&local.port);
}

/// What was read of the users of a row.
struct Owners {
    shown: bool,
    ambiguous: bool,
    issue: Option<At>,
    /// A name is longer than the kernel keeps: another row may stand in it.
    endless: bool,
    signs: Signs,
}

/// Whether another row may stand behind the `users:(` at an offset.
fn holds_row(text: &str, at: usize) -> bool {
    let users = text.get(at..).unwrap_or_default();
    let users = users.strip_prefix(users::OPEN).unwrap_or(users);
    [users::OPEN, " LISTEN ", " UNCONN "].iter().any(|sign| users.contains(sign))
}

/// Adds the users of a row to the builder.
fn owners(users: &Users, logical: &Logical<'_>, builder: &mut Builder) -> Owners {
    let mut found =
        Owners { shown: false, ambiguous: false, issue: None, endless: false, signs: Signs::NONE };
    let range = match users {
        Users::None => return found,
        Users::Bad(at) => {
            let end = logical.text().len();
            found.shown = true;
            found.ambiguous = true;
            found.issue = Some(logical.at(&(*at..end)));
            found.endless = holds_row(logical.text(), *at);
            return found;
        }
        Users::At(range) => range,
    };
    found.shown = true;
    for entry in users::entries(logical.text(), range.start, range.end) {
        let Some(entry) = entry else {
            found.ambiguous = true;
            found.issue.get_or_insert(logical.at(range));
            found.endless |= holds_row(logical.text(), range.start);
            continue;
        };
        let name = logical.text().get(entry.name.clone()).unwrap_or_default();
        // ss reads a name up to its first `)`; the kernel keeps 15 bytes of it, a cut character is lost.
        let cut =
            name.len() >= 15 || name.is_empty() || name.ends_with('\u{FFFD}') || name.contains('(');
        let at = logical.at(&entry.name);
        found.endless |= name.chars().count() > users::COMM && holds_row(name, 0);
        let name = logical.string(&entry.name, builder);
        builder.owner(Owner {
            name: Some(name),
            pid: Some(entry.pid),
            fd: Some(entry.fd),
            kind: if cut { NameKind::CommCut } else { NameKind::Comm },
            details: None,
            at,
        });
        found.signs = found.signs.and(if entry.old { Signs::OLD } else { Signs::DEVICE });
        if entry.ambiguous {
            found.ambiguous = true;
            found.issue.get_or_insert(at);
        }
    }
    found
}
