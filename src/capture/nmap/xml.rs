//! `nmap -oX`, and masscan's XML, which has the same elements.

use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::Range;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::super::scan::{Found, Scan};
use super::super::{Capture, Document, IssueKind};

/// The host that is being read.
#[derive(Default)]
struct Host<'a> {
    ip: Option<(IpAddr, Range<usize>)>,
    name: Option<Cow<'a, str>>,
    /// The name is the one that the user typed.
    typed: bool,
    down: bool,
    ports: Vec<Port<'a>>,
    extra: Vec<(String, u64, Range<usize>)>,
}

struct Port<'a> {
    row: Range<usize>,
    transport: Cow<'a, str>,
    number: Cow<'a, str>,
    number_at: Range<usize>,
    state: Cow<'a, str>,
}

/// Attributes of an element, with their places in the text.
struct Attributes<'a> {
    text: &'a str,
    found: Vec<(String, Cow<'a, str>, Range<usize>)>,
}

impl<'a> Attributes<'a> {
    fn of(text: &'a str, element: &BytesStart<'a>) -> Self {
        let mut found = Vec::new();
        for attribute in element.attributes().with_checks(false).flatten() {
            let raw: &str = &attribute.value;
            let start = (raw.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
            let range = start..start + raw.len();
            let value = match attribute.normalized_value(XmlVersion::Implicit1_0) {
                Ok(value) => value.into_owned(),
                Err(_) => raw.to_owned(),
            };
            let value = match text.get(range.clone()) {
                Some(own) if own == value => Cow::Borrowed(own),
                _ => Cow::Owned(value),
            };
            found.push((attribute.key.as_ref().to_owned(), value, range));
        }
        Self { text, found }
    }

    fn get(&self, name: &str) -> Option<(&Cow<'a, str>, Range<usize>)> {
        let found = self.found.iter().find(|(key, ..)| key == name)?;
        let inside = self.text.get(found.2.clone()).is_some();
        inside.then(|| (&found.1, found.2.clone()))
    }

    fn value(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).map(|(value, _)| value.clone())
    }
}

/// Reads a text that holds `<nmaprun`; `None` where that is no element.
pub(super) fn read(document: &Document) -> Option<Vec<Capture>> {
    let text = document.text();
    let start = text.find('<').filter(|&start| {
        // Prompts may stand before; a transcript with `<nmaprun` in it does not begin with a tag.
        text.get(..start).is_some_and(|before| before.lines().count() < 4)
    })?;
    let mut walk =
        Walk { text, scan: Scan::new(document, "nmap"), host: None, seen: false, finished: false };
    let body = text.get(start..)?;
    let mut reader = Reader::from_str(body);
    let mut from = start;
    loop {
        let event = reader.read_event();
        let to = usize::try_from(reader.buffer_position()).map_or(text.len(), |at| start + at);
        match event {
            Ok(Event::Start(element)) => walk.open(&element, from..to, false),
            Ok(Event::Empty(element)) => walk.open(&element, from..to, true),
            Ok(Event::End(element)) => walk.close(element.name().as_ref()),
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(_) => {
                walk.broken(from);
                break;
            }
        }
        from = to;
    }
    walk.seen.then(|| walk.finish())
}

struct Walk<'a> {
    text: &'a str,
    scan: Scan<'a>,
    host: Option<Host<'a>>,
    seen: bool,
    finished: bool,
}

impl<'a> Walk<'a> {
    fn open(&mut self, element: &BytesStart<'a>, row: Range<usize>, empty: bool) {
        let name = element.name();
        let attributes = Attributes::of(self.text, element);
        match name.as_ref() {
            "nmaprun" => {
                // Several scans in one file (`--append-output`): each has an end of its own.
                if self.seen && !self.finished {
                    let message = "the scan before this one is cut off: it has no `finished`";
                    self.scan.fault(IssueKind::CutOff, row, message);
                }
                self.end_host();
                (self.seen, self.finished) = (true, false);
                self.scan.command = attributes.value("args").map(Cow::into_owned);
            }
            "scaninfo" => self.scaninfo(&attributes),
            "host" => {
                // A host that is still open was not closed: its ports count all the same.
                self.end_host();
                self.host = Some(Host::default());
            }
            "finished" => {
                self.finished = true;
                if attributes.value("exit").is_some_and(|exit| exit != "success") {
                    self.scan.fault(IssueKind::ToolError, row, "the scan ended with an error");
                }
            }
            name => self.in_host(name, &attributes, row),
        }
        if empty {
            self.close(name.as_ref());
        }
    }

    /// Several scans of one protocol (`-sS -sV`) ask for the same ports.
    fn scaninfo(&mut self, attributes: &Attributes<'a>) {
        if let (Some(protocol), Some(services)) =
            (attributes.value("protocol"), attributes.value("services"))
        {
            self.scan.scanned.entry(protocol.into_owned()).or_insert(services.into_owned());
        }
    }

    fn in_host(&mut self, name: &str, attributes: &Attributes<'a>, row: Range<usize>) {
        let Some(host) = self.host.as_mut() else { return };
        match name {
            "status" => host.down = attributes.value("state").is_some_and(|state| state == "down"),
            "address" => {
                if let Some((address, at)) = attributes.get("addr")
                    && let Ok(ip) = address.split('%').next().unwrap_or_default().parse()
                    && host.ip.is_none()
                {
                    host.ip = Some((ip, at));
                }
            }
            "hostname" => {
                let typed = attributes.value("type").is_some_and(|kind| kind == "user");
                if host.name.is_none() || typed && !host.typed {
                    host.name = attributes.value("name");
                    host.typed = typed;
                }
            }
            "port" => {
                let (number, number_at) = match attributes.get("portid") {
                    Some((number, at)) => (number.clone(), at),
                    None => ("".into(), row.clone()),
                };
                let transport = attributes.value("protocol").unwrap_or_default();
                host.ports.push(Port { row, transport, number, number_at, state: "".into() });
            }
            "state" => {
                if let (Some(port), Some(state)) =
                    (host.ports.last_mut(), attributes.value("state"))
                {
                    port.state = state;
                    port.row.end = row.end;
                }
            }
            "extraports" => {
                let count = attributes.value("count").and_then(|count| count.parse().ok());
                if let (Some(state), Some(count)) = (attributes.value("state"), count) {
                    host.extra.push((state.into_owned(), count, row));
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        if name == "host" {
            self.end_host();
        }
    }

    fn end_host(&mut self) {
        let Some(host) = self.host.take() else { return };
        let Some((ip, at)) = host.ip else { return };
        if host.down && host.ports.is_empty() {
            return;
        }
        self.scan.host(ip, at.clone(), host.name.as_deref());
        for port in &host.ports {
            let found = Found {
                row: port.row.clone(),
                address_at: at.clone(),
                transport: &port.transport,
                port: &port.number,
                port_at: port.number_at.clone(),
                state: &port.state,
            };
            self.scan.port(ip, &found);
        }
        for (state, count, at) in &host.extra {
            self.scan.not_shown(ip, state, *count, at);
        }
    }

    fn broken(&mut self, at: usize) {
        let line = self.text.get(at..).and_then(|rest| rest.lines().next()).map_or(0, str::len);
        let end = at + line;
        let rest = self.text.get(end..).unwrap_or_default();
        if !rest.trim().is_empty() {
            let message = "the XML is broken here";
            self.scan.fault(IssueKind::RowUnread, at..end, message);
            self.finished = true;
        }
    }

    fn finish(mut self) -> Vec<Capture> {
        self.end_host();
        if !self.finished {
            let end = self.text.trim_end().len();
            let start =
                self.text.get(..end).and_then(|text| text.rfind('\n')).map_or(0, |at| at + 1);
            let message = "the scan is cut off: it has no `finished`";
            self.scan.fault(IssueKind::CutOff, start..end, message);
        }
        self.scan.captures("`<nmaprun>` of nmap's XML")
    }
}
