//! `checkstyle`: XML of Checkstyle, which Jenkins Warnings, SonarQube, reviewdog and many editors read.
//!
//! There is no official schema: `<file name>` with `<error line column severity message source>`.
//! `severity` is `error`, `warning` or `info`. Undecided rules are errors as bad as their violations would
//! be; passes and waived violations are left out. Source: checkstyle/checkstyle, `XMLLogger.java`.

use std::io::{self, Write};

use super::finding::{Standing, findings, issue_severity, problems, shortfall};
use super::place::{Location, relative};
use super::{HostReport, ReportFormat, Reporter, Run, Style};
use crate::audit::Summary;
use crate::capture::Severity as IssueSeverity;
use crate::policy::Severity;
use crate::safe::xml;

pub(super) struct Checkstyle;

impl ReportFormat for Checkstyle {
    fn name(&self) -> &'static str {
        "checkstyle"
    }

    fn about(&self) -> &'static str {
        "Jenkins Warnings, reviewdog, SonarQube and editors that read Checkstyle's XML"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        Box::new(CheckstyleReport)
    }
}

struct CheckstyleReport;

fn error(
    out: &mut dyn Write,
    at: Option<Location<'_>>,
    severity: Severity,
    message: &str,
    source: &str,
) -> io::Result<()> {
    let severity = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "info",
    };
    let (line, column) = at.map_or((1, 1), |at| (at.place.line, at.place.column));
    writeln!(
        out,
        "    <error line=\"{line}\" column=\"{column}\" severity=\"{severity}\" message=\"{}\" \
         source=\"socklint.{}\"/>",
        xml::text(message),
        xml::text(source)
    )
}

impl Reporter for CheckstyleReport {
    fn begin(&mut self, _: &Run<'_>, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<checkstyle version=\"8.0\">\n")
    }

    fn host(&mut self, run: &Run<'_>, host: &HostReport, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "  <file name=\"{}\">", xml::text(&relative(&host.snapshot.origin.path)))?;
        for problem in problems(run, host) {
            if problem.severity != IssueSeverity::Note {
                let severity = issue_severity(problem.severity);
                error(out, problem.location(), severity, problem.message(), problem.code())?;
            }
        }
        for finding in findings(run, host) {
            if matches!(finding.standing, Standing::Violation | Standing::Unknown) {
                let rule = finding.rule();
                let message = format!("{}: {}", host.title(), finding.sentence());
                error(out, finding.anchor(), rule.severity(), &message, rule.id())?;
            }
        }
        out.write_all(b"  </file>\n")
    }

    fn finish(&mut self, _: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        if let Some(why) = shortfall(summary) {
            out.write_all(b"  <file name=\"socklint.toml\">\n")?;
            error(out, None, Severity::Error, &why, "not-audited")?;
            out.write_all(b"  </file>\n")?;
        }
        out.write_all(b"</checkstyle>\n")
    }
}
