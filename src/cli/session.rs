//! One audit: the policy as it is asked for, evidence judged by it, and what came of it.

use std::mem::ManuallyDrop;

use jiff::Timestamp;

use super::args::{AuditArgs, Evidence, FailOn, Unknown};
use super::error::{CliError, CliErrorKind};
use super::input::{self, Found, Jobs, Source};
use super::output::Screen;
use crate::audit::{Summary, Threshold, Verdict, audit, waive};
use crate::capture::{Capture, Severity as IssueSeverity};
use crate::policy::{Globs, Loaded, Policy, PolicyError, Rule, Severity, suggestion};
use crate::report::{HostReport, ReportFormat, Run, policy_error};
use crate::snapshot::Grade;

/// A policy that is ready to judge.
pub(super) struct Session<'a> {
    args: &'a AuditArgs,
    /// The process ends behind an audit, and freeing a large policy takes a tenth of its run.
    policy: ManuallyDrop<Policy>,
    warnings: Vec<PolicyError>,
    now: Timestamp,
}

/// How much people are told.
#[derive(Clone, Copy)]
pub(super) struct Telling {
    pub(super) lenient: bool,
    pub(super) verbose: bool,
    pub(super) quiet: bool,
    pub(super) max_diagnostics: usize,
}

impl<'a> Session<'a> {
    /// Takes the part of a policy that is asked for, and what `narrow` leaves of it. `None` when the policy
    /// has errors, which are shown.
    pub(super) fn new(
        args: &'a AuditArgs,
        loaded: Loaded,
        narrow: &dyn Fn(&mut Policy) -> Result<(), CliError>,
        screen: &Screen,
    ) -> Result<Option<Self>, CliError> {
        let now = now(args.now.as_deref())?;
        let Some(mut policy) = loaded.policy else {
            for error in &loaded.errors {
                screen.say(&policy_error(error, &loaded.sources, screen.style()));
            }
            let count = loaded.errors.iter().filter(|error| !error.kind.is_warning()).count();
            let errors = if count == 1 { "1 error".to_owned() } else { format!("{count} errors") };
            screen.note(&format!("{errors} in the policy; nothing was checked (exit code 2)"));
            return Ok(None);
        };
        select(&mut policy, args)?;
        narrow(&mut policy)?;
        let mut warnings: Vec<PolicyError> = loaded.errors;
        if args.no_waivers {
            policy.waivers.clear();
        }
        warnings.extend(policy.reviews(now));
        warnings.extend(policy.waiver_warnings(now));
        Ok(Some(Self { args, policy: ManuallyDrop::new(policy), warnings, now }))
    }

    /// The policy.
    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What reporters are told of the audit.
    pub(super) fn run(&self, telling: Telling) -> Run<'_> {
        let Telling { lenient, verbose, quiet, max_diagnostics } = telling;
        let args = self.args;
        Run {
            policy: &self.policy,
            warnings: &self.warnings,
            judged_at: self.now,
            grade: match args.evidence {
                Evidence::Proven => Grade::Proven,
                Evidence::Presumed => Grade::Presumed,
            },
            threshold: Threshold {
                fail_on: match args.fail_on {
                    FailOn::Error => Severity::Error,
                    FailOn::Warning => Severity::Warning,
                    FailOn::Note => Severity::Note,
                },
                allow_unknown: args.unknown == Unknown::Allow,
            },
            now: args.now.as_ref().map(|_| self.now),
            lenient,
            verbose,
            quiet,
            max_diagnostics,
        }
    }

    /// Judges all evidence on up to `jobs` threads; each host goes to `host` here, in the order of the input.
    pub(super) fn judge(
        &self,
        run: &Run<'_>,
        source: &dyn Source,
        jobs: Jobs,
        host: &mut dyn FnMut(&HostReport),
    ) -> Outcome {
        let mut tally = Tally::new(run);
        let mut errors = Vec::new();
        let found = input::read(
            source,
            jobs,
            |capture| Judged::new(run, capture),
            |judged| {
                tally.add(&judged);
                host(&judged.report);
            },
            |error| errors.push(error),
        );
        tally.summary.broken += errors.len() as u64;
        let mut found = found;
        let vacuous = tally.summary.is_vacuous();
        if let Some(note) = tally.unjudged().filter(|_| !vacuous) {
            found.note(note);
        }
        let warned = tally.warned(&self.warnings) || !found.passed_over.is_empty();
        if self.args.strict && warned {
            errors.push(CliError::new(
                CliErrorKind::Strict,
                "there are warnings, and `--strict` is asked for",
                "`--verbose` shows all of them",
            ));
            tally.summary.refused = true;
        }
        if found.count > 0 && tally.summary.hosts > 0 && tally.summary.is_vacuous() {
            errors.push(CliError::new(
                CliErrorKind::NoRule,
                "no rule of the policy is for any of the hosts, so nothing was checked",
                "look at `hosts` and at the names of the hosts: `socklint list` shows them",
            ));
        }
        Outcome { summary: tally.summary, waivers: tally.waivers, errors, found }
    }
}

/// What came of an audit.
pub(super) struct Outcome {
    /// The counts, and with them the exit code.
    pub(super) summary: Summary,
    /// For each waiver whether it matched a violation.
    pub(super) waivers: Vec<bool>,
    /// What could not be read, and what makes the audit none.
    pub(super) errors: Vec<CliError>,
    /// What is worth knowing of the input.
    pub(super) found: Found,
}

/// A host with its results: a pure function of run and capture, for any thread.
struct Judged {
    report: HostReport,
    /// Indices of the waivers that matched.
    waivers: Vec<usize>,
}

impl Judged {
    fn new(run: &Run<'_>, capture: Capture) -> Self {
        let severity = capture.severity(run.lenient);
        let Capture { snapshot, issues, detection } = capture;
        let mut waivers = Vec::new();
        let results = (severity != Some(IssueSeverity::Error)).then(|| {
            let Run { policy, grade, judged_at, .. } = *run;
            let mut results = audit(policy, &snapshot, grade);
            let used = waive(policy, &snapshot, grade, judged_at, &mut results);
            let used = used.into_iter().enumerate();
            waivers.extend(used.filter_map(|(index, used)| used.then_some(index)));
            results
        });
        Self { report: HostReport { snapshot, issues, detection, results }, waivers }
    }
}

/// How many hosts that no rule is for are named.
const NAMED: usize = 5;

/// Keeps count of hosts.
struct Tally<'a> {
    run: &'a Run<'a>,
    summary: Summary,
    matched: Vec<bool>,
    waivers: Vec<bool>,
    capture_warnings: bool,
    /// Names of the first hosts that no rule is for, and how many there are.
    unjudged: (Vec<String>, u64),
}

impl<'a> Tally<'a> {
    fn new(run: &'a Run<'a>) -> Self {
        let matched = vec![false; run.policy.rules.len()];
        let waivers = vec![false; run.policy.waivers.len()];
        let unjudged = (Vec::new(), 0);
        Self {
            run,
            summary: Summary::default(),
            matched,
            waivers,
            capture_warnings: false,
            unjudged,
        }
    }

    fn add(&mut self, judged: &Judged) {
        let Judged { report, waivers } = judged;
        let severity =
            report.issues.iter().map(|issue| issue.kind.severity(self.run.lenient)).max();
        self.capture_warnings |= severity == Some(IssueSeverity::Warning);
        let Some(results) = &report.results else {
            self.summary.broken += 1;
            return;
        };
        for &index in waivers {
            if let Some(used) = self.waivers.get_mut(index) {
                *used = true;
            }
        }
        for (seen, result) in self.matched.iter_mut().zip(results) {
            *seen |= result.matched + result.possible > 0;
        }
        if !results.is_empty()
            && results.iter().all(|result| result.verdict == Verdict::NotApplicable)
        {
            let (names, count) = &mut self.unjudged;
            *count += 1;
            if names.len() < NAMED {
                let name = report.snapshot.host.name.as_deref();
                names.push(name.unwrap_or(&report.snapshot.origin.path).to_owned());
            }
        }
        let listeners = report.snapshot.sockets().len();
        self.summary.add(results, self.run.policy, listeners, self.run.threshold);
    }

    /// What is to be said of hosts that no rule is for: a name that was misspelt must not pass in silence.
    fn unjudged(&self) -> Option<String> {
        let (names, count) = &self.unjudged;
        let more = match count.checked_sub(names.len() as u64)? {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let hosts = if *count == 1 { "host" } else { "hosts" };
        (*count > 0).then(|| {
            format!(
                "no rule of the policy is for {count} {hosts}, not judged: {}{more}",
                names.join(", ")
            )
        })
    }

    /// Whether a rule of the user's own files matched nothing: of a built-in policy that is the rule.
    fn unmatched(&self) -> bool {
        let Policy { rules, sources, .. } = self.run.policy;
        let own = |rule: &Rule| {
            let file = sources.get(rule.at.source);
            file.is_some_and(|file| !file.name().starts_with("builtin:"))
        };
        rules.iter().zip(&self.matched).any(|(rule, &matched)| !matched && own(rule))
    }

    /// Whether there is anything that `--strict` minds.
    fn warned(&self, warnings: &[PolicyError]) -> bool {
        !warnings.is_empty()
            || self.capture_warnings
            || self.unmatched()
            || self.waivers.contains(&false)
    }
}

/// The moment that is given, else the present one.
pub(super) fn now(given: Option<&str>) -> Result<Timestamp, CliError> {
    let Some(text) = given else { return Ok(Timestamp::now()) };
    let date = || {
        let date: jiff::civil::Date = text.parse().ok()?;
        Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    };
    let bare_date = text.len() == "2027-01-31".len();
    let moment = if bare_date { date() } else { text.parse().ok() };
    moment.ok_or_else(|| {
        CliError::new(
            CliErrorKind::Usage,
            format!("`{text}` is no moment"),
            "write `2027-01-31` (its beginning in UTC) or `2027-01-31T18:00:00Z`",
        )
    })
}

/// Keeps the part of the policy that `--rule`, `--skip` and `--tag` ask for.
fn select(policy: &mut Policy, args: &AuditArgs) -> Result<(), CliError> {
    let globs = |texts: &[String]| {
        Globs::new(texts.iter().map(String::as_str)).map_err(|why| {
            CliError::new(
                CliErrorKind::Usage,
                format!("a glob cannot be read: {why}"),
                "quote it for the shell",
            )
        })
    };
    let (only, skip) = (globs(&args.rule)?, globs(&args.skip)?);
    policy.retain(|id, tags| {
        (args.rule.is_empty() || only.is_match(id))
            && !skip.is_match(id)
            && (args.tag.is_empty() || tags.iter().any(|tag| args.tag.contains(tag)))
    });
    if policy.is_empty() {
        return Err(CliError::new(
            CliErrorKind::NoRule,
            "no rule is left to check",
            "look at `--rule`, `--skip` and `--tag`",
        ));
    }
    Ok(())
}

/// The format of this name among `formats`.
pub(super) fn format(
    name: &str,
    formats: &'static [&'static dyn ReportFormat],
) -> Result<&'static dyn ReportFormat, CliError> {
    let found = formats.iter().copied().find(|format| format.name() == name);
    found.ok_or_else(|| {
        let known: Vec<&str> = formats.iter().map(|format| format.name()).collect();
        let message = format!("`{name}` is no output format");
        CliError::new(CliErrorKind::Usage, message, suggestion(name, &known, "the output formats"))
    })
}
