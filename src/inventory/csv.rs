//! `inventory -f csv`: one row a listener, then one a rule that is not seen.
//!
//! RFC 4180: a header, CRLF, quotes where they are needed. `state` is `listed`, `perhaps-listed` or
//! `unlisted` for a listener, and `unseen`, `perhaps-seen` or `not-covered` for a rule, whose columns of
//! the listener are empty. Several values in a cell are joined by `; `; a rule that only may speak of a
//! listener ends in `?`. Spreadsheets take cells that begin with `=`, `+`, `-`, `@` or a tab for
//! formulas: these get a `'` before them. Source: OWASP, "CSV Injection".

use std::io;

use super::{Inventory, Register};
use crate::listing::human::owners;
use crate::safe;
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
        row(out, &HEADER.map(str::to_owned))?;
        for host in &inventory.hosts {
            let snapshot = host.snapshot;
            let name = snapshot.host.name.clone().unwrap_or_default();
            let path = snapshot.origin.path.clone();
            for listener in &host.listeners {
                let Some(socket) = snapshot.sockets().get(listener.socket) else { continue };
                let said = inventory.said(&listener.rules);
                let netns = snapshot.details(socket).netns.map(|netns| snapshot.text(netns));
                let overdue = if said.rules.is_empty() { "" } else { yes_no(said.overdue) };
                row(
                    out,
                    &[
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
                    ],
                )?;
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
                row(out, &cells)?;
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

fn row(out: &mut dyn io::Write, cells: &[String; HEADER.len()]) -> io::Result<()> {
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    out.write_all(cells.join(",").as_bytes())?;
    out.write_all(b"\r\n")
}

/// One cell, harmless and quoted where it must be.
fn cell(text: &str) -> String {
    let mut cell = safe::line(text).into_owned();
    // Fullwidth forms are taken for the plain ones by some spreadsheets.
    if text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
        || text.starts_with(['\t', '\r', '\n'])
    {
        cell.insert(0, '\'');
    }
    if cell.contains([',', '"', ';', '\'']) || cell.starts_with(' ') || cell.ends_with(' ') {
        cell = format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn cells_are_quoted_and_no_formulas() {
        for (text, expected) in [
            ("sshd", "sshd"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@x", "\"'@x\""),
            ("\t=1", "\"'\\t=1\""),
            ("a\nb", "a\\nb"),
            ("\u{1b}[2J", "\\x1b[2J"),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }
}
