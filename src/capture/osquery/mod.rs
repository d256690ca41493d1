//! Rows of osquery's `listening_ports` and `process_open_sockets`.
//!
//! ```text
//! +-----+------+----------+--------+------------+----+--------+------+---------------+
//! | pid | port | protocol | family | address    | fd | socket | path | net_namespace |
//! +-----+------+----------+--------+------------+----+--------+------+---------------+
//! | 894 | 5901 | 6        | 2      | 127.0.0.1  | 7  | 29108  |      | 0             |
//! ```
//!
//! Read are the boxes and the `--list`, `--line` and `--csv` modes of osqueryi, `--json`, and the
//! logs of scheduled queries (`columns`, `snapshot`, `diffResults`), with columns of joined tables:
//! `name`, `path`, `cmdline`, `username`, `uid`. Values are strings or numbers.
//!
//! A socket is listed when its remote port is 0, so the state of TCP is not looked at; port 0 is a
//! socket that is not bound, and rows of family 1 are unix sockets. One process stands for all that
//! hold a socket, and process -1 for one that could not be seen. `::` does not tell dual stack.
//! Source: osquery, specs/listening_ports.table, osquery/tables/networking/listening_ports.cpp and
//! linux/process_open_sockets.cpp; docs, "Logging".

mod query;
mod rows;

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::document::{Draft, Prompts, port_number};
use super::{Capture, CaptureFormat, Document};
use crate::snapshot::{
    Address, At, Cell, Coverage, Details, Family, NameKind, Owner, OwnerDetails, Transport, Vantage,
};
use crate::truth::Missing;
use query::Query;
use rows::{Cells, Change, Record};

/// The format `osquery`.
pub struct Osquery;

impl CaptureFormat for Osquery {
    fn name(&self) -> &'static str {
        "osquery"
    }

    fn about(&self) -> &'static str {
        "listening_ports of osquery: tables, CSV, JSON, logs"
    }

    fn document(&self, document: &Document) -> Option<Vec<Capture>> {
        let prompts = Prompts::of(document);
        let mut queries = Query::typed(document);
        let records = rows::json(document, &prompts);
        if !records.is_empty() {
            let captures = hosts(records).into_iter();
            let captures = captures.map(|(host, records)| {
                let typed = records.first().and_then(|record| record.prompt);
                let query = queries.entry(typed).or_default();
                capture(document, host, records, query)
            });
            return Some(document.finish(captures.collect()));
        }
        let (records, whole) = rows::text(document, &prompts)?;
        let mut captures = Vec::new();
        for (host, records) in hosts(records) {
            let typed = records.first().and_then(|record| record.prompt);
            let query = queries.entry(typed).or_default();
            let mut capture = capture(document, host, records, query);
            if !whole {
                capture.snapshot.coverage = capture.snapshot.coverage.spoiled(Missing::CutOff);
            }
            captures.push(capture);
        }
        Some(captures)
    }
}

/// A host with its records, in the order in which the hosts are met.
type Host<'a> = (Option<Cow<'a, str>>, Vec<Record<'a>>);

fn hosts(records: Vec<Record<'_>>) -> Vec<Host<'_>> {
    let mut order = BTreeMap::new();
    let mut hosts: Vec<Host<'_>> = Vec::new();
    for record in records {
        let index = *order.entry(record.host.clone()).or_insert(hosts.len());
        match hosts.get_mut(index) {
            Some((_, records)) => records.push(record),
            None => hosts.push((record.host.clone(), vec![record])),
        }
    }
    hosts
}

/// What is left of a host's records when each has changed what was there before. Logs may be put together in any
/// order, so their moments count where all have one.
///
/// A result takes the place of an earlier one where both name host and query. Those that do not may be of two
/// queries, or of two hosts, and hide nothing of each other.
fn settled(mut records: Vec<Record<'_>>) -> (Vec<Cells<'_>>, bool) {
    if records.iter().all(|record| record.moment.is_some()) {
        records.sort_by_key(|record| record.moment);
    }
    let whole = records.iter().any(|record| record.change == Change::Whole);
    let last: BTreeMap<Cow<'_, str>, usize> = records
        .iter()
        .enumerate()
        .filter(|(_, record)| record.change == Change::Whole)
        .filter(|(_, record)| record.host.is_some() && !record.query.is_empty())
        .map(|(index, record)| (record.query.clone(), index))
        .collect();
    let mut removed = BTreeMap::new();
    let mut kept: Vec<Cells<'_>> = Vec::new();
    for (index, record) in records.into_iter().enumerate().rev() {
        match record.change {
            Change::Removed => {
                for row in record.rows {
                    *removed.entry((record.query.clone(), row.identity())).or_insert(0_usize) += 1;
                }
            }
            Change::Whole if last.get(&record.query).is_some_and(|&last| last > index) => {}
            Change::Whole | Change::Added => {
                for row in record.rows.into_iter().rev() {
                    let gone = match removed.is_empty() {
                        true => None,
                        false => removed.get_mut(&(record.query.clone(), row.identity())),
                    };
                    match gone {
                        Some(count) if *count > 0 => *count -= 1,
                        _ => kept.push(row),
                    }
                }
            }
        }
    }
    kept.reverse();
    (kept, whole)
}

fn capture(
    document: &Document,
    host: Option<Cow<'_, str>>,
    records: Vec<Record<'_>>,
    query: &Query,
) -> Capture {
    let mut draft = Draft::new(document, "osquery", Vantage::Observed);
    draft.host(host.as_deref());
    draft.builder.snapshot_mut().origin.command.clone_from(&query.text);
    let (rows, whole) = settled(records);
    let joined = rows.iter().any(|row| row.get(JOINED).is_some());
    let many = namespaces(&rows);
    let mut met = Vec::new();
    for row in &rows {
        if let Some(place) = add(&mut draft, row, many) {
            met.push(place);
        }
    }
    let mut coverage = Coverage::default();
    for transport in [Transport::Tcp, Transport::Udp] {
        for family in Family::ALL {
            let cell = match query.fault() {
                Some(reason) => Cell::Absent(reason),
                None if !whole => Cell::Absent(Missing::PartialTool),
                None if query.text.is_some() => Cell::Presumed,
                // A join may leave out the sockets without a process.
                None if joined => Cell::Absent(Missing::Filtered),
                None => {
                    let shown = met.iter().any(|&(other, _)| other == transport)
                        && met.iter().any(|&(_, other)| other == Some(family));
                    if shown { Cell::Presumed } else { Cell::Absent(Missing::TransportNotShown) }
                }
            };
            coverage.set(transport, family, cell);
        }
    }
    draft.capture(coverage, "columns of osquery's listening_ports")
}

/// Columns that only a join with `processes` or `users` brings.
const JOINED: &[&str] =
    &["name", "process_name", "process", "cmdline", "username", "parent", "cwd"];

/// The namespace of process 1, when rows are of several: `Some(None)` when that is not known.
fn namespaces<'a>(rows: &'a [Cells<'_>]) -> Option<Option<&'a str>> {
    let of = |row: &'a Cells<'_>| row.get(&["net_namespace"]).map(|cell| cell.text.as_ref());
    let mut known = rows.iter().filter_map(of).filter(|name| !matches!(*name, "" | "0"));
    let first = known.next()?;
    known.any(|name| name != first).then_some(())?;
    let init = rows.iter().find(|row| row.get(&["pid"]).is_some_and(|pid| pid.text == "1"));
    Some(init.and_then(of))
}

/// Adds the listener of a row; gives its transport and family. Nothing for what is none.
fn add(
    draft: &mut Draft<'_>,
    row: &Cells<'_>,
    many: Option<Option<&str>>,
) -> Option<(Transport, Option<Family>)> {
    let family = match row.get(&["family"]).map(|cell| cell.text.as_ref()) {
        Some("2") => Some(Family::Ipv4),
        // AF_INET6 of Linux, macOS, FreeBSD and Windows.
        Some("10" | "30" | "28" | "23") => Some(Family::Ipv6),
        Some("1" | "0") => return None,
        _ => None,
    };
    let protocol = row.get(&["protocol"])?;
    let transport = match protocol.text.as_ref() {
        "6" => Transport::Tcp,
        "17" => Transport::Udp,
        "132" => Transport::Sctp,
        "33" => Transport::Dccp,
        "136" => Transport::Udplite,
        "255" => Transport::Raw,
        // Unix sockets, and ICMP sockets, which listen to no port.
        "0" | "1" | "58" => return None,
        _ => {
            draft.unread(row.row.clone(), "its `protocol` is none that is known");
            return None;
        }
    };
    let remote = row.get(&["remote_port"]).map_or("0", |cell| cell.text.as_ref());
    let state = row.get(&["state"]).map_or("", |cell| cell.text.as_ref());
    let connected = !matches!(remote, "0" | "")
        || transport.is_stream() && !matches!(state, "" | "LISTEN" | "NONE");
    let Some(port) = row.get(rows::PORT) else {
        draft.unread(row.row.clone(), "it has no `port`");
        return None;
    };
    let Some(number) = port_number(&port.text) else {
        draft.unread(port.range.clone(), "this is no port");
        return None;
    };
    if connected || number == 0 {
        return None;
    }
    let mut socket = draft.new_socket(transport, row.row.clone());
    Draft::port(&mut socket, number, port.range.clone());
    let mut details = Details::default();
    if let Some(address) = row.get(rows::ADDRESS).filter(|cell| !cell.text.is_empty()) {
        let at = address.range.clone();
        let odd = draft.address(&mut socket, &address.text, at, Missing::AddressNotShown);
        details = odd.unwrap_or_default();
    }
    if socket.address == Address::Star && family == Some(Family::Ipv4) {
        socket.address = Address::Ip(std::net::Ipv4Addr::UNSPECIFIED.into());
    }
    details.inode = row.get(&["socket"]).and_then(|cell| cell.text.parse().ok());
    if let (Some(init), Some(name)) = (many, row.get(&["net_namespace"]))
        && init != Some(name.text.as_ref())
    {
        details.netns = Some(draft.cell(name));
    }
    let shown = owner(draft, row);
    socket.owners_missing =
        Some(if shown { Missing::OthersNotShown } else { Missing::OwnerHidden });
    draft.socket(socket, details);
    Some((transport, family))
}

/// The kernel's limit of a process name, without its zero byte. Source: proc(5), `/proc/pid/comm`.
const COMM: usize = 15;

fn owner(draft: &mut Draft<'_>, row: &Cells<'_>) -> bool {
    let pid: Option<u32> = row.get(&["pid"]).and_then(|cell| cell.text.parse().ok());
    let name_cell =
        row.get(&["process_name", "name", "process"]).filter(|cell| !cell.text.is_empty());
    if pid.is_none() && name_cell.is_none() {
        return false;
    }
    let cell = |draft: &mut Draft<'_>, names: &[&str]| {
        let cell = row.get(names).filter(|cell| !cell.text.is_empty())?;
        Some(draft.cell(cell))
    };
    let path = row.get(&["path", "process_path"]);
    let is_path = path.is_some_and(|cell| cell.text.starts_with('/') || cell.text.contains(":\\"));
    let exe = if is_path { cell(draft, &["path", "process_path"]) } else { None };
    let details = OwnerDetails {
        exe,
        cmdline: cell(draft, &["cmdline"]),
        uid: row.get(&["uid"]).and_then(|cell| cell.text.parse().ok()),
        user: cell(draft, &["username", "user"]),
        ..OwnerDetails::default()
    };
    let fd = row.get(&["fd"]).and_then(|cell| cell.text.parse().ok());
    let name = name_cell.map(|cell| draft.cell(cell));
    let long = name_cell.is_some_and(|cell| cell.text.len() >= COMM);
    let kind = if long { NameKind::CommCut } else { NameKind::Comm };
    let at = name_cell.map(|cell| At::new(cell.range.clone())).unwrap_or_default();
    draft.owner(Owner { name, pid, fd, kind, details: None, at }, details);
    true
}
