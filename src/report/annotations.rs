//! Lines that a CI runner turns into annotations, no more of them than it shows.

use std::borrow::Cow;
use std::io::{self, Write};

use super::finding::{Finding, Problem, Standing, findings, issue_severity, problems, shortfall};
use super::place::{Location, relative};
use super::unknowns::Unknowns;
use super::{HostReport, Reporter, Run};
use crate::audit::Summary;
use crate::policy::Severity;

/// GitHub's runner keeps ten annotations of each level a step, and so does the agent of Azure Pipelines,
/// which it comes from. Source: actions/runner, `ExecutionContext.cs`; GitHub, "Limits of annotations".
const MOST: usize = 10;

/// One annotation; texts are not made safe.
#[derive(Debug)]
pub(super) struct Annotation<'a> {
    pub(super) level: Severity,
    pub(super) title: String,
    /// May have several lines.
    pub(super) message: String,
    /// Rule or code.
    pub(super) code: &'a str,
    /// A relative path, and the place in it.
    pub(super) path: Option<Cow<'a, str>>,
    pub(super) location: Option<Location<'a>>,
}

/// How a runner writes one.
pub(super) trait Syntax {
    /// The whole line, with its line end.
    fn line(&self, annotation: &Annotation<'_>) -> String;
}

/// Violations and problems as they come, undecided rules grouped, then what was left out.
///
/// Undecided rules are warnings, before all others: their place is not taken by violations, and the exit
/// code makes the step fail. Passes and waived violations make no annotations.
pub(super) struct Annotations<S> {
    syntax: S,
    /// The first lines, and how many there are, by [`Severity::ALL`].
    lines: [(Vec<String>, usize); 3],
    unknown: Unknowns,
}

impl<S: Syntax> Annotations<S> {
    pub(super) fn new(syntax: S) -> Self {
        Self { syntax, lines: Default::default(), unknown: Unknowns::default() }
    }

    fn add(&mut self, annotation: &Annotation<'_>) {
        if let Some((lines, count)) = self.lines.get_mut(annotation.level as usize) {
            *count += 1;
            if lines.len() < MOST {
                lines.push(self.syntax.line(annotation));
            }
        }
    }

    fn is_full(&self, level: Severity) -> bool {
        self.lines.get(level as usize).is_some_and(|(lines, _)| lines.len() >= MOST)
    }

    /// Counts what would not be shown without making its words.
    fn skip(&mut self, level: Severity) -> bool {
        let full = self.is_full(level);
        if let Some((_, count)) = self.lines.get_mut(level as usize).filter(|_| full) {
            *count += 1;
        }
        full
    }

    /// Puts lines before all others of their level.
    fn put_first(&mut self, level: Severity, annotations: &[Annotation<'_>]) {
        let first: Vec<String> =
            annotations.iter().map(|annotation| self.syntax.line(annotation)).collect();
        if let Some((lines, count)) = self.lines.get_mut(level as usize) {
            *count += first.len();
            lines.splice(0..0, first);
            lines.truncate(MOST);
        }
    }
}

fn of_finding<'a>(finding: &Finding<'a>) -> Annotation<'a> {
    let rule = finding.rule();
    let mut message = finding.message();
    for (name, value) in finding.details() {
        if matches!(name, "because" | "help" | "url" | "policy") {
            message.push_str(&format!("\n{name}: {value}"));
        }
    }
    let location = finding.anchor();
    Annotation {
        level: rule.severity(),
        title: format!("{}: {}", finding.host.title(), rule.summary()),
        message,
        code: rule.id(),
        path: location.and_then(|location| path_of(location.path())),
        location,
    }
}

/// Standard input is no file that an annotation could stand in.
fn path_of(path: &str) -> Option<Cow<'_, str>> {
    (path != "-").then(|| relative(path))
}

fn of_problem<'a>(host: &'a HostReport, problem: &Problem<'a>) -> Annotation<'a> {
    Annotation {
        level: issue_severity(problem.severity),
        title: format!("{}: {}", host.title(), problem.code()),
        message: format!("{}\nhelp: {}", problem.message(), problem.help()),
        code: problem.code(),
        path: path_of(&host.snapshot.origin.path),
        location: problem.location(),
    }
}

fn without_place(level: Severity, title: &str, message: String) -> Annotation<'static> {
    Annotation {
        level,
        title: title.to_owned(),
        message,
        code: "socklint",
        path: None,
        location: None,
    }
}

impl<S: Syntax> Reporter for Annotations<S> {
    fn begin(&mut self, run: &Run<'_>, _: &mut dyn Write) -> io::Result<()> {
        for warning in run.warnings {
            let location = warning.at.and_then(|at| Location::new(&run.policy.sources, at));
            let help = warning.help.as_deref().map(|help| format!("\nhelp: {help}"));
            self.add(&Annotation {
                level: Severity::Warning,
                title: warning.kind.code().to_owned(),
                message: format!("{}{}", warning.message, help.unwrap_or_default()),
                code: warning.kind.code(),
                path: location.map(|location| relative(location.path())),
                location,
            });
        }
        Ok(())
    }

    fn host(&mut self, run: &Run<'_>, host: &HostReport, _: &mut dyn Write) -> io::Result<()> {
        self.unknown.add(host);
        for problem in problems(run, host) {
            let level = issue_severity(problem.severity);
            if level > Severity::Note && !self.skip(level) {
                self.add(&of_problem(host, &problem));
            }
        }
        for finding in findings(run, host) {
            let level = finding.rule().severity();
            if finding.standing == Standing::Violation && !self.skip(level) {
                self.add(&of_finding(&finding));
            }
        }
        Ok(())
    }

    fn finish(&mut self, run: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        let unknown = std::mem::take(&mut self.unknown);
        let groups: Vec<Annotation<'_>> = unknown
            .groups(run.policy)
            .map(|group| {
                let message = format!(
                    "{}\nto decide: {}\nrules: {}\nhosts: {}",
                    group.headline, group.cure, group.rules, group.hosts
                );
                without_place(Severity::Warning, "not decided", message)
            })
            .collect();
        self.put_first(Severity::Warning, &groups);
        if let Some(why) = shortfall(summary) {
            let whole = without_place(Severity::Error, "not audited", why);
            self.put_first(Severity::Error, &[whole]);
        }
        let mut more = Vec::new();
        for (severity, (lines, count)) in Severity::ALL.into_iter().zip(&self.lines).rev() {
            for line in lines {
                out.write_all(line.as_bytes())?;
            }
            match count - lines.len() {
                0 => {}
                1 => more.push(format!("1 {}", severity.name())),
                count => more.push(format!("{count} {}s", severity.name())),
            }
        }
        if !more.is_empty() {
            writeln!(out, "{} more: a report of another format has all of them", more.join(", "))?;
        }
        writeln!(out, "{}", closing(summary))
    }
}

/// The last line, for people who read the log.
pub(super) fn closing(summary: &Summary) -> String {
    let result = match summary.exit_code() {
        0 => "passed",
        1 => "failed",
        3 => "undecided",
        _ => "not whole",
    };
    let violations: u64 = summary.violations.iter().sum();
    let count = |verdict| summary.count(verdict);
    format!(
        "socklint: {result}: {violations} violations, {} waived, {} rules not decided, {} passed, {} hosts \
         (exit code {})",
        summary.waived,
        count(crate::audit::Verdict::Unknown),
        count(crate::audit::Verdict::Pass),
        summary.hosts,
        summary.exit_code()
    )
}
