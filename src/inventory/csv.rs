//! `inventory -f csv`: one row a listener, then one a rule that is not seen.
//!
//! A header, then cells as [`crate::safe::csv`] writes them. `state` is `listed`, `perhaps-listed` or
//! `unlisted` for a listener, and `unseen`, `perhaps-seen` or `not-covered` for a rule, whose columns of
//! the listener are empty. Several values in a cell are joined by `; `; a rule that only may speak of a
//! listener ends in `?`.

use std::io;

use super::{Inventory, Register};
use crate::listing::human::owners;
use crate::safe::csv::row;
use crate::style::Style;

/// One table.
#[derive(Debug)]
pub(super) struct Csv;

/// The columns.
const HEADER: [&str; 20] = [
    "host",
    "source",
    "state",
    "verdict",
    "transport",
    "address",
    "port",
    "interface",
    "scope",
    "netns",
    "process",
    "line",
    "rules",
    "because",
    "owner",
    "approved_by",
    "review_by",
    "overdue",
    "waived",
    "policy",
];

impl Register for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn about(&self) -> &'static str {
        "a table for spreadsheets: a row for each listener, and for each rule that is not seen"
    }

    fn write(
        &self,
        out: &mut dyn io::Write,
        inventory: &Inventory<'_>,
        _: &Style,
    ) -> io::Result<()> {
        row(out, HEADER)?;
        for host in &inventory.hosts {
            let snapshot = host.snapshot;
            let name = snapshot.host.name.clone().unwrap_or_default();
            let path = snapshot.origin.path.clone();
            for listener in &host.listeners {
                let Some(socket) = snapshot.sockets().get(listener.socket) else { continue };
                let said = inventory.said(&listener.rules);
                let netns = snapshot.details(socket).netns.map(|netns| snapshot.text(netns));
                let overdue = if said.rules.is_empty() { "" } else { yes_no(said.overdue) };
                let cells = [
                    name.clone(),
                    path.clone(),
                    listener.listed().name().to_owned(),
                    listener.standing.name().to_owned(),
                    transport(socket).to_owned(),
                    snapshot.address_text(socket),
                    snapshot.port_text(socket),
                    snapshot.device(socket).unwrap_or_default().to_owned(),
                    socket.scope().map_or("?", crate::address::Scope::name).to_owned(),
                    netns.unwrap_or_default().to_owned(),
                    owners(snapshot, socket).join("; "),
                    snapshot.line(socket).to_string(),
                    said.rules.join("; "),
                    said.because.join("; "),
                    said.owners.join("; "),
                    said.approvals.join("; "),
                    said.reviews.join("; "),
                    overdue.to_owned(),
                    inventory.waived(listener).join("; "),
                    inventory.policy.name.clone(),
                ];
                row(out, cells.iter().map(String::as_str))?;
            }
            for unseen in &host.unseen {
                let said = inventory.said(&[(unseen.rule, crate::truth::Truth::Yes)]);
                let mut cells: [String; HEADER.len()] = Default::default();
                let values = [
                    ("host", name.clone()),
                    ("source", path.clone()),
                    ("state", unseen.state().to_owned()),
                    ("rules", said.rules.join("; ")),
                    ("because", said.because.join("; ")),
                    ("owner", said.owners.join("; ")),
                    ("approved_by", said.approvals.join("; ")),
                    ("review_by", said.reviews.join("; ")),
                    ("overdue", yes_no(said.overdue).to_owned()),
                    ("policy", inventory.policy.name.clone()),
                ];
                for (key, value) in values {
                    let at = HEADER.iter().position(|known| *known == key);
                    if let Some(cell) = at.and_then(|at| cells.get_mut(at)) {
                        *cell = value;
                    }
                }
                row(out, cells.iter().map(String::as_str))?;
            }
        }
        Ok(())
    }
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

/// The transport as people know it: MPTCP by its name.
pub(super) fn transport(socket: &crate::snapshot::Socket) -> &'static str {
    if socket.mptcp { "mptcp" } else { socket.transport.name() }
}
