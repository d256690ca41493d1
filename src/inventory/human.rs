//! `inventory -f human`: tables for people.
//!
//! ```text
//! db1 (ss, db1.txt)
//!
//! Seen and listed
//! VERDICT  SCOPE     ENDPOINT    TRANSPORT  PROCESS     LINE  RULES
//! pass     wildcard  0.0.0.0:22  tcp        sshd (700)  2     sshd
//!
//! 1 listener: 1 listed; verdicts: 1 pass
//!
//! What the rules say
//! RULE  ACTION  SEEN  OWNER  APPROVED BY  REVIEW BY            BECAUSE
//! sshd  allow   1     ops    ciso         overdue: 2026-01-31  administration
//! ```

use std::io;

use unicode_width::UnicodeWidthStr as _;

use super::sheet::{self, Cell, Detail, Sheet};
use super::{Counts, Inventory, Register};
use crate::style::{GAP, NARROWEST, PADDED, Paint, Style, cut, line, pad, wrap};

/// Columns are not made narrower than this to fit.
const LEAST: usize = 10;

/// For people.
#[derive(Debug)]
pub(super) struct Human;

impl Register for Human {
    fn name(&self) -> &'static str {
        "human"
    }

    fn about(&self) -> &'static str {
        "tables for people"
    }

    fn write(
        &self,
        out: &mut dyn io::Write,
        inventory: &Inventory<'_>,
        style: &Style,
    ) -> io::Result<()> {
        let width = style.width.map(|width| width.max(NARROWEST));
        let mut page = Page { text: String::new(), width, colour: style.colour };
        for host in &inventory.hosts {
            page.paragraph(Paint::Bold, &sheet::title(host));
            page.blank();
            for sheet in sheet::host(inventory, host, Detail::Ids) {
                page.sheet(&sheet);
            }
            let mut counts = Counts::default();
            counts.add(host);
            page.paragraph(Paint::Plain, &sheet::summary(&counts));
            for remark in sheet::remarks(inventory, host) {
                page.paragraph(Paint::Plain, &remark);
            }
            page.blank();
            out.write_all(std::mem::take(&mut page.text).as_bytes())?;
        }
        let rules = sheet::rules(inventory);
        if !rules.rows.is_empty() {
            page.sheet(&rules);
        }
        if inventory.hosts.len() > 1 {
            let summary = sheet::summary(&inventory.counts());
            page.paragraph(Paint::Plain, &format!("{} hosts: {summary}", inventory.hosts.len()));
        }
        page.paragraph(
            Paint::Plain,
            &format!("Policy: {}", crate::safe::line(&inventory.policy.name)),
        );
        out.write_all(page.text.as_bytes())
    }
}

struct Page {
    text: String,
    width: Option<usize>,
    colour: bool,
}

impl Page {
    fn blank(&mut self) {
        self.text.push('\n');
    }

    fn line(&mut self, pieces: &[(Paint, &str)]) {
        line(&mut self.text, self.colour, pieces);
    }

    fn paragraph(&mut self, paint: Paint, text: &str) {
        for row in wrap("", "  ", text, self.width) {
            self.line(&[(paint, &row)]);
        }
    }

    fn sheet(&mut self, sheet: &Sheet) {
        self.paragraph(Paint::Bold, sheet.title);
        match widths(sheet, self.width) {
            Some(widths) => {
                let header: Vec<String> = sheet
                    .header
                    .iter()
                    .zip(&widths)
                    .map(|(name, &width)| pad(&cut(name, width), width))
                    .collect();
                self.line(&[(Paint::Dim, &header.join(GAP))]);
                for row in &sheet.rows {
                    self.row(row, &widths);
                }
            }
            None => {
                for row in &sheet.rows {
                    self.stacked(&sheet.header, row);
                }
            }
        }
        self.blank();
    }

    fn row(&mut self, row: &[Cell], widths: &[usize]) {
        let cells: Vec<(Paint, String)> = row
            .iter()
            .zip(widths)
            .map(|(cell, &width)| {
                let text =
                    if self.width.is_some() { cut(&cell.text, width) } else { cell.text.clone() };
                (cell.paint, pad(&text, width))
            })
            .collect();
        let mut pieces: Vec<(Paint, &str)> = Vec::new();
        for (index, (paint, text)) in cells.iter().enumerate() {
            if index > 0 {
                pieces.push((Paint::Plain, GAP));
            }
            pieces.push((*paint, text));
        }
        // Empty cells at the end would leave blanks there.
        while pieces.last().is_some_and(|(_, text)| text.trim_end_matches(' ').is_empty()) {
            pieces.pop();
        }
        self.line(&pieces);
    }

    /// A row where the table is too wide: what is known, with its names.
    fn stacked(&mut self, header: &[&str], row: &[Cell]) {
        let mut first = true;
        for (name, cell) in header.iter().zip(row).filter(|(_, cell)| !cell.text.is_empty()) {
            let (lead, next) =
                if std::mem::take(&mut first) { ("- ", "  ") } else { ("  ", "    ") };
            for text in
                wrap(lead, next, &format!("{}: {}", name.to_lowercase(), cell.text), self.width)
            {
                self.line(&[(cell.paint, &text)]);
            }
        }
    }
}

/// The widths of the columns; `None` when they do not fit.
fn widths(sheet: &Sheet, width: Option<usize>) -> Option<Vec<usize>> {
    let mut widths: Vec<usize> = sheet.header.iter().map(|name| name.width()).collect();
    for row in &sheet.rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(cell.text.width());
        }
    }
    let Some(width) = width else {
        widths.iter_mut().for_each(|width| *width = (*width).min(PADDED));
        return Some(widths);
    };
    let room = width.saturating_sub(GAP.len() * widths.len().saturating_sub(1));
    // Of the columns that people can do without the end of, the widest gives way first; then of all.
    let soft: Vec<bool> =
        sheet.header.iter().map(|name| matches!(*name, "BECAUSE" | "RULES" | "PROCESS")).collect();
    loop {
        let total: usize = widths.iter().sum();
        let excess = total.saturating_sub(room);
        if excess == 0 {
            return Some(widths);
        }
        let able = widths.iter_mut().zip(&soft).filter(|(width, _)| **width > LEAST);
        let (widest, _) = able.max_by_key(|(width, soft)| (**soft, **width))?;
        *widest -= 1;
    }
}
