//! `markdown`: tables of GitHub Flavored Markdown, for comments, wikis and the step summary of GitHub.
//!
//! A step summary of more than 1 MiB is dropped whole, and so is a comment that is too long, so a report
//! stays below [`MOST`] and says how much it left out. Source: GitHub, "Adding a job summary".

use std::io::{self, Write};

use super::annotations::closing;
use super::finding::{Finding, Standing, findings, problems, shortfall};
use super::place::{Location, relative};
use super::unknowns::Unknowns;
use super::{HostReport, ReportFormat, Reporter, Run, Style};
use crate::audit::{Summary, Verdict};
use crate::capture::Severity as IssueSeverity;
use crate::safe::markdown::{lines, text as cell};

/// The longest report, in bytes: less than 1 MiB by what other steps may write.
const MOST: usize = 900_000;

/// The longest row, in bytes: one odd text must not take the room of all others.
const ROW: usize = 8_000;

pub(super) struct Markdown;

impl ReportFormat for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn about(&self) -> &'static str {
        "comments, wikis and tickets, and the step summary of GitHub Actions"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        Box::new(MarkdownReport::default())
    }
}

#[derive(Default)]
struct MarkdownReport {
    problems: Table,
    violations: Table,
    waived: Table,
    unknown: Unknowns,
}

/// Rows of a table, as far as there is room for them.
#[derive(Default)]
struct Table {
    rows: String,
    left_out: u64,
}

impl Table {
    /// Whether rows still fit; a row that does not is counted.
    fn has_room(&mut self) -> bool {
        // A third each, so that no table takes the place of another.
        let room = self.rows.len() + ROW < MOST / 3;
        self.left_out += u64::from(!room);
        room
    }

    fn row<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) {
        let row: String = cells.into_iter().map(|text| format!(" {} |", lines(text))).collect();
        if row.len() < ROW {
            self.rows.push_str(&format!("|{row}\n"));
        } else {
            self.left_out += 1;
        }
    }

    fn write(&self, out: &mut dyn Write, title: &str, header: &[&str]) -> io::Result<()> {
        if self.rows.is_empty() && self.left_out == 0 {
            return Ok(());
        }
        let rule = " --- |".repeat(header.len());
        write!(out, "\n## {title}\n\n| {} |\n|{rule}\n{}", header.join(" | "), self.rows)?;
        if self.left_out > 0 {
            let count = self.left_out;
            writeln!(out, "\n{count} more left out; another format has all of them.")?;
        }
        Ok(())
    }
}

fn place(at: Option<Location<'_>>) -> String {
    at.map_or_else(String::new, |at| {
        format!("{}:{}:{}", relative(at.path()), at.place.line, at.place.column)
    })
}

impl MarkdownReport {
    fn finding(&mut self, finding: &Finding<'_>) {
        let rule = finding.rule();
        match finding.standing {
            Standing::Violation if self.violations.has_room() => self.violations.row([
                rule.severity().name(),
                finding.host.title(),
                rule.id(),
                &finding.sentence(),
                rule.help().unwrap_or_default(),
                &place(finding.evidence()),
                &place(finding.policy()),
            ]),
            Standing::Waived if self.waived.has_room() => self.waived.row([
                finding.host.title(),
                rule.id(),
                &finding.message(),
                &finding.justification().unwrap_or_default(),
                &place(finding.evidence()),
            ]),
            _ => {}
        }
    }
}

impl Reporter for MarkdownReport {
    fn begin(&mut self, _: &Run<'_>, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn host(&mut self, run: &Run<'_>, host: &HostReport, _: &mut dyn Write) -> io::Result<()> {
        self.unknown.add(host);
        for problem in problems(run, host) {
            if problem.severity == IssueSeverity::Error && self.problems.has_room() {
                let at = problem
                    .location()
                    .map(Some)
                    .map_or_else(|| relative(&host.snapshot.origin.path).into_owned(), place);
                self.problems.row([host.title(), &at, problem.message(), problem.help()]);
            }
        }
        findings(run, host).for_each(|finding| self.finding(&finding));
        Ok(())
    }

    fn finish(&mut self, run: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        let result = match summary.exit_code() {
            0 => "\u{2705} passed",
            1 => "\u{274C} failed",
            3 => "\u{2753} undecided",
            _ => "\u{26D4} not whole",
        };
        writeln!(out, "# Exposure audit: {result}\n\n{}\n", cell(&closing(summary)))?;
        if let Some(why) = shortfall(summary) {
            writeln!(out, "**{}**\n", cell(&why))?;
        }
        let names: Vec<&str> = Verdict::ALL.into_iter().map(Verdict::name).collect();
        let counts: Vec<String> =
            Verdict::ALL.into_iter().map(|verdict| summary.count(verdict).to_string()).collect();
        writeln!(
            out,
            "| policy | hosts | listeners | {} |\n|{}\n| {} | {} | {} | {} |",
            names.join(" | "),
            " --- |".repeat(names.len() + 3),
            cell(&run.policy.name),
            summary.hosts,
            summary.listeners,
            counts.join(" | ")
        )?;
        let header = ["Host", "Place", "Problem", "Help"];
        self.problems.write(out, "Evidence that could not be used", &header)?;
        let header = ["Severity", "Host", "Rule", "Violation", "Help", "Evidence", "Policy"];
        self.violations.write(out, "Violations", &header)?;
        let mut unknown = Table::default();
        for group in self.unknown.groups(run.policy) {
            unknown.row([&*group.headline, &group.cure, &group.rules, &group.hosts]);
        }
        let header = ["Not decided", "To decide", "Rules", "Hosts"];
        unknown.write(out, "Rules that could not be decided", &header)?;
        let header = ["Host", "Rule", "Violation", "Waiver", "Evidence"];
        self.waived.write(out, "Waived violations", &header)
    }
}
