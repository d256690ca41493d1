//! Reads socklint's own snapshots back: the counterpart of [`crate::snapshot::document`].
//!
//! Read are one document, an array of documents (`socklint list -f json` of several inputs), and
//! documents one after the other, one a line or pretty printed (`-f ndjson`; files put together with
//! `cat`). Each document is one capture:
//!
//! ```json
//! {"schema": "socklint/snapshot/1", "host": {"name": "db1", "labels": {}}, "sockets": [], ...}
//! ```
//!
//! Nothing is lost on the way, and every fact points at its own JSON value. What the document
//! derives from other values (`scope`) is not trusted but derived again. Keys that are not known are
//! passed over, since newer versions add keys; a value that a known key cannot have is an error at
//! that value, and all of them are reported in one run.
//!
//! JSON is RFC 8259 text. A key that stands twice in one object, of which that standard says nothing
//! certain (section 4), is an error where the key is known.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Capture, CaptureFormat, CaptureIssue, Document, IssueKind};
use crate::address::Scope;
use crate::snapshot::document::{NAME_KINDS, SCHEMA};
use crate::snapshot::{
    Address, At, Builder, Cell, Coverage, Details, Device, Family, Interface, NameKind, Namespace,
    Owner, OwnerDetails, Port, Socket, Text, Transport, Vantage,
};
use crate::source::{SourceFile, Span};
use crate::truth::Missing;

/// Schemas that begin so are ours; other JSON is left to other formats.
const OURS: &str = "socklint/";

/// How many characters of a wrong value a message quotes.
const QUOTED: usize = 60;

/// The format `snapshot`.
#[derive(Debug)]
pub struct SnapshotDocument;

impl CaptureFormat for SnapshotDocument {
    fn name(&self) -> &'static str {
        "snapshot"
    }

    fn about(&self) -> &'static str {
        "JSON that socklint wrote: `list -f json`, `list -f ndjson`, `snapshot`"
    }

    /// `None` for a text that does not begin as JSON does, and for JSON in which nothing names a
    /// schema of ours. It is looked at without the tree of [`Document`]: snapshots are long.
    fn document(&self, document: &Document) -> Option<Vec<Capture>> {
        let source = document.source();
        memchr::memmem::find(source.text().as_bytes(), OURS.as_bytes())?;
        let values = values(source.text())?;
        let ours = values.iter().any(|value| match value {
            Ok(value) => schema(value).is_some_and(|schema| schema.starts_with(OURS)),
            Err(_) => true,
        });
        ours.then(|| values.into_iter().map(|value| capture(source, value)).collect())
    }
}

/// A place where JSON is broken.
struct Broken {
    at: Range<usize>,
    message: String,
}

/// The documents of a text, each whole or broken; `None` when the text does not begin as JSON does.
/// `[root@db1 ~]# ss -lntup` does not: an array of documents goes on with `{`.
fn values(text: &str) -> Option<Vec<Result<&RawValue, Broken>>> {
    let body = text.trim_start_matches(|c: char| c == '\u{FEFF}' || c.is_whitespace());
    let start = text.len() - body.len();
    let mut signs = body.chars().filter(|c| !c.is_whitespace());
    match (signs.next(), signs.next()) {
        (Some('['), Some('{')) => Some(match serde_json::from_str::<Vec<&RawValue>>(body) {
            Ok(values) => values.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(Broken::new(body, start, &error))],
        }),
        (Some('{'), Some('"' | '}')) => Some(stream(body, start)),
        _ => None,
    }
}

/// Documents one after the other. After a broken one reading goes on at the next line that begins
/// with `{`, so that one bad line hides no other.
fn stream(body: &str, start: usize) -> Vec<Result<&RawValue, Broken>> {
    let mut values = Vec::new();
    let mut at = read_whole(body, &mut values);
    // From the first error on each chunk is read on its own: a document that is not closed would
    // else swallow those behind it, again and again.
    while let Some(rest) = body.get(at..).filter(|rest| !rest.is_empty()) {
        let end = rest.match_indices("\n{").next().map_or(rest.len(), |(end, _)| end + 1);
        let chunk = rest.get(..end).unwrap_or_default().trim_ascii_end();
        let good = read_whole(chunk, &mut values);
        let bad = chunk.get(good..).unwrap_or_default();
        if !bad.is_empty() {
            let value = serde_json::from_str::<&RawValue>(bad);
            values.push(value.map_err(|error| Broken::new(bad, start + at + good, &error)));
        }
        at += end;
    }
    values
}

/// Reads documents up to the first that is broken; the offset at which that begins, or the end.
fn read_whole<'a>(text: &'a str, values: &mut Vec<Result<&'a RawValue, Broken>>) -> usize {
    let mut read = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let mut good = 0;
    while let Some(Ok(value)) = read.next() {
        good = read.byte_offset();
        values.push(Ok(value));
    }
    let rest = text.get(good..).unwrap_or_default();
    text.len() - rest.trim_ascii_start().len()
}

impl Broken {
    /// `text` begins at `start` of the whole text and is what `error` speaks of.
    fn new(text: &str, start: usize, error: &serde_json::Error) -> Self {
        let at = error_place(text, error);
        let message = match error.is_eof() {
            true => "the JSON document is cut off".to_owned(),
            false => format!("the JSON document is broken: {}", error_words(error)),
        };
        Self { at: start + at.start..start + at.end, message }
    }
}

/// The character of `text` at which a JSON error was met; the last one when the text is cut off.
fn error_place(text: &str, error: &serde_json::Error) -> Range<usize> {
    let line_start = match error.line().checked_sub(2) {
        Some(ends) => {
            memchr::memchr_iter(b'\n', text.as_bytes()).nth(ends).map_or(0, |end| end + 1)
        }
        None => 0,
    };
    let last = text.trim_end().char_indices().next_back().map_or(0, |(at, _)| at);
    let mut start = (line_start + error.column().saturating_sub(1)).min(last);
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let len = text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    start..start + len
}

/// What a JSON error says, without the place, which the span tells.
fn error_words(error: &serde_json::Error) -> String {
    let words = error.to_string();
    match words.rfind(" at line ") {
        Some(end) => words.get(..end).unwrap_or_default().to_owned(),
        None => words,
    }
}

/// The value of `schema`.
fn schema(value: &RawValue) -> Option<Cow<'_, str>> {
    if !value.get().starts_with('{') {
        return None;
    }
    let head = serde_json::from_str::<HeadShape>(value.get()).ok()?;
    serde_json::from_str::<Name>(head.schema.value()?.get()).ok().map(|name| name.0)
}

/// A value of a known key; `None` when the key is not there.
#[derive(Clone, Copy, Default)]
struct Field<'a>(Option<&'a RawValue>);

impl<'a> Field<'a> {
    /// The value, unless it is `null` or not there.
    fn value(self) -> Option<&'a RawValue> {
        self.0.filter(|value| value.get() != "null")
    }

    /// The value, `null` too.
    fn any(self) -> Option<&'a RawValue> {
        self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'a RawValue>::deserialize(deserializer).map(|value| Self(Some(value)))
    }
}

/// A string, borrowed where it holds no escape.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// An object whose keys are data.
struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some((key, value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    pairs.push((key.0, value));
                }
                Ok(pairs)
            }
        }
        deserializer.deserialize_map(Read).map(Self)
    }
}

/// Objects with known keys; other keys are passed over.
macro_rules! shapes {
    ($($name:ident: $($key:ident)*;)*) => {$(
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct $name<'a> {
            $(#[serde(borrow)] $key: Field<'a>,)*
        }
    )*};
}

shapes! {
    HeadShape: schema;
    SnapshotShape: schema host source coverage coverage_missing sockets interfaces namespaces
        scanned sysctls;
    HostShape: name labels kernel boot_id;
    SourceShape: kind format path command captured_at sha256 uid capabilities;
    SocketShape: transport state address address_text port port_text interface scope processes
        v6only uid user inode unit container cgroup netns presumed missing line path;
    MissingShape: transport address port interface processes;
    ProcessShape: name pid fd name_kind exe cmdline uid user unit container cgroup;
    InterfaceShape: name index netns up addresses;
    NamespaceShape: name inode containers sysctls missing;
}

/// The capture of one document.
fn capture(source: &Arc<SourceFile>, value: Result<&RawValue, Broken>) -> Capture {
    let mut reader = Reader {
        text: source.text(),
        builder: Builder::new(Arc::clone(source)),
        issues: Vec::new(),
    };
    reader.builder.snapshot_mut().origin.format = "snapshot".to_owned();
    match value {
        Ok(value) => reader.snapshot(value),
        Err(broken) => reader.issue(IssueKind::BadJson, broken.at, broken.message),
    }
    let Reader { builder, issues, .. } = reader;
    let mut snapshot = builder.finish();
    if issues.iter().any(|issue| issue.kind != IssueKind::Ignored) {
        // What could not be read may have been a listener.
        snapshot.coverage = snapshot.coverage.spoiled(Missing::RowUnread);
    }
    // What such evidence cannot show at all it does not cover, whatever the document says.
    if let Some(reason) = snapshot.origin.vantage.hides() {
        snapshot.coverage = snapshot.coverage.spoiled(reason);
    }
    Capture { snapshot, issues, detection: format!("a JSON document of schema {SCHEMA}") }
}

/// Fills one snapshot from one document in `text`.
struct Reader<'a> {
    text: &'a str,
    builder: Builder,
    issues: Vec<CaptureIssue>,
}

impl<'a> Reader<'a> {
    fn snapshot(&mut self, value: &'a RawValue) {
        let Some(shape) = self.shape::<SnapshotShape>(value, "a snapshot") else { return };
        let Some(schema) = self.string(shape.schema, "schema") else {
            let message =
                format!("this is no socklint snapshot: it has no `schema`, which is `{SCHEMA}`");
            return self.issue(IssueKind::BadSnapshot, self.head(value), message);
        };
        if schema != SCHEMA {
            let at = shape.schema.any().map_or(self.head(value), |schema| self.range(schema.get()));
            let message =
                format!("the schema is `{}`, and snapshots of `{SCHEMA}` are read", quote(&schema));
            return self.issue(IssueKind::BadSnapshot, at, message);
        }
        self.host(shape.host);
        self.origin(shape.source);
        self.coverage(shape.coverage, shape.coverage_missing);
        self.interfaces(shape.interfaces);
        self.namespaces(shape.namespaces);
        let scanned = self.texts(shape.scanned, "scanned", "what was scanned must be a string");
        self.builder.snapshot_mut().scanned = scanned;
        let sysctls = self.sysctls(shape.sysctls);
        self.builder.snapshot_mut().sysctls = sysctls;
        match shape.sockets.any() {
            Some(sockets) => {
                for socket in self.list(sockets, "sockets").unwrap_or_default() {
                    self.socket(socket);
                }
            }
            None => {
                let message = "the snapshot has no `sockets`".to_owned();
                self.issue(IssueKind::BadSnapshot, self.head(value), message);
            }
        }
    }

    fn host(&mut self, field: Field<'a>) {
        let Some(value) = field.value() else { return };
        let Some(shape) = self.shape::<HostShape>(value, "`host`") else { return };
        let name = self.string(shape.name, "name");
        let kernel = self.string(shape.kernel, "kernel");
        let boot_id = self.string(shape.boot_id, "boot_id");
        let host = &mut self.builder.snapshot_mut().host;
        host.name = name.map(Cow::into_owned);
        host.kernel = kernel.map(Cow::into_owned);
        host.boot_id = boot_id.map(Cow::into_owned);
        let labels = self.texts(shape.labels, "labels", "label");
        self.builder.snapshot_mut().host.labels = labels;
    }

    fn sysctls(&mut self, field: Field<'a>) -> BTreeMap<String, String> {
        self.texts(field, "sysctls", "sysctl")
    }

    /// An object whose values are strings; `one` is what each is called.
    fn texts(&mut self, field: Field<'a>, name: &str, one: &str) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::new();
        for (key, value) in self.pairs(field, name) {
            let Some(text) = self.string(Field(Some(value)), one) else {
                if value.get() == "null" {
                    self.wrong(value, &format!("a {one} must be a string"));
                }
                continue;
            };
            if texts.insert(key.clone().into_owned(), text.into_owned()).is_some() {
                self.twice(value, &key);
            }
        }
        texts
    }

    fn origin(&mut self, field: Field<'a>) {
        let Some(value) = field.value() else { return };
        let Some(shape) = self.shape::<SourceShape>(value, "`source`") else { return };
        if let Some(name) = self.string(shape.kind, "kind") {
            match Vantage::from_name(&name) {
                Some(vantage) => self.builder.snapshot_mut().origin.vantage = vantage,
                None => self
                    .wrong_field(shape.kind, "`kind` must be `observed`, `declared` or `external`"),
            }
        }
        let format = self.string(shape.format, "format");
        let path = self.string(shape.path, "path");
        let command = self.string(shape.command, "command");
        let captured_at = self.string(shape.captured_at, "captured_at");
        let sha256 = self.string(shape.sha256, "sha256");
        let uid = self.plain(shape.uid, "`uid` must be a number or null");
        let capabilities = shape.capabilities.value();
        let capabilities = capabilities.map(|list| self.strings(list, "capabilities"));
        let origin = &mut self.builder.snapshot_mut().origin;
        if let Some(format) = format {
            origin.format = format.into_owned();
        }
        if let Some(path) = path {
            origin.path = path.into_owned();
        }
        origin.command = command.map(Cow::into_owned);
        origin.captured_at = captured_at.map(Cow::into_owned);
        origin.sha256 = sha256.map(Cow::into_owned);
        origin.uid = uid;
        origin.capabilities = capabilities;
    }

    fn coverage(&mut self, cells: Field<'a>, reasons: Field<'a>) {
        let mut coverage = Coverage::default();
        let mut seen = Vec::new();
        for (key, value) in self.pairs(cells, "coverage") {
            let Some(place) = self.coverage_key(&key, value) else { continue };
            if seen.contains(&place) {
                self.twice(value, &key);
                continue;
            }
            seen.push(place);
            let cell = match self.string(Field(Some(value)), "coverage").as_deref() {
                Some("proven") => Cell::Proven,
                Some("presumed") => Cell::Presumed,
                Some("absent") => Cell::Absent(Missing::TransportNotShown),
                other => {
                    if other.is_some() || value.get() == "null" {
                        self.wrong(value, "coverage must be `proven`, `presumed` or `absent`");
                    }
                    continue;
                }
            };
            coverage.set(place.0, place.1, cell);
        }
        seen.clear();
        for (key, value) in self.pairs(reasons, "coverage_missing") {
            let Some(place) = self.coverage_key(&key, value) else { continue };
            if seen.contains(&place) {
                self.twice(value, &key);
                continue;
            }
            seen.push(place);
            let reason = self.reason(Field(Some(value)), Missing::TransportNotShown);
            if !matches!(coverage.get(place.0, place.1), Cell::Absent(_)) {
                self.contradiction(value);
            }
            if let Some(reason) = reason {
                coverage.set(place.0, place.1, Cell::Absent(reason));
            }
        }
        self.builder.snapshot_mut().coverage = coverage;
    }

    /// `tcp/ipv4`; a key that is not known is one that a newer version has.
    fn coverage_key(&mut self, key: &str, value: &RawValue) -> Option<(Transport, Family)> {
        let place = key.split_once('/').and_then(|(transport, family)| {
            Some((Transport::from_name(transport)?, Family::from_name(family)?))
        });
        if place.is_none() {
            self.note(value, format!("coverage of `{}` is not known here", quote(key)));
        }
        place
    }

    fn interfaces(&mut self, field: Field<'a>) {
        let Some(value) = field.value() else { return };
        let Some(list) = self.list(value, "interfaces") else { return };
        let mut interfaces = Vec::with_capacity(list.len());
        for value in list {
            let Some(shape) = self.shape::<InterfaceShape>(value, "an interface") else { continue };
            let Some(name) = self.required(shape.name, "name", value) else { continue };
            let mut addresses = Vec::new();
            let list = shape.addresses.value().and_then(|list| self.list(list, "addresses"));
            for value in list.unwrap_or_default() {
                let text = serde_json::from_str::<Name>(value.get()).ok();
                match text.and_then(|text| network(&text.0)) {
                    Some(address) => addresses.push(address),
                    None => self.wrong(
                        value,
                        "an address of an interface must be written like `10.0.0.5/24`",
                    ),
                }
            }
            interfaces.push(Interface {
                name: name.into_owned(),
                index: self.plain(shape.index, "`index` must be a number or null"),
                netns: self.string(shape.netns, "netns").map(Cow::into_owned),
                up: self.plain(shape.up, "`up` must be true, false or null"),
                addresses,
            });
        }
        self.builder.snapshot_mut().interfaces = Some(interfaces);
    }

    fn namespaces(&mut self, field: Field<'a>) {
        let Some(value) = field.value() else { return };
        for value in self.list(value, "namespaces").unwrap_or_default() {
            let Some(shape) = self.shape::<NamespaceShape>(value, "a namespace") else { continue };
            let Some(name) = self.required(shape.name, "name", value) else { continue };
            let containers = shape.containers.value();
            let containers = containers.map(|list| self.strings(list, "containers"));
            let containers = containers.unwrap_or_default();
            let namespace = Namespace {
                name: name.into_owned(),
                inode: self.plain(shape.inode, "`inode` must be a number or null"),
                containers,
                sysctls: self.sysctls(shape.sysctls),
                missing: self.reason(shape.missing, Missing::NamespaceNotEntered),
            };
            // A namespace that was not entered may hold listeners of any kind, whatever the coverage says.
            let snapshot = self.builder.snapshot_mut();
            if let Some(reason) = namespace.missing {
                snapshot.coverage = snapshot.coverage.spoiled(reason);
            }
            snapshot.namespaces.push(namespace);
        }
    }

    fn socket(&mut self, value: &'a RawValue) {
        let Some(shape) = self.shape::<SocketShape>(value, "a socket") else { return };
        let Some(name) = self.required(shape.transport, "transport", value) else { return };
        let transport = match name.as_ref() {
            "mptcp" => Some(Transport::Tcp),
            name => Transport::from_name(name),
        };
        let Some(transport) = transport else {
            return self.wrong_field(
                shape.transport,
                "`transport` must be `tcp`, `udp`, `sctp`, `dccp`, `udplite`, `raw` or `mptcp`",
            );
        };
        let missing = shape
            .missing
            .value()
            .and_then(|value| self.shape::<MissingShape>(value, "`missing`"))
            .unwrap_or_default();
        let mut socket = Socket::new(transport, self.builder.source(), self.at(value.get()));
        socket.mptcp = name == "mptcp";
        self.state(&shape, transport);
        socket.transport_unknown =
            self.reason(missing.transport, Missing::TransportNotTold).is_some();
        self.address(&mut socket, &shape, missing.address);
        self.port(&mut socket, &shape, missing.port);
        self.device(&mut socket, &shape, missing.interface);
        self.scope(&socket, shape.scope);
        self.presumed(&mut socket, shape.presumed);
        socket.v6only = self.plain(shape.v6only, "`v6only` must be true or false");
        self.processes(&mut socket, shape.processes, missing.processes);
        self.details(&mut socket, &shape);
        self.builder.socket(socket);
    }

    /// A snapshot holds listeners only, so the state follows from the transport.
    fn state(&mut self, shape: &SocketShape<'a>, transport: Transport) {
        let Some(state) = self.string(shape.state, "state") else { return };
        let expected = if transport.is_stream() { "listen" } else { "unconn" };
        if state != expected {
            let what = format!(
                "`state` of a {} socket in a snapshot must be `{expected}`",
                transport.name()
            );
            self.wrong_field(shape.state, &what);
        }
    }

    fn address(&mut self, socket: &mut Socket, shape: &SocketShape<'a>, missing: Field<'a>) {
        let reason = self.reason(missing, Missing::AddressNotShown);
        let not_known = Address::Missing(reason.unwrap_or(Missing::AddressNotShown));
        let text = self.string(shape.address, "address");
        socket.address = match text.as_deref() {
            Some("*") if reason.is_some() => Address::Star,
            Some("*") => Address::Dual,
            Some(text) => match text.parse::<IpAddr>() {
                Ok(ip) if reason == Some(Missing::SeenFromOutside) => Address::Reached(ip),
                Ok(ip) => {
                    if let (Some(_), Some(value)) = (reason, missing.value()) {
                        self.contradiction(value);
                    }
                    Address::Ip(ip)
                }
                Err(_) => {
                    self.wrong_field(shape.address, "`address` must be an IP address, `*` or null");
                    not_known
                }
            },
            None => not_known,
        };
        socket.address_at =
            self.first_at([shape.address.value(), shape.address_text.value(), shape.address.any()]);
    }

    fn port(&mut self, socket: &mut Socket, shape: &SocketShape<'a>, missing: Field<'a>) {
        let reason = self.reason(missing, Missing::PortNotShown);
        socket.port =
            match self.plain(shape.port, "`port` must be a number from 0 to 65535 or null") {
                Some(port) => {
                    if let (Some(_), Some(value)) = (reason, missing.value()) {
                        self.contradiction(value);
                    }
                    Port::Number(port)
                }
                None => Port::Missing(reason.unwrap_or(Missing::PortNotShown)),
            };
        socket.port_at =
            self.first_at([shape.port.value(), shape.port_text.value(), shape.port.any()]);
    }

    fn device(&mut self, socket: &mut Socket, shape: &SocketShape<'a>, missing: Field<'a>) {
        let reason = self.reason(missing, Missing::DeviceNotShown);
        let name = self.handle(shape.interface, "interface");
        socket.device = match (name, reason, shape.interface.any()) {
            (Some(name), reason, _) => {
                if let (Some(_), Some(value)) = (reason, missing.value()) {
                    self.contradiction(value);
                }
                Device::Named(name)
            }
            (None, Some(reason), _) => Device::Missing(reason),
            (None, None, Some(value)) if value.get() == "null" => Device::None,
            (None, None, _) => Device::Missing(Missing::DeviceNotShown),
        };
    }

    /// The scope follows from the address; the document's own is checked for being one at all.
    fn scope(&mut self, socket: &Socket, field: Field<'a>) {
        let Some(name) = self.string(field, "scope") else { return };
        let Some(given) = Scope::from_name(&name) else {
            let names = Scope::ALL.map(|scope| format!("`{scope}`")).join(", ");
            return self.wrong_field(field, &format!("`scope` must be one of {names} or null"));
        };
        if let (Some(scope), Some(value)) = (socket.scope(), field.value())
            && scope != given
        {
            self.note(
                value,
                format!("`scope` says {given}; the address is {scope}, and that counts"),
            );
        }
    }

    fn presumed(&mut self, socket: &mut Socket, field: Field<'a>) {
        let list = field.value().and_then(|value| self.list(value, "presumed"));
        for value in list.unwrap_or_default() {
            match self.string(Field(Some(value)), "presumed").as_deref() {
                Some("transport") => socket.transport_inferred = true,
                Some("port") => socket.port_resolved = true,
                Some("socket") => socket.again = true,
                Some(other) => {
                    // A fact that a newer version doubts: nothing of this row is proof then.
                    let message = format!(
                        "`{}` is presumed, which is not known here: the transport and the port \
                         count as presumed",
                        quote(other)
                    );
                    self.note(value, message);
                    socket.transport_inferred = true;
                    socket.port_resolved = true;
                }
                None => {}
            }
        }
    }

    fn processes(&mut self, socket: &mut Socket, field: Field<'a>, missing: Field<'a>) {
        let reason = self.reason(missing, Missing::OwnerNotShown);
        let list = field.value().and_then(|value| self.list(value, "processes"));
        socket.owners_missing = match list {
            None => Some(reason.unwrap_or(Missing::OwnerNotShown)),
            Some(list) => {
                let mut lost = None;
                for value in list {
                    match self.process(value) {
                        Some(owner) => self.builder.owner(owner),
                        None => lost = Some(Missing::OwnerNotShown),
                    }
                }
                reason.or(lost)
            }
        };
    }

    fn process(&mut self, value: &'a RawValue) -> Option<Owner> {
        let shape = self.shape::<ProcessShape>(value, "a process")?;
        let kind = match self.string(shape.name_kind, "name_kind") {
            None => NameKind::Comm,
            Some(name) => match NAME_KINDS.into_iter().find(|(_, known)| *known == name) {
                Some((kind, _)) => kind,
                None => {
                    if let Some(value) = shape.name_kind.value() {
                        let message = format!(
                            "`name_kind` `{}` is not known here: the name counts as a beginning that \
                             the process chose",
                            quote(&name)
                        );
                        self.note(value, message);
                    }
                    NameKind::ArgvCut
                }
            },
        };
        let mut owner = Owner {
            name: self.handle(shape.name, "name"),
            pid: self.plain(shape.pid, "`pid` must be a number or null"),
            fd: self.plain(shape.fd, "`fd` must be a number or null"),
            kind,
            details: None,
            at: self.first_at([shape.name.value(), Some(value), None]),
        };
        let details = OwnerDetails {
            exe: self.handle(shape.exe, "exe"),
            cmdline: self.handle(shape.cmdline, "cmdline"),
            uid: self.plain(shape.uid, "`uid` must be a number or null"),
            user: self.handle(shape.user, "user"),
            cgroup: self.handle(shape.cgroup, "cgroup"),
            unit: self.handle(shape.unit, "unit"),
            container: self.handle(shape.container, "container"),
        };
        self.builder.owner_details(&mut owner, details);
        Some(owner)
    }

    fn details(&mut self, socket: &mut Socket, shape: &SocketShape<'a>) {
        let details = Details {
            uid: self.plain(shape.uid, "`uid` must be a number or null"),
            user: self.handle(shape.user, "user"),
            inode: self.plain(shape.inode, "`inode` must be a number or null"),
            cgroup: self.handle(shape.cgroup, "cgroup"),
            unit: self.handle(shape.unit, "unit"),
            container: self.handle(shape.container, "container"),
            netns: self.handle(shape.netns, "netns"),
            address_text: self.handle(shape.address_text, "address_text"),
            port_text: self.handle(shape.port_text, "port_text"),
            line: self.plain(shape.line, "`line` must be a number or null"),
            path: self.handle(shape.path, "path"),
        };
        self.builder.details(socket, details);
    }

    /// Why a fact is missing; a reason that a newer version knows counts as `careful`.
    fn reason(&mut self, field: Field<'a>, careful: Missing) -> Option<Missing> {
        let id = self.string(field, "missing")?;
        Some(Missing::from_id(&id).unwrap_or_else(|| {
            if let Some(value) = field.value() {
                let message = format!(
                    "reason `{}` is not known here and counts as `{}`",
                    quote(&id),
                    careful.id()
                );
                self.note(value, message);
            }
            careful
        }))
    }

    /// An object with known keys.
    fn shape<T: Deserialize<'a>>(&mut self, value: &'a RawValue, what: &str) -> Option<T> {
        if !value.get().starts_with('{') {
            self.wrong(value, &format!("{what} must be an object"));
            return None;
        }
        match serde_json::from_str(value.get()) {
            Ok(shape) => Some(shape),
            Err(error) => {
                let (at, start) = (error_place(value.get(), &error), self.offset(value.get()));
                let words = error_words(&error);
                let message = match words.strip_prefix("duplicate field ") {
                    Some(key) => format!("{key} stands twice in {what}"),
                    None => format!("{what} cannot be read: {words}"),
                };
                self.issue(IssueKind::BadSnapshot, start + at.start..start + at.end, message);
                None
            }
        }
    }

    /// The entries of an object whose keys are data; none when it is not there.
    fn pairs(&mut self, field: Field<'a>, name: &str) -> Vec<(Cow<'a, str>, &'a RawValue)> {
        let Some(value) = field.value() else { return Vec::new() };
        self.shape::<Pairs>(value, &format!("`{name}`")).map_or_else(Vec::new, |pairs| pairs.0)
    }

    fn list(&mut self, value: &'a RawValue, name: &str) -> Option<Vec<&'a RawValue>> {
        let list = serde_json::from_str(value.get()).ok();
        if list.is_none() {
            self.wrong(value, &format!("`{name}` must be an array"));
        }
        list
    }

    /// The strings of an array.
    fn strings(&mut self, value: &'a RawValue, name: &str) -> Vec<String> {
        let list = self.list(value, name).unwrap_or_default().into_iter();
        list.filter_map(|value| self.string(Field(Some(value)), name))
            .map(Cow::into_owned)
            .collect()
    }

    /// A string; `None` for null and for what is not there.
    fn string(&mut self, field: Field<'a>, name: &str) -> Option<Cow<'a, str>> {
        let value = field.value()?;
        match serde_json::from_str::<Name<'a>>(value.get()) {
            Ok(text) => Some(text.0),
            Err(_) if value.get().starts_with('"') => {
                self.wrong(value, &format!("`{name}` must hold whole Unicode characters"));
                None
            }
            Err(_) => {
                self.wrong(value, &format!("`{name}` must be a string"));
                None
            }
        }
    }

    /// A string that must be there, in `parent`.
    fn required(
        &mut self,
        field: Field<'a>,
        name: &str,
        parent: &'a RawValue,
    ) -> Option<Cow<'a, str>> {
        if field.value().is_none() {
            let at = field.any().map_or(self.head(parent), |value| self.range(value.get()));
            self.issue(IssueKind::BadSnapshot, at, format!("there is no `{name}`"));
        }
        self.string(field, name)
    }

    /// A string of the snapshot: the document's own bytes where they hold no escape.
    fn handle(&mut self, field: Field<'a>, name: &str) -> Option<Text> {
        Some(match self.string(field, name)? {
            Cow::Borrowed(text) => self.builder.text(self.at(text)),
            Cow::Owned(text) => self.builder.pooled(&text),
        })
    }

    /// A number or a boolean; `None` for null and for what is not there.
    fn plain<T: DeserializeOwned>(&mut self, field: Field<'a>, what: &str) -> Option<T> {
        let value = field.value()?;
        let plain = serde_json::from_str(value.get()).ok();
        if plain.is_none() {
            self.wrong(value, what);
        }
        plain
    }

    /// Byte offset of a part of the text.
    fn offset(&self, part: &str) -> usize {
        (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize)
    }

    fn range(&self, part: &str) -> Range<usize> {
        let start = self.offset(part);
        start..start + part.len()
    }

    fn at(&self, part: &str) -> At {
        At::new(self.range(part))
    }

    /// The place of the first value that is there.
    fn first_at(&self, values: [Option<&RawValue>; 3]) -> At {
        values.into_iter().flatten().next().map_or_else(At::default, |value| self.at(value.get()))
    }

    /// The opening bracket of a value, for what is not in it.
    fn head(&self, value: &RawValue) -> Range<usize> {
        let start = self.offset(value.get());
        start..start + 1
    }

    fn issue(&mut self, kind: IssueKind, at: Range<usize>, message: String) {
        let at = Some(Span::new(self.builder.source(), at));
        self.issues.push(CaptureIssue { kind, at, message });
    }

    fn wrong(&mut self, value: &RawValue, must: &str) {
        let message = format!("{must}, not `{}`", quote(value.get()));
        self.issue(IssueKind::BadSnapshot, self.range(value.get()), message);
    }

    fn wrong_field(&mut self, field: Field<'a>, must: &str) {
        if let Some(value) = field.any() {
            self.wrong(value, must);
        }
    }

    fn contradiction(&mut self, reason: &RawValue) {
        let message = "a reason why something is missing stands beside its value".to_owned();
        self.issue(IssueKind::BadSnapshot, self.range(reason.get()), message);
    }

    fn twice(&mut self, value: &RawValue, key: &str) {
        let message = format!("`{}` stands twice in one object", quote(key));
        self.issue(IssueKind::BadSnapshot, self.range(value.get()), message);
    }

    fn note(&mut self, value: &RawValue, message: String) {
        self.issue(IssueKind::Ignored, self.range(value.get()), message);
    }
}

/// `10.0.0.5/24`.
fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.parse().ok().filter(|&prefix: &u8| prefix <= longest)?;
    Some((address, prefix))
}

/// A beginning of a text that fits into a message.
fn quote(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests;
