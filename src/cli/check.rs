//! `socklint check`.

use jiff::Timestamp;

use super::args::{CheckArgs, Evidence, FailOn, Unknown};
use super::error::{CliError, CliErrorKind};
use super::input::Inputs;
use super::output::{Output, Screen};
use super::{live, policies};
use crate::audit::{Summary, Threshold, Verdict, audit, waive};
use crate::capture::{Capture, Severity as IssueSeverity};
use crate::policy::{Globs, Policy, PolicyError, Rule, Severity, suggestion};
use crate::report::diagnostic::{Level, Shown};
use crate::report::{HostReport, REPORTERS, ReportFormat, Run, policy_error};
use crate::snapshot::{Grade, Snapshot};

/// Runs the command and says its exit code.
pub(super) fn run(args: &CheckArgs, screen: &Screen) -> u8 {
    run_with(args, screen, REPORTERS, &|_| Ok(()))
}

/// The same with other formats, and with the part of the policy that `narrow` leaves of it.
pub(super) fn run_with(
    args: &CheckArgs,
    screen: &Screen,
    formats: &'static [&'static dyn ReportFormat],
    narrow: &dyn Fn(&mut Policy) -> Result<(), CliError>,
) -> u8 {
    check(args, screen, formats, narrow).unwrap_or_else(|error| {
        screen.complain(&error);
        2
    })
}

fn check(
    args: &CheckArgs,
    screen: &Screen,
    formats: &'static [&'static dyn ReportFormat],
    narrow: &dyn Fn(&mut Policy) -> Result<(), CliError>,
) -> Result<u8, CliError> {
    let now = now(args.now.as_deref())?;
    let mut outputs = outputs(args, screen, formats)?;
    let loaded = policies::find(&args.policy)?;
    let Some(mut policy) = loaded.policy else {
        for error in &loaded.errors {
            screen.say(&policy_error(error, &loaded.sources, screen.style()));
        }
        let count = loaded.errors.iter().filter(|error| !error.kind.is_warning()).count();
        let errors = if count == 1 { "1 error".to_owned() } else { format!("{count} errors") };
        screen.note(&format!("{errors} in the policy; nothing was checked (exit code 2)"));
        return Ok(2);
    };
    select(&mut policy, args)?;
    narrow(&mut policy)?;
    let mut warnings: Vec<PolicyError> = loaded.errors;
    if args.no_waivers {
        policy.waivers.clear();
    }
    warnings.extend(policy.reviews(now));
    warnings.extend(policy.waiver_warnings(now));
    let inputs = Inputs::new(&args.input)?;
    let run = Run {
        policy: &policy,
        warnings: &warnings,
        judged_at: now,
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
        now: args.now.as_ref().map(|_| now),
        lenient: args.input.lenient,
        verbose: args.verbose,
        quiet: args.quiet,
        max_diagnostics: args.max_diagnostics,
    };
    // Looking through all processes costs more than all else: only where a rule asks, or something is
    // wrong and its owner is wanted.
    let is_wrong = |snapshot: &Snapshot| {
        audit(&policy, snapshot, run.grade).iter().any(|result| result.verdict == Verdict::Fail)
    };
    let inputs = inputs.look(live::asked(&policy), Some(Box::new(is_wrong)));
    let mut judge = Judge::new(&run);
    for output in &mut outputs {
        output.begin(&run);
    }
    let mut errors = Vec::new();
    let found = inputs.read(
        |capture| {
            let host = judge.host(capture);
            for output in &mut outputs {
                output.host(&run, &host);
            }
        },
        |error| errors.push(error),
    );
    if !args.quiet {
        found.tell(screen);
    }
    judge.summary.broken += errors.len() as u64;
    if args.strict && (judge.warned(&warnings) || !found.passed_over.is_empty()) {
        errors.push(CliError::new(
            CliErrorKind::Strict,
            "there are warnings, and `--strict` is asked for",
            "`--verbose` shows all of them",
        ));
        judge.summary.refused = true;
    }
    if found.count > 0 && judge.summary.hosts > 0 && judge.summary.is_vacuous() {
        errors.push(CliError::new(
            CliErrorKind::NoRule,
            "no rule of the policy is for any of the hosts, so nothing was checked",
            "look at `hosts` and at the names of the hosts: `socklint list` shows them",
        ));
    }
    if args.verbose || args.strict {
        for (waiver, _) in policy.waivers.iter().zip(&judge.waivers).filter(|(_, used)| !**used) {
            let shown = Shown::new(Level::Warning, "the waiver matched no violation in this run")
                .code("socklint::policy::waiver_unused")
                .help("remove it, or look at its `rule` and `match`")
                .at(&policy.sources, Some(waiver.at), "", screen.style());
            screen.say(&shown);
        }
    }
    // Standard output comes last, so that it knows of every file that could not be written, and each
    // file knows of those that could not even be begun.
    judge.summary.unwritten = outputs.iter().filter(|output| output.is_lost()).count() as u64;
    for output in outputs.into_iter().rev() {
        let (lost, extra) = (output.is_lost(), output.is_extra());
        if let Err(error) = output.finish(&run, &judge.summary) {
            if extra {
                screen.note(&format!("no step summary: {}", error.message()));
                continue;
            }
            judge.summary.unwritten += u64::from(!lost);
            errors.push(error);
        }
    }
    for error in &errors {
        screen.complain(error);
    }
    Ok(judge.summary.exit_code())
}

/// Judges hosts one after the other and keeps count.
struct Judge<'a> {
    run: &'a Run<'a>,
    summary: Summary,
    matched: Vec<bool>,
    waivers: Vec<bool>,
    capture_warnings: bool,
}

impl<'a> Judge<'a> {
    fn new(run: &'a Run<'a>) -> Self {
        let matched = vec![false; run.policy.rules.len()];
        let waivers = vec![false; run.policy.waivers.len()];
        Self { run, summary: Summary::default(), matched, waivers, capture_warnings: false }
    }

    fn host(&mut self, capture: Capture) -> HostReport {
        let severity = capture.severity(self.run.lenient);
        self.capture_warnings |= severity == Some(IssueSeverity::Warning);
        let Capture { snapshot, issues, detection } = capture;
        let results = if severity == Some(IssueSeverity::Error) {
            self.summary.broken += 1;
            None
        } else {
            let Run { policy, grade, judged_at, .. } = *self.run;
            let mut results = audit(policy, &snapshot, grade);
            let used = waive(policy, &snapshot, grade, judged_at, &mut results);
            self.waivers.iter_mut().zip(used).for_each(|(before, now)| *before |= now);
            for (seen, result) in self.matched.iter_mut().zip(&results) {
                *seen |= result.matched + result.possible > 0;
            }
            let listeners = snapshot.sockets().len();
            self.summary.add(&results, self.run.policy, listeners, self.run.threshold);
            Some(results)
        };
        HostReport { snapshot, issues, detection, results }
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
fn select(policy: &mut Policy, args: &CheckArgs) -> Result<(), CliError> {
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

/// Standard output and every `--output`; files are opened before anything is read.
fn outputs(
    args: &CheckArgs,
    screen: &Screen,
    formats: &'static [&'static dyn ReportFormat],
) -> Result<Vec<Output>, CliError> {
    let format = |name: &str| {
        let found = formats.iter().copied().find(|format| format.name() == name);
        found.ok_or_else(|| {
            let known: Vec<&str> = formats.iter().map(|format| format.name()).collect();
            let message = format!("`{name}` is no output format");
            CliError::new(
                CliErrorKind::Usage,
                message,
                suggestion(name, &known, "the output formats"),
            )
        })
    };
    let mut outputs = vec![Output::screen(format(&args.format)?, screen)];
    for output in &args.output {
        let (name, path) = output.split_once('=').ok_or_else(|| {
            CliError::new(
                CliErrorKind::Usage,
                format!("`{output}` names no format and file"),
                "write `--output json=report.json`",
            )
        })?;
        outputs.push(Output::file(format(name)?, path));
    }
    // Beside annotations, which say little, GitHub Actions shows a page for each step.
    let summary = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
    if let Some(path) = summary.filter(|_| args.format == "github") {
        outputs.push(Output::summary(format("markdown")?, path.into()));
    }
    Ok(outputs)
}
