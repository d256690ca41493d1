//! Writing: the screen, and report files that appear whole or not at all.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::args::Colour;
use super::error::{CliError, CliErrorKind};
use crate::audit::Summary;
use crate::report::diagnostic::Shown;
use crate::report::{HostReport, ReportFormat, Reporter, Run, Style};

/// What is known of the terminal.
pub(super) struct Screen {
    out: Style,
    errors: Style,
}

impl Screen {
    /// Looks at standard output, standard error and the environment.
    pub(super) fn new(colour: Colour) -> Self {
        let style = |terminal: bool, choice: anstream::ColorChoice| Style {
            width: if terminal {
                terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
            } else {
                None
            },
            colour: match colour {
                Colour::Always => true,
                Colour::Never => false,
                Colour::Auto => choice != anstream::ColorChoice::Never,
            },
        };
        Self {
            out: style(io::stdout().is_terminal(), anstream::AutoStream::choice(&io::stdout())),
            errors: style(io::stderr().is_terminal(), anstream::AutoStream::choice(&io::stderr())),
        }
    }

    /// How standard output looks.
    pub(super) fn style(&self) -> Style {
        self.out
    }

    /// How many columns standard error has, where a line there may be drawn over: both it and, unless the
    /// report is written in one go, standard output must not be the same terminal.
    pub(super) fn progress(&self, at_once: bool) -> Option<usize> {
        let alone = at_once || !io::stdout().is_terminal();
        (io::stderr().is_terminal() && alone).then(|| self.errors.width.unwrap_or(80))
    }

    /// Shows an error on standard error.
    pub(super) fn complain(&self, error: &CliError) {
        self.say(&error.shown());
    }

    /// Shows a note on standard error.
    pub(super) fn note(&self, text: &str) {
        let text = crate::safe::line(text);
        let _ = io::stderr().lock().write_all(format!("note: {text}\n").as_bytes());
    }

    /// Shows a diagnostic on standard error; nobody can be told when that fails.
    pub(super) fn say(&self, shown: &Shown) {
        let text = shown.clone().render(self.errors);
        let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
    }
}

/// One report on its way.
pub(super) struct Output {
    reporter: Box<dyn Reporter>,
    target: Target,
    fault: Option<io::Error>,
}

enum Target {
    Screen(BufWriter<io::Stdout>),
    File {
        path: PathBuf,
        file: Option<BufWriter<NamedTempFile>>,
    },
    /// The step summary of GitHub Actions: other steps write to it too, so it is added to.
    Summary {
        path: PathBuf,
        text: Vec<u8>,
    },
}

/// GitHub drops a step summary that is longer. Source: GitHub, "Adding a job summary".
const SUMMARY: u64 = 1 << 20;

impl Output {
    /// A report on standard output.
    pub(super) fn screen(format: &'static dyn ReportFormat, screen: &Screen) -> Self {
        let target = Target::Screen(BufWriter::with_capacity(1 << 16, io::stdout()));
        Self { reporter: format.reporter(screen.out), target, fault: None }
    }

    /// A report in a file: written beside it and moved there in the end. That the place cannot be
    /// written to comes out at the end, so that other reports are not lost.
    pub(super) fn file(format: &'static dyn ReportFormat, path: &str) -> Self {
        // A link stays, and what it points to is replaced.
        let path = PathBuf::from(path);
        let path = path.canonicalize().unwrap_or(path);
        let (file, fault) = match create_beside(&path) {
            Ok(file) => (Some(BufWriter::with_capacity(1 << 16, file)), None),
            Err(fault) => (None, Some(fault)),
        };
        let target = Target::File { path, file };
        Self { reporter: format.reporter(Style::default()), target, fault }
    }

    /// A report that is added to the step summary of GitHub Actions.
    pub(super) fn summary(format: &'static dyn ReportFormat, path: PathBuf) -> Self {
        let target = Target::Summary { path, text: Vec::new() };
        Self { reporter: format.reporter(Style::default()), target, fault: None }
    }

    /// Whether nobody asked for it in so many words: when it fails, that is no error.
    pub(super) fn is_extra(&self) -> bool {
        matches!(self.target, Target::Summary { .. })
    }

    pub(super) fn begin(&mut self, run: &Run<'_>) {
        self.write(|reporter, out| reporter.begin(run, out));
    }

    pub(super) fn host(&mut self, run: &Run<'_>, host: &HostReport) {
        self.write(|reporter, out| reporter.host(run, host, out));
    }

    /// Whether it is known already that the report cannot be written.
    pub(super) fn is_lost(&self) -> bool {
        self.fault.as_ref().is_some_and(|fault| match self.target {
            Target::Screen(_) => fault.kind() != io::ErrorKind::BrokenPipe,
            Target::File { .. } => true,
            Target::Summary { .. } => false,
        })
    }

    /// Ends the report.
    ///
    /// # Errors
    ///
    /// When it cannot be written; a reader of standard output who went away is no error.
    pub(super) fn finish(mut self, run: &Run<'_>, summary: &Summary) -> Result<(), CliError> {
        self.write(|reporter, out| reporter.finish(run, summary, out));
        match self.target {
            Target::Screen(mut out) => {
                let done = match self.fault {
                    Some(fault) => Err(fault),
                    None => out.flush(),
                };
                match done {
                    Err(fault) if fault.kind() != io::ErrorKind::BrokenPipe => {
                        Err(CliError::unwritable("standard output", &fault))
                    }
                    _ => {
                        // What is still buffered would be tried again when the buffer is dropped.
                        let _ = out.into_parts();
                        Ok(())
                    }
                }
            }
            Target::File { path, file } => {
                let fail = |fault: &io::Error| CliError::unwritable(&path.to_string_lossy(), fault);
                if let Some(fault) = &self.fault {
                    return Err(fail(fault));
                }
                let Some(file) = file else { return Ok(()) };
                let file = file.into_inner().map_err(|fault| fail(fault.error()))?;
                file.persist(&path).map_err(|fault| fail(&fault.error))?;
                Ok(())
            }
            Target::Summary { path, text } => append(&path, &text)
                .map_err(|fault| CliError::unwritable(&path.to_string_lossy(), &fault)),
        }
    }

    fn write(&mut self, step: impl FnOnce(&mut dyn Reporter, &mut dyn Write) -> io::Result<()>) {
        if self.fault.is_some() {
            return;
        }
        let done = match &mut self.target {
            Target::Screen(out) => step(self.reporter.as_mut(), out),
            Target::File { file: Some(file), .. } => step(self.reporter.as_mut(), file),
            Target::File { file: None, .. } => Ok(()),
            Target::Summary { text, .. } => step(self.reporter.as_mut(), text),
        };
        self.fault = done.err();
    }
}

/// Adds a report to a file that may not get longer than [`SUMMARY`]; a note where it does not fit.
fn append(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
    let room = SUMMARY.saturating_sub(file.metadata()?.len());
    let note: &[u8] = b"\nsocklint: the report is too long for this summary.\n";
    match () {
        () if text.len() as u64 <= room => file.write_all(text),
        () if note.len() as u64 <= room => file.write_all(note),
        () => Ok(()),
    }
}

/// Whether files can be written without replacing one that the run reads, or one another.
///
/// # Errors
///
/// Names the first that cannot. Files in a directory that is read are not looked through.
pub(super) fn distinct<'a>(
    written: impl IntoIterator<Item = &'a Path>,
    read: impl IntoIterator<Item = &'a Path>,
) -> Result<(), CliError> {
    let mut written: Vec<(&Path, PathBuf)> =
        written.into_iter().map(|path| (path, whereabouts(path))).collect();
    let refuse = |path: &Path, what: &str| {
        CliError::new(
            CliErrorKind::Usage,
            format!("`{}` would be overwritten: {what}", path.display()),
            "name another file",
        )
    };
    for path in read {
        let place = whereabouts(path);
        if let Some((path, _)) = written.iter().find(|(_, written)| *written == place) {
            return Err(refuse(path, "this run reads it"));
        }
    }
    written.sort_by(|(_, one), (_, other)| one.cmp(other));
    let twice = written.windows(2).find_map(|pair| match pair {
        [(path, one), (_, other)] if one == other => Some(*path),
        _ => None,
    });
    twice.map_or(Ok(()), |path| Err(refuse(path, "two reports are to be written to it")))
}

/// Where a file is or would be, by whatever path and links it is named.
fn whereabouts(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new(".")).canonicalize();
        match (directory, path.file_name()) {
            (Ok(directory), Some(name)) => directory.join(name),
            _ => path.to_owned(),
        }
    })
}

/// Writes a file that appears whole or not at all.
///
/// # Errors
///
/// When it cannot be written; what was there before is still there then.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let write = || {
        let mut file = create_beside(path)?;
        file.write_all(bytes)?;
        file.persist(path).map(|_| ()).map_err(|fault| fault.error)
    };
    write().map_err(|fault| CliError::unwritable(&path.to_string_lossy(), &fault))
}

/// A temporary file in the directory of `path`, with the permissions of a new file.
pub(super) fn create_beside(path: &Path) -> io::Result<NamedTempFile> {
    if path.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    // Moving a file over `/dev/stdout` or a FIFO would take it away from everybody.
    if path.exists() && !path.is_file() {
        return Err(io::Error::other("it is a device, a pipe or a socket, not a file"));
    }
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".socklint-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(directory).map_err(bare)
}

/// A fault of the system without the name of the temporary file, which tells people nothing.
fn bare(fault: io::Error) -> io::Error {
    let inner = fault.get_ref().and_then(std::error::Error::source);
    let inner = inner.and_then(|inner| inner.downcast_ref::<io::Error>());
    match inner.and_then(io::Error::raw_os_error) {
        Some(code) => io::Error::from_raw_os_error(code),
        None => fault,
    }
}
