//! The tables of `docker ps`, `podman ps`, `nerdctl ps` and `docker compose ps`, and the lines of `docker port`.
//!
//! Columns stand at least two blanks apart. A column can be empty, so ports are found by their shape;
//! a command, which may look like anything, stands in quotes. Which columns there are is the user's choice
//! (`--format 'table {{.Names}}\t{{.Ports}}'`, `--size`, `--pod`).
//! Source: docker/cli, cli/command/formatter/container.go; podman, cmd/podman/containers/ps.go and port.go;
//! docker-compose 1, compose/cli/formatter.py.

use super::super::document::Line;
use super::super::{Capture, Document, transcript};
use super::{Fill, ports};
use crate::snapshot::Text;

/// Reads a text with such a table; `None` for any other.
pub(super) fn read(document: &Document) -> Option<Vec<Capture>> {
    if document.has_tables() {
        return None;
    }
    if !document.lines().any(|(_, line)| Header::of(line).is_some()) {
        return mapped(document);
    }
    let mut hosts: Vec<(Option<String>, Fill<'_>)> = Vec::new();
    let mut header = None;
    let mut host: Option<String> = None;
    let mut above = None;
    for (at, line) in document.lines() {
        if let Some(found) = Header::of(line) {
            (header, above) = (Some(found), None);
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
            row(fill, header, (at, line), &mut above);
        }
    }
    Some(hosts.into_iter().map(|(_, fill)| fill.capture("a table of containers")).collect())
}

/// `80/tcp -> 0.0.0.0:8080`, as `docker port` prints it of one container.
fn mapped(document: &Document) -> Option<Vec<Capture>> {
    let prompt = document.lines().find_map(|(_, line)| transcript::prompt(line));
    let mut fill = Fill::new(document, prompt.as_ref().and_then(|prompt| prompt.host));
    let (mut container, mut any) = (None, false);
    for (at, line) in document.lines() {
        if let Some(prompt) = transcript::prompt(line) {
            let mut words = prompt.command.split_whitespace();
            let named = words.find(|word| *word == "port").and_then(|_| words.next());
            container = named.map(|name| fill.draft.builder.pooled(name));
            continue;
        }
        let body = line.trim();
        let from = at + line.len() - line.trim_start().len();
        let read = body.split_once(" -> ").and_then(|(inside, host)| {
            // podman puts the container before each where it is asked for all.
            let (port, transport) = inside.split_whitespace().next_back()?.split_once('/')?;
            ports::range(port)?;
            Some((transport, host, from + body.len() - host.len()))
        });
        match read {
            Some((transport, host, host_at)) => {
                any = true;
                let mut words = body.split(" -> ").next().unwrap_or_default().split_whitespace();
                let before = words.next().filter(|_| words.next().is_some());
                let own = before.map(|name| fill.draft.slice(from..from + name.len()));
                let container = own.or(container);
                match ports::endpoint(host, host_at, transport) {
                    Ok(published) => fill.publish(&published, from..from + body.len(), container),
                    Err(why) => fill.draft.unread(from..from + body.len(), why),
                }
            }
            None if body.is_empty() || !any => {}
            None => fill.draft.unread(from..from + body.len(), "this is no published port"),
        }
    }
    any.then(|| vec![fill.capture("lines of `docker port`")])
}

/// The columns of a table that are looked at.
struct Header {
    /// How many columns there are.
    columns: usize,
    name: Name,
    /// Rows that are too long go on in the next line, as docker-compose 1 writes them.
    wraps: bool,
}

/// Where the name of a container stands.
#[derive(Clone, Copy)]
enum Name {
    First,
    Last,
    /// At the characters from here on.
    At(usize),
    Nowhere,
}

/// The names of columns. Those of `docker stack ps`, `kubectl get` and the like are no published ports.
const COLUMNS: [&str; 25] = [
    "CONTAINER ID",
    "IMAGE",
    "COMMAND",
    "CREATED",
    "CREATED AT",
    "STATUS",
    "PORTS",
    "NAMES",
    "NAME",
    "SERVICE",
    "SIZE",
    "LABELS",
    "MOUNTS",
    "NETWORKS",
    "LOCAL VOLUMES",
    "STATE",
    "POD ID",
    "PODNAME",
    "POD",
    "NAMESPACE",
    "RUNTIME",
    "PLATFORM",
    "PROJECT",
    "ID",
    "RUNNING FOR",
];

impl Header {
    fn of(line: &str) -> Option<Self> {
        let found = cells((0, line));
        let names: Vec<&str> = found.iter().map(|(_, cell)| *cell).collect();
        if matches!(names.as_slice(), ["Name", "Command", "State", "Ports"]) {
            return Some(Self { columns: names.len(), name: Name::First, wraps: true });
        }
        let known = names.len() > 1 && names.iter().all(|name| COLUMNS.contains(name));
        // `NAME  STATUS  PORTS` and the like are of other programs too.
        let ours = names.contains(&"NAMES")
            || names.contains(&"SERVICE")
            || names.contains(&"CONTAINER ID");
        (known && ours && names.contains(&"PORTS")).then_some(())?;
        let at = names.iter().position(|name| matches!(*name, "NAMES" | "NAME"));
        let name = match at {
            Some(0) => Name::First,
            Some(at) if at + 1 == names.len() => Name::Last,
            Some(at) => {
                let before = found.get(at).and_then(|(at, _)| line.get(..*at)).unwrap_or_default();
                Name::At(before.chars().count())
            }
            None => Name::Nowhere,
        };
        Some(Self { columns: names.len(), name, wraps: false })
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

fn row(fill: &mut Fill<'_>, header: &Header, line: Line<'_>, above: &mut Option<Text>) {
    let cells = cells(line);
    let rule = header.wraps && line.1.starts_with("---");
    if cells.is_empty() || rule {
        return;
    }
    let goes_on = header.wraps && line.1.starts_with(' ');
    let name = match header.name {
        Name::First => cells.first(),
        Name::Last => cells.last(),
        Name::At(column) => cells.iter().find(|(at, _)| {
            let before = line.1.get(..at.saturating_sub(line.0)).unwrap_or_default();
            before.chars().count() == column
        }),
        Name::Nowhere => None,
    };
    // `podman ps` writes one blank between ports and name where the ports are long.
    if cells.len() < header.columns.min(4) - usize::from(header.columns < 4) && !goes_on {
        let row = line.0..line.0 + line.1.trim_end().len();
        return fill.draft.unread(row, "this is no row of a table of containers");
    }
    let container = match name {
        Some(&(at, name)) if !goes_on => Some(fill.draft.slice(at..at + name.len())),
        _ => *above,
    };
    *above = container;
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
                Ok(Some(published)) => fill.publish(&published, row, container),
                Ok(None) => {}
                Err(why) => fill.draft.unread(row, why),
            }
        }
    }
}
