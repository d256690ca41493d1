//! What readers of tables share: a row a line, headers, what ends a table, and what it covers.
//!
//! A reader says what its lines are ([`Rows::take`]); [`read`] asks it about every line, hands what is
//! none of its lines to the transcript, and reports what nobody can read.

use std::ops::Range;
use std::sync::Arc;

use super::command::Invocation;
use super::seen::Seen;
use super::{CaptureFormat, IssueKind, Known, Line, LineRange, Transcript, lines};
use crate::services;
use crate::snapshot::{Cell, Coverage, Family, Port, Transport};
use crate::source::SourceFile;
use crate::truth::Missing;

/// Where in a tool's output the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Before the first table, or behind a prompt.
    Outside,
    /// As [`Place::Outside`], in output of another kind.
    Quiet,
    /// Among the rows of internet sockets.
    Table,
    /// In a section of other sockets.
    Section,
}

/// What a command line asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    /// Transports and families whose sockets are listed.
    pub(super) sockets: Seen,
    /// Why listeners are left out, or rows dropped on the way.
    pub(super) hidden: Option<Missing>,
    /// It prints no header.
    pub(super) headless: bool,
    /// How much the answer is worth.
    pub(super) cell: Cell,
}

impl Asked {
    /// Nothing asked for yet, with what stands around the program call: a filter, namespaces.
    pub(super) fn around(call: &Invocation, known: Known) -> Self {
        let filtered = call.filter.is_some() || call.watched;
        Self {
            sockets: Seen::default(),
            hidden: filtered.then_some(Missing::Filtered),
            headless: false,
            cell: match (known, call.netns.as_deref()) {
                (Known::Presumed, _) | (_, Some("*")) => Cell::Presumed,
                (Known::Proven, _) => Cell::Proven,
            },
        }
    }

    /// Both families where none was asked for, and `transports` likewise.
    pub(super) fn or_all(&mut self, transports: &[Transport]) {
        if self.sockets.no_transport() {
            transports.iter().for_each(|&transport| self.sockets.transport(transport));
        }
        if self.sockets.no_family() {
            Family::ALL.into_iter().for_each(|family| self.sockets.family(family));
        }
    }
}

/// What is known of a table.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidence {
    /// The header was there.
    pub(super) header: bool,
    /// Why listeners may be left out, as the table itself says.
    pub(super) hidden: Option<Missing>,
    /// Transports and families of all rows.
    pub(super) rows: Seen,
    /// Transports of the rows of listeners.
    pub(super) listeners: Seen,
    /// The command that was in force where the table began.
    pub(super) asked: Option<Asked>,
    /// Rows may be lost, for this reason.
    pub(super) spoiled: Option<Missing>,
}

impl Evidence {
    /// What the table covers.
    ///
    /// Without a command a transport counts only where one of its listeners is there, and a family
    /// only where one of its rows is: whoever takes all rows of one away takes its coverage too. A
    /// command that cannot have printed the rows is that of another table.
    pub(super) fn coverage(&self) -> Coverage {
        let fits = |asked: &&Asked| self.rows.within(asked.sockets);
        let asked = self.asked.as_ref().filter(fits);
        let headless = asked.is_some_and(|asked| asked.headless);
        let coverage = match asked {
            _ if !self.header && !headless => {
                Coverage::uniform(Cell::Absent(Missing::HeaderNotShown))
            }
            _ if self.hidden.is_some() => {
                let reason = self.hidden.unwrap_or(Missing::ListenersNotShown);
                Coverage::uniform(Cell::Absent(reason))
            }
            Some(asked) => {
                let coverage = asked.sockets.coverage(asked.cell);
                asked.hidden.map_or(coverage, |reason| coverage.spoiled(reason))
            }
            None => self.listeners.of_families(self.rows).coverage(Cell::Presumed),
        };
        self.spoiled.map_or(coverage, |reason| coverage.spoiled(reason))
    }
}

/// Reads the arguments of a format's command.
pub(super) type ReadArguments = fn(&Invocation, Known) -> Asked;

/// A transcript with the table that is being read.
pub(super) struct Tables<'t> {
    pub(super) transcript: &'t mut Transcript,
    pub(super) source: Arc<SourceFile>,
    pub(super) place: Place,
    format: &'static dyn CaptureFormat,
    asked: ReadArguments,
    evidence: Option<Evidence>,
}

/// The lines of one format.
pub(super) trait Rows {
    /// Takes a line that is a header, a row, or belongs to one; `false` where it is none of these.
    fn take(&mut self, tables: &mut Tables<'_>, line: LineRange) -> bool;

    /// Whether a line that nobody could read begins as a row does.
    fn is_rowlike(&self, text: &str) -> bool;

    /// The table ends: what only the whole of it tells.
    fn end(&mut self, tables: &mut Tables<'_>) {
        let _ = tables;
    }
}

impl Tables<'_> {
    /// The text of a line.
    pub(super) fn text(&self, line: LineRange) -> &str {
        self.source.slice(line.start..line.end)
    }

    /// Whether a table is open.
    pub(super) fn is_open(&self) -> bool {
        self.evidence.is_some()
    }

    /// The table at work; one without a header begins where there is none.
    pub(super) fn evidence(&mut self) -> &mut Evidence {
        if self.evidence.is_none() {
            self.begin(false);
        }
        self.evidence.get_or_insert_default()
    }

    /// Begins a table with or without a header; [`Tables::close`] must have ended the one before.
    pub(super) fn begin(&mut self, header: bool) {
        let call = self.transcript.command(self.format);
        let asked = call.map(|(call, known)| (self.asked)(call, known));
        self.evidence = Some(Evidence { header, asked, ..Evidence::default() });
        self.place = Place::Table;
    }

    /// Ends the table at work.
    pub(super) fn close(&mut self, rows: &mut dyn Rows) {
        if self.is_open() {
            rows.end(self);
        }
        if let Some(evidence) = self.evidence.take() {
            self.transcript.end_table(evidence.coverage());
        }
        self.place = Place::Outside;
    }

    /// Rows may be lost.
    pub(super) fn spoil(&mut self, reason: Missing) {
        self.evidence().spoiled.get_or_insert(reason);
    }

    /// Reports a line of the table that cannot be read.
    pub(super) fn unread(&mut self, line: LineRange, message: &str) {
        self.spoil(Missing::RowUnread);
        let at = self.content(line);
        self.transcript.issue(IssueKind::RowUnread, at, message);
    }

    /// Reports a line that stands where the tool prints none such, and that a name or a path with a
    /// line break can have made.
    pub(super) fn forged(&mut self, line: LineRange, message: &str) {
        self.spoil(Missing::RowUnread);
        let at = self.content(line);
        self.transcript.issue(IssueKind::ForgedRow, at, message);
    }

    /// Range of a line without the blanks around it.
    pub(super) fn content(&self, line: LineRange) -> Range<usize> {
        let text = self.text(line);
        let start = line.start + (text.len() - text.trim_start().len());
        start..start + text.trim().len()
    }

    /// The command in force, if any.
    pub(super) fn command(&self) -> Option<&Invocation> {
        self.transcript.command(self.format).map(|(call, _)| call)
    }

    /// The next line behind `line` that is not blank, among the next `within`.
    pub(super) fn next(&self, line: LineRange, within: usize) -> Option<LineRange> {
        let mut lines = self.transcript.lines_from(line.next).take(within);
        lines.find(|next| !self.text(*next).trim().is_empty())
    }

    /// A line that nothing explains.
    fn unknown(&mut self, rows: &mut dyn Rows, line: LineRange) {
        let text = self.text(line).trim().to_owned();
        let rowlike = rows.is_rowlike(&text);
        let strange = lines::row(&text).is_some();
        match self.place {
            Place::Table if !line.terminated => {
                self.spoil(Missing::CutOff);
                let at = self.content(line);
                self.transcript.issue(IssueKind::CutOff, at, "the last row is cut off");
            }
            Place::Table => self.unread(line, "this line of the table cannot be read"),
            Place::Outside | Place::Quiet | Place::Section if rowlike || strange => {
                self.unread(line, "this row stands outside of a table of its format");
            }
            Place::Outside => self.transcript.ignored(line),
            Place::Quiet | Place::Section => {}
        }
    }
}

/// Reads from the transcript's position on, until the text ends or a line belongs to another format
/// or host.
pub(super) fn read(
    transcript: &mut Transcript,
    format: &'static dyn CaptureFormat,
    asked: ReadArguments,
    rows: &mut dyn Rows,
) {
    let source = Arc::clone(transcript.source());
    let place = Place::Outside;
    let mut tables = Tables { transcript, source, place, format, asked, evidence: None };
    while !tables.transcript.at_end() {
        let line = tables.transcript.line_at(tables.transcript.position());
        if !rows.take(&mut tables, line) && !other(&mut tables, rows, line) {
            break;
        }
        tables.transcript.set_position(line.next);
    }
    tables.close(rows);
}

/// Takes a line that is none of the format's; `false` where it belongs to another reader or host.
fn other(tables: &mut Tables<'_>, rows: &mut dyn Rows, line: LineRange) -> bool {
    if tables.transcript.ends_table(line) {
        tables.close(rows);
    }
    match tables.transcript.line(line, Some(tables.format)) {
        Line::Blank | Line::Chatter | Line::ToolError => {}
        Line::Prompt | Line::Netns => tables.close(rows),
        Line::OtherHost | Line::OtherFormat => return false,
        Line::OtherOutput => {
            tables.close(rows);
            tables.place = Place::Quiet;
        }
        Line::Unknown => tables.unknown(rows, line),
    }
    true
}

/// Where the words of a line stand, in bytes of `text`, split at blanks.
pub(super) fn words(text: &str) -> Vec<Range<usize>> {
    let mut words = Vec::with_capacity(12);
    let mut start = None;
    for (at, byte) in text.bytes().enumerate() {
        match (start, byte == b' ' || byte == b'\t') {
            (None, false) => start = Some(at),
            (Some(from), true) => {
                words.push(from..at);
                start = None;
            }
            (None, true) | (Some(_), false) => {}
        }
    }
    words.extend(start.map(|from| from..text.len()));
    words
}

/// A byte range within a line, as a range of the whole text.
pub(super) fn within(line: LineRange, range: &Range<usize>) -> Range<usize> {
    line.start + range.start..line.start + range.end
}

/// Whether a text is one or more decimal digits.
pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The port that a number or a service name stands for, and whether it was read from a name; `None`
/// where the number is no port.
pub(super) fn port(text: &str, transport: Transport) -> Option<(Port, bool)> {
    if is_number(text) {
        return text.parse().ok().map(|port| (Port::Number(port), false));
    }
    let port = match transport {
        Transport::Raw => None,
        Transport::Tcp
        | Transport::Udp
        | Transport::Udplite
        | Transport::Sctp
        | Transport::Dccp => services::port(text, transport),
    };
    Some(match port {
        Some(port) => (Port::Number(port), true),
        None => (Port::Missing(Missing::PortName), false),
    })
}
