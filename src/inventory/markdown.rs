//! `inventory -f markdown`: tables of GitHub Flavored Markdown, for wikis and tickets.

use std::io;

use super::sheet::{self, Detail, Sheet};
use super::{Counts, Inventory, Register};
use crate::safe::markdown::text as cell;
use crate::style::Style;

/// Tables, one row a listener with all that its rules say.
#[derive(Debug)]
pub(super) struct Markdown;

impl Register for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn about(&self) -> &'static str {
        "tables of Markdown, for wikis and tickets"
    }

    fn write(
        &self,
        out: &mut dyn io::Write,
        inventory: &Inventory<'_>,
        _: &Style,
    ) -> io::Result<()> {
        let mut text = String::from("# Register of ports, protocols and services\n\n");
        text.push_str(&format!("Policy: {}\n", cell(&inventory.policy.name)));
        for host in &inventory.hosts {
            text.push_str(&format!("\n## {}\n\n", cell(&sheet::title(host))));
            let mut counts = Counts::default();
            counts.add(host);
            text.push_str(&format!("{}\n", cell(&sheet::summary(&counts))));
            for remark in sheet::remarks(inventory, host) {
                text.push_str(&format!("\n{}\n", cell(&remark)));
            }
            for sheet in sheet::host(inventory, host, Detail::Whole) {
                table(&mut text, &sheet);
            }
            out.write_all(std::mem::take(&mut text).as_bytes())?;
        }
        if inventory.hosts.len() > 1 {
            let summary = sheet::summary(&inventory.counts());
            text.push_str(&format!(
                "\n## All {} hosts\n\n{}\n",
                inventory.hosts.len(),
                cell(&summary)
            ));
        }
        out.write_all(text.as_bytes())
    }
}

fn table(text: &mut String, sheet: &Sheet) {
    text.push_str(&format!("\n### {}\n\n", sheet.title));
    let header: Vec<String> = sheet.header.iter().map(|name| sentence(name)).collect();
    text.push_str(&format!("| {} |\n", header.join(" | ")));
    text.push_str(&format!("|{}\n", " --- |".repeat(header.len())));
    for row in &sheet.rows {
        let cells: Vec<String> = row.iter().map(|one| cell(&one.text)).collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
}

/// `APPROVED BY` as `Approved by`.
fn sentence(name: &str) -> String {
    let lower = name.to_lowercase();
    let mut chars = lower.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
