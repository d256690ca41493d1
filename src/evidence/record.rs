//! Records of streams: a host with its captures as strings, in one JSON object.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::assemble::{Given, Part, assemble, is_void};
use super::context::Facts;
use super::read::{listing, stand_in};
use crate::capture::{self, Capture, FORMATS, IssueKind, Options};
use crate::source::SourceFile;

/// A record of a stream: `{"host": "db1", "ss": "Netid State ..."}`, one or more captures as strings under the
/// names of their formats.
#[derive(Default)]
pub(super) struct Record<'a> {
    host: Option<Cow<'a, str>>,
    command: Option<Cow<'a, str>>,
    captured_at: Option<Cow<'a, str>>,
    texts: Vec<(&'static str, Cow<'a, str>)>,
    /// What stands under keys that nobody knows.
    others: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// A key that stands there twice.
    twice: Option<&'static str>,
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
                let mut twice = None;
                while let Some(Words(key)) = map.next_key()? {
                    let Record { host, command, captured_at, .. } = &mut record;
                    let known = match &*key {
                        "host" => Some(("host", host)),
                        "command" => Some(("command", command)),
                        "captured_at" => Some(("captured_at", captured_at)),
                        _ => None,
                    };
                    if let Some((name, place)) = known {
                        let words = map.next_value::<Option<Words<'de>>>()?;
                        if place.is_some() {
                            twice = Some(name);
                        }
                        *place = words.map(|words| words.0);
                        continue;
                    }
                    match FORMATS.iter().find(|format| format.name() == key) {
                        Some(format) => {
                            let text = map.next_value::<Words<'de>>()?.0;
                            record.texts.push((format.name(), text));
                        }
                        None => {
                            let value = map.next_value::<&'de RawValue>();
                            let value = value.map_err(A::Error::custom)?;
                            record.others.push((key, value));
                        }
                    }
                }
                record.twice = twice;
                Ok(record)
            }
        }
        deserializer.deserialize_map(Read)
    }
}

/// The record that a text is, if it is one.
pub(super) fn record(text: &str) -> Option<Record<'_>> {
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
pub(super) fn wrapped(
    source: &Arc<SourceFile>,
    record: Record<'_>,
    options: &Options,
) -> Vec<Capture> {
    let Record { host, command, captured_at, texts, others, twice } = record;
    let name = format!("{}:{}", source.name(), source.line(0));
    let mut parts = Vec::new();
    let alone = texts.len() == 1;
    for (format, text) in texts {
        let options = Options {
            from: options.from.or_else(|| capture::format(format)),
            command: command.as_deref().map(str::to_owned).or_else(|| options.command.clone()),
            host: None,
            ..options.clone()
        };
        let source = Arc::new(SourceFile::new(name.clone(), text.into_owned()));
        let mut captures = capture::read(Arc::clone(&source), &options);
        if captures.iter().all(is_void)
            && let Some(other) = listing(&source, &options, format)
        {
            captures = other;
        }
        for capture in &mut captures {
            claimed(capture, format, alone);
        }
        parts.push(Part { captures, netns: None });
    }
    let mut wrong: Vec<String> = others
        .iter()
        .filter_map(|(key, value)| misplaced(key, value))
        .chain(twice.map(|key| format!("the key `{key}` stands twice in this record")))
        .collect();
    let refused = wrong.drain(..).map(|message| {
        let source = Arc::new(SourceFile::new(name.clone(), ""));
        stand_in(source, IssueKind::BadRecord, None, message)
    });
    let given = Given {
        host: host.map(Cow::into_owned),
        sure: true,
        path: name.clone(),
        captured_at: captured_at.map(Cow::into_owned),
        obfuscated: false,
    };
    let mut captures = assemble(parts, refused.collect(), &Facts::default(), given);
    for capture in &mut captures {
        capture::apply(capture, options);
    }
    captures
}

/// What stands under the name of a format is a capture: one that cannot be read is an error of its host, however
/// much other captures show. But that a host has no such tool is no fault of it.
fn claimed(capture: &mut Capture, format: &str, alone: bool) {
    let told = capture.issues.iter().any(|issue| issue.kind == IssueKind::ToolError);
    if told || !is_void(capture) {
        return;
    }
    for issue in &mut capture.issues {
        let void = match issue.kind {
            // Found in a folder, these would be passed over with the whole host.
            IssueKind::UnknownFormat | IssueKind::Binary => true,
            IssueKind::Empty | IssueKind::NotSockets => !alone,
            _ => false,
        };
        if void {
            issue.kind = IssueKind::BadRecord;
            issue.message = format!("`{format}`: {}", issue.message);
        }
    }
}

/// What is wrong with a key that nobody knows: it is nearly one that is known, or a list of sockets stands
/// under it. Whatever else a record says of its host does no harm.
fn misplaced(key: &str, value: &RawValue) -> Option<String> {
    let known = FORMATS.iter().map(|format| format.name()).chain(["command", "captured_at"]);
    if !value.get().starts_with(['"', '[']) {
        return None;
    }
    if let Some(near) = known.into_iter().find(|known| is_near(key, known)) {
        return Some(format!("the key `{key}` is not read; did you mean `{near}`?"));
    }
    let Words(text) = serde_json::from_str(value.get()).ok()?;
    if !text.trim_end().contains(char::is_whitespace) {
        return None;
    }
    let source = Arc::new(SourceFile::new(key, text.into_owned()));
    let found = listing(&source, &Options::default(), key)?;
    let format = &found.first()?.snapshot.origin.format;
    Some(format!(
        "under the key `{key}`, which is not read, stands a list of sockets: name it `{format}`"
    ))
}

/// Whether a key was meant as a known one: the same but for case, marks and a number, or one letter of a long
/// one.
fn is_near(key: &str, known: &str) -> bool {
    let bare = |name: &str| -> String {
        let letters = name.chars().filter(char::is_ascii_alphanumeric);
        let lower: String = letters.map(|c| c.to_ascii_lowercase()).collect();
        lower.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned()
    };
    let (key, known) = (bare(key), bare(known));
    key == known || known.len() > 5 && strsim::damerau_levenshtein(&key, &known) == 1
}
