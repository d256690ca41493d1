//! Evidence to captures: a pure function, for any thread.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::assemble::{Part, assemble};
use super::context::Facts;
use super::layout::Role;
use super::{Evidence, Raw};
use crate::capture::{self, Capture, CaptureIssue, FORMATS, IssueKind, Options};
use crate::snapshot::Snapshot;
use crate::source::{SourceFile, Span};

/// Reads evidence: one capture a host, never none.
#[must_use]
pub fn read(mut evidence: Evidence, options: &Options) -> Vec<Capture> {
    let one = match evidence.texts.as_slice() {
        [text] => matches!(text.role, Role::Capture { command: None, netns: None }),
        _ => false,
    };
    let only = if one && !evidence.obfuscated { evidence.texts.pop() } else { None };
    let Some(only) = only else { return host(evidence, options) };
    let source = match decode(only) {
        Ok(source) => source,
        Err(refused) => return vec![*refused],
    };
    if let Some(record) = record(source.text()) {
        return wrapped(&source, record, options);
    }
    let mut captures = capture::read(source, options);
    if let [capture] = captures.as_mut_slice() {
        let snapshot = &mut capture.snapshot;
        snapshot.host.name = snapshot.host.name.take().or(evidence.host);
        if snapshot.origin.path.is_empty() {
            snapshot.origin.path = evidence.path;
        }
    }
    captures
}

/// Reads the texts of one host.
fn host(evidence: Evidence, options: &Options) -> Vec<Capture> {
    let Evidence { host, path, captured_at, obfuscated, texts, .. } = evidence;
    let mut parts = Vec::new();
    let mut facts = Facts::default();
    let mut refused = Vec::new();
    for text in texts {
        let role = text.role.clone();
        let source = match decode(text) {
            Ok(source) => source,
            Err(capture) => {
                refused.push(*capture);
                continue;
            }
        };
        match role {
            Role::Capture { command, netns } => {
                let options = Options {
                    command: command.or_else(|| options.command.clone()),
                    host: None,
                    ..options.clone()
                };
                let captures = capture::read(source, &options);
                parts.push(Part { captures, netns });
            }
            Role::Context { format, netns } => {
                let text = capture::without_colours(source.text());
                let mut own = Facts::default();
                match format.read(&text, &mut own) {
                    Ok(()) => facts.add(own, netns.as_deref()),
                    Err(at) => {
                        let whole = matches!(text, Cow::Borrowed(_));
                        let message = format!("this is no output of `{}`", format.name());
                        let range = whole.then_some(at);
                        let kind = IssueKind::FileUnread;
                        refused.push(stand_in(Arc::clone(&source), kind, range, message));
                    }
                }
            }
            Role::Nothing => {}
        }
    }
    let given = super::assemble::Given { host, sure: false, path, captured_at, obfuscated };
    let mut captures = assemble(parts, refused, &facts, given);
    for capture in &mut captures {
        capture::apply(&mut capture.snapshot, options);
    }
    captures
}

fn decode(text: Raw) -> Result<Arc<SourceFile>, Box<Capture>> {
    let Raw { name, bytes, lines_before, .. } = text;
    match SourceFile::decode(name.clone(), bytes) {
        Ok(source) => Ok(Arc::new(source.after_lines(lines_before))),
        Err(_) => {
            let source = Arc::new(SourceFile::new(name, ""));
            let message = "the evidence is longer than 2 GiB".to_owned();
            Err(Box::new(stand_in(source, IssueKind::Binary, None, message)))
        }
    }
}

/// A capture that holds an issue and nothing else.
fn stand_in(
    source: Arc<SourceFile>,
    kind: IssueKind,
    at: Option<std::ops::Range<usize>>,
    message: String,
) -> Capture {
    let mut snapshot = Snapshot::default();
    snapshot.origin.path = source.name().to_owned();
    let id = snapshot.sources.add(source);
    let at = at.map(|at| Span::new(id, at));
    Capture::new(snapshot, vec![CaptureIssue { kind, at, message }], String::new())
}

/// A record of a stream: `{"host": "db1", "ss": "Netid State ..."}`, one or more captures as strings under the
/// names of their formats.
#[derive(Default)]
struct Record<'a> {
    host: Option<Cow<'a, str>>,
    command: Option<Cow<'a, str>>,
    captured_at: Option<Cow<'a, str>>,
    texts: Vec<(&'static str, Cow<'a, str>)>,
}

/// A string, borrowed where it holds no escape.
#[derive(serde::Deserialize)]
struct Words<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Record<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Record<'de>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut record = Record::default();
                while let Some(Words(key)) = map.next_key()? {
                    let mut words = || map.next_value::<Words<'de>>().map(|words| words.0);
                    match &*key {
                        "host" => record.host = Some(words()?),
                        "command" => record.command = Some(words()?),
                        "captured_at" => record.captured_at = Some(words()?),
                        key => match FORMATS.iter().find(|format| format.name() == key) {
                            Some(format) => record.texts.push((format.name(), words()?)),
                            None => {
                                map.next_value::<IgnoredAny>()?;
                            }
                        },
                    }
                }
                Ok(record)
            }
        }
        deserializer.deserialize_map(Read)
    }
}

/// The record that a text is, if it is one.
fn record(text: &str) -> Option<Record<'_>> {
    let start = text.trim_start();
    let key = start.strip_prefix('{')?.trim_start().strip_prefix('"')?;
    // A snapshot begins with its schema, and is read whole soon enough.
    if key.starts_with("schema\"") {
        return None;
    }
    let record: Record<'_> = serde_json::from_str(start).ok()?;
    (record.host.is_some() && !record.texts.is_empty()).then_some(record)
}

/// Reads the captures that a record holds. Their lines are counted in the text that the string stands for.
fn wrapped(source: &Arc<SourceFile>, record: Record<'_>, options: &Options) -> Vec<Capture> {
    let Record { host, command, captured_at, texts } = record;
    let name = format!("{}:{}", source.name(), source.line(0));
    let mut parts = Vec::new();
    for (format, text) in texts {
        let options = Options {
            from: options.from.or_else(|| capture::format(format)),
            command: command.as_deref().map(str::to_owned).or_else(|| options.command.clone()),
            host: None,
            ..options.clone()
        };
        let source = Arc::new(SourceFile::new(name.clone(), text.into_owned()));
        parts.push(Part { captures: capture::read(source, &options), netns: None });
    }
    let given = super::assemble::Given {
        host: host.map(Cow::into_owned),
        sure: true,
        path: name,
        captured_at: captured_at.map(Cow::into_owned),
        obfuscated: false,
    };
    let mut captures = assemble(parts, Vec::new(), &Facts::default(), given);
    for capture in &mut captures {
        capture::apply(&mut capture.snapshot, options);
    }
    captures
}
