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
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv6Addr};

use unicode_width::UnicodeWidthStr as _;

use super::{Listing, Style};
use crate::address::{Scope, push_number};
use crate::capture::cure;
use crate::safe;
use crate::snapshot::{
    Address, Cell, Details, Device, Family, Owner, Port, Snapshot, Socket, Text, Transport, Vantage,
};
use crate::source::SourceId;
use crate::style::{GAP, NARROWEST, PADDED, Paint, cut, pad, push_blanks, right, width, wrap};
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

/// One row of a table; all texts are harmless. It is filled anew for each socket: texts of their own would
/// cost each row more than what stands in them.
#[derive(Default)]
struct Row {
    scope: Option<Scope>,
    /// Address, device and port, and how many columns that takes.
    endpoint: String,
    endpoint_columns: usize,
    /// What `::` lets in besides, or the marks of what is not known.
    endpoint_mark: String,
    transport: &'static str,
    owners: Items,
    /// The mark of what is not known of the owners.
    owner_mark: String,
    /// How many columns owners and mark take.
    owner_columns: usize,
    /// What these two say, where that is simple: the next row often says the same.
    said: Option<Said>,
    line: String,
}

/// All that the owners of a socket with at most one process are shown by.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Said {
    process: Option<(Text, u32)>,
    unit: Option<Text>,
    user: Option<Text>,
    uid: Option<u32>,
    container: Option<Text>,
    missing: Option<Missing>,
}

impl Said {
    fn new(snapshot: &Snapshot, socket: &Socket) -> Option<Self> {
        let process = match snapshot.owners(socket) {
            [] => None,
            [Owner { name: Some(name), pid: Some(pid), .. }] => Some((*name, *pid)),
            _ => return None,
        };
        let Details { unit, user, uid, container, .. } = snapshot.details(socket);
        let missing = socket.owners_missing;
        Some(Self { process, unit, user, uid, container, missing })
    }
}

impl Row {
    /// Fills in the endpoint of a socket.
    fn endpoint(&mut self, snapshot: &Snapshot, socket: &Socket) {
        self.endpoint.clear();
        snapshot.push_endpoint(socket, &mut self.endpoint);
        // Addresses and numbers do no harm, names may.
        if is_plain(socket) {
            self.endpoint_columns = self.endpoint.len();
            return;
        }
        if let Cow::Owned(harmless) = safe::line(&self.endpoint) {
            self.endpoint = harmless;
        }
        self.endpoint_columns = width(&self.endpoint);
    }

    /// How many columns the endpoint takes with its marks, which are ASCII.
    fn endpoint_width(&self) -> usize {
        self.endpoint_columns + self.endpoint_mark.len()
    }

    /// The endpoint in at most so many columns, with its marks where there is room for both.
    fn fit_endpoint(&self, columns: usize) -> String {
        let mark = &self.endpoint_mark;
        match columns.checked_sub(width(mark)) {
            Some(room) if room >= 8 || self.endpoint_width() <= columns => {
                cut(&self.endpoint, room) + mark
            }
            _ => cut(&format!("{}{mark}", self.endpoint), columns),
        }
    }

    /// The owners in at most so many columns: as many as there is room for, the number of the others, and
    /// the mark.
    fn fit_owners(&self, columns: usize) -> String {
        let (owners, mark) = (&self.owners, &self.owner_mark);
        let whole = format!("{}{mark}", owners.text);
        if width(&whole) <= columns {
            return whole;
        }
        // No more items than columns can fit; a hostile row may have many thousands.
        for shown in (1..owners.len().min(columns)).rev() {
            let fitting = format!("{} +{}{mark}", owners.first(shown), owners.len() - shown);
            if width(&fitting) <= columns {
                return fitting;
            }
        }
        let tail = match owners.len() {
            0 | 1 => mark.clone(),
            count => format!(" +{}{mark}", count - 1),
        };
        match columns.checked_sub(width(&tail)) {
            Some(room) if room >= 2 => cut(owners.first(1), room) + &tail,
            _ => cut(&whole, columns),
        }
    }
}

/// What holds a socket, one item each: `nginx (812), systemd (1)`.
#[derive(Default)]
struct Items {
    text: String,
    /// Where each item ends.
    ends: Vec<usize>,
}

impl Items {
    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    /// Adds an item, which `write` appends to the text.
    fn add(&mut self, write: impl FnOnce(&mut String)) {
        if !self.ends.is_empty() {
            self.text.push_str(BETWEEN);
        }
        write(&mut self.text);
        self.ends.push(self.text.len());
    }

    /// The first so many.
    fn first(&self, count: usize) -> &str {
        let end = count.checked_sub(1).and_then(|last| self.ends.get(last)).copied();
        self.text.get(..end.unwrap_or_default()).unwrap_or_default()
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let item = self.text.get(start..end).unwrap_or_default();
            start = end + BETWEEN.len();
            item
        })
    }
}

/// Between two items.
const BETWEEN: &str = ", ";

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
        let endpoint = row.endpoint_width();
        self.scope = self.scope.max(scope_text(row.scope).len());
        self.endpoint = self.endpoint.max(endpoint);
        self.transport = self.transport.max(row.transport.len());
        self.owner = self.owner.max(row.owner_columns);
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
        let mut text = String::new();
        self.push_mark(&mut text, reason);
        text
    }

    fn push_mark(&mut self, text: &mut String, reason: Missing) {
        let index = self.notes.iter().position(|&known| known == reason).unwrap_or_else(|| {
            self.notes.push(reason);
            self.notes.len() - 1
        });
        text.push_str(" [");
        push_number(text, index as u64 + 1);
        text.push(']');
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

    /// Fills the row of a socket, all but its endpoint and line.
    fn row(&mut self, snapshot: &Snapshot, socket: &Socket, row: &mut Row) {
        row.scope = socket.scope();
        row.transport = if socket.mptcp { "mptcp" } else { socket.transport.name() };
        let mark = &mut row.endpoint_mark;
        mark.clear();
        match (socket.address, socket.v6only) {
            (Address::Ip(IpAddr::V6(Ipv6Addr::UNSPECIFIED)), None) => {
                self.push_mark(mark, Missing::DualStack);
            }
            (Address::Ip(IpAddr::V6(Ipv6Addr::UNSPECIFIED)), Some(false)) => {
                mark.push_str(" (and IPv4)");
            }
            (Address::Ip(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) | Address::Dual, Some(true)) => {
                mark.push_str(" (IPv6 only)");
            }
            (Address::Star, _) => self.push_mark(mark, Missing::AddressStar),
            (Address::Reached(_), _) => self.push_mark(mark, Missing::SeenFromOutside),
            (Address::Missing(reason), _) => self.push_mark(mark, reason),
            (Address::Ip(_) | Address::Dual, _) => {}
        }
        if let Port::Missing(reason) = socket.port {
            self.push_mark(mark, reason);
        }
        let said = Said::new(snapshot, socket);
        if said.is_some() && said == row.said {
            return;
        }
        row.said = said;
        row.owners.clear();
        push_owners(snapshot, socket, &mut row.owners);
        row.owner_mark.clear();
        if let Some(reason) = socket.owners_missing {
            self.push_mark(&mut row.owner_mark, reason);
        }
        row.owner_columns = width(&row.owners.text) + row.owner_mark.len();
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
        let mut row = Row::default();
        for socket in sockets {
            self.row(snapshot, socket, &mut row);
            match numbers_width(socket) {
                Some(columns) => row.endpoint_columns = columns,
                None => row.endpoint(snapshot, socket),
            }
            widths.add(&row);
        }
        widths.line = last_line(snapshot, sockets).to_string().len();
        let columns = columns(&widths, self.width);
        if !columns.stacked {
            self.header(&columns);
        }
        for socket in sockets {
            self.row(snapshot, socket, &mut row);
            row.endpoint(snapshot, socket);
            row.line.clear();
            push_number(&mut row.line, snapshot.line(socket) as u64);
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
        let scope = scope_text(row.scope);
        text.push_str(scope);
        push_blanks(text, columns.scope.saturating_sub(scope.len()));
        text.push_str(GAP);
        text.push_str(&row.endpoint);
        text.push_str(&row.endpoint_mark);
        push_blanks(text, columns.endpoint.saturating_sub(row.endpoint_width()));
        text.push_str(GAP);
        text.push_str(row.transport);
        push_blanks(text, columns.transport.saturating_sub(row.transport.len()));
        text.push_str(GAP);
        text.push_str(&row.owners.text);
        text.push_str(&row.owner_mark);
        push_blanks(text, columns.owner.saturating_sub(row.owner_columns));
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

/// The highest line of these sockets: of those that stand in one text the last one has it.
fn last_line(snapshot: &Snapshot, sockets: &[&Socket]) -> usize {
    let mut highest = 0;
    let mut last: BTreeMap<SourceId, &Socket> = BTreeMap::new();
    for &socket in sockets {
        if snapshot.details(socket).line.is_some() {
            highest = highest.max(snapshot.line(socket));
            continue;
        }
        let known = last.entry(socket.source).or_insert(socket);
        if known.row.start < socket.row.start {
            *known = socket;
        }
    }
    last.into_values().map(|socket| snapshot.line(socket)).fold(highest, usize::max)
}

/// How many columns an endpoint takes that is a plain IPv4 address and a port.
fn numbers_width(socket: &Socket) -> Option<usize> {
    let digits = |number: u16| number.checked_ilog10().unwrap_or_default() as usize + 1;
    match (socket.address, socket.port) {
        (Address::Ip(IpAddr::V4(ip)), Port::Number(port)) if is_plain(socket) => {
            let octets = ip.octets().map(|octet| digits(u16::from(octet)));
            Some(octets.iter().sum::<usize>() + "...:".len() + digits(port))
        }
        _ => None,
    }
}

/// Whether the endpoint of a socket has no text of others in it.
fn is_plain(socket: &Socket) -> bool {
    !matches!(socket.address, Address::Missing(_))
        && !matches!(socket.device, Device::Named(_))
        && matches!(socket.port, Port::Number(_))
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
        let (mut one, mut other) = (String::new(), String::new());
        keyed.sort_by(|(a, first), (b, second)| {
            a.cmp(b).then_with(|| {
                one.clear();
                other.clear();
                snapshot.push_endpoint(first, &mut one);
                snapshot.push_endpoint(second, &mut other);
                one.cmp(&other)
            })
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
    let mut items = Items::default();
    push_owners(snapshot, socket, &mut items);
    items.iter().map(str::to_owned).collect()
}

fn push_owners(snapshot: &Snapshot, socket: &Socket, items: &mut Items) {
    let details = snapshot.details(socket);
    match snapshot.owners(socket) {
        [] => push_unowned(snapshot, socket, &details, items),
        [Owner { name: Some(name), pid: Some(pid), .. }] if !snapshot.text(*name).is_empty() => {
            items.add(|text| {
                text.push_str(&safe::line(snapshot.text(*name)));
                push_pid(text, *pid);
            });
        }
        owners => push_names(snapshot, owners, items),
    }
    if let Some(container) = details.container {
        items.add(|text| {
            text.push_str("container ");
            text.push_str(&safe::line(snapshot.text(container)));
        });
    }
}

fn push_pid(text: &mut String, pid: u32) {
    text.push_str(" (");
    push_number(text, u64::from(pid));
    text.push(')');
}

/// What is known of a socket that no process is known to hold: its unit and its user.
fn push_unowned(snapshot: &Snapshot, socket: &Socket, details: &Details, items: &mut Items) {
    let unit = |text: &mut String, unit| {
        text.push_str("unit ");
        text.push_str(&safe::line(snapshot.text(unit)));
    };
    let is_user_known = details.user.is_some() || details.uid.is_some();
    let user = |text: &mut String| match (details.user, details.uid) {
        (Some(user), _) => {
            text.push_str("user ");
            text.push_str(&safe::line(snapshot.text(user)));
        }
        (None, uid) => {
            text.push_str("uid ");
            push_number(text, u64::from(uid.unwrap_or_default()));
        }
    };
    items.add(|text| {
        text.push_str(if socket.owners_missing.is_some() { "?" } else { "none" });
        if details.unit.is_none() && !is_user_known {
            return;
        }
        text.push_str(" (");
        match details.unit {
            Some(name) => unit(text, name),
            None => user(text),
        }
        text.push(')');
    });
    if details.unit.is_some() && is_user_known {
        items.add(user);
    }
}

fn push_names(snapshot: &Snapshot, owners: &[Owner], items: &mut Items) {
    let mut names: Vec<(Option<&str>, Vec<u32>)> = Vec::new();
    for owner in owners {
        let name = owner.name.map(|name| snapshot.text(name));
        let at = names.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            names.push((name, Vec::new()));
            names.len() - 1
        });
        if let (Some((_, pids)), Some(pid)) = (names.get_mut(at), owner.pid) {
            pids.push(pid);
        }
    }
    for (name, mut pids) in names {
        pids.sort_unstable();
        pids.dedup();
        let name = match name {
            None => "?".into(),
            Some("") => "\"\"".into(),
            Some(name) => safe::line(name),
        };
        items.add(|text| {
            text.push_str(&name);
            match pids.as_slice() {
                [] => {}
                [pid] => push_pid(text, *pid),
                pids => {
                    text.push_str(" ×");
                    push_number(text, pids.len() as u64);
                }
            }
        });
    }
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
