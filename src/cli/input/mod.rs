//! Finding and reading evidence.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::InputArgs;
use super::error::{CliError, CliErrorKind};
use super::output::Screen;
use crate::capture::{self, Capture, FORMATS, IssueKind, Options, Severity};
use crate::policy::suggestion;
use crate::report::capture_issue;
use crate::snapshot::Snapshot;
use crate::source::SourceFile;

/// Evidence to be read, in order.
pub(super) struct Inputs {
    files: Vec<Input>,
    options: Options,
}

/// How much of one input is read at most.
const MOST_BYTES: u64 = (1 << 31) + 1;

/// What came of reading.
pub(super) struct Found {
    /// How many captures there were.
    pub(super) count: usize,
    /// Files of a directory that are in no known format.
    pub(super) passed_over: Vec<String>,
}

impl Found {
    /// Tells of files that were passed over, some by name.
    pub(super) fn tell(&self, screen: &Screen) {
        let Some(first) = self.passed_over.first() else { return };
        let more = match self.passed_over.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        screen.note(&format!("passed over, in no format that socklint knows: {first}{more}"));
    }
}

/// One file, or standard input.
struct Input {
    path: PathBuf,
    /// Found in a directory that was named: what is no evidence is passed over.
    found: bool,
}

impl Inputs {
    /// Finds out what to read; nothing is read yet.
    pub(super) fn new(args: &InputArgs) -> Result<Self, CliError> {
        let options = options(args)?;
        let mut files = Vec::new();
        if args.inputs.is_empty() {
            if std::io::stdin().is_terminal() {
                return Err(CliError::new(
                    CliErrorKind::NoEvidence,
                    "there is no evidence to look at",
                    "name a capture, or pipe one in: `ss -lntup | socklint check -`",
                ));
            }
            files.push(Input { path: PathBuf::from("-"), found: false });
        }
        for path in &args.inputs {
            if path.is_dir() {
                let before = files.len();
                walk(path, &mut files)?;
                if files.len() == before {
                    return Err(no_evidence_in(path));
                }
            } else {
                files.push(Input { path: path.clone(), found: false });
            }
        }
        if options.host.is_some() && files.len() > 1 {
            return Err(CliError::new(
                CliErrorKind::Usage,
                format!(
                    "`--host` names one host, and there are {} pieces of evidence",
                    files.len()
                ),
                "leave it out: each file is a host, named by what it says of itself or by its name",
            ));
        }
        Ok(Self { files, options })
    }

    /// Reads the evidence file by file; what cannot be read is handed to `error`, and reading goes on.
    pub(super) fn read(
        &self,
        mut each: impl FnMut(Capture),
        mut error: impl FnMut(CliError),
    ) -> Found {
        let mut count = 0;
        let mut passed_over = Vec::new();
        for input in &self.files {
            match self.read_file(input) {
                Ok(captures) => {
                    if self.options.host.is_some() && captures.len() > 1 {
                        error(CliError::new(
                            CliErrorKind::Usage,
                            format!(
                                "`--host` names one host, and `{}` holds {}",
                                input.path.display(),
                                captures.len()
                            ),
                            "leave it out: the hosts are named in the evidence",
                        ));
                        continue;
                    }
                    for capture in captures {
                        if input.found && is_no_evidence(&capture) {
                            passed_over.push(input.path.to_string_lossy().into_owned());
                            continue;
                        }
                        count += 1;
                        each(capture);
                    }
                }
                Err(fault) => error(fault),
            }
        }
        if count == 0 && !passed_over.is_empty() {
            error(CliError::new(
                CliErrorKind::NoEvidence,
                format!("none of {} files is in a format that socklint knows", passed_over.len()),
                "a directory of evidence holds captures such as the output of `ss -lntup`",
            ));
            passed_over.clear();
        }
        Found { count, passed_over }
    }

    /// Reads all of the evidence and tells of everything that is wrong with it, of notes too when
    /// `verbose`. Gives what can be used, and whether that is all of it.
    pub(super) fn snapshots(
        &self,
        lenient: bool,
        verbose: bool,
        screen: &Screen,
    ) -> (Vec<Snapshot>, bool) {
        let mut snapshots = Vec::new();
        let mut errors = Vec::new();
        let mut whole = true;
        let found = self.read(
            |Capture { snapshot, issues, detection }| {
                for issue in &issues {
                    if verbose || issue.kind.severity(lenient) > Severity::Note {
                        screen.say(&capture_issue(issue, &snapshot, lenient, screen.style()));
                    }
                }
                if verbose {
                    let origin = &snapshot.origin;
                    screen
                        .note(&format!("{}: read as {}, {detection}", origin.path, origin.format));
                }
                let worst = issues.iter().map(|issue| issue.kind.severity(lenient)).max();
                if worst == Some(Severity::Error) {
                    whole = false;
                } else {
                    snapshots.push(snapshot);
                }
            },
            |error| errors.push(error),
        );
        found.tell(screen);
        for error in &errors {
            screen.complain(error);
        }
        (snapshots, whole && errors.is_empty())
    }

    fn read_file(&self, input: &Input) -> Result<Vec<Capture>, CliError> {
        let path = &input.path;
        let mut bytes = Vec::new();
        // One byte more than `SourceFile::decode` takes, so that an endless device ends.
        let read = if path.as_os_str() == "-" {
            std::io::stdin().lock().take(MOST_BYTES).read_to_end(&mut bytes)
        } else {
            #[expect(clippy::disallowed_methods, reason = "the command line reads the evidence")]
            let file = std::fs::File::open(path);
            file.and_then(|file| {
                let len = file.metadata().map_or(0, |known| known.len().min(MOST_BYTES));
                bytes.reserve_exact(usize::try_from(len).unwrap_or_default());
                file.take(MOST_BYTES).read_to_end(&mut bytes)
            })
        };
        read.map_err(|fault| CliError::unreadable(path, &fault))?;
        let name = path.to_string_lossy().into_owned();
        let source = SourceFile::decode(name, bytes).map_err(|_| {
            CliError::new(
                CliErrorKind::Unreadable,
                format!("`{}` is longer than 2 GiB", path.display()),
                "split it: each file is a host",
            )
        })?;
        let mut captures = capture::read(Arc::new(source), &self.options);
        if let Some(stem) = path.file_stem().filter(|_| path.as_os_str() != "-")
            && let [capture] = captures.as_mut_slice()
        {
            capture.snapshot.host.name.get_or_insert_with(|| stem.to_string_lossy().into_owned());
        }
        Ok(captures)
    }
}

fn is_no_evidence(capture: &Capture) -> bool {
    capture
        .issues
        .iter()
        .any(|issue| matches!(issue.kind, IssueKind::UnknownFormat | IssueKind::Binary))
}

fn no_evidence_in(path: &Path) -> CliError {
    CliError::new(
        CliErrorKind::NoEvidence,
        format!("the directory `{}` holds no evidence", path.display()),
        "a directory of evidence holds captures such as the output of `ss -lntup`",
    )
}

/// Every file below a directory, by name; hidden ones are left out.
fn walk(path: &Path, files: &mut Vec<Input>) -> Result<(), CliError> {
    let visible = |entry: &walkdir::DirEntry| {
        entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.')
    };
    let walk = walkdir::WalkDir::new(path).follow_links(true).sort_by_file_name();
    for entry in walk.into_iter().filter_entry(visible) {
        let entry = entry.map_err(|fault| {
            let at = fault.path().unwrap_or(path).to_owned();
            CliError::new(
                CliErrorKind::Unreadable,
                format!("`{}` cannot be read: {fault}", at.display()),
                "look at its permissions and links",
            )
        })?;
        if entry.file_type().is_file() {
            files.push(Input { path: entry.into_path(), found: true });
        }
    }
    Ok(())
}

/// Reads the values of `--label`.
pub(super) fn labels(given: &[String]) -> Result<BTreeMap<String, String>, CliError> {
    let mut labels = BTreeMap::new();
    for label in given {
        match label.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                labels.insert(key.to_owned(), value.to_owned());
            }
            _ => {
                return Err(CliError::new(
                    CliErrorKind::Usage,
                    format!("`{label}` is no label"),
                    "a label is given as `--label env=prod`",
                ));
            }
        }
    }
    Ok(labels)
}

fn options(args: &InputArgs) -> Result<Options, CliError> {
    let mut options = Options {
        from: None,
        command: args.command.clone(),
        host: args.host.clone(),
        labels: BTreeMap::new(),
    };
    if let Some(name) = &args.from {
        let known: Vec<&str> = FORMATS.iter().map(|format| format.name()).collect();
        options.from = Some(capture::format(name).ok_or_else(|| {
            CliError::new(
                CliErrorKind::Usage,
                format!("`{name}` is no input format"),
                suggestion(name, &known, "the input formats"),
            )
        })?);
    }
    options.labels = labels(&args.label)?;
    if let Some(command) = &args.command
        && capture::command::parse(command).is_empty()
    {
        return Err(CliError::new(
            CliErrorKind::Usage,
            format!("`{command}` is no command"),
            "give it as it was typed: `--command 'ss -lntup'`",
        ));
    }
    Ok(options)
}
