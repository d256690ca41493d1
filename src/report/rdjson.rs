//! `rdjson`: diagnostics for reviewdog.
//!
//! Columns count bytes of UTF-8, as reviewdog's do. Undecided rules are diagnostics as bad as their
//! violations would be; passes and waived violations are left out. Source: reviewdog/reviewdog,
//! `proto/rdf/reviewdog.proto`.

use std::io::{self, Write};

use serde::Serialize;

use super::finding::{Standing, findings, issue_severity, problems, shortfall};
use super::place::{Location, relative};
use super::{HostReport, ReportFormat, Reporter, Run, Style};
use crate::audit::Summary;
use crate::capture::Severity as IssueSeverity;
use crate::policy::Severity;
use crate::safe;

pub(super) struct Rdjson;

impl ReportFormat for Rdjson {
    fn name(&self) -> &'static str {
        "rdjson"
    }

    fn about(&self) -> &'static str {
        "reviewdog, which comments on GitHub, GitLab, Gerrit and Bitbucket"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        Box::new(RdjsonReport { first: true })
    }
}

struct RdjsonReport {
    first: bool,
}

#[derive(Serialize)]
struct Diagnostic<'a> {
    message: &'a str,
    location: Place,
    severity: &'static str,
    code: Code<'a>,
    #[serde(rename = "relatedLocations", skip_serializing_if = "Vec::is_empty")]
    related: Vec<Related>,
}

#[derive(Serialize)]
struct Code<'a> {
    value: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

#[derive(Serialize)]
struct Related {
    message: &'static str,
    location: Place,
}

#[derive(Serialize)]
struct Place {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<Range>,
}

#[derive(Serialize)]
struct Range {
    start: Position,
    end: Position,
}

#[derive(Serialize)]
struct Position {
    line: usize,
    column: usize,
}

fn place(at: Option<Location<'_>>, path: &str) -> Place {
    let range = at.map(|at| {
        let (start, end) = at.byte_columns();
        Range {
            start: Position { line: at.place.line, column: start },
            end: Position { line: at.place.end_line, column: end },
        }
    });
    Place { path: relative(at.map_or(path, |at| at.path())).into_owned(), range }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "ERROR",
        Severity::Warning => "WARNING",
        Severity::Note => "INFO",
    }
}

impl RdjsonReport {
    fn write(&mut self, out: &mut dyn Write, diagnostic: &Diagnostic<'_>) -> io::Result<()> {
        out.write_all(if self.first { b"\n  " } else { b",\n  " })?;
        self.first = false;
        safe::json(out, diagnostic, false)
    }
}

impl Reporter for RdjsonReport {
    fn begin(&mut self, _: &Run<'_>, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"{\"source\": {\"name\": \"socklint\"},\n \"diagnostics\": [")
    }

    fn host(&mut self, run: &Run<'_>, host: &HostReport, out: &mut dyn Write) -> io::Result<()> {
        let path = &host.snapshot.origin.path;
        for problem in problems(run, host) {
            if problem.severity != IssueSeverity::Note {
                let diagnostic = Diagnostic {
                    message: &safe::line(problem.message()),
                    location: place(problem.location(), path),
                    severity: severity(issue_severity(problem.severity)),
                    code: Code { value: problem.code(), url: None },
                    related: Vec::new(),
                };
                self.write(out, &diagnostic)?;
            }
        }
        for finding in findings(run, host) {
            if !matches!(finding.standing, Standing::Violation | Standing::Unknown) {
                continue;
            }
            let rule = finding.rule();
            let mut message = format!("{}: {}", safe::line(host.title()), finding.sentence());
            if let Some(help) = rule.help() {
                message.push_str(&format!("\nhelp: {}", safe::lines(help)));
            }
            let related = finding.policy().map(|at| Related {
                message: "the key of the policy",
                location: place(Some(at), ""),
            });
            let diagnostic = Diagnostic {
                message: &message,
                location: place(finding.anchor(), path),
                severity: severity(rule.severity()),
                code: Code { value: rule.id(), url: rule.url() },
                related: related.into_iter().collect(),
            };
            self.write(out, &diagnostic)?;
        }
        Ok(())
    }

    fn finish(&mut self, _: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        if let Some(why) = shortfall(summary) {
            let diagnostic = Diagnostic {
                message: &why,
                location: Place { path: "socklint.toml".to_owned(), range: None },
                severity: "ERROR",
                code: Code { value: "socklint", url: None },
                related: Vec::new(),
            };
            self.write(out, &diagnostic)?;
        }
        out.write_all(if self.first { b"]}\n" } else { b"\n ]}\n" })
    }
}
