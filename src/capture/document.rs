//! The boundary for evidence that is no transcript: JSON, XML, YAML, CSV and tables of other tools.
//!
//! A [`Document`] is a text that is looked at once for all formats: its JSON is parsed when the first
//! format asks for it. A format takes the whole text or leaves it ([`CaptureFormat::document`]
//! gives `None`), and fills one `Draft` a host.
//!
//! JSON may stand alone, several values one after the other, or between prompts and the banners of
//! Ansible (`web1 | SUCCESS => {`), which name the host that a value is of.
//!
//! [`CaptureFormat::document`]: super::CaptureFormat::document

use std::borrow::Cow;
use std::cell::OnceCell;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use super::json::{self, Broken};
use super::tree::{Kind, Tree, Value};
use super::{Capture, CaptureIssue, IssueKind, lines, transcript};
use crate::address::{self, HostText};
use crate::snapshot::{
    Address, At, Builder, Coverage, Details, Device, Owner, OwnerDetails, Port, Socket, Text,
    Transport, Vantage,
};
use crate::source::{SourceFile, Span};
use crate::truth::Missing;

/// How many characters of a wrong value a message quotes.
const QUOTED: usize = 60;

/// How many lines are looked at for the header of a table before all of a text is looked at for documents.
const TABLE_LINES: usize = 4;

/// How many top-level keys a message names.
const NAMED_KEYS: usize = 6;

/// The prompts of a text that name a host, with their places: a text may be of several.
pub(super) struct Prompts<'a>(Vec<(usize, &'a str)>);

impl<'a> Prompts<'a> {
    pub(super) fn of(document: &'a Document) -> Self {
        let named = |(at, line): Line<'a>| Some((at, transcript::prompt(line)?.host?));
        Self(document.lines().filter_map(named).collect())
    }

    /// The host of the last prompt before a place; where there is none, that of those behind, which may be the
    /// end of what was copied.
    pub(super) fn before(&self, at: usize) -> Option<&'a str> {
        let index = self.0.partition_point(|&(prompt, _)| prompt < at);
        let &(_, first) = self.0.first()?;
        match index.checked_sub(1) {
            Some(index) => self.0.get(index).map(|&(_, host)| host),
            None => self.0.iter().all(|&(_, host)| host == first).then_some(first),
        }
    }
}

/// A text, looked at once for all formats.
pub struct Document {
    source: Arc<SourceFile>,
    json: OnceCell<Option<Json>>,
    /// Whether a header of a format that reads lines stands outside of JSON.
    tables: OnceCell<bool>,
}

/// The JSON of a text.
struct Json {
    tree: Tree,
    roots: Vec<Root>,
    broken: Vec<Broken>,
    /// Nothing but JSON stands in the text.
    alone: bool,
}

/// One value at the top.
struct Root {
    index: u32,
    end: usize,
    /// The host that a banner before it names.
    host: Option<Range<usize>>,
}

/// A line of a text: where it begins, and its content without the line end.
pub(super) type Line<'a> = (usize, &'a str);

impl Document {
    /// Looks at a text; nothing is read yet.
    #[must_use]
    pub fn new(source: Arc<SourceFile>) -> Self {
        Self { source, json: OnceCell::new(), tables: OnceCell::new() }
    }

    /// The text with its name.
    #[must_use]
    pub fn source(&self) -> &Arc<SourceFile> {
        &self.source
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.source.text()
    }

    /// The lines, in order, without line ends.
    pub(super) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let mut start = 0;
        self.text().split_inclusive('\n').map(move |line| {
            let at = start;
            start += line.len();
            (at, line.trim_end_matches(['\n', '\r']))
        })
    }

    /// Whether a header of a format that reads lines stands in the text: then it is a transcript,
    /// whatever else stands there.
    pub(super) fn has_tables(&self) -> bool {
        let json = || self.json();
        let foreign = |(at, line): Line<'_>| {
            json().is_none_or(|json| json.outside(self.text(), at)) && lines::header(line).is_some()
        };
        *self.tables.get_or_init(|| self.lines().any(foreign))
    }

    /// Whether the text begins as a table of a format that reads lines, and holds no JSON: then it is a
    /// transcript, and no format needs to look for signs of its documents in all of it.
    pub(super) fn begins_as_table(&self) -> bool {
        let header = |(_, line): Line<'_>| lines::header(line).is_some();
        memchr::memchr(b'{', self.text().as_bytes()).is_none()
            && self.lines().take(TABLE_LINES).any(header)
    }

    /// Whether a string stands in the text.
    pub(super) fn holds(&self, sign: &str) -> bool {
        memchr::memmem::find(self.text().as_bytes(), sign.as_bytes()).is_some()
    }

    /// Whether the text may hold JSON in which one of these keys stands.
    pub(super) fn holds_key(&self, keys: &[&str]) -> bool {
        memchr::memchr(b'{', self.text().as_bytes()).is_some()
            && keys.iter().any(|key| self.holds(&format!("\"{key}\"")))
    }

    /// The values of JSON at the top of the text, each with the host that a banner before it names.
    pub fn values(&self) -> impl Iterator<Item = (Value<'_>, Option<&str>)> {
        let json = self.json();
        let roots = json.map(|json| json.roots.as_slice()).unwrap_or_default();
        roots.iter().filter_map(move |root| {
            let host = root.host.clone().and_then(|range| self.text().get(range));
            Some((json?.tree.value(self.text(), root.index), host))
        })
    }

    fn json(&self) -> Option<&Json> {
        self.json.get_or_init(|| find_json(self)).as_ref()
    }

    /// What no format took: a text that is JSON or XML is no transcript either.
    pub(super) fn unclaimed(&self) -> Option<Capture> {
        let body = self.text().trim_start_matches(|c: char| c == '\u{FEFF}' || c.is_whitespace());
        let start = self.text().len() - body.len();
        if body.starts_with("<?xml") || body.starts_with("<!DOCTYPE") {
            let end = start + body.lines().next().map_or(0, |line| line.trim_end().len());
            let message = "XML, but none of the formats that socklint reads".to_owned();
            return Some(self.refuse(IssueKind::UnknownFormat, start..end, message));
        }
        begins_json(body).then_some(())?;
        let json = self.json()?;
        if let Some(broken) = json.broken.first() {
            let message = broken.message.clone();
            return Some(self.refuse(IssueKind::BadJson, broken.at.clone(), message));
        }
        let (value, _) = self.values().next()?;
        let message = match top_keys(value) {
            Some(keys) => {
                format!("JSON, but none of the formats that socklint reads; its keys are {keys}")
            }
            None => "JSON, but none of the formats that socklint reads".to_owned(),
        };
        let at = value.range();
        Some(self.refuse(IssueKind::UnknownFormat, at.start..at.start + 1, message))
    }

    fn refuse(&self, kind: IssueKind, at: Range<usize>, message: String) -> Capture {
        let mut draft = Draft::new(self, "", Vantage::Observed);
        draft.issue(kind, at, message);
        draft.capture(Coverage::default(), "no known format")
    }

    /// The captures that a format made of the JSON, and one for each place where it is broken, which
    /// may have been a listener of any of them.
    pub(super) fn finish(&self, captures: Vec<Capture>) -> Vec<Capture> {
        self.finish_but(captures, |_| false)
    }

    /// The same; what is broken in a way that the format `expected` counts for nothing.
    pub(super) fn finish_but(
        &self,
        mut captures: Vec<Capture>,
        expected: impl Fn(&str) -> bool,
    ) -> Vec<Capture> {
        let broken = self.json().map(|json| json.broken.as_slice()).unwrap_or_default();
        let fits = |broken: &&Broken| !self.text().get(broken.at.start..).is_some_and(&expected);
        let broken: Vec<&Broken> = broken.iter().filter(fits).collect();
        if !broken.is_empty() {
            for capture in &mut captures {
                let coverage = capture.snapshot.coverage;
                capture.snapshot.coverage = coverage.spoiled(Missing::RowUnread);
            }
        }
        captures.extend(broken.iter().map(|broken| {
            self.refuse(IssueKind::BadJson, broken.at.clone(), broken.message.clone())
        }));
        captures
    }
}

/// The keys at the top of a value, or of its first item.
fn top_keys(value: Value<'_>) -> Option<String> {
    let object = match value.kind() {
        Kind::Array => value.items().next()?,
        _ => value,
    };
    let mut names: Vec<String> = object
        .entries()
        .filter_map(|(key, _)| key.string())
        .take(NAMED_KEYS + 1)
        .map(|key| format!("`{}`", quote(&key)))
        .collect();
    if names.len() > NAMED_KEYS {
        names.truncate(NAMED_KEYS);
        names.push("...".to_owned());
    }
    (!names.is_empty()).then(|| names.join(", "))
}

/// Finds the JSON of a text; `None` where there is none.
fn find_json(document: &Document) -> Option<Json> {
    let text = document.text();
    let body = text.trim_start_matches(|c: char| c == '\u{FEFF}' || c.is_whitespace());
    let start = text.len() - body.len();
    let mut json = Json { tree: Tree::default(), roots: vec![], broken: vec![], alone: true };
    if begins_json(body) {
        read_stream(text, start, &mut json);
        return Some(json);
    }
    // A list without objects between other lines holds nothing for any format, and `[::]:22` is no JSON.
    memchr::memchr(b'{', body.as_bytes())?;
    json.alone = false;
    read_between(document, &mut json);
    (!json.roots.is_empty()).then_some(json)
}

/// Whether a text begins as JSON does: `[root@db1 ~]# ss -lntup` does not.
fn begins_json(body: &str) -> bool {
    let mut signs = body.chars().filter(|c| !c.is_whitespace());
    match (signs.next(), signs.next()) {
        (Some('['), Some('{' | ']')) | (Some('{'), Some('}')) => true,
        (Some('{'), Some('"')) => body.contains(':'),
        _ => false,
    }
}

/// Values one after the other. After a broken one reading goes on at the next line that begins as a
/// value does, so that one bad line hides no other.
fn read_stream(text: &str, mut at: usize, json: &mut Json) {
    loop {
        let rest = text.get(at..).unwrap_or_default();
        // Some tools end each value with a comma.
        at += rest.len() - rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace()).len();
        if at >= text.len() {
            return;
        }
        match json::read(text, at, &mut json.tree) {
            Ok((index, end)) => {
                json.roots.push(Root { index, end, host: None });
                at = end;
            }
            Err(broken) => {
                let from = broken.at.start.max(at);
                json.broken.push(broken);
                match next_value_line(text, from, at) {
                    Some(next) => at = next,
                    None => return,
                }
            }
        }
    }
}

/// The next line at or behind `from`, and behind `after`, that begins as a JSON value does.
fn next_value_line(text: &str, from: usize, after: usize) -> Option<usize> {
    let begins =
        |at: usize| at > after && text.get(at..).is_some_and(|rest| rest.starts_with(['{', '[']));
    let line = text.get(..from).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    if line == from && begins(line) {
        return Some(line);
    }
    let rest = text.get(from..)?;
    memchr::memchr_iter(b'\n', rest.as_bytes()).map(|end| from + end + 1).find(|&at| begins(at))
}

/// Values that begin at a line of their own or behind `=>`, among other lines.
fn read_between(document: &Document, json: &mut Json) {
    let text = document.text();
    let mut done = 0;
    let mut host = None;
    for (at, line) in document.lines() {
        if at < done {
            continue;
        }
        if let Some(name) = banner(line) {
            host = Some(at + name.start..at + name.end);
        }
        let Some(offset) = value_in(line) else { continue };
        match json::read(text, at + offset, &mut json.tree) {
            Ok((index, end)) => {
                done = end;
                json.roots.push(Root { index, end, host: host.clone() });
            }
            Err(broken) => {
                done = broken.at.start;
                json.broken.push(broken);
            }
        }
    }
}

/// Where in a line a JSON value may begin.
fn value_in(line: &str) -> Option<usize> {
    let trimmed = line.trim_end();
    if let Some(head) = trimmed.strip_suffix("=> {").or_else(|| trimmed.strip_suffix("=> [")) {
        return Some(head.len() + "=> ".len());
    }
    if let Some((head, value)) = trimmed.split_once(" => {")
        && value.starts_with('"')
    {
        return Some(head.len() + " => ".len());
    }
    let start = trimmed.len() - trimmed.trim_start().len();
    let value = trimmed.trim_start();
    let begins = matches!(value, "{" | "[" | "[{" | "{}")
        || value.starts_with("{\"")
        || value.starts_with("[{\"");
    begins.then_some(start)
}

/// Range of the host in a banner of Ansible: `web1 | SUCCESS => {`, `web1 | CHANGED | rc=0 >>`,
/// `ok: [web1] => {`. Source: ansible-core, plugins/callback/minimal.py and default.py.
pub(super) fn banner(line: &str) -> Option<Range<usize>> {
    let name = |range: Range<usize>| {
        let text = line.get(range.clone())?;
        (!text.is_empty() && !text.contains(char::is_whitespace)).then_some(range)
    };
    if let Some((host, status)) = line.split_once(" | ")
        && status.starts_with(|c: char| c.is_ascii_uppercase())
        && (status.contains("=>") || status.contains(">>"))
    {
        return name(0..host.len());
    }
    let status = ["ok: [", "changed: [", "fatal: [", "failed: ["];
    let open = status.into_iter().find(|status| line.starts_with(status))?.len();
    let len = line.get(open..)?.find([']', ' '])?;
    name(open..open + len)
}

impl Json {
    /// Whether a byte stands in none of the values.
    fn outside(&self, text: &str, at: usize) -> bool {
        let index = self.roots.partition_point(|root| root.end <= at);
        let root = self.roots.get(index);
        root.is_none_or(|root| at < self.tree.value(text, root.index).range().start)
    }
}

impl Document {
    /// The values, where they are all that the text holds: not where a table of another format stands
    /// between them.
    pub(super) fn json_values(&self) -> Vec<(Value<'_>, Option<&str>)> {
        match self.json() {
            Some(json) if json.alone || !self.has_tables() => self.values().collect(),
            _ => Vec::new(),
        }
    }
}

/// A capture on its way from a document.
pub(super) struct Draft<'a> {
    text: &'a str,
    pub(super) builder: Builder,
    issues: Vec<CaptureIssue>,
}

impl<'a> Draft<'a> {
    /// Begins the capture of one host.
    pub(super) fn new(document: &'a Document, format: &str, vantage: Vantage) -> Self {
        let mut builder = Builder::new(Arc::clone(document.source()));
        let origin = &mut builder.snapshot_mut().origin;
        format.clone_into(&mut origin.format);
        origin.vantage = vantage;
        Self { text: document.text(), builder, issues: Vec::new() }
    }

    /// Names the host, unless it has a name.
    pub(super) fn host(&mut self, name: Option<&str>) {
        let host = &mut self.builder.snapshot_mut().host.name;
        if host.is_none() {
            *host = name.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
        }
    }

    /// Records an issue at a byte range.
    pub(super) fn issue(&mut self, kind: IssueKind, at: Range<usize>, message: impl Into<String>) {
        let at = Some(Span::new(self.builder.source(), at));
        self.issues.push(CaptureIssue { kind, at, message: message.into() });
    }

    /// A listener of which nothing but its transport and row are known.
    pub(super) fn new_socket(&self, transport: Transport, row: Range<usize>) -> Socket {
        Socket::new(transport, self.builder.source(), At::new(row))
    }

    /// A string of the snapshot that stands in the text at a range.
    pub(super) fn slice(&mut self, range: Range<usize>) -> Text {
        self.builder.text(At::new(range))
    }

    /// A string of the snapshot: the document's own bytes where it stands there as it is. `None` for
    /// what is no string or number, and for an empty one.
    pub(super) fn handle(&mut self, value: Option<Value<'_>>) -> Option<Text> {
        let value = value?;
        match value.scalar()? {
            text if text.is_empty() => None,
            Cow::Borrowed(text) if value.raw() == text => Some(self.builder.text(value.at())),
            text => Some(self.builder.pooled(&text)),
        }
    }

    /// Gives a socket the address that `text` says, which stands at `at`: zones become the device,
    /// and what is no address is kept as it is printed, for `reason`.
    pub(super) fn address(
        &mut self,
        socket: &mut Socket,
        text: &str,
        at: Range<usize>,
        reason: Missing,
    ) -> Option<Details> {
        socket.address_at = At::new(at.clone());
        let parsed = address::parse(text.trim());
        if let Some(zone) = parsed.zone {
            let zone = self.builder.pooled(zone);
            socket.device = Device::Named(zone);
        }
        match parsed.host {
            HostText::Ip(ip) => socket.address = Address::Ip(ip),
            HostText::Star => socket.address = Address::Star,
            HostText::Other(_) => {
                socket.address = Address::Missing(reason);
                let address_text = Some(self.builder.pooled(text));
                return Some(Details { address_text, ..Details::default() });
            }
        }
        None
    }

    /// Gives a socket the port that stands at `at`.
    pub(super) fn port(socket: &mut Socket, port: u16, at: Range<usize>) {
        socket.port = Port::Number(port);
        socket.port_at = At::new(at);
    }

    /// Adds a process that holds the socket that comes next.
    pub(super) fn owner(&mut self, mut owner: Owner, details: OwnerDetails) {
        self.builder.owner_details(&mut owner, details);
        self.builder.owner(owner);
    }

    /// Adds a socket with its rarer facts.
    pub(super) fn socket(&mut self, mut socket: Socket, details: Details) {
        self.builder.details(&mut socket, details);
        self.builder.socket(socket);
    }

    /// Says that a row cannot be read.
    pub(super) fn unread(&mut self, at: Range<usize>, why: &str) {
        let text = quote(self.text.get(at.clone()).unwrap_or_default()).into_owned();
        self.issue(IssueKind::RowUnread, at, format!("this cannot be read: {why}: `{text}`"));
    }

    /// The capture.
    pub(super) fn capture(mut self, coverage: Coverage, detection: &str) -> Capture {
        self.builder.snapshot_mut().coverage = coverage;
        Capture::new(self.builder.finish(), self.issues, detection.to_owned())
    }
}

/// A port number from 0 to 65535.
pub(super) fn port_number(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// The address that answered, seen from another machine.
pub(super) fn reached(socket: &mut Socket, ip: IpAddr, at: Range<usize>) {
    socket.address = Address::Reached(ip);
    socket.address_at = At::new(at);
    socket.device = Device::Missing(Missing::SeenFromOutside);
    socket.owners_missing = Some(Missing::SeenFromOutside);
}

/// A beginning of a text that fits into a message.
pub(super) fn quote(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}
