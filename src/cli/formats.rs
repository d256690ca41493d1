//! `socklint formats`.

use serde::Serialize;

use super::args::FormatsArgs;
use super::error::{CliError, CliErrorKind};
use super::output::Screen;
use crate::capture::FORMATS;
use crate::inventory::REGISTERS;
use crate::listing::LISTINGS;
use crate::policy::suggestion;
use crate::report::REPORTERS;
use crate::safe;

/// Every format by the command and option that take it.
#[derive(Debug, Serialize)]
struct Formats {
    /// `check --format` and `--output`.
    check: Vec<Format>,
    /// `list --format`.
    list: Vec<Format>,
    /// `inventory --format` and `--output`.
    inventory: Vec<Format>,
    /// `--from`.
    input: Vec<Format>,
}

/// A format and who reads it, or which tools write it.
#[derive(Debug, Serialize)]
struct Format {
    name: &'static str,
    about: &'static str,
}

impl Formats {
    fn all() -> Self {
        let format = |(name, about)| Format { name, about };
        Self {
            check: REPORTERS.iter().map(|one| format((one.name(), one.about()))).collect(),
            list: LISTINGS.iter().map(|one| format((one.name(), one.about()))).collect(),
            inventory: REGISTERS.iter().map(|one| format((one.name(), one.about()))).collect(),
            input: FORMATS.iter().map(|one| format((one.name(), one.about()))).collect(),
        }
    }

    fn human(&self) -> String {
        let tables = [
            ("Reports of `check` (--format, --output), and who reads them", &self.check),
            ("Listings of `list`", &self.list),
            ("Registers of `inventory`", &self.inventory),
            ("Evidence that is read (--from), and what writes it", &self.input),
        ];
        let mut text = String::new();
        for (title, formats) in tables {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&format!("{title}:\n"));
            let width = formats.iter().map(|format| format.name.len()).max().unwrap_or_default();
            for Format { name, about } in formats {
                text.push_str(&format!("  {name:width$}  {about}\n"));
            }
        }
        text
    }
}

/// Runs the command and says its exit code.
pub(super) fn run(args: &FormatsArgs, screen: &Screen) -> u8 {
    let formats = Formats::all();
    match args.format.as_str() {
        "human" => super::print(&formats.human(), screen),
        "json" => {
            let mut out = Vec::new();
            // Writing to memory cannot fail.
            let _ = safe::json(&mut out, &formats, true);
            out.push(b'\n');
            super::print(&String::from_utf8_lossy(&out), screen)
        }
        name => {
            screen.complain(&CliError::new(
                CliErrorKind::Usage,
                format!("`{name}` is no output format"),
                suggestion(name, &["human", "json"], "the output formats"),
            ));
            2
        }
    }
}
