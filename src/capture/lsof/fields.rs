//! The fields of `lsof -F`: a set begins with `p` and goes on with sets of files that begin with `f`.
//!
//! ```text
//! p351
//! cpostgres
//! f5
//! tIPv6
//! PTCP
//! n[::1]:5432
//! TST=LISTEN
//! ```
//!
//! Each field is a line, or ends in a zero byte (`-F0`), each set then being a line.
//! Source: lsof(8), OUTPUT FOR OTHER PROGRAMS.

use std::ops::Range;
use std::sync::Arc;

use super::LsofFields;
use super::name;
use super::row::{self, Protocol};
use super::sockets::{Process, Shown, Sockets};
use crate::capture::{IssueKind, Line, LineRange, Transcript};
use crate::snapshot::Family;
use crate::source::SourceFile;

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a line begins the set of a process: `p` and its id.
pub(super) fn begins(line: &str) -> bool {
    line.split('\0').next().and_then(|field| field.strip_prefix('p')).is_some_and(is_number)
}

/// Reads sets from the position of `transcript` on.
pub(super) fn read(transcript: &mut Transcript) {
    let source = Arc::clone(transcript.source());
    let mut reader = Reader {
        source: &source,
        sockets: Sockets::new(&source, true),
        transcript,
        process: None,
        file: None,
        quiet: false,
    };
    reader.run();
    reader.end_table();
}

/// What is known so far of an open file.
#[derive(Debug, Default)]
struct File {
    /// From its first field to its last.
    at: Range<usize>,
    fd: Option<u32>,
    /// `t`: an internet socket of this family.
    family: Option<Option<Family>>,
    typed: bool,
    device: Range<usize>,
    protocol: Option<Protocol>,
    name: Option<Range<usize>>,
    state: Option<Range<usize>>,
}

struct Reader<'a> {
    source: &'a SourceFile,
    transcript: &'a mut Transcript,
    sockets: Sockets<'a>,
    process: Option<Process>,
    file: Option<File>,
    /// In output of another kind.
    quiet: bool,
}

impl Reader<'_> {
    fn run(&mut self) {
        while !self.transcript.at_end() {
            let line = self.transcript.line_at(self.transcript.position());
            if !self.fields(line) && !self.other(line) {
                return;
            }
            self.transcript.set_position(line.next);
        }
    }

    /// Takes a line of fields; `false` where it is none.
    fn fields(&mut self, line: LineRange) -> bool {
        let text = self.source.slice(line.start..line.end);
        if text.is_empty() || self.process.is_none() && !begins(text) {
            return false;
        }
        let mut start = line.start;
        let mut any = false;
        for field in text.split('\0') {
            let at = start..start + field.len();
            start = at.end + 1;
            if field.is_empty() {
                continue;
            }
            if !self.field(field, at.clone()) {
                if any {
                    let message = "this field of lsof cannot be read";
                    self.transcript.issue(IssueKind::RowUnread, at, message);
                    continue;
                }
                return false;
            }
            any = true;
        }
        if !line.terminated && any && self.file.as_ref().is_some_and(|file| file.name.is_some()) {
            // What is cut may be the port, or fields behind it.
            if let Some(File { state: None, .. }) = &self.file
                && !text.ends_with('\0')
            {
                let message = "the last set of fields is cut off";
                self.transcript.issue(IssueKind::CutOff, line.start..line.end, message);
                self.file = None;
            }
        }
        any
    }

    /// Takes one field, its letter first; `false` where it is none at this place.
    fn field(&mut self, field: &str, at: Range<usize>) -> bool {
        let Some(letter) = field.chars().next() else { return false };
        let Some(value) = field.get(letter.len_utf8()..) else { return false };
        let value_at = at.start + letter.len_utf8()..at.end;
        match letter {
            'p' if is_number(value) => {
                self.end_file();
                self.process = Some(Process { pid: value.parse().ok(), ..Process::default() });
                self.quiet = false;
                true
            }
            _ if self.process.is_none() => false,
            'f' if !value.is_empty() && value.len() <= 12 && !value.contains(' ') => {
                self.end_file();
                self.file = Some(File { at, fd: value.parse().ok(), ..File::default() });
                true
            }
            _ if self.file.is_none() && self.of_process(letter, value, value_at.clone()) => true,
            _ => self.of_file(letter, value, at, value_at),
        }
    }

    /// A field of a process, before those of its files.
    fn of_process(&mut self, letter: char, value: &str, value_at: Range<usize>) -> bool {
        let Some(process) = &mut self.process else { return false };
        match letter {
            'c' if process.name.is_none() => process.name = Some(value_at),
            'L' if process.user.is_none() => process.user = Some(value_at),
            'u' if is_number(value) => process.uid = value.parse().ok(),
            'g' | 'R' | 'K' if is_number(value) => {}
            'M' | 'z' | 'Z' => {}
            _ => return false,
        }
        true
    }

    /// A field of an open file.
    fn of_file(
        &mut self,
        letter: char,
        value: &str,
        at: Range<usize>,
        value_at: Range<usize>,
    ) -> bool {
        let hexadecimal = |value: &str| value.starts_with("0x") || is_number(value);
        let plain = match letter {
            'a' | 'l' => value.len() <= 1,
            'd' | 'D' | 'r' | 'o' | 's' | 'i' | 'k' | 'C' | 'F' | 'N' | 'x' => {
                value.starts_with(|c: char| c.is_ascii_digit())
            }
            'G' => value.split([';', ',']).all(|part| part.is_empty() || hexadecimal(part)),
            't' | 'P' => value.len() <= 12 && !value.contains(' '),
            'T' => value.contains('='),
            'n' => true,
            'S' | 'X' => !value.contains(' '),
            _ => false,
        };
        let again = match (&self.file, letter) {
            (Some(file), 't') => file.typed,
            (Some(file), 'n') => file.name.is_some(),
            // The name is the last field of a set but for what TCP says of it.
            (Some(file), 'a' | 'l' | 'd' | 'P') => file.name.is_some() && file.fd.is_none(),
            (Some(_), _) => false,
            // Without `f` the set of a file begins with its type or its name.
            (None, 't' | 'n' | 'a' | 'l' | 'd' | 'P') => true,
            (None, _) => false,
        };
        if !plain
            || again && letter == 'n' && self.file.as_ref().is_some_and(|file| file.fd.is_some())
        {
            return false;
        }
        if again {
            self.end_file();
            self.file = Some(File { at: at.clone(), ..File::default() });
        }
        let Some(file) = &mut self.file else { return false };
        file.at.end = at.end;
        match letter {
            't' => {
                file.family = row::family(value);
                file.typed = true;
            }
            'd' => file.device = value_at,
            'P' => file.protocol = row::protocol(value),
            'n' => file.name = Some(value_at),
            'T' => {
                if let Some(state) = value.strip_prefix("ST=") {
                    file.state = Some(value_at.end - state.len()..value_at.end);
                }
            }
            _ => {}
        }
        true
    }

    /// Ends the set of a file.
    fn end_file(&mut self) {
        let (Some(file), Some(process)) = (self.file.take(), self.process.clone()) else { return };
        self.sockets.row(&process);
        let text =
            file.name.as_ref().map(|range| self.source.slice(range.clone())).unwrap_or_default();
        // A file may be called `*:22` too: only type or protocol make it a socket.
        let inet = match file.typed {
            true => file.family,
            false => file.protocol.map(|_| None),
        };
        let Some(family) = inet else {
            if row::is_unidentified(text) {
                self.sockets.unidentified(file.at);
            } else if !file.typed && self.is_address(file.name) {
                let message = "neither type nor protocol of what seems a socket is shown: capture with \
                               `-F pcfPtTndL`";
                self.transcript.issue(IssueKind::RowUnread, file.at, message);
            }
            return;
        };
        let found = file.name.and_then(|range| name::parse(self.source.text(), range));
        let (Some(found), Some(protocol)) = (found, file.protocol) else {
            let message = match file.protocol {
                None => "the protocol of this socket is not shown: capture with `-F pcfPtTndL`",
                Some(_) => "the endpoint of this socket is not shown: capture with `-F pcfPtTndL`",
            };
            match text.contains(' ') {
                true => self.sockets.unidentified(file.at),
                false => self.transcript.issue(IssueKind::RowUnread, file.at, message),
            }
            return;
        };
        let shown = Shown {
            family,
            protocol,
            device: file.device,
            host: found.host,
            port: found.port,
            connected: found.connected,
            listens: file.state.map(|range| row::is_listen(self.source.slice(range))),
            row: file.at,
            fd: file.fd,
        };
        self.sockets.add(shown, process);
    }

    /// Whether a name is that of a bound socket without a peer: files have whole paths for names.
    fn is_address(&self, name: Option<Range<usize>>) -> bool {
        let found = name.and_then(|range| name::parse(self.source.text(), range));
        found.is_some_and(|found| {
            let host = name::host(self.source.slice(found.host));
            // `*:*` is bound to nothing.
            let bound = self.source.slice(found.port) != "*";
            bound && !found.connected && !matches!(host, name::Host::Name)
        })
    }

    fn end_table(&mut self) {
        self.end_file();
        self.process = None;
        self.sockets.end_table(self.transcript);
    }

    /// Takes a line that is no field; `false` where it belongs to another reader or host.
    fn other(&mut self, line: LineRange) -> bool {
        if self.transcript.ends_table(line) {
            self.end_table();
        }
        match self.transcript.line(line, Some(&LsofFields)) {
            Line::Blank | Line::Chatter | Line::ToolError => {}
            Line::Prompt | Line::Netns => self.end_table(),
            Line::OtherHost | Line::OtherFormat => return false,
            Line::OtherOutput => {
                self.end_table();
                self.quiet = true;
            }
            Line::Unknown if self.process.is_some() => {
                let (kind, message) = match line.terminated {
                    true => (IssueKind::RowUnread, "this line is no field of lsof"),
                    false => (IssueKind::CutOff, "the last set of fields is cut off"),
                };
                self.transcript.issue(kind, line.start..line.end, message);
            }
            Line::Unknown if self.quiet => {}
            Line::Unknown => self.transcript.ignored(line),
        }
        true
    }
}
