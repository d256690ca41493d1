//! `socklint check`.

use std::path::{Path, PathBuf};

use super::args::CheckArgs;
use super::error::{CliError, CliErrorKind};
use super::input::{Inputs, Jobs};
use super::output::{Output, Screen, distinct};
use super::progress::Progress;
use super::session::{self, Session, Telling};
use super::{live, policies};
use crate::audit::{Verdict, audit};
use crate::live::Wanted;
use crate::policy::Policy;
use crate::report::diagnostic::{Level, Shown};
use crate::report::{REPORTERS, ReportFormat};
use crate::snapshot::Snapshot;

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
    let mut outputs = outputs(args, screen, formats)?;
    let loaded = policies::find(&args.audit.policy)?;
    let files = args.output.iter().filter_map(|output| output.split_once('='));
    let policies = loaded.sources.files().iter().map(|source| Path::new(source.name()));
    distinct(
        files.map(|(_, path)| Path::new(path)),
        policies.chain(args.input.inputs.iter().map(PathBuf::as_path)),
    )?;
    let Some(session) = Session::new(&args.audit, loaded, narrow, screen)? else { return Ok(2) };
    let run = session.run(Telling {
        lenient: args.input.lenient,
        verbose: args.verbose,
        quiet: args.quiet,
        max_diagnostics: args.max_diagnostics,
    });
    // Looking through all processes costs more than all else: only where a rule asks, or something is
    // wrong and its owner is wanted.
    let policy = session.policy();
    let is_wrong = |snapshot: &Snapshot| {
        let results = audit(policy, snapshot, run.grade);
        results
            .iter()
            .any(|result| result.verdict == Verdict::Fail || !result.violations.is_empty())
    };
    // Where nothing is wrong, people are shown no row.
    let brief = args.format == "human" && outputs.len() == 1 && !args.verbose;
    let asked = Wanted { brief, ..live::asked(policy) };
    let mut inputs = Inputs::new(&args.input)?.look(asked, Some(Box::new(is_wrong)));
    // What people read is written in the end; other reports would run through the line.
    let wanted = !args.quiet && !args.verbose;
    let columns = screen.progress(args.format == "human").filter(|_| wanted);
    let mut progress = columns.map(|columns| {
        let (size, read) = inputs.meter();
        Progress::new(columns, size, read)
    });
    for output in &mut outputs {
        output.begin(&run);
    }
    let mut outcome = session.judge(&run, &inputs, Jobs::new(args.jobs), &mut |host| {
        for output in &mut outputs {
            output.host(&run, host);
        }
        if let Some(progress) = &mut progress {
            let results = host.results.iter().flatten();
            progress.host(results.map(|result| result.violations.len() as u64).sum());
        }
    });
    if let Some(progress) = &mut progress {
        progress.clear();
    }
    if !args.quiet {
        outcome.found.tell(screen);
    }
    if args.verbose || args.audit.strict {
        for (waiver, _) in policy.waivers.iter().zip(&outcome.waivers).filter(|(_, used)| !**used) {
            let shown = Shown::new(Level::Warning, "the waiver matched no violation in this run")
                .code("socklint::policy::waiver_unused")
                .help("remove it, or look at its `rule` and `match`")
                .at(&policy.sources, Some(waiver.at), "", screen.style());
            screen.say(&shown);
        }
    }
    // Standard output comes last, so that it knows of every file that could not be written, and each
    // file knows of those that could not even be begun.
    let summary = &mut outcome.summary;
    summary.unwritten = outputs.iter().filter(|output| output.is_lost()).count() as u64;
    for output in outputs.into_iter().rev() {
        let (lost, extra) = (output.is_lost(), output.is_extra());
        if let Err(error) = output.finish(&run, summary) {
            if extra {
                screen.note(&format!("no step summary: {}", error.message()));
                continue;
            }
            summary.unwritten += u64::from(!lost);
            outcome.errors.push(error);
        }
    }
    for error in &outcome.errors {
        screen.complain(error);
    }
    Ok(outcome.summary.exit_code())
}

/// Standard output and every `--output`; files are opened before anything is read.
fn outputs(
    args: &CheckArgs,
    screen: &Screen,
    formats: &'static [&'static dyn ReportFormat],
) -> Result<Vec<Output>, CliError> {
    let format = |name: &str| session::format(name, formats);
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
    #[expect(clippy::disallowed_methods, reason = "the command line reads the environment")]
    let summary = std::env::var_os("GITHUB_STEP_SUMMARY");
    let wanted = |path: &std::ffi::OsString| !path.is_empty() && args.format == "github";
    if let Some(path) = summary.filter(wanted) {
        outputs.push(Output::summary(format("markdown")?, path.into()));
    }
    Ok(outputs)
}
