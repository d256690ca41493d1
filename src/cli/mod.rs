//! The command line: arguments, files, environment, clock, terminal and exit codes; one file a command.

mod args;
mod bundle;
mod check;
mod controls;
mod error;
mod explain;
mod formats;
mod init;
mod input;
mod inventory;
mod list;
mod live;
mod merge;
mod output;
mod policies;
mod progress;
mod session;
mod snapshot;
mod test;
mod verify;

use std::io::Write as _;
use std::mem::ManuallyDrop;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

pub use error::CliErrorKind;
pub use input::evidence_in;

use args::{Cli, Command, PolicyCommand};
use error::CliError;
use output::Screen;

use crate::policy::packs::{PACKS, pack};
use crate::policy::suggestion;

/// Runs the program on its arguments.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Usage goes to standard error with 2, help and version to standard output with 0.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let screen = Screen::new(cli.color);
    ExitCode::from(match &cli.command {
        Command::Check(args) => check::run(args, &screen),
        Command::Controls(args) => controls::run(args, &screen),
        Command::Bundle(args) => bundle::run(args, &screen),
        Command::Verify(args) => verify::run(args, &screen),
        Command::Init(args) => init::run(args, &screen),
        Command::Inventory(args) => inventory::run(args, &screen),
        Command::List(args) => list::run(args, &screen),
        Command::Merge(args) => merge::run(args, &screen),
        Command::Snapshot(args) => snapshot::run(args, &screen),
        Command::Test(args) => test::run(args, &screen),
        Command::Explain(args) => explain::run(args, &screen),
        Command::Formats(args) => formats::run(args, &screen),
        Command::Schema { name } => print(schema(*name), &screen),
        Command::Policy(command) => policy(command, &screen),
    })
}

/// What [`clap::Parser::try_parse`] does; but the definition of the arguments stays until the process ends, since
/// taking it apart takes an eighth as long as all else that is done about arguments.
fn parse() -> Result<Cli, clap::Error> {
    let mut definition = ManuallyDrop::new(Cli::command());
    let mut matches = definition.try_get_matches_from_mut(std::env::args_os())?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut Cli::command()))
}

/// `socklint schema`.
fn schema(name: args::SchemaName) -> &'static str {
    match name {
        args::SchemaName::Policy => crate::schema::POLICY,
        args::SchemaName::Snapshot => crate::schema::SNAPSHOT,
        args::SchemaName::Report => crate::schema::REPORT,
    }
}

/// `socklint policy`.
fn policy(command: &PolicyCommand, screen: &Screen) -> u8 {
    let mut text = String::new();
    match command {
        PolicyCommand::List => {
            for pack in PACKS {
                text.push_str(&format!("builtin:{}  {}\n", pack.name, pack.about));
            }
        }
        PolicyCommand::Show { name } => {
            let bare = name.strip_prefix("builtin:").unwrap_or(name);
            let Some(pack) = pack(bare) else {
                let known: Vec<&str> = PACKS.iter().map(|pack| pack.name).collect();
                screen.complain(&CliError::new(
                    CliErrorKind::Usage,
                    format!("there is no built-in policy `{bare}`"),
                    suggestion(bare, &known, "the built-in policies"),
                ));
                return 2;
            };
            text.push_str(pack.text);
        }
    }
    print(&text, screen)
}

/// Writes to standard output; a reader who went away is no error.
fn print(text: &str, screen: &Screen) -> u8 {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(fault) if fault.kind() != std::io::ErrorKind::BrokenPipe => {
            screen.complain(&CliError::unwritable("standard output", &fault));
            2
        }
        _ => 0,
    }
}
