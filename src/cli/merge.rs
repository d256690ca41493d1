//! `socklint merge`.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use super::args::{MergeArgs, MergeFormat};
use super::error::{CliError, CliErrorKind};
use super::output::{Screen, create_beside, distinct};
use crate::merge::{Fault, Merge};
use crate::report::closing::Shape;

/// Runs the command and says its exit code, which is that of the merged report.
pub(super) fn run(args: &MergeArgs, screen: &Screen) -> u8 {
    let merged = match &args.output {
        None => to_screen(args),
        Some(path) => to_file(args, path),
    };
    merged.unwrap_or_else(|errors| {
        for error in &errors {
            screen.complain(error);
        }
        2
    })
}

fn to_screen(args: &MergeArgs) -> Result<u8, Vec<CliError>> {
    let mut out = Leaving { out: Some(BufWriter::with_capacity(1 << 16, io::stdout())) };
    let code = merge(args, &mut out)?;
    out.flush().map_err(|fault| vec![CliError::unwritable("standard output", &fault)])?;
    Ok(code)
}

fn to_file(args: &MergeArgs, path: &Path) -> Result<u8, Vec<CliError>> {
    distinct([path], args.reports.iter().map(PathBuf::as_path)).map_err(|error| vec![error])?;
    // A link stays, and what it points to is replaced.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let fail = |fault: &io::Error| vec![CliError::unwritable(&path.to_string_lossy(), fault)];
    let mut out =
        BufWriter::with_capacity(1 << 16, create_beside(&path).map_err(|fault| fail(&fault))?);
    let code = merge(args, &mut out)?;
    let file = out.into_inner().map_err(|fault| fail(fault.error()))?;
    file.persist(&path).map_err(|fault| fail(&fault.error))?;
    Ok(code)
}

/// Merges all reports into `out`. Behind a report that cannot be taken, the others are read all the same, so
/// that one run names every such report.
fn merge(args: &MergeArgs, out: &mut dyn Write) -> Result<u8, Vec<CliError>> {
    let mut merge = Merge::new(match args.format {
        MergeFormat::Json => Shape::Json,
        MergeFormat::Ndjson => Shape::Ndjson,
    });
    let mut errors = Vec::new();
    let mut nowhere = io::sink();
    for path in &args.reports {
        let out = if errors.is_empty() { &mut *out } else { &mut nowhere };
        if let Err(fault) = add(&mut merge, path, out) {
            let stop = matches!(fault, Fault::Unwritable(_));
            errors.push(shown(path, fault));
            if stop {
                break;
            }
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    merge.finish(out).map_err(|fault| vec![shown(Path::new(""), Fault::Unwritable(fault))])
}

fn add(merge: &mut Merge, path: &Path, out: &mut dyn Write) -> Result<(), Fault> {
    let name = path.to_string_lossy();
    if path.as_os_str() == "-" {
        return merge.add(&name, &mut io::stdin().lock(), out);
    }
    if merge.wants_head() && path.is_file() {
        merge.look(&name, &mut open(path)?)?;
    }
    merge.add(&name, &mut open(path)?, out)
}

fn open(path: &Path) -> Result<impl Read + use<>, Fault> {
    #[expect(clippy::disallowed_methods, reason = "the command line reads reports")]
    File::open(path).map_err(Fault::Unreadable)
}

fn shown(path: &Path, fault: Fault) -> CliError {
    let name = path.display();
    match fault {
        Fault::Unreadable(fault) => CliError::unreadable(path, &fault),
        Fault::Unwritable(fault) => CliError::unwritable("the merged report", &fault),
        Fault::NotWhole(what) => CliError::new(
            CliErrorKind::Shard,
            format!("`{name}` cannot be merged: {what}"),
            "run that part again, and give its report as `check` wrote it",
        ),
        Fault::Differs(what) => CliError::new(
            CliErrorKind::ShardsDiffer,
            what,
            "judge all parts by the same version, policy and options; `--now` fixes the moment",
        ),
        Fault::HeadIsLast => CliError::new(
            CliErrorKind::Usage,
            format!("`{name}` is NDJSON from a pipe, and JSON begins with what it ends with"),
            "ask for `-f ndjson`, or name files",
        ),
    }
}

/// Standard output, whose reader may leave: that is no error.
struct Leaving<W> {
    out: Option<W>,
}

impl<W: Write> Leaving<W> {
    fn stay<T>(&mut self, done: io::Result<T>, gone: T) -> io::Result<T> {
        match done {
            Err(fault) if fault.kind() == io::ErrorKind::BrokenPipe => {
                self.out = None;
                Ok(gone)
            }
            done => done,
        }
    }
}

impl<W: Write> Write for Leaving<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(out) = &mut self.out else { return Ok(bytes.len()) };
        let done = out.write(bytes);
        self.stay(done, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(out) = &mut self.out else { return Ok(()) };
        let done = out.flush();
        self.stay(done, ())
    }
}
