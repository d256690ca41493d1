//! Input formats, one file each: text to snapshots plus issues.
//!
//! A reader never fails and never panics, whatever the bytes: what it cannot read becomes a
//! [`CaptureIssue`], and the coverage of the snapshot shrinks with it. To add a format, write
//! `src/capture/<name>.rs` with a [`CaptureFormat`], and add one line to [`FORMATS`].

pub mod ansible;
pub mod command;
pub mod docker;
pub mod document;
pub mod goss;
pub mod inspec;
mod issue;
pub mod jc;
pub mod json;
mod lines;
pub mod lsof;
pub mod lynis;
pub mod masscan;
pub mod netstat;
pub mod netstat_bsd;
pub mod netstat_windows;
pub mod nmap;
pub mod osquery;
pub mod powershell;
pub mod proc_net;
mod scan;
mod seen;
pub mod snapshot;
pub mod sockstat;
pub mod ss;
pub mod systemctl;
mod table;
#[cfg(test)]
mod testing;
mod transcript;
pub mod tree;
mod yaml;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

pub use document::Document;
pub use issue::{CaptureIssue, IssueKind, Severity};
pub use transcript::{Known, Line, LineRange, Prompt, Transcript};

use self::command::Invocation;
use self::lines::Sign;
use crate::snapshot::{Coverage, Inside, Snapshot, Vantage};
use crate::source::{SourceFile, SourceId, Span};
use crate::truth::Missing;

/// One input format.
pub trait CaptureFormat: Sync {
    /// Name for `--from` and for `source.format` in JSON.
    fn name(&self) -> &'static str;

    /// Which tools and versions write it, for `--help`.
    fn about(&self) -> &'static str;

    /// Whether a line (without its line end and without a common prefix) is a header that only this
    /// format prints, and why; it starts a table.
    fn header(&self, line: &str) -> Option<&'static str> {
        let _ = line;
        None
    }

    /// Whether a line has the shape of this format's rows, for texts without a header, and why.
    fn row(&self, line: &str) -> Option<&'static str> {
        let _ = line;
        None
    }

    /// Reads from [`Transcript::position`] on, until the text ends or a line belongs to another
    /// format or host, and leaves the position there. It must get past at least one line when that
    /// line is this format's. A format that has documents only holds nothing in a text that is none (`--from`).
    fn read(&self, transcript: &mut Transcript) {
        let end = transcript.source().text().len();
        transcript.set_position(end);
    }

    /// Base names of the programs that print this format: what was typed for one of them is the command
    /// of its tables.
    fn programs(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether this format is the output of a call, for programs that print other things too.
    fn claims(&self, call: &Invocation) -> bool {
        self.programs().contains(&call.program.as_str())
    }

    /// Whether a line that is nothing but a claimed call is one, and no sentence about the tool.
    fn echoes(&self, call: &Invocation) -> bool {
        let shaped =
            |arg: &String| arg.starts_with('-') || arg.chars().all(|c| c.is_ascii_lowercase());
        call.args.iter().all(shaped)
    }

    /// The network namespace that the options of a claimed call name.
    fn namespace(&self, call: &Invocation) -> Option<String> {
        let _ = call;
        None
    }

    /// Whether a line, without blanks around it, is text of its tools that carries no row and costs
    /// none: a notice, a progress line.
    fn chatter(&self, line: &str) -> bool {
        let _ = line;
        false
    }

    /// Whether a line, without blanks around it, says that a table was not, or not wholly, read. It is
    /// asked before [`CaptureFormat::chatter`], and its answer spoils the coverage of the whole capture.
    fn tool_error(&self, line: &str) -> bool {
        let _ = line;
        false
    }

    /// What a line, without blanks around it, begins when that is other output of its tools and no list
    /// of sockets: `a routing table`.
    fn other_output(&self, line: &str) -> Option<&'static str> {
        let _ = line;
        None
    }

    /// What supplies a missing fact where this format comes from, as an instruction; `None` where the
    /// words for Linux hosts fit ([`Missing::cure`]).
    fn cure(&self, missing: Missing) -> Option<&'static str> {
        let _ = missing;
        None
    }

    /// Reads a document (JSON, XML, ...), which is no transcript of lines; `None` when this format
    /// has no documents or the text is none of them.
    fn document(&self, document: &Document) -> Option<Vec<Capture>> {
        let _ = document;
        None
    }
}

/// Every format, in the order in which they are tried.
pub static FORMATS: &[&dyn CaptureFormat] = &[
    &snapshot::SnapshotDocument,
    &ss::Ss,
    &netstat_bsd::NetstatBsd,
    &netstat_windows::NetstatWindows,
    &sockstat::Sockstat,
    &powershell::PowerShell,
    &systemctl::Systemctl,
    &netstat::Netstat,
    &lsof::Lsof,
    &lsof::LsofFields,
    &proc_net::ProcNet,
    &ansible::Ansible,
    &osquery::Osquery,
    &nmap::Nmap,
    &masscan::Masscan,
    &docker::Docker,
    &lynis::Lynis,
    &jc::Jc,
    &goss::Goss,
    &inspec::Inspec,
];

/// The format of this name.
#[must_use]
pub fn format(name: &str) -> Option<&'static dyn CaptureFormat> {
    FORMATS.iter().copied().find(|format| format.name() == name)
}

/// What supplies a fact that `snapshot` lacks, as an instruction that fits the platform and the tools of
/// its evidence.
#[must_use]
pub fn cure(snapshot: &Snapshot, missing: Missing) -> &'static str {
    if snapshot.origin.format == LIVE
        && let Some(cure) = live_cure(missing)
    {
        return cure;
    }
    format(&snapshot.origin.format)
        .and_then(|format| format.cure(missing))
        .unwrap_or_else(|| missing.cure())
}

/// What evidence of the host that socklint runs on calls its format.
pub const LIVE: &str = "live";

/// The live host is no text: what it lacks is not a matter of capturing it.
fn live_cure(missing: Missing) -> Option<&'static str> {
    match missing {
        Missing::OwnerHidden | Missing::OwnerNotShown => {
            Some("run as root, and outside of containers: `sudo socklint check`")
        }
        Missing::UserNotShown | Missing::CgroupNotShown | Missing::ExeNotShown => {
            Some("run as root: `sudo socklint check`")
        }
        Missing::TransportNotShown | Missing::FamilyNotShown | Missing::ToolError => {
            Some("run as root, on a kernel that has the socket tables: `sudo socklint check`")
        }
        Missing::DeviceNotShown | Missing::DualStack => {
            Some("let socklint ask the kernel by netlink: it is not allowed to here")
        }
        _ => None,
    }
}

/// What the user says of the evidence.
#[derive(Clone, Default)]
pub struct Options {
    /// `--from`: the format, when detection is not wanted.
    pub from: Option<&'static dyn CaptureFormat>,
    /// `--command`: the command that made the captures.
    pub command: Option<String>,
    /// `--host`: the name of the host.
    pub host: Option<String>,
    /// `--label`: labels of the host.
    pub labels: BTreeMap<String, String>,
}

/// What was read of one host.
#[derive(Debug, Clone)]
pub struct Capture {
    /// The host as this evidence shows it.
    pub snapshot: Snapshot,
    /// What could not be read, and what one should know, in the order of the text.
    pub issues: Vec<CaptureIssue>,
    /// Why the text was taken for its format, for `--verbose`.
    pub detection: String,
}

impl Capture {
    /// What was read, with the coverage that the issues leave ([`IssueKind::spoils`]) and that such
    /// evidence can have at all ([`Vantage::hides`](crate::snapshot::Vantage::hides)).
    #[must_use]
    pub fn new(mut snapshot: Snapshot, issues: Vec<CaptureIssue>, detection: String) -> Self {
        let lost = issues.iter().filter_map(|issue| issue.kind.spoils());
        for reason in lost.chain(snapshot.origin.vantage.hides()) {
            spoil(&mut snapshot, reason);
        }
        if snapshot.origin.inside.is_some() {
            snapshot.coverage = snapshot.coverage.spoiled(Missing::HostNamespace);
        }
        Self { snapshot, issues, detection }
    }

    /// The worst of the issues.
    #[must_use]
    pub fn severity(&self, lenient: bool) -> Option<Severity> {
        self.issues.iter().map(|issue| issue.kind.severity(lenient)).max()
    }
}

/// Reads a text: one capture a host, never none.
///
/// A text that cannot be used gives one capture with an issue of severity error and no coverage.
#[must_use]
pub fn read(source: Arc<SourceFile>, options: &Options) -> Vec<Capture> {
    let text = source.text();
    if text.trim_start_matches('\u{FEFF}').trim().is_empty() {
        return vec![refuse(
            source,
            IssueKind::Empty,
            None,
            "the evidence is empty".to_owned(),
            options,
        )];
    }
    if let Some(captures) = read_document(&source, options) {
        return captures;
    }
    let source = clean(source);
    let mut transcript = Transcript::new(Arc::clone(&source), options.command.as_deref());
    if let Some(refused) = options.from.and_then(|from| mistaken(&transcript, from, options)) {
        return vec![refused];
    }
    let mut captures: Vec<Capture> = Vec::new();
    let mut quiet = 0..0;
    while !transcript.at_end() {
        let found = match options.from {
            Some(from) => Some((from, format!("`--from {}`", from.name()))),
            None => detect(&transcript, &mut quiet),
        };
        let before = transcript.position();
        match found {
            Some((format, detection)) => {
                transcript.note_detection(format.name(), detection);
                format.read(&mut transcript);
            }
            None => transcript.sweep(),
        }
        if transcript.host_changed() {
            captures.extend(transcript.take());
        } else if transcript.position() == before {
            // No reader got past this line: it is not a row, whatever it looked like.
            transcript.ignore_line();
        }
    }
    captures.extend(transcript.take());
    if captures.is_empty() {
        captures.push(unknown(source, options));
        return captures;
    }
    if let Some(last) = captures.last_mut().filter(|_| may_be_cut(source.text())) {
        spoil(&mut last.snapshot, Missing::CutOff);
    }
    for capture in &mut captures {
        apply(capture, options);
    }
    captures
}

/// The captures of a text that is a document.
fn read_document(source: &Arc<SourceFile>, options: &Options) -> Option<Vec<Capture>> {
    let document = Document::new(Arc::clone(source));
    if document.begins_as_table() {
        return None;
    }
    let asked =
        |format: &&&dyn CaptureFormat| options.from.is_none_or(|from| from.name() == format.name());
    let read = FORMATS.iter().filter(asked).find_map(|format| format.document(&document));
    let mut captures = read.or_else(|| document.unclaimed().map(|capture| vec![capture]))?;
    for capture in &mut captures {
        apply(capture, options);
    }
    Some(captures)
}

/// Whether a text ends inside a line, so that lines may be missing behind it. A bare prompt is the end that
/// a terminal shows.
fn may_be_cut(text: &str) -> bool {
    let last = text.rsplit('\n').next().unwrap_or_default();
    !last.is_empty() && transcript::prompt(last).is_none_or(|prompt| !prompt.command.is_empty())
}

/// Nothing that a snapshot covers counts any more.
fn spoil(snapshot: &mut Snapshot, reason: Missing) {
    snapshot.coverage = snapshot.coverage.spoiled(reason);
    if let Some(inside) = &mut snapshot.origin.inside {
        inside.coverage = inside.coverage.spoiled(reason);
    }
}

/// Whether two names are of one host: the same, or one with its domain.
pub(crate) fn same_host(one: &str, other: &str) -> bool {
    let starts = |long: &str, short: &str| {
        long.get(..short.len()).is_some_and(|head| head.eq_ignore_ascii_case(short))
            && matches!(long.as_bytes().get(short.len()), None | Some(b'.'))
    };
    starts(one, other) || starts(other, one)
}

/// The issue that evidence is given as that of one host and its text names another. `localhost`, addresses and the
/// ids of containers name no host; what a scan calls a host is what name servers call it.
pub(crate) fn other_host(given: &str, snapshot: &Snapshot, said: &str) -> Option<CaptureIssue> {
    let hex = said.len() >= 12 && said.bytes().all(|byte| byte.is_ascii_hexdigit());
    let no_name = hex
        || said.split('.').next().is_some_and(|name| name.eq_ignore_ascii_case("localhost"))
        || said.parse::<std::net::IpAddr>().is_ok();
    if no_name || snapshot.origin.vantage == Vantage::External || same_host(given, said) {
        return None;
    }
    let message = format!("the host is given as `{given}`, and the text says that it is `{said}`");
    let at = (!snapshot.sources.files().is_empty()).then(Span::default);
    Some(CaptureIssue { kind: IssueKind::Misnamed, at, message })
}

/// Evidence from inside a container that is judged as a host of its own is of all of that host.
pub(crate) fn settle(snapshot: &mut Snapshot) {
    let named = |inside: &mut Inside| {
        snapshot.host.name.as_deref().is_some_and(|name| same_host(name, &inside.name))
    };
    if let Some(inside) = snapshot.origin.inside.take_if(named) {
        snapshot.coverage = inside.coverage;
    }
}

/// Puts what the user says over what the evidence says.
pub(crate) fn apply(capture: &mut Capture, options: &Options) {
    let snapshot = &mut capture.snapshot;
    if let Some(host) = &options.host {
        let said = snapshot.host.name.replace(host.clone());
        let other = said.and_then(|said| other_host(host, snapshot, &said));
        capture.issues.extend(other);
        settle(snapshot);
    }
    for (key, value) in &options.labels {
        snapshot.host.labels.insert(key.clone(), value.clone());
    }
    if snapshot.origin.command.is_none() {
        snapshot.origin.command.clone_from(&options.command);
    }
}

/// How many lines are looked at for a header before rows count as a sign, and for rows at all.
const HEAD_LINES: usize = 64;

/// The format of what begins at the transcript's position: by the first header of any format, else
/// by the first row.
///
/// `quiet` is a range of the text in which no line is a sign of any format: it is looked at once.
fn detect(
    transcript: &Transcript,
    quiet: &mut Range<usize>,
) -> Option<(&'static dyn CaptureFormat, String)> {
    let text = transcript.source().text();
    let number = |range: LineRange| transcript.source().line(range.start);
    let position = transcript.position();
    if !quiet.contains(&position) {
        *quiet = position..position;
    }
    let mut rows: Option<(&'static dyn CaptureFormat, String)> = None;
    let mut seen = 0;
    for range in transcript.lines_from(quiet.end) {
        let line = text.get(range.start..range.end).unwrap_or_default();
        if line.trim().is_empty() {
            continue;
        }
        let header = lines::header(line);
        let before = |row: &Sign| header.is_none_or(|header| row.order < header.order);
        if rows.is_none()
            && let Some(Sign { format, why, .. }) = lines::row(line).filter(before)
        {
            rows = Some((format, format!("line {}: {why}; no header before it", number(range))));
        }
        if let Some(Sign { format, why, .. }) = header {
            return rows.or_else(|| Some((format, format!("line {}: {why}", number(range)))));
        }
        seen += 1;
        if rows.is_none() {
            quiet.end = range.next;
        } else if seen >= HEAD_LINES {
            return rows;
        }
    }
    rows
}

/// What `--from` says of a text of another format: the formats of one tool on different systems share
/// their words, and a reader that knows none of the lines would call them unreadable.
fn mistaken(
    transcript: &Transcript,
    from: &'static dyn CaptureFormat,
    options: &Options,
) -> Option<Capture> {
    let source = transcript.source();
    let own = |line: LineRange| {
        let text = transcript.content(line);
        from.header(text).is_some() || from.row(text).is_some()
    };
    if transcript.lines_from(0).any(own) {
        return None;
    }
    let (other, why) = detect(transcript, &mut (0..0))?;
    let message =
        format!("this is `{}` ({why}), not `{}` as `--from` says", other.name(), from.name());
    let line = transcript
        .lines_from(0)
        .find(|line| !transcript.content(*line).trim().is_empty())
        .map(|line| line.start..line.end);
    Some(refuse(Arc::clone(source), IssueKind::UnknownFormat, line, message, options))
}

/// The capture that stands for a text that cannot be used.
fn refuse(
    source: Arc<SourceFile>,
    kind: IssueKind,
    at: Option<Range<usize>>,
    message: String,
    options: &Options,
) -> Capture {
    let mut snapshot = Snapshot::default();
    snapshot.origin.path = source.name().to_owned();
    snapshot.coverage = Coverage::default();
    let id = snapshot.sources.add(source);
    let at = at.map(|range| Span::new(id, range));
    let issues = vec![CaptureIssue { kind, at, message }];
    let mut capture = Capture::new(snapshot, issues, "no known format".to_owned());
    apply(&mut capture, options);
    capture
}

/// A text without any table of a known format: says what it is instead, where that can be told.
fn unknown(source: Arc<SourceFile>, options: &Options) -> Capture {
    let text = source.text();
    let odd = text.chars().take(4096).filter(|&c| c == '\0' || c == '\u{FFFD}').count();
    if text.contains('\0') || odd * 20 > text.chars().take(4096).count() {
        let message = "the evidence is not text".to_owned();
        return refuse(source, IssueKind::Binary, None, message, options);
    }
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if let Some(what) = transcript::other_output(line.trim()) {
            let message = format!("this is {what}, not a list of sockets");
            let at = start..start + line.trim_end().len();
            return refuse(source, IssueKind::NotSockets, Some(at), message, options);
        }
        start += line.len();
    }
    let first = text.len() - text.trim_start().len();
    let end = first + text.trim_start().lines().next().map_or(0, |line| line.trim_end().len());
    let message = "the evidence is in no format that socklint knows".to_owned();
    refuse(source, IssueKind::UnknownFormat, Some(first..end), message, options)
}

/// Removes terminal colours (`grep --color`, `ls`-like SGR and erase-line sequences) from what is
/// not a process name; other escapes stay and are treated as hostile text. Lines keep their numbers;
/// columns are then those that a person sees.
fn clean(source: Arc<SourceFile>) -> Arc<SourceFile> {
    if memchr::memchr(0x1B, source.text().as_bytes()).is_none() {
        return source;
    }
    match strip_colours(source.text()) {
        Cow::Borrowed(_) => source,
        Cow::Owned(text) => Arc::new(source.with_text(text, "text with terminal colours")),
    }
}

/// A text without terminal colours, for evidence that is no capture.
pub(crate) fn without_colours(text: &str) -> Cow<'_, str> {
    match memchr::memchr(0x1B, text.as_bytes()) {
        Some(_) => strip_colours(text),
        None => Cow::Borrowed(text),
    }
}

fn strip_colours(text: &str) -> Cow<'_, str> {
    // grep closes every match with this pair: then colours stand inside names too.
    let everywhere = text.contains("\u{1b}[m\u{1b}[K");
    let mut clean = String::new();
    let mut kept = 0;
    // Up to where it is known whether a name stands before in the line; no byte is looked at twice.
    let (mut known, mut named) = (0, false);
    for at in memchr::memchr_iter(0x1B, text.as_bytes()) {
        if at < kept {
            continue;
        }
        let Some(len) = text.get(at..).and_then(colour_len) else { continue };
        // What was typed and erased is read with the command.
        let typed = at.checked_sub(1).and_then(|before| text.as_bytes().get(before)) == Some(&8);
        if typed && text.get(at..at + len).is_some_and(|sequence| sequence.ends_with('K')) {
            continue;
        }
        let new = text.get(known..at).unwrap_or_default();
        let line = match new.rfind('\n') {
            Some(end) => {
                (known, named) = (known + end + 1, false);
                text.get(known..at).unwrap_or_default()
            }
            None => new,
        };
        named |= line.contains("((\"") || line.contains('/');
        // `((` may have been the end of what was looked at.
        known = at.saturating_sub(2).max(known);
        while !text.is_char_boundary(known) {
            known += 1;
        }
        if !everywhere && named {
            continue;
        }
        clean.push_str(text.get(kept..at).unwrap_or_default());
        kept = at + len;
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    clean.push_str(text.get(kept..).unwrap_or_default());
    Cow::Owned(clean)
}

/// Length of an SGR (`ESC [ ... m`) or erase-line (`ESC [ ... K`) sequence at the start of `text`, or of a
/// mode of the terminal (`ESC [ ? ... h`), which shells set around what is typed; the carriage return
/// behind it goes with it. So does a command to the terminal (`ESC ] ... BEL`): the window's title, and the
/// marks of prompts and outputs. Source: ECMA-48, 8.3.117, 8.3.41 and 8.3.89; readline,
/// `enable-bracketed-paste`; systemd 257, OSC 3008.
fn colour_len(text: &str) -> Option<usize> {
    const LONGEST: usize = 1024;
    if let Some(inside) = text.strip_prefix("\u{1b}]") {
        if !inside.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let len = inside.bytes().take(LONGEST).take_while(|byte| !byte.is_ascii_control()).count();
        return match inside.as_bytes().get(len..)? {
            [7, ..] => Some(len + 3),
            [0x1B, b'\\', ..] => Some(len + 4),
            _ => None,
        };
    }
    let inside = text.strip_prefix("\u{1b}[")?;
    if let Some(mode) = inside.strip_prefix('?') {
        let len = mode.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
        let known = matches!(mode.as_bytes().get(len), Some(b'h' | b'l'));
        let home = mode.as_bytes().get(len + 1) == Some(&b'\r')
            && mode.as_bytes().get(len + 2).is_some_and(|&byte| byte != b'\n');
        return known.then_some(len + 4 + usize::from(home));
    }
    let len = inside.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
    matches!(inside.as_bytes().get(len), Some(b'm' | b'K')).then_some(len + 3)
}

/// The text that a span of a capture covers; for readers and tests.
#[must_use]
pub fn slice(snapshot: &Snapshot, span: Span) -> &str {
    snapshot.sources.slice(span)
}

/// The first text of a capture.
#[must_use]
pub const fn first_source() -> SourceId {
    SourceId(0)
}
