//! Rows with named cells, from every mode in which osquery writes them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::super::Document;
use super::super::document::{Draft, Prompts};
use super::super::tree::{Kind, Value};
use crate::snapshot::Text;

/// Columns that hold the port and the address, by table.
pub(super) const PORT: &[&str] = &["port", "local_port"];
pub(super) const ADDRESS: &[&str] = &["address", "local_address"];

/// One cell of a row.
#[derive(Debug, Clone)]
pub(super) struct Cell<'a> {
    name: Cow<'a, str>,
    /// Without the blanks around it.
    pub(super) text: Cow<'a, str>,
    pub(super) range: Range<usize>,
}

/// One row.
#[derive(Debug, Clone)]
pub(super) struct Cells<'a> {
    pub(super) row: Range<usize>,
    cells: Vec<Cell<'a>>,
}

impl<'a> Cells<'a> {
    /// The cell of the first of these columns that is there.
    pub(super) fn get(&self, names: &[&str]) -> Option<&Cell<'a>> {
        names.iter().find_map(|name| self.cells.iter().find(|cell| cell.name == *name))
    }

    /// What makes a row of one result that of another.
    pub(super) fn identity(&self) -> Vec<String> {
        let mut cells: Vec<String> =
            self.cells.iter().map(|cell| format!("{}={}", cell.name, cell.text)).collect();
        cells.sort_unstable();
        cells
    }
}

impl Draft<'_> {
    /// A string of the snapshot from a cell.
    pub(super) fn cell(&mut self, cell: &Cell<'_>) -> Text {
        match cell.text.len() == cell.range.len() {
            true => self.slice(cell.range.clone()),
            false => self.builder.pooled(&cell.text),
        }
    }
}

/// What a record does to the rows before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// These are all rows of the query.
    Whole,
    /// These came.
    Added,
    /// These went.
    Removed,
}

/// Rows that one run of a query wrote.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) host: Option<Cow<'a, str>>,
    pub(super) query: Cow<'a, str>,
    pub(super) change: Change,
    /// The host at whose prompt it was written.
    pub(super) prompt: Option<&'a str>,
    /// When it was written, in seconds since 1970.
    pub(super) moment: Option<u64>,
    pub(super) rows: Vec<Cells<'a>>,
}

/// Where logs name their host.
const HOSTS: &[&str] = &[
    "hostIdentifier",
    "host_identifier",
    "host_hostname",
    "host_display_name",
    "host_name",
    "hostname",
    "host",
];

/// The columns that name the host of a row, in what Fleet exports.
const HOST_COLUMNS: &[&str] =
    &["host_hostname", "host_display_name", "host_name", "hostname", "host"];

/// The host that an object names.
fn host_of(object: Value<'_>) -> Option<Cow<'_, str>> {
    let inner = object.get_near(&["host"]).filter(|host| host.kind() == Kind::Object);
    let inner = inner.and_then(|host| host.get_near(&["hostname", "display_name", "name"]));
    let named = object.get_near(HOSTS).and_then(Value::string);
    named.or_else(|| inner.and_then(Value::string)).filter(|name| !name.trim().is_empty())
}

/// The records of JSON; none where nothing looks like a row.
pub(super) fn json<'a>(document: &'a Document, prompts: &Prompts<'a>) -> Vec<Record<'a>> {
    if !document.holds_key(&["protocol"]) {
        return Vec::new();
    }
    let mut records: Vec<Record<'_>> = Vec::new();
    for (root, banner) in document.json_values() {
        let mut last = None;
        let mut here: BTreeMap<Option<Cow<'_, str>>, usize> = BTreeMap::new();
        for value in root.all() {
            if is_empty(value) {
                let empty = record(value, banner, prompts);
                records.extend(Some(empty).filter(|record| record.host.is_some()));
                (last, here) = (None, BTreeMap::new());
                continue;
            }
            if !is_row(value) {
                continue;
            }
            let holder = value.parent().filter(|holder| holder.kind() == Kind::Array);
            if holder.is_none() || holder != last {
                here.clear();
            }
            last = holder;
            // Rows of several hosts may stand among each other in one result.
            let own = value.get_near(HOST_COLUMNS).and_then(Value::string);
            let at = *here.entry(own).or_insert(records.len());
            if at == records.len() {
                records.push(record(value, banner, prompts));
            }
            if let Some(record) = records.get_mut(at) {
                record.rows.push(cells(value));
            }
        }
    }
    // That a query found nothing counts where it is one that finds sockets of other hosts.
    let queries: BTreeSet<String> = records
        .iter()
        .filter(|record| !record.rows.is_empty())
        .map(|record| record.query.clone().into_owned())
        .collect();
    records.retain(|record| !record.rows.is_empty() || queries.contains(record.query.as_ref()));
    records
}

/// Whether a value is the result of a query that found nothing.
fn is_empty(value: Value<'_>) -> bool {
    matches!(value.kind(), Kind::Array | Kind::Null)
        && value.key().is_some_and(|key| key.is("snapshot") || key.is("rows"))
        && value.items().next().is_none()
}

/// Whether an object has the columns of a row, with a protocol by its number.
fn is_row(value: Value<'_>) -> bool {
    value.kind() == Kind::Object
        && value.get(PORT).is_some()
        && ADDRESS.iter().any(|name| value.has(name))
        && value.get(&["protocol"]).and_then(Value::number::<u8>).is_some()
}

/// The record that a row is the first of.
fn record<'a>(row: Value<'a>, banner: Option<&'a str>, prompts: &Prompts<'a>) -> Record<'a> {
    let mut record = Record {
        host: banner.map(Cow::Borrowed),
        query: "".into(),
        change: Change::Whole,
        prompt: prompts.before(row.range().start),
        moment: None,
        rows: vec![],
    };
    let own = row.get_near(HOST_COLUMNS).and_then(Value::string);
    record.host = record.host.or(own).filter(|name| !name.trim().is_empty());
    let mut inner = row;
    while let Some(around) = inner.parent() {
        let key = inner.key();
        let is = |name| key.is_some_and(|key| key.is(name));
        if is("removed") {
            record.change = Change::Removed;
        } else if is("added") {
            record.change = Change::Added;
        } else if is("columns") {
            let removed = around.get_near(&["action"]).is_some_and(|action| action.is("removed"));
            record.change = if removed { Change::Removed } else { Change::Added };
        }
        if record.query.is_empty() && !is("columns") || is("columns") {
            let name = around.get_near(&["name", "query_name"]).and_then(Value::string);
            record.query = name.unwrap_or_default();
        }
        if record.moment.is_none() {
            record.moment = around.get_near(&["unixTime"]).and_then(Value::number);
        }
        if record.host.is_none() {
            let decorations = around.get_near(&["decorations"]);
            let mut places = [decorations, Some(around)].into_iter().flatten();
            record.host = places.find_map(host_of);
        }
        inner = around;
    }
    record.host = record.host.or(record.prompt.map(Cow::Borrowed));
    record
}

fn cells(row: Value<'_>) -> Cells<'_> {
    let mut cells = Vec::new();
    for (name, value) in row.entries() {
        if let (Some(name), Some(text)) = (name.string(), value.scalar()) {
            cells.push(Cell { name, text, range: value.range() });
        }
    }
    Cells { row: row.range(), cells }
}

/// The rows of a text; `None` where it is none of osquery's.
pub(super) fn text<'a>(
    document: &'a Document,
    prompts: &Prompts<'a>,
) -> Option<(Vec<Record<'a>>, bool)> {
    // fleetctl writes its headers in capitals.
    if !document.holds("protocol") && !document.holds("PROTOCOL") {
        return None;
    }
    // Whether the last line is whole, and a box has its lower edge.
    let mut whole = document.text().ends_with('\n');
    let mut header: Option<Vec<Cell<'_>>> = None;
    let mut rows: Vec<Cells<'_>> = Vec::new();
    let mut found = false;
    let mut style = None;
    let mut edge = false;
    let mut border: Option<&str> = None;
    for line in document.lines() {
        let (at, content) = line;
        let trimmed = content.trim();
        if let Some((kind, cells)) = columns(line) {
            (header, style, found) = (Some(cells), Some(kind), true);
            continue;
        }
        if trimmed.starts_with("+-") || trimmed.is_empty() {
            if trimmed.starts_with("+-") {
                (edge, border) = (true, Some(trimmed));
            }
            continue;
        }
        edge = false;
        if trimmed.starts_with("osquery> ") {
            header = None;
            continue;
        }
        let (Some(names), Some(style)) = (&header, style) else { continue };
        let mut cells = split(line, style);
        if cells.len() != names.len()
            && let Some(fitting) = border.and_then(|border| split_at(line, border))
        {
            cells = fitting;
        }
        if cells.len() != names.len() {
            let is_row = match style {
                Style::Box => trimmed.starts_with('|') || trimmed.ends_with('|'),
                Style::Bars => trimmed.contains('|'),
                Style::Comma => trimmed.contains(','),
            };
            if is_row {
                // Read as a row without a protocol: the reader says that it cannot be read.
                let name = Cow::Borrowed("protocol");
                let cell = Cell { name, text: "?".into(), range: at..at };
                rows.push(Cells { row: at..at + content.len(), cells: vec![cell] });
            } else {
                header = None;
            }
            continue;
        }
        let named = cells.into_iter().zip(names);
        let name = |name: &Cell<'_>| Cow::Owned(name.text.to_ascii_lowercase());
        let cells =
            named.map(|(cell, header)| match header.text.bytes().any(|b| b.is_ascii_uppercase()) {
                true => Cell { name: name(header), ..cell },
                false => Cell { name: header.text.clone(), ..cell },
            });
        let cells = cells.collect();
        rows.push(Cells { row: at..at + content.len(), cells });
    }
    if !found {
        rows = listed(document);
        found = !rows.is_empty();
    }
    if !found || document.has_tables() {
        return None;
    }
    let last = rows.last().map_or(0, |row| row.row.end);
    let behind = document.text().get(last..).unwrap_or_default();
    whole &= style != Some(Style::Box) || edge || behind.contains("\n+-");
    let mut records = of_hosts(rows, prompts);
    if records.is_empty() {
        let prompt = prompts.before(usize::MAX);
        records.push(Record {
            host: prompt.map(Cow::Borrowed),
            query: "".into(),
            change: Change::Whole,
            prompt,
            moment: None,
            rows: vec![],
        });
    }
    Some((records, whole))
}

/// The rows by the host that a column of theirs or the prompt before them names.
fn of_hosts<'a>(rows: Vec<Cells<'a>>, prompts: &Prompts<'a>) -> Vec<Record<'a>> {
    let mut order = BTreeMap::new();
    let mut records: Vec<Record<'_>> = Vec::new();
    for row in rows {
        let host = row.get(HOST_COLUMNS).map(|cell| cell.text.clone());
        let prompt = prompts.before(row.row.start);
        let host = host.filter(|name| !name.is_empty()).or(prompt.map(Cow::Borrowed));
        let at = *order.entry(host.clone()).or_insert(records.len());
        match records.get_mut(at) {
            Some(record) => record.rows.push(row),
            None => {
                let (query, change, moment) = ("".into(), Change::Whole, None);
                records.push(Record { host, query, change, prompt, moment, rows: vec![row] });
            }
        }
    }
    records
}

/// How the cells of a line stand apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `| a | b |`
    Box,
    /// `a|b`: `--list`, and `--csv` with the separator that osqueryi has by default.
    Bars,
    /// `a,b`
    Comma,
}

/// The names of a header.
fn columns<'a>(line: (usize, &'a str)) -> Option<(Style, Vec<Cell<'a>>)> {
    let trimmed = line.1.trim();
    if !trimmed.contains("protocol") && !trimmed.contains("PROTOCOL") {
        return None;
    }
    let style = match trimmed {
        _ if trimmed.starts_with('|') => Style::Box,
        _ if trimmed.contains('|') => Style::Bars,
        _ if trimmed.contains(',') => Style::Comma,
        _ => return None,
    };
    let cells = split(line, style);
    let has = |names: &[&str]| {
        cells.iter().any(|cell| names.iter().any(|name| cell.text.eq_ignore_ascii_case(name)))
    };
    (has(PORT) && has(&["protocol"]) && has(ADDRESS)).then_some((style, cells))
}

/// The cells of a line, without names.
fn split(line: (usize, &str), style: Style) -> Vec<Cell<'_>> {
    let (at, content) = line;
    let mut body = content.trim();
    let mut start = at + content.len() - content.trim_start().len();
    let separator = if style == Style::Comma { b',' } else { b'|' };
    if style == Style::Box {
        let Some(inside) = body.strip_prefix('|').and_then(|body| body.strip_suffix('|')) else {
            return Vec::new();
        };
        (body, start) = (inside, start + 1);
    }
    let mut cells = Vec::new();
    let mut rest = body;
    loop {
        let quoted = style != Style::Box && rest.starts_with('"');
        let len = if quoted { closing(rest) } else { 0 };
        let tail = rest.get(len..).unwrap_or_default();
        let end = memchr::memchr(separator, tail.as_bytes()).map(|end| len + end);
        let raw = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        let text = raw.trim();
        let from = start + raw.len() - raw.trim_start().len();
        let (text, range) = match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            Some(inside) if quoted => {
                let range = from + 1..from + 1 + inside.len();
                let text = match inside.contains("\"\"") {
                    true => Cow::Owned(inside.replace("\"\"", "\"")),
                    false => Cow::Borrowed(inside),
                };
                (text, range)
            }
            _ => (Cow::Borrowed(text), from..from + text.len()),
        };
        cells.push(Cell { name: "".into(), text, range });
        let Some(end) = end else { return cells };
        start += end + 1;
        rest = rest.get(end + 1..).unwrap_or_default();
    }
}

/// The cells of a row of a box that fits below its edge, where a cell has a bar in it: the path of a socket may.
/// `None` where the bars do not stand where the edge has its crosses.
fn split_at<'a>(line: (usize, &'a str), border: &str) -> Option<Vec<Cell<'a>>> {
    let (at, content) = line;
    let body = content.trim();
    let start = at + content.len() - content.trim_start().len();
    (body.chars().count() == border.len()).then_some(())?;
    let crosses = border.bytes().zip(body.char_indices()).filter(|(edge, _)| *edge == b'+');
    let bars: Vec<usize> =
        crosses.map(|(_, (at, bar))| (bar == '|').then_some(at)).collect::<Option<_>>()?;
    let cell = |pair: &[usize]| {
        let &[from, to] = pair else { return None };
        let raw = body.get(from + 1..to)?;
        let text = raw.trim();
        let from = start + from + 1 + raw.len() - raw.trim_start().len();
        Some(Cell { name: "".into(), text: text.into(), range: from..from + text.len() })
    };
    bars.windows(2).map(cell).collect()
}

/// Length of a quoted cell with its quotes; a doubled quote is one of its text. Source: RFC 4180.
fn closing(text: &str) -> usize {
    let mut at = 1;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('"')) {
        at += found + 1;
        if !text.get(at..).is_some_and(|rest| rest.starts_with('"')) {
            return at;
        }
        at += 1;
    }
    text.len()
}

/// The rows of `--line`: `column = value` each on a line, a blank line between rows.
fn listed(document: &Document) -> Vec<Cells<'_>> {
    let mut rows: Vec<Cells<'_>> = Vec::new();
    let mut row: Option<Cells<'_>> = None;
    for (at, content) in document.lines() {
        let Some((name, value)) = content.split_once(" = ") else {
            // An empty value leaves `column = ` or `column =`.
            if !content.trim_end().ends_with(" =") {
                rows.extend(row.take());
            }
            continue;
        };
        let name = name.trim();
        if name.is_empty() || name.contains(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
            rows.extend(row.take());
            continue;
        }
        let end = at + content.len();
        let text = value.trim();
        let from = end - value.len() + (value.len() - value.trim_start().len());
        let cell = Cell { name: name.into(), text: text.into(), range: from..from + text.len() };
        let current = row.get_or_insert(Cells { row: at..end, cells: Vec::new() });
        current.row.end = end;
        current.cells.push(cell);
    }
    rows.extend(row);
    rows.retain(|row| {
        row.get(PORT).is_some() && row.get(ADDRESS).is_some() && row.get(&["protocol"]).is_some()
    });
    rows
}
