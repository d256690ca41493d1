//! `sarif-github`: SARIF as GitHub code scanning reads it.
//!
//! Code scanning looks at neither `kind` nor `suppressions`: a rule that holds and a waived violation would
//! be open alerts, so they are left out, and undecided rules are alerts. Evidence that could not be used
//! is an alert of `socklint/incomplete`. It takes 25,000 results of a run and shows the 5,000 that are
//! worst: no more are written, and the last one says how many were left out. An alert is shown in a pull
//! request on changed lines only, so the key of the policy goes along as a related location. Source:
//! GitHub, "SARIF support for code scanning".

use std::io::{self, Write};

use super::super::finding::{Standing, findings, issue_severity, problems, shortfall};
use super::super::{HostReport, ReportFormat, Reporter, Run, Style};
use super::document::{
    Artifact, Detail, Notification, Outcome, first_line, incomplete, location, result,
};
use super::{begin, end, notes};
use crate::audit::Summary;
use crate::policy::Severity;
use crate::safe;
use crate::source::sha256_hex;

/// How many results GitHub shows.
const MOST: usize = 5_000;

pub(in super::super) struct SarifGithub;

impl ReportFormat for SarifGithub {
    fn name(&self) -> &'static str {
        "sarif-github"
    }

    fn about(&self) -> &'static str {
        "GitHub code scanning: what it shows as alerts, within its limits"
    }

    fn reporter(&self, _: Style) -> Box<dyn Reporter> {
        Box::new(GithubReport::default())
    }
}

#[derive(Default)]
struct GithubReport {
    /// Results as JSON and how many there are, by [`Severity::ALL`].
    results: [(Vec<Vec<u8>>, usize); 3],
    artifacts: Vec<Artifact>,
    notifications: Vec<Notification>,
}

impl GithubReport {
    fn add<'a>(
        &mut self,
        severity: Severity,
        result: impl FnOnce() -> Outcome<'a>,
    ) -> io::Result<()> {
        if let Some((results, count)) = self.results.get_mut(severity as usize) {
            *count += 1;
            if results.len() < MOST {
                let mut text = Vec::new();
                safe::json(&mut text, &result(), false)?;
                results.push(text);
            }
        }
        Ok(())
    }
}

impl Reporter for GithubReport {
    fn begin(&mut self, run: &Run<'_>, out: &mut dyn Write) -> io::Result<()> {
        begin(run, Detail::Github, out)
    }

    fn host(&mut self, run: &Run<'_>, host: &HostReport, _: &mut dyn Write) -> io::Result<()> {
        let (artifacts, notifications) = notes(run, host);
        self.artifacts.extend(artifacts);
        self.notifications.extend(notifications);
        for problem in problems(run, host) {
            if issue_severity(problem.severity) != Severity::Error {
                continue;
            }
            let path = &host.snapshot.origin.path;
            let (code, at) = (problem.code(), problem.location());
            let line = at.map_or(1, |at| at.place.line);
            let print = sha256_hex(format!("problem\0{path}\0{code}\0{line}").as_bytes());
            let message = format!(
                "{}: {}\n{}",
                safe::line(host.title()),
                safe::line(problem.message()),
                problem.help()
            );
            let at = at.map_or_else(|| first_line(path), |at| location(at, Detail::Github));
            self.add(Severity::Error, || incomplete(&message, Some(at), &print))?;
        }
        for finding in findings(run, host) {
            if matches!(finding.standing, Standing::Violation | Standing::Unknown) {
                let severity = finding.rule().severity();
                self.add(severity, || result(run, &finding, Detail::Github))?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, run: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        let total: usize = self.results.iter().map(|(_, count)| count).sum();
        let mut last = Vec::new();
        if let Some(why) = shortfall(summary) {
            last.push(incomplete(&why, None, &sha256_hex(b"shortfall")));
        }
        // Room for what is said of the whole, and for what was left out.
        let mut room = MOST - last.len();
        if total > room {
            room -= 1;
            let message = format!(
                "{} results of {total} are left out: GitHub shows {MOST} at most; `sarif` has all of them",
                total - room
            );
            last.push(incomplete(&message, None, &sha256_hex(b"left-out")));
            self.notifications.push(Notification::new("warning", "socklint", &message, None));
        }
        let mut first = true;
        let worst = self.results.iter().rev().flat_map(|(results, _)| results);
        for result in worst.take(room) {
            out.write_all(if first { b"\n   " } else { b",\n   " })?;
            first = false;
            out.write_all(result)?;
        }
        for result in last {
            out.write_all(if first { b"\n   " } else { b",\n   " })?;
            first = false;
            safe::json(out, &result, false)?;
        }
        let artifacts = std::mem::take(&mut self.artifacts);
        let notifications = std::mem::take(&mut self.notifications);
        end(run, artifacts, notifications, summary, out)
    }
}
