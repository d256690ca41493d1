//! `csv`: a table, a row for each finding, for spreadsheets and databases.
//!
//! A header, then cells as [`crate::safe::csv`] writes them. `verdict` is `fail` and `waived` for a
//! violation, `pass`, `unknown` and `not-applicable` for a rule, and `not-audited` for evidence that could
//! not be used (`rule` is the diagnostic code then).

use std::io::{self, Write};

use super::finding::{findings, problems, shortfall};
use super::{HostReport, ReportFormat, Reporter, Run, Style};
use crate::audit::Summary;
use crate::capture::Severity as IssueSeverity;
use crate::policy::Severity;
use crate::safe::csv::row;

pub(super) struct Csv;

const HEADER: [&str; 27] = [
    "host",
    "source",
    "rule",
    "verdict",
    "severity",
    "summary",
    "message",
    "transport",
    "address",
    "port",
    "evidence_path",
    "evidence_line",
    "evidence_column",
    "policy_path",
    "policy_line",
    "because",
    "help",
    "url",
    "controls",
    "tags",
    "missing",
    "cure",
    "waiver_reason",
    "waiver_owner",
    "waiver_expires",
    "waiver_ticket",
    "fingerprint",
];

impl ReportFormat for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn about(&self) -> &'static str {
        "spreadsheets and databases: a row for each finding"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        Box::new(CsvReport)
    }
}

struct CsvReport;

impl Reporter for CsvReport {
    fn begin(&mut self, _: &Run<'_>, out: &mut dyn Write) -> io::Result<()> {
        row(out, HEADER)
    }

    fn host(&mut self, run: &Run<'_>, host: &HostReport, out: &mut dyn Write) -> io::Result<()> {
        let snapshot = &host.snapshot;
        let (name, source) = (host.title(), snapshot.origin.path.as_str());
        for problem in problems(run, host) {
            if problem.severity == IssueSeverity::Error {
                not_audited(out, name, source, problem.code(), problem.message())?;
            }
        }
        for finding in findings(run, host) {
            let (rule, socket) = (finding.rule(), finding.socket());
            let (evidence, policy) = (finding.evidence(), finding.policy());
            let missed = finding.missed();
            let missing: Vec<String> = missed.iter().map(|missed| missed.what()).collect();
            let cures: Vec<String> = missed.iter().map(|missed| missed.cure()).collect();
            let waiver = finding.waiver();
            row(
                out,
                [
                    name,
                    source,
                    rule.id(),
                    finding.standing.name(),
                    rule.severity().name(),
                    &rule.summary(),
                    &finding.message(),
                    socket.map_or("", |socket| socket.transport.name()),
                    &socket.map_or_else(String::new, |socket| snapshot.address_text(socket)),
                    &socket.map_or_else(String::new, |socket| snapshot.port_text(socket)),
                    evidence.map_or("", |at| at.path()),
                    &evidence.map_or_else(String::new, |at| at.place.line.to_string()),
                    &evidence.map_or_else(String::new, |at| at.place.column.to_string()),
                    policy.map_or("", |at| at.path()),
                    &policy.map_or_else(String::new, |at| at.place.line.to_string()),
                    rule.because().unwrap_or_default(),
                    rule.help().unwrap_or_default(),
                    rule.url().unwrap_or_default(),
                    &rule.controls().join("; "),
                    &rule.tags().join("; "),
                    &missing.join("; "),
                    &cures.join("; "),
                    waiver.map_or("", |waiver| &waiver.reason),
                    waiver.map_or("", |waiver| &waiver.owner),
                    waiver.map_or("", |waiver| &waiver.expires.text),
                    waiver.and_then(|waiver| waiver.ticket.as_deref()).unwrap_or_default(),
                    &finding.fingerprint(),
                ],
            )?;
        }
        Ok(())
    }

    fn finish(&mut self, _: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        match shortfall(summary) {
            Some(why) => not_audited(out, "", "", "socklint", &why),
            None => Ok(()),
        }
    }
}

fn not_audited(
    out: &mut dyn Write,
    host: &str,
    source: &str,
    code: &str,
    message: &str,
) -> io::Result<()> {
    let told = [host, source, code, "not-audited", Severity::Error.name(), message, message];
    row(out, told.into_iter().chain(std::iter::repeat_n("", HEADER.len() - told.len())))
}
