//! `sarif` and `sarif-github`: SARIF 2.1.0.
//!
//! `sarif` has everything: violations (`kind: fail`), undecided rules (`open`), rules that hold (`pass`)
//! and that are for other hosts (`notApplicable`), waived violations as suppressions with their
//! justification, problems of the evidence as notifications. [`github`] has what code scanning reads.
//! Lines and columns are 1-based and count Unicode scalar values, ends are exclusive; offsets are those of
//! the file. Source: OASIS SARIF 2.1.0 with errata 01, sections 3.14 (run), 3.27 (result), 3.30 (region),
//! 3.35 (suppression), 3.58 (notification).

mod document;
pub(super) mod github;

use std::io::{self, Write};

use document::{
    Artifact, Detail, Invocation, Notification, Rule, RunEnd, hashes, location, result,
};

use super::finding::{findings, problems, rules, shortfall};
use super::{HostReport, ReportFormat, Reporter, Run, Style};
use crate::audit::Summary;
use crate::safe;

pub(super) struct Sarif;

impl ReportFormat for Sarif {
    fn name(&self) -> &'static str {
        "sarif"
    }

    fn about(&self) -> &'static str {
        "viewers and stores of SARIF 2.1.0: everything, passes and waived violations too"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        Box::new(SarifReport { first: true, artifacts: Vec::new(), notifications: Vec::new() })
    }
}

struct SarifReport {
    first: bool,
    artifacts: Vec<Artifact>,
    notifications: Vec<Notification>,
}

/// The schema that editors and GitHub know.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Everything before the first result.
fn begin(run: &Run<'_>, detail: Detail, out: &mut dyn Write) -> io::Result<()> {
    write!(
        out,
        "{{\"$schema\": \"{SCHEMA}\",\n \"version\": \"2.1.0\",\n \"runs\": [{{\n  \"tool\": \
         {{\"driver\": {{\"name\": \"socklint\", \"version\": \"{0}\", \"semanticVersion\": \"{0}\", \
         \"rules\": [",
        env!("CARGO_PKG_VERSION")
    )?;
    let mut first = true;
    let own = detail.own_rules();
    let all = rules(run.policy).take(detail.most_rules()).map(|rule| Rule::new(rule, detail));
    for rule in all.chain(own) {
        out.write_all(if first { b"\n   " } else { b",\n   " })?;
        first = false;
        safe::json(out, &rule, false)?;
    }
    out.write_all(b"\n  ]}},\n  \"automationDetails\": {\"id\": \"socklint/\"},\n")?;
    out.write_all(b"  \"columnKind\": \"unicodeCodePoints\",\n  \"results\": [")
}

/// Everything behind the last result; `left_out` results do not stand in the report.
fn end(
    run: &Run<'_>,
    artifacts: Vec<Artifact>,
    mut notifications: Vec<Notification>,
    summary: &Summary,
    out: &mut dyn Write,
) -> io::Result<()> {
    if let Some(why) = shortfall(summary) {
        notifications.push(Notification::new("error", "socklint", &why, None));
    }
    let mut configuration = Vec::new();
    for warning in run.warnings {
        let at = warning.at.and_then(|at| super::place::Location::new(&run.policy.sources, at));
        let at = at.map(|at| location(at, Detail::Full));
        configuration.push(Notification::new("warning", warning.kind.code(), &warning.message, at));
    }
    let invocation = Invocation::new(summary, notifications, configuration);
    let policies = run.policy.sources.files().iter();
    let artifacts = policies
        .map(|file| hashes(file.name(), file.sha256(), "policy"))
        .chain(artifacts)
        .collect();
    let rest = RunEnd::new(artifacts, invocation);
    let mut text = Vec::new();
    safe::json(&mut text, &rest, false)?;
    // The members of the run go on where its results end.
    out.write_all(b"\n  ],\n  ")?;
    out.write_all(text.get(1..).unwrap_or_default())?;
    out.write_all(b"]\n}\n")
}

/// Problems of a host as notifications, and its evidence as an artifact.
fn notes(run: &Run<'_>, host: &HostReport) -> (Vec<Artifact>, Vec<Notification>) {
    let files = host.snapshot.sources.files().iter();
    let artifacts =
        files.map(|file| hashes(file.name(), file.sha256(), "analysisTarget")).collect();
    let notifications = problems(run, host)
        .map(|problem| {
            let level = super::finding::issue_severity(problem.severity).name();
            let at = problem.location().map(|at| location(at, Detail::Full));
            let message = format!("{}: {}", host.title(), problem.message());
            Notification::new(level, problem.code(), &message, at)
        })
        .collect();
    (artifacts, notifications)
}

impl Reporter for SarifReport {
    fn begin(&mut self, run: &Run<'_>, out: &mut dyn Write) -> io::Result<()> {
        begin(run, Detail::Full, out)
    }

    fn host(&mut self, run: &Run<'_>, host: &HostReport, out: &mut dyn Write) -> io::Result<()> {
        let (artifacts, notifications) = notes(run, host);
        self.artifacts.extend(artifacts);
        self.notifications.extend(notifications);
        for finding in findings(run, host) {
            out.write_all(if self.first { b"\n   " } else { b",\n   " })?;
            self.first = false;
            safe::json(out, &result(run, &finding, Detail::Full), false)?;
        }
        Ok(())
    }

    fn finish(&mut self, run: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        let artifacts = std::mem::take(&mut self.artifacts);
        let notifications = std::mem::take(&mut self.notifications);
        end(run, artifacts, notifications, summary, out)
    }
}
