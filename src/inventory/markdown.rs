//! `inventory -f markdown`: tables of GitHub Flavored Markdown, for wikis and tickets.
//!
//! Texts from evidence and policy are shown as they are: every character that Markdown or HTML gives a
//! meaning to is escaped. Source: GFM 0.29, sections 2.4 (backslash escapes), 4.10 (tables) and 6.9
//! (autolinks); CommonMark 0.31.

use std::io;

use super::sheet::{self, Detail, Sheet};
use super::{Counts, Inventory, Register};
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

/// Text that Markdown shows as it is, on one line.
fn cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len() + 8);
    let mut before = ' ';
    for c in crate::safe::line(text).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '!' | '$' => {
                cell.push('\\');
                cell.push(c);
            }
            '<' => cell.push_str("&lt;"),
            '>' => cell.push_str("&gt;"),
            '&' => cell.push_str("&amp;"),
            // No links and no mentions are made of text.
            '/' if before == ':' => cell.push_str("<span>/</span>"),
            '@' => cell.push_str("<span>@</span>"),
            '.' if cell.to_ascii_lowercase().ends_with("www") => cell.push_str("<span>.</span>"),
            // A list or a heading would begin with these.
            '-' | '+' | '=' if cell.is_empty() => {
                cell.push('\\');
                cell.push(c);
            }
            c => cell.push(c),
        }
        before = c;
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn nothing_of_a_text_is_markup() {
        for (text, expected) in [
            ("sshd (700)", "sshd (700)"),
            ("a|b", "a\\|b"),
            ("<img src=x>", "&lt;img src=x&gt;"),
            ("[x](http://y)", "\\[x\\](http:<span>/</span>/y)"),
            ("`x`", "\\`x\\`"),
            ("@admin", "<span>@</span>admin"),
            ("www.example.org", "www<span>.</span>example.org"),
            ("- x", "\\- x"),
            ("a\nb", "a\\\\nb"),
            ("0.0.0.0:22", "0.0.0.0:22"),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }
}
