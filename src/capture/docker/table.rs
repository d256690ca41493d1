//! The tables of `docker ps`, `podman ps` and `docker compose ps`.
//!
//! Columns stand at least two blanks apart. A column can be empty, so ports are found by their shape;
//! a command, which may look like anything, stands in quotes.

use super::super::document::Line;
use super::super::{Capture, Document, transcript};
use super::{Fill, ports};

/// Reads a text with such a table; `None` for any other.
pub(super) fn read(document: &Document) -> Option<Vec<Capture>> {
    if document.has_tables() || !document.lines().any(|(_, line)| Header::of(line).is_some()) {
        return None;
    }
    let mut hosts: Vec<(Option<String>, Fill<'_>)> = Vec::new();
    let mut header = None;
    let mut host: Option<String> = None;
    for (at, line) in document.lines() {
        if let Some(found) = Header::of(line) {
            header = Some(found);
            if hosts.last().is_none_or(|(last, _)| *last != host) {
                hosts.push((host.clone(), Fill::new(document, host.as_deref())));
            }
            continue;
        }
        if let Some(prompt) = transcript::prompt(line) {
            host = prompt.host.map(str::to_owned).or(host);
            header = None;
            continue;
        }
        if let (Some(header), Some((_, fill))) = (&header, hosts.last_mut()) {
            row(fill, header, (at, line));
        }
    }
    Some(hosts.into_iter().map(|(_, fill)| fill.capture("a table of containers")).collect())
}

/// Which kind of table it is.
enum Header {
    /// The name is the last column.
    Engine,
    /// The name is the first column.
    Compose,
}

impl Header {
    fn of(line: &str) -> Option<Self> {
        let line = line.trim();
        let names: Vec<&str> = cells((0, line)).into_iter().map(|(_, cell)| cell).collect();
        match (names.first()?, names.last()?) {
            (&"CONTAINER ID", &"NAMES") if names.contains(&"PORTS") => Some(Self::Engine),
            (&"NAME", &"PORTS") if names.contains(&"SERVICE") => Some(Self::Compose),
            _ => None,
        }
    }
}

/// The cells of a row with their places.
fn cells((at, line): Line<'_>) -> Vec<Line<'_>> {
    let mut cells = Vec::new();
    let mut rest = line;
    let mut start = at;
    loop {
        let trimmed = rest.trim_start();
        start += rest.len() - trimmed.len();
        rest = trimmed;
        if rest.is_empty() {
            return cells;
        }
        // A command may hold blanks of its own.
        let skip = match rest.strip_prefix('"').and_then(|inside| inside.find("\"  ")) {
            Some(end) => end + 2,
            None => 0,
        };
        let tail = rest.get(skip..).unwrap_or_default();
        let end = [tail.find("  "), tail.find('\t')].into_iter().flatten().min();
        let end = end.map_or(rest.len(), |end| skip + end);
        cells.push((start, rest.get(..end).unwrap_or_default().trim_end()));
        start += end;
        rest = rest.get(end..).unwrap_or_default();
    }
}

fn row(fill: &mut Fill<'_>, header: &Header, line: Line<'_>) {
    let cells = cells(line);
    let name = match header {
        Header::Engine => cells.last(),
        Header::Compose => cells.first(),
    };
    let Some(&(name_at, name)) = name else { return };
    // `podman ps` writes one blank between ports and name where the ports are long.
    let short = cells.len() < 4;
    if short {
        let row = line.0..line.0 + line.1.trim_end().len();
        return fill.draft.unread(row, "this is no row of a table of containers");
    }
    let container = fill.draft.slice(name_at..name_at + name.len());
    for (at, cell) in cells {
        let number = cell.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '[' | ':'));
        let shaped =
            number && (cell.contains("->") || cell.contains("/tcp") || cell.contains("/udp"));
        if !shaped {
            continue;
        }
        for entry in ports::of_text(cell, at) {
            let row = entry.row();
            match entry.parsed {
                Ok(Some(published)) => fill.publish(&published, row, Some(container)),
                Ok(None) => {}
                Err(why) => fill.draft.unread(row, why),
            }
        }
    }
}
