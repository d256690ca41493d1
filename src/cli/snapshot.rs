//! `socklint snapshot`.

use std::io::{self, BufWriter, Write as _};

use super::args::SnapshotArgs;
use super::error::CliError;
use super::input::labels;
use super::live::{ALL, LiveHost};
use super::output::{Screen, write_file};
use crate::capture::Options;
use crate::live::Wanted;
use crate::snapshot::document;

/// Runs the command and says its exit code: 2 when there is no snapshot.
pub(super) fn run(args: &SnapshotArgs, screen: &Screen) -> u8 {
    snapshot(args).unwrap_or_else(|error| {
        screen.complain(&error);
        2
    })
}

fn snapshot(args: &SnapshotArgs) -> Result<u8, CliError> {
    let mut live = LiveHost::new(&args.live)?;
    live.look(Wanted { cmdline: args.cmdline, redact: args.redact, ..ALL }, None);
    let options =
        Options { host: args.host.clone(), labels: labels(&args.label)?, ..Options::default() };
    let snapshot = live.capture(&options)?.snapshot;
    if let Some(path) = &args.output {
        let mut text = Vec::new();
        document::write(&mut text, &snapshot)
            .map_err(|fault| CliError::unwritable(&path.to_string_lossy(), &fault))?;
        write_file(path, &text)?;
        return Ok(0);
    }
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout());
    let written = document::write(&mut out, &snapshot).and_then(|()| out.flush());
    // What is still buffered would be tried again when the buffer is dropped.
    let _ = out.into_parts();
    match written {
        Err(fault) if fault.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::unwritable("standard output", &fault))
        }
        _ => Ok(0),
    }
}
