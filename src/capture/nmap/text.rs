//! `nmap -oG` (masscan writes it too) and what nmap prints.
//!
//! ```text
//! # Nmap 7.93 scan initiated Sat Jan 14 09:30:00 2023 as: nmap -oG - 192.0.2.7
//! Host: 192.0.2.7 (web1)    Ports: 22/open/tcp//ssh///, 80/closed/tcp//http///    Ignored State: filtered (998)
//! ```
//!
//! Fields of `Host:` lines stand a tab apart.

use std::net::IpAddr;
use std::ops::Range;

use super::super::document::Line;
use super::super::scan::{Found, Scan};
use super::super::{Capture, Document, IssueKind, transcript};

/// How a scan ends.
const DONE: [&str; 6] = [
    "# Nmap done",
    "Nmap done:",
    "# Masscan done",
    // Of versions before 5.
    "# Nmap run completed",
    "# Nmap finished",
    "Nmap finished:",
];

/// What stands before a host in what is printed; the second is of versions before 5.
const REPORTS: [&str; 2] = ["Nmap scan report for ", "Interesting ports on "];

/// The states of a port, as the second field of an entry or the second word of a row.
const STATES: [&str; 6] =
    ["open", "closed", "filtered", "unfiltered", "open|filtered", "closed|filtered"];

/// How many lines are looked at for a sign.
const HEAD_LINES: usize = 64;

/// Reads a text of either kind; `None` for any other text.
pub(super) fn read(document: &Document) -> Option<Vec<Capture>> {
    let head: Vec<Line<'_>> = document.lines().take(HEAD_LINES).collect();
    let sign = |line: &str| is_greppable(line) || REPORTS.iter().any(|sign| line.starts_with(sign));
    if !head.iter().any(|(_, line)| sign(line.trim_start())) || document.has_tables() {
        return None;
    }
    let scan = Scan::new(document, "nmap");
    let mut walk = Walk { scan, begun: false, done: false, lost: false, host: None };
    for line in document.lines() {
        walk.line(line);
    }
    if !walk.done || walk.lost {
        let end = document.text().trim_end().len();
        let before = document.text().get(..end).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        // A `grep Host:` leaves the last line out: what is there is a listener all the same.
        let message = "the end of the scan is not there: hosts or ports may be missing";
        walk.scan.fault(IssueKind::ToolError, start..end, message);
    }
    Some(walk.scan.captures("lines of nmap"))
}

fn is_greppable(line: &str) -> bool {
    line.starts_with("# Nmap ") && line.contains(" scan initiated ")
        || line.starts_with("# Masscan ") && line.contains(" scan initiated ")
        || host_line(line).is_some()
}

/// What follows `Host: `, and how far behind the start of the line it begins.
fn host_line(line: &str) -> Option<(usize, &str)> {
    let (skip, rest) = match line.strip_prefix("Timestamp: ") {
        Some(rest) => {
            let at = rest.find("Host: ")?;
            let skip = "Timestamp: ".len() + at;
            (skip, line.get(skip..)?)
        }
        None => (0, line),
    };
    let rest = rest.strip_prefix("Host: ")?;
    let fields = rest.contains("\tPorts: ") || rest.contains("\tStatus: ");
    fields.then_some((skip + "Host: ".len(), rest))
}

/// The entries of `Ports: `. The version in one may have a comma, and no slash: what follows a comma is the next
/// entry where it begins with a port and a state.
fn entries(mut ports: &str) -> impl Iterator<Item = &str> {
    let begins = |rest: &str| {
        let mut fields = rest.splitn(3, '/');
        let port = fields.next().is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
        port && fields.next().is_some_and(|state| STATES.contains(&state))
    };
    let mut done = false;
    std::iter::from_fn(move || {
        if done {
            return None;
        }
        let mut commas = memchr::memmem::find_iter(ports.as_bytes(), b", ");
        let end = commas.find(|at| ports.get(at + 2..).is_some_and(begins));
        let entry = ports.get(..end.unwrap_or(ports.len()))?;
        match end {
            Some(end) => ports = ports.get(end + 2..)?,
            None => done = true,
        }
        Some(entry)
    })
}

struct Walk<'a> {
    scan: Scan<'a>,
    /// A scan has begun.
    begun: bool,
    done: bool,
    /// One of several scans had no end when the next began.
    lost: bool,
    /// The host of what nmap prints, with its place.
    host: Option<(IpAddr, Range<usize>)>,
}

impl<'a> Walk<'a> {
    fn line(&mut self, (at, line): Line<'a>) {
        let skip = line.len() - line.trim_start().len();
        let (at, line) = (at + skip, line.trim_start());
        if line.starts_with("Starting Nmap ")
            || line.starts_with('#') && line.contains(" scan initiated ")
        {
            self.lost |= self.begun && !self.done;
            (self.begun, self.done) = (true, false);
        }
        if let Some((_, command)) = line.split_once(" as: ").filter(|_| line.starts_with('#')) {
            self.scan.command = Some(command.trim().to_owned());
        } else if DONE.iter().any(|end| line.starts_with(end)) {
            self.done = true;
        } else if let Some(asked) = line.strip_prefix("# Ports scanned: ") {
            self.asked(asked);
        } else if let Some((skip, rest)) = host_line(line) {
            self.greppable(at, line, skip, rest);
        } else if let Some(name) = REPORTS.iter().find_map(|sign| line.strip_prefix(sign)) {
            self.report(at + line.len() - name.len(), name.trim_end().trim_end_matches(':'));
        } else if let Some(rest) = line.strip_prefix("Not shown: ") {
            self.not_shown(at..at + line.len(), rest);
        } else if let Some(prompt) = transcript::prompt(line)
            && prompt.command.contains("nmap ")
        {
            self.scan.command = Some(prompt.command.to_owned());
        } else {
            self.printed(at, line);
        }
    }

    /// `TCP(3;22,80,443) UDP(0;) SCTP(0;) PROTOCOLS(0;)`
    fn asked(&mut self, text: &str) {
        for part in text.split_whitespace() {
            let Some((name, ports)) = part.split_once('(') else { continue };
            let ports = ports.trim_end_matches(')').split_once(';').map_or("", |(_, ports)| ports);
            if !ports.is_empty() && matches!(name, "TCP" | "UDP" | "SCTP") {
                self.scan.scanned.insert(name.to_ascii_lowercase(), ports.to_owned());
            }
        }
    }

    fn greppable(&mut self, at: usize, line: &str, skip: usize, rest: &str) {
        let row = at..at + line.trim_end().len();
        let (address, behind) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
        let bare = address.split('%').next().unwrap_or_default();
        let Ok(ip) = bare.parse::<IpAddr>() else {
            return self.scan.fault(IssueKind::RowUnread, row, "this host has no address");
        };
        let address_at = at + skip..at + skip + address.len();
        let name = behind.strip_prefix('(').and_then(|name| name.split_once(')'));
        let down = rest.contains("\tStatus: Down");
        if down {
            return;
        }
        self.scan.host(ip, address_at.clone(), name.map(|(name, _)| name));
        let mut field_at = at + skip;
        for field in rest.split('\t') {
            if let Some(ports) = field.strip_prefix("Ports: ") {
                let mut port_at = field_at + "Ports: ".len();
                for text in entries(ports) {
                    self.entry(ip, &address_at, port_at, text);
                    port_at += text.len() + ", ".len();
                }
            } else if let Some(rest) = field.strip_prefix("Ignored State: ") {
                self.ignored(ip, rest, field_at..field_at + field.len());
            }
            field_at += field.len() + 1;
        }
    }

    /// `22/open/tcp//ssh//OpenSSH 9.2/`; a slash in a field is written as `|`.
    fn entry(&mut self, ip: IpAddr, address_at: &Range<usize>, at: usize, text: &str) {
        let mut fields = text.split('/');
        let (port, state, transport) = (fields.next(), fields.next(), fields.next());
        let (Some(port), Some(state), Some(transport)) = (port, state, transport) else {
            let row = at..at + text.trim_end().len();
            return self.scan.fault(IssueKind::RowUnread, row, "this is no port of a scan");
        };
        let row = at..at + port.len() + state.len() + transport.len() + 2;
        let port_at = at..at + port.len();
        let address_at = address_at.clone();
        self.scan.port(ip, &Found { row, address_at, transport, port, port_at, state });
    }

    /// `filtered (998)`
    fn ignored(&mut self, ip: IpAddr, text: &str, at: Range<usize>) {
        let Some((state, count)) = text.trim_end().split_once(" (") else { return };
        let count = count.trim_end_matches(')').parse().unwrap_or(1);
        self.scan.not_shown(ip, state, count, &at);
    }

    /// `web1 (192.0.2.7)`, `192.0.2.7`, `web1 (192.0.2.7) [host down]`
    fn report(&mut self, at: usize, text: &str) {
        self.host = None;
        let (bare, down) = match text.split_once(" [host down") {
            Some((bare, _)) => (bare, true),
            None => (text, false),
        };
        let (name, address) = match bare.rsplit_once(" (") {
            Some((name, address)) => (Some(name), address.trim_end_matches(')')),
            None => (None, bare),
        };
        let Ok(ip) = address.split('%').next().unwrap_or_default().parse::<IpAddr>() else {
            return;
        };
        if down {
            return;
        }
        let start = at + name.map_or(0, |name| name.len() + " (".len());
        let place = start..start + address.len();
        self.scan.host(ip, place.clone(), name);
        self.host = Some((ip, place));
    }

    /// `995 closed tcp ports (reset), 3 filtered tcp ports (no-response)`, `995 closed ports`
    fn not_shown(&mut self, at: Range<usize>, text: &str) {
        let Some((ip, _)) = self.host else { return };
        for part in text.split(", ") {
            let mut words = part.split_whitespace();
            if let (Some(Ok(count)), Some(state)) = (words.next().map(str::parse), words.next()) {
                self.scan.not_shown(ip, state, count, &at);
            }
        }
    }

    /// `22/tcp open  ssh     OpenSSH 9.2`
    fn printed(&mut self, at: usize, line: &str) {
        let Some((ip, address_at)) = self.host.clone() else { return };
        let mut words = line.split_whitespace();
        let (Some(first), Some(state)) = (words.next(), words.next()) else { return };
        let Some((port, transport)) = first.split_once('/') else { return };
        if !port.bytes().all(|byte| byte.is_ascii_digit())
            || !matches!(transport, "tcp" | "udp" | "sctp")
            || !STATES.contains(&state)
        {
            return;
        }
        let row = at..at + line.trim_end().len();
        let port_at = at..at + port.len();
        self.scan.port(ip, &Found { row, address_at, transport, port, port_at, state });
    }
}
