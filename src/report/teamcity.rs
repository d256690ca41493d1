//! `teamcity`: service messages: inspections of the build, and a build problem when the run does not pass.
//!
//! `|`, `'`, `[`, `]` and line breaks are escaped with `|`. Undecided rules are inspections too; passes and
//! waived violations are not. Source: TeamCity, "Service Messages", "Reporting Inspections", "Reporting
//! Build Problems", with their limits on lengths.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::annotations::closing;
use super::finding::{RuleView, Standing, findings, issue_severity, problems, shortfall};
use super::place::{clip, relative};
use super::unknowns::Unknowns;
use super::{HostReport, ReportFormat, Reporter, Run, Style};
use crate::audit::Summary;
use crate::capture::Severity as IssueSeverity;
use crate::policy::Severity;
use crate::safe;

pub(super) struct Teamcity;

impl ReportFormat for Teamcity {
    fn name(&self) -> &'static str {
        "teamcity"
    }

    fn about(&self) -> &'static str {
        "TeamCity: inspections and build problems"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        Box::new(TeamcityReport::default())
    }
}

#[derive(Default)]
struct TeamcityReport {
    /// The inspection types that were told of, by rule and by code.
    rules: BTreeSet<usize>,
    codes: BTreeSet<&'static str>,
    unknown: Unknowns,
}

/// Longest name or id, and longest description.
const NAME: usize = 255;
const DESCRIPTION: usize = 4000;

fn escape(text: &str, most: usize) -> String {
    let text = safe::lines(text);
    let mut safe = String::with_capacity(text.len() + 8);
    for c in clip(&text, most).chars() {
        match c {
            '\n' => safe.push_str("|n"),
            '|' | '\'' | '[' | ']' => {
                safe.push('|');
                safe.push(c);
            }
            c => safe.push(c),
        }
    }
    safe
}

fn inspection_type(out: &mut dyn Write, id: &str, name: &str, about: &str) -> io::Result<()> {
    writeln!(
        out,
        "##teamcity[inspectionType id='{}' name='{}' category='socklint' description='{}']",
        escape(id, NAME),
        escape(name, NAME),
        escape(about, DESCRIPTION)
    )
}

fn inspection(
    out: &mut dyn Write,
    id: &str,
    message: &str,
    (path, line): (&str, usize),
    severity: Severity,
) -> io::Result<()> {
    let severity = match severity {
        Severity::Error => "ERROR",
        Severity::Warning => "WARNING",
        Severity::Note => "INFO",
    };
    writeln!(
        out,
        "##teamcity[inspection typeId='{}' message='{}' file='{}' line='{line}' \
         SEVERITY='{severity}']",
        escape(id, NAME),
        escape(message, DESCRIPTION),
        escape(&relative(path), DESCRIPTION)
    )
}

fn build_problem(out: &mut dyn Write, identity: &str, description: &str) -> io::Result<()> {
    writeln!(
        out,
        "##teamcity[buildProblem identity='{identity}' description='{}']",
        escape(description, DESCRIPTION)
    )
}

impl TeamcityReport {
    fn rule(&mut self, out: &mut dyn Write, rule: RuleView<'_>) -> io::Result<()> {
        if !self.rules.insert(rule.index()) {
            return Ok(());
        }
        let about = [rule.because(), rule.help(), rule.url()];
        let about = about.into_iter().flatten().collect::<Vec<_>>().join("\n");
        inspection_type(out, rule.id(), &rule.summary(), &about)
    }
}

impl Reporter for TeamcityReport {
    fn begin(&mut self, _: &Run<'_>, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn host(&mut self, run: &Run<'_>, host: &HostReport, out: &mut dyn Write) -> io::Result<()> {
        self.unknown.add(host);
        let path = &host.snapshot.origin.path;
        for problem in problems(run, host) {
            if problem.severity == IssueSeverity::Note {
                continue;
            }
            let code = problem.code();
            if self.codes.insert(code) {
                inspection_type(out, code, code, problem.help())?;
            }
            let line = problem.location().map_or(1, |at| at.place.line);
            let severity = issue_severity(problem.severity);
            inspection(out, code, problem.message(), (path, line), severity)?;
        }
        for finding in findings(run, host) {
            if !matches!(finding.standing, Standing::Violation | Standing::Unknown) {
                continue;
            }
            let rule = finding.rule();
            self.rule(out, rule)?;
            let message = format!("{}: {}", host.title(), finding.sentence());
            let anchor = finding.anchor();
            let at = anchor.map_or((path.as_str(), 1), |at| (at.path(), at.place.line));
            inspection(out, rule.id(), &message, at, rule.severity())?;
        }
        Ok(())
    }

    fn finish(&mut self, run: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        if let Some(why) = shortfall(summary) {
            build_problem(out, "socklint-not-audited", &why)?;
        }
        if summary.failed {
            build_problem(out, "socklint-violations", &closing(summary))?;
        }
        if summary.undecided {
            let groups: Vec<String> = self
                .unknown
                .groups(run.policy)
                .map(|group| format!("{}; {}", group.headline, group.cure))
                .collect();
            let description = format!("not decided: {}", groups.join("\n"));
            build_problem(out, "socklint-not-decided", &description)?;
        }
        writeln!(out, "{}", closing(summary))
    }
}
