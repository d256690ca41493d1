//! Results of masscan: JSON (`-oJ`, `-oD`), list (`-oL`) and what it prints.
//!
//! ```text
//! #masscan
//! open tcp 80 192.0.2.7 1390380064
//! # end
//! ```
//!
//! masscan asks some ports of many addresses once and lists those that answered, so it proves
//! presence only. Its JSON is not always whole: older versions end it with `{finished: 1}`. NDJSON (`-oD`) has a
//! record a line, with one port beside the address and what was met of it in `data`.
//! Source: masscan, src/out-json.c, src/out-ndjson.c and src/out-text.c.

use std::net::IpAddr;

use super::document::Line;
use super::scan::{Found, Scan};
use super::tree::{Tree, Value};
use super::{Capture, CaptureFormat, Document, IssueKind, json};

/// How many lines are looked at for a sign.
const HEAD_LINES: usize = 64;

/// The format `masscan`.
pub struct Masscan;

impl CaptureFormat for Masscan {
    fn name(&self) -> &'static str {
        "masscan"
    }

    fn about(&self) -> &'static str {
        "scans of masscan: JSON and lists"
    }

    fn document(&self, document: &Document) -> Option<Vec<Capture>> {
        let keys: [&[&str]; 3] = [&["ports", "port"], &["proto"], &["ip"]];
        if keys.iter().all(|keys| document.holds_key(keys)) {
            return from_json(document);
        }
        let mut head = document.lines().take(HEAD_LINES).map(|(_, line)| line.trim_start());
        let sign = |line: &str| line == "#masscan" || line.starts_with("Discovered open port ");
        if !head.any(sign) || document.has_tables() {
            return None;
        }
        from_list(document)
    }
}

/// A record for each address and port.
fn from_json(document: &Document) -> Option<Vec<Capture>> {
    let mut scan = Scan::new(document, "masscan");
    let mut met = false;
    let values = document.json_values();
    let whole = values.iter().any(|(value, _)| value.all().any(|value| record(value).is_some()));
    if whole {
        for value in values.iter().flat_map(|(value, _)| value.all()) {
            met |= add(&mut scan, value);
        }
        let captures = scan.captures("records of masscan's JSON");
        let end = |text: &str| text.starts_with("finished");
        return met.then(|| document.finish_but(captures, end));
    }
    // The whole is no JSON; each record stands on a line of its own.
    for (at, line) in document.lines() {
        let body = line.trim_start();
        let start = at + line.len() - body.len();
        if !body.starts_with("{ ") && !body.starts_with("{\"") && !body.starts_with("{\t") {
            continue;
        }
        let mut tree = Tree::default();
        match json::read(document.text(), start, &mut tree) {
            Ok((index, _)) => met |= add(&mut scan, tree.value(document.text(), index)),
            Err(broken) => scan.fault(IssueKind::RowUnread, broken.at, &broken.message),
        }
    }
    met.then(|| scan.captures("records of masscan's JSON"))
}

/// The address and the ports of a record.
fn record(value: Value<'_>) -> Option<(Value<'_>, Vec<Value<'_>>)> {
    let ip = value.get(&["ip"])?;
    let ports: Vec<_> = match value.get(&["ports"]) {
        Some(ports) => ports.items().collect(),
        None => vec![value.get(&["rec_type"]).map(|_| value)?],
    };
    ports.first()?.get(&["proto"])?;
    Some((ip, ports))
}

fn add(scan: &mut Scan<'_>, value: Value<'_>) -> bool {
    let Some((ip_value, ports)) = record(value) else { return false };
    let Some(ip) = ip_value.string().and_then(|ip| ip.parse::<IpAddr>().ok()) else {
        scan.fault(IssueKind::RowUnread, value.range(), "this record has no address");
        return true;
    };
    for port in ports {
        let Some(number) = port.get(&["port"]) else { continue };
        // Without a status: banners, and versions that list what is open only.
        let data = port.get(&["data"]);
        let status = port.get(&["status"]).or_else(|| data.and_then(|data| data.get(&["status"])));
        let state = status.and_then(Value::string).unwrap_or("open".into());
        let banner =
            port.has("service") || port.get(&["rec_type"]).is_some_and(|kind| !kind.is("status"));
        if banner {
            continue;
        }
        let found = Found {
            row: port.range(),
            address_at: ip_value.range(),
            transport: &port.get(&["proto"]).and_then(Value::string).unwrap_or_default(),
            port: &number.scalar().unwrap_or_default(),
            port_at: number.range(),
            state: &state,
        };
        scan.port(ip, &found);
    }
    true
}

fn from_list(document: &Document) -> Option<Vec<Capture>> {
    let mut scan = Scan::new(document, "masscan");
    let mut met = false;
    for line in document.lines() {
        met |= row(&mut scan, line).is_some();
    }
    met.then(|| scan.captures("lines of masscan"))
}

/// `open tcp 80 192.0.2.7 1390380064`, `Discovered open port 80/tcp on 192.0.2.7`
fn row(scan: &mut Scan<'_>, (at, line): Line<'_>) -> Option<()> {
    let place = |part: &str| {
        let start = (part.as_ptr() as usize).saturating_sub(line.as_ptr() as usize);
        at + start..at + start + part.len()
    };
    let row = at..at + line.trim_end().len();
    let (state, transport, port, address) =
        match line.trim_start().strip_prefix("Discovered open port ") {
            Some(rest) => {
                let (port, rest) = rest.split_once('/')?;
                let (transport, address) = rest.split_once(" on ")?;
                ("open", transport, port, address.trim())
            }
            None => {
                let mut words = line.split_whitespace();
                let (state, transport) = (words.next()?, words.next()?);
                (matches!(state, "open" | "closed") && transport.len() <= 4).then_some(())?;
                (state, transport, words.next()?, words.next()?)
            }
        };
    match address.parse::<IpAddr>() {
        Ok(ip) => {
            let (address_at, port_at) = (place(address), place(port));
            scan.port(ip, &Found { row, address_at, transport, port, port_at, state });
        }
        Err(_) => scan.fault(IssueKind::RowUnread, row, "this row has no address"),
    }
    Some(())
}
