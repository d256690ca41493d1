//! `gitlab`: the code quality report of GitLab, an array of items in the manner of Code Climate.
//!
//! GitLab knows an item by its fingerprint, which must be unique in the report. Undecided rules are items;
//! passes and waived violations are not. Source: GitLab, "Code Quality", "Code quality report format";
//! gitlabhq, `app/validators/json_schemas/codeclimate.json`.

use std::collections::HashMap;
use std::io::{self, Write};

use serde::Serialize;

use super::finding::{Standing, findings, issue_severity, problems, shortfall};
use super::place::relative;
use super::{HostReport, ReportFormat, Reporter, Run, Style};
use crate::audit::Summary;
use crate::capture::Severity as IssueSeverity;
use crate::policy::Severity;
use crate::safe;
use crate::source::sha256_hex;

pub(super) struct Gitlab;

impl ReportFormat for Gitlab {
    fn name(&self) -> &'static str {
        "gitlab"
    }

    fn about(&self) -> &'static str {
        "GitLab: code quality in merge requests and pipelines"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        Box::new(GitlabReport { first: true, seen: HashMap::new() })
    }
}

struct GitlabReport {
    first: bool,
    /// How often each fingerprint was written.
    seen: HashMap<String, u32>,
}

#[derive(Serialize)]
struct Item<'a> {
    description: &'a str,
    check_name: &'a str,
    fingerprint: &'a str,
    severity: &'static str,
    location: ItemLocation<'a>,
}

#[derive(Serialize)]
struct ItemLocation<'a> {
    path: &'a str,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: usize,
}

impl GitlabReport {
    #[expect(clippy::too_many_arguments, reason = "an item has so many members")]
    fn item(
        &mut self,
        out: &mut dyn Write,
        description: &str,
        check_name: &str,
        fingerprint: &str,
        severity: Severity,
        path: &str,
        line: usize,
    ) -> io::Result<()> {
        let count = self.seen.entry(fingerprint.to_owned()).or_insert(0);
        *count += 1;
        // Two hosts of one name, or a file that is given twice.
        let unique = match count {
            1 => fingerprint.to_owned(),
            count => sha256_hex(format!("{fingerprint}\0{count}").as_bytes()),
        };
        out.write_all(if self.first { b"\n " } else { b",\n " })?;
        self.first = false;
        let item = Item {
            description,
            check_name,
            fingerprint: &unique,
            severity: match severity {
                Severity::Error => "critical",
                Severity::Warning => "major",
                Severity::Note => "info",
            },
            location: ItemLocation { path: &relative(path), lines: Lines { begin: line } },
        };
        safe::json(out, &item, false)
    }
}

impl Reporter for GitlabReport {
    fn begin(&mut self, _: &Run<'_>, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"[")
    }

    fn host(&mut self, run: &Run<'_>, host: &HostReport, out: &mut dyn Write) -> io::Result<()> {
        let path = &host.snapshot.origin.path;
        for problem in problems(run, host) {
            if problem.severity == IssueSeverity::Note {
                continue;
            }
            let line = problem.location().map_or(1, |location| location.place.line);
            let (code, message) = (problem.code(), safe::line(problem.message()));
            let print = sha256_hex(format!("problem\0{path}\0{code}\0{line}").as_bytes());
            let severity = issue_severity(problem.severity);
            self.item(out, &message, code, &print, severity, path, line)?;
        }
        for finding in findings(run, host) {
            if !matches!(finding.standing, Standing::Violation | Standing::Unknown) {
                continue;
            }
            let rule = finding.rule();
            let anchor = finding.anchor();
            let (path, line) =
                anchor.map_or((path.as_str(), 1), |anchor| (anchor.path(), anchor.place.line));
            let description = format!("{}: {}", safe::line(host.title()), finding.sentence());
            let print = finding.fingerprint();
            self.item(out, &description, rule.id(), &print, rule.severity(), path, line)?;
        }
        Ok(())
    }

    fn finish(&mut self, _: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        if let Some(why) = shortfall(summary) {
            let print = sha256_hex(b"shortfall");
            self.item(out, &why, "socklint", &print, Severity::Error, "socklint.toml", 1)?;
        }
        out.write_all(if self.first { b"]\n" } else { b"\n]\n" })
    }
}
