//! `socklint inventory`.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::args::InventoryArgs;
use super::error::{CliError, CliErrorKind};
use super::input::Inputs;
use super::output::{Screen, distinct, write_file};
use super::{policies, session};
use crate::inventory::{Inventory, REGISTERS, Register, register};
use crate::policy::suggestion;
use crate::report::policy_error;
use crate::style::Style;

/// Runs the command and says its exit code: a register is no judgement, so 0 unless something cannot be
/// read or written.
pub(super) fn run(args: &InventoryArgs, screen: &Screen) -> u8 {
    inventory(args, screen).unwrap_or_else(|error| {
        screen.complain(&error);
        2
    })
}

fn inventory(args: &InventoryArgs, screen: &Screen) -> Result<u8, CliError> {
    let now = session::now(args.now.as_deref())?;
    let format = find(&args.format)?;
    let mut files = Vec::new();
    for output in &args.output {
        let (name, path) = output.split_once('=').ok_or_else(|| {
            CliError::new(
                CliErrorKind::Usage,
                format!("`{output}` names no format and file"),
                "write `--output csv=register.csv`",
            )
        })?;
        files.push((find(name)?, PathBuf::from(path)));
    }
    let loaded = policies::find(&args.policy)?;
    let policies = loaded.sources.files().iter().map(|source| Path::new(source.name()));
    distinct(
        files.iter().map(|(_, path)| path.as_path()),
        policies.chain(args.input.inputs.iter().map(PathBuf::as_path)),
    )?;
    for error in &loaded.errors {
        screen.say(&policy_error(error, &loaded.sources, screen.style()));
    }
    let Some(policy) = loaded.policy else { return Ok(2) };
    for warning in policy.reviews(now) {
        screen.say(&policy_error(&warning, &loaded.sources, screen.style()));
    }
    let inputs = Inputs::new(&args.input)?;
    let (snapshots, whole) = inputs.snapshots(args.input.lenient, false, screen);
    let mut errors = Vec::new();
    let mut inventory = Inventory::new(&policy, now);
    snapshots.iter().for_each(|snapshot| inventory.add(snapshot));
    if !snapshots.is_empty() {
        for (format, path) in files {
            let mut bytes = Vec::new();
            let written = format
                .write(&mut bytes, &inventory, &Style::default())
                .map_err(|fault| CliError::unwritable(&path.to_string_lossy(), &fault))
                .and_then(|()| write_file(&path, &bytes));
            errors.extend(written.err());
        }
        let mut out = BufWriter::with_capacity(1 << 16, io::stdout());
        let written =
            format.write(&mut out, &inventory, &screen.style()).and_then(|()| out.flush());
        // What is still buffered would be tried again when the buffer is dropped.
        let _ = out.into_parts();
        match written {
            Err(fault) if fault.kind() != io::ErrorKind::BrokenPipe => {
                errors.push(CliError::unwritable("standard output", &fault));
            }
            _ => {}
        }
    }
    for error in &errors {
        screen.complain(error);
    }
    Ok(if whole && errors.is_empty() && !snapshots.is_empty() { 0 } else { 2 })
}

fn find(name: &str) -> Result<&'static dyn Register, CliError> {
    register(name).ok_or_else(|| {
        let known: Vec<&str> = REGISTERS.iter().map(|register| register.name()).collect();
        let message = format!("`{name}` is no output format of `inventory`");
        CliError::new(CliErrorKind::Usage, message, suggestion(name, &known, "the formats"))
    })
}
