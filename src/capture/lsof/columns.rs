//! lsof's table, one row for each open file.

use std::ops::Range;
use std::sync::Arc;

use super::Lsof;
use super::row::{self, Header, Row};
use super::sockets::{Process, Shown, Sockets};
use crate::capture::{IssueKind, Line, LineRange, Transcript};
use crate::source::SourceFile;

/// Reads tables from the position of `transcript` on.
pub(super) fn read(transcript: &mut Transcript) {
    let source = Arc::clone(transcript.source());
    let mut reader = Reader {
        source: &source,
        sockets: Sockets::new(&source, false),
        transcript,
        header: None,
        table: false,
        quiet: false,
    };
    reader.run();
    let Reader { mut sockets, transcript, .. } = reader;
    sockets.end_table(transcript);
}

struct Reader<'a> {
    source: &'a SourceFile,
    transcript: &'a mut Transcript,
    sockets: Sockets<'a>,
    header: Option<Header>,
    /// Among the rows of a table.
    table: bool,
    /// In output of another kind.
    quiet: bool,
}

/// Two lines that a screen made of one, as one text.
struct Joined {
    text: String,
    /// Length of the first part, and of what is put between the two.
    split: usize,
    gap: usize,
    starts: [usize; 2],
}

impl Joined {
    /// The place of a range in the evidence.
    fn place(&self, range: Range<usize>) -> Range<usize> {
        let [first, second] = self.starts;
        let at = |offset: usize| match offset < self.split + self.gap {
            true => first + offset.min(self.split),
            false => second + (offset - self.split - self.gap),
        };
        let end = range.end.checked_sub(1).map_or(first, |last| at(last) + 1);
        at(range.start)..end.max(at(range.start))
    }

    /// Whether a range lies in one of the lines.
    fn is_whole(&self, range: &Range<usize>) -> bool {
        range.end <= self.split || range.start >= self.split + self.gap
    }
}

impl Reader<'_> {
    fn run(&mut self) {
        while !self.transcript.at_end() {
            let line = self.transcript.line_at(self.transcript.position());
            let text = self.source.slice(line.start..line.end);
            let next = if let Some(header) = row::header(text) {
                self.header = Some(header);
                self.sockets.header = true;
                (self.table, self.quiet) = (true, false);
                line.next
            } else if let Some(found) = row::parse(text, self.header) {
                (self.table, self.quiet) = (true, false);
                self.row(&found, line, text)
            } else if row::is_unidentified(text) {
                self.sockets.unidentified(line.start..line.end);
                line.next
            } else if row::is_other(text) {
                line.next
            } else {
                match self.other(line, text) {
                    Some(next) => next,
                    None => return,
                }
            };
            self.transcript.set_position(next);
        }
    }

    /// Takes a row, with its second line where a screen broke it; the next line to read.
    fn row(&mut self, found: &Row, line: LineRange, text: &str) -> usize {
        let stream =
            matches!(found.protocol, row::Protocol::Transport(transport) if transport.is_stream());
        let unfinished = found.name.is_none()
            || found.open
            || stream
                && found.state.is_none()
                && found.name.as_ref().is_some_and(|name| !name.connected);
        if unfinished && let Some(next) = self.joined(line, text, true) {
            return next;
        }
        let whole = Joined {
            text: String::new(),
            split: text.len(),
            gap: 0,
            starts: [line.start, line.end],
        };
        if found.name.is_none() {
            // Behind the protocol stands no endpoint but words: `no PCB`, `can't identify protocol`.
            // A listener has one, which is then of a shape that is not known here.
            match text.contains("(LISTEN")
                || text.trim_end().ends_with(|c: char| c.is_ascii_uppercase())
                    && text.split_ascii_whitespace().count() <= 9
            {
                true => self.unread(line),
                false => self.sockets.unidentified(line.start..line.end),
            }
            return line.next;
        }
        if found.open {
            self.transcript.issue(IssueKind::CutOff, line.start..line.end, "the row is cut off");
        }
        self.take(found, text, &whole, line.start..line.end);
        line.next
    }

    /// Puts a row into the table.
    fn take(&mut self, found: &Row, text: &str, place: &Joined, row: Range<usize>) {
        let Some(name) = &found.name else { return };
        let process = Process {
            pid: Some(found.pid),
            name: Some(place.place(found.command.clone())),
            user: Some(place.place(found.user.clone())),
            uid: None,
        };
        self.sockets.row(&process);
        let shown = Shown {
            family: found.family,
            protocol: found.protocol,
            device: place.place(found.device.clone()),
            host: place.place(name.host.clone()),
            port: place.place(name.port.clone()),
            connected: name.connected,
            listens: found
                .state
                .clone()
                .map(|range| row::is_listen(text.get(range).unwrap_or_default())),
            row,
            fd: found.fd,
        };
        self.sockets.add(shown, process);
    }

    /// Reads a line together with the next one, which a narrow screen broke off; where to go on.
    ///
    /// Only where the break is between two words or in what the reader can do without: a broken address
    /// or port stays unread.
    fn joined(&mut self, line: LineRange, text: &str, complete: bool) -> Option<usize> {
        let next = self.transcript.line_at(line.next);
        let rest = self.source.slice(next.start..next.end);
        let alone = !line.terminated
            || rest.trim().is_empty()
            || self.transcript.ends_table(next)
            || row::header(rest).is_some()
            || row::parse(rest, self.header).is_some()
            || row::is_other(rest)
            || complete && !rest.trim_end().ends_with(')');
        if alone || text.len() + rest.len() > 1000 {
            return None;
        }
        for gap in [0, 1] {
            let mut both = String::with_capacity(text.len() + rest.len() + gap);
            both.push_str(text);
            both.push_str(if gap == 1 { " " } else { "" });
            both.push_str(rest);
            let joined =
                Joined { text: both, split: text.len(), gap, starts: [line.start, next.start] };
            let Some(found) = row::parse(&joined.text, self.header) else { continue };
            let Some(name) = &found.name else { continue };
            let whole = [&name.host, &name.port, &found.command, &found.user, &found.device]
                .into_iter()
                .all(|range| joined.is_whole(range));
            if found.open || complete && found.state.is_none() {
                continue;
            }
            if !whole {
                let place = line.start..next.end;
                self.table = true;
                self.transcript.issue(
                    IssueKind::RowUnread,
                    place,
                    "a screen broke this row inside of a word",
                );
                return Some(next.next);
            }
            self.table = true;
            self.take(&found, &joined.text, &joined, line.start..next.end);
            return Some(next.next);
        }
        None
    }

    fn unread(&mut self, line: LineRange) {
        let message = "this line of lsof's table cannot be read";
        self.transcript.issue(IssueKind::RowUnread, line.start..line.end, message);
    }

    fn end_table(&mut self) {
        self.sockets.end_table(self.transcript);
        self.header = None;
        self.table = false;
    }

    /// Takes a line that is no row; `None` where it belongs to another reader or host.
    fn other(&mut self, line: LineRange, text: &str) -> Option<usize> {
        if self.transcript.ends_table(line) {
            self.end_table();
        }
        match self.transcript.line(line, Some(&Lsof)) {
            Line::Blank | Line::Chatter | Line::ToolError => {}
            Line::Prompt | Line::Netns => {
                self.end_table();
                self.quiet = false;
            }
            Line::OtherHost | Line::OtherFormat => return None,
            Line::OtherOutput => {
                self.end_table();
                self.quiet = true;
            }
            Line::Unknown => {
                if let Some(next) = self.joined(line, text, false) {
                    return Some(next);
                }
                if self.table && !line.terminated {
                    let place = line.start..line.end;
                    self.transcript.issue(IssueKind::CutOff, place, "the last row is cut off");
                } else if self.table || !self.quiet && strange(text) {
                    self.unread(line);
                } else if !self.quiet {
                    self.transcript.ignored(line);
                }
            }
        }
        Some(line.next)
    }
}

/// Whether a line outside of a table is a row of another format, whose reader is not told of it.
fn strange(text: &str) -> bool {
    crate::capture::lines::row(text).is_some()
}
