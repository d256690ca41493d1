//! `socklint test`.

use std::io::{self, BufWriter, Write};

use super::args::TestArgs;
use super::error::{CliError, CliErrorKind};
use super::output::Screen;
use super::policies::{self, Pair};
use crate::policy::{Policy, suggestion};
use crate::report::diagnostic::Level;
use crate::report::policy_error;
use crate::suite::{self, Human, Mutant, Suite, SuiteRun, Tested};

/// The output formats.
const FORMATS: [&str; 2] = ["human", "json"];

/// A policy with what its tests came to.
struct Done {
    policy: Policy,
    suite: Suite,
    run: SuiteRun,
    mutants: Option<Vec<Mutant>>,
}

/// What the whole run came to.
#[derive(Default)]
struct Outcome {
    /// A policy or a test file cannot be used, or there is no test.
    broken: bool,
    /// A warning that `--strict` minds.
    warned: bool,
}

/// Runs the command and says its exit code: 0 when every test passes, 1 when one fails (with
/// `--mutate` also when a change goes unnoticed, with `--strict` when a rule is not covered), 2 when a
/// policy or a test file cannot be used or there is no test.
pub(super) fn run(args: &TestArgs, screen: &Screen) -> u8 {
    test(args, screen).unwrap_or_else(|error| {
        screen.complain(&error);
        2
    })
}

fn test(args: &TestArgs, screen: &Screen) -> Result<u8, CliError> {
    if !FORMATS.contains(&args.format.as_str()) {
        let message = format!("`{}` is no output format of `test`", args.format);
        let help = suggestion(&args.format, &FORMATS, "the formats");
        return Err(CliError::new(CliErrorKind::Usage, message, help));
    }
    let pairs = policies::with_tests(&args.policies)?;
    let mut outcome = Outcome::default();
    let done: Vec<Done> =
        pairs.into_iter().filter_map(|pair| one(pair, args, &mut outcome, screen)).collect();
    if done.is_empty() && !outcome.broken {
        let message = "none of the policies has tests";
        let help = "the tests of `NAME.toml` stand beside it in `NAME.test.toml`";
        return Err(CliError::new(CliErrorKind::NoTest, message, help));
    }
    let failed = done.iter().any(|done| {
        let unnoticed = done.mutants.iter().flatten().any(|mutant| mutant.noticed.is_empty());
        done.run.failed() > 0 || unnoticed || args.strict && done.run.uncovered() > 0
    });
    let code = match () {
        () if outcome.broken => 2,
        () if failed || args.strict && outcome.warned => 1,
        () => 0,
    };
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout());
    let written = write(args, &done, code, screen, &mut out).and_then(|()| out.flush());
    // What is still buffered would be tried again when the buffer is dropped.
    let _ = out.into_parts();
    match written {
        Err(fault) if fault.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::unwritable("standard output", &fault))
        }
        _ => Ok(code),
    }
}

/// Runs the tests of one policy; `None` when it or they cannot be used, which is said at once.
fn one(pair: Pair, args: &TestArgs, outcome: &mut Outcome, screen: &Screen) -> Option<Done> {
    let Pair { policy: file, tests, found } = pair;
    let name = file.name().to_owned();
    if found && tests.is_none() {
        screen.note(&format!("{name}: no tests"));
        outcome.warned = true;
        return None;
    }
    let loaded = policies::load_one(file);
    for error in &loaded.errors {
        screen.say(&policy_error(error, &loaded.sources, screen.style()));
    }
    outcome.warned |= !loaded.errors.is_empty();
    let Some(mut policy) = loaded.policy else {
        outcome.broken = true;
        return None;
    };
    let no_test = |what: &str| {
        let stem = name.strip_suffix(".toml").unwrap_or(&name);
        CliError::new(
            CliErrorKind::NoTest,
            format!("the policy `{name}` has no tests: {what}"),
            format!(
                "write `[[test]]` tables with `name`, `evidence` and `violates` into `{stem}.test.toml`"
            ),
        )
    };
    let Some(tests) = tests else {
        outcome.broken = true;
        screen.complain(&no_test("there is no file of them beside it"));
        return None;
    };
    let suite = suite::read(vec![tests], &policy);
    for error in &suite.errors {
        screen.say(&policy_error(error, &suite.sources, screen.style()));
    }
    if !suite.errors.is_empty() {
        outcome.broken = true;
        return None;
    }
    if suite.tests.is_empty() {
        outcome.broken = true;
        screen.complain(&no_test("the file beside it holds none"));
        return None;
    }
    let run = suite::run(&policy, &suite);
    let mutants = args.mutate.then(|| suite::mutate(&mut policy, &suite, &run));
    Some(Done { policy, suite, run, mutants })
}

fn write(
    args: &TestArgs,
    done: &[Done],
    code: u8,
    screen: &Screen,
    out: &mut dyn Write,
) -> io::Result<()> {
    if args.format == "json" {
        let tested: Vec<Tested<'_>> = done
            .iter()
            .map(|done| (&done.policy, &done.suite, &done.run, done.mutants.as_deref()))
            .collect();
        return suite::write_json(out, &tested, code);
    }
    for Done { policy, suite, run, mutants } in done {
        let mutants = mutants.as_deref();
        let human =
            Human { policy, suite, run, mutants, strict: args.strict, style: screen.style() };
        for shown in human.diagnostics() {
            if !args.quiet || shown.level == Level::Error {
                writeln!(out, "{}", shown.render(screen.style()))?;
            }
        }
        writeln!(out, "{}", human.summary())?;
        if args.verbose {
            out.write_all(human.tests().as_bytes())?;
        }
    }
    Ok(())
}
