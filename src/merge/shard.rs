//! Reading a report piece by piece: `json`, `ndjson`, or several of them behind one another.

use std::fmt;
use std::io::{self, BufReader, Read};

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer as _};
use serde_json::value::RawValue;

use super::{Fault, Head};
use crate::controls::document::FrameworkDocument;
use crate::report::closing::{SCHEMA, SummaryDocument};
use crate::safe;

/// What a report consists of, in the order of its text.
pub(super) enum Event {
    Head(Head),
    Host(Box<RawValue>),
    Closing { controls: Vec<FrameworkDocument<'static>>, summary: SummaryDocument },
}

/// Takes events; false when it wants no more.
type Each<'a> = &'a mut dyn FnMut(Event) -> Result<bool, Fault>;

/// Reads reports to the end of the text, holding no more than a host.
pub(super) fn read(report: &mut dyn Read, each: Each<'_>) -> Result<(), Fault> {
    let mut text =
        Ahead { reader: BufReader::with_capacity(1 << 17, report), head: Vec::new(), at: 0 };
    while let Some(next) = text.next().map_err(Fault::Unreadable)? {
        let more = match next {
            Next::Host => {
                let host = Box::<RawValue>::deserialize(&mut json(&mut text)).map_err(fault)?;
                each(Event::Host(compact(host)))?
            }
            Next::Document => {
                let mut outcome = Ok(true);
                let visitor = Document { each: &mut *each, outcome: &mut outcome };
                let read = json(&mut text).deserialize_map(visitor);
                // What the receiver says comes before the error that it ends the reading with.
                if outcome? { read.map_err(fault).map(|()| true)? } else { false }
            }
            Next::Other => {
                return Err(Fault::NotWhole("it is no report in `json` or `ndjson`".to_owned()));
            }
        };
        if !more {
            break;
        }
    }
    Ok(())
}

fn json<R: Read>(text: R) -> serde_json::Deserializer<serde_json::de::IoRead<R>> {
    serde_json::Deserializer::from_reader(text)
}

fn fault(error: serde_json::Error) -> Fault {
    match error.classify() {
        serde_json::error::Category::Io => Fault::Unreadable(error.into()),
        serde_json::error::Category::Eof => Fault::NotWhole("it is cut off".to_owned()),
        serde_json::error::Category::Syntax | serde_json::error::Category::Data => {
            Fault::NotWhole(format!("it is damaged, or of another version: {error}"))
        }
    }
}

/// JSON without blanks between its tokens, as socklint writes it. What it wrote itself is not looked through.
fn compact(value: Box<RawValue>) -> Box<RawValue> {
    let text = value.get();
    let spaced = |text: &str| {
        let behind = text.split_once("\":").map_or("", |(_, behind)| behind);
        behind.starts_with(' ') || memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_some()
    };
    if !spaced(text) {
        return value;
    }
    let (mut bare, mut quoted, mut escaped) = (String::with_capacity(text.len()), false, false);
    for c in text.chars() {
        if quoted || !c.is_ascii_whitespace() {
            bare.push(c);
        }
        quoted = if c == '"' && !escaped { !quoted } else { quoted };
        escaped = quoted && c == '\\' && !escaped;
    }
    RawValue::from_string(bare).unwrap_or(value)
}

/// Names of the keys in which two objects differ.
pub(super) fn keys_that_differ(a: &RawValue, b: &RawValue) -> Vec<String> {
    let object = |value: &RawValue| -> serde_json::Map<String, serde_json::Value> {
        serde_json::from_str(value.get()).unwrap_or_default()
    };
    let (a, b) = (object(a), object(b));
    let mut keys: Vec<String> = a
        .iter()
        .filter(|(key, value)| b.get(*key) != Some(value))
        .map(|(key, _)| key)
        .cloned()
        .collect();
    keys.extend(b.keys().filter(|key| !a.contains_key(*key)).cloned());
    keys
}

/// What comes next in a text of reports.
enum Next {
    /// An object that begins with `host`.
    Host,
    /// An object that begins with `schema`.
    Document,
    Other,
}

/// A text of which the next bytes can be looked at.
struct Ahead<R> {
    reader: R,
    head: Vec<u8>,
    at: usize,
}

impl<R: Read> Ahead<R> {
    /// Skips blanks and looks at what follows; `None` at the end of the text.
    fn next(&mut self) -> io::Result<Option<Next>> {
        let mut byte = [0];
        loop {
            match self.read(&mut byte) {
                Ok(0) => return Ok(None),
                Ok(_) if byte.iter().all(u8::is_ascii_whitespace) => {}
                Ok(_) => break,
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                Err(fault) => return Err(fault),
            }
        }
        let mut head = byte.to_vec();
        self.take(32).read_to_end(&mut head)?;
        let text: Vec<u8> =
            head.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let next = match () {
            () if text.starts_with(b"{\"host\":") => Next::Host,
            () if text.starts_with(b"{\"schema\":") => Next::Document,
            () => Next::Other,
        };
        head.extend_from_slice(self.head.get(self.at..).unwrap_or_default());
        (self.head, self.at) = (head, 0);
        Ok(Some(next))
    }
}

impl<R: Read> Read for Ahead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut head = self.head.get(self.at..).unwrap_or_default();
        if head.is_empty() {
            return self.reader.read(buffer);
        }
        let count = head.read(buffer)?;
        self.at += count;
        Ok(count)
    }
}

/// Reads an object that begins with `schema`: a report in `json`, or the last line of one in `ndjson`.
struct Document<'a, 'b> {
    each: Each<'a>,
    outcome: &'b mut Result<bool, Fault>,
}

/// Hands an event on; an error ends the reading, and `outcome` says why.
fn send<E: serde::de::Error>(
    each: Each<'_>,
    outcome: &mut Result<bool, Fault>,
    event: Event,
) -> Result<(), E> {
    *outcome = each(event);
    match outcome {
        Ok(true) => Ok(()),
        _ => Err(E::custom("no more is wanted")),
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a report")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { each, outcome } = self;
        let (mut tool, mut policy, mut settings) = (None, None, None);
        let (mut controls, mut summary) = (None, None);
        let mut sent = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "schema" if map.next_value::<String>()? == SCHEMA => {}
                "schema" => return Err(A::Error::custom("another schema")),
                "tool" => tool = Some(map.next_value::<Box<RawValue>>()?),
                "policy" => policy = Some(map.next_value::<Box<RawValue>>()?),
                "settings" => settings = Some(map.next_value::<Box<RawValue>>()?),
                "controls" => controls = Some(map.next_value::<Vec<FrameworkDocument<'static>>>()?),
                "summary" => summary = Some(map.next_value::<SummaryDocument>()?),
                "hosts" if !sent => {
                    let head = head(tool.take(), policy.take(), settings.take())?;
                    send(each, outcome, Event::Head(head))?;
                    sent = true;
                    map.next_value_seed(Hosts { each: &mut *each, outcome: &mut *outcome })?;
                }
                _ => return Err(A::Error::custom(format!("the key `{key}` is not expected"))),
            }
        }
        if !sent {
            let head = head(tool, policy, settings)?;
            send(each, outcome, Event::Head(head))?;
        }
        let (Some(controls), Some(summary)) = (controls, summary) else {
            return Err(A::Error::custom("it has no `controls` and `summary`"));
        };
        send(each, outcome, Event::Closing { controls, summary })
    }
}

fn head<E: serde::de::Error>(
    tool: Option<Box<RawValue>>,
    policy: Option<Box<RawValue>>,
    settings: Option<Box<RawValue>>,
) -> Result<Head, E> {
    match (tool, policy, settings) {
        (Some(tool), Some(policy), Some(settings)) => {
            let (tool, policy) = (compact(tool), compact(policy));
            Ok(Head { tool, policy, settings: compact(settings) })
        }
        _ => Err(E::custom("it does not say `tool`, `policy` and `settings` first")),
    }
}

/// Reads the array of hosts, one at a time.
struct Hosts<'a, 'b> {
    each: Each<'a>,
    outcome: &'b mut Result<bool, Fault>,
}

impl<'de> DeserializeSeed<'de> for Hosts<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, hosts: D) -> Result<(), D::Error> {
        hosts.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Hosts<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of hosts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut hosts: A) -> Result<(), A::Error> {
        while let Some(host) = hosts.next_element::<Box<RawValue>>()? {
            send(&mut *self.each, &mut *self.outcome, Event::Host(compact(host)))?;
        }
        Ok(())
    }
}

/// How far a report was read, and whether it holds what it counts.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Hosts since the last counts.
    judged: u64,
    unread: u64,
    closed: bool,
    last: Option<String>,
}

/// What is looked at of a host.
#[derive(Deserialize)]
struct Host {
    host: Option<String>,
    source: Source,
    results: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Source {
    path: String,
}

impl Part {
    pub(super) fn host(&mut self, text: &RawValue) -> Result<(), Fault> {
        let host: Host = serde_json::from_str(text.get()).map_err(fault)?;
        if !safe::is_safe_json(text.get()) {
            return Err(Fault::NotWhole("another program has written a host again, with characters bare that socklint escapes".to_owned()));
        }
        match host.results {
            Some(_) => self.judged += 1,
            None => self.unread += 1,
        }
        self.closed = false;
        self.last = Some(host.host.unwrap_or(host.source.path));
        Ok(())
    }

    pub(super) fn close(&mut self, summary: &SummaryDocument) -> Result<(), Fault> {
        if summary.hosts != self.judged || summary.broken < self.unread {
            return Err(Fault::NotWhole(format!(
                "it counts {} hosts that were judged, and holds {}",
                summary.hosts, self.judged
            )));
        }
        (self.judged, self.unread, self.closed) = (0, 0, true);
        Ok(())
    }

    /// Whether the text may end here.
    pub(super) fn ends(&self) -> Result<(), Fault> {
        match self.closed {
            true => Ok(()),
            false => Err(self.placed(Fault::NotWhole("it is cut off".to_owned()))),
        }
    }

    /// Says behind which host a report is broken.
    pub(super) fn placed(&self, fault: Fault) -> Fault {
        match (fault, &self.last) {
            (Fault::NotWhole(what), Some(last)) => {
                Fault::NotWhole(format!("{what}; the last whole host is `{last}`"))
            }
            (Fault::NotWhole(what), None) => {
                Fault::NotWhole(format!("{what}; no host of it is whole"))
            }
            (fault, _) => fault,
        }
    }
}
