//! `human`: diagnostics for people, grouped by host, and a closing summary.

use std::io::{self, Write};

use super::diagnostic::{Level, Shown};
use super::fleet::Fleet;
use super::unknowns::Unknowns;
use super::{HostReport, ReportFormat, Reporter, Run, Style};
use crate::audit::{RuleResult, Summary, Verdict, Violation, headline, label, requirement};
use crate::capture::{CaptureIssue, Severity as IssueSeverity};
use crate::policy::Severity;
use crate::safe;
use crate::snapshot::Snapshot;

pub(super) struct Human;

impl ReportFormat for Human {
    fn name(&self) -> &'static str {
        "human"
    }

    fn about(&self) -> &'static str {
        "people, on a terminal or in a log"
    }

    fn reporter(&self, style: Style) -> Box<dyn Reporter> {
        Box::new(HumanReport {
            style,
            shown: 0,
            hidden: 0,
            unknown: Unknowns::default(),
            vacuous: Vec::new(),
            fleet: Fleet::default(),
            held: Vec::new(),
        })
    }
}

struct HumanReport {
    style: Style,
    shown: usize,
    hidden: usize,
    /// Rules and hosts that a missing fact keeps undecided.
    unknown: Unknowns,
    /// Rules and how often they matched, for `--verbose`.
    vacuous: Vec<u64>,
    fleet: Fleet,
    /// What is written once it is known whether there are more than a few hosts: no more than
    /// `--max-diagnostics` diagnostics, and notes of a few hosts.
    held: Vec<Held>,
}

/// A piece of the report that waits.
enum Held {
    /// Of `--verbose`.
    Note(Vec<u8>),
    /// Diagnostics of a host.
    Diagnostics(Vec<u8>),
}

impl Reporter for HumanReport {
    fn begin(&mut self, run: &Run<'_>, out: &mut dyn Write) -> io::Result<()> {
        self.vacuous = vec![0; run.policy.rules.len()];
        if !run.quiet {
            for warning in run.warnings {
                out.write_all(
                    policy_error(warning, &run.policy.sources, self.style)
                        .render(self.style)
                        .as_bytes(),
                )?;
                writeln!(out)?;
            }
        }
        Ok(())
    }

    fn host(&mut self, run: &Run<'_>, host: &HostReport, out: &mut dyn Write) -> io::Result<()> {
        let mut note = Vec::new();
        self.note(run, host, &mut note)?;
        let mut diagnostics = Vec::new();
        self.issues(run, host, &mut diagnostics)?;
        self.violations(run, host, &mut diagnostics)?;
        self.unknown.add(host);
        self.fleet.add(run, host);
        if self.fleet.begins() {
            // There is a note for each host: from now on they are written at once.
            for held in std::mem::take(&mut self.held) {
                match held {
                    Held::Note(text) => out.write_all(&text)?,
                    Held::Diagnostics(_) => self.held.push(held),
                }
            }
        }
        if self.fleet.is_one() {
            out.write_all(&note)?;
        } else if !note.is_empty() {
            self.held.push(Held::Note(note));
        }
        if !diagnostics.is_empty() {
            self.held.push(Held::Diagnostics(diagnostics));
        }
        for (index, result) in host.results.iter().flatten().enumerate() {
            if let Some(count) = self.vacuous.get_mut(index) {
                *count += result.matched + result.possible;
            }
        }
        Ok(())
    }

    fn finish(&mut self, run: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        if self.fleet.is_one() {
            self.fleet.write(run.policy, self.style, out)?;
        }
        for held in std::mem::take(&mut self.held) {
            let (Held::Note(text) | Held::Diagnostics(text)) = held;
            out.write_all(&text)?;
        }
        if self.hidden > 0 {
            let most = run.max_diagnostics;
            writeln!(
                out,
                "{} more not shown; `--max-diagnostics` (now {most}) shows more\n",
                violations(self.hidden as u64)
            )?;
        }
        self.unknowns(run, summary, out)?;
        if run.verbose {
            for (rule, count) in run.policy.rules.iter().zip(&self.vacuous) {
                if *count == 0 {
                    writeln!(out, "note: rule `{}` matched no listener in this run", rule.id)?;
                }
            }
        }
        if run.quiet && summary.exit_code() == 0 {
            return Ok(());
        }
        self.closing(run, summary, out)
    }
}

impl HumanReport {
    fn bold(&self, text: &str) -> String {
        if self.style.colour { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn colour(&self, text: &str, code: &str) -> String {
        if self.style.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn violations(
        &mut self,
        run: &Run<'_>,
        host: &HostReport,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let Some(results) = &host.results else { return Ok(()) };
        let all = || results.iter().flat_map(|of| of.violations.iter().map(move |one| (of, one)));
        let count: usize = results.iter().map(|result| result.violations.len()).sum();
        let room = run.max_diagnostics.saturating_sub(self.shown).min(count);
        self.shown += room;
        self.hidden += count - room;
        if room == 0 {
            return Ok(());
        }
        // What counts first, the worst of it first, then in the order of the evidence.
        let key = |number: usize, result: &RuleResult, violation: &Violation| {
            let waived = violation.waiver.is_some();
            let severity = std::cmp::Reverse(result.rule.severity(run.policy));
            let place = (violation.evidence.is_none(), violation.evidence);
            (waived, severity, place, result.rule, number)
        };
        let keyed = all().enumerate().map(|(number, one)| (key(number, one.0, one.1), one));
        let mut violations: Vec<_> = keyed.collect();
        if room < count {
            violations.select_nth_unstable_by_key(room, |&(key, _)| key);
            violations.truncate(room);
        }
        violations.sort_unstable_by_key(|&(key, _)| key);
        let title = safe::line(host.title());
        let path = safe::line(&host.snapshot.origin.path);
        match title == path {
            true => writeln!(out, "{}\n", self.bold(&title))?,
            false => writeln!(out, "{} ({path})\n", self.bold(&title))?,
        }
        for (_, (result, violation)) in violations {
            let shown = finding(run, host, result, violation, self.style);
            out.write_all(shown.render(self.style).as_bytes())?;
            writeln!(out)?;
        }
        Ok(())
    }

    fn note(&self, run: &Run<'_>, host: &HostReport, out: &mut dyn Write) -> io::Result<()> {
        if !run.verbose {
            return Ok(());
        }
        let path = safe::line(&host.snapshot.origin.path);
        let format = safe::line(&host.snapshot.origin.format);
        writeln!(out, "note: {path}: read as {format}, {}", safe::line(&host.detection))?;
        if let Some(decoded) = host.snapshot.sources.files().first().and_then(|file| file.decoded())
        {
            writeln!(out, "note: {path}: decoded from {decoded}")?;
        }
        Ok(())
    }

    fn issues(&mut self, run: &Run<'_>, host: &HostReport, out: &mut dyn Write) -> io::Result<()> {
        for issue in &host.issues {
            let severity = issue.kind.severity(run.lenient);
            if severity == IssueSeverity::Note && !run.verbose
                || severity < IssueSeverity::Error && run.quiet
            {
                continue;
            }
            if self.shown >= run.max_diagnostics {
                self.hidden += 1;
                continue;
            }
            self.shown += 1;
            let shown = capture_issue(issue, &host.snapshot, run.lenient, self.style);
            out.write_all(shown.render(self.style).as_bytes())?;
            writeln!(out)?;
        }
        Ok(())
    }

    /// Each missing fact once, with the rules that it touches and what would decide them.
    fn unknowns(&self, run: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        if run.quiet && run.threshold.allow_unknown {
            return Ok(());
        }
        let width = self.style.width.unwrap_or(100).max(40);
        for group in self.unknown.groups(run.policy) {
            let head = self.colour("unknown", "1;33");
            let mut lines = vec![
                group.headline,
                format!("to decide: {}", group.cure),
                format!("rules: {}", group.rules),
            ];
            if summary.hosts > 1 {
                lines.push(format!("hosts: {}", group.hosts));
            }
            for (index, line) in lines.iter().enumerate() {
                let options = match index {
                    0 => textwrap::Options::new(width - 9).subsequent_indent("  "),
                    _ => textwrap::Options::new(width - 2)
                        .initial_indent("  ")
                        .subsequent_indent("    "),
                };
                let wrapped = textwrap::fill(&safe::line(line), options);
                match index {
                    0 => writeln!(out, "{head}: {}", safe::wrapped(&wrapped))?,
                    _ => writeln!(out, "{}", safe::wrapped(&wrapped))?,
                }
            }
            writeln!(out)?;
        }
        Ok(())
    }

    fn closing(&self, run: &Run<'_>, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        let count = |number: u64, one: &str, many: &str| {
            if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
        };
        let rules = run.policy.rules.len() + usize::from(run.policy.unlisted.is_some());
        let mut parts = vec![
            count(summary.hosts, "host", "hosts"),
            count(summary.listeners, "listener", "listeners"),
            count(rules as u64, "rule", "rules"),
            format!("policy {}", safe::line(&run.policy.name)),
        ];
        if summary.broken > 0 {
            parts.push(format!(
                "{} could not be read",
                count(summary.broken, "capture", "captures")
            ));
        }
        if summary.hosts == 0 {
            let result = self.colour("not audited", "1;31");
            let why = match summary.broken {
                0 => "there is no evidence".to_owned(),
                broken => format!("{} could not be read", count(broken, "capture", "captures")),
            };
            return writeln!(out, "{result}: {why} (exit code {})", summary.exit_code());
        }
        writeln!(out, "{}", parts.join(", "))?;
        let verdicts: Vec<String> = Verdict::ALL
            .into_iter()
            .filter(|&verdict| {
                summary.count(verdict) > 0
                    || matches!(verdict, Verdict::Pass | Verdict::Fail | Verdict::Unknown)
            })
            .map(|verdict| format!("{} {}", summary.count(verdict), verdict.name()))
            .collect();
        writeln!(out, "verdicts: {}", verdicts.join(", "))?;
        let by_severity: Vec<String> = Severity::ALL
            .into_iter()
            .rev()
            .zip(summary.violations.iter().rev())
            .filter(|(_, number)| **number > 0)
            .map(|(severity, number)| {
                count(*number, severity.name(), &format!("{}s", severity.name()))
            })
            .collect();
        let total: u64 = summary.violations.iter().sum();
        let found = match total {
            0 if summary.waived > 0 => {
                format!("no violation that counts, {} waived", summary.waived)
            }
            0 => "no violation".to_owned(),
            _ => format!("{} ({})", violations(total), by_severity.join(", ")),
        };
        let found = match summary.waived {
            waived if waived > 0 && total > 0 => format!("{found}, {waived} waived"),
            _ => found,
        };
        let result = match summary.exit_code() {
            0 => self.colour("passed", "1;32"),
            1 => self.colour("failed", "1;31"),
            3 => self.colour("undecided", "1;33"),
            _ => self.colour("not whole", "1;31"),
        };
        writeln!(out, "{result}: {found} (exit code {})", summary.exit_code())
    }
}

fn violations(count: u64) -> String {
    if count == 1 { "1 violation".to_owned() } else { format!("{count} violations") }
}

fn level(severity: Severity) -> Level {
    match severity {
        Severity::Error => Level::Error,
        Severity::Warning => Level::Warning,
        Severity::Note => Level::Note,
    }
}

/// A violation: the evidence line first, the policy key as its other end.
fn finding(
    run: &Run<'_>,
    host: &HostReport,
    result: &RuleResult,
    violation: &Violation,
    style: Style,
) -> Shown {
    let policy = run.policy;
    let facts = host.facts(run);
    let rule = result.rule.rule(policy);
    let because = rule.and_then(|rule| rule.because.clone());
    let asks = because.unwrap_or_else(|| format!("rule `{}`", result.rule.id(policy)));
    let other_end = Shown::new(Level::Note, asks).at(
        &policy.sources,
        Some(violation.policy),
        requirement(result.rule, policy),
        style,
    );
    let title = match violation.socket {
        Some(_) => headline(result.rule, policy),
        None => crate::audit::message(result, violation, policy, &facts),
    };
    let shown =
        Shown::new(level(result.rule.severity(policy)), title).code(result.rule.id(policy)).at(
            &host.snapshot.sources,
            violation.evidence,
            label(result, violation, policy, &facts),
            style,
        );
    let mut related = vec![other_end];
    let waived = violation.waiver.and_then(|index| policy.waivers.get(index));
    let expired = violation.expired.and_then(|index| policy.waivers.get(index));
    if let Some(waiver) = waived.or(expired) {
        let until = &waiver.expires.text;
        let label = match waived {
            Some(_) => format!("waived until {until}"),
            None => format!("the waiver expired on {until}"),
        };
        let says = format!("{} ({})", waiver.reason, waiver.owner);
        related.push(Shown::new(Level::Note, says).at(
            &policy.sources,
            Some(waiver.expires_at),
            label,
            style,
        ));
    }
    let level = if waived.is_some() { Level::Note } else { shown.level };
    let message =
        if waived.is_some() { format!("waived: {}", shown.message) } else { shown.message };
    Shown {
        level,
        message,
        help: rule.and_then(|rule| rule.help.clone()),
        url: rule.and_then(|rule| rule.url.clone()),
        related,
        ..shown
    }
}

/// A capture issue as a diagnostic.
#[must_use]
pub fn capture_issue(
    issue: &CaptureIssue,
    snapshot: &Snapshot,
    lenient: bool,
    style: Style,
) -> Shown {
    let level = match issue.kind.severity(lenient) {
        IssueSeverity::Error => Level::Error,
        IssueSeverity::Warning => Level::Warning,
        IssueSeverity::Note => Level::Note,
    };
    let message = match issue.at {
        Some(_) => issue.message.clone(),
        None => format!("{}: {}", snapshot.origin.path, issue.message),
    };
    Shown::new(level, message).code(issue.kind.code()).help(issue.kind.help()).at(
        &snapshot.sources,
        issue.at,
        "",
        style,
    )
}

/// A policy error as a diagnostic.
#[must_use]
pub fn policy_error(
    error: &crate::policy::PolicyError,
    sources: &crate::source::SourceMap,
    style: Style,
) -> Shown {
    let level = if error.kind.is_warning() { Level::Warning } else { Level::Error };
    let mut shown = Shown::new(level, error.message.clone()).code(error.kind.code()).at(
        sources,
        error.at,
        error.label.clone(),
        style,
    );
    shown.help.clone_from(&error.help);
    shown.related = error
        .related
        .iter()
        .map(|(span, words)| {
            Shown::new(Level::Note, words.clone()).at(sources, Some(*span), "", style)
        })
        .collect();
    shown
}
