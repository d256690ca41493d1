//! `socklint list`.

use std::io::{self, BufWriter, Write};

use super::args::ListArgs;
use super::error::{CliError, CliErrorKind};
use super::input::Inputs;
use super::output::Screen;
use crate::listing::{LISTINGS, listing};
use crate::live::Wanted;
use crate::policy::suggestion;

/// Runs the command and says its exit code.
pub(super) fn run(args: &ListArgs, screen: &Screen) -> u8 {
    list(args, screen).unwrap_or_else(|error| {
        screen.complain(&error);
        2
    })
}

fn list(args: &ListArgs, screen: &Screen) -> Result<u8, CliError> {
    let listing = listing(&args.format).ok_or_else(|| {
        let known: Vec<&str> = LISTINGS.iter().map(|listing| listing.name()).collect();
        let message = format!("`{}` is no output format of `list`", args.format);
        CliError::new(CliErrorKind::Usage, message, suggestion(&args.format, &known, "the formats"))
    })?;
    // People are shown the names of processes, programs everything.
    let brief = args.format == "human";
    let wanted = Wanted { processes: true, details: !brief, brief, ..Wanted::default() };
    let inputs = Inputs::new(&args.input)?.look(wanted, None);
    let (snapshots, whole) = inputs.snapshots(args.input.lenient, args.verbose, screen);
    let snapshots: Vec<_> = snapshots.iter().collect();
    if !snapshots.is_empty() {
        let mut out = BufWriter::with_capacity(1 << 16, io::stdout());
        let written =
            listing.write(&mut out, &snapshots, &screen.style()).and_then(|()| out.flush());
        // What is still buffered would be tried again when the buffer is dropped.
        let _ = out.into_parts();
        match written {
            Err(fault) if fault.kind() != io::ErrorKind::BrokenPipe => {
                return Err(CliError::unwritable("standard output", &fault));
            }
            _ => {}
        }
    }
    Ok(if whole { 0 } else { 2 })
}
