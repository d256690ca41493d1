//! `list -f human`: a readable `ss`, most exposed first.
//!
//! ```text
//! db1 (ss, db1.txt)
//!
//! SCOPE     ENDPOINT        TRANSPORT  OWNER       LINE
//! wildcard  0.0.0.0:22      tcp        sshd (812)     4
//! loopback  127.0.0.1:5432  tcp        ? [1]          5
//!
//! 2 listeners: 1 wildcard, 1 loopback
//! Coverage: TCP: proven; UDP: not covered [2]; SCTP, DCCP, UDP-Lite, raw: not covered
//!
//! [1] the owner of a socket is not shown: another user's process, or the kernel
//!     capture as root: `sudo ss -lntup`
//! [2] the evidence does not cover this transport
//!     capture it too: `ss -lntup` lists TCP and UDP
//! ```
//!
//! What is not known is `?` with a note that says why and what supplies it, and every listing says
//! what it covers: an empty one proves nothing by itself.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv6Addr};

use unicode_width::UnicodeWidthStr as _;

use super::{Listing, Style};
use crate::address::Scope;
use crate::capture::cure;
use crate::safe;
use crate::snapshot::{
    Address, Cell, Device, Family, Owner, Port, Snapshot, Socket, Transport, Vantage,
};
use crate::style::{
    GAP, NARROWEST, PADDED, Paint, cut, pad, push_blanks, push_padded, right, width, wrap,
};
use crate::truth::Missing;

/// Under so many columns for endpoint and owner together, a row takes two lines.
const TIGHT: usize = 34;

/// For people.
#[derive(Debug)]
pub struct Human;

impl Listing for Human {
    fn name(&self) -> &'static str {
        "human"
    }

    fn about(&self) -> &'static str {
        "tables for people, most exposed first"
    }

    fn write(
        &self,
        out: &mut dyn io::Write,
        snapshots: &[&Snapshot],
        style: &Style,
    ) -> io::Result<()> {
        for (index, snapshot) in snapshots.iter().enumerate() {
            let mut page = Page::new(style);
            if index > 0 {
                page.line(&[]);
            }
            page.snapshot(snapshot, out)?;
            page.flush(out)?;
        }
        Ok(())
    }
}

/// How a scope is shown.
pub(crate) fn paint(scope: Option<Scope>) -> Paint {
    match scope {
        None => Paint::Magenta,
        Some(Scope::Wildcard | Scope::Public) => Paint::Red,
        Some(Scope::Loopback) => Paint::Green,
        Some(
            Scope::LinkLocal | Scope::Private | Scope::Shared | Scope::Multicast | Scope::Broadcast,
        ) => Paint::Yellow,
    }
}

/// One row of a table; all texts are harmless.
struct Row {
    scope: Option<Scope>,
    /// Address, device and port.
    endpoint: String,
    /// What `::` lets in besides, or the marks of what is not known.
    endpoint_mark: String,
    transport: &'static str,
    /// What holds the socket, one item each, and the mark of what is not known of it.
    owners: Vec<String>,
    owner_mark: String,
    line: String,
}

impl Row {
    fn endpoint_width(&self) -> usize {
        width(&self.endpoint) + width(&self.endpoint_mark)
    }

    /// All owners and the mark.
    fn whole_owners(&self) -> Cow<'_, str> {
        match (self.owners.as_slice(), self.owner_mark.as_str()) {
            ([one], "") => Cow::Borrowed(one),
            (owners, mark) => Cow::Owned(owners.join(", ") + mark),
        }
    }

    /// The endpoint in at most `width` columns, with its marks where there is room for both.
    fn fit_endpoint(&self, width: usize) -> String {
        let mark = &self.endpoint_mark;
        match width.checked_sub(mark.width()) {
            Some(room) if room >= 8 || self.endpoint_width() <= width => {
                cut(&self.endpoint, room) + mark
            }
            _ => cut(&format!("{}{mark}", self.endpoint), width),
        }
    }

    /// The owners in at most `width` columns: as many as there is room for, the number of the others, and
    /// the mark.
    fn fit_owners(&self, width: usize) -> String {
        let mark = &self.owner_mark;
        let whole = self.owners.join(", ") + mark;
        if whole.width() <= width {
            return whole;
        }
        // No more items than columns can fit; a hostile row may have many thousands.
        for shown in (1..self.owners.len().min(width)).rev() {
            let head = self.owners.get(..shown).unwrap_or_default().join(", ");
            let fitting = format!("{head} +{}{mark}", self.owners.len() - shown);
            if fitting.width() <= width {
                return fitting;
            }
        }
        let tail = match self.owners.len() {
            0 | 1 => mark.clone(),
            count => format!(" +{}{mark}", count - 1),
        };
        let first = self.owners.first().map_or("", String::as_str);
        match width.checked_sub(tail.width()) {
            Some(room) if room >= 2 => cut(first, room) + &tail,
            _ => cut(&whole, width),
        }
    }
}

/// How wide the cells of a table are. Rows are made twice, to be measured and to be written: all of
/// them at once would take several times the memory of the capture.
#[derive(Default)]
struct Widths {
    scope: usize,
    endpoint: usize,
    transport: usize,
    owner: usize,
    line: usize,
    /// Every width of an endpoint.
    endpoints: BTreeSet<usize>,
}

impl Widths {
    fn add(&mut self, row: &Row) {
        let owner: usize = row.owners.iter().map(|owner| width(owner) + ", ".len()).sum();
        let owner = owner.saturating_sub(", ".len()) + width(&row.owner_mark);
        let endpoint = row.endpoint_width();
        self.scope = self.scope.max(width(scope_text(row.scope)));
        self.endpoint = self.endpoint.max(endpoint);
        self.transport = self.transport.max(width(row.transport));
        self.owner = self.owner.max(owner);
        self.line = self.line.max(width(&row.line));
        if !self.endpoints.contains(&endpoint) {
            self.endpoints.insert(endpoint);
        }
    }
}

/// How much text is gathered before it is written, in bytes.
const CHUNK: usize = 1 << 16;

/// Widths of the columns of a table.
struct Columns {
    scope: usize,
    endpoint: usize,
    transport: usize,
    owner: usize,
    line: usize,
    /// The owner is cut to its column, not only padded.
    cut: bool,
    /// Each row takes two lines.
    stacked: bool,
}

/// The text of one snapshot.
struct Page {
    text: String,
    width: Option<usize>,
    colour: bool,
    /// Reasons in the order in which they were met; the first is note 1.
    notes: Vec<Missing>,
}

impl Page {
    fn new(style: &Style) -> Self {
        Self {
            text: String::new(),
            width: style.width.map(|width| width.max(NARROWEST)),
            colour: style.colour,
            notes: Vec::new(),
        }
    }

    /// Writes one line of painted pieces, without blanks at its end.
    fn line(&mut self, pieces: &[(Paint, &str)]) {
        crate::style::line(&mut self.text, self.colour, pieces);
    }

    /// Writes a text, broken between words where the width asks for it.
    fn paragraph(&mut self, paint: Paint, first: &str, next: &str, text: &str) {
        for line in wrap(first, next, text, self.width) {
            self.line(&[(paint, &line)]);
        }
    }

    /// ` [1]`, which the note of that number explains.
    fn mark(&mut self, reason: Missing) -> String {
        let index = self.notes.iter().position(|&known| known == reason).unwrap_or_else(|| {
            self.notes.push(reason);
            self.notes.len() - 1
        });
        format!(" [{}]", index + 1)
    }

    /// Writes what was gathered.
    fn flush(&mut self, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(self.text.as_bytes())?;
        self.text.clear();
        Ok(())
    }

    fn snapshot(&mut self, snapshot: &Snapshot, out: &mut dyn io::Write) -> io::Result<()> {
        self.paragraph(Paint::Bold, "", "  ", &heading(snapshot));
        self.line(&[]);
        for (netns, sockets) in sections(snapshot) {
            if let Some(netns) = netns {
                let text = format!("network namespace {}", safe::line(netns));
                self.paragraph(Paint::Bold, "", "  ", &text);
            }
            self.table(snapshot, &sockets, out)?;
            self.line(&[]);
        }
        self.paragraph(Paint::Plain, "", "  ", &summary(snapshot));
        let coverage = self.coverage(snapshot);
        self.paragraph(Paint::Plain, "", "  ", &coverage);
        if let Some(presumed) = presumed(snapshot) {
            self.paragraph(Paint::Plain, "", "  ", &presumed);
        }
        // A format without devices lacks them in every row: said once, not marked in each.
        let mut devices: Vec<Missing> = Vec::new();
        for socket in snapshot.sockets() {
            if let Device::Missing(reason) = socket.device
                && !devices.contains(&reason)
            {
                devices.push(reason);
            }
        }
        if !devices.is_empty() {
            let marks: String = devices.into_iter().map(|reason| self.mark(reason)).collect();
            let text = format!("Bound devices: not all known{marks}");
            self.paragraph(Paint::Plain, "", "  ", &text);
        }
        self.notes(snapshot);
        Ok(())
    }

    fn notes(&mut self, snapshot: &Snapshot) {
        if !self.notes.is_empty() {
            self.line(&[]);
        }
        for (index, reason) in std::mem::take(&mut self.notes).into_iter().enumerate() {
            let mark = format!("[{}] ", index + 1);
            let indent = " ".repeat(mark.len());
            self.paragraph(Paint::Plain, &mark, &indent, reason.what());
            self.paragraph(Paint::Dim, &indent, &indent, cure(snapshot, reason));
        }
    }

    fn row(&mut self, snapshot: &Snapshot, socket: &Socket) -> Row {
        let mut mark = match (socket.address, socket.v6only) {
            (Address::Ip(IpAddr::V6(Ipv6Addr::UNSPECIFIED)), None) => self.mark(Missing::DualStack),
            (Address::Ip(IpAddr::V6(Ipv6Addr::UNSPECIFIED)), Some(false)) => {
                " (and IPv4)".to_owned()
            }
            (Address::Ip(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) | Address::Dual, Some(true)) => {
                " (IPv6 only)".to_owned()
            }
            (Address::Star, _) => self.mark(Missing::AddressStar),
            (Address::Reached(_), _) => self.mark(Missing::SeenFromOutside),
            (Address::Missing(reason), _) => self.mark(reason),
            (Address::Ip(_) | Address::Dual, _) => String::new(),
        };
        if let Port::Missing(reason) = socket.port {
            mark += &self.mark(reason);
        }
        Row {
            scope: socket.scope(),
            endpoint: harmless(snapshot.endpoint(socket)),
            endpoint_mark: mark,
            transport: if socket.mptcp { "mptcp" } else { socket.transport.name() },
            owners: owners(snapshot, socket),
            owner_mark: socket.owners_missing.map_or_else(String::new, |reason| self.mark(reason)),
            line: snapshot.line(socket).to_string(),
        }
    }

    fn table(
        &mut self,
        snapshot: &Snapshot,
        sockets: &[&Socket],
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        if sockets.is_empty() {
            return Ok(());
        }
        let mut widths = Widths::default();
        for socket in sockets {
            widths.add(&self.row(snapshot, socket));
        }
        let columns = columns(&widths, self.width);
        if !columns.stacked {
            self.header(&columns);
        }
        for socket in sockets {
            let row = self.row(snapshot, socket);
            match columns.stacked {
                true => self.stacked(&row, &columns),
                false => self.wide(&row, &columns),
            }
            if self.text.len() > CHUNK {
                self.flush(out)?;
            }
        }
        Ok(())
    }

    fn header(&mut self, columns: &Columns) {
        let header = [
            pad("SCOPE", columns.scope),
            pad("ENDPOINT", columns.endpoint),
            pad("TRANSPORT", columns.transport),
            pad("OWNER", columns.owner),
            right("LINE", columns.line),
        ];
        self.line(&[(Paint::Dim, &header.join(GAP))]);
    }

    fn wide(&mut self, row: &Row, columns: &Columns) {
        if !self.colour && !columns.cut {
            return self.plain(row, columns);
        }
        let scope = pad(scope_text(row.scope), columns.scope);
        let colour = paint(row.scope);
        let fits = row.endpoint_width() <= columns.endpoint;
        let endpoint = pad(&row.fit_endpoint(usize::MAX), columns.endpoint);
        let owner = match columns.cut {
            true => row.fit_owners(columns.owner),
            false => row.fit_owners(usize::MAX),
        };
        let owner = pad(&owner, columns.owner);
        let line = right(&row.line, columns.line);
        let transport = pad(row.transport, columns.transport);
        if fits || !columns.cut {
            return self.line(&[
                (colour, &scope),
                (Paint::Plain, GAP),
                (Paint::Plain, &endpoint),
                (Paint::Plain, GAP),
                (Paint::Plain, &transport),
                (Paint::Plain, GAP),
                (Paint::Plain, &owner),
                (Paint::Plain, GAP),
                (Paint::Dim, &line),
            ]);
        }
        // An endpoint that is wider than its column has a line for itself.
        let room = self.width.unwrap_or(usize::MAX).saturating_sub(columns.scope + GAP.len());
        let endpoint = row.fit_endpoint(room);
        self.line(&[(colour, &scope), (Paint::Plain, GAP), (Paint::Plain, &endpoint)]);
        let indent = " ".repeat(columns.scope + columns.endpoint + 2 * GAP.len());
        self.line(&[
            (Paint::Plain, &indent),
            (Paint::Plain, &transport),
            (Paint::Plain, GAP),
            (Paint::Plain, &owner),
            (Paint::Plain, GAP),
            (Paint::Dim, &line),
        ]);
    }

    /// The same without colours and of any width: written at once.
    fn plain(&mut self, row: &Row, columns: &Columns) {
        let text = &mut self.text;
        push_padded(text, scope_text(row.scope), columns.scope);
        text.push_str(GAP);
        text.push_str(&row.endpoint);
        text.push_str(&row.endpoint_mark);
        push_blanks(text, columns.endpoint.saturating_sub(row.endpoint_width()));
        text.push_str(GAP);
        push_padded(text, row.transport, columns.transport);
        text.push_str(GAP);
        push_padded(text, &row.whole_owners(), columns.owner);
        text.push_str(GAP);
        push_blanks(text, columns.line.saturating_sub(row.line.len()));
        text.push_str(&row.line);
        text.push('\n');
    }

    /// A row of two lines, for narrow screens.
    fn stacked(&mut self, row: &Row, columns: &Columns) {
        let width = self.width.unwrap_or(usize::MAX);
        let scope = pad(scope_text(row.scope), columns.scope);
        let transport = pad(row.transport, columns.transport);
        let used = columns.scope + columns.transport + 2 * GAP.len();
        let endpoint = row.fit_endpoint(width.saturating_sub(used));
        self.line(&[
            (paint(row.scope), &scope),
            (Paint::Plain, GAP),
            (Paint::Plain, &transport),
            (Paint::Plain, GAP),
            (Paint::Plain, &endpoint),
        ]);
        let line = format!("line {}", row.line);
        let room = width.saturating_sub(2 * GAP.len() + line.width());
        let owner = row.fit_owners(room);
        self.line(&[
            (Paint::Plain, GAP),
            (Paint::Plain, &owner),
            (Paint::Plain, GAP),
            (Paint::Dim, &line),
        ]);
    }

    /// What the evidence covers; transports of which the same is known stand together.
    fn coverage(&mut self, snapshot: &Snapshot) -> String {
        let mut groups: Vec<(Vec<&str>, String)> = Vec::new();
        for transport in Transport::ALL {
            let [v4, v6] = Family::ALL.map(|family| snapshot.coverage.get(transport, family));
            let text = match (v4, v6) {
                // Few captures hold these, and the cure of the note is none for them.
                (
                    Cell::Absent(Missing::TransportNotShown),
                    Cell::Absent(Missing::TransportNotShown),
                ) if !matches!(transport, Transport::Tcp | Transport::Udp) => {
                    "not covered".to_owned()
                }
                (v4, v6) if v4 == v6 => self.cell(v4),
                (v4, v6) => format!("{} for IPv4, {} for IPv6", self.cell(v4), self.cell(v6)),
            };
            match groups.iter_mut().find(|(_, known)| *known == text) {
                Some((transports, _)) => transports.push(transport_title(transport)),
                None => groups.push((vec![transport_title(transport)], text)),
            }
        }
        let groups: Vec<String> = groups
            .into_iter()
            .map(|(transports, text)| format!("{}: {text}", transports.join(", ")))
            .collect();
        format!("Coverage: {}", groups.join("; "))
    }

    fn cell(&mut self, cell: Cell) -> String {
        match cell {
            Cell::Proven => "proven".to_owned(),
            Cell::Presumed => "presumed".to_owned(),
            Cell::Absent(reason) => format!("not covered{}", self.mark(reason)),
        }
    }
}

/// The text, with what could harm made visible.
fn harmless(text: String) -> String {
    match safe::line(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(harmless) => harmless,
    }
}

/// Host and evidence.
pub(crate) fn heading(snapshot: &Snapshot) -> String {
    let origin = &snapshot.origin;
    let path = match origin.path.as_str() {
        "-" => "standard input".into(),
        path => safe::line(path),
    };
    let mut about = Vec::new();
    if !origin.format.is_empty() {
        about.push(safe::line(&origin.format));
    }
    let title = match &snapshot.host.name {
        Some(name) => {
            about.push(path);
            safe::line(name)
        }
        None => {
            about.push("host name not known".into());
            path
        }
    };
    if origin.vantage != Vantage::Observed {
        about.push(origin.vantage.name().into());
    }
    if let Some(moment) = &origin.captured_at {
        about.push(safe::line(moment));
    }
    format!("{title} ({})", about.join(", "))
}

/// The sockets of each network namespace, most exposed first. The name is left out when the evidence
/// names none.
fn sections(snapshot: &Snapshot) -> Vec<(Option<&str>, Vec<&Socket>)> {
    let mut sections: Vec<(Option<&str>, Vec<&Socket>)> = Vec::new();
    for socket in snapshot.sockets() {
        let netns = snapshot.details(socket).netns.map(|name| snapshot.text(name));
        match sections.iter_mut().find(|(known, _)| *known == netns) {
            Some((_, sockets)) => sockets.push(socket),
            None => sections.push((netns, vec![socket])),
        }
    }
    if sections.len() > 1 {
        for (netns, _) in &mut sections {
            netns.get_or_insert("not named");
        }
    }
    for (_, sockets) in &mut sections {
        let mut keyed: Vec<(Order, &Socket)> =
            sockets.iter().map(|&socket| (order(socket), socket)).collect();
        // The text of an endpoint is made where nothing else tells two sockets apart.
        keyed.sort_by(|(a, first), (b, second)| {
            let endpoints = || snapshot.endpoint(first).cmp(&snapshot.endpoint(second));
            a.cmp(b).then_with(endpoints)
        });
        sockets.clear();
        sockets.extend(keyed.into_iter().map(|(_, socket)| socket));
    }
    sections
}

/// What rows are ordered by before their endpoints: exposure, whether the port is missing, port and
/// transport.
type Order = (u8, bool, u16, Transport);

fn order(socket: &Socket) -> Order {
    let (missing, port) = match socket.port {
        Port::Number(port) => (false, port),
        Port::Missing(_) => (true, 0),
    };
    (exposure(socket.scope()), missing, port, socket.transport)
}

/// Whom a scope lets in, most first. An address that is not known may be any.
pub(crate) fn exposure(scope: Option<Scope>) -> u8 {
    match scope {
        Some(Scope::Wildcard) => 0,
        Some(Scope::Public) => 1,
        None => 2,
        Some(Scope::Shared) => 3,
        Some(Scope::Private) => 4,
        Some(Scope::LinkLocal) => 5,
        Some(Scope::Multicast) => 6,
        Some(Scope::Broadcast) => 7,
        Some(Scope::Loopback) => 8,
    }
}

pub(crate) fn scope_text(scope: Option<Scope>) -> &'static str {
    scope.map_or("?", Scope::name)
}

fn transport_title(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "TCP",
        Transport::Udp => "UDP",
        Transport::Sctp => "SCTP",
        Transport::Dccp => "DCCP",
        Transport::Udplite => "UDP-Lite",
        Transport::Raw => "raw",
    }
}

/// How many listeners there are, by scope.
fn summary(snapshot: &Snapshot) -> String {
    let count = snapshot.sockets().len();
    if count == 0 {
        let what = match snapshot.coverage.is_absent() {
            true => "No listeners in this evidence, which covers nothing: some may exist",
            false => "No listeners in this evidence",
        };
        return what.to_owned();
    }
    let mut counts = [0_usize; 9];
    let mut names = [""; 9];
    for socket in snapshot.sockets() {
        let scope = socket.scope();
        let rank = usize::from(exposure(scope));
        if let (Some(count), Some(name)) = (counts.get_mut(rank), names.get_mut(rank)) {
            *count += 1;
            *name = scope.map_or("of unknown scope", Scope::name);
        }
    }
    let parts: Vec<String> = counts
        .into_iter()
        .zip(names)
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    let noun = if count == 1 { "listener" } else { "listeners" };
    format!("{count} {noun}: {}", parts.join(", "))
}

/// What the rows show that the evidence does not say outright.
fn presumed(snapshot: &Snapshot) -> Option<String> {
    let count =
        |is: fn(&Socket) -> bool| snapshot.sockets().iter().filter(|socket| is(socket)).count();
    let mut parts = Vec::new();
    match count(|socket| socket.port_resolved) {
        0 => {}
        1 => parts.push("1 port, read from a service name".to_owned()),
        ports => parts.push(format!("{ports} ports, read from service names")),
    }
    match count(|socket| socket.transport_inferred) {
        0 => {}
        1 => parts.push("1 transport, told by the layout".to_owned()),
        transports => parts.push(format!("{transports} transports, told by the layout")),
    }
    match count(|socket| socket.transport_unknown) {
        0 => {}
        1 => parts.push("1 transport, which the evidence does not tell".to_owned()),
        transports => {
            parts.push(format!("{transports} transports, which the evidence does not tell"));
        }
    }
    (!parts.is_empty()).then(|| format!("Presumed: {}", parts.join("; ")))
}

/// What holds a socket: each process name once, with its pid or the number of its processes; what
/// else is known where no process is.
pub(crate) fn owners(snapshot: &Snapshot, socket: &Socket) -> Vec<String> {
    let details = snapshot.details(socket);
    if let [Owner { name: Some(name), pid: Some(pid), .. }] = snapshot.owners(socket)
        && details.container.is_none()
        && !snapshot.text(*name).is_empty()
    {
        return vec![format!("{} ({pid})", safe::line(snapshot.text(*name)))];
    }
    let mut names: Vec<(Option<&str>, Vec<u32>)> = Vec::new();
    for owner in snapshot.owners(socket) {
        let name = owner.name.map(|name| snapshot.text(name));
        let at = names.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            names.push((name, Vec::new()));
            names.len() - 1
        });
        if let (Some((_, pids)), Some(pid)) = (names.get_mut(at), owner.pid) {
            pids.push(pid);
        }
    }
    let mut items = Vec::new();
    for (name, mut pids) in names {
        pids.sort_unstable();
        pids.dedup();
        let name = match name {
            None => "?".into(),
            Some("") => "\"\"".into(),
            Some(name) => safe::line(name),
        };
        items.push(match pids.as_slice() {
            [] => name.into_owned(),
            [pid] => format!("{name} ({pid})"),
            pids => format!("{name} ×{}", pids.len()),
        });
    }
    let text = |text| safe::line(snapshot.text(text));
    if items.is_empty() {
        let process = if socket.owners_missing.is_some() { "?" } else { "none" };
        let user = match (details.user, details.uid) {
            (Some(user), _) => Some(format!("user {}", text(user))),
            (None, Some(uid)) => Some(format!("uid {uid}")),
            (None, None) => None,
        };
        let mut rest =
            details.unit.map(|unit| format!("unit {}", text(unit))).into_iter().chain(user);
        items.push(match rest.next() {
            Some(first) => format!("{process} ({first})"),
            None => process.to_owned(),
        });
        items.extend(rest);
    }
    if let Some(container) = details.container {
        items.push(format!("container {}", text(container)));
    }
    items
}

/// The widths of the columns for cells of these widths.
fn columns(widths: &Widths, width: Option<usize>) -> Columns {
    let scope = widths.scope.max("SCOPE".len());
    let transport = widths.transport.max("TRANSPORT".len());
    let line = widths.line.max("LINE".len());
    let endpoint = widths.endpoint.max("ENDPOINT".len());
    let owner = widths.owner.max("OWNER".len());
    let Some(width) = width else {
        let (endpoint, owner) = (endpoint.min(PADDED), owner.min(PADDED));
        return Columns { scope, endpoint, transport, owner, line, cut: false, stacked: false };
    };
    let room = width.saturating_sub(scope + transport + line + 4 * GAP.len());
    if room < TIGHT {
        let transport = widths.transport;
        return Columns { scope, endpoint, transport, owner, line, cut: true, stacked: true };
    }
    // When both do not fit, the owner gives way first, down to two fifths of the room.
    let most = room.saturating_sub(owner).max(room * 3 / 5);
    let fitting = widths.endpoints.range(..=most).next_back().copied();
    let endpoint = fitting.unwrap_or_default().max("ENDPOINT".len());
    let owner = owner.min(room.saturating_sub(endpoint));
    Columns { scope, endpoint, transport, owner, line, cut: true, stacked: false }
}
