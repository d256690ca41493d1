//! `Get-NetTCPConnection` and `Get-NetUDPEndpoint` of PowerShell on Windows 8 to 11 and Server 2012 to
//! 2025: as a table, as a list, as CSV and as JSON, with columns of processes that were joined to them.
//!
//! ```text
//! LocalAddress                        LocalPort RemoteAddress                       RemotePort State       AppliedSetting OwningProcess
//! ------------                        --------- -------------                       ---------- -----       -------------- -------------
//! ::                                  49668     ::                                  0          Listen                     660
//! ```
//!
//! Columns are those that someone selected. With a column of states the rows are of TCP; without, the
//! cmdlet at the prompt tells, or a column of protocols, or the type that `Export-Csv` writes, or the widths of the view that is
//! the default for UDP; else the transport is not known. Values that do not fit their column end in
//! `...` (`\u{2026}` since PowerShell 6). Each cmdlet lists its own transport and no other.
//! Source: Microsoft, NetTCPIP module; MSFT_NetTCPConnection and MSFT_NetUDPEndpoint.

mod json;
mod record;
#[cfg(test)]
mod tests;

use std::ops::Range;

use self::record::{Field, Record};
use super::command::Invocation;
use super::table::{self, Asked, Place, Rows, Tables, words};
use super::{Capture, CaptureFormat, Document, Known, LineRange, Transcript};
use crate::snapshot::Transport;
use crate::truth::Missing;

/// The reader of what PowerShell prints of its sockets.
#[derive(Debug)]
pub struct PowerShell;

const TCP: &str = "Get-NetTCPConnection";
const UDP: &str = "Get-NetUDPEndpoint";

impl CaptureFormat for PowerShell {
    fn name(&self) -> &'static str {
        "powershell"
    }

    fn about(&self) -> &'static str {
        "Get-NetTCPConnection and Get-NetUDPEndpoint: tables, lists, CSV, JSON"
    }

    fn header(&self, line: &str) -> Option<&'static str> {
        if table_columns(line).is_some() || csv_columns(line).is_some() {
            return Some("`LocalAddress` and `LocalPort` are columns of PowerShell's cmdlets");
        }
        if type_line(line).is_some() {
            return Some("the type of PowerShell's CSV");
        }
        let address =
            pair(line).is_some_and(|(key, _)| Field::of(key) == Some(Field::LocalAddress));
        address.then_some("`LocalAddress :` is a property of PowerShell's lists")
    }

    fn row(&self, _: &str) -> Option<&'static str> {
        // Rows have no shape of their own: the columns are anyone's choice.
        None
    }

    fn programs(&self) -> &'static [&'static str] {
        &[TCP, UDP]
    }

    fn claims(&self, call: &Invocation) -> bool {
        self.programs().iter().any(|name| name.eq_ignore_ascii_case(&call.program))
    }

    fn echoes(&self, call: &Invocation) -> bool {
        call.args.iter().all(|argument| !argument.ends_with('.'))
    }

    fn tool_error(&self, line: &str) -> bool {
        line.starts_with("Get-NetTCPConnection : ")
            || line.starts_with("Get-NetUDPEndpoint : ")
            || line.starts_with("Get-NetTCPConnection: ")
            || line.starts_with("Get-NetUDPEndpoint: ")
    }

    fn cure(&self, missing: Missing) -> Option<&'static str> {
        Some(match missing {
            Missing::DeviceNotShown => "no tool of Windows shows it: write the rule about `bind`",
            Missing::TransportNotShown => {
                "each cmdlet lists one transport: add the other, `Get-NetTCPConnection -State Listen` \
                 or `Get-NetUDPEndpoint`, or capture with `netstat -ano`"
            }
            Missing::FamilyNotShown | Missing::Filtered | Missing::ListenersNotShown => {
                "capture everything: `Get-NetTCPConnection -State Listen`, `Get-NetUDPEndpoint`"
            }
            Missing::AddressCut | Missing::PortCut | Missing::NameCut => {
                "export instead of printing: `... | Export-Csv -NoTypeInformation capture.csv`"
            }
            Missing::OwnerNotShown | Missing::OwnerHidden | Missing::OthersNotShown => {
                "capture the programs too, as administrator: `netstat -anob`"
            }
            Missing::NotProven => {
                "keep the prompt line, or name the command: \
                 `--command 'Get-NetTCPConnection -State Listen'`"
            }
            Missing::TransportNotTold | Missing::TransportInferred => {
                "name the command: `--command Get-NetUDPEndpoint`, or keep the column `State`"
            }
            Missing::DualStack => "Windows does not show it: bind IPv4 and IPv6 addresses apart",
            _ => return None,
        })
    }

    fn document(&self, document: &Document) -> Option<Vec<Capture>> {
        json::read(document)
    }

    fn read(&self, transcript: &mut Transcript) {
        table::read(transcript, &PowerShell, asked, &mut Reader::default());
    }
}

/// The transport that a cmdlet lists.
fn transport_of(call: &Invocation) -> Transport {
    match call.program.eq_ignore_ascii_case(UDP) {
        true => Transport::Udp,
        false => Transport::Tcp,
    }
}

/// Reads the parameters; what is not known to keep every listener filters.
fn asked(call: &Invocation, known: Known) -> Asked {
    let mut asked = Asked::around(call, known);
    asked.or_all(&[transport_of(call)]);
    let mut words = call.args.iter();
    while let Some(word) = words.next() {
        let name = word.to_ascii_lowercase();
        let hidden = match name.split(':').next().unwrap_or_default() {
            "-state" => {
                let states = words.next().map(|states| states.to_ascii_lowercase());
                let listen = states.is_some_and(|states| {
                    states.split(',').any(|state| matches!(state.trim(), "listen" | "2"))
                });
                (!listen).then_some(Missing::ListenersNotShown)
            }
            "-cimsession" | "-throttlelimit" | "-erroraction" | "-ea" => {
                words.next();
                None
            }
            "-asjob" | "-verbose" | "-includeallcompartments" => None,
            _ => Some(Missing::Filtered),
        };
        asked.hidden = asked.hidden.or(hidden);
    }
    asked
}

/// What `#TYPE` says: the transport, where the class is one of the two.
fn type_line(line: &str) -> Option<Transport> {
    line.trim_start_matches('\u{FEFF}').strip_prefix("#TYPE ").and_then(class)
}

/// The transport of a CIM class.
fn class(name: &str) -> Option<Transport> {
    match () {
        () if name.contains("MSFT_NetTCPConnection") => Some(Transport::Tcp),
        () if name.contains("MSFT_NetUDPEndpoint") => Some(Transport::Udp),
        () => None,
    }
}

/// A column of a table: what it is and where its header stands, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Column {
    field: Option<Field>,
    start: usize,
    end: usize,
}

/// The columns of a table's header; `None` where the line is none.
fn table_columns(line: &str) -> Option<Vec<Column>> {
    if !line.contains("ocal") && !line.contains("OCAL") || line.contains(['"', ',', ';', ':']) {
        return None;
    }
    let mut columns = Vec::new();
    for range in words(line) {
        let start = line.get(..range.start)?.chars().count();
        let word = line.get(range)?;
        let end = start + word.chars().count();
        columns.push(Column { field: Field::of(word), start, end });
    }
    has_endpoint(columns.iter().map(|column| column.field)).then_some(columns)
}

fn has_endpoint(fields: impl Iterator<Item = Option<Field>>) -> bool {
    let fields: Vec<_> = fields.flatten().collect();
    fields.contains(&Field::LocalAddress) && fields.contains(&Field::LocalPort)
}

/// The delimiter and the columns of a CSV header; `None` where the line is none.
fn csv_columns(line: &str) -> Option<(u8, Vec<Option<Field>>)> {
    let line = line.trim_start_matches('\u{FEFF}');
    if !line.contains("ocalPort") && !line.contains("ocalport") {
        return None;
    }
    [b',', b';', b'\t'].into_iter().find_map(|delimiter| {
        let cells = record::cells(line, delimiter)?;
        let fields: Vec<_> =
            cells.iter().map(|cell| line.get(cell.clone()).and_then(Field::of)).collect();
        has_endpoint(fields.iter().copied()).then_some((delimiter, fields))
    })
}

/// A line `Name  : value` of a list, with where the value begins.
fn pair(line: &str) -> Option<(&str, usize)> {
    let (key, _) = line.split_once(':')?;
    let name = key.trim_end();
    let plain = !name.is_empty()
        && key.len() > name.len()
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b' ');
    plain.then_some((name, key.len() + 1))
}

#[derive(Debug, Default)]
enum Mode {
    #[default]
    None,
    Table(Vec<Column>),
    Csv(u8, Vec<Option<Field>>),
    List(Box<Record>),
}

#[derive(Debug, Default)]
struct Reader {
    mode: Mode,
    /// What the rows are of, and whether that is a guess.
    transport: Option<Transport>,
    kind: Told,
    /// There is a column of states.
    states: bool,
    /// The type line above the header.
    typed: Option<Transport>,
}

/// How the transport of a table is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Told {
    /// By a column, a type or the command.
    Shown,
    /// By the layout.
    Inferred,
    /// Not at all.
    #[default]
    No,
}

/// The lines of a list in which the address is looked for.
const PROPERTIES: usize = 60;

impl Rows for Reader {
    fn take(&mut self, tables: &mut Tables<'_>, line: LineRange) -> bool {
        let text = tables.text(line).to_owned();
        if text.trim().is_empty() {
            if let Mode::List(_) = self.mode {
                self.flush(tables);
            }
            return false;
        }
        if let Some(transport) = type_line(&text) {
            tables.close(self);
            self.typed = Some(transport);
            return true;
        }
        if let Some(columns) = table_columns(&text) {
            let fields: Vec<_> = columns.iter().map(|column| column.field).collect();
            // The default view of UDP keeps 40 characters for the address and sets numbers left.
            let wide = columns.first().zip(columns.get(1)).is_some_and(|(first, second)| {
                columns.len() == 2 && second.start.saturating_sub(first.start) >= 41
            });
            self.begin(tables, &fields, wide, line);
            self.mode = Mode::Table(columns);
            return true;
        }
        if let Some((delimiter, fields)) = csv_columns(&text) {
            self.begin(tables, &fields, false, line);
            self.mode = Mode::Csv(delimiter, fields);
            return true;
        }
        if self.list_line(tables, line, &text) {
            return true;
        }
        if tables.place != Place::Table || tables.transcript.ends_table(line) {
            return false;
        }
        let record = match &self.mode {
            Mode::Table(_) if is_ruler(&text) => return true,
            Mode::Table(columns) => table_record(columns, line, &text),
            Mode::Csv(delimiter, fields) => csv_record(*delimiter, fields, line, &text),
            Mode::None | Mode::List(_) => return false,
        };
        match record {
            Some(record) => self.record(tables, &record, line),
            None => return false,
        }
        true
    }

    fn is_rowlike(&self, _: &str) -> bool {
        false
    }

    fn end(&mut self, tables: &mut Tables<'_>) {
        self.flush(tables);
        *self = Self::default();
    }
}

impl Reader {
    /// Begins a table whose columns or properties are known.
    fn begin(
        &mut self,
        tables: &mut Tables<'_>,
        fields: &[Option<Field>],
        wide: bool,
        line: LineRange,
    ) {
        let typed = self.typed.take();
        tables.close(self);
        tables.begin(true);
        let has = |field| fields.contains(&Some(field));
        let called = tables.command().map(transport_of);
        self.states = has(Field::State);
        (self.transport, self.kind) = match typed.or(called) {
            _ if has(Field::State) => (Some(Transport::Tcp), Told::Shown),
            Some(transport) => (Some(transport), Told::Shown),
            None if wide => (Some(Transport::Udp), Told::Inferred),
            None if has(Field::RemotePort) => (Some(Transport::Tcp), Told::No),
            None => (None, Told::No),
        };
        if !line.terminated {
            tables.spoil(Missing::CutOff);
        }
    }

    /// Takes a line of a list: a property, or the rest of one.
    fn list_line(&mut self, tables: &mut Tables<'_>, line: LineRange, text: &str) -> bool {
        let Some((key, value)) = pair(text) else {
            let more = matches!(self.mode, Mode::List(_)) && text.starts_with("          ");
            return more && tables.place == Place::Table;
        };
        let inside = matches!(self.mode, Mode::List(_));
        if !inside {
            if matches!(self.mode, Mode::Table(_) | Mode::Csv(..)) && tables.place == Place::Table {
                return false;
            }
            let Some(fields) = properties(tables, line) else { return false };
            self.begin(tables, &fields, false, line);
            self.mode = Mode::List(Box::default());
        }
        let text_end = text.trim_end().len();
        let start =
            value + (text.get(value..).map_or(0, |rest| rest.len() - rest.trim_start().len()));
        let range = start.min(text_end)..text_end.max(start.min(text_end));
        if let Mode::List(record) = &mut self.mode {
            if record.is_empty() {
                record.start = line.start;
            }
            record.end = line.end;
            record.terminated = line.terminated;
            if let Some(field) = Field::of(key) {
                if record.has(field) {
                    tables.unread(line, "this property stands twice in one object");
                    return true;
                }
                record.set(field, table::within(line, &range));
            }
        }
        true
    }

    /// Ends the object of a list.
    fn flush(&mut self, tables: &mut Tables<'_>) {
        if let Mode::List(record) = &mut self.mode {
            let record = std::mem::take(record);
            if !record.is_empty() {
                let line = LineRange {
                    start: record.start,
                    end: record.end,
                    next: record.end,
                    terminated: record.terminated,
                };
                self.record(tables, &record, line);
            }
        }
    }

    fn record(&mut self, tables: &mut Tables<'_>, record: &Record, line: LineRange) {
        let source = tables.source.clone();
        let typed = record.text(&source, Field::Class).and_then(class);
        let typed =
            typed.or_else(|| record.text(&source, Field::Protocol).and_then(record::protocol));
        // Every connection has a state: what has none is no object of the cmdlet for TCP.
        let stateless = self.states && record.text(&source, Field::State).is_none();
        let (transport, told) = match (typed, self.transport) {
            (Some(transport), _) => (transport, Told::Shown),
            (None, Some(transport)) if !stateless => (transport, self.kind),
            (None, _) => (Transport::Udp, Told::No),
        };
        record::add(tables, record, transport, told, line);
    }
}

/// The properties of the object of a list that begins at `line`; `None` where it is none of a socket.
fn properties(tables: &Tables<'_>, line: LineRange) -> Option<Vec<Option<Field>>> {
    let mut fields = Vec::new();
    for line in tables.transcript.lines_from(line.start).take(PROPERTIES) {
        let text = tables.text(line);
        if text.trim().is_empty() {
            break;
        }
        if let Some((key, _)) = pair(text) {
            fields.push(Field::of(key));
        }
    }
    has_endpoint(fields.iter().copied()).then_some(fields)
}

/// Whether a line is the row of dashes below a header.
fn is_ruler(text: &str) -> bool {
    text.trim().bytes().all(|byte| byte == b'-' || byte == b' ') && text.contains("--")
}

/// The cells of a table's row. A value stands below its header, flush left or flush right, so each word
/// belongs to the column that it shares most characters with, else to the nearest; where blanks were
/// collapsed and the words are as many as the columns, they are in order.
fn table_record(columns: &[Column], line: LineRange, text: &str) -> Option<Record> {
    let mut record = Record::new(line);
    let words = words(text);
    let mut before = (0, 0);
    for range in &words {
        let start = before.1 + text.get(before.0..range.start)?.chars().count();
        let end = start + text.get(range.clone())?.chars().count();
        before = (range.end, end);
        let distance = |column: &Column| {
            let shared = end.min(column.end) as isize - start.max(column.start) as isize;
            -shared
        };
        let column = columns.iter().min_by_key(|column| distance(column))?;
        if let Some(field) = column.field {
            record.extend(field, table::within(line, range));
        }
    }
    if record.is_plausible(text, line) {
        return Some(record);
    }
    let blank = usize::from(words.len() + 1 == columns.len());
    let mut record = Record::new(line);
    let mut words = words.iter();
    for column in columns {
        if blank == 1 && column.field == Some(Field::AppliedSetting) {
            continue;
        }
        let word = words.next()?;
        if let Some(field) = column.field {
            record.set(field, table::within(line, word));
        }
    }
    (words.next().is_none() && record.is_plausible(text, line)).then_some(record)
}

/// The cells of a line of CSV.
fn csv_record(
    delimiter: u8,
    fields: &[Option<Field>],
    line: LineRange,
    text: &str,
) -> Option<Record> {
    let cells = record::cells(text, delimiter)?;
    if cells.len() != fields.len() {
        return None;
    }
    let mut record = Record::new(line);
    for (cell, field) in cells.iter().zip(fields) {
        if let Some(field) = field {
            record.set(*field, table::within(line, cell));
        }
    }
    record.is_plausible(text, line).then_some(record)
}

/// A range of the text.
type Span = Range<usize>;
