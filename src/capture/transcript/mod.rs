//! Pasted and logged text around socket tables: prompts, banners, prefixes, chatter.
//!
//! Every reader of line-oriented tables walks a [`Transcript`]: it reads its own rows and headers and
//! asks [`Transcript::line`] about every other line. The transcript keeps the command in force, the
//! network namespace, the host, and the snapshot that is being built.
//!
//! What single tools print around their tables is asked of the formats
//! ([`CaptureFormat::chatter`] and its neighbours); here stands what shells, wrappers and people add.

mod prompt;
mod words;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

pub(super) use self::prompt::prompt;
use self::words::{
    GATHERED, banner_host, bare_command, common_prefix, file_marker, host_of_prefix, is_break,
    is_chatter, is_gathered, is_tool_error, watched_command,
};
pub(super) use self::words::{netns_marker, other_output};
use super::command::{self, Invocation};
use super::{Capture, CaptureFormat, CaptureIssue, FORMATS, IssueKind, lines};
use crate::snapshot::{Builder, Cell, Coverage, Inside, Text};
use crate::source::{SourceFile, Span};
use crate::truth::Missing;

/// Byte range of a line without its line end and without the common prefix, and where the next one
/// begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineRange {
    /// First byte of the content.
    pub start: usize,
    /// One past the last byte of the content; a `\r` before the line end is not content.
    pub end: usize,
    /// First byte of the next line.
    pub next: usize,
    /// Whether the line ends in a line feed.
    pub terminated: bool,
}

/// What a line is that is no row and no header of the format at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Nothing but blanks.
    Blank,
    /// A shell prompt; its command, if any, is now [`Transcript::command`].
    Prompt,
    /// `netns: NAME`, as `ip -all netns exec` prints before each namespace, or a like marker.
    Netns,
    /// The evidence of another host begins here: stop before this line.
    OtherHost,
    /// A header of another format: stop before this line.
    OtherFormat,
    /// Text that tools and wrappers print around tables (`[sudo] password for`, `Every 2.0s:`, the
    /// not-root warning of netstat, ...).
    Chatter,
    /// A tool says that it could not read something; an issue is recorded.
    ToolError,
    /// Output that is no list of sockets begins (`ss -s`, routes, ...): what follows is not ours
    /// until the next header or prompt.
    OtherOutput,
    /// None of these.
    Unknown,
}

/// A shell prompt at the beginning of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt<'a> {
    /// Host name in it: `db1` of `root@db1:~#`.
    pub host: Option<&'a str>,
    /// Whether it ends in `#`, as root's does.
    pub root: bool,
    /// What was typed; empty for a bare prompt.
    pub command: &'a str,
}

/// How the command in force is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// By a prompt line or `--command`: it proves what was asked for.
    Proven,
    /// By a line that only looks like a command.
    Presumed,
}

/// A text on its way to a snapshot.
#[derive(Debug)]
pub struct Transcript {
    source: Arc<SourceFile>,
    position: usize,
    /// Where the evidence of this host begins.
    began: usize,
    prefix: String,
    builder: Builder,
    issues: Vec<CaptureIssue>,
    ignored_until: usize,
    given: Option<Invocation>,
    typed: Vec<(Invocation, Known)>,
    /// How many tables were read since it was typed.
    typed_tables: usize,
    /// How many sockets there were when it was typed.
    sockets_before: usize,
    /// The shells that prompts stand in.
    shells: Shells,
    netns: Option<Text>,
    /// The file of `==> NAME <==`.
    file: Option<String>,
    /// Coverage of each place met so far: tables of one place add up, places do not.
    covered: BTreeMap<[Option<String>; 3], Coverage>,
    next_host: Option<String>,
    next_announced: bool,
    /// A banner promised the evidence of this host.
    announced: bool,
    tables: usize,
    format: Option<&'static str>,
    detection: String,
}

impl Transcript {
    /// Starts at the top of `source`; `command` is what the user says made it.
    #[must_use]
    pub fn new(source: Arc<SourceFile>, command: Option<&str>) -> Self {
        let prefix = common_prefix(source.text()).to_owned();
        let given = command.and_then(given);
        let mut builder = Builder::new(Arc::clone(&source));
        let there = given.as_ref().and_then(|call| whereabouts(call.place.as_deref()).0);
        if let Some(host) = host_of_prefix(&prefix).or(there) {
            builder.snapshot_mut().host.name = Some(host.to_owned());
        }
        Self {
            builder,
            source,
            position: 0,
            began: 0,
            prefix,
            issues: Vec::new(),
            ignored_until: 0,
            given,
            typed: Vec::new(),
            typed_tables: 0,
            sockets_before: 0,
            shells: Shells::default(),
            netns: None,
            file: None,
            covered: BTreeMap::new(),
            next_host: None,
            next_announced: false,
            announced: false,
            tables: 0,
            format: None,
            detection: String::new(),
        }
    }

    /// The text.
    #[must_use]
    pub fn source(&self) -> &Arc<SourceFile> {
        &self.source
    }

    /// Offset of the line to be read next.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// Moves to an offset, which must be the start of a line.
    pub fn set_position(&mut self, position: usize) {
        self.position = position;
    }

    /// Moves past the line at the position, which is of no use to anyone, and says so.
    pub fn ignore_line(&mut self) {
        let line = self.line_at(self.position);
        self.ignored(line);
        self.position = line.next;
    }

    /// Records that a line belongs to no socket table; lines that follow each other are one issue.
    pub fn ignored(&mut self, line: LineRange) {
        let source = self.builder.source();
        if let Some(CaptureIssue { kind: IssueKind::Ignored, at: Some(at), .. }) =
            self.issues.last_mut()
            && at.end as usize == self.ignored_until
            && self.ignored_until > 0
            && line.start >= self.ignored_until
            && self.source.slice(self.ignored_until..line.start).trim().is_empty()
        {
            *at = Span::new(source, at.start as usize..line.end);
        } else {
            self.issue(
                IssueKind::Ignored,
                line.start..line.end,
                "text that belongs to no socket table",
            );
        }
        self.ignored_until = line.end;
    }

    /// Goes on without a reader, since no table begins anywhere behind: takes note of what the lines
    /// say and stops where another host's evidence begins.
    pub(super) fn sweep(&mut self) {
        while !self.at_end() {
            let line = self.line_at(self.position);
            match self.line(line, None) {
                Line::OtherHost => return,
                Line::Unknown | Line::OtherFormat | Line::OtherOutput => self.ignored(line),
                Line::Blank | Line::Prompt | Line::Netns | Line::Chatter | Line::ToolError => {}
            }
            self.position = line.next;
        }
    }

    /// Whether everything is read.
    #[must_use]
    pub fn at_end(&self) -> bool {
        self.position >= self.source.text().len()
    }

    /// Whether reading stopped before the evidence of another host.
    #[must_use]
    pub fn host_changed(&self) -> bool {
        self.next_host.is_some()
    }

    /// The snapshot that is being filled.
    pub fn builder(&mut self) -> &mut Builder {
        &mut self.builder
    }

    /// The line at an offset, without the common prefix.
    #[must_use]
    pub fn line_at(&self, start: usize) -> LineRange {
        let bytes = self.source.text().as_bytes();
        let rest = bytes.get(start..).unwrap_or_default();
        let (len, terminated) = match memchr::memchr(b'\n', rest) {
            Some(len) => (len, true),
            None => (rest.len(), false),
        };
        let next = start + len + usize::from(terminated);
        let mut content = rest.get(..len).unwrap_or_default();
        // A terminal log ends lines in `\r\n`, a doubly converted one in `\r\r\n`.
        while let Some(shorter) = content.strip_suffix(b"\r") {
            content = shorter;
        }
        let end = start + content.len();
        let mut start = start;
        if !self.prefix.is_empty() {
            if content.starts_with(self.prefix.as_bytes()) {
                start += self.prefix.len();
            } else if self.prefix.trim_end().as_bytes() == content {
                start = end;
            }
        }
        LineRange { start, end, next, terminated }
    }

    /// All lines from an offset on.
    pub fn lines_from(&self, start: usize) -> impl Iterator<Item = LineRange> + '_ {
        let mut at = start;
        std::iter::from_fn(move || {
            if at >= self.source.text().len() {
                return None;
            }
            let line = self.line_at(at);
            at = line.next;
            Some(line)
        })
    }

    /// The content of a line.
    #[must_use]
    pub fn content(&self, line: LineRange) -> &str {
        self.source.slice(line.start..line.end)
    }

    /// The command in force that `format` claims, and how it is known: the last one typed, else the one
    /// given with `--command`.
    ///
    /// Of several calls on one line (`ss -ltn; ss -lun`) each table takes the next one; where one of
    /// them filters, it is not known which one printed the table, so the filtering one is taken.
    #[must_use]
    pub fn command(&self, format: &dyn CaptureFormat) -> Option<(&Invocation, Known)> {
        let ours = |call: &Invocation| !call.silent && format.claims(call);
        let typed: Vec<&(Invocation, Known)> =
            self.typed.iter().filter(|(call, _)| ours(call)).collect();
        let filtered = typed.iter().find(|(call, _)| call.filter.is_some()).copied();
        let next = typed.get(self.typed_tables).or(typed.last()).copied();
        let typed = filtered.or(next).map(|(call, known)| (call, *known));
        typed.or_else(|| {
            self.given.as_ref().filter(|call| ours(call)).map(|call| (call, Known::Proven))
        })
    }

    /// All calls in force that `format` claims, in the order in which they were typed: those of the
    /// last prompt, else the one given with `--command`.
    #[must_use]
    pub fn commands(&self, format: &dyn CaptureFormat) -> Vec<(&Invocation, Known)> {
        let ours = |call: &&Invocation| !call.silent && format.claims(call);
        let typed = self.typed.iter().map(|(call, known)| (call, *known));
        let typed: Vec<_> = typed.filter(|(call, _)| ours(call)).collect();
        match typed.is_empty() {
            true => self.given.iter().filter(ours).map(|call| (call, Known::Proven)).collect(),
            false => typed,
        }
    }

    /// Whether anything was typed at the last prompt.
    #[must_use]
    pub fn typed(&self) -> bool {
        !self.typed.is_empty()
    }

    /// Whether a line that nothing explains, directly below a table of `format`, may say why it ends there.
    /// A heading and other marks begin something else, and so do the other calls of a line that was typed.
    #[must_use]
    pub fn may_end(&self, range: LineRange, format: &dyn CaptureFormat) -> bool {
        let text = self.content(range).trim();
        let claimed = |(call, _): &&(Invocation, Known)| format.claims(call);
        let ours = self.typed.iter().filter(claimed).count();
        // Prompts of shells that are not known (`me@db1 ~> exit`), and what closes a session.
        let left = text.split(' ').next().is_some_and(|word| word.contains('@'))
            || matches!(text, "exit" | "logout");
        // A piece of a row, or words.
        let piece =
            text.starts_with([':', '*', '[']) && text.contains(|c: char| c.is_ascii_digit());
        (text.starts_with(char::is_alphanumeric) || piece)
            && !left
            && !words::is_of_others(text)
            && !text.ends_with([':', '=', '#', '-', '*', '>'])
            && (ours == 0 || ours == self.typed.len())
    }

    /// What stands before every line: `node7: `, `> `, or nothing.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether a line ends the table before it, whatever follows: a prompt, the name of a host or a
    /// namespace. Changes nothing, so that a reader can end its table before it hands the line to
    /// [`Transcript::line`].
    #[must_use]
    pub fn ends_table(&self, range: LineRange) -> bool {
        let line = self.content(range);
        let trimmed = line.trim();
        self.banner(range).is_some()
            || netns_marker(trimmed).is_some()
            || file_marker(trimmed).is_some()
            || prompt(line).is_some()
    }

    /// Whether a line says that something could not be read, or is not all here: it is part of no row, wherever
    /// it stands. Changes nothing; [`Transcript::line`] tells of it.
    #[must_use]
    pub fn breaks(&self, range: LineRange) -> bool {
        let trimmed = self.content(range).trim();
        is_tool_error(trimmed) || is_break(trimmed)
    }

    /// The host that a line announces, alone or with the two lines behind it.
    fn banner(&self, range: LineRange) -> Option<&str> {
        let line = self.content(range).trim();
        if line != GATHERED {
            return banner_host(line);
        }
        let name = self.line_at(range.next);
        let bar = self.content(self.line_at(name.next)).trim();
        let name = self.content(name).trim();
        (bar == GATHERED && is_gathered(name)).then_some(name)
    }

    /// Where the table at work was made: namespace, file, and what the command says.
    fn place(&self) -> [Option<String>; 3] {
        let netns = self.netns.map(|text| self.builder.snapshot().text(text).to_owned());
        let typed = self.typed.get(self.typed_tables).or(self.typed.last());
        let call = typed.map(|(call, _)| call).or(self.given.as_ref());
        [netns, self.file.clone(), call.and_then(|call| call.place.clone())]
    }

    /// The file that `==> NAME <==` or a like mark names, where the reader of it is not at work.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// Says of which place, a folder for example, what follows is: tables of one place add up.
    pub fn set_file(&mut self, place: Option<String>) {
        self.file = place;
    }

    /// Forgets the typed command: its output is over.
    pub fn end_command(&mut self) {
        self.typed.clear();
    }

    /// Name of the network namespace whose sockets are being read, where told.
    #[must_use]
    pub fn netns(&self) -> Option<Text> {
        self.netns
    }

    /// Records an issue.
    pub fn issue(&mut self, kind: IssueKind, at: Range<usize>, message: impl Into<String>) {
        let at = Some(Span::new(self.builder.source(), at));
        self.issues.push(CaptureIssue { kind, at, message: message.into() });
    }

    /// Ends a table: what it covers is added to its namespace. Issues that lose rows spoil the
    /// coverage of the whole capture in the end ([`IssueKind::spoils`]).
    pub fn end_table(&mut self, coverage: Coverage) {
        let place = self.place();
        self.tables += 1;
        self.typed_tables += 1;
        let covered = self.covered.entry(place).or_insert(coverage);
        *covered = covered.best(coverage);
    }

    /// Says which format read something and why.
    pub fn note_detection(&mut self, format: &'static str, detection: String) {
        if self.format.is_none() {
            self.format = Some(format);
            self.detection = detection;
        }
    }

    /// What was read so far, if anything; the transcript goes on with the next host.
    pub fn take(&mut self) -> Option<Capture> {
        self.sockets_before = 0;
        // Behind the last host there is nothing to be built.
        let mut fresh = match self.at_end() {
            true => Builder::default(),
            false => Builder::new(Arc::clone(&self.source)),
        };
        fresh.snapshot_mut().host.name = self.next_host.take();
        let announced =
            std::mem::replace(&mut self.announced, std::mem::take(&mut self.next_announced));
        if announced {
            // The next host's evidence is not what this host's prompt asked for.
            self.typed.clear();
        }
        let builder = std::mem::replace(&mut self.builder, fresh);
        let tables = std::mem::take(&mut self.tables);
        let mut issues = std::mem::take(&mut self.issues);
        let covered = std::mem::take(&mut self.covered);
        self.netns = None;
        self.file = None;
        let inside = inside(&covered);
        let format = self.format.take();
        let detection = std::mem::take(&mut self.detection);
        let nothing = tables == 0 && builder.snapshot().sockets().is_empty();
        let began = std::mem::replace(&mut self.began, self.position);
        let first = self.line_at(began);
        let began = Some(Span::new(builder.source(), first.start..first.end));
        if nothing && announced {
            let message = "a host is announced here, and no list of sockets follows".to_owned();
            issues.push(CaptureIssue { kind: IssueKind::NotSockets, at: began, message });
        } else if nothing && issues.iter().all(|issue| issue.kind == IssueKind::Ignored) {
            return None;
        } else if nothing
            && issues.iter().all(|issue| issue.kind.severity(true) < super::Severity::Error)
        {
            let message = "there are messages of a tool here, and no list of sockets".to_owned();
            issues.push(CaptureIssue { kind: IssueKind::NotSockets, at: began, message });
        }
        let mut snapshot = builder.finish();
        snapshot.origin.format = format.unwrap_or_default().to_owned();
        snapshot.coverage = covered.into_values().reduce(Coverage::worst).unwrap_or_default();
        let coverage = snapshot.coverage;
        snapshot.origin.inside = inside.map(|name| Inside { name, coverage });
        Some(Capture::new(snapshot, issues, detection))
    }

    /// Classifies a line that is no row and no header of `format`, the reader at work, and takes note
    /// of what it says.
    pub fn line(&mut self, range: LineRange, format: Option<&dyn CaptureFormat>) -> Line {
        let source = Arc::clone(&self.source);
        let line = source.slice(range.start..range.end);
        let trimmed = line.trim();
        if trimmed.is_empty() {
            return Line::Blank;
        }
        let told = self
            .place_line(range, line)
            .or_else(|| self.failure(range, trimmed))
            .or_else(|| self.chatter(trimmed))
            .or_else(|| self.prompt_line(range, line))
            .or_else(|| self.echo(trimmed));
        if let Some(told) = told {
            return told;
        }
        if other_output(trimmed).is_some() {
            return Line::OtherOutput;
        }
        match lines::is_header_of_another(line, format) {
            true => Line::OtherFormat,
            false => Line::Unknown,
        }
    }

    /// A line that says where what follows is from: a host, a file, a namespace.
    fn place_line(&mut self, range: LineRange, line: &str) -> Option<Line> {
        let trimmed = line.trim();
        if let Some(host) = self.banner(range).map(str::to_owned) {
            let met = self.host(&host, true);
            let state = trimmed.split_once(" | ").map_or("", |(_, state)| state);
            if met == Line::Chatter && (state.starts_with("FAILED") || state.starts_with("UNREACH"))
            {
                self.issue(
                    IssueKind::ToolError,
                    range.start..range.end,
                    "the command failed on this host",
                );
            }
            return Some(met);
        }
        if let Some(name) = file_marker(trimmed) {
            // What was typed showed files, not sockets.
            self.file = Some(name.to_owned());
            self.typed.clear();
            return Some(Line::Netns);
        }
        let name = netns_marker(trimmed)?;
        let start = range.start + (name.as_ptr() as usize - line.as_ptr() as usize);
        let at = crate::snapshot::At::new(start..start + name.len());
        self.netns = Some(self.builder.text(at));
        Some(Line::Netns)
    }

    /// A line that says that something could not be read, or is not all here.
    fn failure(&mut self, range: LineRange, trimmed: &str) -> Option<Line> {
        if is_tool_error(trimmed) {
            self.issue(
                IssueKind::ToolError,
                range.start..range.end,
                "the tool said that it could not read something",
            );
            return Some(Line::ToolError);
        }
        if trimmed.starts_with(['{', '[']) && trimmed.contains("\"socklint/snapshot/") {
            self.issue(
                IssueKind::RowUnread,
                range.start..range.end,
                "a snapshot stands among other text",
            );
            return Some(Line::OtherOutput);
        }
        // Of a table that is shown it tells, whatever was typed: `cat FILE`.
        let shown = self.builder.snapshot().sockets().len() > self.sockets_before;
        if is_break(trimmed) && (self.typed.is_empty() || self.typed_ours() || shown) {
            self.issue(
                IssueKind::ToolError,
                range.start..range.end,
                "the output ends here, or something was left out",
            );
            return Some(Line::ToolError);
        }
        None
    }

    /// Text around tables; that of watch(1) names a command.
    fn chatter(&mut self, trimmed: &str) -> Option<Line> {
        if !is_chatter(trimmed) {
            return None;
        }
        if let Some(command) = watched_command(trimmed) {
            self.typed_tables = 0;
            self.typed = command::parse(command)
                .into_iter()
                .map(|call| (Invocation { watched: true, ..call }, Known::Proven))
                .collect();
        }
        Some(Line::Chatter)
    }

    /// A prompt, with what was typed at it.
    fn prompt_line(&mut self, range: LineRange, line: &str) -> Option<Line> {
        let prompt = prompt(line)?;
        let root = prompt.root;
        let typed = prompt.command.to_owned();
        let calls = self.shells.typed(prompt.host, &typed);
        // What runs by ssh shows the machine that it leads to.
        let there: Vec<Option<String>> = calls
            .iter()
            .filter(|call| FORMATS.iter().any(|format| format.claims(call)))
            .map(|call| whereabouts(call.place.as_deref()).0.map(str::to_owned))
            .collect();
        let host = there.first().and_then(Option::as_deref).or(prompt.host);
        if host.is_some_and(|host| self.host(host, false) == Line::OtherHost) {
            return Some(Line::OtherHost);
        }
        if there.windows(2).any(|two| matches!(two, [one, other] if one != other)) {
            self.issue(
                IssueKind::ToolError,
                range.start..range.end,
                "one command shows several machines, and which table is of which is not told",
            );
        }
        if lines::row(&typed).is_some() {
            self.issue(
                IssueKind::RowUnread,
                range.start..range.end,
                "a row stands behind the mark of a prompt or a comment",
            );
        }
        self.typed_tables = 0;
        self.sockets_before = self.builder.snapshot().sockets().len();
        self.typed = calls
            .into_iter()
            .map(|call| (Invocation { root: call.root || root, ..call }, Known::Proven))
            .collect();
        if !typed.trim().is_empty()
            && self.builder.snapshot().origin.command.is_none()
            && self.typed_ours()
        {
            self.builder.snapshot_mut().origin.command = Some(typed.trim().to_owned());
        }
        Some(Line::Prompt)
    }

    /// Whether a call of a tool whose output some format reads was typed.
    fn typed_ours(&self) -> bool {
        self.typed.iter().any(|(call, _)| FORMATS.iter().any(|format| format.claims(call)))
    }

    /// A command without a prompt.
    fn echo(&mut self, trimmed: &str) -> Option<Line> {
        let call = bare_command(trimmed)?;
        if self.typed.iter().all(|(known, _)| known.program != call.program) {
            self.typed_tables = 0;
            self.typed = vec![(call, Known::Presumed)];
        }
        Some(Line::Prompt)
    }

    /// Takes note of the host that the text names; [`Line::OtherHost`] when it is another one than
    /// before and something was read already.
    ///
    /// A `banner` stands before a host's evidence, so what was read before it is of another host. A
    /// prompt may also stand after it: it names the host of what nobody has named yet.
    fn host(&mut self, host: &str, banner: bool) -> Line {
        let fresh = self.tables == 0 && self.builder.snapshot().sockets().is_empty();
        let known = self.builder.snapshot().host.name.clone();
        let same = known.as_deref() == Some(host);
        let before = if banner {
            fresh && (known.is_none() || !self.announced)
        } else {
            fresh || known.is_none()
        };
        if same || before {
            self.builder.snapshot_mut().host.name = Some(host.to_owned());
            self.announced |= banner;
            return Line::Chatter;
        }
        self.next_host = Some(host.to_owned());
        self.next_announced = banner;
        Line::OtherHost
    }
}

/// The shells that were started in containers and network namespaces at the prompts of a transcript, and not left
/// yet: what is typed in them shows another place than the host, though the prompt is the same.
#[derive(Debug, Default)]
struct Shells {
    /// What the prompt calls the host in which the first was started.
    host: Option<String>,
    /// From the outermost: the place, with its name; `None` for a shell that changes nothing.
    inside: Vec<Option<(String, Option<String>)>>,
    /// How many more there are than are kept.
    deeper: usize,
    /// A prompt of another name was met since: the container has one of its own.
    renamed: bool,
}

/// How many shells within shells are kept.
const DEEPEST: usize = 16;

impl Shells {
    /// The calls of a line that was typed at a prompt, where they really ran.
    fn typed(&mut self, host: Option<&str>, line: &str) -> Vec<Invocation> {
        let mut calls = lines::calls(line);
        if self.inside.is_empty() {
            self.renamed = false;
        } else if self.host.as_deref() != host {
            self.renamed = true;
        } else if self.renamed {
            // Back, without a word of how.
            self.inside.clear();
            self.deeper = 0;
        }
        let here = self.inside.iter().flatten().next_back().filter(|_| !self.renamed);
        for call in &mut calls {
            let Some((place, netns)) = here else { break };
            call.place = Some(match &call.place {
                Some(inner) => format!("{place}, {inner}"),
                None => place.clone(),
            });
            call.netns = call.netns.take().or_else(|| netns.clone());
        }
        let elsewhere = calls.iter().rev().find(|call| call.place.is_some());
        let Some(call) = elsewhere.or(calls.last()) else { return calls };
        if matches!(call.program.as_str(), "exit" | "logout") {
            match self.deeper {
                0 => drop(self.inside.pop()),
                _ => self.deeper -= 1,
            }
            return calls;
        }
        let shell = match call.program.as_str() {
            // nsenter(1) without a program starts a shell, and so does `sudo -i`.
            "" => true,
            name if command::SHELLS.contains(&name) => {
                let mut words = call.args.iter().filter(|word| *word != "--rcfile");
                words.all(|word| word.starts_with(['-', '/']) && word != "-c")
            }
            "su" | "tmux" | "screen" | "script" => true,
            name => name.starts_with('$'),
        };
        if shell && self.inside.len() >= DEEPEST {
            self.deeper += 1;
            return calls;
        }
        let elsewhere = whereabouts(call.place.as_deref());
        match &call.place {
            Some(place) if shell && elsewhere.0.is_none() && elsewhere.1.is_some() => {
                if self.inside.is_empty() {
                    self.host = host.map(str::to_owned);
                }
                self.inside.push(Some((place.clone(), call.netns.clone())));
            }
            _ if shell && !self.inside.is_empty() => self.inside.push(None),
            _ => {}
        }
        calls
    }
}

/// The call that `--command` names. Where it wrote a file, that file is what is read now, unless another call
/// of the line shows something.
fn given(line: &str) -> Option<Invocation> {
    let mut calls = command::parse(line).into_iter();
    let first = calls.next()?;
    Some(Invocation { silent: first.silent && calls.next().is_some(), ..first })
}

/// The machine that a place ([`Invocation::place`]) is on, where that is another one, and what it is inside of
/// there: a container or a network namespace.
fn whereabouts(place: Option<&str>) -> (Option<&str>, Option<&str>) {
    let (mut machine, mut inside) = (None, None);
    for part in place.into_iter().flat_map(|place| place.split(", ")) {
        let Some(target) = part.strip_prefix("ssh ") else {
            inside = Some(part);
            continue;
        };
        let target = target.strip_prefix("ssh://").unwrap_or(target);
        let host = target.rsplit('@').next().unwrap_or(target);
        let host = match host.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => host,
        };
        (machine, inside) = (Some(host).filter(|host| !host.is_empty()), None);
    }
    (machine, inside)
}

/// What all tables were made inside of, where none is of the host's own network namespace.
fn inside(covered: &BTreeMap<[Option<String>; 3], Coverage>) -> Option<String> {
    let mut name = None;
    for [netns, _, place] in covered.keys() {
        let place = whereabouts(place.as_deref()).1;
        let inner = netns.as_deref().or(place)?;
        name.get_or_insert_with(|| inner.to_owned());
    }
    name
}

/// Coverage of `transports` times `families` with the same cell.
impl Coverage {
    /// Covered where both the transport and the family are listed; elsewhere absent, with the reason.
    #[must_use]
    pub fn of(
        transports: &[crate::snapshot::Transport],
        families: &[crate::snapshot::Family],
        cell: Cell,
    ) -> Self {
        let mut coverage = Self::default();
        for &transport in transports {
            for family in crate::snapshot::Family::ALL {
                let cell = match families.contains(&family) {
                    true => cell,
                    false => Cell::Absent(Missing::FamilyNotShown),
                };
                coverage.set(transport, family, cell);
            }
        }
        coverage
    }
}
