//! `socklint init`.

use super::args::InitArgs;
use super::error::CliError;
use super::input::Inputs;
use super::output::{Screen, write_file};
use crate::audit::Verdict;
use crate::capture::Severity;
use crate::draft::draft;
use crate::report::capture_issue;

/// Runs the command and says its exit code: 2 when any of the evidence cannot be used, since a policy
/// that was drafted from a part of it would reject the rest.
pub(super) fn run(args: &InitArgs, screen: &Screen) -> u8 {
    init(args, screen).unwrap_or_else(|error| {
        screen.complain(&error);
        2
    })
}

fn init(args: &InitArgs, screen: &Screen) -> Result<u8, CliError> {
    let inputs = Inputs::new(&args.input)?;
    let lenient = args.input.lenient;
    let mut snapshots = Vec::new();
    let mut errors = Vec::new();
    let mut broken = false;
    let found = inputs.read(
        |capture| {
            for issue in &capture.issues {
                if issue.kind.severity(lenient) > Severity::Note {
                    screen.say(&capture_issue(issue, &capture.snapshot, lenient, screen.style()));
                }
            }
            broken |= capture.severity(lenient) == Some(Severity::Error);
            snapshots.push(capture.snapshot);
        },
        |error| errors.push(error),
    );
    found.tell(screen);
    for error in &errors {
        screen.complain(error);
    }
    if broken || !errors.is_empty() || snapshots.is_empty() {
        screen.note("no policy was drafted (exit code 2)");
        return Ok(2);
    }
    let draft = draft(&snapshots.iter().collect::<Vec<_>>());
    if draft.verdict != Verdict::Pass {
        screen.note(
            "the evidence does not pass its own policy, because it does not show that it is complete; the \
             comments at the top of the policy say what is missing",
        );
    }
    match &args.output {
        Some(path) => {
            write_file(path, draft.text.as_bytes())?;
            Ok(0)
        }
        None => Ok(super::print(&draft.text, screen)),
    }
}
