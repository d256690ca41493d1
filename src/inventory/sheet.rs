//! The tables of a register, for the outputs that people read.

use super::{Counts, HostRegister, Inventory, Listed, Listener, Said, Standing};
use crate::capture;
use crate::listing::human::{exposure, heading, owners, paint, scope_text};
use crate::policy::Rule;
use crate::safe;
use crate::snapshot::{Port, Socket};
use crate::style::Paint;
use crate::truth::{Missing, MissingSet, Truth};

/// One table; all texts are harmless.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) title: &'static str,
    pub(super) header: Vec<&'static str>,
    pub(super) rows: Vec<Vec<Cell>>,
}

/// One cell.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) paint: Paint,
}

fn plain(text: &str) -> Cell {
    painted(Paint::Plain, text)
}

fn painted(paint: Paint, text: &str) -> Cell {
    Cell { text: safe::line(text).into_owned(), paint }
}

/// How much a table says of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// Their ids; [`rules`] has the rest.
    Ids,
    /// What they say, in each row.
    Whole,
}

/// The keys of rules that [`Detail::Whole`] adds.
const SAID: [&str; 4] = ["BECAUSE", "OWNER", "APPROVED BY", "REVIEW BY"];

/// The tables of one host: its listeners, and the rules that no listener matches.
pub(super) fn host(
    inventory: &Inventory<'_>,
    host: &HostRegister<'_>,
    detail: Detail,
) -> Vec<Sheet> {
    let mut sheets: Vec<Sheet> =
        Listed::ALL.into_iter().map(|listed| listeners(inventory, host, listed, detail)).collect();
    let mut header = vec!["STATE", "RULE", "ACTION"];
    if detail == Detail::Whole {
        header.extend(SAID);
    }
    let rows = host.unseen.iter().filter_map(|unseen| {
        let rule = inventory.policy.rules.get(unseen.rule)?;
        let state = match unseen.state() {
            "unseen" => painted(Paint::Yellow, "unseen"),
            "perhaps-seen" => {
                painted(Paint::Magenta, &format!("perhaps seen ({})", unseen.possible))
            }
            _ => painted(Paint::Magenta, "not covered"),
        };
        let mut row = vec![state, plain(&rule.id), plain(rule.action.name())];
        if detail == Detail::Whole {
            row.extend(said(&inventory.said(&[(unseen.rule, Truth::Yes)])));
        }
        Some(row)
    });
    sheets.push(Sheet { title: "Listed and unseen", header, rows: rows.collect() });
    sheets.retain(|sheet| !sheet.rows.is_empty());
    sheets
}

fn listeners(
    inventory: &Inventory<'_>,
    host: &HostRegister<'_>,
    listed: Listed,
    detail: Detail,
) -> Sheet {
    let snapshot = host.snapshot;
    let mut found: Vec<(&Listener, &Socket)> = host
        .listeners
        .iter()
        .filter(|listener| listener.listed() == listed)
        .filter_map(|listener| Some((listener, snapshot.sockets().get(listener.socket)?)))
        .collect();
    found.sort_by_cached_key(|(_, socket)| {
        let (missing, port) = match socket.port {
            Port::Number(port) => (false, port),
            Port::Missing(_) => (true, 0),
        };
        (exposure(socket.scope()), missing, port, socket.transport, snapshot.endpoint(socket))
    });
    let namespaces =
        snapshot.sockets().iter().any(|socket| snapshot.details(socket).netns.is_some());
    let mut header = vec!["VERDICT", "SCOPE", "ENDPOINT", "TRANSPORT"];
    if namespaces {
        header.push("NETNS");
    }
    header.extend(["PROCESS", "LINE"]);
    if listed != Listed::No {
        header.push("RULES");
        if detail == Detail::Whole {
            header.extend(SAID);
        }
    }
    let rows = found.into_iter().map(|(listener, socket)| {
        let standing = listener.standing;
        let colour = match standing {
            Standing::Fail => Paint::Red,
            Standing::Unknown => Paint::Magenta,
            Standing::Waived | Standing::Unlisted => Paint::Yellow,
            Standing::Pass => Paint::Green,
        };
        let mut row = vec![
            painted(colour, standing.name()),
            painted(paint(socket.scope()), scope_text(socket.scope())),
            plain(&snapshot.endpoint(socket)),
            plain(super::csv::transport(socket)),
        ];
        if namespaces {
            let netns = snapshot.details(socket).netns.map_or("", |netns| snapshot.text(netns));
            row.push(plain(netns));
        }
        // The names are harmless already.
        row.push(Cell { text: owners(snapshot, socket).join(", "), paint: Paint::Plain });
        row.push(painted(Paint::Dim, &snapshot.line(socket).to_string()));
        if listed != Listed::No {
            let rules = inventory.said(&listener.rules);
            row.push(plain(&rules.rules.join(", ")));
            if detail == Detail::Whole {
                row.extend(said(&rules));
            }
        }
        row
    });
    let title = match listed {
        Listed::Yes => "Seen and listed",
        Listed::Perhaps => "Seen and perhaps listed",
        Listed::No => "Seen and unlisted",
    };
    Sheet { title, header, rows: rows.collect() }
}

fn said(said: &Said) -> [Cell; SAID.len()] {
    let mut reviews = said.reviews.join("; ");
    if said.overdue {
        reviews.insert_str(0, "overdue: ");
    }
    let colour = if said.overdue { Paint::Red } else { Paint::Plain };
    [
        plain(&said.because.join("; ")),
        plain(&said.owners.join("; ")),
        plain(&said.approvals.join("; ")),
        painted(colour, &reviews),
    ]
}

/// What the rules that any host names say.
pub(super) fn rules(inventory: &Inventory<'_>) -> Sheet {
    let rows = inventory.rules().into_iter().filter_map(|(index, seen)| {
        let rule: &Rule = inventory.policy.rules.get(index)?;
        let [because, owner, approved, review] = said(&inventory.said(&[(index, Truth::Yes)]));
        let seen = painted(Paint::Dim, &seen.to_string());
        Some(vec![
            plain(&rule.id),
            plain(rule.action.name()),
            seen,
            owner,
            approved,
            review,
            because,
        ])
    });
    let header = vec!["RULE", "ACTION", "SEEN", "OWNER", "APPROVED BY", "REVIEW BY", "BECAUSE"];
    Sheet { title: "What the rules say", header, rows: rows.collect() }
}

/// Host and evidence.
pub(super) fn title(host: &HostRegister<'_>) -> String {
    heading(host.snapshot)
}

/// Counts, in words.
pub(super) fn summary(counts: &Counts) -> String {
    let listeners = match counts.listeners {
        0 => return "No listeners in this evidence".to_owned(),
        1 => "1 listener".to_owned(),
        count => format!("{count} listeners"),
    };
    let words = |names: &[&str], counts: &[usize]| {
        let parts: Vec<String> = names
            .iter()
            .zip(counts)
            .filter(|(_, count)| **count > 0)
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        parts.join(", ")
    };
    let listed = words(&["listed", "perhaps listed", "unlisted"], &counts.listed);
    let standings = words(&Standing::ALL.map(Standing::name), &counts.standings);
    format!("{listeners}: {listed}; verdicts: {standings}")
}

/// What should be known of a register beside its tables: each a fact and its cure.
pub(super) fn remarks(inventory: &Inventory<'_>, host: &HostRegister<'_>) -> Vec<String> {
    let mut remarks = Vec::new();
    let mut gaps: Vec<(Missing, Vec<String>)> = Vec::new();
    for &(transport, family, reason) in &host.uncovered {
        let table = crate::snapshot::document::coverage_key(transport, family);
        match gaps.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, tables)) => tables.push(table),
            None => gaps.push((reason, vec![table])),
        }
    }
    for (reason, tables) in gaps {
        let (what, cure) = (reason.what(), capture::cure(host.snapshot, reason));
        remarks.push(format!(
            "Not covered, so listeners may be missing here: {}: {what}; {cure}",
            tables.join(", ")
        ));
    }
    let mut facts = MissingSet::NONE;
    for (_, matches) in host.listeners.iter().flat_map(|listener| &listener.rules) {
        if let Truth::Unknown(missing) = matches {
            facts = facts.union(*missing);
        }
    }
    for reason in facts.iter() {
        remarks.push(format!(
            "Rules with `?` could not be decided: {}; {}",
            reason.what(),
            capture::cure(host.snapshot, reason)
        ));
    }
    for listener in &host.listeners {
        let Some(socket) = host.snapshot.sockets().get(listener.socket) else { continue };
        for reason in inventory.waived(listener) {
            let endpoint = host.snapshot.endpoint(socket);
            let transport = super::csv::transport(socket);
            remarks.push(
                safe::line(&format!("Waived: {transport} {endpoint}: {reason}")).into_owned(),
            );
        }
    }
    let overdue = host.listeners.iter().flat_map(|listener| &listener.rules);
    let mut overdue: Vec<usize> = overdue.map(|&(rule, _)| rule).collect();
    overdue.sort_unstable();
    overdue.dedup();
    overdue.retain(|&rule| {
        inventory.policy.rules.get(rule).is_some_and(|rule| inventory.is_overdue(rule))
    });
    match overdue.len() {
        0 => {}
        1 => remarks.push("1 review is overdue".to_owned()),
        count => remarks.push(format!("{count} reviews are overdue")),
    }
    remarks
}
