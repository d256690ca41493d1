//! `socklint init`.

use std::path::PathBuf;

use super::args::InitArgs;
use super::error::CliError;
use super::input::Inputs;
use super::output::{Screen, distinct, write_file};
use crate::audit::Verdict;
use crate::draft::draft;

/// Runs the command and says its exit code: 2 when any of the evidence cannot be used, since a policy
/// that was drafted from a part of it would reject the rest.
pub(super) fn run(args: &InitArgs, screen: &Screen) -> u8 {
    init(args, screen).unwrap_or_else(|error| {
        screen.complain(&error);
        2
    })
}

fn init(args: &InitArgs, screen: &Screen) -> Result<u8, CliError> {
    let read = args.input.inputs.iter().map(PathBuf::as_path);
    distinct(args.output.as_deref(), read)?;
    let inputs = Inputs::new(&args.input)?;
    let (snapshots, whole) = inputs.snapshots(args.input.lenient, false, screen);
    if !whole || snapshots.is_empty() {
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
